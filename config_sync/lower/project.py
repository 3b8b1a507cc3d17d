"""A whole project into tables: variants first (prerequisites name them), then flags with their rules, in key order.

Used by the lowering only; ``config_sync.lower`` exports what others call.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from config_sync import ir
from config_sync.lower.clock import ClockUse
from config_sync.lower.conditions import ConditionWriter, Target
from config_sync.lower.json_text import json_text
from config_sync.lower.operands import Operands
from config_sync.lower.outcomes import VariantRows, add_outcome
from config_sync.lower.ranks import prerequisite_ranks
from config_sync.lower.tables import Tables
from evaluator.snapshot import layout
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode_tables
from evaluator.snapshot.schema import Body

COMPILER = "burgee 1"

_RANGE_COUNT = [name for name, _ in layout.OUTCOME.fields].index("range_count")
_KINDS = {bool: codes.KIND_BOOLEAN, str: codes.KIND_STRING, int: codes.KIND_INTEGER, float: codes.KIND_FLOAT}


class Lowered(msgspec.Struct, frozen=True):
    """The body to encode; how many bytes each section has; and to how many rows others refer, of the kind with the most."""

    body: Body
    sizes: dict[str, int]
    references: int


def lower(project: ir.Project) -> Lowered:
    """The snapshot's body of a linked and checked project."""
    return _ProjectWriter(project).write()


class _ProjectWriter:
    def __init__(self, project: ir.Project) -> None:
        self._project = project
        self._flags = sorted(project.flags, key=lambda flag: flag.key)
        self._tables = Tables()
        self._targets: dict[str, Target] = {}
        self._conditions = ConditionWriter(self._tables, Operands(self._tables), self._targets)
        self._ranks = prerequisite_ranks(self._flags)
        self._clock = ClockUse(self._flags)

    def write(self) -> Lowered:
        for row, flag in enumerate(self._flags):
            self._targets[flag.key] = Target(row, self._variants(flag.variants))
        for flag in self._flags:
            self._flag(flag)
        return self._body()

    def _body(self) -> Lowered:
        tables, project = self._tables, self._project
        meta: dict[str, Any] = {"compiler": COMPILER, "dialect": project.dialect}
        if project.metadata:
            meta["metadata"] = dict(sorted(project.metadata.items()))
        sections = tables.sections()
        body = Body(
            meta=meta,
            flag_keys=[flag.key for flag in self._flags],
            attribute_names=tables.attribute_names.names,
            paths=tables.paths,
            variant_names=tables.variant_names.names,
            rule_ids=tables.rule_ids.names,
            values=tables.values.values,
            padding=b"",
            tables=encode_tables(sections),
        )
        return Lowered(body, {name: len(data) for name, data in sections.items()}, _references(tables))

    # --- flags --------------------------------------------------------------------------------------------------------

    def _variants(self, variants: Iterable[ir.Variant]) -> VariantRows:
        """A flag's variants in one run, sorted by name: their order in the source means nothing."""
        return {variant.name: self._variant(variant) for variant in sorted(variants, key=lambda variant: variant.name)}

    def _variant(self, variant: ir.Variant) -> int:
        tables, value = self._tables, variant.value
        reported = ir.reported_name(variant.name)
        name = tables.variant_names.intern(reported)
        name_json = tables.text_span(json_text(reported))
        flags = codes.VARIANT_IS_ON if variant.is_on else 0
        if value is None:
            return tables.variants.append(name, codes.NONE, codes.KIND_NONE, flags, 0, *name_json, 0, 0, 0)
        kind = _KINDS.get(type(value), codes.KIND_OBJECT)
        value_json = tables.text_span(json_text(value))
        return tables.variants.append(name, tables.values.intern(value), kind, flags, 0, *name_json, *value_json, 0)

    def _flag(self, flag: ir.Flag) -> None:
        tables, variants = self._tables, self._targets[flag.key].variants
        tombstone = flag.error is not None
        first_rule = len(tables.rules)
        for rule in () if tombstone else flag.rules:
            self._rule(rule, variants)
        metadata, metadata_json = self._metadata(flag.metadata)
        tables.flags.append(
            first_rule,
            len(tables.rules) - first_rule,
            add_outcome(tables, flag.default, variants),
            min(variants.values(), default=0),
            len(variants),
            codes.REASON_PARSE_ERROR if tombstone else flag.default_reason,
            codes.STATE_TOMBSTONE if tombstone else codes.STATE_LIVE,
            self._ranks[flag.key],
            self._clock.uses(flag.key),
            0,
            metadata,
            *metadata_json,
            *tables.text_span(json_text(flag.key)),
            tables.values.intern(flag.error) if tombstone else codes.NONE,
        )

    def _metadata(self, metadata: dict[str, Any] | None) -> tuple[int, tuple[int, int]]:
        if not metadata:
            return codes.NONE, (0, 0)
        return self._tables.values.intern(metadata), self._tables.text_span(json_text(metadata))

    def _rule(self, rule: ir.Rule, variants: VariantRows) -> None:
        """Adds a rule, unless its condition can never be true."""
        written = True if rule.condition is None else self._conditions.write(rule.condition)
        if written is False:
            return
        first, count = (0, 0) if written is True else written
        rule_id = codes.NONE if rule.id is None else self._tables.rule_ids.intern(rule.id)
        self._tables.rules.append(first, count, rule.reason, 0, add_outcome(self._tables, rule.outcome, variants), rule_id)


def _references(tables: Tables) -> int:
    """Shared rows count once for each reference: what the cores limit (docs/snapshot-format.md section 5)."""
    rules = layout.RULE.packer.iter_unpack(tables.rules.data)
    outcomes = layout.OUTCOME.packer.iter_unpack(tables.outcomes.data)
    conditions: int = sum(count for _, count, *_ in rules)
    ranges: int = sum(row[_RANGE_COUNT] for row in outcomes)
    return max(len(tables.rules), conditions, ranges)
