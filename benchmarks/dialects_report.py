"""``make dialects``: runs every dialect's public suite, times its flag, writes the results and the README's table of dialects.

A suite is a module of tests/conformance with a ``SUITE`` (tests/conformance/suite.py), asked on both cores, which must agree.
Nothing is written where a suite's data are absent or a case fails. ``--from FILE`` makes the table of a result file alone.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import bench_dialects
from benchmarks.gate import BUDGETS
from benchmarks.report import RESULTS, ROOT, label, machine
from config_sync.frontends.registry import DIALECTS

SUITES = ROOT / "tests" / "conformance"
MARKS = ("<!-- dialects: made by make dialects -->", "<!-- end of dialects -->")

Report = dict[str, Any]


def suites() -> dict[str, list[Any]]:
    """dialect -> its suites. Raises SystemExit where one's data are absent."""
    import pytest

    found: dict[str, list[Any]] = {}
    for path in sorted(SUITES.glob("*/test_*.py")):
        if "SUITE = Suite(" in path.read_text(encoding="utf-8"):
            try:
                module = importlib.import_module(f"tests.conformance.{path.parent.name}.{path.stem}")
            except pytest.skip.Exception as absent:
                raise SystemExit(f"make dialects: {absent}") from absent
            found.setdefault(path.parent.name, []).append(module.SUITE)
    return found


def counted(dialect_suites: list[Any]) -> Report:
    """Both cores' counts, all suites of a dialect together. Raises SystemExit where a case fails."""
    counts: list[Report] = []
    for name in ("pure", "fast"):
        core = importlib.import_module(f"evaluator._{name}.evaluator")
        tallies = [suite.tally(core) for suite in dialect_suites]
        failures = [failure for tally in tallies for failure in tally.failures]
        if failures:
            raise SystemExit("make dialects: " + "\n".join(failures[:20]))
        refused: dict[str, int] = {}
        for tally in tallies:
            for heading, count in tally.refused.items():
                refused[heading] = refused.get(heading, 0) + count
        cases, passed = sum(tally.cases for tally in tallies), sum(tally.passed for tally in tallies)
        counts.append({"cases": cases, "passed": passed, "refused": refused})
    assert counts[0] == counts[1], counts
    return counts[0]


def run(rounds: int, processes: int) -> Report:
    """Everything, measured now."""
    report: Report = {"machine": machine(), "rounds": rounds, "processes": processes}
    report["suites"] = {dialect: counted(found) for dialect, found in suites().items()}
    report["times"] = bench_dialects.settled(rounds, processes)
    return report


def _count(of: dict[str, int]) -> str:
    told = ", ".join(f"{count} {heading}" for heading, count in sorted(of.items(), key=lambda item: (-item[1], item[0])))
    return f"{sum(of.values())}: {told}" if of else "0"


def _row(dialect: str, report: Report) -> str:
    suite, time = report["suites"].get(dialect), report["times"][dialect]
    counts = f"{suite['cases']:,} | {suite['passed']:,} | {_count(suite['refused'])}" if suite else "| |"
    return f"| [{dialect}](docs/dialects/{dialect}.md) | {counts} | {time['ns']:.0f} ns, {time['ratio']:.2f} × |"


def markdown(report: Report) -> str:
    """The table, and the line that says how it was made."""
    of = report["machine"]
    lines = ["| dialect | cases | passed | refused | an evaluation |", "|---|---|---|---|---|"]
    lines += [_row(dialect, report) for dialect in sorted(report["times"], key=_order) if dialect in DIALECTS]
    bar = f"{report['times']['e+']['ns']:.0f} ns"
    how = (
        "Cases of the vendors' public suites, on both cores; what is refused has its reason in "
        "`tests/conformance/<dialect>/skips.toml`. An evaluation is the workload W2 in the vendor's own format, against the "
        f"same by hand in Cython ({bar}; the budget is {BUDGETS['dialects']['most']:g} ×)."
    )
    where = f"{of['processor']}, {of['processors']} shared processors, CPython {of['python']}, {of['date']}"
    return "\n".join([*lines, "", f"{how} {where}: `benchmarks/results/dialects-{label(of)}.json`."])


def _order(dialect: str) -> int:
    return list(DIALECTS).index(dialect) if dialect in DIALECTS else -1


def write_readme(report: Report) -> None:
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    start, end = (text.index(mark) for mark in MARKS)
    path.write_text(text[: start + len(MARKS[0])] + "\n" + markdown(report) + "\n" + text[end:], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--from", dest="source", type=Path, help="write the README's table from this result file")
    wanted = parser.parse_args()
    if wanted.source:
        report: Report = json.loads(wanted.source.read_text())
    else:
        report = run(wanted.rounds, wanted.processes)
        path = RESULTS / f"dialects-{label(report['machine'])}.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"written: {path.relative_to(ROOT)}")
    write_readme(report)
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
