"""Why a flag answered what it did: the pure core's own walk with an observer that writes down every step.

``explain`` is what ``Evaluator.explain`` of either core calls, lazily. It always agrees with ``evaluate``, because it *is* that
evaluation; the parity tests hold the Cython core to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from evaluator._pure.evaluation import Evaluation
from evaluator._pure.load import load
from evaluator._pure.program import Program
from evaluator._pure.question import key_text, make_view, row_of
from evaluator._pure.values import MISSING, UNUSABLE, is_unicode, plain
from evaluator._pure.view import View
from evaluator._pure.walk import Answer, Observer, Walk, fixed_answer
from evaluator.reasons import DETAILS, ERROR_CODES, MESSAGES, WORDS
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.describe import (
    describe_condition,
    describe_outcome,
    describe_split,
    describe_target,
    describe_variant,
)
from evaluator.snapshot.words import quoted

_INDENT: Final = "  "
_JSON_DEPTH: Final = 16


class Step:
    """One thing that happened: its kind, how deep it lies, a sentence, and the same as data (JSON-able).

    Kinds: ``flag``, ``rule``, ``condition``, ``bucket``, ``outcome``, ``default``, ``answer``, ``error``.
    """

    __slots__ = ("data", "depth", "kind", "text")

    def __init__(self, kind: str, depth: int, text: str, data: dict[str, Any]) -> None:
        self.kind = kind
        self.depth = depth
        self.text = text
        self.data = data

    def __repr__(self) -> str:
        return f"Step({self.kind!r}, {self.text!r})"

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "depth": self.depth, "text": self.text, **self.data}


class Explanation:
    """``.evaluation``, the ``.steps`` to it in order, ``str()`` for people and ``to_dict()`` for programs."""

    __slots__ = ("evaluation", "steps")

    def __init__(self, evaluation: Any, steps: list[Step]) -> None:
        self.evaluation = evaluation
        self.steps = steps

    def __str__(self) -> str:
        return "\n".join(_INDENT * step.depth + step.text for step in self.steps)

    def __repr__(self) -> str:
        return f"Explanation({self.evaluation!r}, {len(self.steps)} steps)"

    def to_dict(self) -> dict[str, Any]:
        """``{"flagKey", "snapshotVersion", "evaluation": {…}, "steps": [{"kind", "depth", "text", …}]}``, all of it JSON."""
        asked = self.evaluation
        return {
            "flagKey": _jsonable(asked.flag_key),
            "snapshotVersion": asked.snapshot_version,
            "evaluation": {
                "value": asked.value,
                "variant": asked.variant,
                "reason": asked.reason,
                "detail": asked.detail,
                "rule": asked.rule,
                "bucket": asked.bucket,
                "errorCode": asked.error_code,
                "metadata": asked.metadata,
            },
            "steps": [step.to_dict() for step in self.steps],
        }


def explain(
    snapshot: bytes | Program, key: str, context: Mapping[str, Any] | None, now: int | float | None = None
) -> Explanation:
    """Evaluates the flag once more, watched. Never raises for a context or a key; SnapshotError for bad bytes."""
    program = snapshot if isinstance(snapshot, Program) else load(bytes(memoryview(snapshot)))
    row = row_of(program, key)
    if row is None:
        return _failed(program, key_text(key), None, codes.REASON_FLAG_NOT_FOUND)
    view = make_view(context, now)
    if view is None and fixed_answer(program, row) is None:
        return _failed(program, program.flag_keys[row], row, codes.REASON_INVALID_CONTEXT)
    writer = _Writer(program)
    answer = Walk(program, view or View({}), writer).flag(row)
    return Explanation(Evaluation(program, program.flag_keys[row], row, answer), writer.steps)


def _failed(program: Program, flag_key: str, row: int | None, reason: int) -> Explanation:
    evaluation = Evaluation(program, flag_key, row, Answer(reason))
    code = evaluation.error_code or ""
    step = Step("error", 0, f"flag {quoted(flag_key)}: {code}, {MESSAGES[code]}", {"errorCode": code})
    return Explanation(evaluation, [step])


class _Writer(Observer):
    """Writes a step for everything that the walk reports."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.steps: list[Step] = []
        self._depth = 0

    def _write(self, kind: str, text: str, **data: Any) -> None:
        self.steps.append(Step(kind, self._depth, text, data))

    def enter_flag(self, flag: int) -> None:
        program, key = self.program, self.program.flag_keys[flag]
        state = ""
        if fixed_answer(program, flag):
            message = program.flags[flag].message
            state = ": it did not compile" if program.flags[flag].state == codes.STATE_TOMBSTONE else ": it needs a newer core"
            state += f" ({program.values[message]})" if message != codes.NONE else ""
        self._write("flag", f"flag {quoted(key)}{state}", flagKey=key)
        self._depth += 1

    def leave_flag(self, flag: int, answer: Answer) -> None:
        value = Evaluation(self.program, self.program.flag_keys[flag], flag, answer)
        parts = [f"=> {quoted(value.value)}" if answer.variant is not None else "=> no value"]
        parts += [f"variant {quoted(value.variant)}"] if value.variant is not None else []
        parts.append(f"reason {value.reason}" + (f" ({value.error_code})" if value.error_code else f" ({value.detail})"))
        parts += [f"rule {quoted(value.rule)}"] if value.rule is not None else []
        parts += [f"bucket {answer.bucket}"] if answer.bucket is not None else []
        data = {"variant": value.variant, "reason": value.reason, "rule": value.rule, "bucket": answer.bucket}
        self._write("answer", ", ".join(parts), flagKey=value.flag_key, **data)
        self._depth -= 1

    def enter_rule(self, rule: int) -> None:
        row = self.program.rules[rule]
        rule_id = None if row.id == codes.NONE else self.program.rule_ids[row.id]
        always = "" if row.condition_count else ", always"
        name = "a rule without id" if rule_id is None else f"rule {quoted(rule_id)}"
        self._write("rule", f"{name}{always}, for {WORDS[row.reason]} ({DETAILS[row.reason]})", rule=rule_id)
        self._depth += 1

    def leave_rule(self, rule: int, matched: bool, answer: Answer | None) -> None:
        outcome = describe_outcome(self.program, self.program.outcomes[self.program.rules[rule].outcome])
        self._write("outcome", self._decision(matched, answer), matched=matched, decided=answer is not None, outcome=outcome)
        self._depth -= 1

    def _decision(self, matched: bool, answer: Answer | None) -> str:
        if not matched:
            return "does not match"
        if answer is None:
            return "matches, but its outcome passes on"
        if answer.variant is None:
            return f"matches: {ERROR_CODES[answer.reason] or 'no answer'}"
        return f"matches: variant {describe_variant(self.program, answer.variant)}"

    def condition(self, condition: int, value: object, result: bool | None, missing: bool) -> None:
        row = self.program.conditions[condition]
        question = describe_condition(self.program, row)
        word = "missing" if missing else {True: "true", False: "false", None: "unknown"}[result]
        data: dict[str, Any] = {"question": question, "result": word}
        seen = "" if missing else self._seen(row, value, data)
        self._write("condition", f"{question}? {seen}{word}{self._direction(row, word)}", **data)

    def _seen(self, row: Any, value: object, data: dict[str, Any]) -> str:
        """The value looked at, written into ``data`` too."""
        if row.op == codes.OP_PREREQUISITE and isinstance(value, Answer):
            found = None if value.variant is None else self.program.variant_names[self.program.variants[value.variant].name]
            data["value"] = found
        else:
            data["value"] = _jsonable(value)
        return f"{quoted(data['value'])}: "

    def _direction(self, row: Any, word: str) -> str:
        """Where the answer leads, when that is the rule's end."""
        target = {"missing": row.on_missing, "unknown": row.on_unknown, "true": row.on_true, "false": row.on_false}[word]
        return {codes.JUMP_MATCH: " -> match", codes.JUMP_FAIL: " -> no match"}.get(target, "")

    def bucket(self, outcome: int, unit: object, bucket: int | None, found: int | None) -> None:
        split = self.program.outcomes[outcome]
        how = describe_split(self.program, split)
        if bucket is None:
            problem = "the unit is unusable" if unit is UNUSABLE else "there is no unit"
            self._write("bucket", f"{how}: {problem}", split=how, unit=None, bucket=None, range=None)
            return
        shown = unit.decode(errors="backslashreplace") if isinstance(unit, bytes) else ""
        first, last, target = self._range(split, found)
        where = f"in {first}-{last}: {target}" if found is not None else "past the last range"
        span = None if found is None else [first, last]
        self._write("bucket", f"{how}: {quoted(shown)} is {bucket}, {where}", split=how, unit=shown, bucket=bucket, range=span)

    def _range(self, split: Any, found: int | None) -> tuple[int, int, str]:
        if found is None:
            return 0, 0, ""
        first = self.program.ranges[found - 1].last + 1 if found > split.first_range else 0
        return first, self.program.ranges[found].last, describe_target(self.program, self.program.ranges[found].target)

    def default(self, outcome: int) -> None:
        text = describe_outcome(self.program, self.program.outcomes[outcome])
        self._write("default", f"the default: {text}", outcome=text)


def _jsonable(value: object, depth: int = 0) -> Any:
    """The value if it is JSON, else something readable in its place; nothing a caller's object does gets out of here."""
    value = plain(value)
    if value is MISSING or value is UNUSABLE:
        return "(missing)" if value is MISSING else "(unusable)"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if is_unicode(value) else value.encode(errors="backslashreplace").decode()
    if isinstance(value, int):
        return value if value.bit_length() <= 1024 else f"(an integer of {value.bit_length()} bits)"
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return _jsonable_container(value, depth)


def _jsonable_container(value: object, depth: int) -> Any:
    try:
        if depth > _JSON_DEPTH:
            return "…"
        if isinstance(value, list | tuple | set | frozenset):
            return [_jsonable(item, depth + 1) for item in tuple(value)]
        if isinstance(value, dict):
            return {str(_jsonable(key)): _jsonable(item, depth + 1) for key, item in dict.items(value)}
        return str(_jsonable(repr(value)))
    except Exception:  # a hostile __repr__ or __iter__
        return f"(a {type(value).__name__})"


__all__ = ["Explanation", "Step", "explain"]
