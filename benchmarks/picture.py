"""The README's picture, written by hand as SVG: each case's cost as a share of its floor's. Used by ``benchmarks.report``."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 250, 190, 64, 30
SCALE_TO = 1.5  # the right end of the axis, in floors
STYLE = """
  .page { fill: #ffffff } .ink { fill: #1f2430 } .dim { fill: #667085 } .line { stroke: #d0d5dd; stroke-width: 1 }
  .bar { fill: #3b6ea8 } .floor { stroke: #b42318; stroke-width: 2 } .limit { stroke: #1f2430; stroke-width: 2 }
  text { font: 13px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 } .small { font-size: 12px }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .ink { fill: #e6edf3 } .dim { fill: #9aa4b2 } .line { stroke: #30363d } .bar { fill: #6aa3e0 }
    .floor { stroke: #f97066 } .limit { stroke: #e6edf3 }
  }
"""


@dataclass
class Bar:
    """One row: a ratio to the floor, the figure to write beside it, and the budget's ratio if there is one."""

    label: str
    ratio: float
    figure: str
    limit: float | None = None


def _x(ratio: float) -> float:
    return LEFT + min(ratio, SCALE_TO) / SCALE_TO * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _upright(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" class="{kind}"/>'


def _row(number: int, bar: Bar) -> list[str]:
    top = TOP + number * ROW
    parts = [
        _text(LEFT - 10, top + 19, bar.label, "ink", "end"),
        f'<rect x="{LEFT}" y="{top + 5}" width="{_x(bar.ratio) - LEFT:.1f}" height="{ROW - 10}" rx="2" class="bar"/>',
        _text(WIDTH - RIGHT + 10, top + 19, bar.figure, "dim small"),
    ]
    if bar.limit is not None:
        parts.append(_upright(_x(bar.limit), top + 3, top + ROW - 3, "limit"))
    return parts


def draw(title: str, note: str, bars: list[Bar]) -> str:
    """The whole picture."""
    bottom = TOP + ROW * len(bars)
    height = bottom + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="page"/>',
        _text(16, 26, title, "ink title"),
        _text(16, 46, note, "dim small"),
    ]
    for step in range(int(SCALE_TO / 0.25) + 1):
        ratio = step * 0.25
        parts += [
            _upright(_x(ratio), TOP, bottom, "line"),
            _text(_x(ratio), bottom + 18, f"{ratio:g}", "dim small", "middle"),
        ]
    for number, bar in enumerate(bars):
        parts += _row(number, bar)
    parts += [
        _upright(_x(1), TOP - 4, bottom + 4, "floor"),
        _text(LEFT, bottom + 40, "red line: the same work written by hand in Cython;  dark mark: the budget", "dim small"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
