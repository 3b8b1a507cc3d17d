"""The reader: which snapshot this process answers from, kept fresh on the requests themselves. For the handlers.

``reader()`` is the process's own. ``Reader.current()`` costs a fraction of a microsecond until a look at the store is due; then
one request makes it, within a budget, while the others go on with the old snapshot. There is no thread. The policy is explained
in docs/hot-loading.md. On the cold path: what talks to the store is imported at the first look.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import monotonic_ns, time_ns

from handlers._lifecycle import follow
from handlers._scratch import Served, load_local, scratch_of
from handlers._settings import Settings, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evaluator import Evaluator
    from handlers._follow import Follower, Outcome
    from handlers._transfer import Origin

    Clock = Callable[[], int]
    Report = Callable[[str, float, str, Mapping[str, object]], object]

BACKOFF_MS = 500
_NS_PER_MS = 1_000_000
_NEVER = 1 << 63


def random_share() -> float:
    """At least 0 and less than 1, from the operating system: forks and restored snapshots never draw the same."""
    return int.from_bytes(os.urandom(4)) / 2**32


def report(name: str, value: float, unit: str, properties: Mapping[str, object]) -> None:
    """Prints a metric (imported late: most processes have none to print)."""
    from handlers._telemetry import report as to_log

    to_log(name, value, unit, properties)


class Reader:
    """Follows one store. Safe under threads, greenlets, forks and freezes; no method raises because of the store.

    ``calls``: how often a snapshot was asked for; ``checks``: how often the store was (``hits``: the calls that did without).
    """

    __slots__ = (
        "__weakref__", "_clock", "_confirmed", "_due", "_entropy", "_failures", "_follower", "_from", "_lock", "_origin",
        "_report", "_scratch", "_served", "_settings", "_since", "_wall", "_wall_due", "_wall_from", "calls", "checks",
    )  # fmt: skip

    def __init__(
        self,
        settings: Settings,
        origin: Origin | None,
        *,
        clock: Clock = monotonic_ns,
        wall: Clock = time_ns,
        entropy: Callable[[], float] = random_share,
        report: Report = report,
    ) -> None:
        """Loads what is on this machine; the store is first asked by a request. ``origin`` None: there is no store.

        ``clock`` and ``wall``: monotonic and epoch nanoseconds; ``entropy``: at least 0, less than 1; ``report`` takes
        metrics: name, value, unit and properties.
        """
        self._settings = settings
        self._origin = origin
        self._clock = clock
        self._wall = wall
        self._entropy = entropy
        self._report = report
        self._follower: Follower | None = None
        self._failures = 0
        self._confirmed: tuple[int, int] | None = None
        self._served: Served | None = None
        self._scratch = None if origin is None else scratch_of(settings)
        self.calls = 0
        self.checks = 0
        self._served = load_local(settings, self._scratch, self._local_failed)
        self.restart()
        follow(self)

    # --- what requests ask --------------------------------------------------------------------------------------------

    def served(self) -> Served | None:
        """The snapshot to answer this request from, with its version; None when there is none anywhere yet.

        Looks at the store when that is due, for at most the budget.
        """
        self.calls += 1
        # Two clocks: the monotonic one may stand still while a sandbox is frozen, the other may be set.
        if not (self._from <= self._clock() < self._due and self._wall_from <= self._wall() < self._wall_due):
            self._refresh()
        return self._served

    def standing(self) -> tuple[Served | None, int | None]:
        """``served()`` and ``age_ms()``, from one look at the clocks."""
        self.calls += 1
        now, wall = self._clock(), self._wall()
        if not (self._from <= now < self._due and self._wall_from <= wall < self._wall_due):
            self._refresh()
            return self._served, self.age_ms()
        return self._served, self._age_ms(now, wall)

    def current(self) -> Evaluator | None:
        """The evaluator of ``served()``."""
        served = self.served()
        return None if served is None else served.evaluator

    @property
    def version(self) -> int:
        """The manifest's version that is served; 0 for a bare bundle, and when there is nothing."""
        served = self._served
        return 0 if served is None else served.version

    @property
    def snapshot_version(self) -> str | None:
        """The name that the snapshot calls itself by; None when there is none."""
        served = self._served
        return None if served is None else served.snapshot_version

    @property
    def hits(self) -> int:
        """Calls that were answered without the store."""
        return self.calls - self.checks

    def age_ms(self) -> int | None:
        """Milliseconds since the store last said that what is served is current; None if it never has.

        None as well when that was in the future by both clocks, until the next look.
        """
        return self._age_ms(self._clock(), self._wall())

    def _age_ms(self, now: int, wall: int) -> int | None:
        confirmed = self._confirmed
        if confirmed is None:
            return None
        age, wall_age = now - confirmed[0], wall - confirmed[1]
        age = wall_age if wall_age > age else age  # one of the clocks may have stood still
        return None if age < 0 else age // _NS_PER_MS

    # --- refreshing -----------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """One look at the store, unless somebody else is at it or has just been."""
        lock = self._lock
        if self._origin is None or not lock.acquire(False):
            return
        try:
            if self._is_due():
                self.checks += 1
                self._look(self._origin)
        finally:
            lock.release()

    def _is_due(self) -> bool:
        return not (self._from <= self._clock() < self._due and self._wall_from <= self._wall() < self._wall_due)

    def _look(self, origin: Origin) -> None:
        begun, wall_begun = self._clock(), self._wall()
        settings, served = self._settings, self._served
        budget_ms = settings.first_budget_ms if served is None else settings.budget_ms
        try:
            follower = self._following(origin)
            outcome = follower.step(served, begun / 1e9 + budget_ms / 1e3, (begun, wall_begun))
        except BaseException:  # the process ends, or a greenlet was told to: the connection may be in the midst of an answer
            origin.forget()
            raise
        self._conclude(outcome, follower.looked_at)

    def _following(self, origin: Origin) -> Follower:
        follower = self._follower
        if follower is None:
            from handlers._follow import Follower

            follower = self._follower = Follower(self._settings, origin, self._clock)
        return follower

    def _conclude(self, outcome: Outcome, looked_at: tuple[int, int]) -> None:
        """Takes what a step came to: the new snapshot, when to look again, and what to report.

        After a transfer of many requests the next look may be due at once: the interval counts from the last look.
        """
        word, before = outcome.word, self.version
        if word == "swapped":
            # One store into one slot: whoever reads it has evaluator, version and manifest of the same snapshot.
            self._served = outcome.served
        if word in ("swapped", "confirmed"):
            self._confirmed = looked_at
        if word == "failed":
            self._failures += 1
            self._wait(self._clock(), self._wall(), self._backoff_ms())
        else:
            self._failures = 0
            self._wait(*looked_at, 0 if word == "pending" else self._interval_ms())
        if word == "swapped":
            self._swapped(outcome, before)
        self._tell(outcome)

    def _swapped(self, outcome: Outcome, before: int) -> None:
        """Keeps the new snapshot for the next process, and says so."""
        transfer, kept = outcome.transfer, None
        if self._scratch is not None and transfer is not None:
            kept = self._scratch.keep(transfer.pointer, transfer.manifest.object_name, transfer.data)
        self._emit("SnapshotSwapped", 1, "Count", {"previous_version": before, "kind": outcome.reason, "scratch": kept})

    # --- when ------------------------------------------------------------------------------------------------------------

    def _wait(self, now: int, wall: int, delay_ms: float) -> None:
        """Sets when the next look is due: ``delay_ms`` from these moments, on whichever clock gets there first."""
        delay = int(delay_ms * _NS_PER_MS)
        self._from, self._wall_from = now, wall
        self._due, self._wall_due = now + delay, wall + delay

    def _interval_ms(self) -> float:
        """80 to 100 % of the refresh interval: never more, so that it bounds what a caller sees; processes drift apart."""
        return self._settings.refresh_ms * (1 - self._entropy() / 5)

    def _backoff_ms(self) -> float:
        """50 to 100 % of 0.5, 1, 2, 4 … s, and never more than the refresh interval."""
        most = min(self._settings.refresh_ms, BACKOFF_MS << min(self._failures - 1, 16))
        return most * (1 - self._entropy() / 2)

    def _elapsed_ms(self, moment: int, wall_moment: int) -> int:
        """By the clock that says more: one of them may have stood still."""
        return max(self._clock() - moment, self._wall() - wall_moment) // _NS_PER_MS

    def restart(self) -> None:
        """Begins anew with the flags that are loaded: no connection, deadline, credentials or half transfer is kept.

        For forked children and restored snapshots. A look at the store is due at once.
        """
        self._lock = allocate_lock()
        self._failures = 0
        self._confirmed = None
        self._since = (self._clock(), self._wall())
        self._wait(*self._since, 0 if self._origin is not None else _NEVER)
        if self._follower is not None:
            self._follower.forget()
        elif self._origin is not None:
            self._origin.forget()

    def prepare(self) -> None:
        """Imports what a look needs, so that it is no request's time: some 40 ms with TLS. Asks nobody. Raises OriginError."""
        if self._origin is not None:
            import handlers._follow  # noqa: F401

            self._origin.prepare()

    # --- what operators hear ----------------------------------------------------------------------------------------------

    def _tell(self, outcome: Outcome) -> None:
        about = {"reason": outcome.reason, "about_version": outcome.version, "failures": self._failures}
        if outcome.word == "failed":
            self._emit("SnapshotRefreshFailed", 1, "Count", about)
        elif outcome.word == "refused":
            self._emit("SnapshotQuarantined", 1, "Count", about)
        age_ms = self._elapsed_ms(*(self._confirmed or self._since))
        if age_ms > self._settings.stale_ms:
            self._emit("SnapshotStale", age_ms, "Milliseconds", about)

    def _local_failed(self, source: str, why: str) -> None:
        self._emit("SnapshotLoadFailed", 1, "Count", {"reason": why, "source": source})

    def _emit(self, name: str, value: float, unit: str, properties: Mapping[str, object]) -> None:
        """Hands on a metric with the version that is served. Whatever the receiver does must not cost a request."""
        served = self._served
        which = {"version": self.version, "snapshot_version": self.snapshot_version}
        which |= {"source": served.source if served is not None else None, "age_ms": self.age_ms()}
        try:
            self._report(name, value, unit, {**which, **properties})
        except Exception:  # a metric is worth less than an answer
            return


