"""When the reader looks, how long that may take, and what it makes of what it gets."""

import threading
from itertools import pairwise
from typing import Any

import pytest

from evaluator.snapshot.manifest import POINTER
from handlers._origin import OriginError, Reply
from tests.handlers.flags import constant, snapshot_of
from tests.handlers.stores import Memory, Rig, snapshot

DOWN = OriginError("server", "503")
PATIENCE_SECONDS = 60.0


def loaded(**settings: Any) -> Rig:
    """A reader that serves version 1 and has just looked."""
    rig = Rig(**settings)
    rig.store.publish(1, "one")
    assert rig.answer() == "one"
    rig.store.log.clear()
    return rig


# --- when ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entropy", [0.0, 0.5, 0.999])
def test_flg_21_a_kill_switch_is_visible_in_ten_seconds_with_a_failed_attempt(entropy: float) -> None:
    rig = loaded(entropy=entropy)
    rig.store.publish(2, "off")  # the worst moment: right after a look
    rig.store.trouble[POINTER] = DOWN
    waited = 0
    while rig.answer() != "off":
        if rig.store.log:  # one attempt has failed
            rig.store.trouble.clear()
        rig.wait(10)
        waited += 10
    assert rig.store.log.count(POINTER) == 2
    assert waited <= 10_000


def test_flg_22_the_interval_is_jittered_and_never_longer_than_said() -> None:
    intervals = set()
    for entropy in (0.0, 0.25, 0.5, 0.75, 0.999):
        rig = loaded(entropy=entropy)
        for waited in range(3_990, 5_010, 10):
            rig.clocks.pass_(3_990 if waited == 3_990 else 10)
            rig.answer()
            if rig.store.log:
                intervals.add(waited)
                break
    assert len(intervals) == 5
    assert min(intervals) >= 4_000 - 10
    assert max(intervals) <= 5_000


def test_the_jitter_comes_from_the_operating_system() -> None:
    from handlers._snapshots import random_share

    drawn = [random_share() for _ in range(200)]
    assert len(set(drawn)) > 190
    assert 0 <= min(drawn) < 0.1
    assert 0.9 < max(drawn) < 1


