"""Results drawn in a terminal: tables, each lift as a stroke beside zero, the lift over time as a field of marks.

For ``burgee.results``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDE = 100  # columns
STROKE = 33  # characters of a stroke; odd, so that zero is in the middle
FIELD_ROWS, FIELD_COLUMNS = 11, 64
COLOURS = {"up": "green", "down": "red", None: ""}
HEADINGS = {"conversion": "conversion", "mean": "mean", "mean per user": "per user"}
BAND, LIFT, ZERO = "░", "●", "─"


class Point(NamedTuple):
    """One look: the lift and, where they are known, its bounds."""

    at_ms: int
    lift: float
    low: float | None
    high: float | None


def show(document: dict[str, Any], metric: str | None = None, console: Console | None = None) -> None:
    """Prints the document, and the lift over time of ``metric`` (None: the first one)."""
    console = console or Console(highlight=False)
    for part in picture(document, metric, console.width):
        console.print(part)


def picture(document: dict[str, Any], metric: str | None = None, width: int = WIDE) -> list[RenderableType]:
    """All of it, from top to bottom. Strokes are drawn where there is room for them."""
    parts: list[RenderableType] = [*_head(document), Text(), _variants(document)]
    for each in document["metrics"]:
        parts += [Text(), _metric(each, width >= WIDE), *_verdicts(each)]
    if document.get("metrics_left_out"):
        parts.append(Text(f"and {document['metrics_left_out']} more metrics", style="dim"))
    chosen = next((each for each in document["metrics"] if metric in (None, each["metric"])), None)
    if chosen is not None:
        for comparison in chosen["comparisons"]:
            parts += _over_time(document, chosen["metric"], comparison["variant"])
    return parts


def _head(document: dict[str, Any]) -> list[Text]:
    about, phase, ratio = document["experiment"], document["phase"], document["sample_ratio"]
    title = Text(visible(about["name"]), style="bold")
    if about["name"] != about["key"]:
        title.append(f"  {visible(about['key'])}", style="dim not bold")
    title.append(f"  {about['status']}", style="cyan not bold")
    since = "no phase has begun"
    if phase is not None:
        since = f"phase {phase['number']} of {len(document['phases'])}, since {_minute(phase['started_at'])} UTC"
    p = _p_value(ratio["p_value"])
    sample = Text(f"sample ratio: {ratio['verdict']} (p {p})", style="bold red" if ratio["mismatch"] else "")
    return [title, Text(f"{since}; as of {_minute(document['as_of'])}", style="dim"), *_source(document), sample]


def _source(document: dict[str, Any]) -> list[Text]:
    """What was read, where it was the archive."""
    if "source" not in document:
        return []
    read = document["source"]
    words = f"every event of {read['archive']} since {_minute(read['since'])} UTC: {read['events']:,} events, each once"
    more = [f"{read['repeated']:,} repeated lines"] * bool(read["repeated"])
    more += [f"{read['in_two_variants']:,} users in two variants"] * bool(read["in_two_variants"])
    return [Text(visible("; ".join([words, *more])), style="dim")]


def visible(text: str) -> str:
    """Without what would move a terminal's cursor: names are other people's."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _variants(document: dict[str, Any]) -> Table:
    expected = document["sample_ratio"]["expected"]
    table = _table(("variant", "left"), ("allocation", "right"), ("exposures", "right"), ("expected", "right"), ("", "left"))
    for each in document["variants"]:
        name, share = each["variant"], each["allocation"]
        mine = f"{expected[name]:,.0f}" if name in expected else "-"
        role = Text("control" if name == document["control"] else "", style="dim")
        table.add_row(Text(visible(name)), f"{share * 100:.4g} %", f"{each['exposures']:,}", mine, role)
    return table


def _metric(metric: dict[str, Any], with_strokes: bool) -> Table:
    """A row for each variant."""
    is_share = metric["kind"] == "conversion"
    compared = {each["variant"]: each for each in metric["comparisons"]}
    reach = _reach(metric["comparisons"])
    table = _table(
        (visible(metric["metric"]), "left"), (HEADINGS.get(metric["kind"], metric["kind"]), "right"), ("lift", "right"),
        ("always valid 95 %", "right"), ("p", "right"),
    )  # fmt: skip
    if with_strokes:
        table.add_column(f"±{reach * 100:.3g} %" if reach else "", justify="center", min_width=STROKE)
    for variant, value in metric["values"].items():
        shown = "-" if value is None else f"{value * 100:.2f} %" if is_share else f"{value:,.4g}"
        each = compared.get(variant)
        lift, bounds, style = None, None, ""
        cells: list[RenderableType] = ["", "", ""]
        if each is not None:
            lift, bounds, style = each["lift"], each["lift_interval"], COLOURS[each["direction"]]
            between = "-" if bounds is None else f"{_percent(bounds[0])} … {_percent(bounds[1])}"
            cells = [Text("-" if lift is None else _percent(lift), style=style), between, _p_value(each["p_value"])]
        strokes = [_stroke(lift, bounds, reach, style)] if with_strokes else []
        table.add_row(Text(visible(variant)), shown, *cells, *strokes)
    return table


