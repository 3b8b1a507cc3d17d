"""Measures the edge functions and ``burgee serve``, writes the results, the picture, and the table of docs/performance.md.

Results go to ``benchmarks/results/edge-<machine>.json``; the table and docs/pictures/latency.svg are made from that file alone
(``--from FILE`` does only this). It takes about four minutes. ``python -m benchmarks.edge_report``
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import bench_assignment, bench_edge, bench_load, bench_serve
from benchmarks.latency_picture import draw
from benchmarks.report import RESULTS, ROOT, label, machine

PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- edge figures: made by python -m benchmarks.edge_report -->", "<!-- end of edge figures -->")

Report = dict[str, Any]


def run() -> Report:
    """Everything, measured now."""
    return {
        "machine": machine(),
        "edge": bench_edge.run(),
        "assignment": bench_assignment.run(),
        "serve": bench_serve.run(),
        "load": bench_load.run(),
    }


def markdown(report: Report) -> str:
    """The table, and the line that says on what machine."""
    of = report["machine"]
    rows = [*_edge(report["edge"]), *_assignment(report["assignment"]), *_serve(report["serve"]), *_load(report["load"])]
    where = f"{of['processor']}, {of['architecture']}, {of['processors']} shared processors, CPython {of['python']}"
    head = ["| what | measured | bar |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", f"{where}, {of['date']}: `benchmarks/results/edge-{label(of)}.json`."])


def _edge(found: Report) -> list[str]:
    rows = []
    for kind, row in found["pipe"]["latency"].items():
        bars = ", ".join(f"{name.removesuffix(' us')} ≤ {bar:g} µs" for name, bar in bench_edge.BARS.get(kind, {}).items())
        figures = f"p50 {row['p50 us']:.1f} µs, p99 {row['p99 us']:.1f} µs; {row['p50 over no-op']:.0f} × the no-op's p50"
        rows.append(f"| event → response, {kind} | {figures} | {bars} |")
    null, piped = (_batch_over_bulk(found[sink]["latency"]) for sink in ("null", "pipe"))
    shares = f"{null:.1f} ×; {piped:.1f} × with its lines into the pipe"
    rows.append(f"| the batch over the bulk answer, lines to the null device | {shares} | ≤ {bench_edge.BATCH_BAR:g} × |")
    asleep = found["pipe"]["latency"]["POST one flag"]["asleep p50 us"]
    rows.append(f"| event → response, POST one flag, the process asleep before it | p50 {asleep:.1f} µs | |")
    soak = found["soak"]
    rows.append(
        f"| {soak['evaluations']:,} evaluations: growth of resident memory | {max(0, soak['growth']):.1%} "
        f"of {soak['resident MB before']:.0f} MB | < {soak['bar']:.0%} |"
    )
    return rows


def _batch_over_bulk(latency: Report) -> float:
    share: float = latency[bench_edge.BATCH]["p50 us"] / latency[bench_edge.BULK]["p50 us"]
    return share


def _assignment(found: Report) -> list[str]:
    store, bars = found["store ms"], found["bars"]
    first = (
        f"p50 {found['first p50 ms']:.2f} ms, p99 {found['first p99 ms']:.2f} ms, {found['calls of a first assignment']:g} call"
    )
    bare = f"p50 {found['a bare call p50 ms']:.2f} ms, p99 {found['a bare call p99 ms']:.2f} ms"
    repeated = f"p50 {found['repeated p50 us']:.0f} µs, {found['calls of a repeated one']:g} calls"
    return [
        f"| a first assignment, store of {store:g} ms a call | {first} | p99 ≤ {bars['first p99 ms']:g} ms, 1 call |",
        f"| the same call from a bare socket | {bare} | |",
        f"| the same assignment again | {repeated} | 0 calls |",
    ]


def _serve(found: Report) -> list[str]:
    figures = f"{found['requests/s']:,}/s; {found['requests/s of processor time']:,} a second of its processor time"
    what = f"`burgee serve`, OFREP bulk of {found['flags']}, one processor, {found['client']}"
    return [f"| {what} | {figures} | ≥ {found['bar']:,.0f}/s |"]


def _load(found: Report) -> list[str]:
    pairs = found["paired"]
    added = f"{pairs['over no-op us']:.0f} µs over a no-op's {pairs['no-op p50 us']:.0f} µs"
    own = f"{pairs['its own processor time us']:.0f} µs"
    rows = [
        f"| warm round trip through the runtime client, one flag | {added} | ≤ {pairs['bar us']:g} µs |",
        f"| of that the handler's own processor time | {own} | |",
    ]
    for run in found["runs"]:
        figures = f"p50 {run['p50 ms']:.2f} ms, p99 {run['p99 ms']:.2f} ms, p99.9 {run['p99.9 ms']:.1f} ms"
        bar = "p50 < 15 ms, p99 < 40 ms" if run["name"].startswith("flag function") else ""
        rows.append(f"| open load, {run['rate']:g}/s: {run['name']} | {figures}, failed {run['failed']} | {bar} |")
    return rows


def write(report: Report) -> None:
    """The page's table and the picture."""
    text = PAGE.read_text(encoding="utf-8")
    start, end = (text.index(mark) for mark in MARKS)
    PAGE.write_text(text[: start + len(MARKS[0])] + "\n" + markdown(report) + "\n" + text[end:], encoding="utf-8")
    bench_load.PICTURE.write_text(draw(report["load"]["runs"]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge_report", description="Measures the edge.")
    parser.add_argument("--from", dest="source", type=Path, help="make the table and the picture from this result file")
    options = parser.parse_args()
    if options.source:
        report = json.loads(options.source.read_text())
    else:
        report = run()
        path = RESULTS / f"edge-{label(report['machine'])}.json"
        path.write_text(json.dumps(report, ensure_ascii=False) + "\n", encoding="utf-8")
    write(report)
    print(markdown(report))


if __name__ == "__main__":
    main()
