"""The simulated fleet: its bounds hold for the real reader, and the committed result and its picture are of one piece."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks import fleet_picture
from benchmarks.simulate_fleet import (
    PICTURE,
    RESULT,
    SCENARIOS,
    SMALL,
    WHOLE,
    Fleet,
    Found,
    Scenario,
    histogram,
    share,
    spread,
    summary,
)

LAMBDAS = 500
# A store that is always quick: no look takes more than its budget, so that the bound is exact.
QUICK = replace(
    WHOLE,
    lambdas=LAMBDAS,
    burst=50,
    burst_s=1.0,
    seconds=70.0,
    publishes=(30.0,),
    outage=None,
    get_ms=8.0,
    object_ms=6.0,
    spread=0.2,
)
ROUGH = replace(QUICK, seconds=90.0, publishes=(30.0,), outage=(45.0, 65.0), get_ms=20.0, object_ms=15.0, spread=0.5)


def run(scenario: Scenario) -> Found:
    return Fleet(scenario).run()


@pytest.fixture(scope="module")
def quick() -> Found:
    return run(QUICK)


@pytest.fixture(scope="module")
def rough() -> Found:
    return run(ROUGH)


def test_prf_01_no_answer_is_older_than_refresh_and_budget(quick: Found) -> None:
    (stale,) = quick.stale_ms
    assert len(stale) == LAMBDAS, "everybody has the new version"
    assert max(stale) <= QUICK.refresh_ms + QUICK.budget_ms
    assert share(stale, 0.5) < QUICK.refresh_ms / 2
    assert min(stale) < 200


def test_prf_01_a_longer_interval_is_found_out() -> None:
    """The bound above isn't met by anything: a reader that looks half as often breaks it."""
    (stale,) = run(replace(QUICK, refresh_ms=10_000)).stale_ms
    assert max(stale) > QUICK.refresh_ms + QUICK.budget_ms


def test_prf_01_a_steady_fleet_asks_as_often_as_its_interval_says(quick: Found) -> None:
    """A look every 80 to 100 % of five seconds, and the time until somebody asks; a 304 each."""
    steady = quick.mean(15, 30)
    least, most = (LAMBDAS / seconds for seconds in (5.0 + 0.15, 4.5))
    assert least < steady < most
    assert sum(quick.object[15:30]) == 0


def test_prf_01_a_publish_at_most_doubles_the_rate(quick: Found) -> None:
    assert sum(quick.object[30:]) == LAMBDAS, "each fetches the object once"
    assert sum(quick.object[36:]) == 0
    assert quick.peak(30, 36) < 2.6 * quick.mean(15, 30)


def test_prf_01_no_request_waits_beyond_the_budget(quick: Found, rough: Found) -> None:
    for found in (quick, rough):
        assert max(found.waits_ms) <= QUICK.budget_ms + 1
        assert max(found.first_waits_ms) <= 2_000


def test_prf_01_a_store_that_comes_back_meets_no_herd(rough: Found) -> None:
    """Retries are at random, and never more frequent than half of an interval once it has lasted."""
    steady = rough.mean(15, 30)
    outage, end = rough.mean(58, 65), 65
    assert outage < 1.5 * steady
    assert rough.peak(end, end + 10) < 2 * steady
    assert sum(rough.failed[end + 1 :]) < 0.02 * sum(rough.pointer[end + 1 :]) + 5
    assert len(rough.recovered_ms) == LAMBDAS
    assert share(rough.recovered_ms, 0.95) <= ROUGH.refresh_ms + ROUGH.budget_ms


def test_prf_01_a_rough_store_delays_few(rough: Found) -> None:
    (stale,) = rough.stale_ms
    assert len(stale) == LAMBDAS
    assert share(stale, 0.99) <= ROUGH.refresh_ms + ROUGH.budget_ms
    assert max(stale) < 2 * ROUGH.refresh_ms


def test_prf_01_a_store_that_asks_for_fewer_requests_still_serves_nearly_all() -> None:
    """Half of what the fleet would ask for, for ever: who is refused twice in a row for 70 s is unlucky, and goes on."""
    scenario = replace(QUICK, limit=60, seconds=100.0)
    fleet = Fleet(scenario)
    found = fleet.run()
    served = [pointer + got for pointer, got in zip(found.pointer, found.object, strict=True)]
    assert max(served) <= scenario.limit
    assert sum(found.failed) > 100
    versions = [reader.version for reader in fleet.readers.values()]
    assert versions.count(2) > 0.98 * LAMBDAS
    assert min(versions) == 1


def test_prf_01_the_same_seed_gives_the_same_fleet(quick: Found) -> None:
    again, other = run(QUICK), run(replace(QUICK, seed=8))
    assert summary(again) == summary(quick)
    assert other.pointer != quick.pointer


def test_prf_01_figures_of_a_distribution() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0]) == {"count": 4, "p50": 2.0, "p90": 4.0, "p99": 4.0, "max": 4.0}
    assert share([], 0.5) == 0
    assert histogram([0.0, 99.9, 100.0, 350.0]) == [2, 1, 0, 1]


def test_doc_10_the_picture_is_of_the_committed_result() -> None:
    report = json.loads(RESULT.read_text(encoding="utf-8"))
    assert fleet_picture.draw(report) == PICTURE.read_text(encoding="utf-8"), "make fleet"
    whole, scenario = report["whole"], report["whole"]["scenario"]
    assert scenario["lambdas"] == 10_000
    assert whole["stale ms"]["count"] == 10_000
    assert whole["stale ms"]["p99"] <= scenario["refresh_ms"] + scenario["budget_ms"]
    assert whole["after publish"] <= scenario["limit"], "one prefix of S3 carries the fleet"


def test_doc_10_the_committed_result_is_of_the_code_of_now() -> None:
    """The smallest scenario again: a policy that changed shows here. Not to the last digit: logarithms differ by machine."""
    report = json.loads(RESULT.read_text(encoding="utf-8"))
    kept = {name: part["scenario"] for name, part in report.items()}
    assert kept == json.loads(json.dumps({name: asdict(scenario) for name, scenario in SCENARIOS.items()})), "make fleet"
    now, then = summary(run(SMALL)), report["small"]
    for name in ("steady", "after publish", "in outage", "after outage", "peak"):
        assert now[name] == pytest.approx(then[name], rel=0.03), f"{name}: make fleet"
    for name in ("stale ms", "recovered ms", "waits ms"):
        assert now[name]["p50"] == pytest.approx(then[name]["p50"], rel=0.03), f"{name}: make fleet"
