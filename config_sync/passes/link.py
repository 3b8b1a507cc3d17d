"""Segments are filled in, and prerequisites are checked against the flags they name. A pass.

Afterwards no ``SegmentReference`` is left in a live flag, every prerequisite names a flag and variants that exist, and there
are no cycles. Filled-in segments stay shared objects, so that what they hold is checked and lowered once.
"""

from itertools import compress

import msgspec

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.limits import MAX_CONDITIONS_PER_RULE, MAX_NESTING
from config_sync.passes.findings import Findings
from config_sync.passes.graph import cyclic, dependencies_first
from config_sync.passes.measure import Size, measure, segment_names
from config_sync.walk import conditions_of, prerequisites_of
from evaluator.snapshot.opcodes import MAX_PREREQUISITE_COST, MAX_PREREQUISITE_RANK

Needs = dict[str, list[ir.Prerequisite]]  # by flag key, every mention


def link(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """The project with its segments filled in; flags that name what isn't there, or themselves, become tombstones."""
    findings = Findings(diagnostics)
    linker = _SegmentLinker(project, findings)
    flags = tuple(flag if flag.error is not None else linker.flag(flag) for flag in project.flags)
    linked = findings.bury(msgspec.structs.replace(project, flags=flags, segments={}))
    return _link_prerequisites(linked, project, diagnostics)


class _SegmentLinker:
    """Fills in segments. Sizes are worked out first, so that a few lines can't grow into millions of conditions."""

    def __init__(self, project: ir.Project, findings: Findings) -> None:
        self._segments = project.segments
        self._findings = findings
        graph = {name: segment_names(body) for name, body in self._segments.items()}
        self._cyclic = cyclic(graph)
        self._sizes: dict[str, Size] = {}
        for name in dependencies_first(graph):
            if name not in self._cyclic:
                self._sizes[name] = measure(self._segments[name], self._sizes)
        self._filled: dict[str, ir.Condition] = {}

    def flag(self, flag: ir.Flag) -> ir.Flag:
        """The flag without segment references; as it is, with findings, if that can't be."""
        refers = [rule.condition is not None and bool(segment_names(rule.condition)) for rule in flag.rules]
        if not any(refers):
            return flag
        for rule in compress(flag.rules, refers):
            self._check_names(flag, rule)
            self._check_size(flag, rule)
        if self._findings.is_broken(flag):
            return flag
        rules = (self._rule(rule) if needed else rule for rule, needed in zip(flag.rules, refers, strict=True))
        return msgspec.structs.replace(flag, rules=tuple(rules))

    def _rule(self, rule: ir.Rule) -> ir.Rule:
        return rule if rule.condition is None else msgspec.structs.replace(rule, condition=self._fill(rule.condition))

    def _check_names(self, flag: ir.Flag, rule: ir.Rule) -> None:
        """Reports every segment that the rule needs, directly or through others, and that isn't usable."""
        seen: set[str] = set()
        pending = [] if rule.condition is None else [rule.condition]
        while pending:
            for node in conditions_of(pending.pop()):
                if isinstance(node, ir.SegmentReference) and node.name not in seen:
                    seen.add(node.name)
                    if self._is_usable(flag, node):
                        pending.append(self._segments[node.name])

    def _is_usable(self, flag: ir.Flag, reference: ir.SegmentReference) -> bool:
        name = reference.name
        if name not in self._segments:
            message = f"there is no segment {name!r}"
            self._findings.error(flag, "UNKNOWN-SEGMENT", message, reference.origin, "define it, or correct the name")
        elif name in self._cyclic:
            message = f"the segment {name!r} refers to itself, directly or through others"
            self._findings.error(flag, "SEGMENT-CYCLE", message, reference.origin, "take one of the references out")
        else:
            return True
        return False

    def _check_size(self, flag: ir.Flag, rule: ir.Rule) -> None:
        if rule.condition is None:
            return
        size = measure(rule.condition, self._sizes)
        if size.leaves > MAX_CONDITIONS_PER_RULE:
            message = f"a rule has {size.leaves} conditions, segments included; at most {MAX_CONDITIONS_PER_RULE} are allowed"
            hint = "use lists (one condition with many values), or several rules"
            self._findings.error(flag, "LIMIT-CONDITIONS", message, rule.origin, hint)
        if size.chain > MAX_NESTING:
            message = f"a rule's conditions are nested more than {MAX_NESTING} deep, segments included"
            self._findings.error(flag, "LIMIT-NESTING", message, rule.origin, "flatten the groups")

    def _fill(self, condition: ir.Condition) -> ir.Condition:
        if isinstance(condition, ir.SegmentReference):
            if condition.name not in self._filled:
                self._filled[condition.name] = self._fill(self._segments[condition.name])
            return self._filled[condition.name]
        if isinstance(condition, (ir.All, ir.Any_)):
            return type(condition)(tuple(self._fill(child) for child in condition.children))
        return ir.Not(self._fill(condition.child)) if isinstance(condition, ir.Not) else condition


# --- prerequisites ----------------------------------------------------------------------------------------------------


def _link_prerequisites(project: ir.Project, written: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """Checks names, then cycles, then length: each step on what the one before left alive."""
    findings = Findings(diagnostics)
    flags = {flag.key: flag for flag in project.flags}
    needs = {flag.key: list(prerequisites_of(flag)) for flag in project.flags}
    if not any(needs.values()):
        return project
    variants = {flag.key: {variant.name for variant in flag.variants} for flag in written.flags}
    tombstones = {flag.key for flag in written.flags if flag.error is not None}  # they fail whoever needs them; no more errors
    for key, conditions in needs.items():
        for condition in conditions:
            if condition.flag not in tombstones:
                _check_prerequisite(flags[key], condition, variants, findings)
    _drop_broken(needs, flags, findings)
    for key in sorted(cyclic(_graph(needs))):
        message = f"{key!r} is its own prerequisite, directly or through others"
        hint = "take one of the prerequisites out"
        findings.error(flags[key], "PREREQUISITE-CYCLE", message, needs[key][0].origin, hint)
    _drop_broken(needs, flags, findings)
    _check_lengths(needs, flags, findings)
    return findings.bury(project)


def _drop_broken(needs: Needs, flags: dict[str, ir.Flag], findings: Findings) -> None:
    """A flag with an error needs nothing any more: it will be a tombstone."""
    for key in needs:
        if findings.is_broken(flags[key]):
            needs[key] = []


def _graph(needs: Needs) -> dict[str, set[str]]:
    return {key: {condition.flag for condition in conditions} for key, conditions in needs.items()}


def _check_prerequisite(flag: ir.Flag, condition: ir.Prerequisite, variants: dict[str, set[str]], findings: Findings) -> None:
    if condition.flag not in variants:
        message = f"there is no flag {condition.flag!r} to be a prerequisite"
        findings.error(flag, "UNKNOWN-PREREQUISITE", message, condition.origin, "correct the key, or drop the prerequisite")
        return
    for name in condition.variants:
        if name not in variants[condition.flag]:
            known = ", ".join(sorted(variants[condition.flag])) or "none"
            message = f"the prerequisite {condition.flag!r} has no variant {name!r}"
            findings.error(flag, "UNKNOWN-VARIANT", message, condition.origin, f"its variants: {known}")


def _check_lengths(needs: Needs, flags: dict[str, ir.Flag], findings: Findings) -> None:
    """Chains and sums that the cores refuse. A flag that breaks the limit counts as a tombstone for those that need it."""
    ranks: dict[str, int] = {}
    costs: dict[str, int] = {}
    for key in dependencies_first(_graph(needs)):
        needed = [condition.flag for condition in needs[key]]
        ranks[key] = max((ranks[other] + 1 for other in needed), default=0)
        costs[key] = 1 + sum(costs[other] for other in needed)
        if ranks[key] > MAX_PREREQUISITE_RANK:
            message = f"{key!r} has a chain of more than {MAX_PREREQUISITE_RANK} prerequisites"
            findings.error(flags[key], "LIMIT-PREREQUISITE-DEPTH", message, hint="name the end of the chain instead")
        elif costs[key] > MAX_PREREQUISITE_COST:
            message = f"{key!r} makes {costs[key]} evaluations of other flags necessary, more than {MAX_PREREQUISITE_COST}"
            findings.error(flags[key], "LIMIT-PREREQUISITES", message, hint="name each prerequisite in one rule only")
        if findings.is_broken(flags[key]):
            ranks[key], costs[key] = 0, 1
