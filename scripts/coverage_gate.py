"""Holds branch coverage: reads ``coverage json`` and fails when a package's share of taken branches is below its floor.

Usage: ``python scripts/coverage_gate.py coverage.json evaluator=90 config_sync=90``.
"""

import json
import sys
from pathlib import Path
from typing import Any


def branches(report: dict[str, Any], package: str) -> tuple[int, int]:
    """(taken, existing) branches of the package's files."""
    rows = [entry["summary"] for name, entry in report["files"].items() if name.startswith(f"{package}/")]
    return sum(row["covered_branches"] for row in rows), sum(row["num_branches"] for row in rows)


def main(arguments: list[str]) -> int:
    report = json.loads(Path(arguments[0]).read_text())
    failed = False
    for wanted in arguments[1:]:
        package, floor = wanted.split("=")
        taken, existing = branches(report, package)
        share = 100 * taken / existing if existing else 0.0
        short = share < float(floor)
        failed |= short
        verdict = "TOO FEW" if short else "ok"
        print(f"branches of {package}: {taken} of {existing} taken, {share:.1f} % (at least {floor} %): {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
