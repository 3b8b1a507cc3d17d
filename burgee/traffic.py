"""Made-up users of an experiment: they are assigned, see a variant, buy; and a ledger of that. For ``burgee.simulate``.

Everything drawn comes from one seeded generator, so the same seed does the same again; what the platform decides (who is in,
which variant) is asked for. The client is the standard library's: the simulator adds no dependency.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from burgee.trouble import Trouble

EXPOSURE, PURCHASE = "exposure", "purchase"
BATCH = 250  # events in one request; /events/batch takes 500
ATTEMPTS = 8  # of one request
PAUSE_SECONDS = 0.05  # before the second; doubles
TIMEOUT_SECONDS = 30.0
_AGAIN = frozenset((429, 500, 502, 503, 504))

Event = dict[str, Any]


class Answer(NamedTuple):
    """``attempts``: how often it was asked for."""

    status: int
    body: Any
    attempts: int


class Client:
    """Requests to one URL, over a connection for each thread. What fails for a while is asked for again."""

    def __init__(self, url: str, sleep: Callable[[float], object] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Trouble(f"{url!r:.100} is no URL of a platform")
        self._secure, self._host, self._port, self._path = (
            parts.scheme == "https",
            parts.hostname,
            parts.port,
            parts.path.rstrip("/"),
        )
        self._sleep = sleep
        self._mine = threading.local()

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """The first answer that isn't "later". Raises Trouble when there is none."""
        data = None if body is None else json.dumps(body)
        status, found = 0, b""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                connection = self._connection()
                connection.request(method, self._path + path, data, {"Content-Type": "application/json"} if data else {})
                response = connection.getresponse()
                status, found = response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                self._mine.connection = None
                if attempt + 1 == ATTEMPTS:
                    raise Trouble(f"{self._host} doesn't answer: {type(error).__name__}") from error
                continue
            if status not in _AGAIN:
                return Answer(status, _parsed(found), attempt + 1)
        raise Trouble(f"{method} {path.partition('?')[0]} is answered {status}, {ATTEMPTS} times")

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if found is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            found = self._mine.connection = kind(self._host, self._port, timeout=TIMEOUT_SECONDS)
        return found


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


@dataclass
class Tally:
    """Of one event type in one variant: how many, by whom, and the property ``revenue``."""

    events: int = 0
    users: set[str] = field(default_factory=set)
    revenue: Decimal = Decimal(0)

    def add(self, user: str, revenue: Decimal = Decimal(0)) -> None:
        self.events += 1
        self.users.add(user)
        self.revenue += revenue


@dataclass
class Ledger:
    """What was done, as the counters must have it. ``variants``: variant -> event type -> tally.

    ``refused``: events that were refused at the door; ``repeated``: those that were sent again though they had been accepted;
    ``asked_again``: requests for an assignment that were, so that an exposure may be there twice.
    """

    experiment_id: str = ""
    variants: dict[str, dict[str, Tally]] = field(default_factory=dict)
    excluded: int = 0
    refused: int = 0
    repeated: int = 0
    asked_again: int = 0
    unstored: int = 0  # users whose assignment couldn't be stored
    lost: int = 0  # users who never saw their variant

    def tally(self, variant: str, event_type: str) -> Tally:
        return self.variants.setdefault(variant, {}).setdefault(event_type, Tally())

    def document(self) -> dict[str, Any]:
        """For JSON: counts, no users."""
        variants = {
            variant: {
                kind: {"events": tally.events, "users": len(tally.users), "revenue": str(tally.revenue)}
                for kind, tally in sorted(kinds.items())
            }
            for variant, kinds in sorted(self.variants.items())
        }
        numbers = {name: getattr(self, name) for name in ("excluded", "refused", "repeated", "asked_again", "unstored", "lost")}
        return {"experiment_id": self.experiment_id, "variants": variants, **numbers}


class Habits(NamedTuple):
    """How users behave. ``rate``: the share of a control's users who buy; ``effect``: by what share more do in other variants.

    ``loss``: the share of users of ``lossy`` whose page breaks before it has shown the variant.
    """

    rate: float = 0.3
    effect: float = 0.1
    loss: float = 0.0
    lossy: str = ""


