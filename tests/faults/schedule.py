"""One schedule: a few dozen publishes, requests, faults and restarts, drawn from a seed; what must hold after every request.

The oracle knows what was correctly published (``World.valid``) and nothing of how the reader works.
"""

import shutil
from pathlib import Path
from random import Random
from typing import Any

from evaluator.snapshot.manifest import POINTER
from handlers._settings import Settings
from handlers._snapshots import Reader
from tests.faults.world import MAX_BYTES, PUBLIC, World
from tests.handlers.stores import lay_out, snapshot

REFRESH_MS = 5_000
BUDGET_MS = 100
FIRST_BUDGET_MS = 2_000
ROUNDS = 3
EPSILON_MS = 0.01
MOST_RESUMES = 12  # requests that a large snapshot may take in calm weather


class Wrong(AssertionError):
    """Something that must never happen, happened."""


class Schedule:
    """Runs the schedule of one seed. Raises Wrong."""

    def __init__(self, seed: int, place: Path) -> None:
        self.random = Random(seed)
        self.place = place
        self.world = World(self.random, keys=self.random.random() < 0.5)
        self.settings = Settings(
            "s3://bucket/prefix",
            bundle=str(place / "bundle"),
            scratch=str(place / "scratch"),
            refresh_ms=REFRESH_MS,
            budget_ms=BUDGET_MS,
            first_budget_ms=FIRST_BUDGET_MS,
            public_keys=(PUBLIC,) if self.world.keys else (),
            max_bytes=MAX_BYTES,
        )
        self.metrics: list[str] = []
        self.requests = 0
        for _ in range(self.random.randrange(4)):
            self.world.publish()
        if self.world.valid and self.random.random() < 0.5:
            pointer = self.world.objects[POINTER]
            lay_out(place / "bundle", pointer, snapshot(f"v{self.world.newest:04d}"))
        self.start()

    # --- the process ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process: what it has seen before doesn't bind it."""
        self.seen: dict[int, str] = {}
        self.version = -1
        self.looked_at = self.world.true_ms  # as bad as never: the first request must look
        self.has_looked = False
        self.confirmed: Any = None
        self.confirmed_at = 0.0  # when the reader last knew, in true time
        for name in self.world.refused_objects:
            self.world.refused_objects[name] = 0
        self.reader = Reader(
            self.settings,
            self.world,
            clock=self.world.clocks.monotonic,
            wall=self.world.clocks.wall,
            entropy=self.random.random,
            report=self._hear,
        )

    def _hear(self, name: str, value: float, unit: str, properties: Any) -> None:
        self.metrics.append(name)
        if not {"version", "snapshot_version"} <= set(properties):
            raise Wrong(f"{name} doesn't say which version is served")

    def restart(self) -> None:
        kind = self.random.choice(("kept", "kept", "damaged", "gone"))
        scratch = self.place / "scratch"
        files = [path for path in scratch.rglob("*") if path.is_file()] if scratch.exists() else []
        if kind == "gone":
            shutil.rmtree(scratch, ignore_errors=True)
        elif kind == "damaged" and files:
            self._damage(self.random.choice(files))
        self.start()

    def fork(self) -> None:
        """Or a snapshot of the process, restored."""
        self.reader.restart()

    def _damage(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        if not data or self.random.random() < 0.3:
            path.unlink()
        elif path.suffix == ".burgee" and self.random.random() < 0.5:
            path.write_bytes(snapshot("nobody published this"))
        elif self.random.random() < 0.5:
            path.write_bytes(bytes(data[: self.random.randrange(len(data))]))
        else:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
            path.write_bytes(bytes(data))

    # --- requests -------------------------------------------------------------------------------------------------------

    def request(self) -> None:
        """One request, and everything that must be true after it."""
        world, reader = self.world, self.reader
        self.requests += 1
        world.spent_ms, world.reads = 0.0, []
        budget = FIRST_BUDGET_MS if reader._served is None else BUDGET_MS
        overdue = self._is_overdue()
        try:
            served = reader.served()
        except Exception as error:
            raise Wrong(f"the request got an exception: {error!r}") from error
        if world.spent_ms > budget + EPSILON_MS:
            raise Wrong(f"the request waited {world.spent_ms:.2f} ms of {budget}")
        if world.reads.count(POINTER) > 1 or len(world.reads) > 2:
            raise Wrong(f"one request read {world.reads}")
        if overdue and not world.reads:
            raise Wrong("the request came after the refresh interval and didn't look")
        if world.reads:
            self.looked_at, self.has_looked = world.true_ms, True
        if served is not None:
            self._check(served)

    def _is_overdue(self) -> bool:
        """Whether more than the interval has passed since the last look, with at least one clock saying so."""
        if not self.has_looked:
            return True
        return self.world.jumped_at < self.looked_at and self.world.true_ms - self.looked_at > REFRESH_MS + EPSILON_MS

    def _check(self, served: Any) -> None:
        """The answer is one that was published, in an order that makes sense."""
        world, version = self.world, served.version
        text = served.evaluator.string("which", {}, "?")
        if text not in world.valid.get(version, ()):
            raise Wrong(f"version {version} answers {text!r}, which nobody published under it: {world.valid.get(version)}")
        if version < self.version:
            raise Wrong(f"version {version} after {self.version}")
        if self.seen.setdefault(version, text) != text:
            raise Wrong(f"version {version} answered {self.seen[version]!r} before and {text!r} now")
        self.version = version
        self._check_age(version)

    def _check_age(self, version: int) -> None:
        """What is served may be outdated, but not by more than the age admits; unless the store or a clock was wrong."""
        world, age = self.world, self.reader.age_ms()
        if self.reader._confirmed is not self.confirmed:
            self.confirmed, self.confirmed_at = self.reader._confirmed, world.true_ms
        if age is None or version == world.newest:
            return
        if world.jumped_at >= self.confirmed_at or world.lied_at >= world.changed_at - REFRESH_MS:
            return
        if world.true_ms - world.changed_at > age + 2 * BUDGET_MS + FIRST_BUDGET_MS + 1:
            raise Wrong(f"outdated for {world.true_ms - world.changed_at:.0f} ms, and the age says {age}")

    # --- weather --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        for _ in range(ROUNDS):
            self.rough()
            self.settle_while_bad()
            self.recover()

    def rough(self) -> None:
        """Anything may happen."""
        world, random = self.world, self.random
        world.noise = True
        world.bytes_per_ms = random.choice((1_000.0, 1_000.0, 5_000.0))
        for _ in range(random.randrange(10, 40)):
            random.choices(*zip(*self._events(), strict=True))[0]()
        world.noise = False

    def _events(self) -> list[tuple[Any, float]]:
        world, random = self.world, self.random
        return [
            (self.request, 20),
            (lambda: world.pass_(random.uniform(0, 500)), 6),
            (lambda: world.pass_(random.uniform(0, 12_000)), 8),
            (lambda: world.freeze(random.uniform(0, 3_600_000), monotonic_stands=random.random() < 0.5), 1),
            (world.jump, 2),
            (world.publish, 6),
            (lambda: world.publish(big=True), 1.5),
            (world.publish_again, 1),
            (world.publish_forged, 1),
            (world.publish_unusable, 1),
            (world.publish_oversized, 0.5),
            (world.publish_unsupported, 0.5),
            (world.publish_conflict, 0.5),
            (world.reseal, 2),
            (world.spoil_pointer, 0.5),
            (world.remove_object, 0.5),
            (world.damage_object, 0.5),
            (lambda: setattr(world, "lies_until", world.true_ms + random.uniform(0, 20_000)), 0.5),
            (self.restart, 1),
            (self.fork, 0.5),
        ]

    def settle_while_bad(self) -> None:
        """The store works again, and what lies in it is still what it is: no harm, and no fetching in a loop."""
        world = self.world
        world.lies_until = -1.0
        if world.is_good:
            return
        for _ in range(60):
            self.request()
            world.reseal()
            world.pass_(500)
        again = {name: count for name, count in world.refused_objects.items() if count > 3}
        if again:
            raise Wrong(f"objects that the core refuses were fetched again and again: {again}")

    def recover(self) -> None:
        """With the newest version correctly published, every process has it within one refresh and the requests to load it."""
        world = self.world
        repeated = any(count > 1 for count in world.damage.values())
        if not world.is_good or repeated:  # the same damage twice counts as damage in the store, for five minutes
            world.damage.clear()
            world.publish(big=self.random.random() < 0.2)
        stopped = world.true_ms
        while world.true_ms - stopped < REFRESH_MS:
            self.request()
            world.pass_(self.random.uniform(50, 400))
        for _ in range(MOST_RESUMES):
            self.request()
        if self.reader.version != world.newest:
            raise Wrong(f"one refresh after the faults, version {self.reader.version} is served and {world.newest} published")
        age = self.reader.age_ms()
        if age is None or age > REFRESH_MS + MOST_RESUMES * BUDGET_MS:
            raise Wrong(f"one refresh after the faults, the age is {age}")


def run(seed: int, place: Path) -> Schedule:
    """The finished schedule of a seed, in a fresh directory below ``place``. Raises Wrong, naming the seed."""
    mine = place / str(seed)
    mine.mkdir(parents=True)
    schedule = None
    try:
        schedule = Schedule(seed, mine)
        schedule.run()
    except Wrong as wrong:
        raise Wrong(f"seed {seed}: {wrong}") from wrong
    finally:
        shutil.rmtree(mine, ignore_errors=True)
    return schedule
