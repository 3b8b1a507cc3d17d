"""The tests' CloudWatch by itself: what is missing, M of N, expressions, and metrics that go through moto."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.alarms import LAMBDA, OURS, SQS, Alarm, Metric
from tests.aws import Aws
from tests.infra.alarming import IN_ALARM, OK, Cloud, calculated, judged, percentile
from tests.infra.embedded import wrong_in


def alarm(metric: Metric | None = None, **more: Any) -> Alarm:
    return Alarm("name", "what", "runbook", (("m", metric or Metric(OURS, "Errors", "flags")),), 10, **more)


@pytest.mark.parametrize(
    ("points", "more", "expected"),
    [
        ([11, 11, 11, 0, 0], {}, IN_ALARM),
        ([11, 11, 10, 0, 0], {}, OK),
        ([11, None, 11, None, 11], {}, IN_ALARM),
        ([None] * 5, {}, OK),
        ([None] * 5, {"missing": "breaching"}, IN_ALARM),
        ([None, None, 0, 0, 0], {"missing": "breaching"}, OK),
        ([9, 9, 9, 10, 10], {"beyond": "below"}, IN_ALARM),
        ([9, 9, 10, 10, 10], {"beyond": "below"}, OK),
        ([99, 0], {"periods": 1, "needed": 1}, OK),
        ([0, 99], {"periods": 1, "needed": 1}, IN_ALARM),
    ],
)
def test_m_of_n_datapoints_are_an_alarm(points: list[float | None], more: dict[str, Any], expected: str) -> None:
    assert judged(alarm(**more), points) == expected


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("100 * (a + b) / c", {"a": 1, "b": 2, "c": 6}, 50),
        ("100 * (a + FILL(b, 0)) / c", {"a": 1, "b": None, "c": 2}, 50),
        ("a + b", {"a": 1, "b": None}, None),
        ("a / b", {"a": 1, "b": 0}, None),
        ("IF(a > 100, a, 7)", {"a": 100}, 7),
        ("IF(a > 100, a, 7)", {"a": 101}, 101),
        ("IF(a > 100, a, 7)", {"a": None}, None),
    ],
)
def test_expressions_are_calculated(expression: str, values: dict[str, float | None], expected: float | None) -> None:
    assert calculated(expression, values) == expected


def test_what_is_not_played_is_an_error() -> None:
    with pytest.raises(ValueError, match="SEARCH"):
        calculated("SEARCH(a)", {"a": 1})


def test_percentiles_lie_between_values() -> None:
    assert percentile([5], 99) == 5
    assert percentile([0, 100], 99) == pytest.approx(99)
    assert percentile([3, 1, 2], 50) == 2


def line(value: Any, service: str = "burgee-flags", *more: str) -> str:
    return json.dumps(document(value, service, *more)) + "\n"


def document(value: Any, service: str = "burgee-flags", *more: str) -> dict[str, Any]:
    directive = {"Namespace": OURS, "Dimensions": [["service", *more]], "Metrics": [{"Name": "Errors"}]}
    about = {"Timestamp": int(time.time() * 1_000), "CloudWatchMetrics": [directive]}
    return {"service": service, "x": "y", "Errors": value, "_aws": about}


def test_lines_become_metrics_of_their_minute(aws: Aws) -> None:
    cloud = Cloud(aws)
    cloud.lines("no JSON\n[1]\n" + json.dumps({"message": "a log line", "Errors": 99}) + "\n" + line([1, 2, 2]) + line(4))
    cloud.minute = 2
    cloud.lines(line(5) + line(99, "burgee-ingest") + line(77, "burgee-flags", "x"))
    assert cloud.datapoints(alarm(periods=3)) == [9, None, 5], "of this service, with these dimensions"
    found = Metric(OURS, "Errors", "flags", "Maximum"), Metric(OURS, "Errors", "flags", "SampleCount")
    assert [cloud.datapoints(alarm(metric, periods=3)) for metric in found] == [[4, None, 5], [4, None, 1]]
    assert cloud.datapoints(alarm(Metric(OURS, "Errors", "flags", "p50"), periods=3)) == [2, None, 5]


def test_longer_periods_gather_minutes(aws: Aws) -> None:
    cloud = Cloud(aws)
    for cloud.minute in range(10):
        cloud.measured(LAMBDA, "Invocations", "flags", 1)
    metric = Metric(LAMBDA, "Invocations", "flags")
    assert cloud.datapoints(alarm(metric, period_s=300, periods=3)) == [None, 5, 5]


def test_tests_do_not_meet(aws: Aws) -> None:
    Cloud(aws).measured(SQS, "ApproximateNumberOfMessagesVisible", "events-poison", 3)
    metric = Metric(SQS, "ApproximateNumberOfMessagesVisible", "events-poison")
    assert Cloud(aws).datapoints(alarm(metric, periods=1)) == [None]


Directive = dict[str, Any]


def _spoil(change: Callable[[dict[str, Any], Directive], object]) -> dict[str, Any]:
    made = document(1)
    change(made, made["_aws"]["CloudWatchMetrics"][0])
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda made, directive: made.pop("Errors"),
        lambda made, directive: made.update(Errors="1"),
        lambda made, directive: made.update(Errors=True),
        lambda made, directive: made.update(Errors=float("nan")),
        lambda made, directive: made.update(Errors=[]),
        lambda made, directive: made.update(Errors=[1] * 101),
        lambda made, directive: made.pop("service"),
        lambda made, directive: made.update(service=7),
        lambda made, directive: made.update(service=""),
        lambda made, directive: made.update(more="x" * 300_000),
        lambda made, directive: made["_aws"].pop("Timestamp"),
        lambda made, directive: made["_aws"].update(Timestamp=1_795_000_000),
        lambda made, directive: made["_aws"].update(more=1),
        lambda made, directive: directive.pop("Namespace"),
        lambda made, directive: directive.update(Dimensions=["service"]),
        lambda made, directive: directive.update(Dimensions=[]),
        lambda made, directive: directive.update(Metrics=[]),
        lambda made, directive: directive.update(Metrics=directive["Metrics"] * 2),
        lambda made, directive: directive.update(Metrics=[{"Name": "Errors", "Unit": "ms"}]),
        lambda made, directive: directive.update(Metrics=[{"Name": f"m{number}"} for number in range(101)]),
    ],
)
def test_mon_02_a_line_that_cloudwatch_would_ignore_is_found(change: Callable[[dict[str, Any], Directive], object]) -> None:
    assert wrong_in(document([1, 2.5])) == ""
    assert wrong_in(_spoil(change))


def test_mon_02_such_a_line_fails_whoever_hands_it_in(aws: Aws) -> None:
    with pytest.raises(AssertionError, match="takes no metric"):
        Cloud(aws).lines(json.dumps(document("1")))