class Traffic:
    """A run against ``client``. ``run_id`` makes users and event ids new; ``context`` is what every user has."""

    def __init__(
        self, client: Client, experiment: str, context: dict[str, Any], habits: Habits, seed: int, run_id: str, threads: int = 4
    ) -> None:
        self.ledger = Ledger()
        self._client = client
        self._experiment = experiment
        self._context = context
        self._habits = habits
        self._random = random.Random(seed)
        self._run_id = run_id
        self._threads = threads
        self._unstored: set[str] = set()
        self._numbers = iter(range(1, 2**62))
        self._lock = threading.Lock()  # of the ledger's counts

    # --- users --------------------------------------------------------------------------------------------------------

    def assign(self, count: int) -> dict[str, str]:
        """Assigns users until ``count`` are in; user -> variant. The platform makes their exposures.

        Raises Trouble when hardly anybody is let in.
        """
        return self._gather(count, self._assigned)

    def render(self, count: int) -> dict[str, str]:
        """Users of a page that evaluates the experiment by itself, and says so once it has shown a variant; user -> variant.

        Nothing is stored for them: their exposures, which are returned by ``exposures``, say the variant.
        """
        return self._gather(count, self._evaluated)

    def _gather(self, count: int, ask: Callable[[str], tuple[str, str | None]]) -> dict[str, str]:
        found: dict[str, str] = {}
        asked = 0
        with ThreadPoolExecutor(self._threads) as pool:
            while len(found) < count:
                if asked >= 200 and len(found) < asked / 50:
                    raise Trouble(f"only {len(found)} of {asked} users are in the experiment {self._experiment}: see --context")
                users = [f"sim-{self._run_id}-{asked + number}" for number in range(min(200, 4 * (count - len(found)) + 8))]
                asked += len(users)
                for user, variant in pool.map(ask, users):
                    if variant is None:
                        self.ledger.excluded += 1
                    else:
                        found[user] = variant
        return found

    def _assigned(self, user: str) -> tuple[str, str | None]:
        body = {"user_id": user, "experiment_key": self._experiment, "context": self._context}
        answer = self._client.ask("POST", "/assign", body)
        if answer.status != 200:
            raise Trouble(f"/assign answers {answer.status}: {_said(answer.body)}")
        with self._lock:
            self.ledger.asked_again += answer.attempts - 1
        if answer.body["excluded"]:
            return user, None
        self.ledger.experiment_id = answer.body["experiment_id"]
        if not answer.body["persisted"]:
            with self._lock:
                self.ledger.unstored += 1
                self._unstored.add(user)
        return user, answer.body["variant"]

    def _evaluated(self, user: str) -> tuple[str, str | None]:
        query = urlencode(
            {"user_id": user, "flag_key": self._experiment, "context": json.dumps(self._context)}, quote_via=quote
        )
        answer = self._client.ask("GET", f"/feature-flags/evaluate?{query}")
        if answer.status != 200:
            raise Trouble(f"/feature-flags/evaluate answers {answer.status}: {_said(answer.body)}")
        if answer.body["flag_id"]:
            self.ledger.experiment_id = answer.body["flag_id"]
        return user, answer.body["variant"] if answer.body["enabled"] else None

    # --- what they do -------------------------------------------------------------------------------------------------

    def exposed(self, users: dict[str, str]) -> None:
        """Notes the exposures that the platform has made."""
        for user, variant in users.items():
            self.ledger.tally(variant, EXPOSURE).add(user)

    def exposures(self, users: dict[str, str]) -> Iterator[Event]:
        """The exposures that pages send, and notes them. Those that broke before send none."""
        for user, variant in users.items():
            if variant == self._habits.lossy and self._random.random() < self._habits.loss:
                self.ledger.lost += 1
                continue
            self.ledger.tally(variant, EXPOSURE).add(user)
            told = {"experiment_key": self._experiment, "variant": variant, "assignment_id": None}
            yield self._event(user, EXPOSURE, told)

    def purchases(self, users: dict[str, str], control: str) -> Iterator[Event]:
        """What they buy, and notes it. ``control``: the variant that has no effect.

        Who has an assignment that couldn't be stored buys nothing: nobody could tell to which variant it belongs.
        """
        for user, variant in users.items():
            if user in self._unstored:
                continue
            rate = self._habits.rate * (1.0 if variant == control else 1.0 + self._habits.effect)
            if self._random.random() < rate:  # a rate above 1 is 1
                revenue = round(self._random.lognormvariate(3.0, 0.5), 2)
                self.ledger.tally(variant, PURCHASE).add(user, Decimal(str(revenue)))
                yield self._event(user, PURCHASE, {"revenue": revenue})

    def invalid(self, count: int) -> Iterator[Event]:
        """Events that the contract forbids."""
        wrong: Sequence[Event] = ({"event_type": "pur chase"}, {"user_id": " "}, {"timestamp": "yesterday"}, {"properties": 1})
        for number in range(count):
            yield self._event(f"sim-{self._run_id}-bad", PURCHASE, {}) | wrong[number % len(wrong)]

    def _event(self, user: str, event_type: str, properties: dict[str, Any]) -> Event:
        return {
            "event_id": f"sim-{self._run_id}-{next(self._numbers)}",
            "event_type": event_type,
            "user_id": user,
            "experiment_id": self.ledger.experiment_id,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "properties": properties,
        }

    # --- sending ------------------------------------------------------------------------------------------------------

    def send(self, events: Iterable[Event], duplicates: float = 0.0) -> None:
        """Sends events until each is accepted or refused. A share of what was accepted is sent once more, as by a producer
        that never got its answer.
        """
        waiting = list(events)
        batches = [waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH)]
        with ThreadPoolExecutor(self._threads) as pool:
            again = [event for accepted in pool.map(self.deliver, batches) for event in accepted]
        repeated = [event for event in again if self._random.random() < duplicates]
        self.ledger.repeated += len(repeated)
        for start in range(0, len(repeated), BATCH):
            self.deliver(repeated[start : start + BATCH])

    def deliver(self, events: list[Event]) -> list[Event]:
        """Sends one batch until each event is accepted or refused; those that were accepted. Several threads may call it."""
        accepted: list[Event] = []
        for attempt in range(ATTEMPTS):
            answer = self._client.ask("POST", "/events/batch", {"events": events})
            results = answer.body.get("results") if isinstance(answer.body, dict) else None
            if results is None:
                raise Trouble(f"/events/batch answers {answer.status}: {_said(answer.body)}")
            by_status = Counter(result["status"] for result in results)
            with self._lock:
                self.ledger.refused += by_status["rejected"]
            pairs = list(zip(events, results, strict=True))
            accepted += [event for event, result in pairs if result["status"] == "accepted"]
            events = [event for event, result in pairs if result["status"] == "unavailable"]
            if not events:
                return accepted
            time.sleep(PAUSE_SECONDS * 2**attempt)
        raise Trouble(f"{len(events)} events were never accepted")


def _said(body: Any) -> str:
    return str(body.get("error", ""))[:200] if isinstance(body, dict) else ""
