"""The public class of the pure core, the twin of ``evaluator._fast.evaluator``: load, swap, ask.

``evaluator._backend`` chooses between the two; nothing else imports either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from evaluator._pure.evaluation import Evaluation, boolean_of, variant_value
from evaluator._pure.load import load
from evaluator._pure.program import Program
from evaluator._pure.question import key_text, make_view, row_of
from evaluator._pure.values import fresh_copy, plain
from evaluator._pure.view import View
from evaluator._pure.walk import Answer, Walk, fixed_answer
from evaluator.reasons import ERROR_CODES, MESSAGES, WORDS
from evaluator.snapshot import opcodes as codes

if TYPE_CHECKING:
    from evaluator.explain import Explanation

__all__ = ["Evaluation", "Evaluator"]

_NO_VALUE = object()
T = TypeVar("T")

Context = Mapping[str, Any] | None
Now = int | float | None  # milliseconds since the epoch; None = the wall clock, read only if something asks


class Evaluator:
    """Answers questions about the flags of one snapshot. Safe to share between threads; asking never raises."""

    __slots__ = ("_program",)

    def __init__(self, snapshot: bytes) -> None:
        """Checks the snapshot before it answers. Raises SnapshotError; TypeError for what is not bytes-like."""
        self.swap(snapshot)

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Evaluator:
        """Raises OSError and SnapshotError."""
        with open(path, "rb") as file:
            return cls(file.read())

    def swap(self, snapshot: bytes) -> None:
        """Takes another snapshot's answers from now on. Raises SnapshotError, and then the old one stays."""
        self._program: Program = load(snapshot if type(snapshot) is bytes else bytes(memoryview(snapshot)))

    # --- about the snapshot -----------------------------------------------------------------------------------------------

    @property
    def snapshot_version(self) -> str:
        """16 hex digits."""
        return self._program.version

    @property
    def metadata(self) -> dict[str, Any]:
        """The flag set's metadata."""
        return self._program.metadata

    def flag_keys(self) -> list[str]:
        """In code point order."""
        return list(self._program.flag_keys)

    def flag_metadata(self, key: str) -> dict[str, Any] | None:
        """The flag's metadata; None if it has none, or isn't there."""
        row = row_of(self._program, key)
        return None if row is None else self._program.flag_metadata(row)

    def variant_value(self, key: str, variant: str) -> Any:
        """The value of the flag's variant of this name, a fresh copy; None if there is no such variant, or it has none."""
        program = self._program
        row = row_of(program, key)
        if row is None or not variant:
            return None
        flag = program.flags[row]
        for index in range(flag.first_variant, flag.first_variant + flag.variant_count):
            if program.variant_names[program.variants[index].name] == variant:
                return fresh_copy(variant_value(program, index))
        return None

    # --- typed questions: the value, or the default handed in -------------------------------------------------------------

    def boolean(self, key: str, context: Context, default: Any, now: Now = None) -> Any:
        """The value of a boolean flag; true for a variant that is on, whatever it is worth."""
        program = self._program
        _, _, answer = _answer(program, key, context, now)
        value = boolean_of(program, answer.variant)
        return default if value is None else value

    def string(self, key: str, context: Context, default: Any, now: Now = None) -> Any:
        """The value of a string flag."""
        return self._typed(key, context, default, now, codes.KIND_STRING)

    def integer(self, key: str, context: Context, default: Any, now: Now = None) -> Any:
        """The value of a number flag that is an integer; a whole float as an int."""
        value = self._typed(key, context, _NO_VALUE, now, codes.KIND_INTEGER, codes.KIND_FLOAT)
        if isinstance(value, float):
            value = int(value) if value.is_integer() else _NO_VALUE
        return default if value is _NO_VALUE else value

    def number(self, key: str, context: Context, default: Any, now: Now = None) -> Any:
        """The value of a number flag, int or float as it is."""
        return self._typed(key, context, default, now, codes.KIND_INTEGER, codes.KIND_FLOAT)

    def object(self, key: str, context: Context, default: Any, now: Now = None) -> Any:
        """The value of an object flag: a fresh dict or list."""
        return self._typed(key, context, default, now, codes.KIND_OBJECT)

    def _typed(self, key: str, context: Context, default: Any, now: Now, *kinds: int) -> Any:
        program = self._program
        _, _, answer = _answer(program, key, context, now)
        if answer.variant is None or program.variants[answer.variant].kind not in kinds:
            return default
        return fresh_copy(variant_value(program, answer.variant))

    # --- whole answers ----------------------------------------------------------------------------------------------------

    def evaluate(self, key: str, context: Context, now: Now = None) -> Evaluation:
        """The flag's answer with its variant, reason, rule and bucket."""
        program = self._program
        flag_key, row, answer = _answer(program, key, context, now)
        return Evaluation(program, flag_key, row, answer)

    def evaluate_all(self, context: Context, keys: Iterable[str] | None = None, now: Now = None) -> dict[str, Evaluation]:
        """The answers of all flags, or of these (unknown ones included, what is no string left out), by key."""
        program = self._program
        view = make_view(context, now)
        answers = {}
        for key in program.flag_keys if keys is None else _strings(keys):
            row = program.row_of.get(key)
            answers[key] = Evaluation(program, key, row, _answer_row(program, row, view))
        return answers

    def evaluate_all_json(self, context: Context, now: Now = None) -> bytes:
        """The answers of all flags as the body of an OFREP bulk response."""
        program = self._program
        view = make_view(context, now)
        items = (_json_item(program, row, _answer_row(program, row, view)) for row in range(len(program.flags)))
        return b'{"flags":[' + b",".join(items) + b"]" + _json_metadata(program) + b"}"

    def recall(self, key: str, context: Context, make: Callable[[Evaluation], T], now: Now = None) -> T:
        """What ``make`` says of the flag's answer: asked once for a flag's variant and reason, then remembered.

        So it must depend on nothing else of the answer (rule, bucket). Memory ends with the snapshot, or when another ``make``
        is handed in; of keys that no flag has nothing is remembered. Raises what ``make`` raises.
        """
        program = self._program
        flag_key, row, answer = _answer(program, key, context, now)
        return _recalled(program, make, flag_key, row, answer)

    def recall_all(self, keys: Iterable[str], context: Context, make: Callable[[Evaluation], T], now: Now = None) -> list[T]:
        """``recall`` for each of ``keys``, once each: a list in their order."""
        program = self._program
        view = make_view(context, now)
        rows = [(key, program.row_of.get(key)) for key in _strings(keys)]
        return [_recalled(program, make, key, row, _answer_row(program, row, view)) for key, row in rows]

    def explain(self, key: str, context: Context, now: Now = None) -> Explanation:
        """The flag's answer, and every step that led to it."""
        from evaluator.explain import explain

        return explain(self._program, key, context, now)


