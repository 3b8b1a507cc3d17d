"""What stays valid under peeking: closed forms by other means, and simulated experiments that are looked at all the time."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats

from handlers import _sequential as sequential
from handlers import _sketches
from handlers import _statistics as statistics
from handlers._counters import Totals
from handlers._results import _conversion
from handlers._statistics import Sample

ALPHA = sequential.ALPHA
EXPERIMENTS = 1_000


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


# --- closed forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
def test_agg_12_the_mixture_is_the_one_that_makes_intervals_tightest(alpha: float) -> None:
    best = sequential.best_mixture(alpha)
    assert 1 + best == close(-float(scipy.special.lambertw(-(alpha**2) / math.e, -1).real))
    found = scipy.optimize.minimize_scalar(lambda w: sequential.radius(w, alpha), bounds=(0.1, 100), method="bounded")
    assert best == pytest.approx(found.x, rel=1e-4)
    assert sequential.mixture(sequential.HORIZON, alpha=alpha) == best


@pytest.mark.parametrize("t", [50, 1_000, 250_000])
@pytest.mark.parametrize("rho", [0.01, 0.1])
def test_agg_12_the_boundary_is_the_papers(t: int, rho: float) -> None:
    """Theorem 2.2, as it is written there: standard deviations of one observation."""
    paper = math.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * math.log(math.sqrt(t * rho**2 + 1) / ALPHA))
    assert sequential.radius(t * rho**2) / math.sqrt(t) == close(paper)


@pytest.mark.parametrize("z", [0.0, 1.0, 3.0, -4.5])
@pytest.mark.parametrize("weight", [0.05, 1.0, 40.0])
def test_agg_12_the_p_value_is_one_over_the_mixtures_likelihood_ratio(z: float, weight: float) -> None:
    """The estimate's density under a normal prior of true values with variance weight · error², over that under 0."""
    error = 0.37
    estimate = z * error
    mixed = scipy.stats.norm.pdf(estimate, 0, error * math.sqrt(1 + weight))
    assert sequential.always_valid_p(estimate, error, weight) == close(
        min(1.0, float(scipy.stats.norm.pdf(estimate, 0, error) / mixed))
    )


@pytest.mark.parametrize("counts", [(0, 0), (10, 12), (5_210, 4_790), (300, 100, 640)])
def test_mon_04_the_sample_ratios_factor_is_the_dirichlet_multinomials(counts: tuple[int, ...]) -> None:
    shares = (0.5, 0.5) if len(counts) == 2 else (0.3, 0.1, 0.6)
    n = sum(counts)
    prior = [sequential.CONCENTRATION * share for share in shares]
    if n:
        theirs = scipy.stats.multinomial.logpmf(counts, n, shares) - scipy.stats.dirichlet_multinomial.logpmf(counts, prior, n)
    else:
        theirs = 0.0
    assert sequential.mismatch_p(counts, shares) == pytest.approx(math.exp(min(0.0, float(theirs))), rel=1e-9)


def samples(seed: int) -> list[tuple[Sample, Sample, float]]:
    dice = np.random.default_rng(seed)
    made = []
    for _ in range(300):
        n, m = (int(x) for x in dice.integers(50, 5_000, 2))
        a, b = dice.uniform(0.05, 0.5, 2)
        pair = (statistics.proportion_of(round(n * a), n), statistics.proportion_of(round(m * (a + (b - a) / 8)), m))
        made.append((*pair, sequential.mixture(n + m)))
    return made


def test_agg_12_interval_lift_and_p_value_say_the_same() -> None:
    """0 outside of the difference's interval, outside of the lift's, and p at most alpha: all three or none."""
    both = set()
    for control, treatment, weight in samples(1):
        low, high = sequential.difference(control, treatment, weight)[1:]
        lift = sequential.lift(control, treatment, weight)
        assert lift is not None
        decided = not low <= 0 <= high
        assert decided == (not lift.low <= 0 <= lift.high)
        assert decided == (sequential.difference_p(control, treatment, weight) <= ALPHA)
        assert lift.low < lift.estimate < lift.high
        both.add(decided)
    assert both == {True, False}, "the samples decide nothing"


