"""docs/pictures/fleet.svg: what 10,000 simulated Lambdas ask of their store, and how old their answers are after a publish."""

from typing import Any
from xml.sax.saxutils import escape

from benchmarks.picture import STYLE

WIDTH, LEFT, RIGHT = 860, 64, 28
PLOT_WIDTH = WIDTH - LEFT - RIGHT
MORE = """
  .object { fill: #e0912f } .failed { fill: #c4ccd8 } .shade { fill: #f2f4f7 } .mark { stroke: #1f2430; stroke-width: 1.5 }
  .limit-line { stroke: #b42318; stroke-width: 1.5; stroke-dasharray: 5 4 } .limit-word { fill: #b42318 }
  @media (prefers-color-scheme: dark) {
    .object { fill: #f0b55f } .failed { fill: #475467 } .shade { fill: #161b22 } .mark { stroke: #e6edf3 }
    .limit-line { stroke: #f97066 } .limit-word { fill: #f97066 }
  }
"""
BIN_MS = 100.0

Part = dict[str, Any]


class Axes:
    """One panel: its place, and where its units are."""

    def __init__(self, top: float, height: float, most_x: float, most_y: float) -> None:
        self.top = top
        self.bottom = top + height
        self.most_x = most_x
        self.most_y = most_y

    def x(self, value: float) -> float:
        """From the left edge."""
        return LEFT + min(value, self.most_x) / self.most_x * PLOT_WIDTH

    def y(self, value: float) -> float:
        """From the picture's top."""
        return self.bottom - min(value, self.most_y) / self.most_y * (self.bottom - self.top)

    def grid(self, steps: list[float], unit: str = "") -> list[str]:
        """Horizontal lines, and their figures at the left."""
        parts = []
        for step in steps:
            parts.append(_line(LEFT, self.y(step), WIDTH - RIGHT, self.y(step), "line"))
            parts.append(_text(LEFT - 8, self.y(step) + 4, f"{step:,.0f}{unit}", "dim small", "end"))
        return parts

    def ticks(self, values: list[float], unit: str) -> list[str]:
        """Figures below."""
        return [_text(self.x(value), self.bottom + 18, f"{value:g}{unit}", "dim small", "middle") for value in values]

    def stacked(self, layers: list[tuple[list[int], str]]) -> list[str]:
        """Areas upon each other, a step for each second."""
        parts = []
        below = [0] * len(layers[0][0])
        for layer, kind in layers:
            above = [low + each for low, each in zip(below, layer, strict=True)]
            if any(layer):
                parts.append(f'<path d="{self._outline(below, above)}" class="{kind}"/>')
            below = above
        return parts

    def _outline(self, below: list[int], above: list[int]) -> str:
        there = [f"{self.x(at):.1f} {self.y(value):.1f}" for second, value in enumerate(above) for at in (second, second + 1)]
        back = [
            f"{self.x(at):.1f} {self.y(value):.1f}"
            for second, value in reversed(list(enumerate(below)))
            for at in (second + 1, second)
        ]
        return "M" + " L".join(there + back) + " Z"


