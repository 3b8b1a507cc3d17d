"""What an experiment's counters say: the document that the results function answers with. A pure function of totals.

Two kinds of metrics. A *conversion*: which share of the exposed users had an event of some type at least once. A *mean*: of a
numeric property, over the events that have it. Each variant is compared with the control by ``_sequential`` (valid at every
look) and, for those who know why they want it, by ``_statistics`` for one look. Fields and how to read them: docs/results.md.
"""

from __future__ import annotations

from math import inf, isfinite, sqrt
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from handlers import _sequential as sequential
from handlers import _statistics as statistics
from handlers._contract import EXPOSURE
from handlers._statistics import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from handlers._counters import Moments, Phase, Totals
    from handlers._experiments import Experiment
    from handlers._statistics import Interval

    ByVariant = Mapping[str, Mapping[str, Totals]]  # variant -> event type -> totals

CONTROL = "control"
CONVERSION, MEAN = "conversion", "mean"
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


def _exposures(totals: Mapping[str, Totals]) -> int:
    """An exposure is sent once for a user: at the first assignment."""
    found = totals.get(EXPOSURE)
    return 0 if found is None else found.events


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


def _variant(name: str, allocation: float, totals: Mapping[str, Totals]) -> dict[str, Any]:
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


def _users(found: Totals) -> dict[str, float]:
    return {"estimate": found.users, "low": found.users_low, "high": found.users_high}


def _event(found: Totals, exposures: int) -> dict[str, Any]:
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


def _conversion(found: Totals, exposures: int) -> Sample:
    """Unique users with the event over exposures. The number of unique users is an estimate: its error is noise in the mean."""
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
    weights: dict[tuple[str, str | None], int] = {}
    for found in totals.values():
        for kind, each in found.items():
            if kind != EXPOSURE:
                weights[kind, None] = weights.get((kind, None), 0) + each.events
                for name, moments in each.metrics.items():
                    weights[kind, name] = weights.get((kind, name), 0) + moments.n
    ordered = sorted(weights, key=lambda which: (-weights[which], which[0], which[1] or ""))
    return [_metric(kind, name, names, control, totals, horizon, mistrusted) for kind, name in ordered]


def _metric(
    kind: str, name: str | None, names: Sequence[str], control: str | None, totals: ByVariant, horizon: int, mistrusted: bool
) -> dict[str, Any]:
    def sample_of(variant: str) -> Sample | None:
        mine = totals.get(variant, {})
        found = mine.get(kind)
        if name is None:
            exposures = _exposures(mine)
            if exposures == 0:
                return None
            return statistics.proportion_of(0, exposures) if found is None else _conversion(found, exposures)
        moments = None if found is None else found.metrics.get(name)
        return None if moments is None else statistics.mean_of(*moments)

    samples = {variant: sample_of(variant) for variant in names}
    is_enough = _is_enough_users if name is None else _is_enough_values
    ours = samples.get(control) if control is not None else None
    compared = [
        _comparison(variant, ours, theirs, is_enough, name is None, horizon, mistrusted)
        for variant, theirs in samples.items()
        if variant != control
    ]
    return {
        "metric": kind if name is None else f"{kind}/{name}",
        "kind": CONVERSION if name is None else MEAN,
        "event_type": kind,
        "property": name,
        "values": {variant: None if sample is None else sample.mean for variant, sample in samples.items()},
        "comparisons": compared,
    }


def _is_enough_users(sample: Sample) -> bool:
    have = sample.mean * sample.n
    return sample.n >= MIN_USERS and min(have, sample.n - have) >= MIN_OF_EITHER


def _is_enough_values(sample: Sample) -> bool:
    return sample.n >= MIN_VALUES


def _no_degrees(*_: Sample) -> float:
    """Of proportions: the normal distribution."""
    return inf


def _comparison(
    variant: str,
    ours: Sample | None,
    theirs: Sample | None,
    is_enough: Callable[[Sample], bool],
    proportions: bool,
    horizon: int,
    mistrusted: bool,
) -> dict[str, Any]:
    """Of one variant with the control. Without enough of both there are estimates, but no interval and no p value."""
    told: dict[str, Any] = {
        "variant": variant, "lift": None, "lift_interval": None, "difference": None, "difference_interval": None,
        "p_value": None, "direction": None, "fixed_horizon": None, "verdict": TOO_FEW,
    }  # fmt: skip
    if ours is None or theirs is None:
        return told
    told["difference"] = _number(theirs.mean - ours.mean)
    told["lift"] = _number(theirs.mean / ours.mean - 1.0) if ours.mean > 0.0 else None
    if not (is_enough(ours) and is_enough(theirs)):
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
