"""The reader: what it answers from, when it looks at the store, what a request pays."""

from pathlib import Path

import pytest

from evaluator.snapshot.manifest import POINTER
from handlers import _lifecycle
from handlers._origin import OriginError
from handlers._snapshots import reader, reset_reader
from tests.handlers.stores import Rig, lay_out, snapshot


def test_the_first_request_loads_from_the_store() -> None:
    rig = Rig()
    rig.store.publish(1, "one")
    assert rig.answer() == "one"
    assert (rig.reader.version, rig.reader.snapshot_version) == (1, rig.reader.current().snapshot_version)  # type: ignore[union-attr]
    assert rig.reports.names() == ["SnapshotSwapped"]


def test_flg_20_a_thousand_calls_over_ten_flags_are_one_store_read() -> None:
    rig = Rig()
    rig.store.publish(1, "one")
    rig.answer()
    rig.wait(6_000)
    before = len(rig.store.log)
    reader = rig.reader
    calls, checks, hits = reader.calls, reader.checks, reader.hits
    for number in range(1_000):
        evaluator = reader.current()
        assert evaluator is not None
        evaluator.boolean(f"flag-{number % 10}", {}, False)
    assert rig.store.log[before:] == [POINTER]
    assert (reader.calls - calls, reader.checks - checks, reader.hits - hits) == (1_000, 1, 999)
    assert reader.hits / reader.calls > 0.95


def test_a_new_version_is_taken_at_the_first_request_past_the_deadline() -> None:
    rig = Rig()
    rig.store.publish(1, "one")
    assert rig.answer() == "one"
    rig.store.publish(2, "two")
    rig.wait(4_000)
    assert rig.answer() == "one"
    rig.wait(1_000)
    assert rig.answer() == "two"
    assert rig.reader.version == 2


def test_asg_22_nothing_loaded_is_none_and_not_an_empty_snapshot() -> None:
    rig = Rig()
    rig.store.trouble[POINTER] = OriginError("server", "503")
    assert rig.reader.current() is None
    assert (rig.reader.version, rig.reader.snapshot_version, rig.reader.age_ms()) == (0, None, None)
    rig.store.trouble.clear()
    rig.store.publish(1, "one")
    rig.wait(5_000)
    assert rig.answer() == "one"


def test_the_process_has_one_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    lay_out(tmp_path / "store", rig.store.publish(3, "three"), snapshot("three"))
    monkeypatch.setenv("BURGEE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("BURGEE_SCRATCH", str(tmp_path / "scratch"))
    reset_reader()
    try:
        first = reader()
        assert reader() is first
        evaluator = first.current()
        assert evaluator is not None
        assert evaluator.string("which", {}, "?") == "three"
        reset_reader()
        again = reader()
        assert again is not first
        served = again.served()
        assert served is not None
        assert (served.version, served.source) == (3, "scratch")
    finally:
        reset_reader()


def test_before_a_snapshot_of_the_process_readers_prepare_and_nothing_that_fails_stops_it() -> None:
    """SnapStart: what a first look would import and read is done before the snapshot, and keeps no connection."""
    rig = Rig()
    rig.store.publish(1, "one")
    rig.reader.current()
    before = rig.store.forgotten
    _lifecycle.before_snapshot()
    assert (rig.store.prepared, rig.store.forgotten) == (1, before + 1)
    rig.store.prepare = _broken  # type: ignore[method-assign]
    _lifecycle.before_snapshot()
    assert rig.reader.current() is not None


def _broken() -> None:
    raise OriginError("tls", "no certificates")
