"""Enrichment: what assignments and the snapshot say of an event (requirements ENR-01 to ENR-08), through the handler."""

from pathlib import Path
from typing import Any

import pytest

from config_sync import compile_project
from handlers import _snapshots, events
from handlers._experiments import Experiment, experiment_of
from handlers.events.enrich import enrich
from handlers.events.model import Entry, Event
from handlers.events.phases import phase_at
from tests.handlers.processing import EXPERIMENT, NOW, World, event, failed, failing, iso, refused, world

__all__ = ["world"]

PROJECT = {
    "experiments": {
        "checkout-button": {
            "experiment_id": EXPERIMENT,
            "status": "active",
            "metadata": {"name": "A larger button"},
            "variants": [{"key": "control", "allocation": 0.5}, {"key": "large", "allocation": 0.5}],
        }
    }
}


def bundle(path: Path, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next invocation's snapshot."""
    compiled = compile_project(project)
    assert compiled.snapshot is not None, compiled.diagnostics
    path.write_bytes(compiled.snapshot)
    monkeypatch.setenv("BURGEE_BUNDLE", str(path))
    _snapshots.reset_reader()
    events.reset()


def only_line(world: World) -> dict[str, Any]:
    ((line,),) = world.archive().values()
    return line


def test_enr_01_assignment_and_experiment_are_added(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(tmp_path / "a.burgee", PROJECT, monkeypatch)
    world.assign("user-1", "large")
    assert failed(world.run(world.records([event(1)]))) == []
    line = only_line(world)
    assert (line["assignment_id"], line["variant"]) == ("assign_user-1", "large")
    assert (line["experiment_key"], line["experiment_name"], line["experiment_status"]) == (
        "checkout-button",
        "A larger button",
        "active",
    )
    assert line["phase"] == 1


@pytest.mark.parametrize(
    ("assigned", "happened", "seconds"),
    [
        ("2026-11-28T03:30:00Z", NOW, 5_400),
        ("2026-11-28T03:30:00", NOW, 5_400),  # naive is UTC
        ("2026-11-28T05:30:00+02:00", NOW, 5_400),
        ("2026-11-28T03:30:00.999999+00:00", NOW, 5_399),
        ("2026-11-28T05:00:00.250Z", NOW, 0),
    ],
)
def test_enr_02_elapsed_time_is_in_whole_seconds(world: World, assigned: str, happened: float, seconds: int) -> None:
    world.assign("user-1", "large", timestamp=assigned)
    world.run(world.records([event(1, at=happened)]))
    assert only_line(world)["time_since_assignment_seconds"] == seconds


def test_enr_03_an_event_without_an_experiment_stays_as_it_is(world: World) -> None:
    world.run(world.records([event(1, experiment_id=None)]))
    added = {"assignment_id", "variant", "experiment_key", "experiment_name", "time_since_assignment_seconds"}
    assert added.isdisjoint(only_line(world))


def test_enr_03_without_an_assignment_the_experiment_is_still_added(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path / "a.burgee", PROJECT, monkeypatch)
    world.run(world.records([event(1)]))
    line = only_line(world)
    assert line["experiment_key"] == "checkout-button"
    assert {"assignment_id", "variant", "time_since_assignment_seconds"}.isdisjoint(line)


def test_enr_04_properties_and_metadata_are_kept(world: World) -> None:
    properties = {"revenue": 12.5, "items": [{"sku": "ä-1"}, None], "nested": {"deep": {"er": True}}}
    world.run(world.records([event(1, properties=properties, metadata={"sdk": "web"}, surplus=1)]))
    line = only_line(world)
    assert (line["properties"], line["metadata"]) == (properties, {"sdk": "web"})


@pytest.mark.parametrize("timestamp", ["yesterday", "2026-11-28T06:00:00+0200", "2026-11-31T00:00:00Z", "2026-11-28T03:00Z"])
def test_enr_05_an_assignment_that_cannot_be_read_is_told_and_the_event_kept(world: World, timestamp: str) -> None:
    world.assign("user-1", "large", timestamp=timestamp)
    answer = world.run(world.records([event(1)]))
    assert failed(answer) == [] and answer["metrics"]["enrichment_errors"] == 1
    line = only_line(world)
    assert line["enrichment_error"] is True and "variant" not in line


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalServerError", "AccessDeniedException"])
def test_enr_05_a_lookup_that_fails_reports_the_batch(world: World, code: str) -> None:
    """Without its variant an event would never be counted (flaw F30)."""
    world.assign("user-1", "large")
    world.faults.append(failing("BatchGetItem", refused(code, "BatchGetItem")))
    records = world.records([event(1), event(2)])
    assert failed(world.run(records)) == ["1000"]
    assert world.archive() == {} and world.count("large") == 0
    assert failed(world.run(records)) == []
    assert world.count("large") == 2


def test_enr_06_lookups_are_real_and_counters_rise(world: World) -> None:
    """Flaw F28: nothing stands in for the tables."""
    world.assign("user-1", "large")
    world.run(world.records([event(1)]))
    assert world.count("large") == 1


def test_enr_07_a_hundred_assignments_are_one_call(world: World) -> None:
    for number in range(100):
        world.assign(f"user-{number}", "large")
    world.run(world.records([event(number, f"user-{number % 100}") for number in range(500)]))
    assert world.calls.count("BatchGetItem") == 1
    assert world.count("large") == 500
    world.calls.clear()
    world.run(world.records([event(1_000 + number, f"user-{number}") for number in range(100)], first=2_000))
    assert world.calls.count("BatchGetItem") == 0, "an assignment never changes: what was found is remembered"


def test_enr_07_101_assignments_are_two_calls(world: World) -> None:
    for number in range(101):
        world.assign(f"user-{number}", "large")
    world.run(world.records([event(number, f"user-{number}") for number in range(101)]))
    assert world.calls.count("BatchGetItem") == 2


def test_enr_07_keys_that_were_left_unread_are_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.assign("user-1", "large")
    world.run(world.records([event(1, experiment_id=None)], first=1))  # the container is there
    client = events.processor().assignments._client
    real, answers = client.batch_get_item, []

    def throttled(**asked: Any) -> Any:
        if world.assignments not in asked["RequestItems"]:
            return real(**asked)
        answers.append(asked)
        return {"Responses": {}, "UnprocessedKeys": asked["RequestItems"]} if len(answers) < 3 else real(**asked)

    monkeypatch.setattr(client, "batch_get_item", throttled)
    assert failed(world.run(world.records([event(2)]))) == []
    assert len(answers) == 3 and world.count("large") == 1


def test_enr_08_an_event_before_its_assignment_is_archived_and_counted_as_unassigned(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.assign("user-1", "large", at=NOW + 60)
    assert failed(world.run(world.records([event(1)]))) == []
    line = only_line(world)
    assert line["time_since_assignment_seconds"] == -60 and line["precedes_assignment"] is True
    assert world.count("large") == 0
    assert '"UnassignedEvents":[1.0]' in capfd.readouterr().out.replace(" ", "")


def test_enr_08_a_clock_that_is_half_a_second_off_loses_no_event(world: World) -> None:
    world.assign("user-1", "large", at=NOW + 0.5)
    world.run(world.records([event(1)]))
    assert world.count("large") == 1 and "precedes_assignment" not in only_line(world)


def test_asg_17_an_exposure_without_a_stored_assignment_counts_under_its_own_variant(world: World) -> None:
    exposure = event(1, event_type="exposure", properties={"experiment_key": "k", "variant": "large", "assignment_id": None})
    world.run(world.records([exposure]))
    assert world.window("large")["exposure"].events == 1


EXPOSED = {"experiment_key": "k", "variant": "large", "assignment_id": None}


@pytest.mark.parametrize("cuts", [(2,), (1, 1), (1, 1, 2)], ids=["one batch", "two batches", "and another container"])
def test_asg_13_what_an_exposure_told_holds_for_the_events_after_it(world: World, cuts: tuple[int, ...]) -> None:
    """The assignment couldn't be stored: the user's purchases are counted all the same, however the batches are cut."""
    contents = [event(1, event_type="exposure", properties=EXPOSED), event(2, at=NOW + 1), event(3, at=NOW + 2), event(4)]
    records = world.records(contents[: sum(cuts)])
    for count in cuts:
        assert failed(world.run(records[:count])) == []
        records = records[count:]
        events.reset()
    assert world.window("large")["purchase"].events == sum(cuts) - 1
    assert world.window("large")["exposure"].events == 1


def test_asg_13_an_event_before_the_exposure_is_unassigned(world: World) -> None:
    exposure = event(2, event_type="exposure", properties=EXPOSED)
    world.run(world.records([event(1), exposure, event(3, at=NOW - 60)]))
    assert list(world.window("large")) == ["exposure"]


def test_asg_13_a_stored_assignment_has_the_last_word(world: World) -> None:
    exposure = event(1, event_type="exposure", properties=EXPOSED)
    world.run(world.records([exposure]))
    world.assign("user-1", "control")
    events.reset()
    world.run(world.records([event(2)], first=2_000))
    assert world.count("control") == 1 and world.count("large") == 0


def test_val_08_what_an_exposure_told_of_one_user_is_nobody_elses(world: World) -> None:
    """User and experiment are one text in both, with the boundary elsewhere."""
    told = event(1, "ann", event_type="exposure", experiment_id="a-1", properties=EXPOSED)
    world.run(world.records([told]))
    for number, (user, experiment) in enumerate((("anna", "-1"), ("ann", "a-1")), 2):
        events.reset()
        world.run([world.record(number * 1_000, event(number, user, experiment_id=experiment))])
    assert world.window("large", experiment="-1") == {}
    assert world.window("large", experiment="a-1")["purchase"].events == 1


def test_asg_13_exposures_of_one_user_in_one_unit_are_one_item(world: World) -> None:
    """A transaction takes an item once."""
    exposures = [event(number, event_type="exposure", properties=EXPOSED) for number in range(3)]
    assert failed(world.run(world.records(exposures))) == []
    assert world.window("large")["exposure"].events == 3


def test_asg_13_many_such_exposures_are_several_units(world: World) -> None:
    exposures = [event(number, f"user-{number}", event_type="exposure", properties=EXPOSED) for number in range(150)]
    assert failed(world.run(world.records(exposures))) == []
    assert world.window("large")["exposure"].events == 150
    assert world.calls.count("TransactWriteItems") == 2


def test_only_exposures_name_their_own_variant() -> None:
    entry = Entry(0, "1", "shard", 0, b"", Event("e", "purchase", "u", EXPERIMENT, None, {"variant": "large"}))
    enrich([entry], {}, {}, lambda *_: 0)
    assert entry.variant is None


# --- experiments and phases -------------------------------------------------------------------------------------------


def test_an_experiment_is_read_from_its_metadata() -> None:
    metadata = {"kind": "experiment", "experiment_id": 7, "status": "paused", "allocation": '{"a":3,"b":1}'}
    found = experiment_of("key", metadata)
    assert (found.id, found.name, found.status, found.allocation) == ("7", "key", "paused", {"a": 0.75, "b": 0.25})
    assert experiment_of("key", {"allocation": "[1]"}).allocation == {}


def phases_after(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *allocations: float) -> list[Any]:
    """The phases that snapshots with these allocations, one after the other, leave."""
    for version, allocation in enumerate(allocations, 1):
        variants = [{"key": "control", "allocation": 1 - allocation}, {"key": "large", "allocation": allocation}]
        project = {"experiments": {"checkout-button": {**PROJECT["experiments"]["checkout-button"], "variants": variants}}}
        bundle(tmp_path / "a.burgee", project, monkeypatch)
        snapshot = events.snapshot()._replace(version=version, published_ms=version * 1_000)
        events.processor().phases.of(snapshot.experiments[EXPERIMENT], snapshot.version, snapshot.published_ms)
    return world.counters.phases(EXPERIMENT)


def test_a_new_allocation_is_a_new_phase(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = phases_after(world, tmp_path, monkeypatch, 0.5, 0.5, 0.2)
    assert [(phase.number, phase.started_ms, phase.version) for phase in found] == [(1, 1_000, 1), (2, 3_000, 3)]
    assert found[1].allocation == {"control": 0.8, "large": 0.2}


def test_a_container_with_an_older_snapshot_starts_no_phase(world: World) -> None:
    book = events.processor().phases
    new, old = (Experiment(EXPERIMENT, "k", "k", "active", {"a": share, "b": 1 - share}) for share in (0.5, 0.9))
    assert len(book.of(new, 5, 5_000)) == 1
    events.reset()
    assert [phase.version for phase in events.processor().phases.of(old, 4, 4_000)] == [5]


def test_two_containers_that_see_a_new_allocation_make_one_phase(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment(EXPERIMENT, "k", "k", "active", {"a": 0.5, "b": 0.5})
    first = events.processor().phases
    events.reset()
    second = events.processor().phases
    real = second._add

    def late(experiment_id: str, phase: Any) -> bool:
        first.of(experiment, 1, 1_000)  # is quicker
        return real(experiment_id, phase)

    monkeypatch.setattr(second, "_add", late)
    assert [phase.number for phase in second.of(experiment, 1, 1_000)] == [1]
    assert len(world.counters.phases(EXPERIMENT)) == 1


def test_users_belong_to_the_phase_they_were_assigned_in(world: World) -> None:
    book = events.processor().phases
    for version, share, at in ((1, 0.5, 1_000), (2, 0.2, 2_000)):
        phases = book.of(Experiment(EXPERIMENT, "k", "k", "active", {"a": share, "b": 1 - share}), version, at)
    assert [phase_at(phases, at) for at in (0, 1_000, 1_999, 2_000, 9_000)] == [1, 1, 1, 2, 2]
    assert phase_at([], 5) == 0


def test_phases_have_counters_of_their_own(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(tmp_path / "a.burgee", PROJECT, monkeypatch)
    book = events.processor().phases
    start = int((NOW - 1_000) * 1_000)
    for version, share in ((1, 0.1), (2, 0.5)):
        experiment = Experiment(EXPERIMENT, "k", "k", "active", {"control": 1 - share, "large": share})
        book.of(experiment, version, 0 if version == 1 else start)
    events.reset()
    world.assign("early", "large", at=NOW - 2_000)
    world.assign("late", "large", at=NOW - 10)
    world.run(world.records([event(1, "early"), event(2, "late"), event(3, "late")]))
    assert [world.count("large", "phase", str(number)) for number in (1, 2)] == [1, 2]
    assert world.count("large") == 3
    assert iso(NOW).startswith("2026-11-28T05")
