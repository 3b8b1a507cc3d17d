"""The project of ``flags.py`` on each core."""

from types import ModuleType
from typing import Any

import pytest

from tests.handlers.flags import FLAGS, snapshot_of


@pytest.fixture(scope="session")
def snapshot() -> bytes:
    return snapshot_of(*FLAGS)


@pytest.fixture
def evaluator(implementation: ModuleType, snapshot: bytes) -> Any:
    return implementation.Evaluator(snapshot)
