"""What an evaluation is to its caller: the answer with its names. ``_pure.evaluator`` makes them."""

from typing import Any

from evaluator._pure.program import Program
from evaluator._pure.values import fresh_copy
from evaluator._pure.walk import Answer
from evaluator.reasons import DETAILS, ERROR_CODES, WORDS
from evaluator.snapshot.opcodes import KIND_BOOLEAN, NONE, VARIANT_IS_ON


class Evaluation:
    """One flag's answer for one context. Read-only; compares by value; object values and metadata are fresh copies."""

    __slots__ = ("_answer", "_flag_key", "_program", "_row")

    def __init__(self, program: Program, flag_key: str, row: int | None, answer: Answer) -> None:
        self._program = program
        self._flag_key = flag_key
        self._row = row
        self._answer = answer

    @property
    def flag_key(self) -> str:
        return self._flag_key

    @property
    def value(self) -> Any:
        """The variant's value; None if there is none."""
        return fresh_copy(variant_value(self._program, self._answer.variant))

    @property
    def boolean(self) -> bool | None:
        """What it says to a boolean question: its value if that is one, true for a variant that is on, else None."""
        return boolean_of(self._program, self._answer.variant)

    @property
    def variant(self) -> str | None:
        """The variant's name; None for an unnamed one."""
        variant = self._answer.variant
        return None if variant is None else self._program.variant_names[self._program.variants[variant].name] or None

    @property
    def reason(self) -> str:
        """OpenFeature's word."""
        return WORDS[self._answer.reason]

    @property
    def reason_code(self) -> int:
        """A REASON_* code."""
        return self._answer.reason

    @property
    def detail(self) -> str:
        """The finer word (``reasons.DETAILS``)."""
        return DETAILS[self._answer.reason]

    @property
    def error_code(self) -> str | None:
        """OpenFeature's error code, when the reason is ERROR."""
        return ERROR_CODES[self._answer.reason]

    @property
    def rule(self) -> str | None:
        """The id of the rule that decided; None if none did, or it has none."""
        if self._answer.rule is None:
            return None
        rule_id = self._program.rules[self._answer.rule].id
        return None if rule_id == NONE else self._program.rule_ids[rule_id]

    @property
    def bucket(self) -> int | None:
        """The bucket of the split that decided."""
        return self._answer.bucket

    @property
    def snapshot_version(self) -> str:
        return self._program.version

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The flag's metadata."""
        return None if self._row is None else self._program.flag_metadata(self._row)

    def __eq__(self, other: object) -> bool:
        """By value, with an Evaluation of either core."""
        if type(other).__name__ != type(self).__name__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name, self) for name in _COMPARED)

    __hash__ = None  # type: ignore[assignment]  # object values aren't hashable

    def __repr__(self) -> str:
        return (
            f"Evaluation(flag_key={self.flag_key!r}, value={self.value!r}, variant={self.variant!r}, reason={self.reason!r}, "
            f"rule={self.rule!r}, bucket={self.bucket!r}, error_code={self.error_code!r})"
        )


_COMPARED = ("flag_key", "value", "variant", "reason_code", "rule", "bucket", "snapshot_version", "metadata")


def boolean_of(program: Program, variant: int | None) -> bool | None:
    """What a variant says to a boolean question; None if nothing."""
    if variant is None:
        return None
    row = program.variants[variant]
    if row.kind == KIND_BOOLEAN:
        value: bool = program.values[row.value]
        return value
    return True if row.flags & VARIANT_IS_ON else None


def variant_value(program: Program, variant: int | None) -> Any:
    """A variant's value as the program holds it; None for no variant, and for a variant without value."""
    if variant is None:
        return None
    index = program.variants[variant].value
    return None if index == NONE else program.values[index]
