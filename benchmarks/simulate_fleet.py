"""A simulation of many Lambdas that follow one store: what the store is asked, and how old the answers are.

Every simulated Lambda is the real ``handlers._snapshots.Reader`` with the real follower below it, so that refresh interval,
jitter, backoff, budget and resumed transfers are the code's own; only clocks, randomness and the store are simulated. Requests
arrive at each Lambda at random (Poisson). A request that comes before a look is due asks nobody anything, so the simulation
goes from one due moment straight to the first request after it, which by the Poisson process' lack of memory is exact.

``python -m benchmarks.simulate_fleet`` (``make fleet``) writes ``benchmarks/results/fleet.json`` and docs/pictures/fleet.svg.
It takes about a minute. Everything is drawn from one seed: the same code gives the same file on every machine.
"""

import argparse
import heapq
import json
import math
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from config_sync import compile_project
from evaluator.snapshot.manifest import POINTER, Manifest, object_name, seal
from handlers._origin import OriginError, Reply
from handlers._settings import Settings
from handlers._snapshots import Reader

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "fleet.json"
PICTURE = ROOT / "docs" / "pictures" / "fleet.svg"
NS = 1_000_000_000
EPOCH = 1_800_000_000 * NS

Counts = dict[str, int]


@dataclass(frozen=True)
class Scenario:
    """What happens, in seconds from the beginning. Rates are a second; times of the store are milliseconds.

    ``burst`` Lambdas start within one second every ``burst_s`` seconds until there are ``lambdas``. ``outage``: from, to; the
    store accepts connections and says nothing. ``limit``: what the store answers in a second; the rest is told to slow down.
    ``get_ms`` and ``spread``: a read's median, and the sigma of its logarithm; ``object_ms``: what an object takes besides.
    """

    name: str
    lambdas: int = 10_000
    requests: float = 10.0  # of each Lambda
    seconds: float = 270.0
    burst: int = 1_000
    burst_s: float = 10.0
    publishes: tuple[float, ...] = (130.0,)
    outage: tuple[float, float] | None = (170.0, 230.0)
    limit: int = 5_500
    get_ms: float = 20.0
    spread: float = 0.5
    object_ms: float = 15.0
    refresh_ms: int = 5_000
    budget_ms: int = 100
    seed: int = 7


WHOLE = Scenario("a day in four minutes")
TOGETHER = Scenario(
    "all start in the same second", seconds=60.0, burst=10_000, publishes=(), outage=None, limit=1_000_000, seed=8
)


SMALL = Scenario(
    "what a test runs again", lambdas=300, burst=30, burst_s=1.0, seconds=60.0, publishes=(30.0,), outage=(40.0, 50.0), seed=9
)
SCENARIOS = {"whole": WHOLE, "together": TOGETHER, "small": SMALL}


