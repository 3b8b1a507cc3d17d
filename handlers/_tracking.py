"""Events of what was evaluated and assigned, on their way out of the process. For the handlers with an endpoint.

An event is a line of JSON as ``handlers._contract`` defines it. Three sinks: ``log`` (standard output, for a subscription
filter of CloudWatch Logs), ``kinesis`` and none; which to choose, and what each costs: decision 0012. Nothing here raises or
waits longer than its budget, and what doesn't leave is counted (``TrackingDropped``, ``TrackingPending``). On the cold path,
and its time is part of every request's.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from json.encoder import JSONEncoder, encode_basestring_ascii
from time import gmtime, monotonic, strftime, time_ns

import mmh3

from handlers._contract import EXPOSURE, FLAG_EVALUATION, is_text
from handlers._lifecycle import follow
from handlers._log import THOUSANDTHS, Output, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sized
    from typing import Any, Protocol

    from handlers._http import Row

    Held = tuple[str, str]  # an event: its user and its JSON text
    Drop = Callable[[str, int], object]  # hears why events are lost, and how many

    class Counts(Protocol):
        """Where figures go: a ``_telemetry.Telemetry``, as far as this module knows it."""

        def count(self, name: str, number: int = 1) -> None: ...
        def gauge(self, name: str, value: int) -> None: ...

    class Asked(Protocol):
        """A ``_http.Request``, as far as this module knows it."""

        request_id: str

    class Sink(Protocol):
        """Where events go."""

        def send(self, events: list[Held], until: float | None, drop: Drop, last: bool = False) -> int:
            """Takes events and sends what it can, or must if this is the last time. How many wait. Tells ``drop`` of losses."""

        def forget(self) -> None:
            """Drops what waits: it is another process' to send."""


DROPPED, PENDING = "TrackingDropped", "TrackingPending"  # metrics
CLOSING_SECONDS = 1.0
MAX_USER = MAX_REQUEST_ID = 256
MAX_LINE_BYTES = 256 * 1024  # what any version of CloudWatch Logs takes as one event
MAX_HELD = 20_000
MOST_HELD_TEXTS = 1_000
MAX_SEEN = 10_000
IDS = 256  # random numbers drawn at a time
NUMBERED = 1_024  # events that share a random number but for its last digits
SAMPLING_SEED = 0x7261_7465  # users are sampled by another hash than the ones that flags split by
_ALL = 2**32
_NUMBERS = tuple([f"{number:04x}" for number in range(NUMBERED)])
_NO_CONTEXT = ',"context":{}'
_BETWEEN = f'","event_type":"{FLAG_EVALUATION}","timestamp":"'
_quote = encode_basestring_ascii
_encode = JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


class Log:
    """The sink that writes each event as one line. They leave with the request's log line, in one write (``_log.Output``)."""

    __slots__ = ("output",)

    def __init__(self, output: Output = output) -> None:
        self.output = output

    def hold(self, lines: str, number: int, tracker: Tracker) -> None:
        """Takes ``number`` events, each a line. Their tracker hears of those that can't be written, now or later."""
        if len(lines) > MAX_LINE_BYTES:  # one of them may be
            fit = [line for line in lines.splitlines(keepends=True) if len(line) <= MAX_LINE_BYTES]
            if len(fit) < number:
                tracker.drop("too_large", number - len(fit))
            lines, number = "".join(fit), len(fit)
            if not fit:
                return
        held = self.output.held
        held.append((lines, number, tracker))
        if len(held) > MOST_HELD_TEXTS:  # nobody lets go of them: this must not be where memory goes
            self.output.let_go()

    def send(self, events: list[Held], until: float | None, drop: Drop, last: bool = False) -> int:
        self.output.let_go()
        return 0

    def forget(self) -> None:
        self.output.held.clear()


class Lines:
    """Figures as metric lines of their own: where there is no request's line to put them on."""

    def count(self, name: str, number: int = 1) -> None:
        from handlers._metrics import report

        report(name, number, "Count", {})

    gauge = count


