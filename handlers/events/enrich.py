"""What is known of an event's user and experiment (requirements ENR-01 to ENR-08). For ``handlers.events``.

``Assignments`` looks assignments up, a call for a hundred; ``enrich`` is a pure function over a batch. An assignment that
couldn't be stored in time (requirement ASG-13) is told by its exposure all the same: the processor keeps what such an exposure
says, so that the user's later events are counted too.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers._contract import EXPOSURE, is_text, is_timestamp
from handlers._counters import PARTITION_KEY, SORT_KEY, Key, exposed_key
from handlers._experiments import Experiment
from handlers.events import dynamodb
from handlers.events.model import Entry
from handlers.events.validate import epoch_ms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_REMEMBERED = 50_000
MAX_VARIANT = 256

Pair = tuple[str, str]  # user, experiment id
_PROJECTION: Any = {
    "ProjectionExpression": "user_id, experiment_id, assignment_id, #variant, #timestamp",
    "ExpressionAttributeNames": {"#variant": "variant", "#timestamp": "timestamp"},
}


class Assigned(NamedTuple):
    """A user's assignment. ``at_ms``: when, epoch milliseconds. ``assignment_id`` None: only an exposure says so."""

    assignment_id: str | None
    variant: str
    at_ms: int


class Assignments:
    """The table of assignments, and what exposures have told of others (in ``counters``, the table of counters).

    What was found never changes, so it is remembered; that there is nothing isn't.
    """

    def __init__(self, client: "DynamoDBClient", table: str, counters: str) -> None:
        self._client = client
        self._table = table
        self._counters = counters
        self._known: OrderedDict[Pair, Assigned | None] = OrderedDict()

    def of(self, pairs: Iterable[Pair]) -> dict[Pair, Assigned | None]:
        """The assignments of those who have one; None: what is stored can't be read.

        Raises botocore's errors and ``dynamodb.Transient``: without its variant an event can't be counted, so the batch waits.
        """
        known = self._known
        found: dict[Pair, Assigned | None] = {}
        asked: list[Any] = []
        for pair in dict.fromkeys(pairs):
            if (assigned := known.get(pair)) is not None:
                found[pair] = assigned
            else:
                asked.append({"user_id": {"S": pair[0]}, "experiment_id": {"S": pair[1]}})
        for item in dynamodb.get_all(self._client, self._table, asked, **_PROJECTION):
            pair = (item["user_id"]["S"], item["experiment_id"]["S"])
            found[pair] = known[pair] = _read(item)
        places = {exposed_key(*pair): pair for pair in _pairs(asked) if pair not in found}
        for item in dynamodb.get_all(self._client, self._counters, [key.attributes() for key in places]):
            pair = places[Key(item[PARTITION_KEY]["S"], item[SORT_KEY]["S"])]
            found[pair] = known[pair] = Assigned(None, item["variant"]["S"], int(item["at_ms"]["N"]))
        while len(known) > MAX_REMEMBERED:
            known.popitem(last=False)
        return found


def _pairs(asked: Iterable[Any]) -> Iterator[Pair]:
    for key in asked:
        yield key["user_id"]["S"], key["experiment_id"]["S"]


def _read(item: Mapping[str, Any]) -> Assigned | None:
    try:
        identity, variant, moment = (item[name]["S"] for name in ("assignment_id", "variant", "timestamp"))
    except (KeyError, TypeError):
        return None
    if not is_timestamp(moment) or not is_text(variant, MAX_VARIANT):  # who knows who else has written it
        return None
    return Assigned(identity, variant, epoch_ms(moment))


def pairs_of(entries: Iterable[Entry]) -> list[Pair]:
    """Whose assignments these events need."""
    return [
        (event.user_id, event.experiment_id)
        for entry in entries
        if (event := entry.event) is not None and event.experiment_id is not None
    ]


def enrich(
    entries: Sequence[Entry],
    assignments: Mapping[Pair, Assigned | None],
    experiments: Mapping[str, Experiment],
    phase_of: Callable[[Experiment, int], int],
) -> None:
    """Fills in what the entries' assignments and experiments (by id) say; events without an experiment stay as they are.

    ``phase_of(experiment, assigned_ms)``: the number of the phase. An exposure for which no assignment is stored counts under
    the variant that it names, and so do the events after it; ``told`` says that this is the first to tell.
    """
    told: dict[Pair, Assigned] = {}
    for entry in entries:
        event = entry.event
        if event is None or event.experiment_id is None:
            continue
        pair = (event.user_id, event.experiment_id)
        assigned = assignments.get(pair)
        if assigned is None:
            entry.enrichment_error = pair in assignments
            assigned = told.get(pair)
        if event.event_type == EXPOSURE and (assigned is None or assigned.assignment_id is None):
            exposed = _by_itself(entry)
            if assigned is None and exposed is not None:
                told[pair] = exposed
                entry.told = True
        elif assigned is not None:
            entry.assignment_id, entry.variant, entry.assigned_ms = assigned
        experiment = experiments.get(event.experiment_id)
        if experiment is not None:
            entry.experiment_key = experiment.key
            entry.experiment_name = experiment.name
            entry.experiment_status = experiment.status
            if entry.assigned_ms is not None:
                entry.phase = phase_of(experiment, entry.assigned_ms)


def _by_itself(entry: Entry) -> Assigned | None:
    """The variant that an exposure names; it is told at the moment of the assignment."""
    assert entry.event is not None
    variant = (entry.event.properties or {}).get("variant")
    if not isinstance(variant, str) or not is_text(variant, MAX_VARIANT):
        return None
    entry.variant = variant
    entry.assigned_ms = entry.at_ms
    return Assigned(None, variant, entry.at_ms)


def elapsed_seconds(entry: Entry) -> int | None:
    """Whole seconds from the assignment to the event, negative when it came before (requirements ENR-02, ENR-08)."""
    return None if entry.assigned_ms is None else int((entry.at_ms - entry.assigned_ms) / 1_000)


def is_countable(entry: Entry) -> bool:
    """Whether the event belongs to a variant: it has an experiment and an assignment that it doesn't precede."""
    if entry.variant is None or entry.event is None or entry.event.experiment_id is None:
        return False
    return entry.assigned_ms is None or entry.at_ms - entry.assigned_ms > -1_000