class Store:
    """The origin of every reader, and the clock: time passes while a read takes place, and between events."""

    def __init__(self, scenario: Scenario, random: Random, versions: list[bytes]) -> None:
        self.now = 0  # nanoseconds since the beginning
        self.versions: list[tuple[bytes, str]] = []
        self.objects: dict[str, bytes] = {}
        self.counts: dict[int, Counts] = {}
        self._scenario = scenario
        self._random = random
        for number, data in enumerate(versions, 1):
            own = f"{int.from_bytes(data[16:24], 'little'):016x}"  # the name that the snapshot calls itself by
            made = Manifest(number, sha256(data).hexdigest(), len(data), own, flags=1, published_at=EPOCH // 1_000_000)
            pointer = seal(made)
            self.versions.append((pointer, f'"{sha256(pointer).hexdigest()[:32]}"'))
            self.objects[object_name(made.object)] = data

    # --- time -------------------------------------------------------------------------------------------------------------

    def clock(self) -> int:
        """Monotonic nanoseconds."""
        return self.now

    def wall(self) -> int:
        """Epoch nanoseconds."""
        return EPOCH + self.now

    def version(self) -> int:
        """What is published now, from 1."""
        return 1 + sum(self.now >= at * NS for at in self._scenario.publishes)

    # --- an origin --------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Nothing: the store is in memory."""

    def forget(self) -> None:
        """Nothing: there is no connection."""

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        """One read, counted in its second. Raises OriginError in an outage, beyond the limit, and when the time is up."""
        counts = self.counts.setdefault(self.now // NS, {"pointer": 0, "object": 0, "failed": 0})
        left = until - self.now / NS
        outage = self._scenario.outage
        if outage is not None and outage[0] * NS <= self.now < outage[1] * NS:
            counts["failed"] += 1
            self._pass(left)
            raise OriginError("timeout", "the store says nothing")
        if sum(counts.values()) - counts["failed"] >= self._scenario.limit:
            counts["failed"] += 1
            self._pass(min(left, self._takes(name)))
            raise OriginError("throttled", "the store asks for fewer requests")
        counts["pointer" if name == POINTER else "object"] += 1
        takes = self._takes(name)
        if takes >= left:
            self._pass(left)
            raise OriginError("timeout", "no answer in time")
        self._pass(takes)
        if name != POINTER:
            data = self.objects[name]
            return Reply(200, name, data, True, len(data))
        pointer, tag = self.versions[self.version() - 1]
        return Reply(304, tag) if etag == tag else Reply(200, tag, pointer, True, len(pointer))

    def _takes(self, name: str) -> float:
        scenario = self._scenario
        median = scenario.get_ms + (0 if name == POINTER else scenario.object_ms)
        return median / 1e3 * math.exp(scenario.spread * self._random.gauss())

    def _pass(self, seconds: float) -> None:
        self.now += max(0, int(seconds * NS))


@dataclass
class Found:
    """What came of a scenario. Lists by second are from the beginning; other lists have a figure for each Lambda or look.

    ``stale_ms``: by publish, how long after it each Lambda may have answered from the version before; ``waits_ms``: what the
    request that looked waited, outages apart, and while there was nothing to answer from ``first_waits_ms``; ``recovered_ms``:
    how long after an outage each Lambda knew again that it was current.
    """

    scenario: Scenario
    pointer: list[int] = field(default_factory=list)
    object: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    stale_ms: list[list[float]] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    first_waits_ms: list[float] = field(default_factory=list)
    recovered_ms: list[float] = field(default_factory=list)
    metrics: Counts = field(default_factory=dict)

    def at(self, second: int) -> int:
        """Requests at the store in one second."""
        return self.pointer[second] + self.object[second] + self.failed[second]

    def peak(self, since: float = 0.0, until: float | None = None) -> int:
        """The most requests of one second."""
        last = int(self.scenario.seconds if until is None else until)
        return max(self.at(second) for second in range(int(since), last))

    def mean(self, since: float, until: float) -> float:
        """Requests a second."""
        return sum(self.at(second) for second in range(int(since), int(until))) / (int(until) - int(since))


class Fleet:
    """The Lambdas of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.random = Random(scenario.seed)
        self.store = Store(scenario, self.random, snapshots(len(scenario.publishes) + 1))
        self.found = Found(scenario, stale_ms=[[] for _ in scenario.publishes])
        self.settings = Settings(
            "s3://simulated/fleet", refresh_ms=scenario.refresh_ms, budget_ms=scenario.budget_ms, first_budget_ms=2_000
        )
        self.readers: dict[int, Reader] = {}
        self._old_until: dict[int, int] = {}  # Lambda -> the last moment at which it may have answered from what it has
        self._failing: set[int] = set()

    def run(self) -> Found:
        """All of it."""
        end = int(self.scenario.seconds * NS)
        waiting = [(self._start(number), number) for number in range(self.scenario.lambdas)]
        heapq.heapify(waiting)
        while waiting and waiting[0][0] < end:
            at, number = heapq.heappop(waiting)
            heapq.heappush(waiting, (self._request(number, at), number))
        for name in ("pointer", "object", "failed"):
            seconds = [self.store.counts.get(second, {}).get(name, 0) for second in range(int(self.scenario.seconds))]
            setattr(self.found, name, seconds)
        return self.found

    def _start(self, number: int) -> int:
        burst = number // self.scenario.burst
        return int((burst * self.scenario.burst_s + self.random.random()) * NS)

    def _request(self, number: int, at: int) -> int:
        """The first request since a look was due; gives the moment of the next such."""
        store = self.store
        store.now = at
        reader = self.readers.get(number)
        if reader is None:
            reader = self.readers[number] = Reader(
                self.settings, store, clock=store.clock, wall=store.wall, entropy=self.random.random, report=self._heard
            )
        before, due = reader.version, reader._due
        reader.served()
        self._note(number, before, reader.version, due, at)
        gap = self.random.expovariate(self.scenario.requests)
        return max(store.now, reader._due) + int(gap * NS)

    def _note(self, number: int, before: int, after: int, due: int, at: int) -> None:
        wait = (self.store.now - at) / 1e6
        outage = self.scenario.outage
        if not before:
            self.found.first_waits_ms.append(wait)
        elif outage is None or not outage[0] * NS <= at < outage[1] * NS:
            self.found.waits_ms.append(wait)
        if after > before > 0:
            # Up to the due moment requests got the old version unasked; after it only those whose own look brought nothing.
            last = max(due, self._old_until.get(number, 0))
            for place, published in enumerate(self.scenario.publishes):
                if before <= place + 1 < after:
                    self.found.stale_ms[place].append(max(0.0, last / 1e6 - published * 1e3))
        elif before:
            self._old_until[number] = self.store.now
        self._recovery(number)

    def _recovery(self, number: int) -> None:
        outage = self.scenario.outage
        if outage is None or self.store.now < outage[0] * NS:
            return
        age = self.readers[number].age_ms()
        if age is None or age > 2 * self.scenario.refresh_ms:
            self._failing.add(number)
        elif number in self._failing and self.store.now >= outage[1] * NS:
            self._failing.discard(number)
            self.found.recovered_ms.append(self.store.now / 1e6 - outage[1] * 1e3)

    def _heard(self, name: str, value: float, unit: str, properties: object) -> None:
        self.found.metrics[name] = self.found.metrics.get(name, 0) + 1


def snapshots(many: int) -> list[bytes]:
    """So many real snapshots, each with another answer."""
    made = []
    for number in range(many):
        flag = {"variants": {"on": f"version {number + 1}"}, "default": "on"}
        result = compile_project({"flags": {"which": flag}})
        if result.snapshot is None or result.has_errors:
            raise SystemExit(f"the simulation's project doesn't compile: {list(result.diagnostics)}")
        made.append(bytes(result.snapshot))
    return made


def share(values: list[float], part: float) -> float:
    """A percentile: the smallest value that so large a part is at or below. 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))] if ordered else 0.0


