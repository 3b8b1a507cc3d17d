"""The project of ``flags.py`` on each core; a process's surroundings from settings of the test's own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from handlers import _edge, _snapshots
from tests.handlers.flags import FLAGS, snapshot_of

Configure = Callable[..., None]


@pytest.fixture(scope="session")
def snapshot() -> bytes:
    return snapshot_of(*FLAGS)


@pytest.fixture
def evaluator(implementation: ModuleType, snapshot: bytes) -> Any:
    return implementation.Evaluator(snapshot)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """FLH-08: no test sees the surroundings or the reader of another."""
    yield
    _edge.reset_edge()
    _snapshots.reset_reader()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Sets ``BURGEE_…`` variables (and no others of them) and forgets the process's surroundings."""
    for name in os.environ:
        if name.startswith("BURGEE_") and name not in ("BURGEE_CORE", "BURGEE_PURE", "BURGEE_SPEC", "BURGEE_CONFORMANCE"):
            monkeypatch.delenv(name)

    def apply(**settings: object) -> None:
        monkeypatch.setenv("BURGEE_SCRATCH", str(tmp_path / "scratch"))
        for name, value in settings.items():
            monkeypatch.setenv(f"BURGEE_{name}", str(value))
        _snapshots.reset_reader()
        _edge.reset_edge()

    apply()
    return apply


@pytest.fixture
def bundle(configure: Configure, snapshot: bytes, tmp_path: Path) -> Path:
    """A bare snapshot beside the code, and no store."""
    path = tmp_path / "flags.burgee"
    path.write_bytes(snapshot)
    configure(BUNDLE=path)
    return path
