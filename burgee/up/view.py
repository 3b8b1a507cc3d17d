"""The terminal view of ``burgee up``: what is running, what is published, what has happened last. For ``burgee.up.command``."""

import asyncio
import time
from contextlib import suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from burgee.up.functions import State
from burgee.up.journal import Line
from burgee.up.platform import Platform

DRAW_SECONDS = 0.5
SHOWN_LINES = 6  # with them all fits on 24 lines
SHOWN_DIGITS = 8  # of a position: the last ones


class View:
    """Draws the platform while it is entered; the journal's lines go into the picture meanwhile."""

    def __init__(self, platform: Platform, console: Console | None = None) -> None:
        self._platform = platform
        # Drawn by our own task: a thread of rich's would look at things that are changing.
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        self._drawing: asyncio.Task[None] | None = None
        self._output = platform.journal.output

    async def __aenter__(self) -> None:
        self._platform.journal.output = None
        self._live.start()
        self._drawing = asyncio.create_task(self._draw())

    async def __aexit__(self, *exception: object) -> None:
        self._platform.journal.output = self._output
        if self._drawing is not None:
            self._drawing.cancel()
            with suppress(asyncio.CancelledError):
                await self._drawing
        self._live.stop()

    async def _draw(self) -> None:
        while True:
            self._live.update(picture(self._platform), refresh=True)
            await asyncio.sleep(DRAW_SECONDS)


def picture(platform: Platform) -> RenderableType:
    """The whole view, as of now."""
    states = [function.state for function in platform.functions.values()]
    lines = list(platform.journal.lines)[-SHOWN_LINES:]
    return Group(
        functions(states),
        store(platform),
        mappings(platform),
        failures(platform),
        Text(""),
        *(_line(line) for line in lines),
    )


def functions(states: list[State]) -> Table:
    """A row for each function."""
    table = _table("function", "doing", "sandboxes", "invocations", "errors", "throttled", "cold", "last")
    for state in states:
        doing = {what for _, what, _ in state.sandboxes}
        word = next((word for word in ("busy", "starting", "idle") if word in doing), "asleep")
        last = "" if state.last_duration_ms is None else f"{state.last_duration_ms:.1f} ms"
        counts = (len(state.sandboxes), state.invocations, state.errors, state.throttles, state.cold_starts)
        table.add_row(state.name, word, *map(str, counts), last)
    return table


def store(platform: Platform) -> Text:
    """One line: which version, how old, whether it is held."""
    manifest = platform.published.manifest
    if manifest is None:
        return Text("store     nothing is published yet", style="yellow")
    age = max(0, time.time() - manifest.published_at / 1000)
    text = f"store     version {manifest.version}, {manifest.flags} flags, published {_age(age)} ago ({manifest.kind})"
    if manifest.tombstones:
        text += f", {manifest.tombstones} broken"
    if manifest.held:
        text += ", held until burgee resume"
    style = "yellow" if manifest.held or manifest.tombstones else ""
    return Text(text, style=style)


def mappings(platform: Platform) -> Table:
    """A row for each stream that is read."""
    table = _table("stream", "position", "records", "failed", "given up", "age", "last failure")
    for section, mapping in platform.mappings.items():
        position = ", ".join(one[-SHOWN_DIGITS:] for one in mapping.positions.values()) or "-"
        counts = mapping.counts
        age = f"{mapping.age_seconds:.1f} s" if mapping.positions else ""
        numbers = map(str, (counts.acknowledged, counts.errors, counts.discarded))
        table.add_row(section, position, *numbers, age, counts.last_error[:40])
    return table


def failures(platform: Platform) -> Text:
    """One line: what lies where nothing should be."""
    lying = [f"{depth} in {queue}" for queue, depth in platform.depths.items() if depth]
    return Text(f"failures  {', '.join(lying) or 'none'}", style="red" if lying else "dim")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _line(line: Line) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{line.clock} ", style="dim")
    text.append(f"{line.source:<6} ", style="cyan")
    text.append(line.text)
    return text


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
