"""Asks two evaluators the same questions and says where they differ, to the last bit. Used by the parity tests."""

import json
import struct
from typing import Any

FIELDS = ("flag_key", "variant", "reason", "reason_code", "rule", "bucket", "error_code", "detail", "snapshot_version")
MISSING = object()


def exact(value: Any) -> Any:
    """A value with its type, such that two are equal only if they are the same to the last bit (NaN included)."""
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, dict):
        return ("dict", tuple((key, exact(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(exact(item) for item in value))
    return (type(value).__name__, value)


def flat(evaluation: Any) -> tuple[Any, ...]:
    """An Evaluation as plain comparable data."""
    return (
        exact(evaluation.value),
        *(exact(getattr(evaluation, field)) for field in FIELDS),
        exact(evaluation.metadata),
    )


def evaluated(evaluator: Any, key: Any, context: Any, now: Any) -> tuple[Any, ...]:
    """``evaluate``; an exception is an answer too, and always a wrong one."""
    try:
        return flat(evaluator.evaluate(key, context, now))
    except Exception as error:
        return ("raised", repr(error))


def typed(evaluator: Any, key: Any, context: Any, now: Any) -> tuple[Any, ...]:
    """All five typed getters; the default handed in is an object that can come from nowhere else."""
    answers = []
    for getter in ("boolean", "string", "integer", "number", "object"):
        try:
            value = getattr(evaluator, getter)(key, context, MISSING, now)
        except Exception as error:
            return ("raised", getter, repr(error))
        answers.append("default" if value is MISSING else exact(value))
    return tuple(answers)


def everything(evaluator: Any, context: Any, now: Any) -> tuple[Any, ...]:
    """``evaluate_all`` in its order, and the bytes of ``evaluate_all_json``."""
    try:
        answers = evaluator.evaluate_all(context, None, now)
        body = evaluator.evaluate_all_json(context, now)
    except Exception as error:
        return ("raised", repr(error))
    return tuple((key, flat(answer)) for key, answer in answers.items()), body


def disagreement(pure: Any, fast: Any, key: Any, context: Any, now: Any) -> str | None:
    """What differs between the two about one key, or None."""
    for question in (evaluated, typed):
        left, right = question(pure, key, context, now), question(fast, key, context, now)
        if left != right or left[0] == "raised":
            return f"{question.__name__} {key!r}\n  context {context!r}\n  now {now!r}\n  pure {left}\n  fast {right}"
    return None


def disagreement_of_all(pure: Any, fast: Any, context: Any, now: Any, sound: bool = True) -> str | None:
    """What differs about all flags at once: between the cores, from asking one by one, or (if ``sound``) in the JSON."""
    left, right = everything(pure, context, now), everything(fast, context, now)
    if left != right or left[0] == "raised":
        return f"all flags\n  context {context!r}\n  now {now!r}\n  pure {left}\n  fast {right}"
    for key, answer in left[0]:
        if answer != evaluated(pure, key, context, now):
            return f"evaluate_all and evaluate differ on {key!r}, context {context!r}, now {now!r}"
    if sound and [item["key"] for item in json.loads(left[1])["flags"]] != [key for key, _ in left[0]]:
        return f"evaluate_all_json and evaluate_all have other keys, context {context!r}"
    return None


def disagreement_of_explanation(pure: Any, fast: Any, key: Any, context: Any, now: Any) -> str | None:
    """Explaining agrees with evaluating, on both."""
    for name, evaluator in (("pure", pure), ("fast", fast)):
        try:
            explained = flat(evaluator.explain(key, context, now).evaluation)
        except Exception as error:
            return f"{name}.explain raised {error!r}: {key!r}, context {context!r}, now {now!r}"
        if explained != evaluated(evaluator, key, context, now):
            return (
                f"{name}.explain differs from evaluate: {key!r}\n  context {context!r}\n  now {now!r}\n  explained {explained}"
            )
    return None
