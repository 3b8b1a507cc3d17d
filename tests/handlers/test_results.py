"""The results function end to end: counters of several lanes and phases in a table, a snapshot, requests and the schedule."""

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from config_sync import compile_project
from handlers import _counters as counters
from handlers import _results_store, results
from handlers import _sequential as sequential
from handlers._results import MISTRUSTED, NO_DIFFERENCE, TOO_FEW
from tests.aws import Aws
from tests.handlers.assigning import experiment, weights
from tests.handlers.counted import Counted
from tests.handlers.logged import errors_in, lines_in, requests_in
from tests.handlers.platform import SCHEDULED

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
HALVES = {"control": 0.5, "treatment": 0.5}
SHOP = "exp_checkout"
EXPERIMENTS = [
    experiment(metadata={"name": "One page"}),
    experiment("paused", status="paused"),
    experiment("empty"),
    experiment("odd/key ß", experiment_id="exp_odd"),
]

Ask = Callable[..., tuple[int, Any]]


class Clock:
    """Epoch nanoseconds, by hand."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def time_ns(self) -> int:
        return self.ms * 1_000_000


@pytest.fixture
def table(aws: Aws) -> Counted:
    return Counted(aws)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(results, "time", made)
    return made


@pytest.fixture
def running(
    aws: Aws, table: Counted, configure: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> Iterator[Any]:
    """The function with a snapshot of ``EXPERIMENTS`` and the table; gives ``configure``."""
    snapshot = compile_project({"experiments": EXPERIMENTS, "flags": {"simple": {"type": "boolean", "default": "on"}}}).snapshot
    assert snapshot is not None
    path = tmp_path / "experiments.burgee"
    path.write_bytes(snapshot)
    for name, value in (aws.environment | {"DYNAMODB_TABLE": table.name}).items():
        monkeypatch.setenv(name, value)
    configure(BUNDLE=path)
    results.reset_results()
    yield configure
    results.reset_results()


def request(path: str, query: str = "", method: str = "GET", headers: dict[str, str] | None = None) -> dict[str, Any]:
    """As a Function URL sends it."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers or {},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "requestId": "r-1",
            "stage": "$default",
            "domainName": "x.lambda-url.us-east-1.on.aws",
        },
        "isBase64Encoded": False,
    }


def ask(path: str, query: str = "", method: str = "GET") -> dict[str, Any]:
    return results.handler(request(path, query, method), None)


def document(key: str = "checkout", query: str = "") -> Any:
    answer = ask(f"/experiments/{key}/results", query)
    assert answer["statusCode"] == 200, answer
    return strictly(str(answer["body"]))