def spread(values: list[float]) -> dict[str, float]:
    """The figures of a distribution."""
    parts = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {"count": len(values)} | {name: round(share(values, part), 1) for name, part in parts.items()}


def histogram(values: list[float], width_ms: float = 100.0) -> list[int]:
    """How many values are in each interval of that width, from 0."""
    bins = [0] * (int(max(values, default=0.0) // width_ms) + 1)
    for value in values:
        bins[int(value // width_ms)] += 1
    return bins


def summary(found: Found) -> dict[str, Any]:
    """What is kept of a scenario."""
    scenario = found.scenario
    kept: dict[str, Any] = {
        "scenario": asdict(scenario),
        "pointer": found.pointer,
        "object": found.object,
        "failed": found.failed,
        "peak": found.peak(),
        "waits ms": spread(found.waits_ms),
        "first waits ms": spread(found.first_waits_ms),
        "metrics": dict(sorted(found.metrics.items())),
    }
    if scenario.publishes:
        at = scenario.publishes[0]
        kept["steady"] = round(found.mean(at - 20, at), 1)
        kept["after publish"] = found.peak(at, at + 10)
        kept["stale ms"] = spread(found.stale_ms[0])
        kept["stale histogram"] = histogram(found.stale_ms[0])
    if scenario.outage is not None:
        begin, end = scenario.outage
        kept["in outage"] = round(found.mean(begin + (end - begin) / 3, end), 1)
        kept["after outage"] = found.peak(end, end + 10)
        kept["recovered ms"] = spread(found.recovered_ms)
    return kept


def main() -> None:
    from benchmarks.fleet_picture import draw

    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_fleet", description="Many Lambdas follow one store.")
    parser.add_argument("--from", dest="source", type=Path, help="make the picture from this result file")
    options = parser.parse_args()
    if options.source:
        report = json.loads(options.source.read_text(encoding="utf-8"))
    else:
        report = {key: summary(Fleet(scenario).run()) for key, scenario in SCENARIOS.items()}
        RESULT.write_text(json.dumps(report) + "\n", encoding="utf-8")
    PICTURE.write_text(draw(report), encoding="utf-8")
    for name, part in report.items():
        figures = {key: value for key, value in part.items() if not isinstance(value, list) and key != "scenario"}
        print(name, json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
