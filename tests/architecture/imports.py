"""Reads the import graph from the sources: which module of the project imports what, and where. For the architecture tests."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("evaluator", "config_sync", "handlers", "burgee", "infra")


@dataclass(frozen=True)
class Import:
    """``importer`` imports ``imported`` (a module, or a module and a name in it) on ``line``."""

    importer: str
    imported: str
    line: int


def modules() -> dict[str, Path]:
    """Every Python module of the five packages: dotted name -> file."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _of_node(node: ast.AST, importer: str, is_package: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(importer, alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = importer.split(".")
            kept = len(parts) - node.level + (1 if is_package else 0)
            base = ".".join([*parts[:kept], *([base] if base else [])])
        yield from (Import(importer, f"{base}.{alias.name}", node.lineno) for alias in node.names)


def _typing_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under ``if TYPE_CHECKING:``; they import nothing at run time."""
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                guarded.update(ast.walk(statement))
    return guarded


def imports() -> list[Import]:
    """All imports, those inside functions included, those for type checkers only left out."""
    found: list[Import] = []
    for name, path in modules().items():
        tree = ast.parse(path.read_text())
        skipped = _typing_only(tree)
        for node in ast.walk(tree):
            if node not in skipped:
                found.extend(_of_node(node, name, path.name == "__init__.py"))
    return found


def inside(module: str, prefix: str) -> bool:
    """Whether ``module`` is ``prefix`` or lies in it."""
    return module == prefix or module.startswith(prefix + ".")


def is_standard(module: str) -> bool:
    return module.split(".", 1)[0] in sys.stdlib_module_names


def is_own(module: str) -> bool:
    return module.split(".", 1)[0] in PACKAGES