def draw(report: dict[str, Part]) -> str:
    """The whole picture; ``report`` as ``simulate_fleet`` keeps it."""
    whole, together = report["whole"], report["together"]
    scenario = whole["scenario"]
    title = f"{scenario['lambdas']:,} Lambdas follow one store: requests a second, and how old answers are"
    note = (
        f"simulated with the real reader: looks every {scenario['refresh_ms'] / 1e3:g} s less 0 to 20 %, "
        f"{scenario['budget_ms']} ms for each; {scenario['requests']:g} requests a second and Lambda"
    )
    height = 700
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}{MORE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="page"/>',
        _text(16, 26, title, "ink title"),
        _text(16, 46, note, "dim small"),
        *_over_time(whole, 104),
        *_staleness(whole, 414),
        *_together(together, 562, scenario["limit"]),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _over_time(part: Part, top: float) -> list[str]:
    scenario = part["scenario"]
    axes = Axes(top, 220, scenario["seconds"], _round_up(max(part["peak"], scenario["limit"])))
    begin, end = scenario["outage"]
    width = axes.x(end) - axes.x(begin)
    parts = [f'<rect x="{axes.x(begin):.1f}" y="{top}" width="{width:.1f}" height="220" class="shade"/>']
    parts += axes.grid([2_000.0 * step for step in range(1, int(axes.most_y / 2_000) + 1)])
    parts += axes.stacked([(part["pointer"], "bar"), (part["object"], "object"), (part["failed"], "failed")])
    parts.append(_line(LEFT, axes.bottom, WIDTH - RIGHT, axes.bottom, "line"))
    parts += _limit(axes, scenario["limit"])
    at = scenario["publishes"][0]
    ramp = scenario["lambdas"] / scenario["burst"] * scenario["burst_s"]
    words = [
        (ramp / 2, f"{scenario['burst']:,} start every {scenario['burst_s']:g} s"),
        (at + 1, f"publish: {part['after publish']:,}/s"),
        ((begin + end) / 2, "the store says nothing"),
    ]
    parts += [_text(axes.x(where), top - 10, text, "ink small", "middle") for where, text in words]
    parts.append(_line(axes.x(at), top - 4, axes.x(at), axes.bottom, "mark"))
    after = f"{part['after outage']:,}/s"
    parts.append(_text(axes.x(end) + 6, axes.y(part["after outage"]) - 22, "after it", "dim small"))
    parts.append(_text(axes.x(end) + 6, axes.y(part["after outage"]) - 8, after, "dim small"))
    parts += axes.ticks([0, 50, 100, 150, 200, 250], " s")
    places = (
        (0, "bar", "pointer, mostly 304"),
        (170, "object", "the new snapshot"),
        (320, "failed", "attempts that came to nothing"),
    )
    for left, kind, text in places:
        parts.append(f'<rect x="{LEFT + left}" y="{axes.bottom + 32}" width="11" height="11" rx="2" class="{kind}"/>')
        parts.append(_text(LEFT + left + 17, axes.bottom + 42, text, "dim small"))
    return parts


def _staleness(part: Part, top: float) -> list[str]:
    scenario, figures, bins = part["scenario"], part["stale ms"], part["stale histogram"]
    bound = (scenario["refresh_ms"] + scenario["budget_ms"]) / 1e3
    axes = Axes(top, 84, 6.0, max(bins) * 1.2)
    parts = [_text(LEFT, top - 10, "After the publish: how long each Lambda may have answered from the version before", "ink")]
    width = PLOT_WIDTH / (axes.most_x * 1e3 / BIN_MS)
    for number, count in enumerate(bins):
        if count and number * BIN_MS < axes.most_x * 1e3:
            left, y = axes.x(number * BIN_MS / 1e3), axes.y(count)
            parts.append(
                f'<rect x="{left:.1f}" y="{y:.1f}" width="{width - 1:.1f}" height="{axes.bottom - y:.1f}" class="bar"/>'
            )
    parts.append(_line(LEFT, axes.bottom, WIDTH - RIGHT, axes.bottom, "line"))
    for name in ("p50", "p99"):
        x = axes.x(figures[name] / 1e3)
        parts.append(_line(x, top + 2, x, axes.bottom + 5, "mark"))
        side, anchor = (-5, "end") if name == "p99" else (5, "start")
        parts.append(_text(x + side, top + 8, f"{name} {figures[name] / 1e3:.1f} s", "ink small", anchor))
    parts.append(_line(axes.x(bound), top - 2, axes.x(bound), axes.bottom + 5, "limit-line"))
    parts.append(_text(axes.x(bound) + 6, top + 30, "refresh + budget", "limit-word small"))
    return parts + axes.ticks([0, 1, 2, 3, 4, 5, 6], " s")


def _together(part: Part, top: float, limit: int) -> list[str]:
    scenario = part["scenario"]
    axes = Axes(top, 100, scenario["seconds"], _round_up(part["peak"]))
    words = "The worst start, all in the same second: looks drift apart by up to 20 % each"
    parts = [_text(LEFT, top - 14, words, "ink")]
    parts += axes.grid([5_000.0 * step for step in range(1, int(axes.most_y / 5_000) + 1)])
    parts += axes.stacked([(part["pointer"], "bar"), (part["object"], "object")])
    parts.append(_line(LEFT, axes.bottom, WIDTH - RIGHT, axes.bottom, "line"))
    return parts + _limit(axes, limit) + axes.ticks([0, 10, 20, 30, 40, 50, 60], " s")


def _limit(axes: Axes, limit: int) -> list[str]:
    y = axes.y(limit)
    return [
        _line(LEFT, y, WIDTH - RIGHT, y, "limit-line"),
        _text(WIDTH - RIGHT, y - 5, f"S3, one prefix: {limit:,}/s", "limit-word small", "end"),
    ]


def _round_up(value: float, to: int = 2_000) -> float:
    return float((int(value * 1.04) // to + 1) * to)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
