"""Results and the table of counters: what a document is made from, and the looks that are kept of it. For ``handlers.results``.

A *look* is what a phase's results said at some minute: lifts with their bounds. The schedule keeps looks so that the lift over
time can be drawn; nothing is computed from them. They are kept a hundredth of the phase's age apart at least, so that a
phase of three months has some hundreds of them, and its first hour as many as its last month.
"""

from __future__ import annotations

import json
from calendar import timegm
from concurrent.futures import ThreadPoolExecutor
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, Any, NamedTuple

from evaluator.errors import BurgeeError
from handlers import _counters as counters
from handlers._results import MOMENT, document, variants_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from handlers._counters import Phase
    from handlers._experiments import Experiment

DAY_SECONDS = 86_400
MAX_READERS = 8  # variants that are read at once
LOOK = "look"
MAX_LOOK_METRICS = 50
SPACING = 0.01  # of the phase's age
MINUTE_MS = 60_000
_MINUTE = "%Y-%m-%dT%H:%MZ"


class NoSuchPhase(BurgeeError):
    """The experiment has no phase of that number."""


class Look(NamedTuple):
    """``lifts``: metric -> variant -> lift and its bounds, each of which may be unknown. ``at_ms``: epoch milliseconds."""

    at_ms: int
    users: int
    mismatch_p: float
    lifts: dict[str, dict[str, list[float | None]]]


class Results:
    """Reads the table of counters and keeps looks in it. Every method raises botocore's errors."""

    def __init__(self, client: DynamoDBClient, table: str, horizon: int, look_days: int) -> None:
        self._client = client
        self._table = table
        self._counters = counters.Counters(client, table)
        self._horizon = horizon
        self._look_days = look_days

    def read(self, experiment: Experiment, now_ms: int, number: int | None = None) -> dict[str, Any]:
        """The document of a phase, the newest unless a number is given. Raises NoSuchPhase."""
        phases = self._counters.phases(experiment.id)
        phase = _chosen(phases, number)
        if phase is None:
            return document(experiment, phases, None, {}, now_ms, self._horizon)
        names = variants_of(experiment, phase)

        def window(variant: str) -> dict[str, counters.Totals]:
            return self._counters.window(experiment.id, variant, counters.PHASE, phase.number)

        with ThreadPoolExecutor(max(1, min(MAX_READERS, len(names)))) as pool:
            totals = dict(zip(names, pool.map(window, names), strict=True))
        return document(experiment, phases, phase, totals, now_ms, self._horizon)

    # --- looks --------------------------------------------------------------------------------------------------------

    def looks(self, experiment: Experiment, phase: int) -> list[Look]:
        """Those that were kept, oldest first."""
        partition = counters.looks_partition(experiment.id, phase)
        found = (_look_of(item) for item in self._counters.query(partition))
        return [look for look in found if look is not None]

    def keep(self, experiment: Experiment, found: dict[str, Any], now_ms: int) -> bool:
        """Keeps a look at this document if it is time for one. False: the last one is too near."""
        partition = counters.looks_partition(experiment.id, found["phase"]["number"])
        age_ms = now_ms - timegm(strptime(found["phase"]["started_at"], MOMENT)) * 1_000
        last_ms = self._last(partition)
        if last_ms is not None and now_ms - last_ms < max(MINUTE_MS, SPACING * age_ms):
            return False
        look = look_at(found, now_ms)
        text = json.dumps({"users": look.users, "p": look.mismatch_p, "lifts": look.lifts}, separators=(",", ":"))
        self._client.put_item(
            TableName=self._table,
            Item={
                counters.PARTITION_KEY: {"S": partition},
                counters.SORT_KEY: {"S": strftime(_MINUTE, gmtime(now_ms // 1_000))},
                counters.TTL: {"N": str(now_ms // 1_000 + self._look_days * DAY_SECONDS)},
                LOOK: {"S": text},
            },
        )
        return True

    def _last(self, partition: str) -> int | None:
        """When the newest look was, in epoch milliseconds."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="#partition = :partition",
            ProjectionExpression="#sort",
            ExpressionAttributeNames={"#partition": counters.PARTITION_KEY, "#sort": counters.SORT_KEY},
            ExpressionAttributeValues={":partition": {"S": partition}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return _minute_ms(answer["Items"][0][counters.SORT_KEY]["S"]) if answer["Items"] else None


def _chosen(phases: list[Phase], number: int | None) -> Phase | None:
    if number is None:
        return phases[-1] if phases else None
    for phase in phases:
        if phase.number == number:
            return phase
    raise NoSuchPhase(f"there is no phase {number}")


def look_at(found: dict[str, Any], now_ms: int) -> Look:
    """What is kept of a document: of the metrics with most events."""
    lifts: dict[str, dict[str, list[float | None]]] = {}
    for metric in found["metrics"][:MAX_LOOK_METRICS]:
        lifts[metric["metric"]] = {
            each["variant"]: [each["lift"], *(each["lift_interval"] or (None, None))] for each in metric["comparisons"]
        }
    ratio = found["sample_ratio"]
    return Look(now_ms, sum(ratio["observed"].values()), ratio["p_value"], lifts)


def _look_of(item: dict[str, Any]) -> Look | None:
    """None for an item that isn't ours."""
    at_ms = _minute_ms(str(item[counters.SORT_KEY]))
    try:
        found = json.loads(item[LOOK])
        return None if at_ms is None else Look(at_ms, found["users"], found["p"], found["lifts"])
    except (LookupError, ValueError, TypeError):
        return None


def _minute_ms(text: str) -> int | None:
    try:
        return timegm(strptime(text, _MINUTE)) * 1_000
    except ValueError:
        return None
