"""What an evaluation is to those who want a switch: on or off, why, and which variant. For ``handlers``.

On the cold path: imports nothing but ``_http``'s quoting.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as _quote

from handlers._http import quote_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from evaluator import Evaluation

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


def row_of(evaluation: Evaluation) -> tuple[str, object, bool, str, str | None]:
    """Key, id, enabled, detail and variant of an answer."""
    detail = evaluation.detail
    enabled, variant = switch(evaluation, detail)
    return evaluation.flag_key, flag_id_of(evaluation), enabled, detail, variant


def properties_of(key: str, flag_id: object, enabled: bool, detail: str, variant: str | None) -> str:
    """What tracking records of an answer: the first members of an evaluation event's properties, in ASCII (``_contract``)."""
    return (
        f'"flag_id":{"null" if flag_id is None else _quote(str(flag_id))},"flag_key":{_quote(key)},'
        f'"enabled":{"true" if enabled else "false"},"reason":{_quote(detail)},'
        f'"variant":{"null" if variant is None else _quote(variant)}'
    )


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
    """What is said of one answer; for ``Evaluator.recall``, since making one takes longer than an evaluation.

    ``row`` to tracking, ``member`` in a batch, ``rest`` alone, after the user; ``ofrep`` is OFREP's text, of an error its end
    only. ``detail`` and ``error_code`` are the evaluation's.
    """

    __slots__ = ("detail", "error_code", "member", "ofrep", "rest", "row")

    def __init__(self, evaluation: Evaluation) -> None:
        key, flag_id, enabled, detail, variant = row_of(evaluation)
        on, name = "true" if enabled else "false", "null" if variant is None else quote_json(variant)
        named = "" if variant is None else f',"variant":{name}'
        self.detail = detail
        self.error_code = evaluation.error_code
        self.row = properties_of(key, flag_id, enabled, detail, variant)
        self.rest = f',"flag_key":{quote_json(key)},"flag_id":{to_json(flag_id)},"enabled":{on},"reason":"{detail}"{named}'
        self.ofrep = ofrep_text(evaluation) if self.error_code is None else metadata_text(evaluation.metadata)
        self.member = f'{quote_json(key)}:{{"enabled":{on},"reason":"{detail}","variant":{name}}}'
