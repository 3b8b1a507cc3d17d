"""Proof that the schedules can fail: each of these changes to the processor loses or doubles something, and must be noticed."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from handlers import _dead_letters
from handlers.events import archive, batch, commit, dynamodb, lanes, validate
from tests.model.certain import CERTAIN, certain
from tests.model.schedules import run
from tests.model.services import Services
from tests.model.world import plan

MOST_SCHEDULES = 250

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")

Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]


def commit_without_condition(patch: Patch) -> None:
    real = commit.Committer._lane

    def lane(self: Any, *arguments: Any) -> Any:
        item = real(self, *arguments)
        update = item["Update"]
        del update["ConditionExpression"], update["ExpressionAttributeNames"]
        for name in (":owner", ":from"):
            update["ExpressionAttributeValues"].pop(name, None)
        return item

    patch.setattr(commit.Committer, "_lane", lane)


def archive_after_commit(patch: Patch) -> None:
    """What is committed isn't delivered again; so what then isn't archived never is."""
    store: Any = archive.store
    real = commit.Committer.commit
    waiting: list[Any] = []

    def later(*arguments: Any) -> Any:
        waiting.append(arguments)
        return archive.Batches([], 0, 0)

    def committed(self: Any, *arguments: Any) -> int:
        left_out = real(self, *arguments)
        store(*waiting.pop()[:-1], lambda: True)
        return left_out

    patch.setattr(archive, "store", later)
    patch.setattr(commit.Committer, "commit", committed)


def last_sequence_in_the_key(patch: Patch) -> None:
    real = archive.objects

    def objects(*arguments: Any) -> list[archive.Object]:
        return [item._replace(key=re.sub(r"-\d+\.json", f"-{item.last}.json", item.key)) for item in real(*arguments)]

    patch.setattr(archive, "objects", objects)


def no_look_into_ancestors(patch: Patch) -> None:
    patch.setattr(lanes.Lanes, "_ancestors", lambda self, name: {})


def parents_without_their_parents(patch: Patch) -> None:
    real = lanes.Lanes._ancestors

    def ancestors(self: Any, name: str) -> dict[str, int]:
        parents = {
            f"{name.rpartition('/')[0]}/{parent}" for parent in self._lineage(name.rpartition("/")[0])[name.rpartition("/")[2]]
        }
        return {found: at for found, at in real(self, name).items() if found in parents}

    patch.setattr(lanes.Lanes, "_ancestors", ancestors)


def emptied_hours_stay(patch: Patch) -> None:
    real = archive.objects
    patch.setattr(archive, "objects", lambda *arguments: [item for item in real(*arguments) if item.body is not None])


def memory_of_a_lane_that_others_have_moved(patch: Patch) -> None:
    real = lanes.Lanes.open

    def opened(self: Any, name: str, owner: str) -> lanes.Lane:
        known = self._known.get(name) or self.__dict__.setdefault("kept", {}).get(name)
        lane = real(self, name, owner)
        if known is not None:
            lane.counters, lane.slots = known.counters, known.slots
        self.__dict__.setdefault("kept", {})[name] = lane
        return lane

    patch.setattr(lanes.Lanes, "open", opened)


def duplicates_of_a_batch_pass(patch: Patch) -> None:
    real = validate.validate

    def validated(*arguments: Any) -> Any:
        found = real(*arguments)
        valid = sorted(found.valid + found.duplicates, key=lambda entry: entry.place)
        return found._replace(valid=valid, duplicates=[])

    patch.setattr(batch, "validate", validated)


def ids_are_not_kept(patch: Patch) -> None:
    patch.setattr(commit.Committer, "_ids", lambda self, *arguments: [])


def undated_events_are_not_looked_up(patch: Patch) -> None:
    """Then the condition of their markers stops every commit."""
    patch.setattr(dynamodb, "get_all", lambda *arguments, **how: iter(()))


def unsent_letters_are_forgotten(patch: Patch) -> None:
    real = _dead_letters.park

    def park(*arguments: Any) -> set[str]:
        real(*arguments)
        return set()

    patch.setattr(_dead_letters, "park", park)


def poison_is_reported_too(patch: Patch) -> None:
    """The earlier system's flaw F21: Lambda repeats the batch until the record is too old."""
    real = _dead_letters.park

    def park(letters: Any, *arguments: Any) -> set[str]:
        real(letters, *arguments)
        return {letter.sequence for letter in letters}

    patch.setattr(_dead_letters, "park", park)


def a_failed_unit_is_passed_over(patch: Patch) -> None:
    real = batch._Writing.finish

    def finish(self: Any, unit: Any) -> bool:
        real(self, unit)
        return True

    patch.setattr(batch._Writing, "finish", finish)


def archive_failures_are_ignored(patch: Patch) -> None:
    real = archive.store

    def store(*arguments: Any) -> Any:
        found = real(*arguments)
        return found._replace(results=[result._replace(success=True) for result in found.results])

    patch.setattr(archive, "store", store)


def the_last_record_is_reported(patch: Patch) -> None:
    real = batch.Outcome.fail

    def fail(self: Any, record: Any, *arguments: Any) -> None:
        real(self, self._records[-1], *arguments)

    patch.setattr(batch.Outcome, "fail", fail)


def an_overtaken_invocation_replaces_objects(patch: Patch) -> None:
    def send(s3: Any, bucket: str, item: Any, owner: str | None, may_replace: Any) -> None:
        if item.body is None:
            s3.delete_object(Bucket=bucket, Key=item.key)
        else:
            s3.put_object(Bucket=bucket, Key=item.key, Body=item.body)

    patch.setattr(archive, "_send", send)


def attempts_with_equal_bytes(patch: Patch) -> None:
    """Then an entity tag doesn't tell one attempt's object from another's."""
    patch.setattr(archive, "_marked", lambda body: body)


def sequence_numbers_as_text(patch: Patch) -> None:
    class Text(str):
        """Compares as text, whatever it is made of."""

        def __gt__(self, other: object) -> bool:
            return str(self) > str(other)

    patch.setattr(batch, "int", Text, raising=False)


MUTATIONS: tuple[Mutation, ...] = (
    commit_without_condition,
    archive_after_commit,
    last_sequence_in_the_key,
    no_look_into_ancestors,
    parents_without_their_parents,
    emptied_hours_stay,
    memory_of_a_lane_that_others_have_moved,
    duplicates_of_a_batch_pass,
    ids_are_not_kept,
    undated_events_are_not_looked_up,
    unsent_letters_are_forgotten,
    poison_is_reported_too,
    a_failed_unit_is_passed_over,
    archive_failures_are_ignored,
    the_last_record_is_reported,
    an_overtaken_invocation_replaces_objects,
    attempts_with_equal_bytes,
    sequence_numbers_as_text,
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_tst_08_the_schedules_notice(services: Services, monkeypatch: Patch, mutation: Mutation) -> None:
    mutation(monkeypatch)
    if any(certain(services, name) is not None for name in CERTAIN):
        return
    for seed in range(MOST_SCHEDULES):
        if run(services, *plan(seed)).wrong:
            return
    pytest.fail(f"{MOST_SCHEDULES} schedules ended well in spite of {mutation.__name__}")
