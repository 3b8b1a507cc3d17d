"""Values as text in the form that a row's mode wants. Used by ``_pure.matching`` only."""

from typing import Any

from evaluator._pure.rows import ConditionRow
from evaluator._pure.values import as_text, decimal_text
from evaluator.snapshot import opcodes as codes


def text_of(row: ConditionRow, value: Any) -> str | None:
    """The value as text; with MODE_TEXT_ONLY a string alone has one."""
    return None if row.mode & codes.MODE_TEXT_ONLY and not isinstance(value, str) else as_text(value)


def text_as_wanted(row: ConditionRow, value: Any) -> str | None:
    """The same, a number's in the form that the row wants."""
    text = text_of(row, value)
    return decimal_text(value) if row.mode & codes.MODE_DECIMAL and not row.mode & codes.MODE_TEXT_ONLY else text


def folded(row: ConditionRow, text: str) -> bytes:
    if row.mode & codes.MODE_CASEFOLD:
        text = text.casefold()
    elif row.mode & codes.MODE_LOWERCASE:
        text = text.lower()
    return text.encode()
