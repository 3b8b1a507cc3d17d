"""Everything a live flag holds is checked: names, values, variants, splits, tests, expressions. A pass, after linking.

What flags share through segments is checked once, by identity, but every flag that uses it gets the finding.
"""

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.limits import MAX_ATTRIBUTES, MAX_FALLBACKS, MAX_PATH_STEPS, MAX_VARIANTS
from config_sync.passes.findings import Findings, live
from config_sync.passes.operands import operand_problem
from config_sync.passes.splits import bucketing_problem, expression_problem, ranges_problem, split_problem
from config_sync.passes.values import Problem, first_problem, metadata_problem, name_problem, variant_problem
from config_sync.walk import conditions_of
from evaluator.snapshot import opcodes as codes

HINTS = {
    "UNKNOWN-VARIANT": "name one of the flag's variants",
    "INVALID-PATTERN": "patterns follow RE2's syntax: no back-references, no look-around",
    "UNKNOWN-TIME-ZONE": "use an IANA name such as Europe/Berlin",
    "LIMIT-LIST-ITEMS": "use an attribute that says it already (a group, a plan), or a segment service",
    "LIMIT-ATTRIBUTES": "attribute names shouldn't be made of data",
}


def check(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """The project with every flag that holds something unusable as a tombstone."""
    findings = Findings(diagnostics)
    checker = _Checker(findings)
    for flag in live(project):
        checker.flag(flag)
    return _check_metadata(findings.bury(project), diagnostics)


def _check_metadata(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """The flag set's own metadata; what is wrong is left out."""
    problem = metadata_problem(project.metadata)
    if problem is None:
        return project
    diagnostics.error(problem[0], problem[1], ir.NOWHERE, "metadata are flat: texts, booleans and numbers by name")
    return ir.Project(project.dialect, project.flags, project.segments, None)


class _Checker:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._known: dict[int, tuple[object, Problem | None]] = {}  # by identity of the condition, kept alive beside
        self._attributes: dict[ir.Attribute, Problem | None] = {}
        self._guards: set[str] = set()  # what guards must be; a row refers to these, too, by 16 bits

    def flag(self, flag: ir.Flag) -> None:
        problem = first_problem((metadata_problem(flag.metadata), self._variants(flag.variants)))
        if problem:
            self._report(flag, problem, flag.origin)
        names = {variant.name for variant in flag.variants}
        for rule in flag.rules:
            self._rule(flag, rule, names)
        problem = self._outcome(flag.default, names)
        if problem:
            self._report(flag, problem, flag.origin)

    def _report(self, flag: ir.Flag, problem: Problem, origin: ir.Origin) -> None:
        code, message = problem
        self._findings.error(flag, code, message, origin, HINTS.get(code, ""))

    def _variants(self, variants: tuple[ir.Variant, ...]) -> Problem | None:
        if len(variants) > MAX_VARIANTS:
            return "LIMIT-VARIANTS", f"{len(variants)} variants, more than {MAX_VARIANTS}"
        seen: set[str] = set()
        for variant in variants:
            problem = variant_problem(variant)
            if problem:
                return problem
            if variant.name in seen:
                return "DUPLICATE-VARIANT", f"the variant {variant.name!r} is defined twice"
            seen.add(variant.name)
        return None

    # --- rules --------------------------------------------------------------------------------------------------------

    def _rule(self, flag: ir.Flag, rule: ir.Rule, variants: set[str]) -> None:
        problem = None if rule.id is None else name_problem(rule.id, "a rule's id")
        problem = problem or self._outcome(rule.outcome, variants)
        if problem:
            self._report(flag, problem, rule.origin)
        for condition in conditions_of(rule.condition):
            problem = self._condition(condition)
            if problem:
                own = condition.origin if isinstance(condition, ir.Test) else ir.NOWHERE
                self._report(flag, problem, rule.origin if own == ir.NOWHERE else own)

    def _condition(self, condition: ir.Condition) -> Problem | None:
        if isinstance(condition, (ir.All, ir.Any_, ir.Not, ir.Prerequisite)):
            return None
        known = self._known.get(id(condition))
        if known is None:
            known = self._known[id(condition)] = (condition, self._leaf(condition))
        return known[1]

    def _leaf(self, condition: ir.Condition) -> Problem | None:
        if isinstance(condition, ir.Test):
            return self._attribute(condition.attribute) or operand_problem(condition)
        if isinstance(condition, ir.InBucket):
            return self._bucketing(condition.bucketing) or ranges_problem(condition.ranges)
        return expression_problem(condition.expression) if isinstance(condition, ir.Truthy) else None

    def _outcome(self, outcome: ir.Outcome, variants: set[str]) -> Problem | None:
        if isinstance(outcome, ir.Constant):
            return _unknown_variant(outcome.variant, variants)
        if isinstance(outcome, ir.Computed):
            return expression_problem(outcome.expression)
        if isinstance(outcome, ir.NoAnswer):
            return None
        named = [item.variant for item in outcome.ranges if item.variant not in (None, ir.NEXT_RULE)]
        named += [] if outcome.fallback is None else [outcome.fallback]
        problem = first_problem(_unknown_variant(name, variants) for name in named)
        return problem or split_problem(outcome) or self._bucketing(outcome.bucketing)

    def _bucketing(self, bucketing: ir.Bucketing) -> Problem | None:
        if isinstance(bucketing.source, ir.Expression):
            return bucketing_problem(bucketing) or expression_problem(bucketing.source)
        return bucketing_problem(bucketing) or self._attribute(bucketing.source)

    # --- attributes ---------------------------------------------------------------------------------------------------

    def _attribute(self, attribute: ir.Attribute | None) -> Problem | None:
        if attribute is None:
            return None
        if attribute in self._attributes:
            return self._attributes[attribute]
        problem = _attribute_problem(attribute)
        if attribute.guard is not None:
            self._guards.add(attribute.guard[1])
        if problem is None and len(self._attributes) + len(self._guards) >= MAX_ATTRIBUTES:
            return "LIMIT-ATTRIBUTES", f"the project reads more than {MAX_ATTRIBUTES} different attributes"
        self._attributes[attribute] = problem
        problem = problem or self._attribute(attribute.fallback)
        return problem if attribute.guard is None else problem or self._attribute(attribute.guard[0])


def _attribute_problem(attribute: ir.Attribute) -> Problem | None:
    fallbacks, following = 0, attribute.fallback
    while following is not None and fallbacks <= MAX_FALLBACKS:
        fallbacks, following = fallbacks + 1, following.fallback
    if fallbacks > MAX_FALLBACKS:
        return "LIMIT-FALLBACKS", f"an attribute has more than {MAX_FALLBACKS} fallbacks"
    if attribute.convert not in range(0, codes.ATTRIBUTE_LAST_CONVERSION + 1, codes.ATTRIBUTE_AS_TEXT):
        return "INVALID-ATTRIBUTE", "an attribute is converted into something that doesn't exist"
    if len(attribute.path) > MAX_PATH_STEPS:
        return "LIMIT-PATH", f"a path has more than {MAX_PATH_STEPS} steps"
    steps = (step for step in attribute.path if not isinstance(step, int))
    names = (name_problem(step, "a path's step", "INVALID-ATTRIBUTE") for step in steps)
    own = (attribute.name,) if attribute.guard is None else (attribute.name, attribute.guard[1] or "(an empty text)")
    found = (name_problem(text, "an attribute's name", "INVALID-ATTRIBUTE") for text in own)
    return first_problem(found) or first_problem(names)


def _unknown_variant(name: str | None, variants: set[str]) -> Problem | None:
    return None if name in variants else ("UNKNOWN-VARIANT", f"there is no variant {name!r}")
