"""Stored assignments: one conditional write that creates an item or brings back the one that is there. For ``handlers``.

An item is what requirement ASG-07 says: key (user_id, experiment_id), assignment_id, experiment_key, variant, timestamp, ttl,
and the context if one was given. On the cold path: the client is handed in, so nothing of the network is imported here.
"""

from __future__ import annotations

from time import time

from handlers._attributes import plain_number, size_of, to_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from handlers._breaker import Breaker

    class Client(Protocol):
        """A ``_aws_json.JsonClient``, as far as this module knows it."""

        def call(
            self, target: str, payload: Mapping[str, object] | bytes, until: float, *, retries: int = 0
        ) -> dict[str, Any]: ...
        def prepare(self) -> None: ...


KEY = ("user_id", "experiment_id")
"""The table's partition and sort key, both strings (requirement INF-02)."""
TTL = "ttl"
"""The attribute with the epoch second from which DynamoDB may delete an item."""

PUT = "DynamoDB_20120810.PutItem"
GET = "DynamoDB_20120810.GetItem"
RETRIES = 2  # of a throttled or failed call, as far as the deadline lets; the write may be repeated, since its id tells it
MAX_ITEM_BYTES = 400 * 1024

# An item whose time to live is over is as good as gone, even if DynamoDB hasn't got round to deleting it.
_ABSENT = "attribute_not_exists(user_id) OR #ttl < :now"


class Assignment:
    """One user's place in one experiment (requirement MODEL-01).

    ``timestamp``: ISO 8601 in UTC; ``ttl``: epoch seconds from which the item may be deleted; ``context``: None if none was
    given.
    """

    __slots__ = ("assignment_id", "context", "experiment_id", "experiment_key", "timestamp", "ttl", "user_id", "variant")

    def __init__(
        self,
        assignment_id: str,
        user_id: str,
        experiment_id: str,
        experiment_key: str,
        variant: str,
        timestamp: str,
        ttl: int,
        context: Mapping[str, object] | None = None,
    ) -> None:
        self.assignment_id = assignment_id
        self.user_id = user_id
        self.experiment_id = experiment_id
        self.experiment_key = experiment_key
        self.variant = variant
        self.timestamp = timestamp
        self.ttl = ttl
        self.context = context

    def __repr__(self) -> str:
        """Without the user and the context, so that a log of it has neither."""
        return f"Assignment({self.assignment_id!r}, {self.experiment_key!r}, {self.variant!r})"

    def document(self) -> dict[str, object]:
        """All of it by name; the context only if there is one."""
        fields: dict[str, object] = {name: getattr(self, name) for name in FIELDS}
        if self.context is not None:
            fields["context"] = self.context
        return fields


FIELDS = (*KEY, "assignment_id", "experiment_key", "variant", "timestamp", TTL)


class Unavailable(Exception):
    """The store gave no answer.

    ``kind``: one of ``_aws_json.KINDS``, ``open`` (the breaker's) or ``item`` (what is stored isn't an assignment).
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class AssignmentStore:
    """One table. Every method asks the service at most once (its client may repeat a call within the deadline).

    ``retries``: how often a throttled or failed call may be repeated within its deadline.
    """

    __slots__ = ("_client", "_retries", "_table", "_wall", "breaker")

    def __init__(
        self, client: Client, table: str, breaker: Breaker, wall: Callable[[], float] = time, retries: int = RETRIES
    ) -> None:
        self._client = client
        self._table = table
        self._wall = wall
        self._retries = retries
        self.breaker = breaker

    def prepare(self) -> None:
        """Imports what a first call needs. Raises AwsError."""
        self._client.prepare()

    def claim(self, assignment: Assignment, until: float) -> tuple[Assignment, bool]:
        """What is stored from now on, and whether that is this assignment, which is new then.

        Of several that claim the same place at once one creates the item; each of the others gets that item with the answer to
        its own write. ``until``: the second of the client's clock to be back by. Raises Unavailable.
        """
        item = to_item(assignment.document())
        # Not from an endpoint, whose limits are far below; without a context an item is small whatever is in it.
        if "context" in item and size_of({"M": item}) > MAX_ITEM_BYTES:
            raise Unavailable("limit")
        payload = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": _ABSENT,
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":now": {"N": str(int(self._wall()))}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        answer = self._ask(PUT, payload, until)
        found = answer.get("Item")
        if found is None:
            return assignment, True
        stored = read_item(found)
        # A write that was repeated meets its own item.
        return stored, stored.assignment_id == assignment.assignment_id

    def find(self, user_id: str, experiment_id: str, until: float) -> Assignment | None:
        """What is stored; None if nothing is. Raises Unavailable."""
        key = to_item({"user_id": user_id, "experiment_id": experiment_id})
        found = self._ask(GET, {"TableName": self._table, "Key": key}, until).get("Item")
        stored = None if found is None else read_item(found)
        return None if stored is None or stored.ttl < self._wall() else stored

    def _ask(self, target: str, payload: Mapping[str, object], until: float) -> dict[str, Any]:
        """The answer's document; that of a condition that doesn't hold has the item."""
        from handlers._aws_json import AwsError

        if not self.breaker.allows():
            raise Unavailable("open")
        try:
            answer = self._client.call(target, payload, until, retries=self._retries)
        except AwsError as error:
            if error.kind == "conditional":
                self.breaker.succeeded()
                return _with_item(error.document)
            if error.kind == "invalid":
                # One request's own fault: with it nobody else's calls may be stopped.
                self.breaker.succeeded()
            else:
                self.breaker.did_fail()
            raise Unavailable(error.kind) from None
        self.breaker.succeeded()
        return answer


def _with_item(document: dict[str, Any]) -> dict[str, Any]:
    """A condition that failed without the item that made it fail says nothing: DynamoDB always sends it."""
    if type(document.get("Item")) is not dict:
        raise Unavailable("item")
    return document


def read_item(item: dict[str, Any]) -> Assignment:
    """The assignment in an item, without its context, which nobody here asks for. Raises Unavailable for what is none."""
    try:
        texts = [item[name]["S"] for name in FIELDS[:-1]]
        ttl = int(plain_number(item["ttl"]["N"])) if "ttl" in item else 1 << 62
    except (LookupError, TypeError, ValueError, AttributeError):
        raise Unavailable("item") from None
    if not all(type(text) is str for text in texts):
        raise Unavailable("item")
    user_id, experiment_id, assignment_id, experiment_key, variant, timestamp = texts
    return Assignment(assignment_id, user_id, experiment_id, experiment_key, variant, timestamp, ttl)
