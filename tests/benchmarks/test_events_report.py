"""docs/event-processor.md shows what the committed result file holds."""

import json

from benchmarks import events_report
from benchmarks.report import RESULTS


def test_doc_10_evh_04_the_page_shows_a_committed_run() -> None:
    page = events_report.PAGE.read_text(encoding="utf-8")
    shown = page.split(events_report.MARKS[0])[1].split(events_report.MARKS[1])[0].strip()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("events-*.json")]
    (mine,) = [report for report in reports if events_report.markdown(report) == shown]
    found, bars = mine["events"], mine["events"]["bars"]
    assert found["latency"]["p99 ms"] < bars["p99 ms"]
    assert found["own"]["events/s"] >= bars["events/s"]
    warm = found["calls"]["warm"]
    assert all(warm[kind] <= bars[kind] for kind in ("writes", "reads", "puts"))
