"""The config-sync function: the platform's tables in, the next version of the snapshot out. docs/sync.md describes its work.

It is started by the tables' streams, by a schedule and by people. Whatever starts it, it does the same: reads everything,
compiles, and publishes what changed. So a burst of changes is one publish, a lost event is made good by the next one, and the
schedule alone would do. boto3 and Powertools are welcome here: nobody waits for this function's cold start.
"""

import time
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError

from config_sync.compile import CompileResult, compile_project
from config_sync.diagnostics import ERROR
from config_sync.publish import Limits
from config_sync.release import Release, publish
from config_sync.signing import Signer
from config_sync.sources.tables import Item, Tables, client, read_tables, tables_of_environment
from config_sync.store import Store, open_store
from evaluator.errors import BurgeeError
from handlers._signing_key import KeyUnreadable, name_of, read_key
from handlers._stream import records_of, sequence_of
from handlers._sync_settings import FILE, KEY_SECONDS, KeySource, SettingsError, SyncSettings, settings_of_environment

NAMESPACE = "Burgee"
SERVICE = "burgee-sync"
STATUSES = ("published", "unchanged", "refused", "held", "failed")
MAX_MESSAGE_CHARACTERS = 500
MAX_LOGGED = 20  # items with errors in one log line; the metric counts them all
LEAST_MS = {"build": 1_000.0, "publish": 1_000.0}  # what each half is expected to take before one has been seen

TORN = frozenset({"UNKNOWN-SEGMENT", "UNKNOWN-LAYER", "UNKNOWN-HOLDOUT", "UNKNOWN-PREREQUISITE", "BAD-PREREQUISITE"})
"""Errors about references. Four tables aren't read at one instant, so these may be of the reading and not of the project."""

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


class SyncFailed(BurgeeError):
    """Nothing was published although it should have been looked at. What was published before stays. Safe to log."""


class Request(NamedTuple):
    """Why the function runs. ``records``: the batch's sequence numbers in order; None: no stream. ``force``: past the gate."""

    message: str
    records: tuple[str, ...] | None = None
    force: bool = False


@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """AWS Lambda's entry point.

    A stream's batch is answered with ``batchItemFailures``; anything else with a small document of what became of it. Raises
    ValueError for an event that makes no sense, and SyncFailed when there is no stream to repeat the batch for us.
    """
    started = time.monotonic()
    try:
        request = read_event(event)
    except ValueError:
        _count("failed", 0)
        raise
    try:
        settings = settings_of_environment()
        source = _Source(_dynamodb(), tables_of_environment(), _Deadline(context))
        release = _publish(request, settings, source)
    except Exception as error:
        return _failed(request, error, started)
    document = _told(request, release, source, started)
    if release.status == "failed" and request.records is None:
        raise SyncFailed("; ".join(release.reasons))
    return {"batchItemFailures": []} if request.records is not None else document


def read_event(event: Any) -> Request:
    """A DynamoDB Streams batch, a schedule's event, or ``{"force": bool, "message": str}``. Raises ValueError."""
    if not isinstance(event, dict):
        raise ValueError("the event is no JSON object")
    if isinstance(event.get("Records"), list):
        records = tuple(map(sequence_of, records_of(event)))
        return Request(f"sync: {len(records)} changes in a table", records)
    if "detail-type" in event:
        return Request("sync: scheduled")
    if unknown := sorted(event.keys() - {"force", "message"}):
        raise ValueError(f"the event's field {unknown[0]!r:.60} is unknown; it may have force and message")
    force, message = event.get("force", False), event.get("message", "")
    if not isinstance(force, bool) or not isinstance(message, str):
        raise ValueError("the event's force must be true or false, and its message a text")
    return Request(message[:MAX_MESSAGE_CHARACTERS] or ("sync: forced by hand" if force else "sync: by hand"), None, force)


