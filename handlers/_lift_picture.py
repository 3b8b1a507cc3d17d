"""The lift over time as an SVG, by hand: a line for each variant, and the band that always holds the truth.

For ``handlers.results``. A function of the document and the looks that were kept; it asks nobody. Texts that people chose are
escaped and cut.
"""

from __future__ import annotations

from calendar import timegm
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

from handlers._results import MIN_USERS, MIN_VALUES, MOMENT, TOO_FEW, UP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from handlers._results_store import Look

    Point = tuple[int, float, float | None, float | None]  # epoch milliseconds, lift, its bounds

WIDTH, LEFT, RIGHT, TOP = 860, 76, 196, 98
PANEL, GAP, BELOW = 176, 52, 34
MARGIN = 24
MAX_PANELS = 8
MINUS = "\N{MINUS SIGN}"
MAX_TEXT, MAX_VERDICT = 48, 76
SETTLED = 4  # the first fourth of the looks doesn't stretch the axis: its bands are as wide as they are uncertain
STRETCH = 2.5  # nor does anything that is so many half-widths of the last band away
STYLE = """
  .page { fill: #ffffff } .ink { fill: #1f2430 } .dim { fill: #667085 } .grid { stroke: #eaecf0; stroke-width: 1 }
  .zero { stroke: #475467; stroke-width: 1.5 } .band { fill: #3b6ea8; fill-opacity: 0.16 }
  .edge, .lift { fill: none; stroke-linejoin: round; stroke-linecap: round }
  .edge { stroke: #3b6ea8; stroke-opacity: 0.45; stroke-width: 1 } .lift { stroke: #2f5d94; stroke-width: 2.2 }
  .dot { fill: #2f5d94; stroke: #ffffff; stroke-width: 2 } .up { fill: #067647 } .down, .alarm { fill: #b42318 }
  text { font: 13px system-ui, sans-serif } .title { font-size: 17px; font-weight: 600 } .small { font-size: 12px }
  .name { font-weight: 600 } .figure { font-size: 20px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .ink { fill: #e6edf3 } .dim { fill: #9aa4b2 } .grid { stroke: #21262d } .zero { stroke: #9aa4b2 }
    .band { fill: #6aa3e0; fill-opacity: 0.2 } .edge { stroke: #6aa3e0 } .lift { stroke: #8ab8ea }
    .dot { fill: #8ab8ea; stroke: #0d1117 } .up { fill: #47cd89 } .down, .alarm { fill: #f97066 }
  }
"""


class _Axis(NamedTuple):
    """From values to places: ``low`` is at ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def draw(document: dict[str, Any], looks: Sequence[Look], metric: str | None) -> str:
    """The whole picture of one metric of the document, None for an experiment that has none yet. ``looks``: oldest first."""
    found = next((each for each in document["metrics"] if each["metric"] == metric), None)
    compared = [] if found is None else found["comparisons"][:MAX_PANELS]
    height = TOP + (len(compared) * (PANEL + GAP) or GAP) + BELOW
    name = document["experiment"]["name"]
    title = f"{cut(name)}: lift of {cut(metric)}" if metric else f"{cut(name)}: nothing to compare yet"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="page"/>',
        _text(MARGIN, 30, title, "ink title"),
        _text(MARGIN, 52, _subtitle(document), "dim small"),
    ]
    if document["sample_ratio"]["mismatch"]:
        parts.append(_text(WIDTH - MARGIN, 30, "sample ratio mismatch: not to be trusted", "alarm name", "end"))
    axis = _time_axis(document, looks)
    for number, comparison in enumerate(compared):
        top = TOP + number * (PANEL + GAP)
        parts += _panel(comparison, found["kind"] if found else "", axis, looks, metric or "", top)
    bottom = TOP + len(compared) * (PANEL + GAP) - GAP
    if compared:
        parts += _time_ticks(axis, bottom)
    else:
        parts.append(_text(MARGIN, TOP + 4, "No variant has had an event yet.", "dim"))
    note = "line: variant over control, less 1 · band: holds the truth at all looks at once, in 95 of 100 experiments · UTC"
    parts += [_text(MARGIN, height - 14, note, "dim small"), "</svg>"]
    return "\n".join(parts) + "\n"


def cut(text: str, most: int = MAX_TEXT) -> str:
    """Visible characters only (XML has no others), and not more than a title has room for."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else "?" for each in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def percent(value: float, digits: int = 1) -> str:
    """``+4.2 %``, with a real minus sign."""
    text = f"{value * 100:+,.{digits}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS) + " %"


