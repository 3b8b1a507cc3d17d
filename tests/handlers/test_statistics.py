"""The results' arithmetic against scipy, statsmodels and tea-tasting, each on its own ground, to 1e-9."""

import math
import random
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tea_tasting
from statsmodels.stats.proportion import confint_proportions_2indep

from handlers import _statistics as ours
from handlers._statistics import Sample

DEGREES = (1, 1.5, 2, 2.7, 3, 5, 10, 29.5, 61, 100, 999.3, 1e4, 99_999, 100_001, 1e6, 1e9)
PROBABILITIES = (1e-12, 1e-6, 0.0005, 0.0025, 0.025, 0.1, 0.4999, 0.5, 0.5001, 0.9, 0.975, 0.9995, 1 - 1e-9)


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


# --- distributions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1e-300, 1e-20, *PROBABILITIES])
def test_agg_12_the_normal_distribution(p: float) -> None:
    x = float(scipy.stats.norm.ppf(p))
    assert ours.normal_quantile(p) == close(x)
    assert ours.normal_cdf(x) == close(p)


@pytest.mark.parametrize("df", DEGREES)
def test_agg_12_students_distribution(df: float) -> None:
    for p in PROBABILITIES:
        assert ours.student_quantile(p, df) == close(float(scipy.stats.t.ppf(p, df)))
    for t in (0.0, 1e-3, 0.1, 0.5, 1.0, 1.7, 1.9, 3.0, 8.0, 30.0):
        assert ours.student_sf(t, df) == close(float(scipy.stats.t.sf(t, df)))
        assert ours.student_cdf(t, df) == close(float(scipy.stats.t.cdf(t, df)))
        assert ours.student_sf(-t, df) == close(float(scipy.stats.t.sf(-t, df)))
        tail = float(scipy.stats.t.sf(t, df))
        if tail > 1e-280:
            assert ours.student_sf(t, df) / tail == pytest.approx(1, rel=1e-9), "tails keep their digits"


def test_students_distribution_with_infinite_degrees_is_the_normal_one() -> None:
    assert ours.student_quantile(0.975, math.inf) == ours.normal_quantile(0.975)
    assert ours.student_sf(1.5, math.inf) == ours.normal_cdf(-1.5)
    assert ours.student_sf(50.0, 1e6) == 0.0


@pytest.mark.parametrize("df", range(1, 13))
def test_mon_04_chi_square(df: int) -> None:
    for x in (0.0, 1e-6, 0.1, 1.0, 5.0, 20.0, 100.0, 600.0):
        assert ours.chi_square_sf(x, df) == pytest.approx(float(scipy.stats.chi2.sf(x, df)), rel=1e-9)


def test_mon_04_pearsons_statistic() -> None:
    counts, shares = [512, 488, 1003], [0.25, 0.25, 0.5]
    theirs = scipy.stats.chisquare(counts, [sum(counts) * share for share in shares])
    statistic = ours.chi_square_of(counts, shares)
    assert statistic == close(float(theirs.statistic))
    assert ours.chi_square_sf(statistic, 2) == close(float(theirs.pvalue))


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, math.nan])
def test_a_quantile_of_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ours.normal_quantile(p)


# --- samples from sums --------------------------------------------------------------------------------------------------


def sums(values: Any) -> tuple[int, Decimal, Decimal]:
    """As the table holds them: with 38 digits."""
    exact = [Decimal(str(value)) for value in values]
    with localcontext(prec=38):
        return len(exact), sum(exact, Decimal(0)), sum((value * value for value in exact), Decimal(0))


def drawn(seed: int, n: int, scale: float = 1.0, shift: float = 0.0) -> list[float]:
    dice = random.Random(seed)
    return [round(shift + scale * dice.lognormvariate(0, 1), 4) for _ in range(n)]


@pytest.mark.parametrize("shift", [0.0, 1e6, 1e12])
def test_agg_12_mean_and_variance_come_from_sums_without_loss(shift: float) -> None:
    """Where values are large and alike, sums of squares in floats have no digit of the variance left."""
    values = [Decimal(str(value)) + Decimal(shift) for value in drawn(1, 500)]
    sample = ours.mean_of(*sums(values))
    assert sample is not None
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    assert sample.mean == float(mean)
    assert sample.variance == pytest.approx(float(sum((v - mean) ** 2 for v in exact) / (len(exact) - 1)), rel=1e-12)
    if shift == 0.0:
        assert sample.variance == close(float(np.var([float(v) for v in values], ddof=1)))


@pytest.mark.parametrize(
    ("n", "total", "squares"),
    [
        (0, Decimal(0), Decimal(0)),
        (1, Decimal(5), Decimal(25)),
        (2, Decimal("NaN"), Decimal(1)),
        (2, Decimal(1), Decimal("Infinity")),
        (2, Decimal("1e400"), Decimal("1e800")),
    ],
)
def test_sums_of_no_sample_are_none(n: int, total: Decimal, squares: Decimal) -> None:
    assert ours.mean_of(n, total, squares) is None


