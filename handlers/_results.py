"""What an experiment's totals say: the document that the results function answers with. A pure function of totals.

Totals are the counters' (``_counters.Totals``), or of every event by itself (``Exact``), as the archive has them. Three kinds
of metrics. A *conversion*: which share of the exposed users had an event of some type at least once. A *mean*: of a numeric
property, over the events that have it; that is all that counters know. A *mean per user*: of what each exposed user's events
add up to; it needs every event. Each variant is compared with the control by ``_sequential`` (valid at every look) and, for
those who know why they want it, by ``_statistics`` for one look. Fields and how to read them: docs/results.md.
"""

from __future__ import annotations

from math import inf, isfinite, sqrt
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers import _sequential as sequential
from handlers import _statistics as statistics
from handlers._contract import EXPOSURE
from handlers._statistics import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from typing import TypeAlias

    from handlers._counters import Moments, Phase, Totals
    from handlers._experiments import Experiment
    from handlers._statistics import Interval

    Known: TypeAlias = "Totals | Exact"
    ByVariant = Mapping[str, Mapping[str, Known]]  # variant -> event type -> totals
    _Which = tuple[str, str, str]  # event type, property or nothing, kind of metric

CONTROL = "control"
CONVERSION, MEAN, PER_USER = "conversion", "mean", "mean per user"
UP, DOWN = "up", "down"
MIN_USERS = 100
MIN_OF_EITHER = 10
"""Below so many exposed users in a variant, or so many of them with the event or without it, no conversion is compared."""
MIN_VALUES = 500
"""Below so many values in a variant no mean is compared: revenue is skewed, and the normal distribution needs many to hold."""
MAX_METRICS = 200
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
BOUNDS_WIDTH = 4.0  # standard deviations between the bounds of ``Totals.users``
TOO_FEW, NO_DIFFERENCE = "too few to say", "no difference shown yet"
MISTRUSTED = "not to be trusted: the sample ratio is wrong"
FITS, WRONG, NOTHING_YET = "the counts fit the allocation", "sample ratio mismatch", "nobody was exposed yet"


class ByUser(NamedTuple):
    """Of a numeric property over exposed users: how many had it, the sum of what each has, the sum of the squares of that."""

    users: int
    total: Decimal
    squares: Decimal


class Exact(NamedTuple):
    """One event type's totals, of every event: users are counted, not estimated.

    ``users``: distinct users with such an event; ``exposed``: how many of them were exposed to the variant. ``metrics``: of
    numeric properties, over events; ``by_user``: over exposed users.
    """

    events: int
    users: int
    exposed: int
    metrics: Mapping[str, Moments]
    by_user: Mapping[str, ByUser]


def document(
    experiment: Experiment,
    phases: Sequence[Phase],
    phase: Phase | None,
    totals: ByVariant,
    as_of_ms: int,
    horizon: int = sequential.HORIZON,
) -> dict[str, Any]:
    """The results of one phase (None: the experiment has none yet, and there are no totals). Every number in it is finite.

    ``as_of_ms``: when the totals were read, epoch milliseconds; ``horizon``: see ``_sequential.HORIZON``.
    """
    allocation = dict(experiment.allocation) if phase is None else dict(phase.allocation)
    names = variants_of(experiment, phase)
    control = CONTROL if CONTROL in names else next(iter(names), None)
    ratio = _sample_ratio(names, allocation, totals)
    metrics = _metrics(names, control, totals, horizon, bool(ratio["mismatch"]))
    return {
        "experiment": {
            "id": experiment.id, "key": experiment.key, "name": experiment.name, "status": experiment.status,
        },
        "as_of": moment(as_of_ms),
        "phase": None if phase is None else _told(phase),
        "phases": [_told(each) for each in phases],
        "control": control,
        "sample_ratio": ratio,
        "variants": [_variant(name, allocation.get(name, 0.0), totals.get(name, {})) for name in names],
        "metrics": metrics[:MAX_METRICS],
        "metrics_left_out": max(0, len(metrics) - MAX_METRICS),
        "method": {
            "alpha": sequential.ALPHA, "horizon": horizon, "mismatch_p": sequential.MISMATCH_P, "min_users": MIN_USERS,
            "min_of_either": MIN_OF_EITHER, "min_values": MIN_VALUES,
        },
    }  # fmt: skip


def variants_of(experiment: Experiment, phase: Phase | None) -> list[str]:
    """In the order of the experiment's allocation; then those that only the phase knows."""
    known = list(experiment.allocation)
    return known if phase is None else known + sorted(name for name in phase.allocation if name not in experiment.allocation)


