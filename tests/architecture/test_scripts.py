"""What a fresh clone runs first: choosing a Python by running it, and saying plainly what is missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT


def _run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("bash") or "bash", str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def _tools(place: Path, *names: str) -> str:
    """A PATH with these programs and nothing else."""
    for name in names:
        (place / name).symlink_to(shutil.which(name) or name)
    return str(place)


def test_a_python_is_chosen_by_running_it(tmp_path: Path) -> None:
    """A program of the right name that refuses to start, as a version manager's shim may, is passed over."""
    for version in ("3.13", "3.12"):
        shim = tmp_path / f"python{version}"
        shim.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
        shim.chmod(0o755)
    real = Path(sys._base_executable)  # type: ignore[attr-defined]
    (tmp_path / "python3").symlink_to(real)
    path = _tools(tmp_path, "sort")
    chosen = _run("python.sh", f"{sys.version_info[0]}.{sys.version_info[1]}", PATH=path, HOME=str(tmp_path))
    assert chosen.returncode == 0, chosen.stderr
    assert os.path.samefile(chosen.stdout.strip(), real)


def test_the_newest_python_that_runs_is_chosen() -> None:
    chosen = _run("python.sh", **os.environ)
    assert chosen.returncode == 0
    version = subprocess.run([chosen.stdout.strip(), "--version"], capture_output=True, text=True, check=True).stdout
    assert version.split()[1].rsplit(".", 1)[0] in ("3.11", "3.12", "3.13")


def test_no_python_is_said_with_the_command_that_helps(tmp_path: Path) -> None:
    done = _run("python.sh", "3.99", PATH=_tools(tmp_path, "sort"), HOME=str(tmp_path))
    assert done.returncode == 1
    assert "no working Python of 3.99" in done.stderr
    assert "apt-get install" in done.stderr
    assert "dnf install" in done.stderr


def test_no_compiler_is_said_with_the_command_that_helps(tmp_path: Path) -> None:
    done = _run("compiler.sh", sys.executable, PATH=_tools(tmp_path, "cat"), HOME=str(tmp_path))
    assert done.returncode == 1
    assert "there is no C compiler" in done.stderr
    assert "apt-get install gcc" in done.stderr
    assert "BURGEE_PURE=1" in done.stderr


def test_missing_headers_are_said(tmp_path: Path) -> None:
    """A Python without its headers: told by a stand-in whose include folder is empty."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\ncase "$2" in *include*) echo {tmp_path}/include ;; *) echo {version} ;; esac\n')
    stand_in.chmod(0o755)
    (tmp_path / "cc").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "cc").chmod(0o755)
    done = _run("compiler.sh", str(stand_in), PATH=_tools(tmp_path, "cat", "sh"), HOME=str(tmp_path))
    assert done.returncode == 1
    assert f"apt-get install python{version}-dev" in done.stderr


@pytest.mark.parametrize("version", ["", "18.19.0"])
def test_no_node_is_said_with_the_command_that_helps(tmp_path: Path, version: str) -> None:
    """None at all, or one that is too old: setup goes on, and says what won't work."""
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    python = tmp_path / "environment" / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    if version:
        (tmp_path / "node").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "node").chmod(0o755)
    path = _tools(tmp_path, "dirname", "sh")
    done = _run("setup.sh", str(tmp_path / "environment"), PATH=path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no Node.js 20 or newer" in done.stdout
    assert "apt-get install nodejs" in done.stdout


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.sh")))
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(ROOT / "scripts" / script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(ROOT / "scripts" / script)], check=False).returncode == 0


# --- scripts/ci.sh, with a `make` that only says what it was asked for -----------------------------------------------------

MAKE = """#!/bin/sh
echo "begins: $*"
sleep 0.2
case "$*" in *{fails}*) echo "oh no" >&2; exit 1 ;; test*) echo "= 7 passed, 1 skipped in 3s =" ;; esac
echo "ends: $*"
"""
SAID = re.compile(r"^=== (\S+)\n(.*?)^--- (\S+): (ok|FAILED), \d+ s$", re.MULTILINE | re.DOTALL)


def _ci(place: Path, *legs: str, fails: str = "nothing", jobs: int = 2) -> tuple[int, list[tuple[str, str, str]], str]:
    """Exit status, (leg, what it said, verdict) in their order, and the last lines."""
    (place / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "ci.sh", place / "scripts")
    shutil.copy(ROOT / "README.md", place)
    for name, text in {
        "make": MAKE.format(fails=fails),
        ".venv/bin/python": "#!/bin/sh\n",
        "scripts/python.sh": "#!/bin/sh\nexit 1\n",
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (place / ".venv" / "build.log").write_text("-O2 -ffp-contract=off\n")
    command = ["bash", str(place / "scripts" / "ci.sh"), *legs]
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "JOBS": str(jobs), "HOME": str(place)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.stderr == ""
    found = [(name, said, verdict) for name, said, again, verdict in SAID.findall(done.stdout) if name == again]
    return done.returncode, found, done.stdout.strip().rpartition("\n---")[2].partition("\n")[2].strip()


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_leg_of_ci_runs_once_and_is_printed_whole(tmp_path: Path, jobs: int) -> None:
    """Whether or not legs run beside each other; the timed one comes last."""
    code, found, end = _ci(tmp_path, jobs=jobs)
    declared = re.findall(r"^leg (\S+)", (ROOT / "scripts" / "ci.sh").read_text(), re.MULTILINE)
    assert code == 0 and end.endswith("All legs passed.\n= 7 passed, 1 skipped in 3s =")
    assert sorted(name for name, _, _ in found) == sorted(declared)
    assert found[-1][0] == "bench-gate"
    for name, said, verdict in found:
        assert verdict == "ok" and said.count("begins: ") == said.count("ends: "), (name, said)
    assert "begins: parity\nends: parity\n" in [said for name, said, _ in found if name == "parity"]


@pytest.mark.parametrize("leg", ["types", "parity", "build"])
def test_a_leg_that_fails_is_named_and_stops_no_other(tmp_path: Path, leg: str) -> None:
    code, found, end = _ci(tmp_path, fails=leg)
    assert code == 1
    assert {name for name, _, verdict in found if verdict == "FAILED"} == {leg}
    assert "oh no" in next(said for name, said, _ in found if name == leg)
    assert f"FAILED: {leg}" in end and len(found) > 12


def test_legs_run_by_name_and_no_others(tmp_path: Path) -> None:
    code, found, end = _ci(tmp_path, "lint", "parity", "wheels")
    assert code == 0 and sorted(name for name, _, _ in found) == ["lint", "parity", "wheels"]
    assert end.endswith("All legs passed.")


def test_a_leg_that_is_not_there_fails(tmp_path: Path) -> None:
    code, found, end = _ci(tmp_path, "lint", "lintt")
    assert code == 1 and [name for name, _, _ in found] == ["lint"] and end.endswith("FAILED: lintt")
