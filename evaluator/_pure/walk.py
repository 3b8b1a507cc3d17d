"""One evaluation: from a flag's row through its rules and conditions to an outcome (docs/semantics.md).

An observer may watch every step; that is all that ``evaluator.explain`` is. Used by ``_pure.evaluator`` and ``explain``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from evaluator._pure import matching
from evaluator._pure.buckets import bucket_of, find_range
from evaluator._pure.conversions import converted
from evaluator._pure.hashing import hash_bytes, unit_bytes
from evaluator._pure.operands import as_integer
from evaluator._pure.places import in_window
from evaluator._pure.program import Program
from evaluator._pure.rows import AttributeRow, ConditionRow, FlagRow, OutcomeRow
from evaluator._pure.values import MISSING, UNUSABLE, at_path, entry, is_unicode, plain
from evaluator._pure.view import View
from evaluator.snapshot import opcodes as codes


class Answer(NamedTuple):
    """What an evaluation comes to. ``variant`` is a row of ``variants``, ``rule`` one of ``rules``; None for none."""

    reason: int
    variant: int | None = None
    rule: int | None = None
    bucket: int | None = None


class Observer:
    """Told of every step, in order. This one doesn't care; subclass it to watch. All numbers are row numbers."""

    def enter_flag(self, flag: int) -> None:
        """A flag, or a prerequisite, is evaluated."""

    def leave_flag(self, flag: int, answer: Answer) -> None:
        """It has its answer."""

    def enter_rule(self, rule: int) -> None:
        """A rule is tried."""

    def condition(self, condition: int, value: object, result: bool | None, missing: bool) -> None:
        """A condition row was asked. ``value`` is the attribute's (MISSING and UNUSABLE too), or what stands for one."""

    def leave_rule(self, rule: int, matched: bool, answer: Answer | None) -> None:
        """The rule's condition held or not, and its outcome decided (an answer) or passed on (None)."""

    def bucket(self, outcome: int, unit: object, bucket: int | None, found: int | None) -> None:
        """A split was asked: the unit's bytes (or MISSING, UNUSABLE), the bucket, and the row of its range."""

    def default(self, outcome: int) -> None:
        """No rule decided; the default outcome is taken."""


class _NextRule(Exception):
    """The outcome passes on."""


class _Default(Exception):
    """The outcome asks for the flag's default."""


