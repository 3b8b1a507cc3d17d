"""OpenFeature's contexts to flat mappings, and values to the type that was asked for. Used by ``provider`` only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagValueType

T = TypeVar("T")
Convert = Callable[[Any], T | None]
"""The value as the wanted type, or None when it is another one. Variants never have the value None here."""


def flat_context(context: EvaluationContext | None) -> dict[str, Any]:
    """The attributes at top level, with ``targetingKey`` if there is one; it wins over an attribute of that name."""
    if context is None:
        return {}
    flat: dict[str, Any] = dict(context.attributes)
    if context.targeting_key is not None:
        flat["targetingKey"] = context.targeting_key
    return flat


def as_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def as_string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def as_integer(value: Any) -> int | None:
    """Whole floats count: JSON doesn't tell 10 from 10.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_object(value: Any) -> Sequence[FlagValueType] | Mapping[str, FlagValueType] | None:
    return value if isinstance(value, dict | list) else None