def test_agg_12_the_lifts_bounds_are_where_the_ratio_is_just_not_excluded() -> None:
    """By looking for them: r is in it as long as the sequence of treatment - r · control holds 0."""
    for control, treatment, weight in samples(2)[:20]:
        lift = sequential.lift(control, treatment, weight)
        assert lift is not None
        for bound in (lift.low, lift.high):
            ratio = 1 + bound
            scaled = Sample(control.n, control.mean * ratio, control.variance * ratio**2)
            low, high = sequential.difference(scaled, treatment, weight)[1:]
            assert min(abs(low), abs(high)) < 1e-9


def test_there_is_no_lift_over_what_may_be_nothing() -> None:
    assert sequential.lift(statistics.proportion_of(3, 100), statistics.proportion_of(9, 100), 1.0) is None
    assert sequential.lift(Sample(1_000, -5.0, 1.0), Sample(1_000, 5.0, 1.0), 1.0) is None


def test_what_does_not_vary_has_certain_answers() -> None:
    assert sequential.always_valid_p(0.0, 0.0, 1.0) == 1.0
    assert sequential.always_valid_p(0.1, 0.0, 1.0) == 0.0


# --- experiments that somebody looks at all the time ----------------------------------------------------------------------


class Peeked:
    """How many of the experiments ever had an interval without the truth: always-valid ones, and those for one look."""

    def __init__(self) -> None:
        self.sequential = self.fixed = self.found = 0


def peek(seed: int, rates: tuple[float, float], batch: int, looks: int, allocation: float = 0.5) -> Peeked:
    """Binomial experiments with a look after each batch; nobody looks before there are 10 of either kind in either variant."""
    dice = np.random.default_rng(seed)
    peeked, truth = Peeked(), rates[1] - rates[0]
    for _ in range(EXPERIMENTS):
        treated = dice.binomial(batch, allocation, looks)
        ours, theirs = dice.binomial(batch - treated, rates[0]).cumsum(), dice.binomial(treated, rates[1]).cumsum()
        n, m = (batch - treated).cumsum(), treated.cumsum()
        missed = [False, False, False]
        for look in range(looks):
            control = statistics.proportion_of(float(ours[look]), float(n[look]))
            treatment = statistics.proportion_of(float(theirs[look]), float(m[look]))
            if min(ours[look], theirs[look], n[look] - ours[look], m[look] - theirs[look]) < 10:
                continue
            weight = sequential.mixture(control.n + treatment.n)
            low, high = sequential.difference(control, treatment, weight)[1:]
            missed[0] |= not low <= truth <= high
            missed[2] |= not low <= 0 <= high
            low, high = statistics.difference(control, treatment, ALPHA, math.inf)[1:]
            missed[1] |= not low <= truth <= high
        peeked.sequential += missed[0]
        peeked.fixed += missed[1]
        peeked.found += missed[2]
    return peeked


@pytest.mark.parametrize(
    ("rates", "batch", "looks", "allocation"),
    [((0.05, 0.05), 250, 80, 0.5), ((0.5, 0.5), 40, 150, 0.5), ((0.1, 0.1), 250, 80, 0.1), ((0.1, 0.13), 100, 80, 0.5)],
)
def test_agg_12_peeking_leaves_always_valid_intervals_valid(
    rates: tuple[float, float], batch: int, looks: int, allocation: float
) -> None:
    """At most alpha of the experiments may ever exclude the truth. Intervals for one look fail here: so the test can."""
    peeked = peek(7, rates, batch, looks, allocation)
    margin = 3 * math.sqrt(ALPHA * (1 - ALPHA) / EXPERIMENTS)
    assert peeked.sequential / EXPERIMENTS <= ALPHA, "expected is less: experiments end, and the bound is for ever"
    assert peeked.fixed / EXPERIMENTS > 4 * ALPHA + margin
    if rates[0] != rates[1]:
        assert peeked.found / EXPERIMENTS > 0.6, "a difference that is there is found"