# --- once per sandbox -------------------------------------------------------------------------------------------------
# Made at the first invocation and kept. What raised isn't kept, so that a wrong key or role is looked at again.


@cache
def _dynamodb() -> Any:
    try:
        return client()
    except (BotoCoreError, ValueError) as error:
        raise SyncFailed(f"there can be no DynamoDB client ({type(error).__name__}): check AWS_REGION") from error


@cache
def _store(url: str) -> Store:
    return open_store(url)


class _Held(NamedTuple):
    """A key that was read, from where and when (epoch seconds)."""

    source: KeySource
    signer: Signer
    at: float


class _Keys:
    """The key that signs. It is read again every few minutes, so that one that was switched is soon used: a sandbox lives for
    hours. While AWS can't give it again, the one in hand signs on: a flag must be able to be switched off then too."""

    def __init__(self) -> None:
        self._held: _Held | None = None

    def signer(self, source: KeySource | None) -> Signer | None:
        """Raises SigningError and KeyUnreadable."""
        if source is None:
            return None
        held = self._held if self._held is not None and self._held.source == source else None
        now = time.time()  # the other clock may stand still while the sandbox is frozen
        if held is not None and 0 <= now - held.at < KEY_SECONDS:
            return held.signer
        try:
            signer = _read_signer(source)
        except KeyUnreadable as error:
            if held is None or not error.passes:
                raise
            logger.warning("the signing key can't be read again: the one in hand is used", extra={"reason": str(error)})
            return held.signer
        self._held = _Held(source, signer, now)
        return signer


def _read_signer(source: KeySource) -> Signer:
    return Signer.from_file(source.place) if source.variable == FILE else Signer(read_key(source), name_of(source))


_keys = _Keys()


# --- one sync ---------------------------------------------------------------------------------------------------------


class _Deadline:
    """The end of the invocation. Lambda kills at the deadline: safe for the store at any point, but work for nothing."""

    expected_ms: ClassVar[dict[str, float]] = dict(
        LEAST_MS
    )  # by half: what the last full publish in this sandbox took, and a quarter more

    def __init__(self, context: Any) -> None:
        self._remaining: Callable[[], float] = getattr(context, "get_remaining_time_in_millis", lambda: float("inf"))

    def check(self, *halves: str) -> None:
        """Raises SyncFailed when these halves won't fit any more."""
        needed, left = sum(self.expected_ms[half] for half in halves), self._remaining()
        if left < needed:
            raise SyncFailed(
                f"{left:.0f} ms are left and {needed:.0f} ms are needed to {' and '.join(halves)}: not begun, so that nothing "
                "is cut off; raise the function's timeout or memory if this goes on"
            )

    def learn(self, steps_ms: dict[str, float]) -> None:
        build = steps_ms.get("build", 0.0)
        for half, taken in (("build", build), ("publish", sum(steps_ms.values()) - build)):
            self.expected_ms[half] = max(LEAST_MS[half], taken * 1.25)


class _Source:
    """The tables, read and compiled each time that ``build`` is called."""

    def __init__(self, dynamodb: Any, tables: Tables, deadline: _Deadline) -> None:
        self._dynamodb = dynamodb
        self._tables = tables
        self.deadline = deadline
        self.items: dict[str, list[Item]] = {}

    def build(self) -> CompileResult:
        """Raises SourceError, and SyncFailed when time runs out."""
        self.deadline.check("build", "publish")
        self.items = read_tables(self._dynamodb, self._tables)
        result = compile_project(self.items)
        if any(item.code in TORN for item in result.diagnostics):
            result = self._again(result)
        self.deadline.check("publish")
        return result

    def _again(self, result: CompileResult) -> CompileResult:
        """A second look after errors about references: what was written while the first was under way is there now."""
        before, self.items = self.items, read_tables(self._dynamodb, self._tables)
        return result if self.items == before else compile_project(self.items)