def _subtitle(document: dict[str, Any]) -> str:
    phase = document["phase"]
    if phase is None:
        return "no phase has begun"
    users = sum(document["sample_ratio"]["observed"].values())
    shares = ", ".join(f"{cut(name)} {share * 100:.3g} %" for name, share in list(phase["allocation"].items())[:6])
    since = phase["started_at"].replace("T", " ")[:16]
    return f"phase {phase['number']} since {since} · {users:,} users · {shares}"


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


# --- one variant --------------------------------------------------------------------------------------------------------


def _panel(comparison: dict[str, Any], kind: str, axis: _Axis, looks: Sequence[Look], metric: str, top: float) -> list[str]:
    variant = comparison["variant"]
    points = _points(looks, metric, variant)
    parts = [_text(LEFT, top - 10, cut(variant), "ink name")]
    parts += _figures(comparison, kind, top)
    scale = _lift_axis(points, top)
    for value in _ticks(scale.low, scale.high, 5):
        parts.append(_line(LEFT, scale(value), WIDTH - RIGHT, scale(value), "grid"))
        parts.append(_text(LEFT - 8, scale(value) + 4, percent(value, _digits(scale)), "dim small", "end"))
    identity = f"panel{top:.0f}"
    width = WIDTH - LEFT - RIGHT
    parts.append(f'<clipPath id="{identity}"><rect x="{LEFT}" y="{top}" width="{width}" height="{PANEL}"/></clipPath>')
    parts.append(f'<g clip-path="url(#{identity})">')
    for run in _runs(points):
        parts += _band([(axis(at), scale(low), scale(high)) for at, low, high in run])
    if len(points) > 1:
        parts.append(f'<path d="{_path([(axis(point[0]), scale(point[1])) for point in points])}" class="lift"/>')
    parts.append("</g>")
    if scale.holds(0.0):
        parts.append(_line(LEFT, scale(0.0), WIDTH - RIGHT, scale(0.0), "zero"))
    if points and scale.holds(points[-1][1]):
        parts.append(f'<circle cx="{axis(points[-1][0]):.1f}" cy="{scale(points[-1][1]):.1f}" r="5" class="dot"/>')
    return parts


def _figures(comparison: dict[str, Any], kind: str, top: float) -> list[str]:
    """Beside the panel: the lift as it is now, its bounds, and the verdict in words."""
    x = WIDTH - RIGHT + 20
    direction, lift, bounds = comparison["direction"], comparison["lift"], comparison["lift_interval"]
    colour = "ink" if direction is None else "up" if direction == UP else "down"
    parts = [_text(x, top + 62, "–" if lift is None else percent(lift), f"{colour} figure")]
    if bounds is not None:
        parts.append(_text(x, top + 84, f"{percent(bounds[0])} to {percent(bounds[1])}", "dim small"))
    lines = _wrapped(cut(comparison["verdict"], MAX_VERDICT))
    parts += [_text(x, top + 110 + 16 * row, line, "ink small") for row, line in enumerate(lines)]
    if comparison["verdict"] == TOO_FEW:
        needs = f"at least {MIN_USERS} users" if kind == "conversion" else f"at least {MIN_VALUES} values"
        parts.append(_text(x, top + 126, f"{needs} each", "dim small"))
    return parts


def _wrapped(words: str, room: int = 26) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()[:room]
    return lines[:3]


