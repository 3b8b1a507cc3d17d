"""The README tells the truth: its example runs, its commands work, its links lead somewhere, its figures were measured."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT

README = (ROOT / "README.md").read_text()
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def _blocks(language: str) -> list[str]:
    """The text of the fenced blocks of one language."""
    fenced = README.split("\n```")[1::2]  # text and blocks take turns
    return [block.split("\n", 1)[1] for block in fenced if block.split("\n", 1)[0] == language]


def test_the_example_runs_and_its_comments_are_right(tmp_path: Path) -> None:
    """Every line of the form ``expression  # literal`` evaluates to what its comment says."""
    (example,) = _blocks("python")
    checked = []
    for line in example.splitlines():
        found = re.match(r"^(flags\.\w+\(.*\)|answer\..*?)  # (True|False|'.*'|\(.*\))$", line)
        checked.append(f"assert ({found[1]}) == ({found[2]}), ({found[1]})" if found else line)
    assert sum(line.startswith("assert (") for line in checked) == 3
    program = tmp_path / "example.py"
    program.write_text("\n".join(checked))
    done = subprocess.run(
        [sys.executable, str(program)], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "hero-banner" in done.stdout


def _commands() -> list[str]:
    return [line for block in _blocks("") for line in block.splitlines() if line.startswith("burgee ")]


def test_there_are_commands_to_check() -> None:
    assert len(_commands()) >= 4


def test_the_commands_work(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for line in _commands():
        command = [sys.executable, "-m", "burgee", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_the_test_command_is_a_verb_of_the_makefile() -> None:
    verbs = re.findall(r"^(\w[\w-]*):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [line.split()[1] for block in _blocks("") for line in block.splitlines() if line.startswith("make ")]
    assert {"run", "test"} <= set(named) <= set(verbs)
    assert "<!-- test command -->\n```\nmake test\n```" in README


@pytest.mark.parametrize(
    "page", sorted(str(path.relative_to(ROOT)) for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith(("http", "#"))]
    assert [target for target in targets if target and not ((ROOT / page).parent / target).exists()] == []


def test_the_dialects_are_those_of_a_committed_run() -> None:
    """So is the table of dialects."""
    from benchmarks import dialects_report
    from config_sync.frontends.registry import DIALECTS

    start, end = (README.index(mark) for mark in dialects_report.MARKS)
    shown = README[start + len(dialects_report.MARKS[0]) : end].strip()
    (name,) = re.findall(r"`(benchmarks/results/[^`]+\.json)`", shown)
    assert shown == dialects_report.markdown(json.loads((ROOT / name).read_text())), "stale: make dialects"
    families = {name.partition("@")[0] for name in DIALECTS}
    assert families == set(re.findall(r"^\| \[(\w+)\]", shown, re.MULTILINE)), "make dialects"


def test_the_figures_are_those_of_a_committed_run() -> None:
    """The table is what ``benchmarks.report`` makes of the result file that it names."""
    from benchmarks import report

    start, end = (README.index(mark) for mark in report.MARKS)
    shown = README[start + len(report.MARKS[0]) : end].strip()
    names = re.findall(r"`(benchmarks/results/[^`]+\.json)`", shown)
    assert len(names) == 1, "the table names the one file that it was made from"
    assert shown == report.markdown(json.loads((ROOT / names[0]).read_text())), "stale: make bench"
