"""The architecture as a picture, drawn from the tables: docs/pictures/architecture.svg (``python -m scripts.deployment``).

Who may do what is an arrow; nobody draws one by hand. Only the places are chosen here, and a function or store without a
place fails. No CDK here.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Literal, NamedTuple

from infra import functions as names
from infra.alarms import ALARMS
from infra.functions import CONFIGURATION, FUNCTIONS, Function
from infra.stores import QUEUES, TABLES

WIDTH, HEIGHT = 1200, 912
CARD, CARD_HEIGHT = 216, 118
STORE, STORE_HEIGHT = 180, 80
COLUMNS = (78, 300, 572, 838, 1086)
ROWS = (190, 366, 542, 718)

Kind = Literal["table", "bucket", "stream", "database"]
Verb = Literal["wakes", "reads", "writes", "both"]


class Place(NamedTuple):
    """A column and a row; halves of rows are between them."""

    column: int
    row: float

    @property
    def x(self) -> float:
        return COLUMNS[self.column]

    @property
    def y(self) -> float:
        low = int(self.row)
        return ROWS[low] + (self.row - low) * (ROWS[1] - ROWS[0])


class Store(NamedTuple):
    """A store, or several that are one in the picture."""

    place: Place
    kind: Kind
    title: str
    line: str


FUNCTION_PLACES = {
    "flags": Place(1, 0),
    "assignments": Place(1, 1),
    "ingest": Place(1, 2),
    "results": Place(1, 3),
    "sync": Place(3, 0),
    "mirror": Place(3, 1),
    "events": Place(3, 2.5),
}
_TABLE = {table.name: table for table in TABLES}
STORES = {
    CONFIGURATION[0]: Store(Place(4, 0), "table", "four tables", ", ".join(CONFIGURATION)),
    names.SNAPSHOTS: Store(Place(2, 0), "bucket", "snapshots", "versions, compiled"),
    names.ASSIGNMENTS: Store(Place(2, 1), "table", "assignments", " + ".join(_TABLE[names.ASSIGNMENTS].keys)),
    names.STREAM: Store(Place(2, 2), "stream", "events", "by user_id, in order"),
    names.COUNTERS: Store(Place(2, 3), "table", "counters", "hours, days, phases"),
    names.LAKE: Store(Place(4, 2.5), "bucket", "lake", "year= month= day= hour="),
    names.DATABASE: Store(Place(4, 1), "database", "PostgreSQL", "if it is asked for"),
}
CALLERS = {"flags": "your programs", "assignments": "your programs", "ingest": "your programs", "results": "people"}
_QUEUES = {queue.name for queue in QUEUES}
_WRITES = (":Put", ":Update", ":Delete", ":Send")


def draw() -> str:
    """The whole picture."""
    parts = [*_edges(), *(_card(row) for row in FUNCTIONS), *map(_store, STORES.values()), *_callers(), *_frame()]
    return "\n".join([_HEAD, *parts, "</svg>", ""])


# --- arrows --------------------------------------------------------------------------------------------------------------


def arrows() -> dict[tuple[str, str], Verb]:
    """(function, store) -> what the table of functions says about the two. Queues are in the cards, keys nowhere."""
    found: dict[tuple[str, str], Verb] = {}
    for row in FUNCTIONS:
        woken = {_shown(source.store) for source in row.sources}
        for need in row.permissions:
            if need.store in _QUEUES or need.store == names.SIGNING_KEY:
                continue  # a key is no data
            pair = row.name, _shown(need.store)
            verb: Verb = "reads"
            if pair[1] == names.DATABASE:
                verb = "writes"  # the permission is on its password
            elif pair[1] in woken:
                verb = "wakes"
            elif any(sign in action for action in need.actions for sign in _WRITES):
                verb = "both" if any(":Get" in action or ":Query" in action for action in need.actions) else "writes"
            before = found.get(pair)
            found[pair] = verb if before is None or before == "reads" or verb in ("wakes", "both") else before
    return found


def _shown(store: str) -> str:
    return CONFIGURATION[0] if store in CONFIGURATION else store


def _edges() -> Iterator[str]:
    for (function, store), verb in arrows().items():
        start, end = FUNCTION_PLACES[function], STORES[store].place
        if store == names.SNAPSHOTS and verb == "reads" and abs(start.row - end.row) > 1:
            continue  # a mark in the card says it
        yield _edge(start, end, verb)
    for row in FUNCTIONS:
        if row.url:
            place = FUNCTION_PLACES[row.name]
            left, right = COLUMNS[0] + 52, place.x - CARD / 2
            yield f'<path d="M{left} {place.y} H{right - 3:.0f}" class="edge wakes" marker-end="url(#wakes)"/>'
            label = "IAM" if row.url == "iam" else "key"
            yield _text((left + right) / 2, place.y - 7, label, "dim small", "middle")


def _edge(function: Place, store: Place, verb: Verb) -> str:
    """A curve from the function's side to the store's; its head is where data go."""
    is_right = store.x > function.x
    side = 1 if is_right else -1
    x1, x2 = function.x + side * CARD / 2, store.x - side * STORE / 2
    # Several meet at one card: they leave it apart from one another, in the order of where they go.
    lean = max(-1.0, min(1.0, store.row - function.row))
    y1, y2 = function.y + lean * CARD_HEIGHT * 0.28, store.y - lean * STORE_HEIGHT * 0.24
    if verb in ("wakes", "reads"):
        x1, y1, x2, y2 = x2, y2, x1, y1
    gap = 4 if x2 > x1 else -4
    middle = (x1 + x2) / 2
    heads = f' marker-end="url(#{verb})"' + (f' marker-start="url(#{verb})"' if verb == "both" else "")
    start = x1 + (gap if verb == "both" else 0)
    return (
        f'<path d="M{start:.0f} {y1:.0f} C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2 - gap:.0f} {y2:.0f}" '
        f'class="edge {verb}"{heads}/>'
    )


# --- boxes ---------------------------------------------------------------------------------------------------------------


def _card(row: Function) -> str:
    place = FUNCTION_PLACES[row.name]
    left, top = place.x - CARD / 2, place.y - CARD_HEIGHT / 2
    figures = [f"{row.memory_mb:,} MB".replace(",", " "), f"{row.timeout_s} s"]
    if row.p99_ms:
        figures.append(f"p99 {row.p99_ms} ms")
    if row.start != "plain":
        figures.append({"snap-start": "SnapStart", "provisioned": "warm"}[row.start])
    dashes = ' stroke-dasharray="5 4"' if row.optional else ""
    lines = [
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{CARD}" height="{CARD_HEIGHT}" rx="10" class="card"{dashes}/>',
        f'<rect x="{left:.0f}" y="{top + 14:.0f}" width="4" height="{CARD_HEIGHT - 28}" rx="2" class="bar"/>',
        _text(left + 16, top + 25, row.name, "ink title"),
    ]
    marks = [("1/min", "mark")] if row.every_minutes == 1 else []
    if any(need.store == names.SNAPSHOTS and "s3:PutObject" not in need.actions for need in row.needs) and row.name != "sync":
        marks.append(("follows", "mark amber"))
    right = left + CARD - 12
    for text, kind in reversed(marks):
        width = 6.1 * len(text) + 14
        lines.append(
            f'<rect x="{right - width:.1f}" y="{top + 88:.0f}" width="{width:.1f}" height="19" rx="9.5" class="{kind}"/>'
        )
        lines.append(_text(right - width / 2, top + 101.5, text, "chip", "middle"))
        right -= width + 6
    lines += [_text(left + 16, top + 44 + 15 * number, text, "dim") for number, text in enumerate(_wrapped(row.what, 29))]
    lines.append(_text(left + 16, top + 81, " · ".join(figures), "small ink"))
    if queues := _queues(row):
        lines.append(_text(left + 16, top + 102, f"▸ {queues}", "small red"))
    return "\n".join(lines)


def _queues(row: Function) -> str:
    """Where it puts what it can't finish, without what the function's own name says already."""
    found = dict.fromkeys(need.store for need in row.permissions if need.store in _QUEUES)
    return ", ".join(
        name.removeprefix(f"{row.name}-").removeprefix("config-sync-").removeprefix("assignment-mirror-") for name in found
    )


def _store(store: Store) -> str:
    left, top = store.place.x - STORE / 2, store.place.y - STORE_HEIGHT / 2
    lines = _wrapped(store.line, 20)
    first = store.place.y + (7 if len(lines) > 1 else 14)
    return "\n".join([
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{STORE}" height="{STORE_HEIGHT}" rx="10" class="store {store.kind}"/>',
        _icon(store.kind, left + 28, store.place.y),
        _text(left + 52, store.place.y - (9 if len(lines) > 1 else 3), store.title, "ink bold"),
        *(_text(left + 52, first + 14 * number, text, "small dim") for number, text in enumerate(lines)),
    ])  # fmt: skip


def _icon(kind: Kind, x: float, y: float) -> str:
    if kind == "bucket":
        shape = f"M{x - 12} {y - 11} h24 l-4 22 h-16 z M{x - 11} {y - 4} h22"
    elif kind == "stream":
        waves = (f"M{x - 13} {y + shift} q6.5 -7 13 0 t13 0" for shift in (-8, 0, 8))
        shape = " ".join(waves)
    else:
        ring = f"M{x - 12} {y - 9} a12 4.5 0 0 1 24 0 a12 4.5 0 0 1 -24 0"
        shape = f"{ring} v18 a12 4.5 0 0 0 24 0 v-18 M{x - 12} {y} a12 4.5 0 0 0 24 0"
    return f'<path d="{shape}" class="icon {kind}"/>'


def _callers() -> Iterator[str]:
    rows = [row for row in FUNCTIONS if row.url]
    for row in rows:
        place = FUNCTION_PLACES[row.name]
        yield f'<circle cx="{COLUMNS[0]}" cy="{place.y - 14:.0f}" r="9" class="caller"/>'
        yield f'<path d="M{COLUMNS[0] - 16} {place.y + 14:.0f} a16 15 0 0 1 32 0 z" class="caller"/>'
        yield _text(COLUMNS[0], place.y + 32, CALLERS[row.name], "small dim", "middle")
    tables = STORES[CONFIGURATION[0]].place
    yield _text(tables.x, tables.y - STORE_HEIGHT / 2 - 30, "people change flags here", "small dim", "middle")
    top = tables.y - STORE_HEIGHT / 2
    yield f'<path d="M{tables.x} {top - 24:.0f} V{top - 4:.0f}" class="edge writes" marker-end="url(#writes)"/>'


def _frame() -> Iterator[str]:
    yield _text(24, 38, "Burgee on AWS", "ink head")
    warm = sum(row.url is not None for row in FUNCTIONS)
    yield _text(
        24,
        62,
        f"{len(FUNCTIONS)} functions on arm64, {warm} with a URL; every arrow is a permission of the table of functions",
        "dim",
    )
    x = 24.0
    for verb, text in (("wakes", "wakes"), ("reads", "is read by"), ("writes", "writes"), ("both", "reads and writes")):
        yield f'<path d="M{x + 4:.0f} 86 h34" class="edge {verb}" marker-end="url(#{verb})"/>'
        yield _text(x + 50, 90, text, "small dim")
        x += 74 + 6.4 * len(text)
    yield f'<rect x="{x:.0f}" y="77" width="57" height="19" rx="9.5" class="mark amber"/>'
    yield _text(x + 28.5, 90.5, "follows", "chip", "middle")
    yield _text(x + 66, 90, "looks at the snapshots every five seconds", "small dim")
    yield _text(x + 320, 90, "▸ the queues for what can't be finished", "small red")
    base = HEIGHT - 92
    yield f'<rect x="24" y="{base}" width="{WIDTH - 48}" height="64" rx="10" class="strip"/>'
    drawn = [alarm for alarm in ALARMS if not alarm.of_api]
    entries = len({alarm.runbook for alarm in drawn})
    told = f"{len(drawn)} alarms on what these functions, their stream and {len(QUEUES)} queues say"
    yield _text(44, base + 27, told, "ink bold")
    yield _text(44, base + 47, f"one topic tells them; {entries} runbook entries say what to do", "dim")
    yield _text(WIDTH - 44, base + 27, "dashboard · saved queries · budget", "ink bold", "end")
    yield _text(WIDTH - 44, base + 47, "new versions: a tenth of the traffic, and back when an alarm comes", "dim", "end")


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _wrapped(words: str, most: int) -> list[str]:
    """At most two lines."""
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > most and len(lines) < 2:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _marker(verb: str) -> str:
    return (
        f'<marker id="{verb}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 1 L9 5 L0 9 z" class="tip {verb}"/></marker>'
    )


_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">
<title>Burgee on AWS: functions, stores, and who may do what</title>
<style>
  .page {{ fill: #ffffff }} .ink {{ fill: #1f2430 }} .dim {{ fill: #667085 }} .red {{ fill: #b42318 }}
  .card {{ fill: #f6f9fd; stroke: #9bb8d8; stroke-width: 1.2 }} .bar {{ fill: #3b6ea8 }}
  .strip {{ fill: #f7f7f9; stroke: #d0d5dd }}
  .store {{ fill: #ffffff; stroke-width: 1.4 }} .icon {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
  .table {{ stroke: #2f855a }} .bucket {{ stroke: #b7791f }} .stream {{ stroke: #7c3aed }}
  .database {{ stroke: #475467; stroke-dasharray: 5 4 }}
  .icon.database {{ stroke-dasharray: none }} .caller {{ fill: #98a2b3 }}
  .edge {{ fill: none; stroke-width: 1.8 }} .edge.wakes {{ stroke: #3b6ea8; stroke-width: 2.4 }}
  .edge.reads {{ stroke: #98a2b3; stroke-dasharray: 5 4 }}
  .edge.writes {{ stroke: #1f2430 }} .edge.both {{ stroke: #2f855a }}
  .tip.wakes {{ fill: #3b6ea8 }} .tip.reads {{ fill: #98a2b3 }} .tip.writes {{ fill: #1f2430 }} .tip.both {{ fill: #2f855a }}
  .mark {{ fill: #e4ecf6 }} .mark.amber {{ fill: #fbeed3 }} .chip {{ fill: #344054; font-size: 11px }}
  text {{ font: 13px system-ui, sans-serif }} .head {{ font-size: 22px; font-weight: 650 }}
  .title {{ font-size: 16px; font-weight: 650 }}
  .bold {{ font-weight: 600 }} text.small {{ font-size: 11.5px }} text.chip {{ font-size: 11px }}
  @media (prefers-color-scheme: dark) {{
    .page {{ fill: #0d1117 }} .ink {{ fill: #e6edf3 }} .dim {{ fill: #9aa4b2 }} .red {{ fill: #f97066 }}
    .card {{ fill: #131c28; stroke: #35506f }} .bar {{ fill: #6aa3e0 }} .strip {{ fill: #151b23; stroke: #30363d }}
    .store {{ fill: #0d1117 }} .table {{ stroke: #56b98a }} .bucket {{ stroke: #e0a94a }} .stream {{ stroke: #a98bf5 }}
    .database {{ stroke: #9aa4b2 }}
    .edge.wakes {{ stroke: #6aa3e0 }} .edge.writes {{ stroke: #e6edf3 }} .edge.both {{ stroke: #56b98a }}
    .tip.wakes {{ fill: #6aa3e0 }} .tip.writes {{ fill: #e6edf3 }} .tip.both {{ fill: #56b98a }}
    .mark {{ fill: #22344a }} .mark.amber {{ fill: #4a3a18 }} .chip {{ fill: #e6edf3 }} .caller {{ fill: #667085 }}
  }}
</style>
<defs>{"".join(map(_marker, ("wakes", "reads", "writes", "both")))}</defs>
<rect width="{WIDTH}" height="{HEIGHT}" class="page"/>"""
