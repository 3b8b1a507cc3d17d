"""Makes a failing question small: fewer flags, fewer rules, smaller conditions, fewer context entries. Used by the bulk test.

Greedy: a simplification that still fails is kept, until none is left. Hypothesis does the same to what it finds itself.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from config_sync import ir

Fails = Callable[[ir.Project, Any], bool]


def _smaller_conditions(condition: ir.Condition | None) -> Iterator[ir.Condition | None]:
    if condition is None:
        return
    yield None
    if isinstance(condition, ir.Not):
        yield condition.child
    elif isinstance(condition, ir.All | ir.Any_):
        yield from condition.children
        for number in range(len(condition.children)):
            yield type(condition)(condition.children[:number] + condition.children[number + 1 :])
            for smaller in _smaller_conditions(condition.children[number]):
                if smaller is not None:
                    yield type(condition)((*condition.children[:number], smaller, *condition.children[number + 1 :]))


def _smaller_flags(flag: ir.Flag) -> Iterator[ir.Flag]:
    for number, rule in enumerate(flag.rules):
        before, after = flag.rules[:number], flag.rules[number + 1 :]
        yield msgspec.structs.replace(flag, rules=before + after)
        for condition in _smaller_conditions(rule.condition):
            yield msgspec.structs.replace(flag, rules=(*before, msgspec.structs.replace(rule, condition=condition), *after))


def _smaller_projects(project: ir.Project) -> Iterator[ir.Project]:
    for number, flag in enumerate(project.flags):
        before, after = project.flags[:number], project.flags[number + 1 :]
        yield msgspec.structs.replace(project, flags=before + after)
        for smaller in _smaller_flags(flag):
            yield msgspec.structs.replace(project, flags=(*before, smaller, *after))


def _smaller_contexts(context: Any) -> Iterator[Any]:
    if type(context) is dict:
        for name in list(context):
            yield {other: value for other, value in context.items() if other is not name}


def _still(fails: Fails, project: ir.Project, context: Any) -> bool:
    try:
        return fails(project, context)
    except Exception:  # a smaller project may lack what the rest refers to
        return False


def smallest(project: ir.Project, context: Any, fails: Fails, budget: int = 2_000) -> tuple[ir.Project, Any]:
    """A project and context that still fail, from which nothing more can be left out (or ``budget`` tries are over)."""
    shrunk = True
    while shrunk and budget > 0:
        shrunk = False
        candidates = [(smaller, context) for smaller in _smaller_projects(project)]
        candidates += [(project, smaller) for smaller in _smaller_contexts(context)]
        for candidate in candidates:
            budget -= 1
            if _still(fails, *candidate):
                project, context = candidate
                shrunk = True
                break
    return project, context
