"""What CDK makes of the table of alarms, metric by metric, and what the dashboard's graphs show."""

import json
import re
from typing import Any

import pytest

from infra.alarms import ALARMS, API, KINESIS, LAMBDA, OURS, SQS, Alarm, Metric
from infra.functions import FUNCTIONS, Function, function
from infra.prices import prices
from infra.stores import QUEUES
from tests.infra.conftest import Assembly
from tests.infra.test_alarms import OF_AWS, emitted
from tests.infra.test_template import Template

BY_NAME = pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
MATH = re.compile(r"[A-Za-z_]+(?=\()|\b[a-z]\w*\b|[\d.]+|[-+*/()<>,]|\s")


@pytest.fixture(scope="module")
def prod(assembly: Assembly) -> Template:
    return Template(assembly.template("prod"))


@pytest.fixture(scope="module")
def dev(assembly: Assembly) -> Template:
    return Template(assembly.template("dev"))


def dimensions(template: Template, metric: Metric) -> dict[str, Any]:
    """Those that whoever measures it gives it: AWS by the thing's own name, our code by its service."""
    if metric.namespace == LAMBDA:
        return {"FunctionName": {"Ref": template.named("AWS::Lambda::Function", f"Functions{metric.of.capitalize()}")}}
    if metric.namespace == SQS:
        return {"QueueName": {"Fn::GetAtt": [template.store(metric.of), "QueueName"]}}
    if metric.namespace == KINESIS:
        return {"StreamName": {"Ref": template.store(metric.of)}}
    if metric.namespace == API:
        (api,) = template.of("AWS::ApiGatewayV2::Api")
        return {"ApiId": {"Ref": api}}
    return {"service": function(metric.of).service}


def watched(template: Template, metric: Metric) -> tuple[Any, ...]:
    return metric.namespace, metric.name, dimensions(template, metric), metric.statistic


def found(metric: dict[str, Any], statistic: str) -> tuple[Any, ...]:
    named = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    return metric["Namespace"], metric["MetricName"], named, statistic


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_mon_03_an_alarm_is_what_the_table_says(prod: Template, dev: Template, alarm: Alarm) -> None:
    """Production of the tests' settings has all but the API; development has that."""
    prod = dev if alarm.of_api else prod
    title = "".join(part.capitalize() for part in alarm.name.split("-"))
    made = prod.resources[prod.named("AWS::CloudWatch::Alarm", f"Watch{title}")]["Properties"]
    assert made["AlarmDescription"] == f"{alarm.what}. Runbook: {alarm.runbook}"
    compared = {"above": "GreaterThanThreshold", "below": "LessThanThreshold"}[alarm.beyond]
    assert (made["ComparisonOperator"], made["Threshold"]) == (compared, alarm.limit)
    assert (made["EvaluationPeriods"], made["DatapointsToAlarm"]) == (alarm.periods, alarm.needed)
    assert made["TreatMissingData"] == alarm.missing
    if not alarm.expression:
        ((_, metric),) = alarm.metrics
        statistic = made.get("Statistic") or made["ExtendedStatistic"]
        assert found(made, statistic) == watched(prod, metric)
        assert made["Period"] == alarm.period_s
        return
    queries = {each["Id"]: each for each in made["Metrics"]}
    (shown,) = (each for each in queries.values() if each["ReturnData"])
    assert shown["Expression"] == alarm.expression
    assert queries.keys() - {shown["Id"]} == {letter for letter, _ in alarm.metrics}
    for letter, metric in alarm.metrics:
        measured = queries[letter]["MetricStat"]
        assert found(measured["Metric"], measured["Stat"]) == watched(prod, metric)
        assert measured["Period"] == alarm.period_s


@pytest.mark.parametrize("alarm", [alarm for alarm in ALARMS if alarm.expression], ids=lambda alarm: alarm.name)
def test_mon_03_an_expression_is_cloudwatchs(alarm: Alarm) -> None:
    """Functions and signs that metric math has, and no name but the metrics' own."""
    parts = MATH.findall(alarm.expression)
    assert "".join(parts) == alarm.expression
    assert {part for part in parts if part.isidentifier()} <= {"FILL", "IF", *(letter for letter, _ in alarm.metrics)}


