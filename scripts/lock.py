"""Pins what functions ship, what builds them and what deploys them, with hashes: ``locks/*.txt`` from pyproject.toml's ranges.

``make lock`` keeps the pins that still fit; ``make lock ARGS=--upgrade`` takes the newest. uv resolves, for the machine that
each lock is for. A test checks the locks against pyproject.toml, so that neither is forgotten.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

from scripts.requirements import requirements

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "locks"
# name -> (extras, whether what builds the distribution belongs to it, uv's name of the machine; empty: this one and others)
LOCKS: dict[str, tuple[list[str], bool, str]] = {
    "functions": (["sync", "mirror", "events"], False, "aarch64-manylinux_2_34"),
    "bundle": (["bundle"], True, ""),
    "deploy": (["infra", "sync", "events"], False, ""),
}
HEADER = "# Made by `make lock` from pyproject.toml. What it is for: docs/bundles.md\n"


def wanted(name: str) -> list[str]:
    """The requirement lines that the lock pins."""
    extras, builds, _ = LOCKS[name]
    found = set(requirements(extras))
    if builds:
        found |= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
    return sorted(found)


def main(arguments: list[str]) -> int:
    """Writes every lock. Gives uv's exit status."""
    PLACE.mkdir(exist_ok=True)
    for name, (_, _, machine) in LOCKS.items():
        path = PLACE / f"{name}.txt"
        where = ["--python-platform", machine, "--only-binary", ":all:"] if machine else ["--universal"]
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--generate-hashes",
            "--no-header",
            "--python-version",
        ]
        command += ["3.13", *where, *arguments, "--output-file", str(path), "-"]
        done = subprocess.run(command, input="\n".join(wanted(name)), text=True, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            return done.returncode
        path.write_text(HEADER + path.read_text().removeprefix(HEADER))
        print(f"locks/{name}.txt: {sum('==' in line for line in path.read_text().splitlines())} distributions")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
