"""``make bench-events``: measures the event processor, writes the results, and makes the table of docs/event-processor.md.

Results go to ``benchmarks/results/events-<machine>.json``; ``--from FILE`` makes the table only. It takes about a minute.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import bench_events
from benchmarks.report import RESULTS, ROOT, label, machine

PAGE = ROOT / "docs" / "event-processor.md"
MARKS = ("<!-- events figures: made by python -m benchmarks.events_report -->", "<!-- end of events figures -->")

Report = dict[str, Any]


def run() -> Report:
    """Everything, measured now."""
    return {"machine": machine(), "events": bench_events.run()}


def markdown(report: Report) -> str:
    """The table, and the line that says on what machine."""
    of, found = report["machine"], report["events"]
    bars, slow, own = found["bars"], found["latency"], found["own"]
    lines = [
        "| what | measured | bar |",
        "|---|---|---|",
        f"| a batch, {found['call ms']:g} ms for each call of AWS | p50 {slow['p50 ms']:.0f} ms, p99 {slow['p99 ms']:.0f} ms "
        f"| p99 < {bars['p99 ms']:g} ms |",
        f"| the same, its processor time and the calls alone | p99 {slow['p99 ms of processor time']:.0f} ms | |",
        f"| the same, a container's first | {slow['first ms']:.0f} ms | |",
        f"| the processor's own time, calls of AWS free | {own['us']:.1f} µs an event, {own['events/s']:,.0f} events/s "
        f"| ≥ {bars['events/s']:,.0f} events/s |",
        f"| the same with botocore's work on the calls | {own['us with botocore']:.1f} µs an event | |",
    ]
    if found["instructions"]:
        lines.append(f"| its own instructions | {found['instructions']:,} an event | |")
    for name, row in found["calls"].items():
        limit = f"≤ {bars['writes']} + {bars['reads']} + {bars['puts']}" if name == "warm" else ""
        words = f"{row['writes']} writes ({row['items']} items), {row['reads']} reads, {row['puts']} put"
        lines.append(f"| calls of AWS, {'a warm container' if name == 'warm' else name} | {words} | {limit} |")
    where = f"{of['processor']}, {of['architecture']}, {of['processors']} shared processors, CPython {of['python']}"
    return "\n".join([*lines, "", f"{where}, {of['date']}: `benchmarks/results/events-{label(of)}.json`."])


def write_page(report: Report) -> None:
    text = PAGE.read_text(encoding="utf-8")
    start, end = (text.index(mark) for mark in MARKS)
    PAGE.write_text(text[: start + len(MARKS[0])] + "\n" + markdown(report) + "\n" + text[end:], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="make the page's table from this result file")
    wanted = parser.parse_args()
    if wanted.source:
        report = json.loads(wanted.source.read_text(encoding="utf-8"))
    else:
        report = run()
        path = RESULTS / f"events-{label(report['machine'])}.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page(report)
    print(markdown(report))


if __name__ == "__main__":
    main()