def strictly(text: str) -> Any:
    """JSON as the standard has it: neither NaN nor Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in JSON")

    return json.loads(text, parse_constant=refuse)


def seed(table: Counted, phase: int = 1, users: int = 4_000, rates: tuple[float, float] = (0.1, 0.16)) -> dict[str, range]:
    """An experiment with a difference: a phase, its exposures and purchases."""
    table.phase(SHOP, phase, NOW_MS - 10 * DAY_MS + phase * DAY_MS, HALVES)
    exposed = table.exposed(SHOP, phase, control=users // 2 + 7, treatment=users // 2 - 7)
    for variant, rate in zip(exposed, rates, strict=True):
        buyers = exposed[variant][: round(users // 2 * rate)]
        dice = random.Random(variant)
        prices = {user: f"{dice.lognormvariate(3, 0.5):.2f}" for user in buyers}
        table.events(SHOP, variant, phase, "purchase", buyers, {"revenue": prices})
    return exposed


# --- what is measured -----------------------------------------------------------------------------------------------------


def test_agg_13_lanes_are_added_up(running: Any, table: Counted) -> None:
    seed(table)
    partitions = {counters.counter_partition(SHOP, "control", "phase#1", shard) for shard in range(counters.WRITE_SHARDS)}
    items = [item for partition in sorted(partitions) for item in table.items(partition)]
    assert len({item["partition_key"] for item in items}) > 1, "lanes lie in several partitions"
    assert sum(item["sort_key"].startswith("event_type#exposure#") for item in items) == 3
    control, treatment = document()["variants"]
    assert (control["variant"], control["exposures"]) == ("control", 2_007)
    assert (treatment["variant"], treatment["exposures"]) == ("treatment", 1_993)
    assert control["users"]["low"] <= 2_007 <= control["users"]["high"]
    purchase = control["events"]["purchase"]
    assert purchase["events"] == 200
    assert purchase["users"]["estimate"] == pytest.approx(200, abs=0.5)
    assert purchase["conversion"] == pytest.approx(200 / 2_007, rel=0.01)


def test_agg_05_a_user_who_buys_twice_converts_once(running: Any, table: Counted) -> None:
    exposed = seed(table, rates=(0.0, 0.0))
    buyers = [*exposed["control"][:150], *exposed["control"][:150]]
    table.events(SHOP, "control", 1, "purchase", buyers)
    purchase = document()["variants"][0]["events"]["purchase"]
    assert purchase["events"] == 300
    assert purchase["conversion"] == pytest.approx(150 / 2_007, rel=0.001)


def test_agg_12_numbers_are_means_with_deviations(running: Any, table: Counted) -> None:
    exposed = seed(table, rates=(0.0, 0.0))
    numbers = {user: str(10 + user % 5) for user in exposed["control"][:1_000]}
    table.events(SHOP, "control", 1, "visit", exposed["control"][:1_001], {"pages": numbers})
    found = document()["variants"][0]["events"]["visit"]["properties"]["pages"]
    assert found == {
        "n": 1_000, "sum": 12_000.0, "sum_of_squares": 146_000.0, "mean": 12.0,
        "standard_deviation": pytest.approx(math.sqrt(2_000 / 999)),
    }  # fmt: skip


def test_agg_12_the_better_variant_is_said_to_be_ahead(running: Any, table: Counted) -> None:
    seed(table)
    found = document()
    assert found["control"] == "control"
    by_name = {metric["metric"]: metric for metric in found["metrics"]}
    assert set(by_name) == {"purchase", "purchase/revenue"}
    (compared,) = by_name["purchase"]["comparisons"]
    assert compared["variant"] == "treatment"
    assert compared["verdict"] == "treatment is ahead"
    assert compared["direction"] == "up"
    assert compared["lift"] == pytest.approx((320 / 1_993) / (200 / 2_007) - 1, rel=0.02)
    low, high = compared["lift_interval"]
    assert 0 < low < compared["lift"] < high
    assert 0 < compared["p_value"] <= 0.05
    fixed = compared["fixed_horizon"]
    assert "one look" in fixed["note"]
    assert low < fixed["lift_interval"][0] < fixed["lift_interval"][1] < high, "for one look one may be surer"
    (revenue,) = by_name["purchase/revenue"]["comparisons"]
    assert revenue["verdict"] == TOO_FEW, "200 values of control's"
    assert (revenue["lift_interval"], revenue["p_value"]) == (None, None)
    assert revenue["lift"] is not None


def test_a_difference_that_is_not_there_is_not_shown(running: Any, table: Counted) -> None:
    seed(table, rates=(0.1, 0.102))
    (compared,) = document()["metrics"][0]["comparisons"]
    assert compared["verdict"] == NO_DIFFERENCE
    assert compared["direction"] is None
    assert compared["lift_interval"][0] < 0 < compared["lift_interval"][1]


def test_small_numbers_have_estimates_and_no_intervals(running: Any, table: Counted) -> None:
    seed(table, users=160, rates=(0.2, 0.4))
    for metric in document()["metrics"]:
        (compared,) = metric["comparisons"]
        assert compared["verdict"] == TOO_FEW
        assert compared["lift"] is not None
        assert {compared[name] for name in ("lift_interval", "difference_interval", "p_value", "fixed_horizon")} == {None}


def test_an_experiment_that_nobody_has_seen(running: Any, table: Counted) -> None:
    found = document("empty")
    assert found["phase"] is None
    assert found["phases"] == []
    assert [variant["exposures"] for variant in found["variants"]] == [0, 0]
    assert found["metrics"] == []
    assert found["sample_ratio"] == {
        "p_value": 1.0, "mismatch": False, "verdict": "nobody was exposed yet",
        "observed": {"control": 0, "treatment": 0}, "expected": {"control": 0.0, "treatment": 0.0},
    }  # fmt: skip
    table.phase("exp_empty", 1, NOW_MS, HALVES)
    table.events("exp_empty", "treatment", 1, "purchase", range(5))
    (metric,) = document("empty")["metrics"]
    assert metric["values"] == {"control": None, "treatment": None}, "events without exposures are no conversions"
    assert metric["comparisons"][0]["verdict"] == TOO_FEW


def test_more_converters_than_exposures_are_all_of_them(running: Any, table: Counted) -> None:
    seed(table, users=200, rates=(0.0, 0.0))
    table.events(SHOP, "control", 1, "purchase", range(5_000))
    assert document()["variants"][0]["events"]["purchase"]["conversion"] == 1.0


def test_agg_06_the_error_of_estimated_users_widens_intervals(running: Any, table: Counted) -> None:
    """Above some thousand users a sketch estimates; what it may be off by is in the interval."""
    table.phase(SHOP, 1, NOW_MS - DAY_MS, HALVES)
    exposed = table.exposed(SHOP, 1, control=40_000, treatment=40_000)
    for variant, users in exposed.items():
        table.events(SHOP, variant, 1, "purchase", users[:20_000])
    found = document()
    purchase = found["variants"][0]["events"]["purchase"]
    assert purchase["users"]["low"] < purchase["users"]["estimate"] < purchase["users"]["high"]
    assert abs(purchase["users"]["estimate"] - 20_000) < 600
    low, high = found["metrics"][0]["comparisons"][0]["difference_interval"]
    exact = 2 * sequential.radius(sequential.mixture(80_000)) * math.sqrt(2 * 0.25 / 40_000)
    assert high - low > 1.2 * exact, "as if users had been counted"
    assert low < 0 < high


# --- phases ---------------------------------------------------------------------------------------------------------------


def test_agg_13_phases_are_kept_apart(running: Any, table: Counted) -> None:
    seed(table, phase=1)
    table.phase(SHOP, 2, NOW_MS - DAY_MS, {"control": 0.2, "treatment": 0.8})
    table.exposed(SHOP, 2, control=20, treatment=81)
    found = document()
    assert found["phase"] == {
        "number": 2, "started_at": "2027-01-14T08:00:00Z", "allocation": {"control": 0.2, "treatment": 0.8},
    }  # fmt: skip
    assert [phase["number"] for phase in found["phases"]] == [1, 2]
    assert [variant["exposures"] for variant in found["variants"]] == [20, 81]
    assert found["metrics"] == []
    assert found["sample_ratio"]["expected"] == pytest.approx({"control": 20.2, "treatment": 80.8})
    first = document(query="phase=1")
    assert first["phase"]["number"] == 1
    assert [variant["exposures"] for variant in first["variants"]] == [2_007, 1_993]
    assert first["metrics"][0]["comparisons"][0]["verdict"] == "treatment is ahead"


# --- the sample ratio -----------------------------------------------------------------------------------------------------


def test_mon_04_a_wrong_ratio_is_said_and_nothing_else_is_trusted(running: Any, table: Counted) -> None:
    table.phase(SHOP, 1, NOW_MS - DAY_MS, HALVES)
    exposed = table.exposed(SHOP, 1, control=2_000, treatment=1_600)
    for variant, users in exposed.items():
        table.events(SHOP, variant, 1, "purchase", users[:200])
    found = document()
    ratio = found["sample_ratio"]
    assert ratio["mismatch"] is True
    assert ratio["p_value"] <= 0.001
    assert ratio["verdict"] == "sample ratio mismatch"
    assert ratio["observed"] == {"control": 2_000, "treatment": 1_600}
    assert found["metrics"][0]["comparisons"][0]["verdict"] == MISTRUSTED


def test_mon_04_a_variant_that_should_have_nobody_is_told_and_not_tested(running: Any, table: Counted) -> None:
    """While an allocation reaches every process, some users are assigned by the old one."""
    table.phase(SHOP, 1, NOW_MS - DAY_MS, {"control": 0.5, "treatment": 0.5, "third": 0.0})
    table.exposed(SHOP, 1, control=1_000, treatment=1_000, third=3)
    ratio = document()["sample_ratio"]
    assert ratio["mismatch"] is False
    assert ratio["observed"]["third"] == 3
    assert set(ratio["expected"]) == {"control", "treatment"}


# --- requests -------------------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_not_found(running: Any) -> None:
    for key in ("nothing", "simple"):
        answer = ask(f"/experiments/{key}/results")
        assert answer["statusCode"] == 404
        assert "no experiment" in json.loads(answer["body"])["error"]


def test_keys_are_percent_encoded(running: Any) -> None:
    assert document("odd%2Fkey%20%C3%9F")["experiment"]["key"] == "odd/key ß"


@pytest.mark.parametrize(
    "path",
    ["/", "/experiments", "/experiments/results", "/experiments//results", "/experiments/a/b/results", "/experiments/a/result"],
)
def test_there_is_nothing_elsewhere(running: Any, path: str) -> None:
    assert ask(path)["statusCode"] == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("phase=0", 400), ("phase=x", 400), ("phase=-1", 400), ("phase=99999999999", 400), ("phase=%C2%B2", 400),
        ("phase=7", 404), ("history=2", 400),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(running: Any, table: Counted, query: str, status: int) -> None:
    seed(table)
    for view in ("results", "results.svg"):
        assert ask(f"/experiments/checkout/{view}", query)["statusCode"] == status


def test_other_methods_are_refused(running: Any) -> None:
    for view in ("results", "results.svg"):
        answer = ask(f"/experiments/checkout/{view}", method="POST")
        assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, OPTIONS")
        assert ask(f"/experiments/checkout/{view}", method="OPTIONS")["statusCode"] == 204
    assert ask("/health", method="POST")["statusCode"] == 405


def test_health(running: Any) -> None:
    answer = ask("/health")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "ok"


def test_without_a_snapshot_there_is_no_answer_yet(running: Any, tmp_path: Path) -> None:
    running(STORE=tmp_path / "nothing", BUNDLE="")
    for path in ("/experiments/checkout/results", "/health"):
        assert ask(path)["statusCode"] == 503


def test_who_has_no_key_is_refused(running: Any) -> None:
    running(BUNDLE="", AUTH="api-key", API_KEY_DIGESTS=f"me:{'0' * 64}", STORE="nowhere")
    assert ask("/experiments/checkout/results")["statusCode"] == 401


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DYNAMODB_TABLE", ""),
        ("BURGEE_RESULTS_HORIZON", "0"),
        ("BURGEE_RESULTS_HORIZON", "many"),
        ("BURGEE_LOOK_TTL_DAYS", "-1"),
    ],
)
def test_a_wrong_setting_is_named_in_the_log_and_not_to_clients(
    running: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    results.reset_results()
    answer = ask("/experiments/checkout/results")
    assert answer["statusCode"] == 500
    assert variable not in answer["body"]
    (error,) = errors_in(capfd.readouterr().out)
    assert variable in error["message"]


def test_a_table_that_does_not_answer_is_a_503(
    running: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DYNAMODB_TABLE", "there-is-no-such-table")
    results.reset_results()
    answer = ask("/experiments/checkout/results")
    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == "2"
    assert "Resource" not in answer["body"]
    (error,) = errors_in(capfd.readouterr().out)
    assert error["reason"] == "ResourceNotFoundException"


def test_mon_05_a_request_leaves_one_line(running: Any, table: Counted, capfd: pytest.CaptureFixture[str]) -> None:
    seed(table)
    document()
    (line,) = requests_in(capfd.readouterr().out)
    assert (line["route"], line["experiment"], line["status"]) == ("results", "checkout", 200)


# --- looks and the picture --------------------------------------------------------------------------------------------------


def metrics_in(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The figures of the one line of the schedule's."""
    (line,) = [line for line in lines if "SampleRatioMismatch" in line]
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert definition["Dimensions"] == [["service"]], "no experiment is a dimension"
    return {each["Name"]: line[each["Name"]] for each in definition["Metrics"]}


