"""The picture of docs/performance.md: latencies under an open load, a histogram a run on one logarithmic axis."""

import math
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.histogram import Histogram
from benchmarks.picture import STYLE

WIDTH, LEFT, RIGHT, TOP, PLOT, GAP = 860, 60, 30, 64, 84, 44
BINS = 96
LEAST, MOST = 30e3, 300e6  # nanoseconds at the ends of the axis
TICKS = ((100e3, "0.1 ms"), (1e6, "1 ms"), (10e6, "10 ms"), (100e6, "100 ms"))


def draw(runs: list[dict[str, Any]]) -> str:
    """The whole picture; ``runs`` as ``bench_load`` keeps them."""
    height = TOP + (PLOT + GAP) * len(runs) + 6
    title = "Latency from the moment a request was due, requests arriving at random"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="page"/>',
        _text(16, 26, title, "ink title"),
        _text(16, 46, "open model, Poisson arrivals; dark marks: p50, p99 and p99.9; the axis is logarithmic", "dim small"),
    ]
    for number, run in enumerate(runs):
        parts += _histogram(run, TOP + number * (PLOT + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _histogram(run: dict[str, Any], top: float) -> list[str]:
    histogram = Histogram.of(run["histogram"])
    counts = [0] * BINS
    for least, count in histogram.buckets():
        counts[_bin(least)] += count
    bottom, scale = top + PLOT, (PLOT - 24) / max(counts)
    words = "{name}, {rate:g}/s: p50 {p50 ms:g} ms, p99 {p99 ms:g} ms, p99.9 {nines:g} ms, max {max ms:g} ms"
    parts = [_text(LEFT, top + 12, words.format(**run, nines=run["p99.9 ms"]))]
    width = (WIDTH - LEFT - RIGHT) / BINS
    for place, count in enumerate(counts):
        if count:
            left, high = LEFT + place * width, max(1.0, count * scale)
            size = f'width="{width - 1:.1f}" height="{high:.1f}"'
            parts.append(f'<rect x="{left:.1f}" y="{bottom - high:.1f}" {size} class="bar"/>')
    parts.append(f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}" class="line"/>')
    for percent in (50, 99, 99.9):
        x = _x(histogram.percentile(percent))
        parts.append(f'<line x1="{x:.1f}" y1="{bottom - 10}" x2="{x:.1f}" y2="{bottom + 6}" class="limit"/>')
    parts += [_text(_x(value), bottom + 20, label, "dim small", "middle") for value, label in TICKS]
    return parts


def _share(nanoseconds: float) -> float:
    """Where on the axis, from 0 to 1."""
    share = math.log(max(nanoseconds, LEAST) / LEAST) / math.log(MOST / LEAST)
    return min(share, 1.0)


def _bin(nanoseconds: float) -> int:
    return min(BINS - 1, int(_share(nanoseconds) * BINS))


def _x(nanoseconds: float) -> float:
    return LEFT + _share(nanoseconds) * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
