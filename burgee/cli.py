"""The ``burgee`` command: its arguments, and which function each command calls.

Exit codes: 0 done; 1 it found errors or couldn't be done; 2 it was called wrongly. Answers go to standard output, everything
else to standard error.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from burgee import bundle, commands, convert, diff, redrive, releases, replay, results, shadow, simulate
from burgee.project import add_dialect
from burgee.trouble import Trouble


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. argparse itself exits with 2 on wrong arguments."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except Trouble as trouble:
        print(f"burgee: {trouble}", file=sys.stderr)
        return trouble.exit_code
    except BrokenPipeError:  # the reader (`head`, a closed pager) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="burgee", description="Feature flags and experiments, compiled ahead of time.")
    add = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_compiler_commands(add)
    _add_question_commands(add)
    diff.add_command(add)
    shadow.add_command(add)
    convert.add_command(add)
    bundle.add_command(add)
    _add_serve(add)
    releases.add_commands(add)
    replay.add_command(add)
    results.add_command(add)
    redrive.add_command(add)
    simulate.add_command(add)
    _add_up(add)
    _add_migrate(add)
    _add_openapi(add)
    return parser


_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def _add_compiler_commands(add: "_Commands[argparse.ArgumentParser]") -> None:
    check = add.add_parser("check", help="say what is wrong with a project; exit 1 on an error")
    _add_path(check, "a file or directory of flags")
    check.set_defaults(run=commands.check)

    compile_ = add.add_parser("compile", help="compile a project into a snapshot")
    _add_path(compile_, "a file or directory of flags")
    compile_.add_argument("-o", "--output", metavar="FILE", required=True, help="where the snapshot goes")
    compile_.add_argument("--strict", action="store_true", help="write nothing and exit 1 if a flag has an error")
    compile_.set_defaults(run=commands.compile_)

    disasm = add.add_parser("disasm", help="print a snapshot readably")
    _add_path(disasm, "a snapshot, or a project to compile first")
    disasm.set_defaults(run=commands.disasm)


def _add_question_commands(add: "_Commands[argparse.ArgumentParser]") -> None:
    evaluate = add.add_parser("evaluate", help="evaluate one flag or all of them; prints one JSON document")
    _add_path(evaluate, "a project or a snapshot")
    evaluate.add_argument("key", metavar="KEY", nargs="?", help="the flag")
    evaluate.add_argument("--all", action="store_true", help="every flag: an object by flag key")
    _add_context(evaluate)
    evaluate.set_defaults(run=commands.evaluate)

    explain = add.add_parser("explain", help="show how a flag came to its answer")
    _add_path(explain, "a project or a snapshot")
    explain.add_argument("key", metavar="KEY", help="the flag")
    _add_context(explain)
    explain.add_argument("--json", action="store_true", help="print one JSON document")
    explain.set_defaults(run=commands.explain)


def _add_serve(add: "_Commands[argparse.ArgumentParser]") -> None:
    serve = add.add_parser("serve", help="answer OFREP on this machine, following changes of PATH")
    _add_path(serve, "a project or a snapshot")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=_port, default=8080, help="the port (default: %(default)s; 0: any free one)")
    serve.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="an origin whose pages may read the answers (CORS); may be given several times, '*' is everyone",
    )
    serve.set_defaults(run=commands.serve)


def _add_up(add: "_Commands[argparse.ArgumentParser]") -> None:
    up = add.add_parser("up", help="run the whole platform on this machine: tables, functions, store and endpoint")
    up.add_argument(
        "path", metavar="PATH", nargs="?", default="examples/", help="the project to begin with (default: %(default)s)"
    )
    up.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    up.add_argument(
        "--port", type=_port, default=8080, help="the evaluation URL's port (default: %(default)s; 0: any free one)"
    )
    up.add_argument(
        "--aws-port", type=_port, default=8081, help="the embedded AWS's port (default: %(default)s; 0: any free one)"
    )
    up.add_argument(
        "--refresh-ms", metavar="MS", type=_milliseconds, default=5_000,
        help="how long the edge may answer without a look at the store (default: %(default)s)",
    )  # fmt: skip
    up.add_argument("--no-view", action="store_true", help="print lines instead of drawing, also on a terminal")
    up.add_argument("--lines", metavar="FILE", help="add every line of JSON that a function writes to this file, as it is")
    up.set_defaults(run=commands.up)


def _add_migrate(add: "_Commands[argparse.ArgumentParser]") -> None:
    migrate = add.add_parser("migrate", help="bring a PostgreSQL database's tables up to this version")
    migrate.add_argument(
        "--database", metavar="URL", help="postgresql://user@host/name (default: DATABASE_URL or DATABASE_SECRET_ID)"
    )
    migrate.set_defaults(run=commands.migrate)


def _add_openapi(add: "_Commands[argparse.ArgumentParser]") -> None:
    openapi = add.add_parser("openapi", help="print the edge endpoints as an OpenAPI document")
    openapi.set_defaults(run=commands.openapi)


def _add_path(parser: argparse.ArgumentParser, meaning: str) -> None:
    parser.add_argument("path", metavar="PATH", help=meaning)
    add_dialect(parser)


def _add_context(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--context",
        metavar="JSON",
        default="{}",
        help="the evaluation context; @FILE reads it from a file, - from standard input",
    )
    _add_now(parser)


def _add_now(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--now", metavar="MS", type=float, help="evaluate at this time, epoch milliseconds (default: the clock)"
    )


def _milliseconds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 86_400_000:
        raise argparse.ArgumentTypeError("between 1 and 86400000 milliseconds")
    return value


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is between 0 and 65535")
    return port
