"""Bytes: the extension modules, the wheel, and the part of it that a function ships. ``python -m benchmarks.bench_size``"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("evaluator/", "handlers/")  # what answers; compiler, publisher and local platform stay at home
WHEELS = ("wheel", "wheel, shipped part")


def extensions() -> dict[str, int]:
    """module -> bytes of its stripped file, for the running Python."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for source in sorted((ROOT / "evaluator" / "_fast").glob(f"*{suffix}")):
            copy = Path(shutil.copy(source, place))
            if shutil.which("strip"):
                subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
            found[source.name.removesuffix(suffix)] = copy.stat().st_size
    return found


def wheels() -> dict[str, int]:
    """Bytes of the wheel, built offline from this tree, and of its ``SHIPPED`` files, compressed as they are in it.

    What an earlier build left behind is no part of it.
    """
    for leftover in (ROOT / "build").glob("lib*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory() as place:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            place,
            ".",
        ]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        (found,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(found) as archive:
            shipped = sum(item.compress_size for item in archive.infolist() if item.filename.startswith(SHIPPED))
        return dict(zip(WHEELS, (found.stat().st_size, shipped), strict=True))


def main() -> None:
    sizes = extensions()
    for name, size in sizes.items():
        print(f"{name:20} {size:>9,}")
    print(f"{'extensions together':20} {sum(sizes.values()):>9,}")
    for name, size in wheels().items():
        print(f"{name:20} {size:>9,}")


if __name__ == "__main__":
    main()
