"""How much a flag may hold, and when a rule is large enough for a word of warning (RUL-19). A pass, before linking."""

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.limits import COMPLEX_RULE, MANY_CONDITIONS_PER_GROUP, MAX_CONDITIONS_PER_RULE, MAX_NESTING, MAX_RULES_PER_FLAG
from config_sync.passes.findings import Findings, live
from config_sync.passes.measure import measure
from config_sync.walk import conditions_of


def limit(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """The project with every flag that is too large as a tombstone."""
    findings = Findings(diagnostics)
    for flag in live(project):
        if len(flag.rules) > MAX_RULES_PER_FLAG:
            message = f"{flag.key!r} has {len(flag.rules)} rules, more than {MAX_RULES_PER_FLAG}"
            findings.error(flag, "LIMIT-RULES", message, hint="join rules with the same outcome: a list can have many values")
            continue
        for rule in flag.rules:
            _limit_rule(flag, rule, findings)
    return findings.bury(project)


def _limit_rule(flag: ir.Flag, rule: ir.Rule, findings: Findings) -> None:
    if rule.condition is None:
        return
    size = measure(rule.condition, {})
    if size.chain > MAX_NESTING:
        message = f"a rule's conditions are nested more than {MAX_NESTING} deep"
        findings.error(flag, "LIMIT-NESTING", message, rule.origin, "flatten the groups")
    elif size.leaves > MAX_CONDITIONS_PER_RULE:
        message = f"a rule has {size.leaves} conditions, more than {MAX_CONDITIONS_PER_RULE}"
        findings.error(flag, "LIMIT-CONDITIONS", message, rule.origin, "use lists: one condition with many values")
    else:
        _warn(flag, rule, rule.condition, size.leaves + size.groups, findings)


def _warn(flag: ir.Flag, rule: ir.Rule, condition: ir.Condition, complexity: int, findings: Findings) -> None:
    if complexity <= MANY_CONDITIONS_PER_GROUP:
        return
    groups = (node.children for node in conditions_of(condition) if isinstance(node, (ir.All, ir.Any_)))
    largest = max(map(len, groups), default=0)
    if largest > MANY_CONDITIONS_PER_GROUP:
        message = f"a group has {largest} conditions; more than {MANY_CONDITIONS_PER_GROUP} are hard to follow"
        findings.warning(flag, "MANY-CONDITIONS", message, rule.origin, "use a list, a segment, or several rules")
    if complexity > COMPLEX_RULE:
        message = f"a rule has {complexity} conditions and groups; more than {COMPLEX_RULE} are hard to follow"
        findings.warning(flag, "COMPLEX-RULE", message, rule.origin, "use lists, segments, or several rules")
