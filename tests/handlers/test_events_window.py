"""The window of event ids: when a container can't remember all of them, and for how long they are kept."""

import pytest

from handlers import _counters
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


def test_val_04_ids_are_kept_for_14_days_and_what_exposures_told_for_90(world: World) -> None:
    """DynamoDB deletes them then; the lane, which says how far everything is counted, is never deleted."""
    told = event(3, "user-2", event_type="exposure", properties={"variant": "large"})
    world.run(world.records([event(1), event(2, at=None), told]))
    found = [_counters.plain(item) for item in world.aws.client("dynamodb").scan(TableName=world.table)["Items"]]
    ends = {item["partition_key"].partition("#")[0]: item.get("ttl") for item in found if "event_count" not in item}
    fortnight, quarter = int(NOW) + 14 * 86_400, int(NOW) + 90 * 86_400
    assert ends == {"lane": None, "ids": fortnight, "id": fortnight, "exposed": quarter}
