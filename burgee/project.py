"""What a PATH on the command line stands for: a project to compile, or a snapshot that is compiled already.

For the commands of ``burgee``.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from burgee.trouble import UsageError
from config_sync.compile import compile_project
from config_sync.detect import AUTO
from config_sync.diagnostics import ERROR, Diagnostic, Diagnostics
from config_sync.frontends.registry import DIALECTS
from config_sync.render import render
from config_sync.sources.reading import files_of
from evaluator.snapshot.opcodes import MAGIC

Fingerprint = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Loaded:
    """A snapshot (None: nothing could be compiled) and what the compiler had to say. ``name`` is the snapshot's SHA-256."""

    snapshot: bytes | None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> int:
        return sum(diagnostic.severity == ERROR for diagnostic in self.diagnostics)

    def rendered(self) -> str:
        """The diagnostics with their places in the source, and their number; "" when there are none."""
        return render(self.diagnostics)


def load(path: str, dialect: str) -> Loaded:
    """Reads a snapshot (told by its magic bytes; ``dialect`` doesn't matter then) or compiles a file or directory; with
    the dialect "auto" as what its documents look like.

    Raises UsageError when there is no such path or it can't be read.
    """
    place = Path(path)
    if not place.exists():
        raise UsageError(f"{path}: no such file or directory")
    try:
        if is_snapshot(place):
            return Loaded(place.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    result = compile_project(place, dialect=dialect)
    return Loaded(result.snapshot, tuple(result.diagnostics))


def add_dialect(parser: argparse.ArgumentParser) -> None:
    """The option of every command that compiles."""
    parser.add_argument(
        "--dialect",
        metavar="NAME",
        default=AUTO,
        help="what the project is written in (default: %(default)s, told from its documents)",
    )


def check_dialect(dialect: str) -> None:
    """Raises UsageError for a name that no dialect has."""
    if dialect not in (AUTO, *DIALECTS):
        raise UsageError(f"unknown dialect {dialect!r}: one of {', '.join(sorted(DIALECTS))}, or auto")


def is_snapshot(place: Path) -> bool:
    """Whether the file begins as a snapshot does. Raises OSError when it can't be read."""
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def fingerprint(path: str) -> Fingerprint:
    """(path, modification time, size, inode) of the file, or of every project file below the directory."""
    place = Path(path)
    files = files_of(place, Diagnostics()) if place.is_dir() else [place]
    return tuple(stamp for stamp in map(_stamp, files) if stamp is not None)


def _stamp(path: Path) -> tuple[str, int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:  # deleted since it was listed
        return None
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino
