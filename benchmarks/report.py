"""``make bench``: measures everything, prints it, and writes the results, the README's table and its picture.

Results go to ``benchmarks/results/<machine>.json``; the README's table and docs/pictures/cost.svg are made from that file
alone (``--from FILE`` does only this), so that every number in them can be traced to a run.
"""

import argparse
import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks import bench_alloc, bench_cold, bench_core, bench_instructions, bench_size, measure, picture
from benchmarks.gate import BUDGETS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PICTURE = ROOT / "docs" / "pictures" / "cost.svg"
MARKS = ("<!-- figures: made by make bench -->", "<!-- end of figures -->")

Report = dict[str, Any]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    names = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return names[0] if names else platform.machine()


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that names the machine itself."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "processors": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
    }


def label(of: dict[str, Any]) -> str:
    """A file name: architecture, processor, number of processors, Python."""
    words = f"{of['architecture']} {of['processor']} {of['processors']}cpu python{of['python'].rsplit('.', 1)[0]}"
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def run(rounds: int) -> Report:
    """Everything, measured now."""
    from evaluator import Evaluator

    core: bench_core.Results = {}
    for part, processes in (("small", 9), ("large", 5), ("load", 3)):
        core |= bench_core.settled(part, rounds, processes)
    print(measure.table(core), flush=True)
    report: Report = {"machine": machine(), "rounds": rounds, "core": core}
    report["cold"] = bench_cold.cold()
    report["memory"] = bench_cold.memory()
    report["sizes"] = bench_size.extensions() | bench_size.wheels()
    report["allocations"] = bench_alloc.measure_all(Evaluator)
    report["instructions"] = bench_instructions.run()
    return report


# --- the README's table -----------------------------------------------------------------------------------------------


def _time(nanoseconds: float) -> str:
    if nanoseconds < 1_000:
        return f"{nanoseconds:.0f} ns"
    return f"{nanoseconds / 1e3:.1f} µs" if nanoseconds < 1e6 else f"{nanoseconds / 1e6:.1f} ms"


ROWS = (
    ("W1 boolean", "simple flag, `ev.boolean` (W1)"),
    ("W2 boolean", "two conditions and a percentage, `ev.boolean` (W2)"),
    ("W2 evaluate", "the same, `ev.evaluate`: the whole `Evaluation`"),
    ("W2 evaluate, value read", "the same with `.value` read"),
    ("W3 string", "three-way split, `ev.string` (W3)"),
    ("W4 evaluate_all", "100 flags, `ev.evaluate_all` (W4)"),
    ("W4 evaluate_all_json", "100 flags, `ev.evaluate_all_json`: an OFREP body"),
    ("W5 boolean, fresh", "1,000 flags of ten rules, lists of 1,000; another flag each time (W5)"),
    ("W5 boolean, hot", "W5, one flag over and over"),
    ("W5 boolean, JSON-parsed", "W5, strings just parsed from JSON"),
    ("W5 load", "loading W5's 21 MB"),
    ("W5 load and SHA-256", "the same, and its name checked"),
)


def _ratio_row(name: str, words: str, core: dict[str, Any]) -> str:
    row = core[name]
    floor = row["floor"].split()[0]
    return f"| {words} | {_time(row['ns'])} | {row['ratio']:.2f} × {floor} | ≤ {BUDGETS['ratios'][name]:g} × |"


def _other_rows(report: Report) -> list[str]:
    peer, cold, memory, sizes = (report["core"].get("W2, eppo-server-sdk"), report["cold"], report["memory"], report["sizes"])
    extensions = sum(size for name, size in sizes.items() if name not in bench_size.WHEELS)
    whole, shipped = bench_size.WHEELS
    most = max(size for name, size in report["allocations"].items() if name.endswith("_noalloc"))
    budgets = BUDGETS
    rows = []
    if peer:
        bar = budgets["peer"]["W2, eppo-server-sdk"]
        rows.append(
            f"| W2 in eppo-server-sdk (Rust), same run | {_time(peer['ns'])} | {peer['ratio']:.1f} × ours | ≥ {bar:g} × |"
        )
    rows.append(f"| memory beyond the returned value, typed getters | {most} bytes | | {budgets['allocations']['most']} |")
    if memory:
        bar = budgets["memory"]["growth"] / 1e6
        rows.append(f"| W5, growth of resident memory | {memory['growth'] / 1e6:.1f} MB | | ≤ {bar:g} MB |")
    bar = budgets["cold"]["milliseconds"]
    rows += [
        f"| import, load 100 flags, first answer, over a bare interpreter | {cold['in all']:.1f} ms | | ≤ {bar:g} ms |",
        f"| extension modules together | {extensions / 1e3:.0f} kB | | ≤ {budgets['sizes']['extensions'] / 1e3:.0f} kB |",
        f"| what a function ships of the wheel: evaluator and handlers | {sizes[shipped] / 1e3:.0f} kB | "
        f"| ≤ {budgets['sizes'][shipped] / 1e3:.0f} kB |",
        f"| the whole wheel, with compiler, publisher and local platform | {sizes[whole] / 1e3:.0f} kB | | |",
    ]
    return rows


def markdown(report: Report) -> str:
    """The table, and the line that says on what machine."""
    of = report["machine"]
    lines = ["| what | time | against | budget |", "|---|---|---|---|"]
    lines += [_ratio_row(name, words, report["core"]) for name, words in ROWS]
    lines += _other_rows(report)
    where = (
        f"{of['processor']}, {of['architecture']}, {of['processors']} shared processors, {of['system']}, CPython {of['python']}"
    )
    how = "Medians of processor time over several processes, the loop around the call included."
    lines += ["", f"{how} {where}, {of['date']}: `benchmarks/results/{label(of)}.json`."]
    return "\n".join(lines)


def write_readme(report: Report) -> None:
    path = ROOT / "README.md"
    text = path.read_text()
    start, end = (text.index(mark) for mark in MARKS)
    path.write_text(text[: start + len(MARKS[0])] + "\n" + markdown(report) + "\n" + text[end:])


def write_picture(report: Report) -> None:
    core, of = report["core"], report["machine"]
    bars = [
        picture.Bar(
            name,
            core[name]["ratio"],
            f"{_time(core[name]['ns'])}  =  {core[name]['ratio']:.2f} × {core[name]['floor'].split()[0]}",
            BUDGETS["ratios"][name],
        )
        for name, _ in ROWS
        if not name.startswith("W5 load")
    ]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    note = f"{of['processor']}, CPython {of['python']}, {of['date']}; e+, f, g: the hand-written floors of the workload"
    PICTURE.write_text(picture.draw("What an evaluation costs, in hand-written evaluations", note, bars))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--from", dest="source", type=Path, help="write the README's table and picture from this result file")
    wanted = parser.parse_args()
    if wanted.source:
        report = json.loads(wanted.source.read_text())
    else:
        report = run(wanted.rounds)
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{label(report['machine'])}.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"\nwritten: {path.relative_to(ROOT)}")
    write_readme(report)
    write_picture(report)
    print("\n" + markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
