"""``burgee up``: reads the project, runs the platform, shows it, and ends it at Ctrl-C. For ``burgee.commands``."""

import asyncio
import json
import shlex
import signal
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from urllib.parse import quote

from burgee.listening import address_of, listen
from burgee.project import load
from burgee.up import seed
from burgee.up.journal import Journal
from burgee.up.platform import Options, Platform
from burgee.up.resources import STORE
from burgee.up.view import View
from config_sync.sources.items import RawItem
from handlers.ofrep import FLAGS_PATH


@dataclass(frozen=True)
class Wish:
    """The command's arguments. Port 0: any free one. ``refresh_ms``: how long the edge may answer without a look."""

    path: str
    host: str
    port: int
    aws_port: int
    refresh_ms: int
    view: bool


def up(wish: Wish) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. Raises Trouble when something doesn't start or breaks off."""
    loaded = load(wish.path, "native")
    if loaded.diagnostics:
        print(loaded.rendered(), end="", file=sys.stderr, flush=True)
    items = seed.read(wish.path)
    listen(wish.host, wish.aws_port, "--aws-port").close()  # a taken port is found out before anything is started
    listener = listen(wish.host, wish.port)
    try:
        options = Options(listener, wish.host, wish.aws_port, wish.refresh_ms, items)
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
    journal = Journal()
    platform = Platform(options, journal)
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
        f"Ask:\n  {_curl(address, key)}",
        f"Speak with its AWS from another terminal:\n  export {exports}",
    ]
    if key is not None:
        lines.append(f"Change {key} there; the answer follows within {_seconds(wish.refresh_ms)} s:\n{_flip(platform, key)}")
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


def _curl(address: str, key: str | None) -> str:
    path = FLAGS_PATH if key is None else f"{FLAGS_PATH}/{quote(key, safe='')}"
    body = json.dumps({"context": {"targetingKey": "user-1"}})
    return f"curl -s {shlex.quote(address + path)} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