def test_a_variance_is_never_negative() -> None:
    assert ours.mean_of(3, Decimal("0.3"), Decimal("0.029999")) == Sample(3, 0.1, 0.0)


def test_a_proportion_is_never_more_than_all() -> None:
    assert ours.proportion_of(101.7, 100) == Sample(100, 1.0, 0.0)
    assert ours.proportion_of(25, 100) == Sample(100, 0.25, 0.1875)


# --- two samples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(3, 4), (40, 25), (600, 5_000)])
def test_agg_12_difference_and_lift_of_means_are_tea_tastings(n: int, m: int) -> None:
    control, treatment = drawn(2, n), drawn(3, m, 1.2)
    data = pd.DataFrame({"variant": [0] * n + [1] * m, "value": control + treatment})
    theirs = tea_tasting.Experiment(value=tea_tasting.Mean("value", equal_var=False, use_t=True)).analyze(data)["value"]
    a, b = ours.mean_of(*sums(control)), ours.mean_of(*sums(treatment))
    assert a is not None
    assert b is not None
    df = ours.welch_df(a, b)
    found = ours.difference(a, b, 0.05, df)
    assert found.estimate == close(theirs.effect_size)
    assert (found.low, found.high) == (close(theirs.effect_size_ci_lower), close(theirs.effect_size_ci_upper))
    assert ours.difference_p(a, b, df) == close(theirs.pvalue)
    lift = ours.lift(a, b, 0.05, ours.welch_df)
    assert lift is not None
    assert lift.estimate == close(theirs.rel_effect_size)
    assert (lift.low, lift.high) == (close(theirs.rel_effect_size_ci_lower), close(theirs.rel_effect_size_ci_upper))


def test_agg_12_welchs_test_is_scipys() -> None:
    control, treatment = drawn(4, 55), drawn(5, 90, 1.1)
    a, b = ours.mean_of(*sums(control)), ours.mean_of(*sums(treatment))
    assert a is not None
    assert b is not None
    theirs = scipy.stats.ttest_ind(treatment, control, equal_var=False)
    df = ours.welch_df(a, b)
    assert df == close(float(theirs.df))
    assert ours.difference_p(a, b, df) == close(float(theirs.pvalue))
    bounds = theirs.confidence_interval(0.99)
    found = ours.difference(a, b, 0.01, df)
    assert (found.low, found.high) == (close(float(bounds.low)), close(float(bounds.high)))


@pytest.mark.parametrize(("x", "n", "y", "m"), [(5, 40, 9, 38), (120, 1_000, 151, 990), (40_000, 900_000, 5_100, 100_000)])
def test_agg_12_difference_and_lift_of_proportions_are_statsmodels(x: int, n: int, y: int, m: int) -> None:
    a, b = ours.proportion_of(x, n), ours.proportion_of(y, m)
    found = ours.difference(a, b, 0.05, math.inf)
    low, high = confint_proportions_2indep(y, m, x, n, compare="diff", method="wald")
    assert (found.low, found.high) == (close(low), close(high))
    lift = ours.lift(a, b, 0.05, lambda *_: math.inf)
    low, high = confint_proportions_2indep(y, m, x, n, compare="ratio", method="log")
    assert lift is not None
    assert lift.estimate == close(y / m / (x / n) - 1)
    assert (lift.low + 1, lift.high + 1) == (close(low), close(high))
    z = found.estimate / math.sqrt(a.squared_error + b.squared_error)
    assert ours.difference_p(a, b, math.inf) == close(2 * float(scipy.stats.norm.sf(abs(z))))


def test_noise_widens_an_interval() -> None:
    """What was estimated counts twice: as a sample, and as an estimate."""
    plain, noisy = (ours.proportion_of(100, 1_000, noise) for noise in (0.0, 1e-4))
    narrow, wide = (ours.difference(plain, other, 0.05, math.inf) for other in (plain, noisy))
    assert wide.high - wide.low == pytest.approx((narrow.high - narrow.low) * math.sqrt((2 * 0.09e-3 + 1e-4) / (2 * 0.09e-3)))
    assert narrow.estimate == wide.estimate


def test_what_does_not_vary_has_certain_answers() -> None:
    one, two = Sample(10, 1.0, 0.0), Sample(10, 2.0, 0.0)
    assert ours.welch_df(one, two) == math.inf
    assert ours.difference_p(one, one, math.inf) == 1.0
    assert ours.difference_p(one, two, math.inf) == 0.0


@pytest.mark.parametrize(("ours_mean", "theirs_mean"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_there_is_no_lift_over_nothing(ours_mean: float, theirs_mean: float) -> None:
    assert ours.lift(Sample(10, ours_mean, 1.0), Sample(10, theirs_mean, 1.0), 0.05, ours.welch_df) is None


def test_a_lift_that_no_float_can_hold_is_open_at_the_top() -> None:
    found = ours.lift(Sample(2, 1e-6, 1.0), Sample(2, 1.0, 1.0), 0.05, ours.welch_df)
    assert found is not None
    assert found.high == math.inf