class Slow(Memory):
    """A store that waits for somebody before it answers."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.entered, self.leave = threading.Event(), threading.Event()

    def get(self, *parts: Any, **more: Any) -> Reply:
        self.entered.set()
        assert self.leave.wait(PATIENCE_SECONDS)
        return super().get(*parts, **more)


def test_flg_22_a_hundred_threads_past_the_deadline_are_one_read_and_old_answers() -> None:
    rig = loaded()
    rig.store.__class__ = Slow
    slow: Any = rig.store
    slow.entered, slow.leave = threading.Event(), threading.Event()
    rig.store.publish(2, "two")
    rig.wait(6_000)
    first = threading.Thread(target=rig.answer)
    first.start()
    assert slow.entered.wait(PATIENCE_SECONDS)
    answers: list[str | None] = []
    others = [threading.Thread(target=lambda: answers.append(rig.answer())) for _ in range(99)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(PATIENCE_SECONDS)
    assert answers == ["one"] * 99  # stale, while one revalidates
    slow.leave.set()
    first.join(PATIENCE_SECONDS)
    assert rig.store.pointer_reads == 1
    assert rig.answer() == "two"


def test_flg_22_memory_is_bounded_by_one_snapshot() -> None:
    """No cache grows with the keys that are asked for: there is one snapshot, whatever the questions."""
    rig = loaded()
    before = rig.reader.current()
    for number in range(1_000):
        assert rig.reader.current().boolean(f"random-{number}", {}, False) is False  # type: ignore[union-attr]
    assert rig.reader.current() is before


def test_flg_23_a_hit_costs_no_time_of_the_store_and_a_miss_one_read() -> None:
    """With a store that takes 5 ms: a hit waits 0 ms, a look at an unchanged store 5, a change 10."""
    rig = loaded(takes_ms=5)

    def waited() -> float:
        before = rig.clocks.mono
        rig.answer()
        return (rig.clocks.mono - before) / 1e6

    assert waited() == 0
    rig.wait(5_000)
    assert 5 <= waited() < 6
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert 10 <= waited() < 30
    assert waited() == 0


@pytest.mark.parametrize("clock", ["mono", "epoch"])
def test_a_freeze_shows_on_either_clock(clock: str) -> None:
    rig = loaded()
    rig.store.publish(2, "two")
    setattr(rig.clocks, clock, getattr(rig.clocks, clock) + 6_000_000_000)
    assert rig.answer() == "two"


def test_a_wall_clock_that_was_set_back_is_no_reason_to_wait() -> None:
    rig = loaded()
    rig.store.publish(2, "two")
    rig.clocks.epoch -= 3_600_000_000_000
    assert rig.answer() == "two"
    rig.store.publish(3, "three")
    assert rig.answer() == "two"  # the new time is the time from here on
    rig.wait(5_000)
    assert rig.answer() == "three"


# --- how long --------------------------------------------------------------------------------------------------------------


def test_a_request_never_waits_longer_than_the_budget() -> None:
    rig = loaded(takes_ms=5, budget_ms=100)
    rig.store.takes_ms = 60  # the pointer and the object don't fit together
    rig.store.publish(2, "two")
    rig.wait(5_000)
    for expected in ("one", "two"):
        before = rig.clocks.mono
        assert rig.answer() == expected
        assert rig.clocks.mono - before <= 100_000_000


def test_a_store_that_never_answers_costs_a_request_the_budget_and_then_backs_off() -> None:
    rig = loaded(budget_ms=100, entropy=0.0)
    rig.store.takes_ms = 1e6
    rig.wait(5_000)
    attempts = []
    for number in range(1_000):
        before = rig.clocks.mono
        assert rig.answer() == "one"
        if rig.clocks.mono != before:
            assert rig.clocks.mono - before <= 100_000_000
            attempts.append(number)
        rig.wait(50)
    gaps = [(later - sooner) * 50 for sooner, later in pairwise(attempts)]
    assert gaps[:4] == [pytest.approx(ms, abs=60) for ms in (500, 1_000, 2_000, 4_000)]
    assert all(gap == pytest.approx(5_000, abs=60) for gap in gaps[4:])


def test_the_first_request_has_a_budget_of_its_own() -> None:
    rig = Rig(takes_ms=300, budget_ms=100, first_budget_ms=2_000)
    rig.store.publish(1, "one")
    assert rig.answer() == "one"


def test_a_large_snapshot_comes_over_several_requests() -> None:
    rig = loaded(takes_ms=5, budget_ms=100)
    rig.store.bytes_per_ms = 1_000
    large = snapshot_of(constant("which", "large"), constant("padding", "." * 400_000))
    rig.store.publish(2, "large", data=large)
    rig.wait(5_000)
    requests = 0
    while rig.answer() == "one":
        requests += 1
        assert requests < 20
    assert rig.answer() == "large"
    assert rig.store.pointer_reads == 1  # only the first of these requests asked what to fetch
    assert rig.store.log.count(rig.store.log[1]) == len(large) // 95_000 + 1


def test_after_a_long_transfer_the_next_look_is_not_put_off() -> None:
    """A kill switch that is published while a large snapshot arrives on sparse requests is seen right after it."""
    rig = loaded(takes_ms=5, budget_ms=100)
    rig.store.bytes_per_ms = 1_000
    rig.store.publish(2, "large", data=snapshot_of(constant("which", "large"), constant("padding", "." * 100_000)))
    rig.wait(5_000)
    assert rig.answer() == "one"
    rig.store.publish(3, "off")
    rig.wait(8_000)
    assert [rig.answer(), rig.answer(), rig.answer()] == ["one", "large", "off"]


def test_a_transfer_that_stalls_waits_and_asks_again_what_is_wanted() -> None:
    rig = loaded(takes_ms=5, budget_ms=100, entropy=0.0)
    rig.store.bytes_per_ms = 1_000
    rig.store.publish(2, "large", data=snapshot_of(constant("which", "large"), constant("padding", "." * 200_000)))
    rig.wait(5_000)
    rig.answer()
    rig.store.bytes_per_ms = 1
    assert [rig.answer() for _ in range(5)] == ["one"] * 5
    assert rig.reports.last("SnapshotRefreshFailed")["reason"] == "timeout"
    rig.store.publish(3, "three")
    rig.store.bytes_per_ms = 1e9
    rig.wait(500)
    assert rig.answer() == "three"


# --- what it makes of it ---------------------------------------------------------------------------------------------------


def test_an_unchanged_store_is_one_conditional_read() -> None:
    rig = loaded()
    rig.wait(5_000)
    rig.answer()
    assert rig.store.log == [POINTER]
    assert rig.reader.age_ms() == 5  # the look itself


def test_flg_10_an_outage_keeps_the_old_answers_and_is_reported() -> None:
    rig = loaded()
    rig.store.trouble[POINTER] = DOWN
    for _ in range(30):
        rig.wait(5_000)
        assert rig.answer() == "one"
    failed = rig.reports.last("SnapshotRefreshFailed")
    assert (failed["reason"], failed["version"], failed["failures"]) == ("server", 1, 30)
    rig.store.trouble.clear()
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert rig.answer() == "two"


def test_staleness_is_reported_once_a_refresh_and_says_how_old() -> None:
    rig = loaded(stale_ms=60_000)
    rig.store.trouble[POINTER] = DOWN
    for _ in range(11):
        rig.wait(5_000)
        for _ in range(10):
            rig.answer()
    assert "SnapshotStale" not in rig.reports.names()
    rig.wait(10_000)
    for _ in range(10):
        rig.answer()
    assert rig.reports.names().count("SnapshotStale") == 1
    assert rig.reports.last("SnapshotStale")["age_ms"] == pytest.approx(65_000, abs=50)


def test_a_start_without_a_store_is_stale_from_the_start() -> None:
    rig = Rig(stale_ms=60_000)
    rig.store.trouble[POINTER] = DOWN
    rig.answer()
    assert "SnapshotStale" not in rig.reports.names()
    rig.wait(61_000)
    rig.answer()
    stale = rig.reports.last("SnapshotStale")
    assert (stale["age_ms"], stale["version"]) == (None, 0)


def test_an_older_version_is_ignored_and_confirms_nothing() -> None:
    rig = loaded()
    old = rig.store.objects[POINTER]
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert rig.answer() == "two"
    rig.store.objects[POINTER] = old
    for _ in range(3):  # also when the store would say 304 to the older one's tag
        rig.wait(5_000)
        assert rig.answer() == "two"
    assert rig.reader.age_ms() == pytest.approx(15_000, abs=100)


def test_the_same_version_with_another_content_is_a_conflict() -> None:
    rig = loaded()
    rig.store.publish(1, "another one")
    for _ in range(3):
        rig.wait(5_000)
        assert rig.answer() == "one"
    assert rig.reports.names().count("SnapshotQuarantined") == 1
    assert rig.reports.last("SnapshotQuarantined")["reason"] == "conflict"


def test_a_damaged_pointer_is_read_again_and_its_tag_is_not_kept() -> None:
    rig = loaded()
    good = rig.store.publish(2, "two")
    get = rig.store.get

    def spoiled(name: str, *parts: Any, **more: Any) -> Reply:
        reply = get(name, *parts, **more)
        return Reply(200, reply.etag, reply.data[:-1], True, len(reply.data)) if name == POINTER else reply

    rig.store.get = spoiled  # type: ignore[method-assign]
    rig.wait(5_000)
    assert rig.answer() == "one"
    assert rig.reports.last("SnapshotRefreshFailed")["reason"] == "damaged manifest"
    rig.store.get = get  # type: ignore[method-assign]
    rig.wait(500)
    assert rig.answer() == "two"
    assert rig.store.objects[POINTER] == good


def test_what_the_core_refuses_is_fetched_once() -> None:
    rig = loaded()
    rig.store.publish(2, "", data=b"not a snapshot")
    for _ in range(5):
        rig.wait(5_000)
        assert rig.answer() == "one"
    assert len(rig.store.log) == 6
    quarantined = rig.reports.last("SnapshotQuarantined")
    assert (quarantined["reason"], quarantined["about_version"], quarantined["version"]) == ("snapshot", 2, 1)
    assert rig.reports.names().count("SnapshotQuarantined") == 1
    rig.store.publish(3, "three")
    rig.wait(5_000)
    assert rig.answer() == "three"


def test_an_object_that_is_damaged_in_the_store_is_left_alone_for_five_minutes() -> None:
    rig = loaded(entropy=0.0)
    rig.store.publish(2, "two")
    name = next(name for name, data in rig.store.objects.items() if data == snapshot("two"))
    rig.store.objects[name] = snapshot("twp")
    rig.wait(5_000)
    assert rig.answer() == "one"
    assert rig.reports.names()[-1] == "SnapshotRefreshFailed"
    for _ in range(58):
        rig.wait(5_000)
        assert rig.answer() == "one"
    assert rig.reports.names().count("SnapshotQuarantined") == 1
    assert rig.store.log.count(name) == 2
    rig.store.objects[name] = snapshot("two")
    for _ in range(3):
        rig.wait(5_000)
    assert rig.answer() == "two"


def test_a_snapshot_that_is_too_large_is_never_fetched() -> None:
    rig = loaded(max_bytes=1_000)
    rig.store.publish(2, "large", data=snapshot_of(constant("which", "large"), constant("padding", "." * 2_000)))
    rig.wait(5_000)
    assert rig.answer() == "one"
    assert rig.store.log == [POINTER]
    assert rig.reports.last("SnapshotQuarantined")["reason"] == "too large"


def test_a_new_version_of_the_same_object_is_taken_without_fetching_it() -> None:
    rig = loaded()
    before = rig.reader.current()
    rig.store.publish(2, "one", kind="resume")
    rig.wait(5_000)
    assert rig.answer() == "one"
    assert rig.reader.version == 2
    assert rig.reader.current() is before
    assert rig.store.log == [POINTER]


def test_a_rollback_is_a_newer_version() -> None:
    rig = loaded()
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert rig.answer() == "two"
    rig.store.publish(3, "one", kind="rollback", of=1, held=True)
    rig.wait(5_000)
    assert (rig.answer(), rig.reader.version) == ("one", 3)


def test_a_request_keeps_the_snapshot_that_it_began_with() -> None:
    rig = loaded()
    mine = rig.reader.served()
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert rig.answer() == "two"
    assert mine is not None
    assert (mine.version, mine.evaluator.string("which", {}, "?")) == (1, "one")


def test_what_hears_the_metrics_cannot_break_a_request() -> None:
    rig = loaded()

    def broken(*parts: Any) -> None:
        raise RuntimeError("no log")

    rig.reader._report = broken
    rig.store.publish(2, "two")
    rig.wait(5_000)
    assert rig.answer() == "two"


class Stop(BaseException):
    """As gevent.Timeout or a signal handler would raise it."""


def test_an_interrupted_look_leaves_nothing_behind() -> None:
    rig = loaded()
    rig.store.publish(2, "two")
    rig.wait(5_000)
    rig.store.trouble[POINTER] = Stop()  # type: ignore[assignment]
    forgotten = rig.store.forgotten
    with pytest.raises(Stop):
        rig.answer()
    assert rig.store.forgotten == forgotten + 1  # the connection may be in the midst of an answer
    rig.store.trouble.clear()
    assert rig.answer() == "two"
