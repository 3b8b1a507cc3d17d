"""The reader under a thousand bad days (``BURGEE_FAULTS`` says how many), and proof that these tests notice a worse reader."""

import os
from _thread import allocate_lock
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from handlers import _follow, _quarantine, _scratch, _signature, _snapshots, _transfer
from handlers._origin import OriginError
from tests.faults.schedule import Wrong, run
from tests.faults.world import READ_FAULTS

SCHEDULES = int(os.environ.get("BURGEE_FAULTS", "1000"))
CHUNKS = 10
MUTANT_SCHEDULES = 400


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_schedule_of_faults_gives_a_wrong_decision(chunk: int, tmp_path: Path) -> None:
    """The answers, the order of versions, the budget and the recovery are checked after every request: see ``schedule``."""
    played: Counter[str] = Counter()
    metrics: Counter[str] = Counter()
    for seed in range(chunk, SCHEDULES, CHUNKS):
        schedule = run(seed, tmp_path)
        played.update(schedule.world.faults)
        metrics.update(schedule.metrics)
    if SCHEDULES >= 1000:
        assert not {*READ_FAULTS, "wall clock jumps", "object damaged at rest"} - set(played), "a fault was never played"
        assert len(metrics) == 5, metrics


# --- would it notice? ---------------------------------------------------------------------------------------------------


def _no_digest(patch: pytest.MonkeyPatch) -> None:
    class Anything:
        def __init__(self) -> None:
            self.wanted = ""

        def update(self, data: bytes) -> None: ...

        def digest(self) -> Any:
            return self

        def hex(self) -> Any:
            return _Equal()

    patch.setattr(_transfer, "sha256", Anything)


class _Equal:
    def __ne__(self, other: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def _older_versions_are_taken(patch: pytest.MonkeyPatch) -> None:
    known = _follow.Follower._known

    def anything_else(self: Any, envelope: Any, mark: bytes, etag: Any, served: Any) -> Any:
        if envelope.payload == served.payload:
            return known(self, envelope, mark, etag, served)
        transfer = self._transfer = _transfer.Transfer()
        transfer.concern(envelope, b"", mark, etag)
        return transfer

    patch.setattr(_follow.Follower, "_known", anything_else)


def _tags_of_damaged_pointers_are_kept(patch: pytest.MonkeyPatch) -> None:
    read = _follow.Follower._read

    def keep(self: Any, reply: Any, served: Any) -> Any:
        self._etag = reply.etag
        return read(self, reply, served)

    patch.setattr(_follow.Follower, "_read", keep)


def _no_signature(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_signature, "is_signed", lambda envelope, keys: True)


def _backoff_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_snapshots.Reader, "_backoff_ms", lambda self: 500 << self._failures)


def _one_clock(patch: pytest.MonkeyPatch) -> None:
    wait = _snapshots.Reader._wait

    def forget_the_wall(self: Any, now: int, wall: int, delay_ms: float) -> None:
        wait(self, now, wall, delay_ms)
        self._wall_from, self._wall_due = 0, 1 << 63

    patch.setattr(_snapshots.Reader, "_wait", forget_the_wall)


def _a_budget_for_each_read(patch: pytest.MonkeyPatch) -> None:
    go_on = _transfer.Transfer.go_on
    patch.setattr(_transfer.Transfer, "go_on", lambda self, origin, until: go_on(self, origin, until + 0.1))


def _no_quarantine(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_quarantine.Quarantine, "holds", lambda self, mark: False)


def _nothing_is_resumed(patch: pytest.MonkeyPatch) -> None:
    go_on = _transfer.Transfer.go_on

    def from_the_start(self: Any, origin: Any, until: float) -> bytes:
        self.restart()
        return go_on(self, origin, until)

    patch.setattr(_transfer.Transfer, "go_on", from_the_start)


def _the_lock_is_kept_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    conclude = _snapshots.Reader._conclude

    def keep(self: Any, outcome: Any, looked_at: Any) -> None:
        conclude(self, outcome, looked_at)
        if outcome.word == "failed":
            self._lock = allocate_lock()
            self._lock.acquire()

    patch.setattr(_snapshots.Reader, "_conclude", keep)


def _defects_reach_the_caller(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_follow.Follower, "step", _step_without_a_net)


def _step_without_a_net(self: Any, served: Any, until: float, moment: tuple[int, int]) -> Any:
    transfer = self._transfer
    looked = transfer is None or transfer.is_stuck
    if looked:
        self.looked_at = moment
    try:
        found = self._look(served, until) if looked else transfer
        return found if isinstance(found, _follow.Outcome) else self._fetch(found, served, until, looked)
    except (_follow._Failure, OriginError) as failure:
        return self._failed(str(failure))


def _scratch_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_scratch.Scratch, "load", lambda self: _scratch.load_bundle(self.path))


def _age_of_the_swap(patch: pytest.MonkeyPatch) -> None:
    conclude = _snapshots.Reader._conclude

    def believe(self: Any, outcome: Any, looked_at: Any) -> None:
        conclude(self, outcome, looked_at)
        self._confirmed = looked_at

    patch.setattr(_snapshots.Reader, "_conclude", believe)


MUTANTS = (
    _no_digest, _older_versions_are_taken, _tags_of_damaged_pointers_are_kept, _no_signature,
    _backoff_without_end, _one_clock, _a_budget_for_each_read, _no_quarantine, _nothing_is_resumed,
    _the_lock_is_kept_after_a_failure, _defects_reach_the_caller, _scratch_is_believed, _age_of_the_swap,
)  # fmt: skip


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__.strip("_"))
def test_a_reader_with_a_mistake_is_found_out(mutate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    with pytest.raises(Wrong, match="seed "):
        for seed in range(MUTANT_SCHEDULES):
            run(seed, tmp_path)
