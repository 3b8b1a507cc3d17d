"""What two samples say of a difference: small-sum arithmetic for the results, with ``math`` and nothing else. For ``handlers``.

Samples come from sums that a table holds: how many, their sum, the sum of their squares. Variances are made from them
exactly, in fractions: the textbook formula in floats loses everything where values are large and alike. The intervals here
are for one look at a time that was fixed before (*fixed horizon*); those that may be looked at again and again are in
``_sequential``.

Tests compare every function with scipy, statsmodels or tea-tasting to 1e-9. Sources: docs/results.md.
"""

from __future__ import annotations

from fractions import Fraction
from math import erfc, exp, expm1, fsum, inf, isfinite, lgamma, log, log1p, pi, sqrt, tan
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

_SQRT2 = sqrt(2.0)
_SQRT_2PI = sqrt(2.0 * pi)
NEARLY_NORMAL = 1e5  # degrees of freedom from which a series in 1/df is exact to the last digits
_TINY = 1e-300
_MOST_STEPS = 10_000


class Sample(NamedTuple):
    """One variant's values: how many, their mean, their variance (of a sample: by n - 1).

    ``noise``: variance that the mean has besides, because something was estimated and not counted.
    """

    n: float
    mean: float
    variance: float
    noise: float = 0.0

    @property
    def squared_error(self) -> float:
        """The variance of the mean."""
        return self.variance / self.n + self.noise


class Interval(NamedTuple):
    """An estimate with its bounds."""

    estimate: float
    low: float
    high: float


# --- samples ------------------------------------------------------------------------------------------------------------


def mean_of(n: int, total: Decimal | float, squares: Decimal | float) -> Sample | None:
    """The sample with these sums. None when there is none: fewer than two values, or sums that no float can hold."""
    if n < 2:
        return None
    try:
        exact = Fraction(total)
        spread = (Fraction(squares) - exact * exact / n) / (n - 1)
        found = Sample(n, float(exact / n), float(max(spread, Fraction(0))))  # sums of 38 digits may be rounded below it
    except (OverflowError, ValueError):  # also NaN and Infinity
        return None
    return found if isfinite(found.mean) and isfinite(found.variance) else None


def proportion_of(successes: float, n: float, noise: float = 0.0) -> Sample:
    """The sample of ``n`` yes-or-no values (n at least 1); never more than all of them."""
    share = min(1.0, successes / n)
    return Sample(n, share, share * (1.0 - share), noise)


# --- the normal distribution --------------------------------------------------------------------------------------------


def normal_cdf(x: float) -> float:
    """How much of the standard normal distribution is below ``x``."""
    return 0.5 * erfc(-x / _SQRT2)


def normal_quantile(p: float) -> float:
    """Below which ``x`` there is ``p`` of it. Raises ValueError unless 0 < p < 1.

    Abramowitz and Stegun 26.2.23 (within 4.5e-4), then three of Halley's steps, each of which triples the digits.
    """
    if not 0.0 < p < 1.0:
        raise ValueError("a quantile is of a probability between 0 and 1")
    if p > 0.5:
        return -normal_quantile(1.0 - p)
    t = sqrt(-2.0 * log(p))
    x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
    for _ in range(3):
        step = (normal_cdf(x) - p) * _SQRT_2PI * exp(0.5 * x * x)
        x -= step / (1.0 + 0.5 * x * step)
    return x


# --- Student's distribution ---------------------------------------------------------------------------------------------


def student_sf(t: float, df: float) -> float:
    """How much of Student's distribution with ``df`` degrees of freedom is above ``t``. Infinite ``df``: the normal one."""
    if t < 0.0:
        return 1.0 - student_sf(-t, df)
    if df == inf:
        return normal_cdf(-t)
    if df > NEARLY_NORMAL:
        return normal_cdf(-_normal_of_student(t, df))
    return 0.5 * _beta_ratio(df, t)


def student_cdf(t: float, df: float) -> float:
    """How much of it is below ``t``."""
    return student_sf(-t, df)


def student_quantile(p: float, df: float) -> float:
    """Below which ``t`` there is ``p`` of it. Raises ValueError unless 0 < p < 1."""
    if p < 0.5:
        return -_upper_student(p, df)
    return _upper_student(1.0 - p, df)


def _upper_student(tail: float, df: float) -> float:
    """Above which t there is ``tail``, at most one half: Newton's steps on the tail's logarithm, kept within a bracket."""
    x = -normal_quantile(tail)
    if df == inf:
        return x
    if df > NEARLY_NORMAL:
        return _student_of_normal(x, df)
    if df == 1.0:
        return 1.0 / tan(pi * tail) if tail < 0.5 else 0.0
    low, high = 0.0, max(2.0 * x, 1.0)
    while student_sf(high, df) > tail:
        low, high = high, 2.0 * high
    t = 0.5 * (low + high)
    for _ in range(200):
        above = student_sf(t, df)
        low, high = (t, high) if above > tail else (low, t)
        better = t + above / _student_density(t, df) * log(above / tail)
        if not low < better < high:
            better = 0.5 * (low + high)
        if abs(better - t) <= 1e-15 * abs(t):
            break
        t = better
    return t


def _student_density(t: float, df: float) -> float:
    return exp(_log_gamma_step(0.5 * df) - 0.5 * (df + 1.0) * log1p(t * t / df)) / sqrt(pi * df)


