"""``burgee diff``: what a change does to the flags, and to users. For ``burgee.cli``."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from burgee.commands import checked_snapshot, print_json
from burgee.contexts import read_contexts
from burgee.project import add_dialect
from burgee.releases import read_version, version_in
from config_sync.diff import changes_text, compare, impact, impact_text
from config_sync.samples import USERS, sample_users


def diff(options: argparse.Namespace) -> int:
    """Prints what differs between two projects or snapshots, and who changes variant from what to what: of the given users,
    else of made up ones."""
    old, new = _side(options.old, options.old_dialect, options), _side(options.new, options.new_dialect, options)
    changes = compare(old, new)
    moved = impact(old, new, users(options, [old, new]), options.now)
    if options.json:
        print_json(msgspec.to_builtins({"changes": changes, "impact": moved}))
    else:
        print(f"{changes_text(changes)}\n\n{impact_text(moved)}")
    return 0


def users(options: argparse.Namespace, snapshots: list[bytes]) -> Iterable[Mapping[str, Any]]:
    """The contexts of ``--contexts``, or ``--users`` many that the snapshots' own questions suggest."""
    return sample_users(snapshots, options.users) if options.contexts is None else read_contexts(options.contexts)


def _side(name: str, dialect: str | None, options: argparse.Namespace) -> bytes:
    """One side of a diff: a path; where there is a store, ``v12`` or ``12`` is a version (``./12`` is still a path)."""
    version = None if options.store is None else version_in(name)
    return checked_snapshot(name, dialect or options.dialect) if version is None else read_version(options.store, version)


def add_users(parser: argparse.ArgumentParser) -> None:
    """The options that say which users a comparison is about."""
    parser.add_argument("--contexts", metavar="FILE", help="users to try: a JSON array of contexts, or one context a line")
    parser.add_argument(
        "--users",
        metavar="N",
        type=_count,
        help=f"how many users to make up without --contexts (default: {USERS}, fewer for many flags)",
    )
    parser.add_argument("--now", metavar="MS", type=float, help="ask at this time, epoch milliseconds (default: the clock)")


def add_command(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = add.add_parser("diff", help="what a change does: to the flags, and to users")
    parser.add_argument("old", metavar="OLD", help="a project or a snapshot; with --store also a version, such as v12")
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("--store", metavar="STORE", help="where versions are: s3://bucket/prefix or a directory")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_users(parser)
    add_dialect(parser)
    parser.add_argument("--old-dialect", metavar="NAME", help="what OLD is written in, if not the same")
    parser.add_argument("--new-dialect", metavar="NAME", help="what NEW is written in, if not the same")
    parser.set_defaults(run=diff)


def _count(text: str) -> int:
    count = int(text)
    if not 0 <= count <= 1_000_000:
        raise argparse.ArgumentTypeError("between 0 and 1000000 users")
    return count
