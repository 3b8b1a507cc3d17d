"""Other people's wheels for the functions' machine: exactly those of locks/functions.txt, checked by their hashes.

pip fetches them (``pip download --platform``); what each needs itself is read from its METADATA.
"""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from scripts.bundle import rules

_OLDEST = 17  # manylinux_2_17, which manylinux2014 is another name of


@dataclass(frozen=True)
class Wheel:
    """A downloaded wheel. ``licence`` as its metadata say it; ``needs``: distributions, extras in brackets."""

    name: str
    version: str
    path: Path
    licence: str
    requires: tuple[str, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def fetch(lock: Path, place: Path) -> dict[str, Wheel]:
    """Name (normalised) -> wheel, of all that the lock names. Downloads unless the last download was of the same lock.

    Raises RuntimeError with pip's words if it can't.
    """
    stamp = place / "stamp"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.whl"):
            old.unlink()
        platforms = [f"manylinux_2_{minor}_{rules.MACHINE}" for minor in range(rules.GLIBC[1], _OLDEST - 1, -1)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", "".join(map(str, rules.PYTHON))]
        command += [f"--platform={platform}" for platform in (*platforms, f"manylinux2014_{rules.MACHINE}")]
        command += ["--require-hashes", "--dest", str(place), "--requirement", str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the wheels of {lock.name} can't be downloaded:\n{done.stderr[-2_000:]}")
        stamp.write_text(wanted)
    wheels = [read_wheel(path) for path in sorted(place.glob("*.whl"))]
    return {wheel.name: wheel for wheel in wheels}


def read_wheel(path: Path) -> Wheel:
    """What the wheel says of itself."""
    name, version, _, _ = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as opened:
        (metadata,) = (entry for entry in opened.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry))
        headers = HeaderParser().parsestr(opened.read(metadata).decode())
    said = headers.get("License-Expression") or headers.get("License") or ""
    if not said or "\n" in said or len(said) > 100:  # some put the whole text there
        classifiers = [line.rpartition(" :: ")[2] for line in headers.get_all("Classifier", []) if line.startswith("License")]
        said = " AND ".join(classifiers) or "unknown"
    return Wheel(name, str(version), path, said, tuple(headers.get_all("Requires-Dist", [])))


def with_requirements(tops: Iterable[str], wheels: dict[str, Wheel]) -> dict[str, Wheel]:
    """The wheels of these distributions (``psycopg[binary]``) and of all that they need on the functions' machine.

    Raises KeyError for one that the lock doesn't have.
    """
    version = ".".join(map(str, rules.PYTHON))
    machine = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": rules.MACHINE,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }
    found: dict[str, Wheel] = {}
    waiting = [Requirement(top) for top in tops]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        found[name] = wheels[name]
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needed = (Requirement(line) for line in wheels[name].requires)
            waiting += [need for need in needed if need.marker is None or need.marker.evaluate({**machine, "extra": extra})]
    return dict(sorted(found.items()))
