"""The line that ends a request: what Powertools would write and CloudWatch makes metrics of, at a bounded cost in lines."""

import io
import json
import os
import time
from collections import Counter
from contextlib import redirect_stdout
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

import handlers._metrics as metrics_module
from evaluator import IMPLEMENTATION
from handlers._http import Request
from handlers._log import ERROR, INFO, WARNING, Output
from handlers._metrics import MOST_HELD, MOST_REASONS, emit, line, report
from handlers._telemetry import LONGEST_HELD_NS, Telemetry

METRICS = (("SnapshotStale", 61_000.0, "Milliseconds"), ("Looks", 2.0, "Count"))
SECOND_NS = 1_000_000_000
START_NS = 1_795_384_521_797_123_456  # 2026-11-22T21:55:21.797Z
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
SERVED = SimpleNamespace(version=12, snapshot_version="0123456789abcdef")
LAMBDA = SimpleNamespace(
    function_name="edge",
    memory_limit_in_mb="256",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:edge",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
)


class Paper(Output):
    """Keeps what is written. ``torn``: nothing can be written."""

    def __init__(self) -> None:
        super().__init__()
        self.text = b""
        self.torn = False

    def write(self, line: bytes) -> bool:
        if self.torn:
            self.lost += 1
        else:
            self.text += line
        return not self.torn

    def lines(self) -> list[dict[str, Any]]:
        assert self.text.endswith(b"\n") or not self.text
        return [json.loads(line) for line in self.text.splitlines()]


class Desk:
    """A telemetry with clocks of the test's own."""

    def __init__(self, service: str = "edge", **settings: Any) -> None:
        self.now, self.monotonic = START_NS, 0
        self.paper = Paper()
        self.telemetry = Telemetry(
            service, output=self.paper, clock=lambda: self.monotonic, wall=lambda: self.now, **{"cold": False, **settings}
        )

    def request(self, status: int = 200, microseconds: int = 8, context: Any = LAMBDA, **more: Any) -> None:
        started = self.telemetry.begin()
        self.monotonic += microseconds * 1000
        given = {"served": SERVED, "age_ms": 120, "reasons": "enabled", "flag": "new-checkout", "fields": None, **more}
        request = Request("GET", "/")
        request.request_id, request.source_ip = given.pop("request_id", "6f0b"), given.pop("source_ip", "192.0.2.7")
        request.account = (given.pop("route", "flag"), given.pop("reasons"), given.pop("flag"), given.pop("fields"))
        request.caller, request.user = given.pop("caller", ""), given.pop("user", None)
        self.telemetry.end(started, context, request, status, **given)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self.paper.lines()

    @property
    def line(self) -> dict[str, Any]:
        [only] = self.lines
        return only

    def totals(self) -> Counter[str]:
        """What CloudWatch would have summed up: every metric by name; durations by their number."""
        found: Counter[str] = Counter()
        for written in self.lines:
            for name in names_in(written):
                value = written[name]
                found[name] += len(value) if isinstance(value, list) else (1 if name == "Latency" else value)
        return found


