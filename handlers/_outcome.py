"""What an evaluation is to those who want a switch: on or off, why, and which variant. For ``handlers``.

On the cold path: imports nothing but ``_http``'s quoting.
"""

from __future__ import annotations

from handlers._http import quote_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluator import Evaluation
    from handlers._http import Row

    Mark = tuple[str, int, str | None, bool | str | None]  # flag, reason, variant, and the value if it is short to tell

MOST_KEPT, LONGEST_KEPT = 20_000, 1_000  # answers; characters of one

# The finer words (evaluator.reasons.DETAILS): of what could not be evaluated, and of answers that the flag gave itself. Under
# all others it is off.
FAILURES = frozenset(("error", "flag_not_found"))
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


def ofrep_text(evaluation: Evaluation) -> str:
    """A successful evaluation as OFREP writes it. No ``value`` means: the caller's own default."""
    text = f'{{"key":{quote_json(evaluation.flag_key)},"reason":"{evaluation.reason}"'
    if evaluation.variant is not None:
        text += f',"variant":{quote_json(evaluation.variant)}'
    value = evaluation.value
    if value is not None:
        text += f',"value":{to_json(value)}'
    return text + metadata_text(evaluation.metadata)


def metadata_text(metadata: dict[str, object] | None) -> str:
    """The end of an object of OFREP's."""
    return f',"metadata":{to_json(metadata)}}}' if metadata else "}"


class Told:
    """What is said of one answer: ``row`` to tracking, ``member`` in a batch, ``rest`` alone; ``ofrep``, empty for an error."""

    __slots__ = ("detail", "member", "ofrep", "rest", "row")

    def __init__(self, evaluation: Evaluation) -> None:
        self.row = row_of(evaluation)
        key, flag_id, enabled, detail, variant = self.row
        on, name = "true" if enabled else "false", "null" if variant is None else quote_json(variant)
        named = "" if variant is None else f',"variant":{name}'
        self.detail = detail
        self.member = f'{quote_json(key)}:{{"enabled":{on},"reason":"{detail}","variant":{name}}}'
        self.rest = f',"flag_key":{quote_json(key)},"flag_id":{to_json(flag_id)},"enabled":{on},"reason":"{detail}"{named}'
        self.ofrep = ofrep_text(evaluation) if evaluation.error_code is None else ""


class Tellings:
    """What is told of a snapshot's answers, each made once: a flag has few, and making one takes longer than an evaluation."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[str, dict[Mark, Told]] = ("", {})

    def of(self, evaluations: Sequence[Evaluation]) -> list[Told]:
        """Of these answers, in their order. All must be from one snapshot, which need not be the one that is served now."""
        version = evaluations[0].snapshot_version if evaluations else ""
        kept_version, kept = self._kept
        if kept_version != version or len(kept) > MOST_KEPT:
            kept = {}
            self._kept = (version, kept)
        told, find = [], kept.get
        for evaluation in evaluations:
            variant, value = evaluation.variant, evaluation.value
            # A named variant has one value, so that this says all there is to say.
            known = value if value is None or value is True or value is False else ""
            mark = evaluation.flag_key, evaluation.reason_code, variant, known
            found = find(mark)
            if found is None:
                found = Told(evaluation)
                # Of unknown keys there is no end, an unnamed variant may have any value, and memory is for many short texts.
                if (
                    evaluation.error_code != "FLAG_NOT_FOUND"
                    and (variant is not None or known != "")
                    and len(found.ofrep) <= LONGEST_KEPT
                ):
                    kept[mark] = found
            told.append(found)
        return told


tellings = Tellings()  # the process's own