def _log_gamma_step(z: float) -> float:
    """log(gamma(z + 1/2) / gamma(z)); by Stirling's series where the difference of two large logarithms loses digits."""
    if z < 30.0:
        return lgamma(z + 0.5) - lgamma(z)
    w = 1.0 / (z * z)
    return 0.5 * log(z) - (1 / 8 - w * (1 / 192 - w * (1 / 640 - w * (17 / 14336 - w * 31 / 18432)))) / z


def _beta_ratio(df: float, t: float) -> float:
    """The regularised incomplete beta function at df / (df + t²) for (df/2, 1/2): both tails of Student's distribution.

    The continued fraction is that of NIST's Digital Library of Mathematical Functions, 8.17.22, and converges quickly on one
    side; 8.17.4 leads there from the other.
    """
    if t == 0.0:
        return 1.0
    a, b, square = 0.5 * df, 0.5, t * t
    x, y = df / (df + square), square / (df + square)
    front = exp(_log_gamma_step(a) - 0.5 * log(pi) - a * log1p(square / df) + 0.5 * log(y))
    if x < (a + 1.0) / (a + b + 2.0):
        return front / (a * _fraction(a, b, x))
    return 1.0 - front / (b * _fraction(b, a, y))


def _fraction(a: float, b: float, x: float) -> float:
    """The denominator of 8.17.22, by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, _MOST_STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / ((1.0 + term * d) or _TINY)
        c = (1.0 + term / c) or _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return value


def _student_of_normal(x: float, df: float) -> float:
    """The t whose tail is that of the normal ``x``: Abramowitz and Stegun 26.7.5, for many degrees of freedom."""
    return x + _excess(x, df)


def _excess(x: float, df: float) -> float:
    s = x * x
    first = (s + 1.0) / 4.0
    second = ((5.0 * s + 16.0) * s + 3.0) / 96.0
    third = (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0
    fourth = ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0
    return x * (first + (second + (third + fourth / df) / df) / df) / df


def _normal_of_student(t: float, df: float) -> float:
    """The other way: what is added is small, so that repeating it converges at once. Beyond 38 the tail is 0 in floats."""
    if t > 40.0:
        return t
    x = t
    for _ in range(20):
        better = t - _excess(x, df)
        if better == x:
            break
        x = better
    return x


# --- chi-square ---------------------------------------------------------------------------------------------------------


def chi_square_sf(x: float, df: int) -> float:
    """The p value of a chi-square statistic with ``df`` (at least 1) degrees of freedom: a finite sum for whole ones.

    Abramowitz and Stegun 26.4.4 and 26.4.5.
    """
    if x <= 0.0:
        return 1.0
    half = 0.5 * x
    start = 0.0 if df % 2 == 0 else 0.5
    terms = [exp(-half + k * log(half) - lgamma(k + 1.0)) for k in (start + i for i in range(df // 2))]
    if start:
        terms = [erfc(sqrt(half)), *(exp(-half + (i + 0.5) * log(half) - lgamma(i + 1.5)) for i in range(df // 2))]
    return min(1.0, fsum(terms))


def chi_square_of(counts: Sequence[float], shares: Sequence[float]) -> float:
    """Pearson's statistic of counts whose expected shares (positive, adding up to 1) are these."""
    total = fsum(counts)
    return fsum((count - total * share) ** 2 / (total * share) for count, share in zip(counts, shares, strict=True))


# --- two samples, one look ----------------------------------------------------------------------------------------------


def welch_df(control: Sample, treatment: Sample) -> float:
    """Degrees of freedom of the difference of two means with variances of their own (Welch 1947); infinite without variance."""
    a, b = control.variance / control.n, treatment.variance / treatment.n
    below = a * a / (control.n - 1.0) + b * b / (treatment.n - 1.0)
    return (a + b) ** 2 / below if below > 0.0 else inf


def difference(control: Sample, treatment: Sample, alpha: float, df: float) -> Interval:
    """Treatment's mean less control's, for one look: Welch's interval with ``welch_df``, Wald's with infinite ``df``."""
    estimate = treatment.mean - control.mean
    half = student_quantile(1.0 - 0.5 * alpha, df) * sqrt(control.squared_error + treatment.squared_error)
    return Interval(estimate, estimate - half, estimate + half)


def difference_p(control: Sample, treatment: Sample, df: float) -> float:
    """The two-sided p value of a difference, for one look. Where nothing varies: 1 if nothing differs, else 0."""
    error = sqrt(control.squared_error + treatment.squared_error)
    estimate = abs(treatment.mean - control.mean)
    if error == 0.0:
        return 0.0 if estimate else 1.0
    return min(1.0, 2.0 * student_sf(estimate / error, df))


def lift(control: Sample, treatment: Sample, alpha: float, degrees: Callable[[Sample, Sample], float]) -> Interval | None:
    """Treatment's mean over control's, less 1, for one look. None unless both are above 0.

    The delta method, on the ratio's logarithm: ratios are closer to normal there, and bounds never fall below -1.

    ``degrees``: ``welch_df``, or a function that gives infinity for proportions.
    """
    if control.mean <= 0.0 or treatment.mean <= 0.0:
        return None
    ours, theirs = _relative(control), _relative(treatment)
    half = student_quantile(1.0 - 0.5 * alpha, degrees(ours, theirs)) * sqrt(ours.squared_error + theirs.squared_error)
    ratio = log(treatment.mean / control.mean)
    return Interval(expm1(ratio), expm1(ratio - half), expm1(ratio + half) if ratio + half < 700.0 else inf)


def _relative(sample: Sample) -> Sample:
    """The sample in units of its mean."""
    square = sample.mean * sample.mean
    return Sample(sample.n, 1.0, sample.variance / square, sample.noise / square)