def names_in(written: dict[str, Any], dimensions: list[str] | None = None) -> list[str]:
    """The metrics of a line, all or those with these dimensions."""
    return [
        metric["Name"]
        for directive in written["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        if dimensions is None or directive["Dimensions"] == [dimensions]
    ]


# --- Powertools is the judge ------------------------------------------------------------------------------------------


@cache  # a second Logger of that name would write to the stream of the first
def powertools_lines() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What Powertools writes for a request: a log line, a cold start's metrics and the request's."""
    out = io.StringIO()
    logger = Logger(service="edge", use_rfc3339=True, stream=out, location="%(funcName)s:%(lineno)d")
    with redirect_stdout(out):
        metrics = Metrics(namespace="Burgee", service="edge")

        @logger.inject_lambda_context
        @metrics.log_metrics(capture_cold_start_metric=True)
        def handler(event: dict[str, Any], context: Any) -> None:
            metrics.add_metric("FlagEvaluation", MetricUnit.Count, 1)
            logger.info("request")

        handler({}, LAMBDA)
    logged, cold, counted = (json.loads(text) for text in out.getvalue().splitlines())
    if "_aws" in logged:
        logged, cold, counted = (next(x for x in (logged, cold, counted) if "_aws" not in x), logged, cold)
    return logged, cold, counted


@pytest.fixture
def powertools(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    from aws_lambda_powertools.logging import logger as module
    from aws_lambda_powertools.metrics.provider import cold_start

    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "edge")
    monkeypatch.setattr(module, "is_cold_start", True)
    monkeypatch.setattr(cold_start, "is_cold_start", True)
    return powertools_lines()


def test_a_line_has_the_keys_that_powertools_writes_and_their_types(powertools: Any) -> None:
    logged, _, _ = powertools
    desk = Desk(cold=True)
    desk.request()
    ours = desk.line
    assert {key: type(value) for key, value in logged.items()}.items() <= {key: type(ours[key]) for key in ours}.items()
    constant = logged.keys() - {"timestamp", "location"}
    assert {key: logged[key] for key in constant} == {key: ours[key] for key in constant}
    assert ours["timestamp"] == "2026-11-22T21:55:21.797+00:00"
    assert len(logged["timestamp"]) == len(ours["timestamp"])
    assert ours["location"].startswith("end:")


def test_its_metrics_are_where_powertools_puts_them(powertools: Any) -> None:
    _, cold, counted = powertools
    desk = Desk(cold=True)
    desk.request()
    desk.request()
    first, second = desk.lines
    for theirs, ours in ((cold, first), (counted, second)):
        directive = theirs["_aws"]["CloudWatchMetrics"][0]
        same = [x for x in ours["_aws"]["CloudWatchMetrics"] if x["Dimensions"] == directive["Dimensions"]]
        assert [x["Namespace"] for x in same] == [directive["Namespace"]]
        assert all(metric in same[0]["Metrics"] for metric in directive["Metrics"])
        assert {name: ours[name] for name in directive["Dimensions"][0]} == {
            name: theirs[name] for name in directive["Dimensions"][0]
        }
    assert ("ColdStart" in second, second["cold_start"]) == (False, False)


def test_every_line_obeys_the_specification_of_the_format() -> None:
    """AWS's: a timestamp, at most 30 dimensions and 100 metrics, numbers or arrays of at most 100; every name is a member."""
    desk = Desk(rate=0.0, detail=False)
    for number in range(500):
        desk.request(200 + number % 300, reasons=f"reason_{number}")
    assert desk.lines
    for written in desk.lines:
        assert abs(written["_aws"]["Timestamp"] - START_NS // 10**6) < 10**6
        for directive in written["_aws"]["CloudWatchMetrics"]:
            assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
            assert 0 < len(directive["Metrics"]) <= 100
            for dimensions in directive["Dimensions"]:
                assert all(isinstance(written[name], str) for name in dimensions)
            for metric in directive["Metrics"]:
                value = written[metric["Name"]]
                assert isinstance(value, int) or (isinstance(value, list) and 0 < len(value) <= 100)
                assert metric["Unit"] in ("Count", "Microseconds")


def test_mon_05_no_id_of_a_request_a_user_or_a_flag_is_a_dimension() -> None:
    desk = Desk(cold=True)
    desk.request(fields={"experiment_id": "e1", "variant": "b"})
    dimensions = [x["Dimensions"] for x in desk.line["_aws"]["CloudWatchMetrics"]]
    assert dimensions == [[["service"]], [["function_name", "service"]]]


# --- what a line says -------------------------------------------------------------------------------------------------


def test_a_line_says_what_was_asked_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    desk = Desk()
    desk.request(fields={"persisted": False, "share": 0.5})
    written = desk.line
    del written["_aws"], written["location"]
    assert written == {
        "level": "INFO",
        "message": "request",
        "timestamp": "2026-11-22T21:55:21.797+00:00",
        "service": "edge",
        "cold_start": False,
        "function_name": "edge",
        "function_memory_size": "256",
        "function_arn": LAMBDA.invoked_function_arn,
        "function_request_id": LAMBDA.aws_request_id,
        "request_id": "6f0b",
        "source_ip": "192.0.2.7",
        "backend": IMPLEMENTATION,
        "version": 12,
        "snapshot_version": "0123456789abcdef",
        "age_ms": 120,
        "flag": "new-checkout",
        "persisted": False,
        "share": 0.5,
        "duration_us": 8,
        "Latency": 8,
        "route": "flag",
        "status": 200,
        "reason": "enabled",
        "FlagEvaluation": 1,
        "FlagEvaluation_enabled": 1,
    }


def test_without_lambda_and_without_a_snapshot_there_is_a_line_too() -> None:
    desk = Desk("burgee")
    desk.request(503, context=None, served=None, age_ms=None, reasons=None, flag=None, request_id=None, source_ip=None)
    written = desk.line
    assert (written["level"], written["age_ms"], written["request_id"], written["source_ip"]) == ("ERROR", None, "", "")
    assert not {"function_name", "version", "reason", "flag"} & set(written)


def test_a_batch_says_how_many_had_each_reason() -> None:
    desk = Desk()
    desk.request(route="batch", flag=None, reasons={"enabled": 3, "not_in_rollout": 2})
    written = desk.line
    assert written["reasons"] == {"enabled": 3, "not_in_rollout": 2}
    assert {name: written[name] for name in names_in(written)} == {
        "Latency": 8,
        "FlagEvaluation": 5,
        "FlagEvaluation_enabled": 3,
        "FlagEvaluation_not_in_rollout": 2,
    }


def test_mon_02_what_is_counted_is_a_metric_of_the_next_line() -> None:
    desk = Desk()
    for name in ("TrackingDropped", "PersistFailed", "BreakerOpen", "StickyCacheHit", "StickyCacheMiss"):
        desk.telemetry.count(name)
    desk.telemetry.count("TrackingDropped", 4)
    desk.telemetry.gauge("TrackingPending", 9)
    desk.telemetry.gauge("TrackingPending", 7)
    desk.request(route="assign", reasons="not_in_traffic", flag="summer-sale")
    desk.request()
    first, second = desk.lines
    assert {name: first[name] for name in names_in(first)} == {
        "Latency": 8,
        "TrackingDropped": 5,
        "TrackingPending": 7,
        "PersistFailed": 1,
        "BreakerOpen": 1,
        "StickyCacheHit": 1,
        "StickyCacheMiss": 1,
        "AssignmentCount": 1,
        "AssignmentCount_not_in_traffic": 1,
    }
    assert first["experiment"] == "summer-sale"
    assert set(names_in(second)) == {"Latency", "FlagEvaluation", "FlagEvaluation_enabled"}


@pytest.mark.parametrize(
    ("status", "level", "counted"),
    [
        (200, "INFO", set()),
        (304, "INFO", set()),
        (400, "INFO", {"ClientErrors"}),
        (401, "INFO", {"ClientErrors", "Unauthorized"}),
        (403, "INFO", {"ClientErrors", "Unauthorized"}),
        (429, "INFO", {"ClientErrors", "Throttled"}),
        (500, "ERROR", {"Errors"}),
        (503, "ERROR", {"Errors"}),
    ],
)
def test_mon_02_a_status_is_counted(status: int, level: str, counted: set[str]) -> None:
    desk = Desk()
    desk.request(status, reasons=None, flag=None)
    assert desk.line["level"] == level
    assert set(names_in(desk.line)) == {"Latency"} | counted


def test_mon_02_looks_at_the_store_are_cache_misses() -> None:
    desk = Desk()
    reader = SimpleNamespace(checks=3)
    desk.telemetry.watch(reader)
    desk.request()
    reader.checks = 4
    desk.request()
    desk.request(route="ofrep-bulk", reasons=None, flag=None)
    assert [[name for name in names_in(x) if "Cache" in name] for x in desk.lines] == [
        ["CacheHit"],
        ["CacheMiss"],
        ["CacheHit"],
    ]
    assert desk.lines[2]["BulkEvaluation"] == 1


@pytest.mark.parametrize(
    ("microseconds", "looks", "cold", "counted"),
    [(5_001, False, False, 1), (5_000, False, False, 0), (90_000, True, False, 0), (90_000, False, True, 0)],
)
def test_mon_03_an_answer_from_memory_that_is_slow_is_counted(microseconds: int, looks: bool, cold: bool, counted: int) -> None:
    """Neither a cold start nor a look at the store is an evaluation; what comes after it (tracking) isn't either."""
    desk = Desk(cold=cold)
    reader = SimpleNamespace(checks=3)
    desk.telemetry.watch(reader)
    started = desk.telemetry.begin()
    desk.monotonic += microseconds * 1_000
    reader.checks += looks
    desk.telemetry.evaluated(started)
    desk.request(microseconds=30_000)
    assert desk.line.get("SlowEvaluation", 0) == counted


def test_a_warning_is_a_warning() -> None:
    desk = Desk()
    desk.request(fields={"warning": "the assignment could not be stored"})
    assert desk.line["level"] == "WARNING"


def test_reasons_cannot_make_more_metrics_than_a_line_may_have() -> None:
    desk = Desk()
    desk.request(route="batch", flag=None, reasons={f"reason-{number}": 1 for number in range(200)})
    names = names_in(desk.line)
    assert len(names) <= MOST_REASONS + 3
    assert desk.line["FlagEvaluation"] == 200
    assert desk.line["FlagEvaluation_other"] == 200 - MOST_REASONS


def test_detail_adds_metrics_by_flag_and_by_variant() -> None:
    desk = Desk(detail=True, rate=0.0)
    desk.request()
    desk.request(route="assign", flag="sale", reasons="enabled", fields={"variant": "b"})
    desk.request(route="assign", flag="sale", reasons="not_in_traffic", fields={"persisted": False})
    first, second, third = desk.lines
    assert "AssignmentByVariant" not in names_in(third)
    assert names_in(first, ["service", "flag", "reason"]) == ["FlagEvaluationByFlag"]
    assert names_in(second, ["service", "experiment", "variant", "reason"]) == ["AssignmentByVariant"]
    assert (second["experiment"], second["variant"], second["reason"]) == ("sale", "b", "enabled")


def test_the_second_and_the_function_may_change() -> None:
    desk = Desk()
    desk.request()
    desk.now += SECOND_NS
    desk.request(context=SimpleNamespace(**{**vars(LAMBDA), "invoked_function_arn": "arn:of:an:alias"}))
    desk.now -= 2 * SECOND_NS  # a clock that was set back
    desk.request()
    found = [(x["timestamp"][17:23], x["_aws"]["Timestamp"] % 10**5, x["function_arn"]) for x in desk.lines]
    arn = LAMBDA.invoked_function_arn
    assert found == [("21.797", 21797, arn), ("22.797", 22797, "arn:of:an:alias"), ("20.797", 20797, arn)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(TRACE, TRACE[5:40]), ("Root=x", "x"), ('Root="\n;Parent=1', '"\n'), ("Self=1;Root=2", "Self=1"), ("Root=1-ü;a", "1-Ã¼")],
)
def test_a_trace_id_of_any_form(header: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    desk = Desk()
    desk.request()
    assert desk.line["xray_trace_id"] == expected


def test_a_context_that_is_hardly_one_does() -> None:
    desk = Desk()
    desk.request(context=SimpleNamespace(aws_request_id="only"))
    desk.request(context=object())
    assert [(x["function_name"], x["function_request_id"]) for x in desk.lines] == [("", "only"), ("", "")]


HOSTILE = ['"', "\\", "\n", "\r\n", "\x00", "\ud800", "ü€😀", '","level":"ERROR"', "x" * 10_000, "\u2028", "{}"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_client_can_choose_neither_breaks_nor_bloats_a_line(text: str) -> None:
    desk = Desk()
    desk.request(request_id=text, source_ip=text, flag=text, fields={"note": text})
    desk.request(route="batch", request_id=text, source_ip=text, flag=None)
    assert [x["request_id"] for x in desk.lines] == [text[:256]] * 2
    assert desk.paper.text.count(b"\n") == 2
    assert desk.paper.text.isascii()
    assert max(len(x) for x in desk.paper.text.splitlines()) < 20_000
    assert [x["level"] for x in desk.lines] == ["INFO"] * 2


# --- how many lines ---------------------------------------------------------------------------------------------------


def test_cst_07_one_request_is_at_most_one_line() -> None:
    desk = Desk(cold=True)
    for status in (200, 404, 500):
        desk.request(status, fields={"warning": "w"})
    assert len(desk.lines) == 3


@pytest.mark.parametrize(("rate", "least", "most"), [(1.0, 2_000, 2_000), (0.5, 850, 1_150), (0.1, 120, 290), (0.0, 20, 20)])
def test_cst_07_a_sample_of_lines_and_all_of_the_counts(rate: float, least: int, most: int) -> None:
    desk = Desk(rate=rate)
    for number in range(2_000):
        desk.now += SECOND_NS // 1000
        desk.request(404 if number % 10 == 0 else 200, reasons="enabled" if number % 3 else "default")
    desk.now += LONGEST_HELD_NS
    desk.request(reasons=None, flag=None)
    assert least <= len(desk.lines) - 1 <= most
    assert desk.totals() == Counter(
        {
            "Latency": 2_001,
            "FlagEvaluation": 2_000,
            "FlagEvaluation_enabled": 1_333,
            "FlagEvaluation_default": 667,
            "ClientErrors": 200,
        }
    )


def test_errors_and_warnings_are_always_written() -> None:
    desk = Desk(rate=0.0)
    desk.request()
    desk.request(500)
    desk.request(fields={"warning": "w"})
    assert [x["level"] for x in desk.lines] == ["ERROR", "WARNING"]
    assert desk.totals()["Latency"] == 3


def test_what_waits_never_waits_for_more_requests_or_longer_than_is_said() -> None:
    desk = Desk(rate=0.0)
    for _ in range(MOST_HELD):
        assert not desk.lines
        desk.request()
    assert len(desk.line["Latency"]) == MOST_HELD
    desk.request()
    desk.now += LONGEST_HELD_NS
    desk.request()
    assert [len(x["Latency"]) for x in desk.lines] == [MOST_HELD, 2]
    desk.request()
    desk.now -= 5 * LONGEST_HELD_NS  # a clock that was set back must not keep lines for ever
    desk.request()
    assert len(desk.lines) == 3


def test_the_first_request_of_a_cold_start_is_always_written() -> None:
    desk = Desk(rate=0.0, cold=True)
    desk.request()
    desk.request()
    assert (desk.line["cold_start"], desk.line["ColdStart"]) == (True, 1)


def test_shr_02_the_level_is_respected_and_metrics_go_on() -> None:
    desk = Desk(level=WARNING)
    for _ in range(MOST_HELD):
        desk.request()
    desk.request(fields={"warning": "w"})
    desk.request(500)
    metrics, *others = desk.lines
    assert [x["level"] for x in others] == ["WARNING", "ERROR"]
    assert set(metrics) == {
        "service", "function_name", "function_memory_size", "function_arn", "_aws", "Latency", "route", "status", "reason",
        "FlagEvaluation", "FlagEvaluation_enabled",
    }  # fmt: skip
    assert desk.totals()["Latency"] == MOST_HELD + 2
    silent = Desk(level=ERROR)
    silent.request(fields={"warning": "w"})
    assert silent.lines == []


# --- settings ---------------------------------------------------------------------------------------------------------


def of(**environment: str) -> Telemetry:
    return Telemetry.of_environment(environment)


def test_shr_02_the_level_comes_from_the_environment_and_is_info_otherwise() -> None:
    assert of()._level == INFO
    assert of(LOG_LEVEL="warning")._level == WARNING
    assert of(LOG_LEVEL="DEBUG", POWERTOOLS_LOG_LEVEL="ERROR")._level == ERROR
    assert of(AWS_LAMBDA_LOG_LEVEL="WARN")._level == WARNING


def test_the_service_is_powertools_setting_or_the_function() -> None:
    assert of(POWERTOOLS_SERVICE_NAME="shop", AWS_LAMBDA_FUNCTION_NAME="edge")._service == '"shop"'
    assert of(AWS_LAMBDA_FUNCTION_NAME="edge")._service == '"edge"'
    assert of()._service == '"burgee"'


def test_nobody_waits_for_a_provisioned_start() -> None:
    assert of()._cold
    assert not of(AWS_LAMBDA_INITIALIZATION_TYPE="provisioned-concurrency")._cold


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BURGEE_LOG_RATE", "2"),
        ("BURGEE_LOG_RATE", "-0.1"),
        ("BURGEE_LOG_RATE", "nan"),
        ("BURGEE_LOG_RATE", "often"),
        ("BURGEE_LOG_SOURCE_IP", "yes"),
        ("BURGEE_METRIC_DETAIL", "flag"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        of(**{name: value})


# --- privacy ----------------------------------------------------------------------------------------------------------


def test_sec_08_a_user_is_left_out_or_hashed_with_the_deployments_salt() -> None:
    assert of().user_hash("customer-2") is None
    one, other = of(BURGEE_LOG_SALT="s" * 100), of(BURGEE_LOG_SALT="another")
    hashes = {one.user_hash("customer-2"), one.user_hash("customer-3"), other.user_hash("customer-2"), one.user_hash("\ud800")}
    assert len(hashes) == 4
    assert all(text is not None and len(text) == 16 and int(text, 16) >= 0 for text in hashes)
    assert one.user_hash("customer-2") == of(BURGEE_LOG_SALT="s" * 100).user_hash("customer-2")


def test_sec_08_the_line_has_the_hash_and_never_the_user() -> None:
    desk = Desk(salt="s")
    desk.request(user="customer-2")
    desk.request(user=None)
    desk.request(user=7)
    found = [line.get("user_hash") for line in desk.lines]
    assert found == [desk.telemetry.user_hash("customer-2"), None, None]
    unsalted = Desk()
    unsalted.request(user="customer-2")
    assert b"user_hash" not in unsalted.paper.text and b"customer" not in unsalted.paper.text + desk.paper.text


def test_sec_08_the_source_address_can_be_left_out() -> None:
    desk = Desk(show_ip=False)
    desk.request()
    assert desk.line["source_ip"] == ""


# --- nothing fails because of it --------------------------------------------------------------------------------------


def test_a_lost_line_is_counted_in_the_next_one() -> None:
    desk = Desk()
    desk.paper.torn = True
    desk.request()
    desk.request()
    desk.request(404)
    desk.paper.torn = False
    desk.request()
    assert desk.line["LogDropped"] == 3
    assert desk.paper.lost == 0
    desk.request()
    assert desk.totals()["FlagEvaluation"] == desk.totals()["Latency"] == 5, "what was counted isn't lost with the line"
    assert desk.totals()["ClientErrors"] == 1


def test_while_nothing_can_be_written_memory_stays_bounded() -> None:
    desk = Desk()
    desk.paper.torn = True
    for _ in range(1_000):
        desk.request()
    desk.paper.torn = False
    desk.request()
    assert (len(desk.line["Latency"]), desk.line["FlagEvaluation"], desk.line["LogDropped"]) == (MOST_HELD, 1_001, 1_000)


@pytest.mark.parametrize(
    "broken", [{"request_id": 7}, {"served": object()}, {"reasons": 7}, {"fields": {"a": float("nan")}}, {"flag": 7}]
)
def test_nothing_that_telemetry_is_told_can_fail_a_request(broken: dict[str, Any]) -> None:
    desk = Desk()
    desk.request(**broken)
    assert desk.paper.lost == 1
    desk.request()
    assert desk.lines[-1]["LogDropped"] == 1


def test_memory_stays_bounded_whatever_is_asked() -> None:
    desk = Desk()
    for number in range(3_000):
        desk.request(flag=f"flag-{number}", reasons=f"r{number}")
    telemetry = desk.telemetry
    assert len(telemetry._flags) <= 1_024
    assert len(telemetry._tails) <= 1_024
    assert len(telemetry._names) <= MOST_REASONS


# --- metrics that belong to no request --------------------------------------------------------------------------------


def test_a_line_is_what_the_format_says() -> None:
    written = json.loads(line("Burgee", METRICS, {"service": "edge"}, {"version": 12}, 1_700_000_000_000))
    assert written == {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Burgee",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "SnapshotStale", "Unit": "Milliseconds"}, {"Name": "Looks", "Unit": "Count"}],
                }
            ],
        },
        "version": 12,
        "service": "edge",
        "SnapshotStale": 61_000.0,
        "Looks": 2.0,
    }


def test_a_property_cannot_replace_a_metric() -> None:
    assert json.loads(line("Burgee", METRICS, {}, {"Looks": "many"}, 0))["Looks"] == 2.0


def test_it_is_one_line_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    emit("Burgee", METRICS, properties={"reason": "line\nbreak"})
    out = capfd.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith("\n")
    assert json.loads(out)["_aws"]["Timestamp"] > 1_700_000_000_000


def test_the_readers_metrics_have_the_dimension_of_all_others(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "edge")
    report("SnapshotSwapped", 1, "Count", {"version": 3})
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    report("SnapshotSwapped", 1, "Count", {"version": 3})
    in_lambda, elsewhere = (json.loads(text) for text in capfd.readouterr().out.splitlines())
    assert (in_lambda["service"], in_lambda["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == ("edge", [["service"]])
    assert elsewhere["service"] == "burgee"
    assert in_lambda["version"] == elsewhere["version"] == 3


def test_a_metric_that_cannot_be_written_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = Paper()
    paper.torn = True
    monkeypatch.setattr(metrics_module, "output", paper)
    emit("Burgee", METRICS)
    emit("Burgee", (("NotANumber", float("nan"), "None"),))
    assert paper.lost == 2


def test_in_a_process_of_its_own_lines_reach_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry.of_environment(os.environ)
    before = time.time_ns() // 1_000_000
    request = Request("GET", "/health", request_id="id", source_ip="192.0.2.7")
    request.account = ("health", None, None, None)
    telemetry.end(telemetry.begin(), None, request, 200)
    written = json.loads(capfd.readouterr().out)
    assert before <= written["_aws"]["Timestamp"] <= time.time_ns() // 1_000_000
    assert 0 <= written["duration_us"] < 60_000_000
