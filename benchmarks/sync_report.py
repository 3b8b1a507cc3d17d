"""``make bench-sync``: measures syncing and hot loading, writes the results, and makes the README's second table from them.

Results go to ``benchmarks/results/sync-<machine>.json``; how long changes take to be seen is measured by bench_propagation
(a quarter of an hour) into a file beside it. ``--from FILE`` makes the table only.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import bench_lambda, bench_reader, bench_sync
from benchmarks.report import RESULTS, ROOT, label, machine

MARKS = ("<!-- sync figures: made by make bench-sync -->", "<!-- end of sync figures -->")

Report = dict[str, Any]


def run() -> Report:
    """Everything but the propagation, measured now."""
    return {
        "machine": machine(),
        "sync": bench_sync.run(),
        "reader": bench_reader.run(),
        "lambda": bench_lambda.run(),
    }


def propagation(of: dict[str, Any]) -> dict[str, Any]:
    """The committed run of bench_propagation on the same kind of machine."""
    found: dict[str, Any] = json.loads((RESULTS / f"propagation-{label(of)}.json").read_text())
    return found


def markdown(report: Report) -> str:
    """The table, and the line that says on what machine."""
    sync, reader, functions, of = report["sync"], report["reader"], report["lambda"], report["machine"]
    lines = ["| what | measured | bar |", "|---|---|---|"]
    for one in propagation(of)["runs"]:
        words = f"table write → new answer, refresh {one['refresh_ms'] / 1000:g} s, {one['writes']} writes"
        lines.append(f"| {words} | p50 {_s(one['p50'])}, p99 {_s(one['p99'])} | p99 ≤ {_s(one['p99_limit'])} |")
    lines += [
        f"| sync of {sync['flags']:,} flags: compile and publish | {sync['compile and publish s']:.1f} s "
        f"({sync['compile and publish cpu s']:.1f} s of processor time) | ≤ {sync['bars']['compile and publish s']:g} s |",
        f"| the same, peak memory | {sync['peak MB']:.0f} MB | ≤ {sync['bars']['peak MB']:g} MB |",
        f"| a request that takes that snapshot: digest, load, swap | {reader['looks']['swap ms']:.1f} ms "
        f"| ≤ {reader['bars']['swap ms']:g} ms |",
        f"| a request that doesn't look: the reader's part | {reader['idle']['overhead ns']:.0f} ns "
        f"| ≤ {reader['bars']['overhead ns']:,.0f} ns |",
        f"| a request that looks and finds nothing new, store in a directory | {reader['looks']['unchanged ms']:.2f} ms | |",
        f"| checking a signature, the first time: import and check | "
        f"{reader['signature']['import ms'] + reader['signature']['first check ms']:.0f} ms | |",
    ]
    for name in bench_lambda.BUNDLED:
        cold = functions["cold"][name]
        lines.append(
            f"| cold start, snapshot bundled as a {name.split(', ')[-1]}, over a no-op function "
            f"| {cold['own steps ms']:.1f} ms | ≤ {functions['bar ms']:g} ms |"
        )
    warm = functions["warm"]
    noop, ours = warm[bench_lambda.NOOP], warm[bench_lambda.BUNDLED[0]]
    lines.append(f"| warm call through the Runtime API | p50 {ours['p50 us']:.0f} µs, no-op {noop['p50 us']:.0f} µs | |")
    where = f"{of['processor']}, {of['architecture']}, {of['processors']} shared processors, CPython {of['python']}"
    lines += ["", f"{where}, {of['date']}: `benchmarks/results/sync-{label(of)}.json` and `propagation-{label(of)}.json`."]
    return "\n".join(lines)


def _s(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s"


def write_readme(report: Report) -> None:
    path = ROOT / "README.md"
    text = path.read_text()
    start, end = (text.index(mark) for mark in MARKS)
    path.write_text(text[: start + len(MARKS[0])] + "\n" + markdown(report) + "\n" + text[end:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="make the README's table from this result file")
    wanted = parser.parse_args()
    if wanted.source:
        report = json.loads(wanted.source.read_text())
    else:
        report = run()
        path = RESULTS / f"sync-{label(report['machine'])}.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    write_readme(report)
    print(markdown(report))


if __name__ == "__main__":
    main()
