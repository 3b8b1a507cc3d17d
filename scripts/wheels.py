"""``make wheels``: wheels for Linux on x86-64 and arm64, and a source distribution, into build/dist, tried out.

The wheels are compiled with zig against glibc 2.17 and named by auditwheel, which looks for itself at what they need. The one
for this machine is installed into an empty environment, where the README's example runs; the source distribution is unpacked
elsewhere and builds a wheel with the same modules in it.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from scripts.bundle import elf
from scripts.bundle.core import BUILD, GLIBC, MACHINES, ROOT, copy, environment, run, sources

PLACE = BUILD / "dist"
MOST = 1_000_000
PACKAGES = ("evaluator", "config_sync", "handlers", "burgee")
_EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def tree(place: Path) -> Path:
    """A copy of what a distribution is made from, and nothing else: no compiled file of this machine's gets in."""
    names = [*sources(PACKAGES), "MANIFEST.in"]
    shutil.rmtree(place, ignore_errors=True)
    copy(names, place)
    return place


def wheel(machine: str) -> Path:
    """The wheel for that machine. Raises RuntimeError if it can't be built, ValueError if it isn't what it should be."""
    place = BUILD / "wheel" / machine
    shutil.rmtree(place, ignore_errors=True)
    built = place / "built"
    build(tree(place / "src"), "--wheel", built, environment(machine))
    (raw,) = built.glob("*.whl")
    # `auto`: another machine's names can't be asked for, but it finds out which it is itself. It runs patchelf by its name.
    command = [
        sys.executable,
        "-m",
        "auditwheel",
        "repair",
        "--plat",
        "auto",
        "-z",
        "9",
        "--wheel-dir",
        str(place / "named"),
        str(raw),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run(command, place, {**os.environ, "PATH": path}, place / "auditwheel.log")
    (named,) = (place / "named").glob("*.whl")
    check(named, machine)
    PLACE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(named, PLACE))


def build(source: Path, kind: str, place: Path, environ: dict[str, str]) -> None:
    """Runs PyPA's build in this environment, whose tools are locked."""
    place.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", str(place), "."], source, environ, place / "log")


def check(path: Path, machine: str) -> None:
    """Raises ValueError for a wheel that weighs too much, or whose core is for another machine or a newer glibc."""
    tags = path.stem.rpartition("-")[2].split(".")
    if not any(re.fullmatch(rf"manylinux_2_(\d|1[0-7])_{machine}", tag) for tag in tags):
        raise ValueError(f"auditwheel calls it {path.name}, which isn't for glibc {GLIBC[0]}.{GLIBC[1]} on {machine}")
    if path.stat().st_size >= MOST:
        raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes; fewer than {MOST:,} are allowed")
    with zipfile.ZipFile(path) as opened, tempfile.TemporaryDirectory() as scratch:
        cores = [name for name in opened.namelist() if name.endswith(".so")]
        if len(cores) != 1:
            raise ValueError(f"{path.name} has {len(cores)} shared objects; one is expected")
        elf.check(Path(opened.extract(cores[0], scratch)), machine, GLIBC)


def sdist() -> Path:
    """The source distribution, checked by building a wheel from it with this machine's own compiler."""
    place = BUILD / "sdist"
    shutil.rmtree(place, ignore_errors=True)
    build(tree(place / "src"), "--sdist", place / "built", dict(os.environ))
    (packed,) = (place / "built").glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.unpack_archive(packed, elsewhere, filter="data")
        (unpacked,) = Path(elsewhere).iterdir()
        build(unpacked, "--wheel", place / "wheel", dict(os.environ))
    PLACE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(packed, PLACE))


def modules(path: Path) -> set[str]:
    """The files of a wheel, whatever its core and its metadata are called."""
    with zipfile.ZipFile(path) as opened:
        listed = (name for name in opened.namelist() if ".dist-info/" not in name and not name.endswith("/"))
        return {re.sub(r"\.cpython-[^/]*\.so$", ".so", name) for name in listed}


def try_out(path: Path) -> str:
    """Installs the wheel into an empty environment and runs the README's example there; gives the name of its core."""
    (example,) = _EXAMPLE.findall((ROOT / "README.md").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{path}[compiler]"]
        run(install, place, dict(os.environ), place / "pip.log")
        shutil.copytree(ROOT / "examples", place / "examples")
        where = "\nimport evaluator, sys\nassert evaluator.__file__.startswith(sys.prefix), evaluator.__file__\n"
        (place / "example.py").write_text(f"{example}{where}print(evaluator.IMPLEMENTATION)\n")
        environ = {"PATH": os.environ["PATH"]}
        run([python, "-I", "example.py"], place, environ, place / "example.log")
        said = (place / "example.log").read_text()
        command = [str(place / "venv" / "bin" / "burgee"), "check", "examples"]
        run(command, place, environ, place / "burgee.log")
    last = said.strip().splitlines()[-1]
    if last != "fast" or "hero-banner" not in said:
        raise ValueError(f"the README's example said, installed from {path.name}:\n{said}")
    return last


def main() -> int:
    """Gives the exit status."""
    shutil.rmtree(PLACE, ignore_errors=True)
    try:
        wheels = {machine: wheel(machine) for machine in MACHINES}
        packed = sdist()
        (rebuilt,) = (BUILD / "sdist" / "wheel").glob("*.whl")
        for made in wheels.values():
            if modules(made) != modules(rebuilt):
                raise ValueError(
                    f"{made.name} and what {packed.name} builds differ in {sorted(modules(made) ^ modules(rebuilt))}"
                )
        said = try_out(wheels[platform.machine()]) if platform.machine() in wheels else "not tried on this machine"
    except (RuntimeError, ValueError, subprocess.CalledProcessError) as error:
        print(f"wheels: {error}", file=sys.stderr)
        return 1
    for made in (*wheels.values(), packed):
        print(f"{made.name}: {made.stat().st_size / 1000:.0f} kB")
    print(f"the README's example runs from the wheel in an empty environment: the {said} core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