def test_agg_12_peeking_at_means_of_skewed_values() -> None:
    """Revenue: log-normal, looked at from 500 values on, where nine of ten are in one variant."""
    dice, batch, looks, missed = np.random.default_rng(11), 500, 60, 0
    for _ in range(300):
        treated = dice.binomial(batch, 0.1, looks)
        values = dice.lognormal(0, 1, (looks, batch))
        mask = np.arange(batch) < treated[:, None]
        sums = [
            (np.where(side, values, 0).sum(1).cumsum(), np.where(side, values**2, 0).sum(1).cumsum()) for side in (~mask, mask)
        ]
        sizes = [(batch - treated).cumsum(), treated.cumsum()]
        for look in range(looks):
            if min(size[look] for size in sizes) < 500:
                continue
            control, treatment = (
                statistics.mean_of(int(n[look]), float(total[look]), float(squares[look]))
                for n, (total, squares) in zip(sizes, sums, strict=True)
            )
            assert control is not None
            assert treatment is not None
            low, high = sequential.difference(control, treatment, sequential.mixture(control.n + treatment.n))[1:]
            if not low <= 0 <= high:
                missed += 1
                break
    assert missed / 300 <= ALPHA


def test_agg_06_peeking_at_estimated_users() -> None:
    """Sketches of 100,000 converters are off by more than chance; without that in the intervals many exclude the truth."""
    dice, experiments, missed, user = np.random.default_rng(9), 30, [0, 0], 0
    for _ in range(experiments):
        sketches, n, ever = (_sketches.new(), _sketches.new()), 0, [False, False]
        for _ in range(25):
            n += 8_000
            for sketch in sketches:
                converted = int(dice.binomial(8_000, 0.5))
                for each in range(user, user + converted):
                    sketch.update(each)
                user += converted
            pair = [_conversion(Totals(2 * n, sketch, {}), n) for sketch in sketches]
            for kind, (control, treatment) in enumerate((pair, [sample._replace(noise=0.0) for sample in pair])):
                low, high = sequential.difference(control, treatment, sequential.mixture(2 * n))[1:]
                ever[kind] |= not low <= 0 <= high
        missed = [missed[kind] + ever[kind] for kind in (0, 1)]
    assert missed[0] <= 1
    assert missed[1] > 5, "as if users had been counted"


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.4, 0.3, 0.2, 0.1)])
def test_mon_04_a_right_ratio_is_not_alarmed(shares: tuple[float, ...]) -> None:
    """2,000 experiments, each looked at 200 times: two of them may. The usual test alarms many, so this one can fail."""
    dice, alarmed, usual = np.random.default_rng(5), 0, 0
    for _ in range(2_000):
        counts = dice.multinomial(100, shares, 200).cumsum(0)
        alarmed += any(sequential.mismatch_p(row, shares) <= sequential.MISMATCH_P for row in counts.tolist())
        totals = np.arange(100, 20_001, 100)[:, None] * np.array(shares)
        statistic = ((counts - totals) ** 2 / totals).sum(1)
        usual += statistics.chi_square_sf(float(statistic.max()), len(shares) - 1) <= sequential.MISMATCH_P
    assert alarmed <= 2
    assert usual > 20


@pytest.mark.parametrize(
    ("right", "wrong", "within"), [((0.5, 0.5), (0.48, 0.52), 30_000), ((0.5, 0.5), (2 / 3, 1 / 3), 1_000)]
)
def test_mon_04_a_planted_mismatch_is_found(right: tuple[float, ...], wrong: tuple[float, ...], within: int) -> None:
    dice, found = np.random.default_rng(6), 0
    for _ in range(200):
        counts = dice.multinomial(within // 50, wrong, 50).cumsum(0).tolist()
        found += any(sequential.mismatch_p(row, right) <= sequential.MISMATCH_P for row in counts)
    assert found >= 190
