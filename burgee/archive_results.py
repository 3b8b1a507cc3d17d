"""``burgee results --archive``: the results of every single event, exact where counters estimate. For ``burgee.results``.

The counters' document says which experiment and which phase it is about, the archive what has happened; then the arithmetic is
the same (``handlers._results``). docs/results.md, section 8, says what differs.
"""

from __future__ import annotations

import sys
import tempfile
from calendar import timegm
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import strptime
from typing import Any

from burgee.archive_places import open_place
from burgee.archive_query import Lines, Totals
from burgee.trouble import Trouble
from handlers._counters import Phase
from handlers._experiments import Experiment
from handlers._results import MOMENT, document
from handlers._results_store import Look, look_at

BEFORE_FIRST = timedelta(days=8)
"""The first phase has users who were assigned before it was noted: the oldest event that counts is a week old."""
MEGABYTE = 1_000_000


def from_archive(
    known: dict[str, Any], as_of_ms: int, place: str, since: date | None = None
) -> tuple[dict[str, Any], list[Look]]:
    """The document of the phase that ``known``, the counters' document, is of, and looks from its beginning to now.

    ``as_of_ms``: now, epoch milliseconds. ``since``: where reading begins (UTC), if not at the phase's start. The document has
    ``source`` besides: what was read. Raises Trouble.
    """
    archive = open_place(place)
    if known["phase"] is None:
        return known, []
    phases, number = [_phase(each) for each in known["phases"]], known["phase"]["number"]
    phase = next(each for each in phases if each.number == number)
    first = _start(phases, phase) if since is None else datetime(since.year, since.month, since.day, tzinfo=UTC)
    found = archive.find(first)
    size = sum(each.size for each in found)
    read = f"{len(found):,} objects, {size / MEGABYTE:,.1f} MB, from {first:%Y-%m-%d %H}:00 UTC on"
    if not found:
        raise Trouble(f"{place} has no events from {first:%Y-%m-%d %H}:00 UTC on, in year=…/month=…/day=…/hour=…/*.json.gz")
    print(f"reading {read}", file=sys.stderr)
    about = known["experiment"]
    allocation = {each["variant"]: each["allocation"] for each in known["variants"]}
    experiment = Experiment(about["id"], about["key"], about["name"], about["status"], allocation)
    horizon = known["method"]["horizon"]
    looks: list[Look] = []
    with tempfile.TemporaryDirectory(prefix="burgee-archive-") as temporary:
        lines = Lines(Path(temporary), experiment.id)
        try:
            for files in archive.batches(found, Path(temporary)):
                lines.read(files)
            told = lines.settle(number)
            totals: Totals = {}
            for at_ms, totals in lines.looks():
                seen = document(experiment, phases, phase, totals, min(at_ms, as_of_ms), horizon)
                looks.append(look_at(seen, min(at_ms, as_of_ms)))
        finally:
            lines.close()
    made = document(experiment, phases, phase, totals, as_of_ms, horizon)
    made["source"] = {"archive": place, "since": first.strftime(MOMENT), "objects": len(found), "bytes": size, **told._asdict()}
    return made, looks


def _phase(told: dict[str, Any]) -> Phase:
    started_ms = timegm(strptime(told["started_at"], MOMENT)) * 1_000
    return Phase(told["number"], started_ms, told["allocation"], 0)


def _start(phases: list[Phase], phase: Phase) -> datetime:
    """Nothing of the phase is before: an event that counts is a second before its user's assignment at most."""
    start = datetime.fromtimestamp(phase.started_ms / 1_000 - 1, UTC)
    return start - BEFORE_FIRST if phase is phases[0] else start
