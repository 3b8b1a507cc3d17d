"""What a module imports, and what that imports: read from the sources, imports inside functions included.

A fresh interpreter would only see what is imported at once; a Lambda's first request would find out about the rest. So every
import statement counts, wherever it is, except under ``if TYPE_CHECKING:``. Modules that are imported by name count as well:
any string that is the dotted name of a module of ours (``"config_sync.frontends.flagd:translate"``, too), and the constant
argument of ``import_module`` and ``importlib.resources.files``; an f-string stands for every name that it could be.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("evaluator", "config_sync", "handlers", "burgee")
CORE = "evaluator._fast"
# What is imported only where something else is missing that a bundle always has.
NEVER = {("evaluator._backend", "evaluator._pure.evaluator")}
# Modules that Lambda's runtime has and nobody else: never part of a bundle.
RUNTIME = frozenset({"snapshot_restore_py"})
_NAME = re.compile(r"(?:evaluator|config_sync|handlers|burgee)(?:\.\w+)+")
_PATTERN = re.compile(r"(?:evaluator|config_sync|handlers|burgee)(?:\.[\w*]+)+")
_COMPILED_IMPORT = re.compile(r"^\s*(?:from ([\w.]+) import ([\w, ]+)|import ([\w.]+))\s*$", re.MULTILINE)
_BY_NAME = ("import_module", "files")
_CLIENTS = ("client", "resource")


@dataclass
class Closure:
    """``modules``: ours, dotted name -> file. ``third``: top-level modules of other people -> who of ours imports them.

    ``services``: what boto3 is asked for clients of -> who asks.
    """

    modules: dict[str, Path] = field(default_factory=dict)
    third: dict[str, set[str]] = field(default_factory=dict)
    services: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class _Read:
    """What one file imports (dotted names, each with those of its parts that may be modules) and its boto3 services."""

    names: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)


def closure(module: str, root: Path) -> Closure:
    """All that ``module`` may import, from the sources below ``root``.

    Raises ValueError if there is no such module, or if a client of boto3 is made of a service that isn't a constant.
    """
    if _file(module, root) is None:
        raise ValueError(f"there is no module {module}")
    found = Closure()
    waiting = [(module, module)]
    while waiting:
        importer, name = waiting.pop()
        top = name.split(".")[0]
        if top not in PACKAGES:
            if top not in sys.stdlib_module_names and top not in RUNTIME:
                found.third.setdefault(top, set()).add(importer)
            continue
        for part in _own(name, root):
            path = _file(part, root)
            if path is None or part in found.modules or _is_cut(importer, part):
                continue
            found.modules[part] = path
            read = _read(part, path, root)
            waiting += [(part, imported) for imported in sorted(read.names)]
            for service in read.services:
                found.services.setdefault(service, set()).add(part)
    return found


def _own(name: str, root: Path) -> Iterator[str]:
    """The modules that importing ``name`` runs: its packages first. What comes after the last module is a name in it."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        part = ".".join(parts[:length])
        if _file(part, root) is None:
            return
        yield part


def _file(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _is_cut(importer: str, imported: str) -> bool:
    return any(importer == one and (imported == other or imported.startswith(f"{other}.")) for one, other in NEVER)


def _read(module: str, path: Path, root: Path) -> _Read:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    read = _Read()
    skipped = _typing_only(tree)
    # A piece of an f-string is no name of its own.
    skipped |= {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node not in skipped:
            _read_node(node, package, read)
            if isinstance(node, ast.JoinedStr):
                read.names |= _named(node, root)
    if module == CORE:  # the compiled modules import a little too
        for source in sorted(path.parent.glob("*.pyx")):
            for base, names, alone in _COMPILED_IMPORT.findall(source.read_text(encoding="utf-8")):
                read.names |= {f"{base}.{name.strip()}" for name in names.split(",")} if base else {alone}
    return read


def _read_node(node: ast.AST, package: str, read: _Read) -> None:
    if isinstance(node, ast.Import):
        read.names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        read.names |= {f"{base}.{alias.name}" for alias in node.names}
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        name = node.value.partition(":")[0]
        if _NAME.fullmatch(name):
            read.names.add(name)
    elif isinstance(node, ast.Call):
        _read_call(node, read)


def _read_call(node: ast.Call, read: _Read) -> None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    first = node.args[0] if node.args else None
    constant = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    if called in _BY_NAME and constant is not None and not constant.startswith("."):
        read.names.add(constant)
    if called in _CLIENTS and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value).startswith("boto3"):
        if constant is None:
            raise ValueError(f"a bundle must know of what service this is a client: {ast.unparse(node)}")
        read.services.add(constant)


def _named(node: ast.JoinedStr, root: Path) -> set[str]:
    """The modules of ours whose names the f-string could give."""
    pattern = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    if not _PATTERN.fullmatch(pattern):
        return set()
    return {".".join(path.relative_to(root).with_suffix("").parts) for path in root.glob(f"{pattern.replace('.', '/')}.py")}


def _typing_only(tree: ast.Module) -> set[ast.AST]:
    """Nodes under ``if TYPE_CHECKING:``; they import nothing at run time."""
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                guarded.update(ast.walk(statement))
    return guarded
