"""The services of ``tests.model``, one set for a module: patching the process and making clients takes a second."""

from collections.abc import Iterator

import pytest

from tests.model.services import Services, services


@pytest.fixture(scope="module", name="services")
def _services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with services(tmp_path_factory.mktemp("model")) as found:
        yield found
