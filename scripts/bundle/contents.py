"""One function's bundle: its own modules with the core for its machine, the wheels they import, byte code, and a manifest."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bundle import elf, rules
from scripts.bundle.archive import archive
from scripts.bundle.bytecode import compiled
from scripts.bundle.closure import CORE, Closure, closure
from scripts.bundle.fetch import Wheel, with_requirements

SIGNATURES = "signatures are not checked: BURGEE_PUBLIC_KEYS can't be set (make bundle ARGS=--signed)"


@dataclass(frozen=True)
class Bundle:
    """``data``: the zip. ``manifest``: what is in it, as plain JSON."""

    name: str
    data: bytes
    manifest: dict[str, Any]
    complaints: list[str]


@dataclass(frozen=True)
class Parts:
    """What all functions' bundles are made from: the sources' root, the compiled core, the locked wheels, our own version."""

    root: Path
    core: Path
    wheels: dict[str, Wheel]
    version: str


def make(name: str, module: str, hot: bool, parts: Parts, signed: bool = False) -> Bundle:
    """The bundle of the function whose handler is in ``module``. ``signed``: with what checks signatures, if it's hot.

    Raises ValueError for a file that doesn't run on the functions' machine, KeyError for a distribution that isn't locked.
    """
    found = closure(module, parts.root)
    left_out = {rules.FOR_SIGNATURES: SIGNATURES} if hot and not signed and rules.FOR_SIGNATURES in found.third else {}
    wheels = with_requirements((_distribution(top) for top in sorted(found.third) if top not in left_out), parts.wheels)
    files = _own(found, parts)
    theirs: dict[str, list[str]] = {}
    for wheel in wheels.values():
        unpacked = unpack(wheel, found.services)
        twice = sorted(files.keys() & unpacked.keys())
        if twice:
            raise ValueError(f"{wheel.name} would overwrite {twice[0]}")
        files |= unpacked
        theirs[wheel.name] = sorted(unpacked)
    files |= compiled(files)
    glibc = check_machine(files)
    data = archive(files)
    manifest = {
        "function": name,
        "module": module,
        "version": parts.version,
        "python": ".".join(map(str, rules.PYTHON)),
        "machine": rules.MACHINE,
        "glibc": ".".join(map(str, glibc)),
        "zip": {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "unpacked": sum(map(len, files.values()))},
        "modules": sorted(found.modules),
        "services": sorted(found.services),
        "left_out": left_out,
        "distributions": [_described(wheel, theirs[wheel.name]) for wheel in wheels.values()],
        "files": {path: {"bytes": len(content), "sha256": _digest(content)} for path, content in sorted(files.items())},
    }
    wrong = rules.complaints(files, len(data), hot and not signed)
    return Bundle(name, data, manifest, wrong)


def _distribution(top: str) -> str:
    return rules.DISTRIBUTION.get(top, top.replace("_", "-"))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _described(wheel: Wheel, files: list[str]) -> dict[str, Any]:
    return {
        "name": wheel.name,
        "version": wheel.version,
        "licence": wheel.licence,
        "wheel": wheel.path.name,
        "sha256": wheel.sha256,
        "files": len(files),
    }


def _own(found: Closure, parts: Parts) -> dict[str, bytes]:
    """Our modules, the core if they use it, and the data files that lie in their packages."""
    files = {str(path.relative_to(parts.root)): path.read_bytes() for path in found.modules.values()}
    if CORE in found.modules:
        files[f"{CORE.replace('.', '/')}/_core{rules.EXTENSION}"] = parts.core.read_bytes()
    files["LICENSE"] = (parts.root / "LICENSE").read_bytes()
    return files


def unpack(wheel: Wheel, services: "set[str] | dict[str, set[str]]") -> dict[str, bytes]:
    """The wheel's files as they lie when installed, without what ``rules`` leaves out."""
    files = {}
    with zipfile.ZipFile(wheel.path) as opened:
        for entry in opened.namelist():
            if entry.endswith("/") or rules.is_left_out(entry, services):
                continue
            parts = entry.split("/")
            if parts[0].endswith(".data") and parts[1] in ("purelib", "platlib"):
                parts = parts[2:]
            files["/".join(parts)] = opened.read(entry)
    return files


def check_machine(files: dict[str, bytes]) -> tuple[int, int]:
    """The newest glibc that any of the files needs. Raises ValueError for one that the functions' machine can't load."""
    newest = (0, 0)
    for path, content in files.items():
        if not elf.is_elf(content):
            continue
        found = elf.read_elf(content)
        if found.machine != rules.MACHINE or found.glibc > rules.GLIBC:
            raise ValueError(f"{path} is for {found.machine} with glibc {'.'.join(map(str, found.glibc))}")
        newest = max(newest, found.glibc)
    return newest


def manifest_text(manifest: dict[str, Any]) -> str:
    """The manifest's file."""
    return json.dumps(manifest, indent=1, ensure_ascii=True) + "\n"