# --- the process's own --------------------------------------------------------------------------------------------------

_of_process: dict[str, Reader] = {}


def reader() -> Reader:
    """The reader of this process, made from the environment when it is first asked for.

    Raises ValueError when a setting is wrong, naming the variable.
    """
    made = _of_process.get("reader")
    if made is not None:
        return made
    settings = read_settings(os.environ)
    # Of two threads that come here at once both make one, and both use the first: a lock could be forked while it is held.
    return _of_process.setdefault("reader", Reader(settings, origin_of(settings)))


def reset_reader() -> None:
    """Forgets the process's reader, so that the next call of ``reader()`` reads the environment again. For tests and tools."""
    _of_process.clear()


def origin_of(settings: Settings) -> Origin | None:
    """The store that the settings name; None when they name none. Raises ValueError when there can be no such store."""
    store = settings.store
    if store is None:
        return None
    if not store.startswith("s3://"):
        from handlers._directory import Directory

        return Directory(store)
    return _s3(store, settings)


def _s3(store: str, settings: Settings) -> Origin:
    from handlers._s3 import S3

    bucket, _, prefix = store.removeprefix("s3://").partition("/")
    region = settings.region or ("us-east-1" if settings.endpoint else None)
    if region is None:
        raise ValueError("AWS_REGION isn't set: it says where the bucket of BURGEE_STORE is")
    try:
        return S3(bucket, prefix, region, settings.endpoint)
    except ValueError as error:
        raise ValueError(f"BURGEE_STORE, AWS_REGION or AWS_ENDPOINT_URL_S3: {error}") from error
