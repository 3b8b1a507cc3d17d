"""locks/*.txt against pyproject.toml: every range has a pin inside it, with hashes, and what functions import is pinned."""

import re

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


def test_what_functions_import_is_locked() -> None:
    pins = _pins("functions")
    for each in FUNCTIONS:
        for top in closure(each.module, ROOT).third:
            wanted = Requirement(rules.DISTRIBUTION.get(top, top.replace("_", "-")))
            assert canonicalize_name(wanted.name) in pins, f"{each.name} imports {top}"
