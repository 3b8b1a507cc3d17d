"""A whole project in the native dialect: which flags and segments, under which names, and that it compiles to the same.

For ``config_sync.convert``; see there.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from config_sync import ir
from config_sync.compile import CompileResult, Place, compile_project
from config_sync.convert.conditions import ConditionWriter
from config_sync.convert.flags import flag_data, labels_of
from config_sync.convert.outcomes import Data
from config_sync.convert.yaml_text import yaml_text
from config_sync.diagnostics import Diagnostics
from config_sync.passes.normalise import simplify
from config_sync.sources.yaml_text import parse_yaml
from config_sync.walk import conditions_of, rule_conditions

_HEADER = """\
# In the native dialect; `burgee convert` wrote it from the dialect {dialect}.
# Hashes, salts and bucket spaces are spelled out, so that nobody gets another variant. Change them only to deal anew.
"""


class Converted(msgspec.Struct, frozen=True):
    """``text``: the native YAML, None if the original doesn't compile. ``original`` and ``result``: both as they compile."""

    text: str | None
    original: CompileResult
    result: CompileResult | None = None


def convert_project(place: Place, dialect: str) -> Converted:
    """Converts what is at ``place``, and compiles the result too. Diagnostics, not exceptions, say what is wrong."""
    original = compile_project(place, dialect)
    if original.snapshot is None or original.translated is None or original.project is None:
        return Converted(None, original)
    data = project_data(original.translated, original.project)
    text = _HEADER.format(dialect=original.translated.dialect) + yaml_text(data)
    return Converted(text, original, compile_text(text))


def compile_text(text: str) -> CompileResult:
    """A text of the native dialect, compiled as a file would be."""
    diagnostics = Diagnostics()
    good, data = parse_yaml(text, ir.Origin("the converted project"), diagnostics)
    return compile_project(data) if good else CompileResult(None, diagnostics)


def project_data(translated: ir.Project, compiled: ir.Project) -> Data:
    """The document. ``translated``: as the front end gave it, with its segments; ``compiled``: after the passes, which know
    which flags are broken, and why.

    Broken flags are written as what is left of them; segments that no live flag needs aren't.
    """
    live = {flag.key: flag for flag in translated.flags}
    flags = [flag if flag.error is not None else live[flag.key] for flag in compiled.flags]
    return _ProjectWriter(flags, translated.segments, compiled.metadata).data()


class _ProjectWriter:
    def __init__(self, flags: list[ir.Flag], segments: dict[str, ir.Condition], metadata: Any) -> None:
        self._flags = flags
        self._segments = segments
        self._metadata = metadata
        self._labels = {flag.key: labels_of(flag) for flag in flags}
        self._written: dict[str, Any] = {}  # segments, hoisted ones among them

    def data(self) -> Data:
        flags = {flag.key: flag_data(flag, self._labels[flag.key], self._writer(flag.key)) for flag in self._flags}
        live = (flag for flag in self._flags if flag.error is None)
        for name in sorted(_needed(live, self._segments)):
            self._written[name] = self._writer(name).when(simplify(self._segments[name]))
        data: Data = {"version": 1}
        if self._metadata:
            data["metadata"] = dict(sorted(self._metadata.items()))
        if self._written:
            data["segments"] = dict(sorted(self._written.items()))
        return data | {"flags": flags}

    def _writer(self, owner: str) -> ConditionWriter:
        return ConditionWriter(self._labels, lambda data: self._hoist(owner, data))

    def _hoist(self, owner: str, data: Data) -> str:
        """A segment of its own for what is nested too deep in a flag's condition."""
        number = 1
        while f"{owner} part {number}" in self._written or f"{owner} part {number}" in self._segments:
            number += 1
        self._written[f"{owner} part {number}"] = data
        return f"{owner} part {number}"


def _needed(flags: Iterable[ir.Flag], segments: dict[str, ir.Condition]) -> set[str]:
    """The segments that these flags name, directly or through others."""
    pending = [_names(rule_conditions(flag)) for flag in flags]
    found: set[str] = set()
    while pending:
        new = pending.pop() - found
        found |= new
        pending += (_names(conditions_of(segments[name])) for name in new)
    return found


def _names(conditions: Iterable[ir.Condition]) -> set[str]:
    return {condition.name for condition in conditions if isinstance(condition, ir.SegmentReference)}
