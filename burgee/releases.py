"""The commands about versions in a store: publish, history, rollback, resume. Arguments in, exit code out. For ``burgee.cli``.

What a command alone needs is imported inside it, so that the others start without it.
"""

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burgee.project import add_dialect, check_dialect, is_snapshot, load
from burgee.trouble import Trouble, UsageError
from config_sync.compile import CompileResult, compile_project
from config_sync.diagnostics import Diagnostics
from config_sync.render import render
from config_sync.store import Store, open_store
from evaluator import Evaluator
from evaluator.errors import BurgeeError

if TYPE_CHECKING:
    from config_sync.publish import Limits
    from config_sync.release import Release
    from config_sync.signing import Signer
    from evaluator.snapshot.manifest import Envelope, Manifest

STORE = "BURGEE_STORE"
KEY = "BURGEE_SIGNING_KEY"
_VERSION = re.compile(r"v?([0-9]{1,10})")
_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def add_commands(add: "_Commands[argparse.ArgumentParser]") -> None:
    """Tells argparse about them."""
    made = add.add_parser("publish", help="compile a project and make it the store's next version")
    made.add_argument("path", metavar="PATH", help="a project or a snapshot")
    add_dialect(made)
    _add_writing(made)
    made.add_argument("--force", action="store_true", help="publish whatever the gate says, and end a hold")
    made.add_argument("--strict", action="store_true", help="publish nothing if a flag has an error")
    made.add_argument("--max-moved", metavar="SHARE", type=_share, help="share of sampled answers that may change (0 to 1)")
    made.add_argument("--max-shrink", metavar="SHARE", type=_share, help="share of flags or bytes that may go (0 to 1)")
    made.set_defaults(run=publish)

    told = add.add_parser("history", help="list a store's versions, newest first")
    _add_store(told)
    told.add_argument("-n", metavar="N", type=_count, default=20, help="how many (default: %(default)s)")
    told.add_argument("--json", action="store_true", help="print one JSON document")
    told.set_defaults(run=history)

    back = add.add_parser("rollback", help="make an earlier version's content the next version, and hold the sync")
    back.add_argument("version", metavar="VERSION", nargs="?", type=_version, help="default: the last one with other content")
    _add_writing(back)
    back.set_defaults(run=rollback)

    again = add.add_parser("resume", help="let the sync go on after a rollback")
    _add_writing(again)
    again.set_defaults(run=resume)


def publish(options: argparse.Namespace) -> int:
    """Publishes; 1 when nothing was, unless there was nothing new."""
    from config_sync import release

    check_dialect(options.dialect)
    if not Path(options.path).exists():
        raise UsageError(f"{options.path}: no such file or directory")
    with _troubles():
        store, signer = _store(options), _signer(options)
        given = {"limits": _limits(options), "force": options.force, "signer": signer, "message": options.message}
        done = release.publish(store, lambda: _build(options), **given)
    print(render(done.diagnostics), end="", file=sys.stderr)
    return _say(done, store)


def rollback(options: argparse.Namespace) -> int:
    """Rolls back and says how the sync goes on."""
    from config_sync import release

    with _troubles():
        store = _store(options)
        done = release.rollback(store, options.version, message=options.message, signer=_signer(options))
    code = _say(done, store)
    if code == 0 and done.manifest is not None:
        print(f"it has the content of version {done.manifest.of}. The sync is held: nothing is published until")
        print(f"  burgee resume --store {shlex.quote(store.url)}")
    return code


def resume(options: argparse.Namespace) -> int:
    """Ends a hold."""
    from config_sync import release

    with _troubles():
        store = _store(options)
        done = release.resume(store, message=options.message, signer=_signer(options))
    code = _say(done, store)
    if done.status == "published":
        print("the sync goes on: it publishes what the source holds when it next runs")
    return code


def history(options: argparse.Namespace) -> int:
    """Prints the versions, one a line; the first is the one that is served."""
    from config_sync.versions import history as versions

    with _troubles():
        store = _store(options)
        found = versions(store, options.n)
        if options.json:
            print(json.dumps([_as_json(envelope) for envelope in found], ensure_ascii=False, indent=2))
            return 0
        is_empty = True
        for envelope in found:
            is_empty = False
            print(_line(envelope.manifest))
    if is_empty:
        print(f"{store.url}: nothing is published there")
    return 0


