"""The commands of ``burgee``, one function each: parsed arguments in, exit code out. For ``burgee.cli``.

What a command alone needs is imported inside it, so that the others start without it.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from burgee.contexts import read_context
from burgee.project import Loaded, check_dialect, load
from burgee.trouble import Trouble, UsageError
from evaluator import Evaluation, Evaluator, SnapshotError


def check(options: argparse.Namespace) -> int:
    """Prints every diagnostic and a summary; 1 if one of them is an error."""
    loaded = _load(options.path, options.dialect)
    print(loaded.rendered() or f"{options.path}: nothing to complain about\n", end="")
    return 1 if loaded.errors or loaded.snapshot is None else 0


def compile_(options: argparse.Namespace) -> int:
    """Writes the snapshot. A flag with errors becomes a tombstone in it; with ``--strict`` nothing is written then."""
    loaded = _load(options.path, options.dialect)
    _report(loaded)
    if loaded.snapshot is None or (options.strict and loaded.errors):
        raise Trouble(f"{options.path} has errors: no snapshot was written")
    write_file(Path(options.output), loaded.snapshot)
    flags = len(_evaluator(loaded, options.path).flag_keys())
    digest = hashlib.sha256(loaded.snapshot).hexdigest()
    print(f"{options.output}: {plural(flags, 'flag')}, {len(loaded.snapshot)} bytes, sha256 {digest}")
    return 0


def disasm(options: argparse.Namespace) -> int:
    """Prints the snapshot as text."""
    from config_sync.disasm import disassemble

    loaded = _load(options.path, options.dialect)
    _report(loaded)
    try:
        print(disassemble(_snapshot(loaded, options.path)), end="")
    except SnapshotError as error:
        raise Trouble(f"{options.path}: {error}") from error
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Prints one evaluation, or with ``--all`` an object of them by flag key."""
    if (options.key is None) != options.all:
        raise UsageError("evaluate takes a KEY or --all" + (", not both" if options.all else ""))
    context = read_context(options.context)
    evaluator = open_evaluator(options.path, options.dialect)
    if options.all:
        answers = evaluator.evaluate_all(context, now=options.now)
        print_json({key: as_json(answer) for key, answer in answers.items()})
    else:
        print_json(as_json(evaluator.evaluate(options.key, context, options.now)))
    return 0


def explain(options: argparse.Namespace) -> int:
    """Prints every step of one evaluation."""
    context = read_context(options.context)
    evaluator = open_evaluator(options.path, options.dialect)
    explanation = evaluator.explain(options.key, context, options.now)
    if options.json:
        print_json(explanation.to_dict())
    else:
        print(explanation)
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    try:
        from burgee.serve import serve as run
    except ModuleNotFoundError as error:
        raise Trouble(f"serve needs the package {error.name}: pip install 'burgee[serve]'") from error
    check_dialect(options.dialect)
    return run(options.path, options.dialect, options.host, options.port, tuple(options.allow_origin))


def up(options: argparse.Namespace) -> int:
    """Runs the whole platform on this machine until it is interrupted."""
    missing = [name for name in _UP_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise Trouble(f"up needs packages that aren't installed ({', '.join(missing)}): pip install 'burgee[up]'")
    from burgee.up.command import Wish
    from burgee.up.command import up as run

    view, lines = not options.no_view, options.lines
    return run(Wish(options.path, options.host, options.port, options.aws_port, options.refresh_ms, view, lines))


def migrate(options: argparse.Namespace) -> int:
    """Runs the migrations of the mirror that a database hasn't had yet."""
    try:
        from burgee.migrate import run
    except ModuleNotFoundError as error:
        raise Trouble(f"migrate needs the package {error.name}: pip install 'burgee[mirror]'") from error
    return run(options.database)


def openapi(_: argparse.Namespace) -> int:
    """Prints the edge endpoints' OpenAPI document."""
    from burgee.openapi import text

    print(text(), end="")
    return 0


_UP_NEEDS = ("aws_lambda_powertools", "awslambdaric", "boto3", "flask", "moto", "rich", "uvicorn", "werkzeug")


# --- shared -----------------------------------------------------------------------------------------------------------


def open_evaluator(path: str, dialect: str) -> Evaluator:
    """An evaluator of the project or snapshot at ``path``; diagnostics go to standard error. Raises Trouble."""
    loaded = _load(path, dialect)
    _report(loaded)
    return _evaluator(loaded, path)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything an evaluation says, under its own names."""
    return {name: getattr(evaluation, name) for name in _EVALUATION_FIELDS}


_EVALUATION_FIELDS = (
    "flag_key",
    "value",
    "variant",
    "reason",
    "rule",
    "bucket",
    "error_code",
    "detail",
    "metadata",
    "snapshot_version",
)


def checked_snapshot(path: str, dialect: str) -> bytes:
    """A project's snapshot, or the one at the path; a core loads it. Diagnostics go to standard error. Raises Trouble."""
    loaded = _load(path, dialect)
    _report(loaded)
    _evaluator(loaded, path)
    return _snapshot(loaded, path)


def _load(path: str, dialect: str) -> Loaded:
    check_dialect(dialect)
    return load(path, dialect)


def _report(loaded: Loaded) -> None:
    if loaded.diagnostics:
        print(loaded.rendered(), end="", file=sys.stderr)


def _snapshot(loaded: Loaded, path: str) -> bytes:
    if loaded.snapshot is None:
        raise Trouble(f"{path} doesn't compile")
    return loaded.snapshot


def _evaluator(loaded: Loaded, path: str) -> Evaluator:
    try:
        return Evaluator(_snapshot(loaded, path))
    except SnapshotError as error:
        raise Trouble(f"{path}: {error}") from error


def write_file(target: Path, data: bytes) -> None:
    """Writes the file whole or not at all, so that whoever watches it never reads half of it. Raises Trouble."""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise Trouble(f"{target}: {error.strerror}") from error


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def plural(count: int, noun: str) -> str:
    """``1 flag``, ``2 flags``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