def _verdicts(metric: dict[str, Any]) -> list[Text]:
    """In words; the variant's name goes before a verdict that hasn't got it."""
    found = []
    for each in metric["comparisons"]:
        name, verdict = each["variant"], each["verdict"]
        words = verdict if verdict.startswith(name) else f"{name}: {verdict}"
        found.append(Text(visible(words), style=COLOURS[each["direction"]]))
    return found


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, justify in columns:
        is_name = justify == "left" and bool(name)
        table.add_column(
            Text(name),
            justify=justify,
            no_wrap=True,
            min_width=None if is_name else len(name),
            max_width=24 if is_name else None,
        )
    return table


def _percent(value: float) -> str:
    return f"{value * 100:+.1f} %"


def _p_value(value: float | None) -> str:
    return "-" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.2g}"


# --- strokes --------------------------------------------------------------------------------------------------------------


def _reach(comparisons: list[dict[str, Any]]) -> float:
    """How far from zero the strokes of one metric go: 0 where there is nothing to draw."""
    found = [abs(bound) for each in comparisons for bound in each["lift_interval"] or ()]
    found += [abs(each["lift"]) for each in comparisons if each["lift"] is not None and each["lift_interval"] is None]
    return max(found, default=0.0)


def _stroke(lift: float | None, bounds: list[float] | None, reach: float, style: str = "") -> Text:
    """``├───●──┤`` on a line with zero in the middle."""
    middle = STROKE // 2
    cells = [" "] * STROKE
    if reach > 0.0 and lift is not None:

        def place(value: float) -> int:
            return max(0, min(STROKE - 1, round(middle + value / reach * middle)))

        if bounds is not None:
            low, high = place(bounds[0]), place(bounds[1])
            cells[low : high + 1] = ["─"] * (high - low + 1)
            cells[low], cells[high] = "├", "┤"
        cells[middle] = "┼" if cells[middle] == "─" else "│" if cells[middle] == " " else cells[middle]
        cells[place(lift)] = LIFT
    else:
        cells[middle] = "│"
    return Text("".join(cells), style=style)


# --- over time ------------------------------------------------------------------------------------------------------------


def _over_time(document: dict[str, Any], metric: str, variant: str) -> list[RenderableType]:
    """The field of one variant; nothing before there are two looks."""
    points = []
    for look in document.get("history", ()):
        lift, low, high = look["lifts"].get(metric, {}).get(variant, (None, None, None))
        if lift is not None:
            points.append(Point(look["at_ms"], lift, low, high))
    if len(points) < 2:
        return []
    title = Text(visible(f"{variant}: lift of {metric} over time"), style="bold")
    return [Text(), title, *(Text(row) for row in field(points))]


def field(points: list[Point]) -> list[str]:
    """Rows of marks from the highest lift to the lowest: the band, the lift, and zero; then the axis of time."""
    columns = [_at(points, (column + 0.5) / FIELD_COLUMNS) for column in range(FIELD_COLUMNS)]
    low, high = _range(columns)
    step = (high - low) / (FIELD_ROWS - 1)
    zero = round((high - 0.0) / step)
    rows = []
    for row in range(FIELD_ROWS):
        top, bottom = high - (row - 0.5) * step, high - (row + 0.5) * step
        cells = []
        for point in columns:
            mark = ZERO if row == zero else " "
            if point is not None:
                if point.low is not None and point.high is not None and point.low <= top and point.high >= bottom:
                    mark = ZERO if row == zero else BAND
                if bottom <= point.lift < top:
                    mark = LIFT
            cells.append(mark)
        label = "0 %" if row == zero else _percent(high - row * step) if row in (0, FIELD_ROWS - 1) else ""
        rows.append(f"{label:>10} {''.join(cells)}")
    minutes = (points[-1].at_ms - points[0].at_ms) / 60_000
    hours = minutes / 60
    span = f"{minutes:.0f} minutes" if hours < 2 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    return [*rows, f"{'':>10} {'first look':<{FIELD_COLUMNS - len(span) - 1}} {span}"]


def _at(points: list[Point], share: float) -> Point | None:
    """The last look before a moment, which is a share of the time from the first to the last."""
    moment = points[0].at_ms + share * (points[-1].at_ms - points[0].at_ms)
    return next((point for point in reversed(points) if point.at_ms <= moment), None)


def _range(columns: list[Point | None]) -> tuple[float, float]:
    """Zero, the last band and a little more: early bands are as wide as they are uncertain, and are cut off."""
    known = [point for point in columns if point is not None]
    last = known[-1]
    low, high = min(0.0, last.lift), max(0.0, last.lift)
    if last.low is not None and last.high is not None:
        half = (last.high - last.low) / 2
        low, high = min(low, last.low - half), max(high, last.high + half)
    else:
        low, high = min(low, *(point.lift for point in known)), max(high, *(point.lift for point in known))
    return (low, high) if high > low else (-0.01, 0.01)
