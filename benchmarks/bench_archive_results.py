"""Results from the archive: how long millions of lines take, and how much memory.

Writes an archive of made-up events (``--lines``, in millions; half of them of the experiment, one in a hundred there twice)
into a temporary folder, objects of 500 events, and asks it as ``burgee results --archive`` does. Processor time is the
evidence; wall time says besides how busy the machine was. ``python -m benchmarks.bench_archive_results [--lines 5]``
"""

import argparse
import random
import resource
import tempfile
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from burgee.archive_results import from_archive
from handlers._counters import Phase
from handlers._experiments import Experiment
from handlers._results import document

START = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 30
OBJECT = 500  # events
VARIANTS = ("control", "treatment")
HALVES = dict.fromkeys(VARIANTS, 0.5)
LINE = (
    '{{"event_id":"01890000-0000-7000-8000-{0:012d}","event_type":"{1}","user_id":"user-{2:09d}","experiment_id":"{3}",'
    '"timestamp":"{4}","properties":{5},"received_at":"{4}","sequence":"4965{0:052d}","shard":"shardId-000000000000",'
    '"assignment_id":"assign_{2:032x}","variant":"{6}","experiment_key":"checkout","experiment_name":"Checkout",'
    '"experiment_status":"active","phase":1,"time_since_assignment_seconds":60}}\n'
)


def write(folder: Path, lines: int) -> int:
    """The archive; its compressed bytes. A user has an exposure and four other events, on the average."""
    dice, size, users = random.Random(1), 0, lines // 10
    for first in range(0, lines, OBJECT):
        at = START + timedelta(days=DAYS * first / lines)
        moment, made = at.strftime("%Y-%m-%dT%H:%M:%S.000Z"), []
        for number in range(first, min(first + OBJECT, lines)):
            event, experiment = number, ("exp_1", "exp_2")[number % 2]
            if number % 10 < 2:
                user, kind, about = number // 10, "exposure", '{"experiment_key":"checkout","assignment_id":null}'
            else:
                user, kind = (
                    min(users, int(users * dice.random() * (first + OBJECT) / lines)),
                    ("view", "purchase")[dice.random() < 0.3],
                )
                about = f'{{"revenue":{dice.lognormvariate(3, 1):.2f},"items":{dice.randrange(9)},"page":"/shop/cart"}}'
            if number % 100 == 57:
                event = number - 40  # of this object, of the same experiment
            made.append(LINE.format(event, kind, user, experiment, moment, about, VARIANTS[user % 2]))
        path = folder / at.strftime("year=%Y/month=%m/day=%d/hour=%H") / f"events_events-shardId-000000000000-{first}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zlib.compress("".join(made).encode(), 3, 31))
        size += path.stat().st_size
    return size


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=float, default=1.0, help="millions (default: 1)")
    lines = round(options.parse_args().lines * 1_000_000)
    start_ms = round(START.timestamp() * 1_000)
    phase = Phase(1, start_ms, HALVES, 1)
    known = document(Experiment("exp_1", "checkout", "Checkout", "active", HALVES), [phase], phase, {}, start_ms)
    with tempfile.TemporaryDirectory() as place:
        size = write(Path(place), lines)
        before, began = _processor_seconds(), time.perf_counter()
        found, looks = from_archive(known, start_ms + DAYS * 86_400_000, place)
        wall, processor = time.perf_counter() - began, _processor_seconds() - before
    source = found["source"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(
        f"{lines:,} lines, {size / 1e6:,.0f} MB in {source['objects']:,} objects, {source['events']:,} events of the experiment"
    )
    print(f"{wall:.1f} s, {processor:.1f} s of a processor ({processor / lines * 1e6:.1f} µs a line), {memory:,.0f} MB at most")
    print(f"{len(looks)} looks; users: {[each['users']['estimate'] for each in found['variants']]}")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
