"""Rules that can't decide are dropped: those that are never true, and those behind a rule that always decides. A pass.

Silent: front ends write such rules on purpose (a disabled flag is a rule that always decides, placed before all others).
"""

import msgspec

from config_sync import ir
from config_sync.passes.normalise import NEVER


def prune(project: ir.Project) -> ir.Project:
    """The normalised project without rules that no context can reach."""
    flags = tuple(msgspec.structs.replace(flag, rules=_reachable(flag.rules)) if flag.rules else flag for flag in project.flags)
    return msgspec.structs.replace(project, flags=flags)


def _reachable(rules: tuple[ir.Rule, ...]) -> tuple[ir.Rule, ...]:
    kept: list[ir.Rule] = []
    for rule in rules:
        if rule.condition == NEVER:
            continue
        kept.append(rule)
        if rule.condition is None and not isinstance(rule.outcome, ir.Split):  # a split can pass on
            break
    return tuple(kept)
