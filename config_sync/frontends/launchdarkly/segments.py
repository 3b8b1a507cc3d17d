"""Segments: who is in, and for whom asking is an error. Used by the launchdarkly front end only.

In LaunchDarkly an evaluation that meets a malformed clause, or a segment inside itself, ends in an error; one that decides
before doesn't. So every question has two conditions: when it holds, and when it fails. Most can't fail, and are shared by name.
"""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.launchdarkly.clauses import ALWAYS, NEVER, Clause, malformed_reference, read_clauses
from config_sync.frontends.launchdarkly.contexts import KEY, USER, attribute_of, parse_reference
from config_sync.frontends.launchdarkly.reading import Fields, Notes
from config_sync.frontends.launchdarkly.rollouts import bucketing, last_below
from config_sync.ir import Origin
from config_sync.limits import MAX_CONDITIONS_PER_RULE
from config_sync.passes.graph import cyclic

MAX_CHAIN = 32  # of segments that can fail, each naming the next


class Asked(msgspec.Struct, frozen=True):
    """When something holds, and when asking it ends the evaluation with an error (None: never)."""

    holds: ir.Condition
    fails: ir.Condition | None = None


class TooComplex(Exception):
    """Segments that can fail refer to each other in more ways than can be written out."""


class _Rule(msgspec.Struct, frozen=True):
    clauses: tuple[Clause, ...]
    share: ir.Condition | None = None  # of a weight
    malformed: bool = False  # its bucketBy


class _Segment(msgspec.Struct, frozen=True):
    included: ir.Condition
    excluded: ir.Condition
    rules: tuple[_Rule, ...]

    def names(self) -> set[str]:
        """The segments that it asks about."""
        return {name for rule in self.rules for clause in rule.clauses for name in clause.segments or ()}

    def is_malformed(self) -> bool:
        return any(rule.malformed or any(clause.malformed for clause in rule.clauses) for rule in self.rules)