class Nowhere:
    """The sink of a function without tracking."""

    def send(self, events: list[Held], until: float | None, drop: Drop, last: bool = False) -> int:
        return 0

    def forget(self) -> None:
        return


class Tracker:
    """Makes events and hands them to a sink at the end of each request. Made once per process; may be used by threads.

    ``rate``: the share of users whose evaluations are tracked, 0 to 1; exposures always are. ``attributes``: what of a context
    may leave the process (requirement FLT-06). ``salt``: users are replaced by a keyed hash; None: they are left as they are.
    ``window_s``: an exposure is sent once in each such span of time. ``wall``: epoch nanoseconds.

    ``pending``: whether ``flush`` has anything to send. ``held``: what leaves with the request's log line, or by ``flush``
    where there is none. ``dropped``: events that were lost, by reason, since the start.
    """

    __slots__ = (
        "__weakref__", "_active", "_attributes", "_end", "_hasher", "_held", "_ids", "_limit", "_lock", "_log", "_named",
        "_naming", "_second", "_seen", "_sink", "_wall", "_window", "_window_s", "dropped", "held", "metrics", "pending",
    )  # fmt: skip

    def __init__(
        self,
        sink: Sink,
        metrics: Counts | None = None,
        *,
        rate: float = 1.0,
        attributes: Iterable[str] = (),
        salt: str | None = None,
        window_s: int = 3600,
        wall: Callable[[], int] = time_ns,
    ) -> None:
        self._sink = sink
        self._log = sink if isinstance(sink, Log) else None
        self.held: Sized = () if self._log is None else self._log.output.held
        self._active = not isinstance(sink, Nowhere)
        self.metrics: Counts = Lines() if metrics is None else metrics
        self._limit = int(rate * _ALL)
        self._attributes = tuple(attributes)
        self._hasher = None if salt is None else hasher(salt)
        self._naming = hasher(salt or "") if self._active else None
        self._window_s = window_s
        self._wall = wall
        self._held: list[Held] = []
        self._ids: list[str] = []
        self._seen: dict[tuple[object, ...], None] = {}
        self._window = -1
        self._second: tuple[int, str] = (-(2**63), "")  # when the known one began, in ns, and its text
        sampled = "" if self._limit >= _ALL else f'"rate":{rate}'
        self._end = _NO_CONTEXT + (f'}},"metadata":{{{sampled}}}}}\n' if sampled else "}}\n")
        self._named = f'{_NO_CONTEXT}}},"metadata":{{{sampled}{sampled and ","}"request_id":'
        self._lock = allocate_lock()
        self.dropped: dict[str, int] = {}
        self.pending = False
        follow(self)

    # --- events ---------------------------------------------------------------------------------------------------------

    def track_flags(self, request: Asked | None, user_id: object, context: Mapping[str, object], rows: list[Row]) -> None:
        """One event for each flag that one request asked about (requirements FLT-01 and BAT-07). Raises nothing.

        A row is what ``_outcome.properties_of`` says of an answer. Without a user there is no event, which is counted. The
        events have the request's id, which its log line and its answer have too (requirement MON-07).
        """
        if not self._active or not rows:
            return
        try:
            if type(user_id) is not str or not user_id.isprintable() or len(user_id) > MAX_USER or user_id.isspace():
                user = self._user(user_id)  # a rare one
            else:
                user = user_id if self._hasher is None else digest(self._hasher, user_id)
            if not user:
                self.drop("no_user" if user_id is None or user_id == "" else "invalid", len(rows))
                return
            if self._limit < _ALL and mmh3.hash(user_id, SAMPLING_SEED, False) >= self._limit:  # type: ignore[arg-type]
                return
            now = self._wall()
            begun, second = self._second  # read at once: another thread may replace it
            if not 0 <= now - begun < 1_000_000_000:
                begun, second = self._turn(now)
            moment = THOUSANDTHS[(now - begun) // 1_000_000]
            if request is not None and (asked := request.request_id):
                end = f"{self._named}{_quote(asked[:MAX_REQUEST_ID])}}}}}\n"
            else:
                end = self._end
            if self._attributes:
                end = f',"context":{self._context(context)}{end[len(_NO_CONTEXT) :]}'
            number = len(rows)
            if number == 1:
                try:
                    draw = self._ids.pop()
                except IndexError:
                    draw = self._id()
                about = f'{second}{moment}Z","user_id":{_quote(user)},"properties":{{{rows[0]}{end}'
                lines = f'{{"event_id":"{draw}{_BETWEEN}{about}'
            else:
                between = f'{_BETWEEN}{second}{moment}Z","user_id":{_quote(user)},"properties":{{'
                lines = self._lines(rows, between, end)
            if self._log is not None:
                self._log.hold(lines, number, self)
                return
            self._held += [(user, line) for line in lines.splitlines()]
            self.pending = True
            if len(self._held) > MAX_HELD:  # nobody flushes: this must not be where memory goes
                self.flush()
        except Exception:  # whatever it is, an event isn't worth a request (requirement FLT-02)
            self.drop("error", len(rows))

    def _lines(self, rows: list[Row], between: str, end: str) -> str:
        """Several events of one request, a line each. Their ids are 28 random hex digits and four that count."""
        texts = []
        for start in range(0, len(rows), NUMBERED):
            some = rows[start : start + NUMBERED]
            head = f'{{"event_id":"{self._id()[4:]}'
            parts = [f"{end}{head}"] * (4 * len(some) + 1)  # slices are filled faster than texts are formatted one by one
            parts[0] = head
            parts[1::4] = _NUMBERS[: len(some)]
            parts[2::4] = [between] * len(some)
            parts[3::4] = some
            parts[-1] = end
            texts.append("".join(parts))
        return texts[0] if len(texts) == 1 else "".join(texts)

    def exposed(
        self,
        user_id: str,
        experiment_id: str,
        experiment_key: str,
        variant: str,
        assignment_id: str | None = None,
        timestamp: str | None = None,
    ) -> None:
        """The event of a first assignment (requirement ASG-17). ``timestamp``: ISO 8601. Raises nothing.

        What was already told in this span of time isn't told again. Every process gives the event the same ``event_id``; and
        without a ``timestamp`` it has none, so that it is the same event, which readers count once.
        """
        if not self._active:
            return
        try:
            user = self._user(user_id)
            if user is None or not is_text(experiment_id, MAX_USER):
                self.drop("invalid", 1)
                return
            event_id = self._new_exposure(user_id, experiment_id, variant)
            if event_id is None:
                return
            moment = "" if timestamp is None else f'"timestamp":"{timestamp}",'
            line = (
                f'{{"event_id":"{event_id}","event_type":"{EXPOSURE}","user_id":{_quote(user)},'
                f'"experiment_id":{_quote(experiment_id)},{moment}"properties":{{'
                f'"experiment_key":{_quote(experiment_key)},"variant":{_quote(variant)},'
                f'"assignment_id":{"null" if assignment_id is None else _quote(assignment_id)}}}}}\n'
            )
            if self._log is not None:
                self._log.hold(line, 1, self)
            else:
                self._held.append((user, line[:-1]))
                self.pending = True
        except Exception:
            self.drop("error", 1)

    # --- their way out --------------------------------------------------------------------------------------------------

    def flush(self, until: float | None = None) -> None:
        """Sends what it holds, by ``until`` (seconds of ``time.monotonic``) and within the sink's budget. Raises nothing.

        What must wait stays for the next flush, and its number is the metric ``TrackingPending``.
        """
        try:
            if self._lock.acquire(False):  # whoever has it sends ours as well, now or at the end of a later request
                try:
                    self.pending = False
                    waiting = self._sink.send(self._taken(), until, self.drop)
                finally:
                    self._lock.release()
                if waiting:
                    self.pending = True
                    self.metrics.gauge(PENDING, waiting)
        except Exception:
            self.pending = True

    def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """At the end of the process: sends what waits; what couldn't be sent is dropped, and counted. Raises nothing."""
        self.metrics = Lines()  # no request will carry the figures
        try:
            with self._lock:
                if waiting := self._sink.send(self._taken(), monotonic() + seconds, self.drop, last=True):
                    self._sink.forget()
                    self.drop("shutdown", waiting)
        except Exception:
            self.drop("error", 1)

    def prepare(self) -> None:
        """Nothing: what a sink needs is prepared when it is made."""

    def restart(self) -> None:
        """In a forked child or a restored snapshot: what waits is another process' to send, and so are the drawn ids."""
        self._lock = allocate_lock()
        self._held = []
        self._ids = []
        self._sink.forget()
        self.pending = False

    def _taken(self) -> list[Held]:
        """What is held. Whoever adds meanwhile adds to the same list, whose rest stays."""
        held = self._held
        events = held[:]
        del held[: len(events)]
        return events

    def drop(self, reason: str, number: int) -> None:
        """Counts lost events (requirement FLT-05)."""
        self.dropped[reason] = self.dropped.get(reason, 0) + number
        try:
            self.metrics.count(DROPPED, number)
            self.metrics.count(f"{DROPPED}_{reason}", number)
        except Exception:  # counted above all the same
            return

    # --- parts of an event ----------------------------------------------------------------------------------------------

    def _user(self, user_id: object) -> str | None:
        """Who the event is about, as it leaves the process; None when that can't be a user."""
        if type(user_id) is not str or not is_text(user_id, MAX_USER):
            return None
        return user_id if self._hasher is None else digest(self._hasher, user_id)

    def _turn(self, now: int) -> tuple[int, str]:
        """When the second of ``now`` began, in ns, and its text up to the point."""
        seconds = now // 1_000_000_000
        self._second = (seconds * 1_000_000_000, strftime("%Y-%m-%dT%H:%M:%S.", gmtime(seconds)))
        return self._second

    def _id(self) -> str:
        """32 random hex digits. They are drawn many at a time: a draw is a call of the system."""
        while True:
            try:
                return self._ids.pop()
            except IndexError:  # or another thread has taken the last
                text = os.urandom(16 * IDS).hex()
                self._ids.extend([text[start : start + 32] for start in range(0, 32 * IDS, 32)])

    def _context(self, context: Mapping[str, object]) -> str:
        return _encode({name: context[name] for name in self._attributes if name in context})

    def _new_exposure(self, user_id: str, experiment_id: str, variant: str) -> str | None:
        """The id of an exposure; None for one that was already told in this span of time."""
        window = self._wall() // (self._window_s * 1_000_000_000)
        if window != self._window:
            self._window = window
            self._seen.clear()
        seen, key = self._seen, (user_id, experiment_id, variant)
        if key in seen:
            return None
        if len(seen) >= MAX_SEEN:  # the oldest tenth; their next exposures are repeated, with the same ids
            for old in list(seen)[: MAX_SEEN // 10]:
                seen.pop(old, None)
        seen[key] = None
        return digest(self._naming, f"[{_quote(user_id)},{_quote(experiment_id)},{_quote(variant)},{window}]")


def hasher(salt: str) -> Any:
    """A BLAKE2s of 16 bytes, keyed by ``salt``: of ids, which are short, it takes less time than BLAKE2b."""
    from hashlib import blake2s

    key = blake2s(salt.encode("utf-8", "surrogatepass")).digest()  # a salt of any length
    return blake2s(digest_size=16, key=key)


def digest(hasher: Any, text: str) -> str:
    """32 hex digits that stand for ``text``, which has a form in UTF-8."""
    mine = hasher.copy()
    mine.update(text.encode())
    found: str = mine.hexdigest()
    return found