class Walk:
    """The state of one evaluation: the program, what the caller said, and who watches."""

    def __init__(self, program: Program, view: View, observer: Observer | None = None) -> None:
        self.program = program
        self.view = view
        self.observer = observer or Observer()

    # --- flags and rules --------------------------------------------------------------------------------------------------

    def flag(self, index: int) -> Answer:
        """The answer of a flag that is neither a tombstone nor unsupported, or of one that is."""
        self.observer.enter_flag(index)
        answer = fixed_answer(self.program, index) or _without_error_values(self._live_flag(index))
        self.observer.leave_flag(index, answer)
        return answer

    def _live_flag(self, index: int) -> Answer:
        outer = self.view
        self.view = outer.of_flag(self.program.flag_keys[index])
        try:
            return self._rules(self.program.flags[index])
        finally:
            self.view = outer

    def _rules(self, flag: FlagRow) -> Answer:
        for index in range(flag.first_rule, flag.first_rule + flag.rule_count):
            self.observer.enter_rule(index)
            matched = self._matches(index)
            try:
                answer = self._decide(flag, index) if matched else None
            except _Default:
                self.observer.leave_rule(index, True, None)
                return self._default(flag, codes.REASON_DEFAULT)
            self.observer.leave_rule(index, matched, answer)
            if answer is not None:
                return answer
        return self._default(flag, flag.default_reason)

    def _decide(self, flag: FlagRow, index: int) -> Answer | None:
        """The answer of a rule that matched, or None when its outcome passes on."""
        rule = self.program.rules[index]
        try:
            answer = self._outcome(flag, rule.outcome, Answer(rule.reason, None, index))
        except _NextRule:
            return None
        return Answer(rule.reason, None, index) if rule.reason >= codes.REASON_FIRST_ERROR else answer

    def _default(self, flag: FlagRow, reason: int) -> Answer:
        self.observer.default(flag.default_outcome)
        try:
            return self._outcome(flag, flag.default_outcome, Answer(reason))
        except (_NextRule, _Default):
            return Answer(reason)

    # --- conditions -------------------------------------------------------------------------------------------------------

    def _matches(self, index: int) -> bool:
        """Runs the rule's rows from the first; jumps go forward only, so this ends."""
        rule = self.program.rules[index]
        position = rule.first_condition
        target = codes.JUMP_MATCH if rule.condition_count == 0 else 0
        while target not in (codes.JUMP_MATCH, codes.JUMP_FAIL):
            position += target
            target = self._condition(position)
        return target == codes.JUMP_MATCH

    def _condition(self, index: int) -> int:
        """Where a row's answer leads."""
        row = self.program.conditions[index]
        value, result, missing = self._ask(row)
        self.observer.condition(index, value, result, missing)
        if missing:
            return row.on_missing
        if result is None:
            return row.on_unknown
        return row.on_true if result else row.on_false

    def _ask(self, row: ConditionRow) -> tuple[object, bool | None, bool]:
        """(the value looked at, the operator's answer, whether there was nothing to look at)."""
        if row.op == codes.OP_NOW:
            now = self.view.now_us
            return now, matching.compare(row.mode, matching.order_of(now, as_integer(row.payload))), False
        if row.op == codes.OP_PREREQUISITE:
            return self._prerequisite(row)
        if row.op == codes.OP_EXPRESSION:
            return self._truth(row)
        if row.op == codes.OP_BUCKET:
            return self._in_bucket(row)
        value = self.attribute(row.attribute)
        if row.op == codes.OP_WINDOW and (value is MISSING or value is None):
            now = self.view.now_us
            return now, in_window(self.program.windows[row.offset], self.program.zones, now), False
        if value is UNUSABLE:
            return value, None, False
        if value is MISSING:
            return value, None, True
        return value, matching.test(self.program, row, value), False

    def _prerequisite(self, row: ConditionRow) -> tuple[object, bool | None, bool]:
        answer = self.flag(row.payload)
        wanted = self.program.numbers[row.offset : row.offset + row.count]
        return answer, None if answer.reason >= codes.REASON_FIRST_ERROR else answer.variant in wanted, False

    def _truth(self, row: ConditionRow) -> tuple[object, bool | None, bool]:
        from evaluator._pure.expressions import truthy

        value = self.expression(row.offset)
        return value, None if value is UNUSABLE else truthy(value), False

    def _in_bucket(self, row: ConditionRow) -> tuple[object, bool | None, bool]:
        split = self.program.outcomes[row.offset]
        bucket, found = self._bucket(row.offset, split)
        if bucket is None:
            return MISSING, None, True
        return bucket, found is not None and self.program.ranges[found].target != codes.TARGET_NEXT_RULE, False

    # --- attributes and expressions ---------------------------------------------------------------------------------------

    def attribute(self, index: int) -> Any:
        """The value of an attribute; MISSING, or UNUSABLE when the look-up raised or it is a string with a lone surrogate."""
        try:
            value = plain(self._resolve(index))
        except Exception:  # a hostile key's __eq__
            return UNUSABLE
        return UNUSABLE if isinstance(value, str) and not is_unicode(value) else value

    def _resolve(self, index: int) -> Any:
        """By name, else along the path, else the fallback's."""
        while index != codes.NONE_16:
            row = self.program.attributes[index]
            value = MISSING
            if not row.flags & codes.ATTRIBUTE_PATH_ONLY:
                value = _present(row, entry(self.view.context, self.program.attribute_names[row.name]))
            guarded = row.flags & codes.ATTRIBUTE_GUARDED and not self._guard_holds(row)
            if value is MISSING and not guarded:
                value = _present(row, self._at_path(row))
            if value is not MISSING and not guarded:
                return converted(row.flags, value)
            index = row.fallback
        return MISSING

    def _guard_holds(self, row: AttributeRow) -> bool:
        """Whether the attribute's guard is the text that it must be."""
        value = self.attribute(row.guard)
        if value is MISSING:
            return bool(row.flags & codes.ATTRIBUTE_GUARD_OPTIONAL)
        return bool(value == self.program.attribute_names[row.guard_text]) if isinstance(value, str) else False

    def _at_path(self, row: AttributeRow) -> Any:
        """What the row's path leads to; with PATH_ONLY no path is the whole context."""
        if row.path != codes.NONE:
            return at_path(self.view.context, self.program.paths[row.path])
        return self.view.context if row.flags & codes.ATTRIBUTE_PATH_ONLY else MISSING

    def expression(self, node: int) -> Any:
        """The value of an expression; UNUSABLE when it fails."""
        from evaluator._pure.expressions import evaluate_expression

        try:
            return evaluate_expression(self.program, node, self.view)
        except Exception:  # a hostile object met on the way
            return UNUSABLE

    # --- outcomes ---------------------------------------------------------------------------------------------------------

    def _outcome(self, flag: FlagRow, index: int, so_far: Answer) -> Answer:
        """The answer of an outcome; ``so_far`` has the rule and the reason. Raises _NextRule and _Default."""
        row = self.program.outcomes[index]
        if row.kind == codes.OUTCOME_CONSTANT:
            return so_far._replace(variant=row.variant)
        if row.kind == codes.OUTCOME_SPLIT:
            return self._split(index, row, so_far)
        if row.kind == codes.OUTCOME_EXPRESSION:
            return self._computed(flag, row, so_far)
        return so_far  # NO_ANSWER

    def _split(self, index: int, row: OutcomeRow, so_far: Answer) -> Answer:
        unit = self._unit(row)
        if unit is UNUSABLE:
            self.observer.bucket(index, unit, None, None)
            return so_far._replace(reason=codes.REASON_INVALID_CONTEXT)
        bucket, found = self._bucket(index, row)
        if bucket is None:
            return _at_end(row, row.on_missing, so_far)
        so_far = so_far._replace(bucket=bucket)
        if found is None:
            return _at_end(row, row.past_end, so_far)
        target = self.program.ranges[found].target
        if target == codes.TARGET_NEXT_RULE:
            raise _NextRule
        return so_far._replace(variant=None if target == codes.TARGET_NO_ANSWER else target)

    def _unit(self, row: OutcomeRow) -> Any:
        """The unit's bytes, MISSING or UNUSABLE."""
        value = self.attribute(row.attribute) if row.node == codes.NONE else self.expression(row.node)
        return unit_bytes(row.unit, value)

    def _bucket(self, index: int, row: OutcomeRow) -> tuple[int | None, int | None]:
        """(the unit's bucket, the row of the range it falls in); None for no unit, and past the last range."""
        unit = self._unit(row)
        if not isinstance(unit, bytes):
            self.observer.bucket(index, unit, None, None)
            return None, None
        prefix = self.program.slice(row.prefix, row.prefix_length)
        suffix = self.program.slice(row.suffix, row.suffix_length)
        bucket = bucket_of(row.space, row.total, hash_bytes(row.hash, prefix + unit + suffix, row.seed))
        found = find_range(self.program.ranges, row.first_range, row.range_count, bucket)
        self.observer.bucket(index, unit, bucket, found)
        return bucket, found

    def _computed(self, flag: FlagRow, row: OutcomeRow, so_far: Answer) -> Answer:
        """The variant that the expression's value names."""
        name = plain(self.expression(row.node))
        if name is None:
            raise _Default
        if isinstance(name, bool):
            name = "true" if name else "false"
        for variant in range(flag.first_variant, flag.first_variant + flag.variant_count):
            if isinstance(name, str) and self.program.variant_names[self.program.variants[variant].name] == name:
                return so_far._replace(variant=variant)
        return so_far._replace(reason=codes.REASON_GENERAL)