def _recalled(program: Program, make: Callable[[Evaluation], T], flag_key: str, row: int | None, answer: Answer) -> T:
    if program.recalled[0] is not make:
        program.recalled = (make, {})
    known: dict[Any, T] = program.recalled[1]
    mark = (row, answer.variant, answer.reason)
    if row is None:
        return make(Evaluation(program, flag_key, row, answer))
    if mark not in known:
        known[mark] = make(Evaluation(program, flag_key, row, answer))
    return known[mark]


def _answer(program: Program, key: object, context: object, now: object) -> tuple[str, int | None, Answer]:
    """(the key as text, the flag's row, the answer)."""
    row = row_of(program, key)
    view = None if row is None or fixed_answer(program, row) else make_view(context, now)
    return key_text(key), row, _answer_row(program, row, view)


def _answer_row(program: Program, row: int | None, view: View | None) -> Answer:
    """No row: no such flag. No view: the context or the clock is unusable."""
    if row is None:
        return Answer(codes.REASON_FLAG_NOT_FOUND)
    if view is None:
        return fixed_answer(program, row) or Answer(codes.REASON_INVALID_CONTEXT)
    return Walk(program, view).flag(row)


def _strings(keys: Iterable[Any]) -> list[str]:
    """The strings among the keys, once each; a single string is one key; what can't be iterated holds none."""
    try:
        found = [keys] if isinstance(keys, str) else list(keys)
    except Exception:
        return []
    return list(dict.fromkeys(plain(key) for key in found if isinstance(key, str)))


# --- JSON, from the texts that the snapshot holds -----------------------------------------------------------------------------


def _json_item(program: Program, row: int, answer: Answer) -> bytes:
    flag = program.flags[row]
    parts = [b'"key":' + program.slice(flag.key_json, flag.key_json_length)]
    code = ERROR_CODES[answer.reason]
    if code is not None:
        parts.append(f'"errorCode":"{code}","errorDetails":"{MESSAGES[code]}"'.encode())
    else:
        parts.append(f'"reason":"{WORDS[answer.reason]}"'.encode())
        parts += _json_variant(program, answer.variant)
    if flag.metadata_json_length:
        parts.append(b'"metadata":' + program.slice(flag.metadata_json, flag.metadata_json_length))
    return b"{" + b",".join(parts) + b"}"


def _json_variant(program: Program, index: int | None) -> list[bytes]:
    if index is None:
        return []
    variant = program.variants[index]
    named = program.variant_names[variant.name] != ""
    parts = [b'"variant":' + program.slice(variant.name_json, variant.name_json_length)] if named else []
    if variant.value_json_length:
        parts.append(b'"value":' + program.slice(variant.value_json, variant.value_json_length))
    return parts


def _json_metadata(program: Program) -> bytes:
    from evaluator.json_text import render

    return b',"metadata":' + render(program.metadata).encode() if program.metadata else b""
