"""``python -m scripts.bundle``: builds every function's zip into build/bundles, with its manifest and its bill of materials.

``--signed``: the hot functions get what checks signatures too. ``--again``: compiles and packs everything a second time, in
another place, and says whether the bytes are the same. Names of functions build only those. Exit status 1 if a bundle is too
heavy, holds what it mustn't, or can't be made twice.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from pathlib import Path

from infra.functions import FUNCTIONS
from scripts.bundle import rules
from scripts.bundle.contents import Bundle, Parts, make, manifest_text
from scripts.bundle.core import BUILD, ROOT, build_core
from scripts.bundle.fetch import fetch
from scripts.bundle.sbom import errors, sbom

PLACE = BUILD / "bundles"


def parts(core_place: Path | None = None) -> Parts:
    """What all bundles share. Raises RuntimeError where something can't be compiled or fetched."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    wheels = fetch(ROOT / "locks" / "functions.txt", BUILD / "wheels" / rules.MACHINE)
    return Parts(ROOT, build_core(rules.MACHINE, core_place), wheels, version)


def bundles(names: list[str], signed: bool, shared: Parts) -> list[Bundle]:
    """Those of the named functions, or of all."""
    return [make(each.name, each.module, each.hot, shared, signed) for each in FUNCTIONS if not names or each.name in names]


def write(made: Bundle) -> None:
    """The zip, its manifest and its bill of materials."""
    PLACE.mkdir(parents=True, exist_ok=True)
    (PLACE / f"{made.name}.zip").write_bytes(made.data)
    (PLACE / f"{made.name}.json").write_text(manifest_text(made.manifest))
    (PLACE / f"{made.name}.cdx.json").write_text(json.dumps(sbom(made.manifest), indent=1) + "\n")


def line(made: Bundle) -> str:
    """What a person reads of a bundle."""
    size, files = made.manifest["zip"], len(made.manifest["files"])
    names = ", ".join(f"{each['name']} {each['version']}" for each in made.manifest["distributions"])
    return f"{made.name:12} {size['bytes'] / 1e6:6.2f} MB, {size['unpacked'] / 1e6:6.1f} unpacked, {files:4} files: {names}"


def main(arguments: list[str]) -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bundle", description="Lambda bundles for arm64")
    parser.add_argument("--signed", action="store_true", help="hot functions check signatures too")
    parser.add_argument("--again", action="store_true", help="build twice and compare")
    parser.add_argument("functions", nargs="*", help="only these")
    options = parser.parse_args(arguments)
    unknown = set(options.functions) - {each.name for each in FUNCTIONS}
    if unknown:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    try:
        found = bundles(options.functions, options.signed, parts())
        again = None
        if options.again:
            with tempfile.TemporaryDirectory() as elsewhere:
                again = bundles(options.functions, options.signed, parts(Path(elsewhere)))
    except (RuntimeError, ValueError, KeyError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    wrong = [f"{made.name}: {complaint}" for made in found for complaint in made.complaints]
    if again is not None:
        wrong += [
            f"{one.name}: built twice, the bytes differ" for one, two in zip(found, again, strict=True) if one.data != two.data
        ]
    wrong += [f"{made.name}: {error}" for made in found for error in errors(sbom(made.manifest))]
    for made in found:
        write(made)
        print(line(made))
    for complaint in wrong:
        print(f"bundle: {complaint}", file=sys.stderr)
    if not wrong and again is not None:
        print("built twice, the same bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