def fixed_answer(program: Program, index: int) -> Answer | None:
    """The answer of a tombstone or of an unsupported flag, whatever the context; None for all others."""
    flag = program.flags[index]
    is_tombstone = flag.state == codes.STATE_TOMBSTONE
    if not is_tombstone and not program.unsupported[index]:
        return None
    default = program.outcomes[flag.default_outcome]
    variant = default.variant if default.kind == codes.OUTCOME_CONSTANT else None
    return Answer(codes.REASON_PARSE_ERROR if is_tombstone else codes.REASON_UNSUPPORTED, variant)


def _present(row: AttributeRow, value: Any) -> Any:
    """The value, or MISSING where the attribute takes an empty one for that."""
    if value is None:
        return MISSING if row.flags & (codes.ATTRIBUTE_EMPTY_IS_MISSING | codes.ATTRIBUTE_NULL_IS_MISSING) else value
    is_empty = row.flags & codes.ATTRIBUTE_EMPTY_IS_MISSING and isinstance(value, str) and plain(value) == ""
    return MISSING if is_empty else value


def _at_end(row: OutcomeRow, action: int, so_far: Answer) -> Answer:
    """What a split does without a unit, or past its last range."""
    if action == codes.ON_NEXT_RULE:
        raise _NextRule
    if action == codes.ON_DEFAULT:
        raise _Default
    if action == codes.ON_ERROR:
        return so_far._replace(reason=codes.REASON_TARGETING_KEY_MISSING)
    return so_far._replace(variant=row.variant)


def _without_error_values(answer: Answer) -> Answer:
    """An error answers no variant and no bucket."""
    if answer.reason < codes.REASON_FIRST_ERROR:
        return answer
    return Answer(answer.reason, None, answer.rule, None)