def version_in(text: str) -> int | None:
    """The number in ``v12`` or ``12``; None for anything else."""
    match = _VERSION.fullmatch(text)
    return None if match is None else int(match[1])


def read_version(url: str, version: int) -> bytes:
    """A version's snapshot, checked. Raises Trouble."""
    from config_sync.versions import fetch

    with _troubles():
        _, snapshot = fetch(open_store(url), version)
        Evaluator(snapshot)
    return snapshot


# --- what is printed --------------------------------------------------------------------------------------------------


def _say(done: "Release", store: Store) -> int:
    """Prints what became of it, and gives the exit code."""
    if done.status == "published":
        assert done.manifest is not None
        for reason in done.reasons:
            print(f"burgee: forced: {reason}", file=sys.stderr)
        print(f"{store.url}: {_told(done.manifest)}")
        return 0
    for reason in done.reasons:
        print(f"burgee: {done.status}: {reason}", file=sys.stderr)
    if done.status == "refused":
        print("burgee: nothing was published; --force publishes it all the same", file=sys.stderr)
    if done.status == "unchanged":
        print(f"{store.url}: unchanged, version {done.version} has this content")
    return 0 if done.status == "unchanged" else 1


def _told(manifest: "Manifest") -> str:
    broken = f", {manifest.tombstones} of them with errors" if manifest.tombstones else ""
    flags = f"{manifest.flags} flag{'' if manifest.flags == 1 else 's'}{broken}"
    return f"version {manifest.version}, {flags}, {manifest.size} bytes, sha256 {manifest.object}"


def _line(manifest: "Manifest") -> str:
    kind = f"rollback to {manifest.of}" if manifest.of else manifest.kind
    what = f"{kind}{', held' if manifest.held else ''}"
    flags = f"{manifest.flags} flags" + (f", {manifest.tombstones} broken" if manifest.tombstones else "")
    when = _instant(manifest.published_at)
    return f"{manifest.version:>6}  {when}  {manifest.object[:12]}  {flags}  {what}  {_one_line(manifest.message)}".rstrip()


def _one_line(text: str) -> str:
    """A message may hold anything; a terminal shall show it, not obey it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _instant(epoch_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(epoch_ms // 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return str(epoch_ms)


def _as_json(envelope: "Envelope") -> dict[str, Any]:
    document = json.loads(envelope.payload)
    return {**document, "name": envelope.name, "signed_by": sorted(envelope.signatures)}


# --- arguments --------------------------------------------------------------------------------------------------------


def _add_store(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get(STORE) or None
    told = f"s3://bucket/prefix or a directory (default: ${STORE})"
    parser.add_argument("--store", metavar="STORE", default=default, required=default is None, help=told)


def _add_writing(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("--message", "-m", metavar="TEXT", default="", help="why; kept with the version")
    key = os.environ.get(KEY) or None
    parser.add_argument("--key", metavar="PEM", default=key, help=f"Ed25519 private key to sign with (default: ${KEY})")


def _store(options: argparse.Namespace) -> Store:
    return open_store(options.store)


def _signer(options: argparse.Namespace) -> "Signer | None":
    if options.key is None:
        return None
    from config_sync.signing import Signer

    return Signer.from_file(options.key)


def _limits(options: argparse.Namespace) -> "Limits":
    """A limit that somebody states has no exceptions."""
    from config_sync.publish import Limits

    given: dict[str, Any] = {}
    if options.max_moved is not None:
        given |= {"max_moved": options.max_moved, "spare_flags": 0}
    if options.max_shrink is not None:
        given |= {"max_shrink": options.max_shrink, "spare_removed": 0, "spare_bytes": 0}
    return Limits(**given)


def _build(options: argparse.Namespace) -> CompileResult:
    place = Path(options.path)
    try:
        if is_snapshot(place):
            return CompileResult(load(options.path, options.dialect).snapshot, Diagnostics())
    except OSError as error:
        raise UsageError(f"{options.path}: {error.strerror}") from error
    result = compile_project(place, dialect=options.dialect)
    return CompileResult(None, result.diagnostics) if options.strict and result.has_errors else result


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share is between 0 and 1")
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _version(text: str) -> int:
    version = version_in(text)
    if version is None:
        raise argparse.ArgumentTypeError("a version is a number, such as 12 or v12")
    return version


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except BurgeeError as error:
        raise Trouble(str(error)) from error
    except ModuleNotFoundError as error:
        raise Trouble(f"this needs the package {error.name}: pip install 'burgee[publish]'") from error
