"""Converts whatever is compiled, and says whether it compiles to the same. For the tests of ``config_sync.convert``."""

from collections.abc import Callable
from typing import Any

import msgspec

from config_sync import compile as compiling
from config_sync import ir
from config_sync.compile import CompileResult, compile_ir
from config_sync.convert.project import compile_text, project_data
from config_sync.convert.proof import decides_alike
from config_sync.convert.yaml_text import yaml_text
from config_sync.diagnostics import Diagnostics

Compile = Callable[[ir.Project, Diagnostics], CompileResult]


def round_trip(project: ir.Project) -> tuple[CompileResult, CompileResult, str]:
    """A translated project as it compiles, the same converted, and the text in between."""
    original = compile_ir(project, Diagnostics())
    text = yaml_text(project_data(project, original.project or project))
    return original, compile_text(text), text


class Converting:
    """Stands in for ``compile_ir``: everything compiled is converted, and what comes of that is what the caller gets."""

    def __init__(self) -> None:
        self._real: Compile = compiling.compile_ir
        self._inside = False
        self.projects = 0
        self.differing: list[str] = []

    def __call__(self, project: ir.Project, diagnostics: Diagnostics) -> CompileResult:
        original = self._real(project, diagnostics)
        if self._inside or original.snapshot is None or original.project is None:
            return original
        self._inside = True
        try:
            result = compile_text(yaml_text(project_data(project, original.project)))
        finally:
            self._inside = False
        self.projects += 1
        if result.snapshot is None:
            self.differing.append(
                f"{project.dialect}: doesn't compile: {[str(item.message) for item in result.diagnostics][:3]}"
            )
        elif not decides_alike(original.snapshot, result.snapshot):
            self.differing.append(f"{project.dialect}: {[flag.key for flag in project.flags][:5]} laid out otherwise")
        return msgspec.structs.replace(original, snapshot=result.snapshot)


def install() -> Any:
    """From here on ``compile_project`` gives converted snapshots. The stand-in, which counts."""
    converting = Converting()
    compiling.compile_ir = converting
    return converting
