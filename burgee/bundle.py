"""``burgee bundle``: what one user gets of every flag, evaluated ahead, for a page that can't wait or mustn't know the rules.

The payload is the answer of the OFREP endpoint for all flags (docs/bundle.md), so that its clients can begin with it. Rules,
segments, salts and other variants aren't in it: they never were in an answer. For ``burgee.cli``.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from burgee.commands import open_evaluator, plural, write_file
from burgee.contexts import read_context, read_contexts
from burgee.project import add_dialect
from burgee.trouble import UsageError
from evaluator import Evaluator
from handlers._context import read_context as read_body
from handlers._ofrep import entity_tag

# JSON inside a page's <script>: none of these can end the element, begin a comment, or end a line of older JavaScript.
_IN_PAGES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def bundle(options: argparse.Namespace) -> int:
    """Writes one payload, or one a line for a file of contexts."""
    if (options.context is None) == (options.contexts is None):
        raise UsageError("bundle takes --context or --contexts")
    evaluator = open_evaluator(options.path, options.dialect)
    _check_keys(evaluator, options.key)
    asked: Iterable[dict[str, Any]] = (
        read_contexts(options.contexts) if options.context is None else [read_context(options.context)]
    )
    lines = [payload(evaluator, context, options.now, options.key, options.metadata) for context in asked]
    text = "".join(f"{line}\n" for line in lines)
    if options.output is None:
        print(text, end="")
    else:
        write_file(Path(options.output), text.encode())
        print(f"{options.output}: {plural(len(lines), 'bundle')}, {len(text.encode())} bytes")
    return 0


def payload(
    evaluator: Evaluator, context: dict[str, Any], now: float | None, keys: list[str] | None = None, metadata: bool = True
) -> str:
    """One user's payload: the endpoint's body with its tag and the snapshot's version beside ``flags``. Raises UsageError for a
    context that the endpoint would refuse."""
    seen = read_body(json.dumps({"context": context}).encode())
    if isinstance(seen, str):
        raise UsageError(f"the endpoint would refuse this context: {seen}")
    body = evaluator.evaluate_all_json(seen, now)
    document = json.loads(body)
    flags = document["flags"] if keys is None else [item for item in document["flags"] if item["key"] in keys]
    if not metadata:
        document.pop("metadata", None)
        flags = [{name: part for name, part in item.items() if name != "metadata"} for item in flags]
    version = evaluator.snapshot_version
    document |= {"flags": flags, "etag": entity_tag(version, seen, body), "snapshotVersion": version}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).translate(_IN_PAGES)


def _check_keys(evaluator: Evaluator, keys: list[str] | None) -> None:
    unknown = sorted(set(keys or ()) - set(evaluator.flag_keys()))
    if unknown:
        raise UsageError(f"there is no flag {unknown[0]!r}")


def add_command(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = add.add_parser("bundle", help="evaluate every flag for a user, as a payload for web clients without any rules")
    parser.add_argument("path", metavar="PATH", help="a project or a snapshot")
    add_dialect(parser)
    parser.add_argument("-c", "--context", metavar="JSON", help="the user; @FILE reads it from a file, - from standard input")
    parser.add_argument(
        "--contexts", metavar="FILE", help="several users, a payload a line: a JSON array, or one context a line"
    )
    parser.add_argument("--key", metavar="KEY", action="append", help="only this flag; may be given several times")
    parser.add_argument("--no-metadata", dest="metadata", action="store_false", help="leave the flags' metadata out")
    parser.add_argument(
        "--now", metavar="MS", type=float, help="evaluate at this time, epoch milliseconds (default: the clock)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where the payload goes (default: standard output)")
    parser.set_defaults(run=bundle)
