"""``burgee convert``: another dialect's flags as native YAML, and the proof that nobody gets another variant.

For ``burgee.cli``.
"""

import argparse
import sys
from pathlib import Path

from burgee.commands import plural, write_file
from burgee.diff import add_users, users
from burgee.project import check_dialect
from burgee.trouble import Trouble
from config_sync.convert import convert_project
from config_sync.convert.proof import prove
from config_sync.detect import AUTO
from config_sync.diagnostics import ERROR
from config_sync.render import render


def convert(options: argparse.Namespace) -> int:
    """Writes the native project; tells on standard error who moves. 1 if anybody does: then nothing is written."""
    check_dialect(options.dialect)
    converted = convert_project(options.path, options.dialect)
    print(render(tuple(converted.original.diagnostics)), end="", file=sys.stderr)
    old, result = converted.original.snapshot, converted.result
    if old is None or converted.text is None:
        raise Trouble(f"{options.path} doesn't compile")
    new = None if result is None else result.snapshot
    if new is None:
        raise Trouble(f"{options.path}: what it was converted into doesn't compile; nothing was written")
    proof = prove(old, new, users(options, [old, new]), options.now)
    print(proof.text(), file=sys.stderr)
    if not proof.holds:
        raise Trouble(f"{options.path}: converted, it would answer differently; nothing was written")
    _deliver(options.output, converted.text)
    broken = sum(item.severity == ERROR for item in converted.original.diagnostics)
    if broken:
        said = f"{plural(broken, 'error')} in the original; a flag that has one is written as what is left of it"
        print(said, file=sys.stderr)
    return 0


def _deliver(output: str | None, text: str) -> None:
    if output is None:
        print(text, end="")
    else:
        write_file(Path(output), text.encode())


def add_command(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = add.add_parser("convert", help="write another dialect's flags in the native one, so that nobody changes variant")
    parser.add_argument("path", metavar="PATH", help="a file or directory of flags")
    parser.add_argument(
        "--from", dest="dialect", metavar="NAME", default=AUTO, help="what they are written in (default: told from them)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where the YAML goes (default: standard output)")
    add_users(parser)
    parser.set_defaults(run=convert)
