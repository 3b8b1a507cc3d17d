"""One object over several requests, with a store that answers what the test says."""

from typing import Any

import pytest

from evaluator.snapshot.manifest import POINTER, parse, seal
from handlers._origin import OriginError, Reply
from handlers._transfer import Broken, Damaged, Interrupted, Transfer
from tests.handlers.flags import constant, snapshot_of
from tests.handlers.stores import Rig, manifest

DATA = bytes(range(256)) * 400
HALF = len(DATA) // 2


class Script:
    """Gives these replies one after the other; ``asked`` has each question's tag, start and limit."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.asked: list[tuple[str | None, int, int]] = []

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        self.asked.append((etag, start, limit))
        return self._replies.pop(0)

    def prepare(self) -> None:
        raise AssertionError("a transfer doesn't prepare")

    def forget(self) -> None:
        raise AssertionError("a transfer doesn't forget")


def begun() -> Transfer:
    transfer = Transfer()
    pointer = seal(manifest(1, DATA))
    transfer.concern(parse(pointer), pointer, b"", '"pointer"')
    with pytest.raises(Interrupted) as interrupted:
        transfer.go_on(Script(Reply(200, '"tag"', DATA[:HALF], False, len(DATA))), 0)
    assert not interrupted.value.is_slow
    return transfer


def test_it_goes_on_where_it_stopped_and_asks_for_the_rest_of_the_same_object() -> None:
    script = Script(Reply(206, '"tag"', DATA[HALF:], True, len(DATA), HALF))
    assert begun().go_on(script, 0) == DATA
    assert script.asked == [('"tag"', HALF, len(DATA) - HALF)]


def test_a_whole_object_instead_of_the_rest_is_taken_from_the_beginning() -> None:
    assert begun().go_on(Script(Reply(200, '"new"', DATA, True, len(DATA))), 0) == DATA


@pytest.mark.parametrize(
    "reply", [Reply(404), Reply(412), Reply(416), Reply(304), Reply(206, '"tag"', DATA[9:], True, start=9)]
)
def test_an_answer_that_does_not_fit_begins_it_anew(reply: Reply) -> None:
    transfer = begun()
    with pytest.raises(Broken):
        transfer.go_on(Script(reply), 0)
    script = Script(Reply(200, '"tag"', DATA, True, len(DATA)))
    assert transfer.go_on(script, 0) == DATA
    assert script.asked == [(None, 0, len(DATA))]


def test_wrong_bytes_are_not_kept() -> None:
    transfer = begun()
    with pytest.raises(Damaged):
        transfer.go_on(Script(Reply(206, '"tag"', bytes(HALF), True, len(DATA), HALF)), 0)
    assert transfer.go_on(Script(Reply(200, '"tag"', DATA, True, len(DATA))), 0) == DATA


def test_an_object_that_ends_early_is_damaged() -> None:
    with pytest.raises(Damaged):
        begun().go_on(Script(Reply(206, '"tag"', DATA[HALF:-1], True, len(DATA) - 1, HALF)), 0)


# --- what the follower makes of it --------------------------------------------------------------------------------------


def large() -> tuple[Rig, str]:
    """A reader at version 1 for which version 2, larger than a request's budget, has been published; the object's name."""
    rig = Rig(takes_ms=5, budget_ms=100, entropy=0.0)
    rig.store.publish(1, "one")
    assert rig.answer() == "one"
    data = snapshot_of(constant("which", "large"), constant("padding", "." * 250_000))
    name = parse(rig.store.publish(2, "large", data=data)).manifest.object_name
    rig.store.bytes_per_ms = 1_000
    rig.wait(5_000)
    rig.store.log.clear()
    return rig, name


def test_what_may_be_wrong_already_is_thrown_away() -> None:
    """The rest is larger than the manifest says: perhaps what came before is of another object."""
    rig, name = large()
    assert rig.answer() == "one"
    rig.store.trouble[name] = OriginError("limit", "larger than is wanted")
    assert rig.answer() == "one"
    rig.store.trouble.clear()
    starts: list[int] = []
    get = rig.store.get

    def note(asked: str, etag: str | None = None, start: int = 0, **more: Any) -> Reply:
        if asked == name:
            starts.append(start)
        return get(asked, etag, start, **more)

    rig.store.get = note  # type: ignore[method-assign]
    rig.wait(500)
    while rig.answer() == "one":
        assert len(starts) < 10
    assert starts[0] == 0


def test_after_a_failure_one_look_is_enough_to_go_on() -> None:
    rig, name = large()
    assert rig.answer() == "one"
    rig.store.trouble[name] = OriginError("server", "503")
    assert rig.answer() == "one"
    rig.store.trouble.clear()
    rig.store.log.clear()
    rig.wait(500)
    rig.store.takes_ms = 60  # so that the look leaves the object no time
    assert rig.answer() == "one"
    rig.store.takes_ms = 5
    while rig.answer() == "one":
        assert len(rig.store.log) < 10
    assert rig.store.log.count(POINTER) == 1


def test_a_look_that_took_all_of_the_time_asks_for_nothing_more() -> None:
    """Another request would only be given up at once, and its connection with it."""
    rig, name = large()
    get = rig.store.get

    def slow(*parts: Any, **more: Any) -> Reply:
        reply = get(*parts, **more)
        rig.clocks.pass_(200)
        return reply

    rig.store.get = slow  # type: ignore[method-assign]
    assert rig.answer() == "one"
    assert rig.store.log == [POINTER]
    rig.store.get = get  # type: ignore[method-assign]
    assert rig.answer() == "one"
    assert rig.store.log == [POINTER, name]
