"""The results' document, a pure function of totals: where intervals begin, what bounds them, and which verdict there is."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from handlers import _sequential as sequential
from handlers import _sketches as sketches
from handlers._contract import EXPOSURE
from handlers._counters import Moments, Phase, Totals
from handlers._experiments import Experiment
from handlers._results import (
    CONVERSION,
    MAX_METRICS,
    MIN_OF_EITHER,
    MIN_USERS,
    MIN_VALUES,
    MISTRUSTED,
    NO_DIFFERENCE,
    PER_USER,
    TOO_FEW,
    ByUser,
    Exact,
    document,
)
from handlers._results_store import look_at
from handlers._statistics import Sample

NOW_MS = 1_800_000_000_000
HALVES = {"control": 0.5, "treatment": 0.5}
EXPERIMENT = Experiment("exp_1", "checkout", "Checkout", "active", HALVES)
PHASE = Phase(1, NOW_MS - 1_000, HALVES, 1)


def totals(users: int, **metrics: Moments) -> Totals:
    sketch = sketches.new()
    for user in range(users):
        sketch.update(user)
    return Totals(users, sketch, metrics)


def moments(n: int, mean: float) -> Moments:
    """Half of the values one below the mean, half of them one above."""
    return Moments(n, Decimal(n) * Decimal(mean), Decimal(n) * (Decimal(mean) ** 2 + 1))


def compared(
    ours: Mapping[str, Totals | Exact], theirs: Mapping[str, Totals | Exact], metric: str = "purchase"
) -> dict[str, Any]:
    """The one comparison of a metric."""
    found = document(EXPERIMENT, [PHASE], PHASE, {"control": ours, "treatment": theirs}, NOW_MS)
    json.dumps(found, allow_nan=False)
    (comparison,) = next(each for each in found["metrics"] if each["metric"] == metric)["comparisons"]
    assert isinstance(comparison, dict)
    return comparison


def exposed(users: int, buyers: int) -> dict[str, Totals]:
    return {EXPOSURE: totals(users), "purchase": totals(buyers)}


@pytest.mark.parametrize(("names", "control"), [(("blue", "control", "red"), "control"), (("blue", "red"), "blue"), ((), None)])
def test_control_is_the_variant_of_that_name_or_the_first(names: tuple[str, ...], control: str | None) -> None:
    experiment = Experiment("exp_1", "checkout", "Checkout", "active", dict.fromkeys(names, 0.5))
    assert document(experiment, [], None, {}, NOW_MS)["control"] == control


@pytest.mark.parametrize(
    ("users", "buyers", "enough"),
    [
        (MIN_USERS, MIN_OF_EITHER, True),
        (MIN_USERS - 1, MIN_OF_EITHER, False),
        (MIN_USERS, MIN_OF_EITHER - 1, False),
        (MIN_USERS, MIN_USERS - MIN_OF_EITHER, True),
        (MIN_USERS, MIN_USERS - MIN_OF_EITHER + 1, False),
        (MIN_USERS, 0, False),
        (MIN_USERS, MIN_USERS, False),
    ],
)
def test_agg_12_a_conversion_has_an_interval_from_enough_of_either_on(users: int, buyers: int, enough: bool) -> None:
    found = compared(exposed(1_000, 500), exposed(users, buyers))
    assert (found["difference_interval"] is not None) == enough
    assert (found["p_value"] is not None) == enough
    assert (found["verdict"] == TOO_FEW) == (not enough)


@pytest.mark.parametrize(("n", "enough"), [(MIN_VALUES, True), (MIN_VALUES - 1, False), (1, False), (0, False)])
def test_agg_12_a_mean_has_an_interval_from_enough_values_on(n: int, enough: bool) -> None:
    theirs = {EXPOSURE: totals(1_000), "purchase": totals(600, revenue=moments(n, 9.0))}
    ours = {EXPOSURE: totals(1_000), "purchase": totals(600, revenue=moments(600, 5.0))}
    found = compared(ours, theirs, "purchase/revenue")
    assert (found["lift_interval"] is not None) == enough
    assert found["verdict"] == ("treatment is ahead" if enough else TOO_FEW)


# --- users that were counted ------------------------------------------------------------------------------------------------


def exact(users: int, buyers: int, mean: float = 5.0, strangers: int = 0) -> dict[str, Exact]:
    """Exposed users, some of whom buy: half of them for one less than the mean, half for one more; strangers buy as well."""
    spent = ByUser(buyers, Decimal(buyers) * Decimal(mean), Decimal(buyers) * (Decimal(mean) ** 2 + 1))
    events = moments(3 * buyers + strangers, mean / 3)
    return {
        EXPOSURE: Exact(users, users, users, {}, {}),
        "purchase": Exact(3 * buyers + strangers, buyers + strangers, buyers, {"revenue": events}, {"revenue": spent}),
    }


def test_agg_12_where_users_are_counted_they_have_no_noise_and_strangers_no_share() -> None:
    found = document(EXPERIMENT, [PHASE], PHASE, {"control": exact(100_000, 50_000, strangers=900), "treatment": {}}, NOW_MS)
    control = found["variants"][0]
    assert control["events"]["purchase"]["users"] == {"estimate": 50_900.0, "low": 50_900.0, "high": 50_900.0}
    assert control["events"]["purchase"]["conversion"] == 0.5
    half = compared(exact(100_000, 50_000), exact(100_000, 51_000))
    by_sketch = compared(exposed(100_000, 50_000), exposed(100_000, 51_000))
    assert half["verdict"] == "treatment is ahead", "2 % of lift, which no sketch can show"
    assert by_sketch["verdict"] == NO_DIFFERENCE


def test_agg_12_a_mean_per_user_has_zeros_for_those_who_have_none() -> None:
    ours, theirs = exact(10_000, 1_000), exact(10_000, 1_200)
    found = document(EXPERIMENT, [PHASE], PHASE, {"control": ours, "treatment": theirs}, NOW_MS)
    assert [(each["metric"], each["kind"]) for each in found["metrics"]] == [
        ("purchase", CONVERSION),
        ("purchase/revenue/user", PER_USER),
    ]
    assert found["metrics"][1]["values"] == {"control": 0.5, "treatment": 0.6}
    told = found["variants"][0]["events"]["purchase"]["properties"]["revenue"]
    assert (told["n"], told["mean"]) == (3_000, pytest.approx(5 / 3)), "over events, as ever"
    (comparison,) = found["metrics"][1]["comparisons"]
    variance = [(n * 26 - (n * 5) ** 2 / 10_000) / 9_999 for n in (1_000, 1_200)]
    pair = [Sample(10_000, mean, value) for mean, value in zip((0.5, 0.6), variance, strict=True)]
    low, high = sequential.difference(*pair, sequential.mixture(20_000))[1:]
    assert comparison["difference_interval"] == pytest.approx([low, high], rel=1e-9)
    assert comparison["verdict"] == "treatment is ahead"


@pytest.mark.parametrize(("buyers", "enough"), [(MIN_VALUES, True), (MIN_VALUES - 1, False), (0, False)])
def test_agg_12_a_mean_per_user_has_an_interval_from_enough_users_with_a_value_on(buyers: int, enough: bool) -> None:
    found = compared(exact(9_000, 900), exact(9_000, buyers), "purchase/revenue/user")
    assert (found["lift_interval"] is not None) == enough
    assert (found["verdict"] == TOO_FEW) == (not enough)


def test_a_variant_where_nobody_has_the_number_has_a_mean_of_nothing() -> None:
    ours, nobody = exact(9_000, 900), {EXPOSURE: Exact(9_000, 9_000, 9_000, {}, {})}
    found = document(EXPERIMENT, [PHASE], PHASE, {"control": ours, "treatment": nobody}, NOW_MS)
    assert found["metrics"][1]["values"] == {"control": 0.5, "treatment": 0.0}
    assert found["metrics"][1]["comparisons"][0]["lift"] == -1.0


def test_a_share_is_never_less_than_none() -> None:
    """A lift below -100 % would be of a negative share."""
    found = compared(exposed(130, 30), exposed(120, 12))
    assert found["lift_interval"][0] == -1.0
    assert found["verdict"] == NO_DIFFERENCE


def test_a_mean_may_turn_negative() -> None:
    ours = {EXPOSURE: totals(1_000), "purchase": totals(1_000, profit=moments(1_000, 1.0))}
    theirs = {EXPOSURE: totals(1_000), "purchase": totals(1_000, profit=moments(1_000, -1.0))}
    found = compared(ours, theirs, "purchase/profit")
    assert found["lift"] == -2.0
    assert found["lift_interval"][0] < -2.0
    assert (found["verdict"], found["direction"]) == ("treatment is behind", "down")
    back = compared(theirs, ours, "purchase/profit")
    assert (back["lift"], back["lift_interval"]) == (None, None), "there is no share of a loss"
    assert back["difference"] == 2.0
    assert back["verdict"] == "treatment is ahead"


def test_mon_04_nobody_is_ahead_while_the_ratio_is_wrong() -> None:
    found = compared(exposed(3_000, 300), exposed(1_500, 900))
    assert found["p_value"] < 1e-6
    assert (found["verdict"], found["direction"]) == (MISTRUSTED, None)


def test_values_that_do_not_vary_are_no_trouble() -> None:
    same = Moments(1_000, Decimal(5_000), Decimal(25_000))
    ours = {EXPOSURE: totals(1_000), "purchase": totals(1_000, price=same)}
    other = {EXPOSURE: totals(1_000), "purchase": totals(1_000, price=Moments(1_000, Decimal(6_000), Decimal(36_000)))}
    assert compared(ours, ours, "purchase/price")["verdict"] == NO_DIFFERENCE
    found = compared(ours, other, "purchase/price")
    assert found["verdict"] == "treatment is ahead"
    assert found["difference_interval"] == [1.0, 1.0]


@pytest.mark.parametrize("huge", ["NaN", "Infinity", "1E+400", "-1E+400"])
def test_numbers_that_no_float_can_hold_are_null(huge: str) -> None:
    strange = Moments(1_000, Decimal(huge), Decimal(huge))
    theirs = {EXPOSURE: totals(1_000), "purchase": totals(1_000, price=strange)}
    ours = {EXPOSURE: totals(1_000), "purchase": totals(1_000, price=moments(1_000, 1.0))}
    assert compared(ours, theirs, "purchase/price")["verdict"] == TOO_FEW
    assert compared(theirs, ours, "purchase/price")["verdict"] == TOO_FEW


def test_an_exposure_is_no_metric_and_the_busiest_come_first() -> None:
    kinds = {f"kind-{number:03d}": totals(number % 7) for number in range(MAX_METRICS + 9)}
    found = document(EXPERIMENT, [PHASE], PHASE, {"control": {EXPOSURE: totals(9), **kinds}, "treatment": {}}, NOW_MS)
    names = [metric["metric"] for metric in found["metrics"]]
    assert len(names) == MAX_METRICS
    assert found["metrics_left_out"] == 9
    assert EXPOSURE not in names
    assert names[:2] == ["kind-006", "kind-013"]
    assert len(look_at(found, NOW_MS).lifts) == 50


def test_an_experiment_whose_allocation_is_not_known() -> None:
    found = document(Experiment("exp_1", "e", "E", "active", {}), [], None, {}, NOW_MS)
    assert (found["control"], found["variants"], found["metrics"]) == (None, [], [])
    assert found["sample_ratio"]["mismatch"] is False
