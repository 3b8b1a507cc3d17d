"""docs/performance.md shows what the committed result file holds, and its picture is drawn from it."""

import json

from benchmarks import bench_load, edge_report
from benchmarks.latency_picture import draw
from benchmarks.report import RESULTS


def test_doc_10_the_page_shows_a_committed_run() -> None:
    page = edge_report.PAGE.read_text(encoding="utf-8")
    shown = page.split(edge_report.MARKS[0])[1].split(edge_report.MARKS[1])[0].strip()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("edge-*.json")]
    (mine,) = [report for report in reports if edge_report.markdown(report) == shown]
    assert bench_load.PICTURE.read_text(encoding="utf-8") == draw(mine["load"]["runs"])
