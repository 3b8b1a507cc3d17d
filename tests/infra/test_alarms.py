"""The table of alarms: what is watched is emitted, what is watched can be told, and every alarm says what to do."""

import ast
import re
from functools import cache

import pytest

from infra.alarms import ALARMS, API, HTTP_API, KINESIS, LAMBDA, MINUTE, OURS, SQS, Alarm
from infra.functions import FUNCTIONS, function
from infra.stages import CANARY_MINUTES
from infra.stores import QUEUES
from tests.architecture.imports import ROOT
from tests.infra.test_functions import closure, sources

BY_NAME = pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
# What AWS measures by itself of what we have.
OF_AWS = {
    LAMBDA: {"Invocations", "Errors", "Duration", "Throttles", "IteratorAge", "ConcurrentExecutions"},
    SQS: {"ApproximateNumberOfMessagesVisible"},
    KINESIS: {"WriteProvisionedThroughputExceeded"},
    API: {"Count", "4xx", "5xx", "Latency", "IntegrationLatency"},
}


@cache
def emitted(name: str) -> frozenset[str]:
    """Every text in the sources of a function, and the metrics whose names the code puts together."""
    texts: set[str] = set()
    for module in closure(function(name).module):
        for node in ast.walk(ast.parse(sources()[module].read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    if name == "sync":
        from handlers.sync import STATUSES

        texts |= {f"Sync{status.capitalize()}" for status in STATUSES}
    if name == "events":
        from handlers.events import _NOUNS

        texts |= {f"{noun.capitalize()}Errors" for noun in _NOUNS.values()}
    return frozenset(texts)


@BY_NAME
def test_mon_03_what_an_alarm_watches_is_emitted(alarm: Alarm) -> None:
    for _, metric in alarm.metrics:
        if metric.namespace == OURS:
            assert metric.name in emitted(metric.of), "nobody emits it"
        else:
            assert metric.name in OF_AWS[metric.namespace]


def test_mon_03_a_metric_that_nobody_emits_would_be_found() -> None:
    assert "EventsAccepted" not in emitted("flags")
    assert "SampleRatioMismatch" not in emitted("flags")


@BY_NAME
def test_mon_03_an_alarm_is_about_something_that_there_is(alarm: Alarm) -> None:
    functions, queues = {row.name: row for row in FUNCTIONS}, {queue.name: queue for queue in QUEUES}
    for letter, metric in alarm.metrics:
        of: object = {LAMBDA: functions, OURS: functions, SQS: queues, KINESIS: {"events"}, API: {HTTP_API}}[metric.namespace]
        assert metric.of in of  # type: ignore[operator]
        assert not alarm.expression or re.search(rf"\b{letter}\b", alarm.expression)
        optional = (
            functions[metric.of].optional if metric.of in functions else getattr(queues.get(metric.of), "optional", False)
        )
        assert optional == alarm.optional
    assert len(alarm.metrics) == 1 or alarm.expression
    assert alarm.needed <= alarm.periods
    assert alarm.periods * alarm.period_s <= 24 * 3_600, "CloudWatch looks back a day at most"


def test_mon_03_names_are_unique() -> None:
    assert len({alarm.name for alarm in ALARMS}) == len(ALARMS)


@pytest.mark.parametrize("name", [row.name for row in FUNCTIONS])
def test_mon_03_every_function_has_its_alarms(name: str) -> None:
    row = function(name)
    mine = {alarm.name.removeprefix(f"{name}-"): alarm for alarm in ALARMS if alarm.name.startswith(f"{name}-")}
    assert mine["errors"].limit == 0.1
    assert "throttles" in mine
    if row.p99_ms is not None:
        assert mine["latency"].limit == row.p99_ms == {"flags": 40, "assignments": 50, "events": 100}[name]
        assert mine["latency"].metrics[0][1].statistic == "p99"
    if row.sources:
        assert mine["iterator-age"].limit == {"events": 300_000, "sync": 60_000, "mirror": 21_600_000}[name]
    if name in ("flags", "assignments"):
        assert mine["cache"].limit == 90
        assert {"snapshot-age", "quarantined", "tracking-dropped", "silence"} <= mine.keys()


def test_mon_03_every_queue_is_watched() -> None:
    watched = {metric.of for alarm in ALARMS for _, metric in alarm.metrics if metric.namespace == SQS and alarm.limit == 0}
    assert watched == {queue.name for queue in QUEUES}


def test_mon_04_a_wrong_sample_ratio_is_told() -> None:
    (alarm,) = (alarm for alarm in ALARMS if alarm.name == "sample-ratio")
    assert (alarm.limit, alarm.needed) == (0, 1)


def test_pip_02_a_canary_is_taken_back_for_errors_and_for_latency() -> None:
    guards = {(alarm.guards, alarm.name.rpartition("-")[2]) for alarm in ALARMS if alarm.guards}
    assert {(name, kind) for name in ("flags", "assignments") for kind in ("errors", "latency")} <= guards
    assert {name for name, _ in guards} == {row.name for row in FUNCTIONS}


def test_pip_02_a_canary_lasts_until_an_alarm_can_know_of_it() -> None:
    """The minutes that an alarm needs, and some for CloudWatch: an alarm after the end of a canary takes nothing back."""
    for alarm in ALARMS:
        if alarm.guards:
            assert alarm.needed * alarm.period_s + 3 * MINUTE <= CANARY_MINUTES * MINUTE, alarm.name


def test_mon_03_limits_are_those_of_the_runbook() -> None:
    """Where an entry says a figure, the alarm has it."""
    page = (ROOT / "docs" / "runbook.md").read_text()
    by_name = {alarm.name: alarm for alarm in ALARMS}
    assert "`QuarantinedEvents` above 1 % of `RecordsPerBatch` for 15 minutes" in page
    assert (by_name["events-quarantined"].limit, by_name["events-quarantined"].needed) == (1, 15)
    assert "`DuplicateEvents` above 5 % of `RecordsPerBatch` for 15 minutes" in page
    assert (by_name["events-repeated"].limit, by_name["events-repeated"].needed) == (5, 15)
    assert "p99 of `ProcessingTime` above 100 ms, or p90 of `EventLagMs` above 60 s, for 15 minutes" in page
    assert (by_name["events-latency"].limit, by_name["events-lag"].limit) == (100, 60_000)
    assert "`SyncHeld` for an hour" in page
    assert (by_name["sync-held"].needed, by_name["sync-held"].period_s) == (60, 60)


@BY_NAME
def test_doc_04_every_alarm_has_its_entry_in_the_runbook(alarm: Alarm) -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert alarm.runbook in headings