def _publish(request: Request, settings: SyncSettings, source: _Source) -> Release:
    given: Any = settings.limits
    signer = _keys.signer(settings.key)
    release = publish(
        _store(settings.store),
        source.build,
        limits=Limits(**given),
        force=request.force,
        signer=signer,
        message=request.message,
    )
    if release.status == "published":
        source.deadline.learn(release.steps_ms)
    return release


# --- what is said about it --------------------------------------------------------------------------------------------


def _told(request: Request, release: Release, source: _Source, started: float) -> dict[str, Any]:
    """Logs and counts what became of a sync that ran to its end; the document for whoever asked."""
    duration_ms = round((time.monotonic() - started) * 1_000)
    broken = _broken(release, source.items)
    errors = max(release.tombstones, len(broken))
    _count(release.status, duration_ms)
    metrics.add_metric("FlagErrors", MetricUnit.Count, errors)
    if release.manifest is not None:
        metrics.add_metric("SnapshotBytes", MetricUnit.Bytes, release.manifest.size)
        metrics.add_metric("FlagCount", MetricUnit.Count, release.manifest.flags)
    document: dict[str, Any] = {
        "status": release.status,
        "version": release.version,
        "reasons": list(release.reasons),
        "flag_errors": errors,
        "duration_ms": duration_ms,
    }
    more = {"broken": broken[:MAX_LOGGED], "trigger": request.message, "figures": release.figures()}
    is_fine = release.status in ("published", "unchanged") and not errors
    log = logger.info if is_fine else logger.error if release.status == "failed" else logger.warning
    log("sync", extra=document | more)
    return document


def _broken(release: Release, items: dict[str, list[Item]]) -> list[dict[str, str]]:
    """The items that have errors: table and key, the first error's code and field. No message: it may quote what the item
    holds; and no more of the path than the field: below it may be users' names."""
    found: dict[tuple[str, Any], dict[str, str]] = {}
    for diagnostic in release.diagnostics:
        pointer = diagnostic.origin.pointer
        if diagnostic.severity == ERROR and len(pointer) >= 2 and (place := (str(pointer[0]), pointer[1])) not in found:
            key = _key(items, *place)
            field = str(pointer[2]) if len(pointer) > 2 else ""
            found[place] = {"item": f"{place[0]}/{key}", "code": diagnostic.code, "field": field[:60]}
    return list(found.values())


def _key(items: dict[str, list[Item]], section: str, index: Any) -> str:
    try:
        return str(items[section][index]["key"])[:100]
    except (KeyError, IndexError, TypeError):
        return f"[{index}]"


def _count(status: str, duration_ms: float) -> None:
    """Every status is counted every time, the others with 0: an alarm on any of them always has data."""
    for name in STATUSES:
        metrics.add_metric(f"Sync{name.capitalize()}", MetricUnit.Count, int(name == status))
    metrics.add_metric("SyncDurationMs", MetricUnit.Milliseconds, duration_ms)


def _failed(request: Request, error: Exception, started: float) -> dict[str, Any]:
    """Counts and logs a sync that couldn't be done; has the stream repeat its batch, or raises SyncFailed."""
    duration_ms = round((time.monotonic() - started) * 1_000)
    # Our own errors say what to do and quote no item. Of any other only the kind and the place are told.
    is_ours = isinstance(error, (BurgeeError, SettingsError))
    reason = str(error) if is_ours else f"an unexpected {type(error).__name__}"
    _count("failed", duration_ms)
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    document = {"status": "failed", "reasons": [reason], "duration_ms": duration_ms, "trigger": request.message}
    logger.error("sync", extra=document | {"where": where})
    if not request.records:
        raise SyncFailed(reason) from None
    # The first record stands for the batch: Lambda goes back to the lowest number it is given and sends that record and
    # everything after it again. One number is as good as all of them, and it keeps the answer small.
    return {"batchItemFailures": [{"itemIdentifier": request.records[0]}]}
