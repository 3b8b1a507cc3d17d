"""The rules of the house that no eye can check: file lengths, generated files, docstrings, words that must not be here."""

import ast
import re
import runpy
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import ROOT, modules

HOUSE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "house.toml").read_text())
MOST_LINES = 400
SOURCES = (".py", ".pyx", ".pxd", ".pyi", ".h")


@cache
def files() -> tuple[str, ...]:
    """The files that git has or would have: what a clone shows."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return tuple(name for name in listed if (ROOT / name).is_file())


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def test_no_source_file_is_longer_than_400_lines() -> None:
    """Tests are lists of cases and may be longer; for everything else house.toml holds the exceptions."""
    lengths = {name: _text(name).count("\n") for name in files() if name.endswith(SOURCES) and not name.startswith("tests/")}
    long = {name: count for name, count in lengths.items() if count > MOST_LINES}
    assert len(lengths) > 50
    assert {name: long[name] for name in long if name not in HOUSE["long_files"]} == {}
    assert [name for name in HOUSE["long_files"] if name not in long] == [], "no longer needed in house.toml"


def test_every_module_says_its_purpose() -> None:
    silent = [
        name
        for name, path in modules().items()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_nothing_names_a_place_of_a_machine_or_a_registry() -> None:
    """A clone must make sense anywhere: no absolute paths of one machine, no package registry's host."""
    slash, dot = "/", "[.]"
    words = [f"{slash}wo" + f"rk{slash}", f"{slash}tm" + f"p{slash}", f"{slash}ro" + f"ot{slash}", f"{dot}librar" + "y"]
    words += [f"py[p]i{dot}org", f"pythonhost[e]d{dot}org", f"np[m]js{dot}com", f"de[b]{dot}debian{dot}org", f"cr[a]tes{dot}io"]
    pattern = re.compile("|".join(words))
    found = []
    for name in files():
        if not name.endswith((".so", ".bin", ".burgee")):
            found += [
                f"{name}:{number}: {line[:80]}"
                for number, line in enumerate(_text(name).splitlines(), 1)
                if pattern.search(line)
            ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    """Open ends belong in an issue, not in the code."""
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error|pragma: no " + r"cover)\b")
    sources = [name for name in files() if name.endswith((".py", ".pyx", ".pxd", ".h")) and not name.startswith("tests/")]
    found = [f"{name}: {line.strip()}" for name in sources for line in _text(name).splitlines() if marks.search(line)]
    assert found == []


def test_requirement_ids_are_named_by_tests() -> None:
    """``test_hash_04_…``: the tests that carry a requirement's id. Their number only grows."""
    tests = [name for name in files() if name.startswith("tests/") and name.endswith(".py")]
    ids = {match for name in tests for match in re.findall(r"def test_([a-z]{3,5}_[0-9]{2})", _text(name))}
    assert len(ids) >= HOUSE["requirement_ids"]["at_least"], sorted(ids)


# --- generated artefacts ----------------------------------------------------------------------------------------------


def test_opcodes_are_numbered_once_and_without_gaps() -> None:
    codes = runpy.run_path(str(ROOT / "evaluator" / "snapshot" / "opcodes.py"))
    for family in ("OP", "NODE", "HASH", "SPACE", "UNIT", "ON", "OUTCOME", "REASON"):
        numbers = [value for name, value in codes.items() if name.startswith(f"{family}_") and name not in _BOUNDS]
        assert len(numbers) == len(set(numbers)), family
        assert max(numbers) == codes[f"{family}_LAST"], family


_BOUNDS = {f"{family}_LAST" for family in ("OP", "NODE", "HASH", "SPACE", "UNIT", "ON", "OUTCOME", "REASON")} | {
    "REASON_FIRST_ERROR"
}


def test_the_generated_header_is_up_to_date(tmp_path: Path) -> None:
    """The C header and declarations on disk are what setup.py makes from the opcode table and the layouts now."""
    fast = ROOT / "evaluator" / "_fast"
    if not (fast / "generated.h").exists():
        pytest.skip("the Cython core isn't built (BURGEE_PURE=1)")
    generate = runpy.run_path(str(ROOT / "setup.py"), run_name="core")["generate"]
    generate.__globals__["FAST"] = tmp_path
    generate()
    for name in ("generated.h", "generated.pxd"):
        assert (tmp_path / name).read_text() == (fast / name).read_text(), f"{name} is stale: make build"


def test_every_operator_is_written_down() -> None:
    """docs/snapshot-format.md has a row for every operator of the table."""
    codes = runpy.run_path(str(ROOT / "evaluator" / "snapshot" / "opcodes.py"))
    text = _text("docs/snapshot-format.md")
    names = [name.removeprefix("OP_") for name in codes if name.startswith("OP_") and name != "OP_LAST"]
    short = {"LESS_EQUAL", "GREATER"}  # the row says LESS … GREATER_EQUAL
    assert [name for name in names if name not in short and not re.search(rf"\b{name}\b", text)] == []


def test_every_row_field_is_written_down() -> None:
    """Each table that the layouts describe is explained in docs/snapshot-format.md."""
    sections = runpy.run_path(str(ROOT / "evaluator" / "snapshot" / "layout.py"))["SECTIONS"]
    text = _text("docs/snapshot-format.md")
    assert [name for name, _ in sections if not re.search(rf"\b{name}\b", text)] == []


# --- the two rooms with the same furniture ----------------------------------------------------------------------------


def test_every_compiled_module_has_its_declarations_and_its_stub() -> None:
    fast = ROOT / "evaluator" / "_fast"
    for source in sorted(fast.glob("*.pyx")):
        assert source.with_suffix(".pxd").exists() or source.name == "evaluator.pyx", source.name
    assert (fast / "evaluator.pyi").exists()


def test_the_shared_object_holds_every_compiled_source() -> None:
    """setup.py compiles, and the package loads, exactly the modules that lie there, in one order."""
    fast = ROOT / "evaluator" / "_fast"
    compiled = runpy.run_path(str(ROOT / "setup.py"), run_name="core")["MODULES"]
    match = re.search(r"^_MODULES = (\([^)]*\))", (fast / "__init__.py").read_text(), re.MULTILINE)
    assert match
    assert ast.literal_eval(match[1]) == compiled
    assert sorted(compiled) == sorted(path.stem for path in fast.glob("*.pyx"))


def test_no_compiled_source_is_included_as_text() -> None:
    for source in sorted((ROOT / "evaluator" / "_fast").glob("*.p[yx][xd]")):
        assert not re.search(r"^\s*include\s", source.read_text(), re.MULTILINE), source.name
