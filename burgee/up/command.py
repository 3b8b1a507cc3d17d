"""``burgee up``: reads the project, runs the platform, shows it, and ends it at Ctrl-C. For ``burgee.commands``."""

import asyncio
import json
import os
import shlex
import signal
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TextIO
from urllib.parse import quote

from burgee.listening import address_of, listen
from burgee.project import load
from burgee.trouble import Trouble
from burgee.up import seed
from burgee.up.journal import Journal
from burgee.up.platform import Options, Platform
from burgee.up.resources import STORE
from burgee.up.view import View
from config_sync.sources.items import RawItem
from handlers._ofrep import FLAGS_PATH
from handlers.assignments import PATHS as ASSIGN_PATHS
from handlers.flags import BATCH_PATH, EVALUATE_PATH

EVENTS_PATH = "/events"


@dataclass(frozen=True)
class Wish:
    """The command's arguments. Port 0: any free one. ``refresh_ms``: how long the edge may answer without a look.

    ``lines``: the file that structured lines are added to, None for none.
    """

    path: str
    host: str
    port: int
    aws_port: int
    refresh_ms: int
    view: bool
    lines: str | None = None


def up(wish: Wish) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. Raises Trouble when something doesn't start or breaks off."""
    loaded = load(wish.path, "native")
    if loaded.diagnostics:
        print(loaded.rendered(), end="", file=sys.stderr, flush=True)
    items = seed.read(wish.path)
    listen(wish.host, wish.aws_port, "--aws-port").close()  # a taken port is found out before anything is started
    listener = listen(wish.host, wish.port)
    try:
        database = os.environ.get("DATABASE_URL", "")
        options = Options(listener, wish.host, wish.aws_port, wish.refresh_ms, items, database)
        return asyncio.run(_up(wish, options))
    finally:
        listener.close()


async def _up(wish: Wish, options: Options) -> int:
    """Everything after the arguments are known to be good. The first signal ends it in order."""
    loop = asyncio.get_running_loop()
    main = asyncio.create_task(_run(wish, options))
    ending: list[int] = []

    def end(number: int) -> None:
        if not ending:  # a second one must not interrupt the tidying up, which takes a second or two
            ending.append(number)
            main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    with suppress(asyncio.CancelledError):
        await main
    print("Stopped.", flush=True)
    return 0


async def _run(wish: Wish, options: Options) -> None:
    with_view = wish.view and sys.stdout.isatty()
    with _copy(wish.lines) as copy:
        await _run_with(wish, Platform(options, Journal(copy=copy)), with_view)


def _copy(path: str | None) -> AbstractContextManager[TextIO | None]:
    """The file, to be added to, line by line. Raises Trouble."""
    if path is None:
        return nullcontext()
    try:
        return open(path, "a", buffering=1, encoding="utf-8")
    except OSError as error:
        raise Trouble(f"--lines {path}: {error.strerror}") from error


async def _run_with(wish: Wish, platform: Platform, with_view: bool) -> None:
    print(f"Starting the platform with {wish.path} ...", flush=True)
    async with platform.running():
        print(greeting(wish, platform), flush=True)
        failed = asyncio.create_task(platform.failed())
        try:
            async with View(platform) if with_view else nullcontext():
                raise await failed
        finally:
            failed.cancel()


def greeting(wish: Wish, platform: Platform) -> str:
    """What to do with it now, ready to paste."""
    address = address_of(wish.host, platform.options.listener)
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in platform.cloud.settings.items())
    key = _key_to_flip(platform.options.items)
    lines = [
        f"Burgee is up: {wish.path} at {address}, its AWS at {platform.cloud.endpoint}",
        "Ask:",
        *(f"  {line}" for line in _curls(address, platform.options.items, key)),
        f"Speak with its AWS from another terminal:\n  export {exports}",
    ]
    if key is not None:
        lines.append(f"Change {key} there; the answer follows within {_seconds(wish.refresh_ms)} s:\n{_flip(platform, key)}")
    if experiments := sorted(platform.options.items.get("experiments", []), key=_seclusion):
        name = shlex.quote(str(experiments[0]["key"]["S"]))
        lines.append(f"Send made-up users through {name}, and see how it does:")
        lines += [f"  burgee {command} {name} --url {address}" for command in ("simulate", "results")]
    lines.append(f"See what was published:\n  burgee history --store {STORE}")
    lines.append("Ctrl-C stops it and leaves nothing behind.")
    return "\n".join(lines)


