"""CloudWatch for tests: what functions print, and what AWS measures of them, becomes metrics in moto; alarms are evaluated.

The rules are those of CloudWatch's documentation ("Evaluating an alarm", "Using math expressions", "Embedded metric format"):
a period without data is missing, arithmetic with something missing is missing unless FILL says otherwise, an alarm looks at
the last M of N periods. What an alarm watches goes to moto when it is evaluated; moto gives sums, maxima and counts back.
Percentiles, which it can't, are taken from the values that were put.
"""

import ast
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from infra.alarms import API, KINESIS, LAMBDA, MINUTE, OURS, SQS, Alarm, Metric
from infra.functions import function
from tests.infra.embedded import wrong_in

OK, IN_ALARM = "OK", "ALARM"
HOUR = 3_600
PUT = 150  # values of one metric in one call: CloudWatch's limit
_DIMENSION = {LAMBDA: "FunctionName", SQS: "QueueName", KINESIS: "StreamName", API: "ApiId"}

Dimensions = tuple[tuple[str, str], ...]


class Place(Protocol):
    """An embedded AWS: ``tests.aws.Aws``, or a running platform's."""

    def client(self, service: str) -> Any: ...
    def name(self, kind: str) -> str: ...


class Cloud:
    """Metrics of a test's own, by minutes that the test counts in ``minute``.

    A namespace has a prefix, so that tests don't meet, and the dimensions' names at its end: for CloudWatch, a metric with one
    dimension more is another metric; for moto it isn't.
    """

    def __init__(self, aws: Place) -> None:
        self._client = aws.client("cloudwatch")
        self._prefix = aws.name("cloud")
        self._begin = datetime.fromtimestamp(time.time() // HOUR * HOUR, UTC) - timedelta(hours=3)
        self._taken: dict[tuple[str, str, Dimensions], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._put: dict[tuple[str, str, Dimensions, int], int] = {}  # how many of a minute's values moto has
        self.minute = 0

    # --- what comes in ------------------------------------------------------------------------------------------------

    def lines(self, text: str) -> None:
        """Takes the metrics of what a function has printed. Lines that hold none are only logs."""
        for line in text.splitlines():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict) and "_aws" in document:
                self._embedded(document)

    def _embedded(self, document: Mapping[str, Any]) -> None:
        assert (wrong := wrong_in(document)) == "", f"CloudWatch takes no metric of this line: {wrong}: {document}"
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = tuple((name, str(document[name])) for name in sorted(names))
                for metric in directive["Metrics"]:
                    found = document[metric["Name"]]
                    values = found if isinstance(found, list) else [found]
                    self._take(directive["Namespace"], metric["Name"], dimensions, values)

    def measured(self, namespace: str, name: str, of: str, *values: float) -> None:
        """Takes what AWS itself would have measured of a function, queue, stream or API."""
        self._take(namespace, name, ((_DIMENSION[namespace], of),), values)

    def _take(self, namespace: str, name: str, dimensions: Dimensions, values: Sequence[float]) -> None:
        self._taken[namespace, name, dimensions][self.minute] += values

    def _space(self, namespace: str, dimensions: Dimensions) -> str:
        return "/".join([self._prefix, namespace, *[name for name, _ in dimensions]])

    @property
    def is_in_use(self) -> bool:
        """Whether anything was measured."""
        return any(self._taken.values())

    # --- what alarms see ----------------------------------------------------------------------------------------------

    def state(self, alarm: Alarm) -> str:
        """``OK`` or ``ALARM`` at the end of the minute."""
        return judged(alarm, self.datapoints(alarm))

    def datapoints(self, alarm: Alarm) -> list[float | None]:
        """What the alarm compares with its limit, for each of its periods, oldest first; None where data is missing."""
        minutes = alarm.period_s // MINUTE
        last = self.minute // minutes
        first = last - alarm.periods + 1
        found = {letter: self._series(metric, first, alarm.periods, alarm.period_s) for letter, metric in alarm.metrics}
        expression = alarm.expression or "m"
        return [calculated(expression, {letter: series[n] for letter, series in found.items()}) for n in range(alarm.periods)]

    def _send(self, namespace: str, name: str, dimensions: Dimensions) -> None:
        """Puts what moto doesn't have yet of one metric."""
        for minute, values in self._taken.get((namespace, name, dimensions), {}).items():
            place = (namespace, name, dimensions, minute)
            for start in range(self._put.get(place, 0), len(values), PUT):
                data: Any = {"MetricName": name, "Values": values[start : start + PUT]}
                data["Timestamp"] = self._begin + timedelta(minutes=minute)
                data["Dimensions"] = [{"Name": key, "Value": value} for key, value in dimensions]
                self._client.put_metric_data(Namespace=self._space(namespace, dimensions), MetricData=[data])
            self._put[place] = len(values)

    def _series(self, metric: Metric, first: int, periods: int, period_s: int) -> list[float | None]:
        dimensions = _of(metric)
        self._send(metric.namespace, metric.name, dimensions)
        if metric.statistic.startswith("p"):
            put = self._taken.get((metric.namespace, metric.name, dimensions), {})
            minutes = period_s // MINUTE
            by_period = [
                [value for minute in range(minutes) for value in put.get(period * minutes + minute, ())]
                for period in range(first, first + periods)
            ]
            return [percentile(values, float(metric.statistic[1:])) if values else None for values in by_period]
        begin = self._begin + timedelta(seconds=first * period_s)
        asked: Any = {
            "Namespace": self._space(metric.namespace, dimensions),
            "MetricName": metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
        }
        answers = [
            self._client.get_metric_statistics(
                StartTime=begin + timedelta(seconds=n * period_s),
                EndTime=begin + timedelta(seconds=(n + 1) * period_s),
                Period=period_s,
                Statistics=[metric.statistic],
                **asked,
            )["Datapoints"]
            for n in range(periods)
        ]
        return [points[0][metric.statistic] if points else None for points in answers]


def _of(metric: Metric) -> Dimensions:
    """The dimensions that the deployed alarm has (``infra.watching``)."""
    if metric.namespace == OURS:
        return (("service", function(metric.of).service),)
    return ((_DIMENSION[metric.namespace], metric.of),)


# --- CloudWatch's arithmetic ------------------------------------------------------------------------------------------------


def judged(alarm: Alarm, points: Sequence[float | None]) -> str:
    """The state that these datapoints make, oldest first."""
    breaching = 0
    for point in points[-alarm.periods :]:
        if point is None:
            breaching += alarm.missing == "breaching"
        else:
            breaching += point > alarm.limit if alarm.beyond == "above" else point < alarm.limit
    return IN_ALARM if breaching >= alarm.needed else OK


def percentile(values: Sequence[float], percent: float) -> float:
    """Between the two values next to it, in proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def calculated(expression: str, values: Mapping[str, float | None]) -> float | None:
    """One datapoint of a math expression; None where it is missing. Raises ValueError for what isn't played here."""
    return _value(ast.parse(expression, mode="eval").body, values)


_OPERATIONS: dict[type, Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Gt: lambda a, b: float(a > b),
    ast.Lt: lambda a, b: float(a < b),
}


def _value(node: ast.AST, values: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=operation, right=right) | ast.Compare(left=left, ops=[operation], comparators=[right]):
            one, other = _value(left, values), _value(right, values)
            if one is None or other is None or (isinstance(operation, ast.Div) and other == 0):
                return None
            return _OPERATIONS[type(operation)](one, other)
        case ast.Call(func=ast.Name(id="FILL"), args=[what, instead]):
            found = _value(what, values)
            return _value(instead, values) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no]):
            truth = _value(condition, values)
            return None if truth is None else _value(yes if truth else no, values)
    raise ValueError(f"this isn't played: {ast.unparse(node)}")
