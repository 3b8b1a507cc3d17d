"""The cost model: its arithmetic, what it is held to, and that docs/cost.md shows it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra import baseline
from infra.cost import GB, LAMBDA, SECONDS, Bill, Deployed, Model, saving, sketch_bytes, transaction_units
from infra.functions import FUNCTIONS, function
from infra.measured import measured, template
from infra.prices import Price, prices
from infra.stages import DEV, PROD
from scripts import cost as page
from scripts.pages import filled, table

HUNDRED_MILLION = 100e6
BAR_USD = 500  # requirement CST-01
SAVED = 0.6  # requirement CST-02


def test_cst_01_lambda_stays_below_500_dollars_for_100_million_requests() -> None:
    """Every kind of request, each with what stands ready: and with room, so that a change for the worse is seen here first."""
    model = Model()
    ready = model.standing().usd(LAMBDA)
    for bill in (model.single(HUNDRED_MILLION), model.assignments(HUNDRED_MILLION), model.events(HUNDRED_MILLION)):
        assert 20 < bill.usd(LAMBDA) + ready < BAR_USD / 3, bill.what


def test_cst_01_every_service_is_listed_apart_with_its_price() -> None:
    model = Model()
    for bill in (model.single(HUNDRED_MILLION), model.assignments(HUNDRED_MILLION), model.events(HUNDRED_MILLION, 20)):
        assert {LAMBDA, "DynamoDB", "Kinesis", "S3", "CloudWatch"} <= set(bill.services())
        assert bill.usd() == pytest.approx(sum(bill.services().values()))
        for line in bill.lines:
            assert line.usd == pytest.approx(model.prices.usd(line.price, line.amount)), line


def test_cst_01_every_price_limit_and_assumption_says_where_it_is_from() -> None:
    known = prices()
    dated = [(row.source, row.date) for row in known.price.values()] + [(row.source, row.date) for row in known.limit.values()]
    for source, date in dated:
        assert source.startswith("https://")
        assert len(date) == 7
    assert all(row.what for row in known.assumption.values())
    used = {line.price for bill in _all_bills() for line in bill.lines}
    compared = {"lambda-x86", "lambda-x86-provisioned", "kinesis-shard", "kinesis-put", "s3-express-get", "logs-kept", "sqs"}
    compared |= {"fargate-cpu", "fargate-memory", "load-balancer"}
    assert set(known.price) - used == compared


def _all_bills() -> list[Bill]:
    model = Model()
    size = HUNDRED_MILLION
    return [
        model.standing(),
        model.options(),
        model.single(size),
        model.bulk(size),
        model.batch(size),
        model.assignments(size),
        model.events(size),
        model.front_door(size),
    ]


def test_cst_01_a_request_is_its_fee_and_its_milliseconds() -> None:
    model = Model()
    fee, time = model.invocations(function("flags"), 1e6, 2)
    assert fee.usd == pytest.approx(0.20)
    assert time.amount == pytest.approx(1e6 * 0.002 * 0.5)
    assert time.usd == pytest.approx(1_000 * 0.0000133334)


@pytest.mark.parametrize(("processor", "waits", "memory", "billed"), [
    (0.2, 0, 1769, 1), (1, 0, 1769, 2), (1, 0, 884.5, 3), (1, 10, 884.5, 13), (1, 0, 3538, 2), (0, 0, 512, 1),
])  # fmt: skip
def test_cst_01_milliseconds_are_billed_whole_by_the_share_of_a_processor(
    processor: float, waits: float, memory: float, billed: int
) -> None:
    assert Model().billed_ms(processor, waits, memory) == billed


def test_inf_08_an_api_before_the_functions_costs_a_dollar_a_million_and_its_log() -> None:
    requests, log, alarms = Model().front_door(HUNDRED_MILLION).lines
    assert (requests.service, requests.usd) == ("API Gateway", pytest.approx(100))
    assert log.usd == pytest.approx(100 * (226 + 26) / 1e3 * 0.5)
    assert alarms.amount == 3


def test_cst_01_a_slower_function_costs_more() -> None:
    """What the model is for: figures that grow are a bill that grows."""
    model = Model()
    slow = Model(times=replace(model.times, flag_ms=20 * model.times.flag_ms, assignment_ms=40.0, event_wall_ms=20_000.0))
    for name in ("single", "assignments", "events"):
        now, then = (getattr(each, name)(HUNDRED_MILLION).usd(LAMBDA) for each in (model, slow))
        assert then > 1.5 * now, name


def test_cst_01_the_bill_grows_with_the_traffic() -> None:
    model = Model()
    for name in ("single", "bulk", "batch", "assignments", "events"):
        bills = [getattr(model, name)(size).usd() for size in (1e6, 100e6, 10e9)]
        assert bills == sorted(bills)
        assert bills[2] > 10 * bills[1] or name == "events", name


def test_cst_01_what_stands_ready_is_the_stages() -> None:
    prod, dev = Model(stage=PROD).standing(), Model(stage=DEV).standing()
    warm = sum(row.memory_mb for row in FUNCTIONS if row.start == "provisioned") / 1024
    assert prod.lines[0].amount == pytest.approx(PROD.warm * warm * SECONDS)
    assert dev.lines[0].usd == 0
    assert prod.usd() < PROD.budget_usd


def test_cst_01_what_settings_add_is_listed() -> None:
    """Two interface endpoints in two zones, a key that signs, a sandbox that waits: what docs/deployment.md says they cost."""
    lines = {line.price: line for line in Model().options().lines}
    assert lines["endpoint-hours"].amount == 2 * 2 * 720
    assert lines["endpoint-hours"].usd == pytest.approx(28.80)
    assert lines["secrets"].usd + lines["secret-calls"].usd == pytest.approx(0.40 + 8_640 * 0.05 / 10_000)
    assert lines["lambda-arm64-provisioned"].usd == pytest.approx(Model().standing().lines[0].usd / (PROD.warm * 3))


def test_cst_02_sixty_percent_are_saved_against_the_stated_baselines() -> None:
    """Computing against the slowest function that is allowed, and all of it against a service that is always ready."""
    slow, fast = baseline.slow_function(HUNDRED_MILLION), baseline.fast_function(HUNDRED_MILLION)
    assert slow.lines[1].amount == pytest.approx(HUNDRED_MILLION * 0.015 * 0.5)
    assert saving(fast.lines[1].usd, slow.lines[1].usd) >= SAVED
    assert baseline.share_saved(HUNDRED_MILLION, prices().given("always-on-rate")) >= SAVED


def test_cst_02_the_page_says_where_it_is_not_so() -> None:
    """The fee is the same in both, and our own server is quicker than any assumption: neither is hidden."""
    slow, fast = baseline.slow_function(HUNDRED_MILLION), baseline.fast_function(HUNDRED_MILLION)
    assert saving(fast.usd(), slow.usd()) < SAVED
    assert baseline.share_saved(HUNDRED_MILLION, page.own_rate()) < SAVED
    shown = page.baselines()
    assert "34%" in shown
    assert "24%" in shown


def test_cst_02_break_even_is_where_the_dollars_are_equal() -> None:
    processors, cost = baseline.always_on(1_000)
    assert processors == 40
    assert baseline.functions_usd(baseline.break_even(cost)) == pytest.approx(cost, rel=1e-3)
    assert baseline.always_on(1e9)[0] == 2


def test_cst_04_the_memory_is_the_least_that_is_allowed_and_measured_to_be_enough() -> None:
    times = measured()
    assert times.resident_mb < function("flags").memory_mb / 4
    assert times.sync_peak_mb < function("sync").memory_mb / 4
    billed, cost = baseline.memory_row(512, HUNDRED_MILLION)
    fee = prices().usd("lambda-requests", HUNDRED_MILLION)
    assert billed <= 3
    assert cost < fee / 5
    assert baseline.memory_row(128, HUNDRED_MILLION)[0] > billed


def test_cst_05_tracking_at_20_000_requests_a_second_has_a_price_and_ways_to_lower_it() -> None:
    ways = baseline.tracking(20_000)
    full, tenth, hundredth = (next(way for way in ways if way.share == share) for share in (1.0, 0.1, 0.01))
    assert full.events == pytest.approx(20_000 * SECONDS)
    assert full.usd > 5 * tenth.usd > 10 * hundredth.usd
    assert hundredth.usd < 3_000
    lines = next(way for way in ways if way.share == 1 and "log lines" in way.what)
    assert lines.usd == pytest.approx(full.events * 356 / GB * 0.5)
    assert ways[-1].events == 0
    assert ways[-1].usd < full.usd / 50  # counts without events


def test_cst_05_the_functions_track_the_share_that_the_model_reckons_with() -> None:
    assert float(str(function("flags").environment["BURGEE_TRACKING_RATE"])) == prices().given("tracked")
    assert float(str(function("flags").environment["BURGEE_LOG_RATE"])) == Deployed().log_rate


def test_cst_07_writing_every_line_would_cost_more_than_computing() -> None:
    every, few = Model(Deployed(log_rate=1)), Model()
    lines = [model.logged(function("flags"), HUNDRED_MILLION, 5)[0].usd for model in (every, few)]
    assert lines[0] == pytest.approx(HUNDRED_MILLION * 991 / GB * 0.5)
    assert lines[1] < lines[0] / 20


def test_agg_11_a_counter_is_written_whole_in_a_transaction() -> None:
    assert transaction_units(1) == 2
    assert transaction_units(1_024) == 2
    assert transaction_units(1_025) == 4
    assert sketch_bytes(10) < 100
    assert sketch_bytes(3_000) == sketch_bytes(1_000_000) == 8_232
    model = Model()
    assert model.units_a_batch(1, 10_000) == pytest.approx(1 + 2 + 3 * 18 + 2)
    assert model.units_a_batch(500, 10_000) == pytest.approx(1 + 2 + 12 * 18 + 10, abs=0.01)


def test_cst_01_results_that_are_missing_are_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="results of edge"):
        measured(tmp_path)


def test_cst_01_what_is_deployed_is_read_from_the_golden_template(tmp_path: Path) -> None:
    """So that a function that logs or traces more, or another alarm, is a higher bill in the same commit."""
    function_of = {"Type": "AWS::Lambda::Function", "Properties": {"LoggingConfig": {"SystemLogLevel": "WARN"}}}
    math = {"Metrics": [{"Expression": "a / b"}, {"MetricStat": {}}, {"MetricStat": {}}]}
    alarms = [{"Type": "AWS::CloudWatch::Alarm", "Properties": each} for each in (math, {"MetricName": "Errors"})]
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"Resources": dict(enumerate([function_of, *alarms]))}))
    made = template(path)
    assert (made.alarms, made.dashboards, made.keys, made.traced, made.platform_lines) == (3, 0, 0, False, False)
    now = template()
    assert now.alarms >= 40
    assert now.dashboards >= 1
    assert (Deployed().traced, Deployed().platform_lines) == (now.traced, now.platform_lines)
    loud, quiet = (Model(Deployed(platform_lines=on, traced=on)).single(HUNDRED_MILLION).usd() for on in (True, False))
    assert loud > 1.3 * quiet


def test_cst_01_a_price_is_for_so_many() -> None:
    assert Price(0.2, 1e6, "requests", "https://", "2025-12").of(5e6) == pytest.approx(1.0)


def test_doc_10_the_page_shows_the_figures_of_now() -> None:
    shown = page.PAGE.read_text(encoding="utf-8")
    assert page.page_text(shown) == shown, "python -m scripts.cost"


def test_doc_10_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="places"):
        filled("no place", {"a": str})
    made = "<!-- made: a -->\nold\n<!-- end of a -->\n"
    assert filled(made, {"a": lambda: "new\n"}) == made.replace("old", "new")
    with pytest.raises(ValueError, match="row"):
        table(["a"], [["b", "c"]])
    assert json.dumps(table(["a"], [["b"]])) == '"| a |\\n|---|\\n| b |\\n"'
