"""A file of every format version that was ever published still loads, and still answers what it answered then."""

from types import ModuleType

import pytest

from evaluator.snapshot.opcodes import FORMAT_VERSION, OLDEST_FORMAT_VERSION
from tests.fixtures import snapshots


def test_every_supported_version_has_a_fixture() -> None:
    assert snapshots.versions() == list(range(OLDEST_FORMAT_VERSION, FORMAT_VERSION + 1))


@pytest.mark.parametrize("version", snapshots.versions())
def test_old_snapshots_still_load(version: int, implementation: ModuleType) -> None:
    record = snapshots.recorded(version)
    evaluator = implementation.Evaluator(snapshots.snapshot(version))
    assert len(record["contexts"]) == len(record["answers"]) > 10
    for context, expected in zip(record["contexts"], record["answers"], strict=True):
        assert snapshots.answers(evaluator, context, record["now"]) == expected
