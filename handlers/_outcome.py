"""What an evaluation is to those who want a switch: on or off, why, and which variant. For ``handlers``.

On the cold path: imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from evaluator import Evaluation
    from handlers._http import Row

# The finer words (evaluator.reasons.DETAILS) of answers that the flag gave itself; under all others it is off.
ANSWERS = frozenset(("enabled", "override", "default"))


def switch(evaluation: Evaluation, detail: str) -> tuple[bool, str | None]:
    """(enabled, variant) of an evaluation with this detail.

    A boolean flag is enabled when its value is true; any other when it gave an answer of its own. A flag that is switched off,
    refused somebody or failed names no variant, whatever its value is then (requirement FLG-03).
    """
    if detail not in ANSWERS:
        return False, None
    variant, value = evaluation.variant, evaluation.value
    if value is True or value is False:
        return value, variant
    return value is not None or variant is not None, variant


def row_of(evaluation: Evaluation) -> Row:
    """Key, id, enabled, detail and variant: what tracking records of an answer."""
    detail = evaluation.detail
    enabled, variant = switch(evaluation, detail)
    return evaluation.flag_key, flag_id_of(evaluation), enabled, detail, variant


def flag_id_of(evaluation: Evaluation) -> object:
    """What the flag's item calls itself: ``flag_id``, an experiment's ``experiment_id``; None without either."""
    metadata = evaluation.metadata
    if metadata is None:
        return None
    found = metadata.get("flag_id")
    return metadata.get("experiment_id") if found is None else found
