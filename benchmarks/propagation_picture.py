"""The picture of docs/local-platform.md: how long changes take to be seen, a histogram a run. For bench_propagation."""

from typing import Any
from xml.sax.saxutils import escape

from benchmarks.picture import STYLE

WIDTH, LEFT, RIGHT, TOP, PLOT, GAP = 860, 60, 30, 64, 130, 62
BINS = 48


def draw(runs: list[dict[str, Any]]) -> str:
    """The whole picture; ``runs`` as ``bench_propagation.summary`` makes them."""
    height = TOP + (PLOT + GAP) * len(runs) + 10
    title = "From a write to the table to the first new answer of the evaluation URL"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="page"/>',
        _text(16, 26, title, "ink title"),
        _text(
            16,
            46,
            "burgee up on one machine; dark marks: p50 and p99; red line: the refresh interval plus a second",
            "dim small",
        ),
    ]
    for number, run in enumerate(runs):
        parts += _histogram(run, TOP + number * (PLOT + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _histogram(run: dict[str, Any], top: float) -> list[str]:
    limit: float = run["p99_limit"]
    right: float = max(limit, run["max"]) * 1.02
    width = right / BINS
    counts = [0] * BINS
    for value in run["milliseconds"]:
        counts[min(BINS - 1, int(value / width))] += 1
    bottom = top + PLOT
    scale = (PLOT - 24) / max(counts)

    def x(value: float) -> float:
        return LEFT + value / right * (WIDTH - LEFT - RIGHT)

    words = "refresh {refresh_ms} ms, {writes} writes: p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, max {max} ms".format(**run)
    parts = [_text(LEFT, top + 12, words)]
    for place, count in enumerate(counts):
        if count:
            parts.append(_bar(x(place * width), bottom, x(width) - LEFT - 1, count * scale))
    parts.append(f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}" class="line"/>')
    parts += [_upright(x(run[name]), bottom - 10, bottom + 6, "limit") for name in ("p50", "p99")]
    parts.append(_upright(x(limit), top + 20, bottom + 6, "floor"))
    step = 1000 if right > 3000 else 250
    parts += [
        _text(x(value), bottom + 20, f"{value / 1000:g} s", "dim small", "middle") for value in range(0, int(right), step)
    ]
    return parts


def _bar(left: float, bottom: float, width: float, height: float) -> str:
    return f'<rect x="{left:.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}" class="bar"/>'


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _upright(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" class="{kind}"/>'
