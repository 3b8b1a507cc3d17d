"""Phases: an experiment under one allocation. A user belongs to the phase they were assigned in. For ``handlers.events``.

Whoever first sees a snapshot with another allocation writes the new phase, on the condition that it isn't there. A container
with an older snapshot than the newest phase's leaves it alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from handlers._attributes import to_attribute
from handlers._counters import Counters, Key, Phase, phase_sort, phases_partition
from handlers._experiments import Experiment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNKNOWN = 0
"""The phase of users whose experiment the snapshot doesn't have."""
SAME = 1e-9  # weights that differ by less are the same


class PhaseBook:
    """The phases of all experiments. Raises botocore's errors."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._counters = Counters(client, table)
        self._known: dict[str, tuple[int, list[Phase]]] = {}  # experiment id -> under which version, its phases

    def of(self, experiment: Experiment, version: int, published_ms: int) -> list[Phase]:
        """The phases of an experiment, oldest first, the one of this snapshot among them.

        ``version``: the snapshot's in the store; ``published_ms``: when that was published, epoch milliseconds.
        """
        known = self._known.get(experiment.id)
        if known is not None and known[0] == version:
            return known[1]
        phases = self._counters.phases(experiment.id)
        if experiment.allocation and (not phases or _is_new(experiment, phases[-1], version)):
            number = phases[-1].number + 1 if phases else 1
            phase = Phase(number, published_ms, experiment.allocation, version)
            phases = [*phases, phase] if self._add(experiment.id, phase) else self._counters.phases(experiment.id)
        self._known[experiment.id] = (version, phases)
        return phases

    def _add(self, experiment_id: str, phase: Phase) -> bool:
        """Whether this was the first to write it."""
        item = Key(phases_partition(experiment_id), phase_sort(phase.number)).attributes()
        fields = {"started_ms": phase.started_ms, "allocation": phase.allocation, "version": phase.version}
        item |= {name: to_attribute(value) for name, value in fields.items()}
        try:
            condition = "attribute_not_exists(partition_key)"
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _is_new(experiment: Experiment, last: Phase, version: int) -> bool:
    if version <= last.version:
        return False
    if experiment.allocation.keys() != last.allocation.keys():
        return True
    return any(abs(share - last.allocation[name]) > SAME for name, share in experiment.allocation.items())


def phase_at(phases: Sequence[Phase], assigned_ms: int) -> int:
    """The number of the phase in which somebody was assigned; the first for whoever was before it."""
    found = UNKNOWN
    for phase in phases:
        if found != UNKNOWN and phase.started_ms > assigned_ms:
            break
        found = phase.number
    return found
