"""Requirement MON-03: every alarm is tripped by its fault, and stays quiet without it; metrics go through moto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.alarms import ALARMS, Alarm
from tests.aws import Aws
from tests.infra import faults_at_the_edge, faults_behind, faults_of_queues, faults_of_the_api  # noqa: F401  registers
from tests.infra.alarming import IN_ALARM, OK
from tests.infra.tripping import FAULTS, Stage, forget

# Alarms whose fault can't be injected honestly here, and why. There is none.
NOT_TRIPPED: dict[str, str] = {}


@pytest.fixture
def stage(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = Stage(aws, monkeypatch, tmp_path, request)
    yield made
    made.end()
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("broken", [False, True], ids=["without", "with"])
@pytest.mark.parametrize("alarm", [alarm for alarm in ALARMS if alarm.name in FAULTS], ids=lambda alarm: alarm.name)
def test_mon_03_an_alarm_is_tripped_by_its_fault_alone(alarm: Alarm, broken: bool, stage: Stage) -> None:
    """What stays quiet does so because all is well, and not because nothing was done."""
    fault, of = FAULTS[alarm.name]
    assert stage.state(alarm, fault(stage, of, broken)) == (IN_ALARM if broken else OK), stage.cloud.datapoints(alarm)
    assert broken or (not stage.troubles and stage.cloud.is_in_use)


def test_mon_03_every_alarm_has_its_fault() -> None:
    names = {alarm.name for alarm in ALARMS}
    assert all(NOT_TRIPPED.values()), "why?"
    assert names == FAULTS.keys() | NOT_TRIPPED.keys(), "a new alarm needs its fault"
    assert not FAULTS.keys() & NOT_TRIPPED.keys()
