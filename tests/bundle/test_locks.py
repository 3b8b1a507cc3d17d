"""locks/*.txt against pyproject.toml: every range has a pin inside it, with hashes, and what functions import is pinned."""

import ast
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.functions import FUNCTIONS
from scripts import lock
from scripts.bundle import rules
from scripts.bundle.closure import closure
from tests.architecture.imports import ROOT


def _pins(name: str) -> dict[str, tuple[str, int]]:
    """Distribution -> (version, how many hashes)."""
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    found = {}
    for block in blocks:
        match = re.match(r"([a-z0-9-]+)==(\S+)", block)
        assert match, block
        found[match[1]] = (match[2], block.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", sorted(lock.LOCKS))
def test_sec_11_every_pin_has_its_hashes(name: str) -> None:
    pins = _pins(name)
    assert len(pins) >= 10
    assert [each for each, (_, hashes) in pins.items() if hashes == 0] == []


@pytest.mark.parametrize("name", sorted(lock.LOCKS))
def test_sec_11_the_locks_fit_the_project(name: str) -> None:
    """`make lock` after a change of pyproject.toml."""
    pins = _pins(name)
    for line in lock.wanted(name):
        wanted = Requirement(line)
        version, _ = pins[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{line}: {version} is locked"


@pytest.mark.parametrize("module", ["infra.app", "scripts.deploy", "scripts.canary", "scripts.smoke.__main__"])
def test_sec_11_what_deploys_is_locked(module: str) -> None:
    """The programs of a deployment, and all that they import where they look at the functions' code."""
    names = {"aws_cdk": "aws-cdk-lib"} | rules.DISTRIBUTION
    seen: set[Path] = set()
    imported = {name.split(".")[0] for name in _imported(module, seen)}
    own = {path.name for path in ROOT.iterdir()} | sys.stdlib_module_names
    third = {names.get(top, top) for top in imported - own if not top.startswith("mypy_boto3")}
    assert len(seen) > 2 or module == "scripts.canary"
    assert {canonicalize_name(Requirement(name).name) for name in third} <= _pins("deploy").keys()


def _imported(module: str, seen: set[Path]) -> set[str]:
    """What a module of ours imports, wherever in it, and what those import."""
    path = ROOT / module.replace(".", "/")
    found = next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)
    if found is None or found in seen:
        return set()
    seen.add(found)
    names: set[str] = set()
    for node in ast.walk(ast.parse(found.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names.union(*(_imported(name, seen) for name in names))


def test_what_functions_import_is_locked() -> None:
    pins = _pins("functions")
    for each in FUNCTIONS:
        for top in closure(each.module, ROOT).third:
            wanted = Requirement(rules.DISTRIBUTION.get(top, top.replace("_", "-")))
            assert canonicalize_name(wanted.name) in pins, f"{each.name} imports {top}"
