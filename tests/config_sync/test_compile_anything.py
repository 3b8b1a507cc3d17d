"""Arbitrary IR, right and wrong: nothing raises, what comes out loads in both cores, and errors hit their own flag only."""

from inspect import cleandoc
from random import Random
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from config_sync import ir
from config_sync.compile import compile_ir
from config_sync.diagnostics import ERROR, Diagnostics
from config_sync.disasm import disassemble
from config_sync.passes.operands import _CHECKS
from config_sync.verify import verify
from tests.config_sync.anything import OPERANDS, Projects
from tests.config_sync.build import tombstones

RIGHT, WRONG = Projects(0).projects(), Projects(120).projects()
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"p": "a", "q": 1, "targetingKey": "u"},
    {"p": {"k": [1]}, "q": "é", "targetingKey": 7},
    {"p": [0.5, "a"], "q": None, "targetingKey": None},
]
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)  # explaining a failure of this size takes longer than finding it


@settings(max_examples=150, phases=PHASES)
@given(RIGHT)
def test_right_projects_compile_and_all_cores_agree_on_them(project: ir.Project) -> None:
    result = compile_ir(project, Diagnostics())
    assert {item.code for item in result.diagnostics if item.severity == ERROR} <= {
        "UNKNOWN-PREREQUISITE",
        "PREREQUISITE-CYCLE",
    }
    assert result.snapshot is not None or not project.flags
    if result.snapshot is not None:
        found = verify(result.snapshot, CONTEXTS)
        assert found.ok, found.differences[:2]


@settings(max_examples=150, phases=PHASES)
@given(WRONG)
def test_wrong_projects_raise_nothing_and_what_comes_out_loads(project: ir.Project) -> None:
    result = compile_ir(project, Diagnostics())
    assert (result.snapshot is None) == (result.name is None)
    if result.snapshot is None:
        assert result.has_errors
        return
    found = verify(result.snapshot, CONTEXTS)
    assert found.ok, found.differences[:2]
    assert disassemble(result.snapshot).count("\nflag ") == len(result.project.flags if result.project else ())


@settings(max_examples=150, phases=PHASES)
@given(WRONG)
def test_tombstones_are_the_flags_with_errors(project: ir.Project) -> None:
    result = compile_ir(project, Diagnostics())
    reported = {item.origin.pointer[1] for item in result.diagnostics if item.severity == ERROR and item.origin.pointer}
    wrong = {project.flags[int(number)].key for number in reported} | {flag.key for flag in project.flags if flag.error}
    assert result.project is not None
    kept = {flag.key for flag in result.project.flags}
    assert tombstones(result) == wrong & kept


@settings(max_examples=60, phases=PHASES)
@given(RIGHT, st.integers())
def test_the_order_of_flags_does_not_matter(project: ir.Project, seed: int) -> None:
    other = msgspec.structs.replace(project, flags=tuple(Random(seed).sample(project.flags, len(project.flags))))
    assert compile_ir(other, Diagnostics()).snapshot == compile_ir(project, Diagnostics()).snapshot


def test_the_operators_are_those_of_the_ir() -> None:
    """The table in the IR's documentation, the one the check pass goes by, and the one of these tests."""
    lines = cleandoc(ir.Test.__doc__ or "").splitlines()
    first, last = (number for number, line in enumerate(lines) if line.startswith("==="))
    documented = {name.strip() for line in lines[first + 1 : last] for name in line[:45].split(",") if name.strip()}
    assert set(_CHECKS) == set(OPERANDS) == documented
