"""Which flags' answers can depend on the clock, prerequisites included. Used by the lowering only."""

from collections.abc import Iterable

from config_sync import ir
from config_sync.lower.expressions import reads_clock
from config_sync.walk import expressions_of, rule_conditions

_TIMED = {"now", "window"}  # a window on an attribute falls back to the clock when the attribute is missing or null


class ClockUse:
    """Answers for each flag of a project whether it can read the clock."""

    def __init__(self, flags: Iterable[ir.Flag]) -> None:
        self._flags = {flag.key: flag for flag in flags}
        self._known: dict[str, bool] = {}

    def uses(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(self._flags[key])
        return known

    def _find(self, flag: ir.Flag) -> bool:
        if flag.error is not None:
            return False
        needed = set()
        for condition in rule_conditions(flag):
            if isinstance(condition, ir.Test):
                if condition.operator in _TIMED:
                    return True
            elif isinstance(condition, ir.Prerequisite):
                needed.add(condition.flag)
        return any(map(reads_clock, expressions_of(flag))) or any(map(self.uses, sorted(needed)))