def test_mon_04_the_schedule_keeps_looks_and_counts_alarms(
    running: Any, table: Counted, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    seed(table)
    table.phase("exp_odd", 1, NOW_MS - DAY_MS, HALVES)
    table.phase("exp_paused", 1, NOW_MS - DAY_MS, HALVES)
    table.exposed("exp_paused", 1, control=100, treatment=900)
    told = results.handler(SCHEDULED, None)
    assert told == {"looked_at": 3, "kept": 2, "in_alarm": 0, "failed": 0, "left": 0}, "three are active, two have begun"
    figures = metrics_in(lines_in(capfd.readouterr().out))
    assert figures == {"SampleRatioMismatch": 0, "ResultsComputed": 3, "ResultsFailed": 0, "ResultsLeft": 0}
    (item,) = table.items(counters.looks_partition(SHOP, 1))
    assert item["sort_key"] == "2027-01-15T08:00Z"
    assert int(item["ttl"]) == NOW_MS // 1_000 + 400 * 86_400
    table.exposed("exp_odd", 1, control=200, treatment=500)
    clock.ms += 3_600_000
    assert results.handler(SCHEDULED, None)["in_alarm"] == 1
    lines = lines_in(capfd.readouterr().out)
    assert metrics_in(lines)["SampleRatioMismatch"] == 1
    (alarm,) = [line for line in lines if line.get("message") == "sample ratio mismatch"]
    assert (alarm["level"], alarm["experiment"], alarm["phase"]) == ("ERROR", "odd/key ß", 1)
    assert alarm["observed"] == {"control": 200, "treatment": 500}


def test_the_environment_says_the_horizon_and_how_long_looks_are_kept(
    running: Any, table: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(table)
    monkeypatch.setenv("BURGEE_RESULTS_HORIZON", "777")
    monkeypatch.setenv("BURGEE_LOOK_TTL_DAYS", "3")
    results.reset_results()
    results.handler(SCHEDULED, None)
    (item,) = table.items(counters.looks_partition(SHOP, 1))
    assert int(item["ttl"]) == NOW_MS // 1_000 + 3 * 86_400
    assert document()["method"]["horizon"] == 777


def test_looks_are_a_hundredth_of_the_phases_age_apart(running: Any, table: Counted, clock: Clock) -> None:
    seed(table)
    table.phase(SHOP, 1, NOW_MS - 10 * DAY_MS, HALVES)
    partition = counters.looks_partition(SHOP, 1)
    kept = []
    for minute in (0, 0, 60, 140, 150, 290):
        clock.ms = NOW_MS + minute * 60_000
        results.handler(SCHEDULED, None)
        kept.append(len(table.items(partition)))
    assert kept == [1, 1, 1, 1, 2, 2], "14,400 minutes old: 144 minutes"


def test_a_new_phase_is_looked_at_every_minute_at_most(running: Any, table: Counted, clock: Clock) -> None:
    table.phase(SHOP, 1, NOW_MS, HALVES)
    for seconds in (0, 30, 61, 120, 181):
        clock.ms = NOW_MS + seconds * 1_000
        results.handler(SCHEDULED, None)
    assert len(table.items(counters.looks_partition(SHOP, 1))) == 4


def test_the_lift_over_time_is_drawn_from_looks(running: Any, table: Counted, clock: Clock) -> None:
    """What the schedule kept, and what is so now: each look is a point of the line."""
    table.phase(SHOP, 1, NOW_MS - 1_000, HALVES)
    for day in range(1, 6):
        exposed = table.exposed(SHOP, 1, control=600 * day, treatment=600 * day)
        table.events(SHOP, "control", 1, "purchase", exposed["control"][: 60 * day])
        table.events(SHOP, "treatment", 1, "purchase", exposed["treatment"][: 80 * day])
        clock.ms = NOW_MS + day * DAY_MS
        if day < 5:
            results.handler(SCHEDULED, None)
    history = document(query="history=1")["history"]
    assert [look["users"] for look in history] == [1_200, 2_400, 3_600, 4_800, 6_000]
    answer = ask("/experiments/checkout/results.svg")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "image/svg+xml"
    assert answer["headers"]["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer["isBase64Encoded"] is False
    root = ElementTree.fromstring(answer["body"])
    line = root.find(".//*[@class='lift']")
    assert line is not None
    assert len(line.attrib["d"].split(" ")) == 5
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "One page: lift of purchase" in words
    assert any(text and text.startswith("phase 1 since 2027-01-15 07:59") for text in words)
    assert "+33.3 %" in words
    assert ask("/experiments/checkout/results.svg", "metric=nothing")["statusCode"] == 404
    assert ask("/experiments/empty/results.svg")["statusCode"] == 200


# --- when something fails ---------------------------------------------------------------------------------------------------


def test_one_experiment_that_fails_does_not_keep_the_others(
    running: Any, table: Counted, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seed(table)
    real = _results_store.Results.read

    def read(self: Any, experiment: Any, now_ms: int, number: int | None = None) -> Any:
        if experiment.key == "empty":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "secret"}}, "Query")
        if experiment.key == "odd/key ß":
            raise ZeroDivisionError("secret")
        return real(self, experiment, now_ms, number)

    monkeypatch.setattr(_results_store.Results, "read", read)
    assert results.handler(SCHEDULED, None) == {"looked_at": 1, "kept": 1, "in_alarm": 0, "failed": 2, "left": 0}
    printed = capfd.readouterr().out
    assert "secret" not in printed
    assert metrics_in(lines_in(printed))["ResultsFailed"] == 2
    assert {error["experiment"]: error.get("reason") for error in errors_in(printed)} == {
        "empty": "ThrottlingException", "odd/key ß": None,
    }  # fmt: skip


def test_a_schedule_that_can_look_at_nothing_fails(
    running: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DYNAMODB_TABLE", "there-is-no-such-table")
    results.reset_results()
    with pytest.raises(results.LooksFailed, match="no experiment could be looked at"):
        results.handler(SCHEDULED, None)
    assert metrics_in(lines_in(capfd.readouterr().out))["ResultsFailed"] == 3
    running(STORE=tmp_path / "nothing", BUNDLE="")
    with pytest.raises(results.LooksFailed, match="no snapshot"):
        results.handler(SCHEDULED, None)
    monkeypatch.setenv("DYNAMODB_TABLE", "")
    results.reset_results()
    with pytest.raises(results.LooksFailed, match="DYNAMODB_TABLE"):
        results.handler(SCHEDULED, None)
    figures = metrics_in(lines_in(capfd.readouterr().out.splitlines(keepends=True)[-2]))
    assert figures["ResultsFailed"] == 1


class Context:
    """Lambda's, with so much time left."""

    def __init__(self, left_ms: int) -> None:
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


def test_no_experiment_is_begun_shortly_before_the_deadline(running: Any, clock: Clock) -> None:
    told = results.handler(SCHEDULED, Context(2_999))
    assert told == {"looked_at": 0, "kept": 0, "in_alarm": 0, "failed": 0, "left": 3}


def test_with_too_little_time_all_have_their_turn(running: Any, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    seen = []
    monkeypatch.setattr(results, "_look", lambda results, experiment, *rest: seen.append(experiment.key))
    for _ in range(3):
        results.handler(SCHEDULED, type("Once", (), {"get_remaining_time_in_millis": iter([9_000, 0]).__next__})())
        clock.ms += 60_000
    assert sorted(seen) == ["checkout", "empty", "odd/key ß"]


def test_the_order_of_variants_is_the_allocations(running: Any, table: Counted) -> None:
    """Without a variant that is called control, the first one is it."""
    assert weights(0.5)[0]["key"] == "control"
    from handlers._counters import Phase
    from handlers._experiments import Experiment
    from handlers._results import document as made

    named = Experiment("exp_1", "e", "E", "active", {"zebra": 0.5, "ape": 0.5})
    found = made(named, [], Phase(1, NOW_MS, {"ape": 0.4, "zebra": 0.5, "newt": 0.1}, 1), {}, NOW_MS)
    assert found["control"] == "zebra"
    assert [variant["variant"] for variant in found["variants"]] == ["zebra", "ape", "newt"]
