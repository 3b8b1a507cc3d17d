"""What an evaluation is to those who want a switch: on or off, why, and which variant. For ``handlers``.

On the cold path: imports nothing but ``_http``'s quoting.
"""

from __future__ import annotations

from handlers._http import quote_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluator import Evaluation
    from handlers._http import Row

MOST_KEPT = 20_000

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


class Told:
    """What the endpoints say of one answer: ``row`` to tracking (None: of an error), ``member`` in a batch, ``rest`` alone."""

    __slots__ = ("detail", "member", "rest", "row")

    def __init__(self, evaluation: Evaluation) -> None:
        self.row: Row | None = row_of(evaluation)
        key, flag_id, enabled, detail, variant = self.row
        on, name = "true" if enabled else "false", "null" if variant is None else quote_json(variant)
        self.detail = detail
        self.member = f'{quote_json(key)}:{{"enabled":{on},"reason":"{detail}","variant":{name}}}'
        named = "" if variant is None else f',"variant":{name}'
        self.rest = f',"flag_key":{quote_json(key)},"flag_id":{to_json(flag_id)},"enabled":{on},"reason":"{detail}"{named}'
        if evaluation.error_code is not None:
            self.row = None


class Tellings:
    """What is told of a snapshot's answers, each made once: a flag has few, and making one takes longer than an evaluation."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[str, dict[tuple[str, int, str | None, bool], Told]] = ("", {})

    def of(self, version: str, evaluations: Iterable[Evaluation]) -> list[Told]:
        """Of these answers, in their order; all are from the snapshot ``version``."""
        kept_version, kept = self._kept
        if kept_version != version or len(kept) > MOST_KEPT:
            kept = {}
            self._kept = (version, kept)
        told = []
        for evaluation in evaluations:
            value = evaluation.value
            # A named variant has one value, so that this says all there is to say; an unnamed one is on or off.
            mark = evaluation.flag_key, evaluation.reason_code, evaluation.variant, value is not None and value is not False
            found = kept.get(mark)
            if found is None:
                found = Told(evaluation)
                if evaluation.error_code != "FLAG_NOT_FOUND":  # of those there is no end
                    kept[mark] = found
            told.append(found)
        return told