def _seconds(refresh_ms: int) -> str:
    return f"{refresh_ms / 1000 + 1:g}"


def _key_to_flip(items: dict[str, list[RawItem]]) -> str | None:
    """The first flag in the native form whose ``default`` is "on" or "off": the easiest thing to change."""
    for item in items.get("flags", []):
        if item.get("default", {}).get("S") in ("on", "off") and "rules" not in item:
            return str(item["key"]["S"])
    return None


def _flip(platform: Platform, key: str) -> str:
    """The change as a line for the AWS command line, and as one for Python."""
    table = platform.resources.tables.flags
    item = next(item for item in platform.options.items["flags"] if item["key"]["S"] == key)
    value = "off" if item["default"]["S"] == "on" else "on"
    where, names, values = {"key": {"S": key}}, {"#default": "default"}, {":value": {"S": value}}
    expression = "SET #default = :value"
    command = [
        *("aws", "dynamodb", "update-item", "--table-name", table, "--key", json.dumps(where)),
        *("--update-expression", expression, "--expression-attribute-names", json.dumps(names)),
        *("--expression-attribute-values", json.dumps(values)),
    ]
    call = (
        f'import boto3; boto3.client("dynamodb").update_item(TableName="{table}", Key={json.dumps(where)}, '
        f'UpdateExpression="{expression}", ExpressionAttributeNames={json.dumps(names)}, '
        f"ExpressionAttributeValues={json.dumps(values)})"
    )
    return f"  {shlex.join(command)}\n  {shlex.join([sys.executable, '-c', call])}"


def _curls(address: str, items: dict[str, list[RawItem]], key: str | None) -> list[str]:
    """A command for each endpoint: OFREP (one flag, or all), whether a flag is on, a batch, an assignment, an event,
    what an experiment has found.
    """
    path = FLAGS_PATH if key is None else f"{FLAGS_PATH}/{quote(key, safe='')}"
    made = [_post(address + path, {"context": {"targetingKey": "user-1"}})]
    keys = [str(item["key"]["S"]) for item in items.get("flags", [])]
    if keys:
        query = f"user_id=user-1&flag_key={quote(key or keys[0], safe='')}"
        made.append(f"curl -s {shlex.quote(f'{address}{EVALUATE_PATH}?{query}')}")
        made.append(_post(address + BATCH_PATH, {"user_id": "user-1", "flag_keys": keys[:3]}))
    for item in sorted(items.get("experiments", []), key=_seclusion)[:1]:
        name = str(item["key"]["S"])
        path = quote(name, safe="")
        query = f"user_id=user-1&experiment_key={path}"
        made.append(f"curl -s {shlex.quote(f'{address}{ASSIGN_PATHS[0]}?{query}')}")
        made.append(_post(address + EVENTS_PATH, _event(item)))
        made.append(f"curl -s {shlex.quote(f'{address}/experiments/{path}/results')}")
    return made


def _event(experiment: RawItem) -> dict[str, object]:
    """A purchase by the user of the other commands."""
    found: dict[str, object] = {"event_type": "purchase", "user_id": "user-1", "properties": {"revenue": 19.9}}
    number = experiment.get("experiment_id", {}).get("S")
    return found if number is None else found | {"experiment_id": str(number)}


def _seclusion(item: RawItem) -> tuple[bool, bool]:
    """Sorts experiments by how likely it is that a user without attributes is in one."""
    return item.get("status", {}).get("S") != "active", "targeting_rules" in item


def _post(url: str, body: object) -> str:
    return f"curl -s {shlex.quote(url)} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
