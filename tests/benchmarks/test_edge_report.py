"""docs/performance.md shows what the committed result file holds, and its picture is drawn from it."""

import json
from typing import Any

from benchmarks import bench_load, edge_report
from benchmarks.latency_picture import draw
from benchmarks.report import RESULTS


def shown_report() -> Any:
    """The committed run that the page shows."""
    page = edge_report.PAGE.read_text(encoding="utf-8")
    shown = page.split(edge_report.MARKS[0])[1].split(edge_report.MARKS[1])[0].strip()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("edge-*.json")]
    (mine,) = [report for report in reports if edge_report.markdown(report) == shown]
    return mine


def test_prf_01_asg_40_the_committed_run_keeps_the_targets() -> None:
    """Under an open load and with a store of 5 ms; the rates for a whole platform are sums of such processes (PRF-01)."""
    report = shown_report()
    for run in report["load"]["runs"]:
        assert run["failed"] == 0
        if run["name"].startswith("flag function"):
            assert run["p50 ms"] < 15 and run["p99 ms"] < 40
    assert report["assignment"]["first p50 ms"] < 20 and report["assignment"]["first p99 ms"] < 50
    assert report["serve"]["requests/s"] >= report["serve"]["bar"]


def test_doc_10_the_page_shows_a_committed_run() -> None:
    mine = shown_report()
    assert bench_load.PICTURE.read_text(encoding="utf-8") == draw(mine["load"]["runs"])
