"""What the tests of ingest share: streams of the embedded AWS, what is in them, and a client that refuses in between."""

import base64
import json
from collections.abc import Callable
from typing import Any

from handlers import ingest
from handlers._breaker import Breaker
from handlers._http import Request, Response
from handlers._ingest_stream import Stream
from tests.aws import Aws

BUDGET_MS = 20_000  # for a server that shares two processors with the tests
THROTTLED = "ProvisionedThroughputExceededException"
Refuse = Callable[[int, list[dict[str, Any]]], dict[int, str]]


def new_stream(aws: Aws, shards: int = 1) -> str:
    name = aws.name("events")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return name


def records(aws: Aws, name: str) -> list[dict[str, Any]]:
    """Everything in a stream, shard by shard."""
    boto = aws.client("kinesis")
    found: list[dict[str, Any]] = []
    for shard in boto.describe_stream(StreamName=name)["StreamDescription"]["Shards"]:
        iterator = boto.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        found += boto.get_records(ShardIterator=iterator["ShardIterator"], Limit=10_000)["Records"]
    return found


def events(aws: Aws, name: str) -> list[dict[str, Any]]:
    return [json.loads(record["Data"]) for record in records(aws, name)]


class Refusing:
    """Stands between the function and its stream: refuses records of a call, as a shard that is full does, or the call itself.

    ``refuse``: of the call's number and its records, the codes by record, or it raises. The other records go on to ``client``.
    """

    def __init__(self, client: Any, refuse: Refuse) -> None:
        self.client = client
        self.refuse = refuse
        self.calls: list[list[dict[str, Any]]] = []

    def prepare(self) -> None:
        self.client.prepare()

    def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]:
        document = json.loads(payload)
        given = document["Records"]
        self.calls.append(given)
        codes = self.refuse(len(self.calls) - 1, given)
        passed = [record for index, record in enumerate(given) if index not in codes]
        taken: list[Any] = []
        if passed:
            taken = self.client.call(target, json.dumps(document | {"Records": passed}).encode(), until)["Records"]
        others = iter(taken)
        results = [
            {"ErrorCode": codes[index], "ErrorMessage": f"no: {record['PartitionKey']}"} if index in codes else next(others)
            for index, record in enumerate(given)
        ]
        return {"FailedRecordCount": len(codes), "Records": results}


class Taking:
    """A client that takes everything, and keeps it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def prepare(self) -> None:
        """There is nothing to import."""

    def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]:
        given = json.loads(payload)["Records"]
        self.events += [json.loads(base64.b64decode(record["Data"], validate=True)) for record in given]
        self.keys += [record["PartitionKey"] for record in given]
        return {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1", "ShardId": "s"}] * len(given)}


def stream_of(
    client: Any, name: str = "events", budget_ms: int = BUDGET_MS, breaker: Breaker | None = None, **more: Any
) -> Stream:
    return Stream(name, client, breaker or Breaker(5, 60_000), budget_ms, **more)


def post(document: Any, stream: Stream, path: str = "/events/batch", counter: Any = None, **more: Any) -> Response:
    """The endpoint's answer to a document, or to a body as it is."""
    body = document if isinstance(document, (str, bytes)) else json.dumps(document)
    return ingest.answer(Request("POST", path, {"content-type": "application/json"}, body), stream, counter, **more)


def read(response: Response) -> Any:
    return json.loads(response.body)


def purchase(number: int = 1, **more: Any) -> dict[str, Any]:
    """An event with everything."""
    made: dict[str, Any] = {
        "event_id": f"evt-{number}",
        "event_type": "purchase",
        "user_id": f"customer-{number}",
        "experiment_id": "exp_checkout",
        "timestamp": "2026-01-31T23:59:59.123Z",
        "properties": {"revenue": 12.5, "currency": "EUR", "items": [{"id": number}]},
        "metadata": {"source": "shop"},
    }
    return {name: value for name, value in (made | more).items() if value is not ...}