def moment(epoch_ms: int) -> str:
    """``2026-01-31T23:59:59Z``."""
    return strftime(MOMENT, gmtime(epoch_ms // 1_000))


def _told(phase: Phase) -> dict[str, Any]:
    return {"number": phase.number, "started_at": moment(phase.started_ms), "allocation": dict(phase.allocation)}


def _exposures(totals: Mapping[str, Known]) -> int:
    """An exposure is sent once for a user: at the first assignment. Where users are counted, nobody is twice in it."""
    found = totals.get(EXPOSURE)
    if found is None:
        return 0
    return found.users if isinstance(found, Exact) else found.events


# --- the sample ratio ---------------------------------------------------------------------------------------------------


def _sample_ratio(names: Sequence[str], allocation: Mapping[str, float], totals: ByVariant) -> dict[str, Any]:
    """Whether exposures are shared out as the allocation says. Variants that should have none are told, and not tested.

    While a new allocation reaches every process, a few users are still assigned by the old one; that is no defect.
    """
    observed = {name: _exposures(totals.get(name, {})) for name in names}
    weights = {name: allocation[name] for name in names if allocation.get(name, 0.0) > 0.0}
    whole, total = sum(weights.values()), sum(observed[name] for name in weights)
    shares = {name: weight / whole for name, weight in weights.items()}
    p = 1.0
    if len(shares) > 1 and total:
        p = sequential.mismatch_p([observed[name] for name in shares], list(shares.values()))
    mismatch = p <= sequential.MISMATCH_P
    return {
        "p_value": p,
        "mismatch": mismatch,
        "verdict": WRONG if mismatch else FITS if total else NOTHING_YET,
        "observed": observed,
        "expected": {name: total * share for name, share in shares.items()},
    }


# --- variants by themselves ---------------------------------------------------------------------------------------------


def _variant(name: str, allocation: float, totals: Mapping[str, Known]) -> dict[str, Any]:
    exposures = _exposures(totals)
    exposed = totals.get(EXPOSURE)
    return {
        "variant": name,
        "allocation": allocation,
        "exposures": exposures,
        "users": _users(exposed) if exposed is not None else _NOBODY,
        "events": {kind: _event(found, exposures) for kind, found in sorted(totals.items()) if kind != EXPOSURE},
    }


_NOBODY = {"estimate": 0.0, "low": 0.0, "high": 0.0}


def _users(found: Known) -> dict[str, float]:
    if isinstance(found, Exact):
        return dict.fromkeys(("estimate", "low", "high"), float(found.users))
    return {"estimate": found.users, "low": found.users_low, "high": found.users_high}


def _event(found: Known, exposures: int) -> dict[str, Any]:
    return {
        "events": found.events,
        "users": _users(found),
        "conversion": None if exposures == 0 else _conversion(found, exposures).mean,
        "properties": {name: _property(moments) for name, moments in sorted(found.metrics.items())},
    }


def _property(moments: Moments) -> dict[str, Any]:
    sample = statistics.mean_of(*moments)
    return {
        "n": moments.n,
        "sum": _number(moments.total),
        "sum_of_squares": _number(moments.squares),
        "mean": _number(moments.total / moments.n) if moments.n else None,
        "standard_deviation": None if sample is None else sqrt(sample.variance),
    }


def _conversion(found: Known, exposures: int) -> Sample:
    """Unique users with the event over exposures. An estimated number of unique users has an error: noise in the mean."""
    if isinstance(found, Exact):
        return statistics.proportion_of(found.exposed, exposures)
    users = min(found.users, float(found.events))
    error = (found.users_high - found.users_low) / BOUNDS_WIDTH
    return statistics.proportion_of(users, exposures, (error / exposures) ** 2)


def _number(value: Any) -> float | None:
    """As a float that JSON has."""
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if isfinite(found) else None


# --- variants compared --------------------------------------------------------------------------------------------------


def _metrics(
    names: Sequence[str], control: str | None, totals: ByVariant, horizon: int, mistrusted: bool
) -> list[dict[str, Any]]:
    """One entry for each event type and each numeric property, those with most events first."""
    weights: dict[_Which, int] = {}
    for found in totals.values():
        for kind, each in found.items():
            if kind != EXPOSURE:
                numbers = {
                    (kind, name, PER_USER if isinstance(each, Exact) else MEAN): of.n for name, of in each.metrics.items()
                }
                for which, events in {(kind, "", CONVERSION): each.events, **numbers}.items():
                    weights[which] = weights.get(which, 0) + events
    ordered = sorted(weights, key=lambda which: (-weights[which], which))
    return [_metric(which, names, control, totals, horizon, mistrusted) for which in ordered]


def _metric(
    which: _Which, names: Sequence[str], control: str | None, totals: ByVariant, horizon: int, mistrusted: bool
) -> dict[str, Any]:
    event_type, name, kind = which
    measured = {variant: _measured(which, totals.get(variant, {})) for variant in names}
    ours = measured.get(control) if control is not None else None
    compared = [
        _comparison(variant, ours, theirs, kind == CONVERSION, horizon, mistrusted)
        for variant, theirs in measured.items()
        if variant != control
    ]
    return {
        "metric": {CONVERSION: event_type, MEAN: f"{event_type}/{name}", PER_USER: f"{event_type}/{name}/user"}[kind],
        "kind": kind,
        "event_type": event_type,
        "property": name or None,
        "values": {variant: None if found is None else found.sample.mean for variant, found in measured.items()},
        "comparisons": compared,
    }


class _Measured(NamedTuple):
    """A metric of one variant. ``is_enough``: for an interval."""

    sample: Sample
    is_enough: bool


def _measured(which: _Which, totals: Mapping[str, Known]) -> _Measured | None:
    """None where there is nothing to say: nobody was exposed, no event has the number."""
    event_type, name, kind = which
    found, exposures = totals.get(event_type), _exposures(totals)
    if kind == CONVERSION:
        if exposures == 0:
            return None
        shared = statistics.proportion_of(0, exposures) if found is None else _conversion(found, exposures)
        have = shared.mean * shared.n
        return _Measured(shared, shared.n >= MIN_USERS and min(have, shared.n - have) >= MIN_OF_EITHER)
    if kind == MEAN:
        moments = None if found is None else found.metrics.get(name)
        sample = None if moments is None else statistics.mean_of(*moments)
        return None if sample is None else _Measured(sample, sample.n >= MIN_VALUES)
    by_user = found.by_user.get(name) if isinstance(found, Exact) else None
    users, total, squares = (0, 0.0, 0.0) if by_user is None else by_user
    sample = statistics.mean_of(exposures, total, squares)  # whoever has none of it has 0 of it
    return None if sample is None else _Measured(sample, users >= MIN_VALUES)


def _no_degrees(*_: Sample) -> float:
    """Of proportions: the normal distribution."""
    return inf


def _comparison(
    variant: str,
    control: _Measured | None,
    treatment: _Measured | None,
    proportions: bool,
    horizon: int,
    mistrusted: bool,
) -> dict[str, Any]:
    """Of one variant with the control. Without enough of both there are estimates, but no interval and no p value."""
    told: dict[str, Any] = {
        "variant": variant, "lift": None, "lift_interval": None, "difference": None, "difference_interval": None,
        "p_value": None, "direction": None, "fixed_horizon": None, "verdict": TOO_FEW,
    }  # fmt: skip
    if control is None or treatment is None:
        return told
    ours, theirs = control.sample, treatment.sample
    told["difference"] = _number(theirs.mean - ours.mean)
    told["lift"] = _number(theirs.mean / ours.mean - 1.0) if ours.mean > 0.0 else None
    if not (control.is_enough and treatment.is_enough):
        return told
    weight = sequential.mixture(ours.n + theirs.n, horizon)
    found = sequential.difference(ours, theirs, weight)
    told["difference_interval"] = _bounds(found)
    told["lift_interval"] = _bounds(sequential.lift(ours, theirs, weight), -1.0 if proportions else -inf)
    told["p_value"] = p = sequential.difference_p(ours, theirs, weight)
    told["fixed_horizon"] = _fixed_horizon(ours, theirs, _no_degrees if proportions else statistics.welch_df)
    told["verdict"] = MISTRUSTED if mistrusted else NO_DIFFERENCE
    if p <= sequential.ALPHA and not mistrusted:
        told["direction"] = UP if found.estimate > 0.0 else DOWN
        told["verdict"] = f"{variant} is {'ahead' if found.estimate > 0.0 else 'behind'}"
    return told


def _fixed_horizon(ours: Sample, theirs: Sample, degrees: Callable[[Sample, Sample], float]) -> dict[str, Any]:
    df = degrees(ours, theirs)
    return {
        "lift_interval": _bounds(statistics.lift(ours, theirs, sequential.ALPHA, degrees)),
        "difference_interval": _bounds(statistics.difference(ours, theirs, sequential.ALPHA, df)),
        "p_value": statistics.difference_p(ours, theirs, df),
        "note": "valid for one look at a time that was fixed before the start, and for no other",
    }


def _bounds(found: Interval | None, least: float = -inf) -> list[float] | None:
    """``least``: below it nothing can be: a share is never less than none."""
    if found is None or not (isfinite(found.low) and isfinite(found.high)):
        return None
    return [max(least, found.low), found.high]
