"""Records of the assignments table's stream and of Kinesis, as Lambda hands them to a function."""

import json
from base64 import b64encode
from typing import Any

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/assignments/stream/2026-01-01T00:00:00.000"
EVENTS_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
SHARD = "shardId-000000000000"
AT = 1_770_000_000  # 2026-02-02T02:40:00Z
TTL_DELETED = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def item(user: str = "user-1", experiment: str = "exp-1", **more: Any) -> dict[str, Any]:
    """An item of the assignments table in DynamoDB's notation; None leaves an attribute out."""
    attributes: dict[str, Any] = {
        "user_id": {"S": user},
        "experiment_id": {"S": experiment},
        "assignment_id": {"S": "assign_0123456789ab"},
        "experiment_key": {"S": "checkout"},
        "variant": {"S": "treatment"},
        "timestamp": {"S": "2026-02-02T02:40:00.123456+00:00"},
        "ttl": {"N": str(AT + 90 * 86_400)},
    }
    attributes |= {name: {"S": value} if isinstance(value, str) else value for name, value in more.items()}
    return {name: value for name, value in attributes.items() if value is not None}


def record(
    sequence: int | str,
    new: dict[str, Any] | None = None,
    old: dict[str, Any] | None = None,
    ttl: bool = False,
    at: float = AT,
) -> dict[str, Any]:
    """A record of a stream with both images; its name follows from them."""
    image = new if new is not None else old
    assert image is not None
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": at,
        "Keys": {name: image[name] for name in ("user_id", "experiment_id") if name in image},
        "SequenceNumber": str(sequence),
        "SizeBytes": 100,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    change |= {} if new is None else {"NewImage": new}
    change |= {} if old is None else {"OldImage": old}
    found = {
        "eventID": f"{sequence}",
        "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN": ARN,
    }
    return found | ({"userIdentity": TTL_DELETED} if ttl else {})


def kinesis(
    sequence: int | str, data: Any, shard: str = SHARD, at: float = AT, key: str = "user-1", arn: str = EVENTS_ARN
) -> dict[str, Any]:
    """A record of Kinesis. ``data``: its bytes, or what becomes JSON; ``at``: epoch seconds of its arrival."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(sequence),
            "data": b64encode(raw).decode(),
            "approximateArrivalTimestamp": at,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/events",
        "awsRegion": "us-east-1",
        "eventSourceARN": arn,
    }


class Context:
    """What a handler gets of Lambda."""

    aws_request_id = "8f5f2b1c-0000-4000-8000-000000000001"

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1_000)
