"""Prints the requirements of the given extras of pyproject.toml, and the unconditional ones, one a line.

Usage: ``python scripts/requirements.py compiler dev``. References to own extras (``burgee[compiler]``) are followed.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def requirements(extras: list[str]) -> list[str]:
    """The requirement lines of ``extras`` and the unconditional ones, sorted, each once. KeyError for an unknown extra."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    lines: set[str] = set(project["dependencies"])
    waiting, seen = list(extras), set[str]()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for line in project["optional-dependencies"][extra]:
            if line.startswith("burgee["):
                waiting.extend(line[len("burgee[") : -1].split(","))
            else:
                lines.add(line)
    return sorted(lines)


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
