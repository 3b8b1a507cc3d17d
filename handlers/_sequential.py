"""Answers that stay valid however often one looks: intervals, p values, and the test of the sample ratio. For ``handlers``.

Whoever looks at an experiment every day and stops when a usual interval excludes zero finds differences where there are none:
one experiment in three or so. The intervals here are *confidence sequences*: with a probability of 1 - alpha **all** of them,
at every look there will ever be, hold the truth (for means that is so in the limit of large samples, as with the usual ones).
Likewise a p value of these is ever at or below alpha with a probability of alpha at most.

Sources, by the numbers of the published papers:

- Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences",
  Annals of Statistics 52 (2024), arXiv 2103.06476: theorem 2.2, Robbins' normal mixture with an estimated variance.
- Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41 (1970).
- Johari, Koomen, Pekelis, Walsh, "Always valid inference: continuous monitoring of A/B tests", Operations Research 70 (2022):
  p values from the same mixture (mSPRT).
- Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, arXiv 2011.03567: section 2, the
  Dirichlet mixture.

Why these, how they are tuned and what they don't promise: docs/results.md.
"""

from __future__ import annotations

from math import exp, fsum, lgamma, log, log1p, sqrt
from typing import TYPE_CHECKING

from handlers._statistics import Interval, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

ALPHA = 0.05
HORIZON = 5_000
"""Users in both variants for whom intervals are tightest. To be chosen before an experiment starts, and not by its data."""
CONCENTRATION = 1_000.0
"""Of the Dirichlet prior around the intended shares: quickest for shares that are off by 1 to 2 points of a hundred."""
MISMATCH_P = 0.001


# --- intervals and p values ---------------------------------------------------------------------------------------------


def best_mixture(alpha: float) -> float:
    """How far the mixture should outweigh the data's own variance where intervals are to be tightest: t rho² at t = horizon.

    It minimises ``radius``. With u = 1 + t rho² the condition is u - log u = 1 - 2 log alpha, whose solution is the Lambert
    function's lower branch at -alpha²/e (cf. appendix B of Waudby-Smith et al.).
    """
    wanted = 1.0 - 2.0 * log(alpha)
    u = wanted + log(wanted)
    for _ in range(20):
        u -= (u - log(u) - wanted) / (1.0 - 1.0 / u)
    return u - 1.0


def mixture(observations: float, horizon: float = HORIZON, alpha: float = ALPHA) -> float:
    """t rho² after so many observations in both samples: the one number that says how far the sequence has come."""
    return best_mixture(alpha) * observations / horizon


def radius(weight: float, alpha: float = ALPHA) -> float:
    """Half an interval's width in standard errors; ``weight``: t rho², of ``mixture``.

    Theorem 2.2's boundary, sqrt(2 (t rho² + 1) / (t² rho²) log(sqrt(t rho² + 1) / alpha)) standard deviations, times sqrt(t).
    """
    return sqrt((weight + 1.0) / weight * (log1p(weight) - 2.0 * log(alpha)))


def always_valid_p(estimate: float, error: float, weight: float) -> float:
    """Against a true value of 0: one over the mixture's likelihood ratio, at most 1. ``error``: the estimate's standard error.

    It is at or below alpha exactly where the interval with ``radius`` excludes 0.
    """
    if error <= 0.0:
        return 0.0 if estimate else 1.0
    z = estimate / error
    return min(1.0, sqrt(1.0 + weight) * exp(-0.5 * z * z * weight / (1.0 + weight)))


def difference(control: Sample, treatment: Sample, weight: float, alpha: float = ALPHA) -> Interval:
    """Treatment's mean less control's, always valid."""
    estimate = treatment.mean - control.mean
    half = radius(weight, alpha) * _error(control, treatment)
    return Interval(estimate, estimate - half, estimate + half)


def difference_p(control: Sample, treatment: Sample, weight: float) -> float:
    """The always-valid p value of that difference."""
    return always_valid_p(treatment.mean - control.mean, _error(control, treatment), weight)


def lift(control: Sample, treatment: Sample, weight: float, alpha: float = ALPHA) -> Interval | None:
    """Treatment's mean over control's, less 1, always valid. None unless control's mean is surely above 0: no bounds then.

    Fieller's way instead of the delta method's: those ratios r are in it for which the sequence of treatment - r · control
    holds 0. For the true ratio that mean is 0, so this is a confidence sequence as the difference's is, and the two exclude
    "no change" together, always.
    """
    k = radius(weight, alpha)
    ours, theirs, a, b = control.mean, treatment.mean, treatment.squared_error, control.squared_error
    leading = ours * ours - k * k * b
    if ours <= 0.0 or leading <= 0.0:
        return None
    root = k * sqrt(max(0.0, a * ours * ours + b * theirs * theirs - k * k * a * b))
    low, high = (ours * theirs - root) / leading, (ours * theirs + root) / leading
    return Interval(theirs / ours - 1.0, low - 1.0, high - 1.0)


def _error(control: Sample, treatment: Sample) -> float:
    return sqrt(control.squared_error + treatment.squared_error)


# --- the sample ratio ---------------------------------------------------------------------------------------------------


def mismatch_p(counts: Sequence[int], shares: Sequence[float], concentration: float = CONCENTRATION) -> float:
    """Whether counts fit the shares they should have (positive, adding up to 1), always valid: 1 over a Bayes factor.

    The factor is of a Dirichlet distribution around the shares against the shares themselves, after Lindon and Malek:
    Γ(c) / Γ(c + n) · Π Γ(c θ + x) / Γ(c θ) / Π θ^x. If the shares are right, it is a martingale that begins at 1, and ever
    reaches 1/p with a probability of p at most (Ville's inequality).
    """
    total = sum(counts)
    parts = [lgamma(concentration) - lgamma(concentration + total)]
    for count, share in zip(counts, shares, strict=True):
        prior = concentration * share
        parts.append(lgamma(prior + count) - lgamma(prior) - count * log(share))
    return exp(-max(0.0, fsum(parts)))