class Segments:
    """All segments of a project, by key. ``conditions`` are those that flags refer to by name."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._segments: dict[str, _Segment | None] = {}  # None: it has errors
        self._failing: set[str] = set()
        self._written = 0
        self.conditions: dict[str, ir.Condition] = {}

    def add(self, key: str, data: Any, origin: Origin) -> None:
        """Reads a segment; of a key in several documents the last one counts."""
        notes = Notes(self._diagnostics)
        fields = Fields(data, origin, notes, "a segment")
        if fields.boolean("deleted"):
            return
        segment = self._read(key, fields)
        self._segments[key] = segment if notes.first_error is None else None

    def _read(self, key: str, fields: Fields) -> _Segment:
        if fields.boolean("unbounded"):
            message = f"{key!r} is a big segment: its members aren't in the document, so nobody is in it"
            fields.notes.warning("BIG-SEGMENT", message, fields.origin, "list the members, or use rules")
            return _Segment(NEVER, NEVER, ())
        key_in_hash, salt = fields.text("key") or key, fields.text("salt") or ""
        rules = fields.objects("rules", "a segment's rule")
        return _Segment(
            _members(fields, "included", "includedContexts"),
            _members(fields, "excluded", "excludedContexts"),
            tuple(_rule(rule, f"{key_in_hash}.{salt}.") for rule in rules),
        )

    def finish(self) -> None:
        """After the last one was added: finds those that can fail, and writes down all others."""
        graph = {key: segment.names() if segment else set() for key, segment in self._segments.items()}
        self._failing = cyclic(graph)
        self._failing |= {key for key, segment in self._segments.items() if segment is None or segment.is_malformed()}
        users: dict[str, set[str]] = {}
        for key, names in graph.items():
            for name in names:
                users.setdefault(name, set()).add(key)
        pending = list(self._failing)
        while pending:
            new = users.get(pending.pop(), set()) - self._failing
            self._failing |= new
            pending += new
        for key, segment in self._segments.items():
            if segment is not None and key not in self._failing:
                self.conditions[key] = self._asked(segment, ()).holds

    # --- questions ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A rule begins, which has only so much room."""
        self._written = 0

    def all_of(self, clauses: tuple[Clause, ...], above: tuple[str, ...] = ()) -> Asked:
        """All clauses, in order: the first that doesn't hold ends it. ``above``: segments being asked. Raises TooComplex."""
        holds: list[ir.Condition] = []
        fails: list[ir.Condition] = []
        for clause in clauses:
            asked = self._clause(clause, above)
            if asked.fails is not None:
                fails.append(ir.All((*holds, asked.fails)))
            holds.append(asked.holds)
        return Asked(ir.All(tuple(holds)), ir.Any_(tuple(fails)) if fails else None)

    def _clause(self, clause: Clause, above: tuple[str, ...]) -> Asked:
        if clause.malformed:
            return Asked(NEVER, ALWAYS)
        if clause.segments is None:
            return Asked(clause.condition)
        holds: list[ir.Condition] = []
        fails: list[ir.Condition] = []
        for name in clause.segments:
            asked = self._segment(name, clause, above)
            if asked.fails is not None:
                fails.append(ir.All((*map(ir.Not, holds), asked.fails)))
            holds.append(asked.holds)
        found: ir.Condition = ir.Any_(tuple(holds))
        return Asked(ir.Not(found) if clause.negate else found, ir.Any_(tuple(fails)) if fails else None)

    def _segment(self, name: str, clause: Clause, above: tuple[str, ...]) -> Asked:
        if name not in self._segments:
            self._diagnostics.warning(
                "MISSING-SEGMENT", f"there is no segment {name!r}: nobody is in it", clause.origin, "correct the name"
            )
            return Asked(NEVER)
        segment = self._segments[name]
        if name not in self._failing:
            return Asked(ir.SegmentReference(name, clause.origin))
        if segment is None or name in above:
            return Asked(NEVER, ALWAYS)
        self._written += 1
        if self._written > MAX_CONDITIONS_PER_RULE or len(above) >= MAX_CHAIN:
            raise TooComplex
        return self._asked(segment, (*above, name))

    def _asked(self, segment: _Segment, above: tuple[str, ...]) -> Asked:
        """Included, or not excluded and met by a rule. Rules are tried in order, and the first that fails ends it."""
        holds: list[ir.Condition] = []
        fails: list[ir.Condition] = []
        for rule in segment.rules:
            asked = self.all_of(rule.clauses, above)
            if asked.fails is not None:
                fails.append(ir.All((*map(ir.Not, holds), asked.fails)))
            if rule.malformed:
                fails.append(ir.All((*map(ir.Not, holds), asked.holds)))
            holds.append(asked.holds if rule.share is None else ir.All((asked.holds, rule.share)))
        open_to_rules = ir.Not(segment.excluded)
        found = ir.Any_((segment.included, ir.All((open_to_rules, ir.Any_(tuple(holds))))))
        if not fails:
            return Asked(found)
        return Asked(found, ir.All((ir.Not(segment.included), open_to_rules, ir.Any_(tuple(fails)))))


def has_key(kind: str, values: tuple[str, ...], origin: Origin) -> ir.Condition:
    """Whether the key of a kind is one of these."""
    return ir.Test("one_of", attribute_of(kind, KEY), values, origin=origin) if values else NEVER


def _members(fields: Fields, users: str, contexts: str) -> ir.Condition:
    lists = [has_key(USER, fields.texts(users), fields.origin.child(users))]
    for item in fields.objects(contexts, "a segment's target"):
        lists.append(has_key(item.text("contextKind") or USER, item.texts("values"), item.origin))
    return ir.Any_(tuple(lists))


def _rule(fields: Fields, prefix: str) -> _Rule:
    clauses, weight = read_clauses(fields), fields.integer("weight")
    kind, by = fields.text("rolloutContextKind"), fields.text("bucketBy")
    if weight is None:
        return _Rule(clauses)
    steps = parse_reference(by, kind) if by else KEY
    if steps is None:
        malformed_reference(fields, "bucketBy", by)
        return _Rule(clauses, NEVER, malformed=True)
    last = last_below(weight / 100_000.0)
    share = ir.InBucket(bucketing(prefix, kind or USER, steps), ((0, last),), missing=ir.TRUE) if last >= 0 else NEVER
    return _Rule(clauses, share)
