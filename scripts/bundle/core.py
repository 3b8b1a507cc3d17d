"""Compiles the Cython core for another machine than this, with zig's C compiler, which brings every glibc's symbols along.

The headers are those of the Python that runs this: CPython's don't differ between 64-bit Linux machines. setup.py has the
flags; what is set here is the compiler, and the name under which the result is imported there.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

from scripts.bundle import elf

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
GLIBC = (2, 17)  # the oldest that zig is asked for: manylinux2014
MACHINES = ("aarch64", "x86_64")
_TOOLS = ("ziglang", "cython", "setuptools")
_ALWAYS = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def extension(machine: str) -> str:
    """The suffix that this Python would give an extension module on that machine."""
    return f".cpython-{sys.version_info[0]}{sys.version_info[1]}-{machine}-linux-gnu.so"


def environment(machine: str) -> dict[str, str]:
    """The variables under which setup.py compiles for that machine."""
    compiler = f"{shlex.quote(sys.executable)} -m ziglang cc -target {machine}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
    return {
        **os.environ,
        "CC": compiler,
        "LDSHARED": f"{compiler} -shared",
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        "SETUPTOOLS_EXT_SUFFIX": extension(machine),
        "ZIG_GLOBAL_CACHE_DIR": str(BUILD / "zig"),
        "SOURCE_DATE_EPOCH": "315532800",
        "PYTHONHASHSEED": "0",
    }


def sources(packages: tuple[str, ...]) -> list[str]:
    """What git has of these packages, and what a build needs besides; relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *packages]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({*_ALWAYS, *(name for name in listed if (ROOT / name).is_file())})


def copy(names: list[str], place: Path) -> None:
    """Copies the files; one that is the same already keeps its time, so that nothing is compiled for it again."""
    for name in names:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
            shutil.copyfile(ROOT / name, target)


def run(command: list[str], place: Path, environ: dict[str, str], log: Path) -> None:
    """Runs it, its words into the log. Raises RuntimeError with the last of them if it fails."""
    with log.open("w") as words:
        done = subprocess.run(command, cwd=place, env=environ, stdout=words, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed:\n" + "\n".join(log.read_text().splitlines()[-20:]))


def build_core(machine: str, place: Path | None = None) -> Path:
    """The shared object for that machine, compiled anew unless its sources and the tools are those of the last time.

    Raises RuntimeError if it can't be compiled, ValueError if what comes out isn't for that machine and that glibc.
    """
    place = place or BUILD / "core" / machine
    names = sources(("evaluator",))
    digest = hashlib.sha256("".join(f"{tool} {version(tool)}\n" for tool in _TOOLS).encode() + sys.version.encode())
    for name in names:
        digest.update(name.encode() + (ROOT / name).read_bytes())
    made = place / "lib" / "evaluator" / "_fast" / f"_core{extension(machine)}"
    stamp = place / "stamp"
    if not made.exists() or not stamp.exists() or stamp.read_text() != digest.hexdigest():
        tree = place / "src"
        copy(names, tree)
        if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
            raise RuntimeError(
                f"{sys.executable} has no headers: install python{sys.version_info[0]}.{sys.version_info[1]}-dev"
            )
        command = [sys.executable, "setup.py", "build_ext", "--build-lib", "../lib", "--build-temp", "../temp"]
        run(command, tree, environment(machine), place / "build.log")
        stamp.write_text(digest.hexdigest())
    elf.check(made, machine, GLIBC)
    return made
