"""The cold path, observed: a fresh interpreter imports an entry, and what it must not hold isn't there."""

import json
import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import ROOT

COLD: dict[str, Any] = tomllib.loads((Path(__file__).parent / "layers.toml").read_text())["cold"]
PROBE = """
import sys
sys.path.insert(0, {root!r})
before = set(sys.modules)
{statement}
after = set(sys.modules)
import json
print(json.dumps([sorted(after), sorted(after - before)]))
"""


@cache
def fresh_modules(statement: str, implementation: str) -> tuple[set[str], set[str]]:
    """(all modules, those that ``statement`` added) in a new isolated interpreter."""
    probe = PROBE.format(root=str(ROOT), statement=statement)
    environment = {"EVALUATOR_IMPL": implementation, "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-I", "-c", probe], capture_output=True, text=True, env=environment, check=True)
    held, added = json.loads(done.stdout)
    return set(held), set(added)


def _needs(implementation: str) -> None:
    if implementation == "fast" and os.environ.get("BURGEE_PURE") == "1":
        pytest.skip("the Cython core isn't built (BURGEE_PURE=1)")


def test_the_probe_sees_what_is_there() -> None:
    """The check below would pass on anything if the probe were blind."""
    held, added = fresh_modules("import json, hashlib", "fast")
    assert {"json", "hashlib"} <= added <= held


@pytest.mark.parametrize("entry", sorted(COLD))
def test_cold_entry_holds_nothing_it_should_not(entry: str) -> None:
    _needs(COLD[entry]["implementation"])
    held, _ = fresh_modules(f"import {entry}", COLD[entry]["implementation"])
    assert entry in held
    assert not held & set(COLD[entry]["absent"])


@pytest.mark.parametrize("entry", sorted(COLD))
def test_prf_03_cold_entry_stays_under_its_ceiling(entry: str) -> None:
    _needs(COLD[entry]["implementation"])
    _, added = fresh_modules(f"import {entry}", COLD[entry]["implementation"])
    assert len(added) <= COLD[entry]["modules"], sorted(added)


@pytest.mark.parametrize("wanted", ["pure", "fast"])
def test_the_core_asked_for_is_the_core_loaded(wanted: str) -> None:
    _needs(wanted)
    held, _ = fresh_modules(f"import evaluator; assert evaluator.IMPLEMENTATION == {wanted!r}", wanted)
    assert f"evaluator._{wanted}.evaluator" in held
    assert f"evaluator._{'pure' if wanted == 'fast' else 'fast'}.evaluator" not in held


def test_a_core_that_is_missing_is_never_replaced_silently() -> None:
    probe = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import evaluator"
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe], capture_output=True, text=True, env={"EVALUATOR_IMPL": "quick"}, check=False
    )
    assert done.returncode != 0
    assert "EVALUATOR_IMPL" in done.stderr