def _points(looks: Sequence[Look], metric: str, variant: str) -> list[Point]:
    found: list[Point] = []
    for look in looks:
        lift, low, high = look.lifts.get(metric, {}).get(variant, (None, None, None))
        if lift is not None:
            found.append((look.at_ms, lift, low, high))
    return found


def _runs(points: Sequence[Point]) -> Iterator[list[tuple[int, float, float]]]:
    """Stretches of looks that have bounds."""
    run: list[tuple[int, float, float]] = []
    for at, _, low, high in points:
        if low is None or high is None:
            if run:
                yield run
            run = []
        else:
            run.append((at, low, high))
    if run:
        yield run


def _band(run: Sequence[tuple[float, float, float]]) -> list[str]:
    if len(run) == 1:  # one look: a stroke instead of an area
        x, low, high = run[0]
        return [f'<rect x="{x - 3:.1f}" y="{high:.1f}" width="6" height="{low - high:.1f}" class="band"/>']
    above, below = [(x, high) for x, _, high in run], [(x, low) for x, low, _ in run]
    area = f"{_path(above)} L{_path(below[::-1])[1:]} Z"
    return [f'<path d="{area}" class="band"/>', *(f'<path d="{_path(side)}" class="edge"/>' for side in (above, below))]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f},{max(-9999.0, min(9999.0, y)):.1f}" for x, y in points)


# --- axes ---------------------------------------------------------------------------------------------------------------


def _lift_axis(points: Sequence[Point], top: float) -> _Axis:
    """Wide enough for zero, the last band, and what the settled looks said."""
    low, high = -0.01, 0.01
    settled = points[len(points) // SETTLED :]
    if settled:
        _, lift, *last = settled[-1]
        known = [value for point in settled for value in point[1:] if value is not None]
        low, high = min(0.0, *known), max(0.0, *known)
        if last[0] is not None and last[1] is not None:
            reach = STRETCH * (last[1] - last[0]) / 2
            low, high = max(low, min(0.0, lift - reach)), min(high, max(0.0, lift + reach))
    room = 0.08 * (high - low) or 0.01
    return _Axis(low - room, high + room, top + PANEL, top)


def _digits(axis: _Axis) -> int:
    spread = (axis.high - axis.low) * 100
    return 0 if spread >= 5 else 1 if spread >= 0.5 else 2


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round values between them: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = 10.0 ** len(str(int(1 / raw))) if raw < 1 else 1.0
    step = next((size / power for size in (1, 2, 5, 10, 20, 50, 100) if size / power >= raw), raw)
    first = int(low / step) - 1
    return [number * step for number in range(first, first + 4 * about) if low <= number * step <= high]


def _time_axis(document: dict[str, Any], looks: Sequence[Look]) -> _Axis:
    """From the phase's start, or the first look if that was earlier, to the last look."""
    moments = [look.at_ms for look in looks] or [0]
    if document["phase"] is not None:
        moments.append(timegm(strptime(document["phase"]["started_at"], MOMENT)) * 1_000)
    first, last = min(moments), max(moments)
    return _Axis(first, max(last, first + 60_000), LEFT, WIDTH - RIGHT)


_STEPS_S = (
    60,
    300,
    900,
    1_800,
    3_600,
    10_800,
    21_600,
    43_200,
    86_400,
    2 * 86_400,
    3 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
)


def _time_ticks(axis: _Axis, bottom: float) -> list[str]:
    span = (axis.high - axis.low) / 1_000
    step = next((size for size in _STEPS_S if span / size <= 7), _STEPS_S[-1] * 7)
    pattern = "%H:%M" if step < 21_600 else "%-d %b %H:%M" if step < 86_400 else "%-d %b"
    parts, at = [], (int(axis.low / 1_000) // step + 1) * step
    while at * 1_000 <= axis.high:
        words = strftime(pattern, gmtime(at))
        x = axis(at * 1_000)
        parts += [_line(x, bottom, x, bottom + 5, "zero"), _text(x, bottom + 20, words, "dim small", "middle")]
        at += step
    return parts
