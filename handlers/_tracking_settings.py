"""What an operator can set about events: the environment, read once. For the handlers with an endpoint.

The variables, their units and defaults are described in docs/events.md. On the cold path: Kinesis' client is imported only
where events go there.
"""

from __future__ import annotations

from handlers._log import log
from handlers._settings import STREAM, stream_name
from handlers._tracking import Log, Nowhere, Tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers._tracking import Counts, Sink

SINK, RATE, CONTEXT, USERS = "BURGEE_TRACKING", "BURGEE_TRACKING_RATE", "BURGEE_TRACKED_CONTEXT", "BURGEE_TRACKING_USERS"
SALT, BUDGET, AGE, WINDOW = (
    "BURGEE_TRACKING_SALT", "BURGEE_TRACKING_BUDGET_MS", "BURGEE_TRACKING_AGE_MS", "BURGEE_EXPOSURE_WINDOW_S",
)  # fmt: skip
BUDGET_MS = 20
WINDOW_S = 3_600
FAILURES, COOL_DOWN_MS = 3, 10_000  # of Kinesis: so many in a row, then nothing is sent for so long
NEVER_TRACKED = frozenset(("targetingKey", "user_id"))  # an event has its user_id, hashed where that is wanted


def tracker_of(environment: Mapping[str, str], metrics: Counts | None = None) -> Tracker:
    """The tracker that these variables say. Raises ValueError, naming the variable and what it may be.

    Where nothing says where events should go, that is logged once and none are made (requirement FLT-02).
    """
    stream = stream_name(environment)
    name = environment.get(SINK, "") or ("kinesis" if stream else "")
    if name not in ("", "log", "kinesis", "none"):
        raise ValueError(f"{SINK} is {name!r:.40}; it must be log, kinesis or none")
    if name == "" or (name == "kinesis" and not stream):
        log("WARNING", f"no event is tracked: {SINK} or {STREAM} says where events go")
        name = "none"
    users = environment.get(USERS, "") or ("hashed" if name == "log" else "clear")
    if users not in ("hashed", "clear"):
        raise ValueError(f"{USERS} is {users!r:.40}; it must be hashed or clear")
    tracker = Tracker(
        _sink(name, stream, environment),
        metrics,
        rate=_rate(environment),
        attributes=_attributes(environment),
        salt=environment.get(SALT, "") if users == "hashed" else None,
        window_s=_number(environment, WINDOW, WINDOW_S, 1, "a number of seconds"),
    )
    if name == "kinesis":
        import atexit

        atexit.register(tracker.close)
    return tracker


def _sink(name: str, stream: str, environment: Mapping[str, str]) -> Sink:
    if name == "none":
        return Nowhere()
    if name == "log":
        return Log()
    from handlers._aws_json import client_of
    from handlers._breaker import Breaker
    from handlers._kinesis import Kinesis

    budget_ms = _number(environment, BUDGET, BUDGET_MS, 1, "a number of milliseconds")
    age_ms = _number(environment, AGE, 0, 0, "a number of milliseconds")
    sink = Kinesis(stream, client_of("kinesis", environment), Breaker(FAILURES, COOL_DOWN_MS), budget_ms, age_ms)
    sink.prepare()
    return sink


def _rate(environment: Mapping[str, str]) -> float:
    text = environment.get(RATE, "") or "1"
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"{RATE} is {text!r:.40}; it must be a number from 0 to 1")
    return rate


def _attributes(environment: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in environment.get(CONTEXT, "").split(",") if part.strip())
    if wrong := NEVER_TRACKED.intersection(names):
        raise ValueError(f"{CONTEXT} lists {sorted(wrong)[0]}, which every event has as its user_id")
    return names


def _number(environment: Mapping[str, str], name: str, default: int, least: int, what: str) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if number < least:
        raise ValueError(f"{name} is {text!r:.40}; it must be {what} of at least {least}")
    return number