def test_mon_03_silence_is_an_alarm_only_where_somebody_should_be_heard() -> None:
    assert {alarm.name for alarm in ALARMS if alarm.missing == "breaching"} == {
        "flags-silence", "assignments-silence", "ingest-silence", "results-silence", "sync-silence",
    }  # fmt: skip


# --- the dashboard ----------------------------------------------------------------------------------------------------


def widgets(template: Template) -> list[dict[str, Any]]:
    """As CloudWatch gets them, but that a reference is the logical id of what it refers to."""
    (board,) = template.of("AWS::CloudWatch::Dashboard").values()
    parts = board["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else part.get("Ref") or part["Fn::GetAtt"][0] for part in parts)
    shown: list[dict[str, Any]] = json.loads(text)["widgets"]
    return shown


def of_function(template: Template, row: Function) -> list[dict[str, Any]]:
    """The graphs below a function's heading."""
    everything = widgets(template)
    headings = [place for place, each in enumerate(everything) if each["type"] == "text"]
    (begin,) = (place for place in headings if everything[place]["properties"]["markdown"].startswith(f"## {row.name}\n"))
    end = min((place for place in headings if place > begin), default=len(everything))
    return everything[begin + 1 : end]


def metrics(graphs: list[dict[str, Any]]) -> set[tuple[str, str, str, str, str]]:
    """Namespace, name, a dimension's name and value, statistic."""
    shown = set()
    for graph in graphs:
        for entry in graph["properties"]["metrics"]:
            if isinstance(entry[0], str):
                about = entry[-1] if isinstance(entry[-1], dict) else {}
                namespace, name, dimension, value = entry[:4]
                shown.add((namespace, name, dimension, value, about.get("stat", "Average")))
    return shown


@BY_NAME
def test_mon_01_a_function_has_a_graph_of_each_thing(prod: Template, row: Function) -> None:
    shown = metrics(of_function(prod, row))
    mine = prod.named("AWS::Lambda::Function", f"Functions{row.name.capitalize()}")
    wanted = {("Invocations", "Sum"), ("Errors", "Sum"), ("Throttles", "Sum"), ("Duration", "p50"), ("Duration", "p99")}
    wanted |= {("ConcurrentExecutions", "Maximum")} | ({("IteratorAge", "Maximum")} if row.sources else set())
    assert {(LAMBDA, name, "FunctionName", mine, statistic) for name, statistic in wanted} <= shown
    queues = {queue.name for queue in QUEUES} & {need.store for need in row.permissions}
    depths = {value for namespace, _, _, value, _ in shown if namespace == SQS}
    assert depths == {prod.store(queue) for queue in queues}


@BY_NAME
def test_mon_01_a_graph_shows_what_is_measured(prod: Template, row: Function) -> None:
    for namespace, name, dimension, value, _ in metrics(of_function(prod, row)):
        if namespace == OURS:
            assert (dimension, value) == ("service", row.service)
            assert name in emitted(row.name)
        else:
            assert name in OF_AWS[namespace]
            assert value in prod.resources


@BY_NAME
def test_mon_01_the_cost_is_reckoned_with_the_prices_of_the_model(prod: Template, row: Function) -> None:
    (graph,) = (each for each in of_function(prod, row) if each["properties"]["title"].startswith("Cost"))
    (expression,) = (entry[0]["expression"] for entry in graph["properties"]["metrics"] if "expression" in entry[0])
    millisecond, request = (
        float(number) for number in re.findall(r"\* ([\d.]+)(?= \+)|\* ([\d.]+)\)", expression) for number in number if number
    )
    assert millisecond == pytest.approx(prices().usd("lambda-arm64", row.memory_mb / 1024 / 1000), rel=1e-3)
    assert request == pytest.approx(prices().usd("lambda-requests", 1))
