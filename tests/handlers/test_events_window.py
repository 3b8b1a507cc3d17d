"""The window of event ids, when a container can't remember all of them."""

import pytest

from handlers.events import lanes
from tests.handlers.processing import NOW, World, event, world

__all__ = ["world"]


def test_val_04_a_slot_that_was_forgotten_is_read_again_as_a_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second batch makes the container forget the slot of its own event; what came before must still be known."""
    monkeypatch.setattr(lanes, "MAX_IDS", 1)
    world.assign("user-1", "large", at=NOW - 3_600)
    earlier = NOW - 1_200
    batches = [[event(1, at=earlier)], [event(2), event(3, at=earlier)], [event(1, at=earlier), event(3, at=earlier), event(2)]]
    for number, batch in enumerate(batches):
        assert not world.run(world.records(batch, first=number * 100 + 1))["batchItemFailures"]
    assert world.count("large", "day", "2026-11-28") == 3
    assert world.archived() == ["event-1", "event-2", "event-3"]
