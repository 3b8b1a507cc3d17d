"""Golden cases: a folder each. Used by ``test_golden.py`` and ``update.py``; the benchmarks may read the folders too.

``flags.yaml`` (or ``.json``) is the project, in the native dialect unless the folder's name begins with another dialect's name
and a dash. ``cases.yaml`` asks questions: each has ``why``, ``flag``, ``context``, optionally ``now`` (epoch ms), and the
``answer``, of which only what isn't None is written. ``snapshot.txt`` is the disassembly; ``errors.txt``, if there are any,
the diagnostics.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from config_sync.compile import CompileResult, compile_project
from config_sync.disasm import disassemble
from config_sync.frontends.registry import DIALECTS
from config_sync.render import render

HERE = Path(__file__).parent
ANSWER = {
    "value": "value",
    "variant": "variant",
    "reason": "reason",
    "detail": "detail",
    "rule": "rule",
    "bucket": "bucket",
    "error": "error_code",
}
_NOT_OURS = (
    (re.compile(r"^snapshot \w+, [\d,]+ bytes", re.M), "snapshot"),  # changes with the time zone database …
    (re.compile(r", zones [\d,]+"), ", zones"),  # … as this does
)


def folders() -> list[Path]:
    """Every case's folder, sorted by name."""
    return sorted(path.parent for path in HERE.glob("*/cases.yaml"))


def compiled(folder: Path) -> CompileResult:
    return compile_project(source(folder), dialect(folder))


def source(folder: Path) -> Path:
    return next(folder.glob("flags.*"))


def dialect(folder: Path) -> str:
    named = (name for name in sorted(DIALECTS, key=len, reverse=True) if folder.name.startswith(f"{name}-"))
    return next(named, "native")


def questions(folder: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((folder / "cases.yaml").read_text(encoding="utf-8"))
    return loaded


def disassembly(result: CompileResult) -> str:
    """The snapshot as text, without what doesn't depend on this project alone."""
    text = "no snapshot\n" if result.snapshot is None else disassemble(result.snapshot)
    for pattern, replacement in _NOT_OURS:
        text = pattern.sub(replacement, text)
    return text


def errors(folder: Path, result: CompileResult) -> str:
    """The diagnostics as a person sees them inside the folder."""
    return render(result.diagnostics).replace(f"{folder}/", "")


def answers(core: ModuleType, snapshot: bytes, asked: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a core answers to each question; None is left out."""
    evaluator = core.Evaluator(snapshot)
    for question in asked:
        given = evaluator.evaluate(question["flag"], question["context"], question.get("now"))
        fields = ((name, getattr(given, attribute)) for name, attribute in ANSWER.items())
        yield {name: value for name, value in fields if value is not None}
