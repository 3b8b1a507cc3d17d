"""A project on disk."""

from pathlib import Path

import pytest

from tests.burgee.projects import GOOD


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with one good file, ``flags.yaml``."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "flags.yaml").write_text(GOOD, encoding="utf-8")
    return folder
