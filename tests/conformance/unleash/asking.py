"""Unleash's questions as ours, and our answers as Unleash's. For this folder's tests and the differential ones."""

from types import ModuleType
from typing import Any

FIELDS = ("userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime")


def context_of(context: dict[str, Any]) -> dict[str, Any]:
    """A context of Unleash's: properties spread at top level, where a field wins; the user's id is the targeting key too."""
    flat = {**(context.get("properties") or {}), **{name: context[name] for name in FIELDS if name in context}}
    return flat | {"targetingKey": context["userId"]} if "userId" in context else flat


def evaluator_of(document: dict[str, Any], core: ModuleType) -> Any:
    """An evaluator of one core for a document."""
    from config_sync import compile_project

    result = compile_project(document, dialect="unleash")
    assert result.snapshot is not None, [item.message for item in result.diagnostics]
    return core.Evaluator(result.snapshot)


def enabled(found: Any) -> bool:
    """What ``isEnabled`` says."""
    return found.value is True or found.variant is not None


def variant_of(found: Any) -> dict[str, Any]:
    """What ``getVariant`` says. Of a payload its type is told by its value's, and a text is taken for a string."""
    if found.variant is None:
        return {"name": "disabled", "enabled": False, "feature_enabled": enabled(found)}
    answer: dict[str, Any] = {"name": found.variant, "enabled": True, "feature_enabled": True}
    if found.value is not True:
        is_number = isinstance(found.value, int | float)
        kind = "number" if is_number else "string" if isinstance(found.value, str) else "json"
        answer["payload"] = {"type": kind, "value": str(found.value) if is_number else found.value}
    return answer
