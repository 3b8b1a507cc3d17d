"""``burgee replay-assignments``: stores the assignments that lie in the outbox. For ``burgee.cli``.

Each message becomes the item that it would have been, unless an item is there by now: then that one stays. So it may be run
again, by two at once, and on messages that come twice. A message is deleted when its assignment is in the table, or when its
time to live is over; any other stays in the queue, whose redrive policy says for how long. boto3 is imported when it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from burgee.trouble import Trouble, UsageError
from handlers._assignment_settings import TABLE
from handlers._assignment_store import FIELDS, Assignment, AssignmentStore, Unavailable
from handlers._aws_json import AwsError
from handlers._breaker import Breaker
from handlers._outbox import VERSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

QUEUE, TABLE_NAME = "BURGEE_OUTBOX_URL", "ASSIGNMENTS_TABLE"
BATCH = 10  # messages in one answer of SQS
WAIT_SECONDS = 2  # for a message, before the queue counts as empty
FAILURES = 3  # of the table in a row, after which it is left alone
OUTCOMES = ("stored", "already there", "expired", "unreadable", "failed")
_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def add_command(add: _Commands[argparse.ArgumentParser]) -> None:
    """Tells argparse about it."""
    made = add.add_parser("replay-assignments", help="store the assignments that were put into the outbox in an outage")
    made.add_argument("--queue", metavar="URL", help=f"the outbox (default: {QUEUE})")
    made.add_argument("--table", metavar="NAME", help=f"the assignments' table (default: {TABLE_NAME}, or {TABLE})")
    made.add_argument(
        "--limit", metavar="N", type=_count, help="stop after so many messages (default: when the queue is empty)"
    )
    made.set_defaults(run=replay_assignments)


def replay_assignments(options: argparse.Namespace) -> int:
    """Empties the queue into the table and says what became of each message; 1 if some are still in the queue."""
    url = options.queue or os.environ.get(QUEUE)
    table = options.table or os.environ.get(TABLE_NAME) or TABLE
    if not url:
        raise UsageError(f"replay-assignments needs --queue, or {QUEUE} in the environment")
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        raise Trouble(f"replay-assignments needs the package {error.name}: pip install 'burgee[publish]'") from error
    try:
        sqs, dynamodb = _clients()
        outcomes = replay(sqs, dynamodb, url, table, options.limit)
    except (BotoCoreError, ClientError) as error:
        raise Trouble(f"the queue can't be read or a message not be deleted: {error}") from error
    print(", ".join(f"{outcomes[outcome]} {outcome}" for outcome in OUTCOMES))
    left = outcomes["failed"] + outcomes["unreadable"]
    if left:
        print(f"{left} message{'s' * (left != 1)} stayed in the queue", file=sys.stderr)
    return 1 if left else 0


def replay(sqs: SQSClient, dynamodb: DynamoDBClient, url: str, table: str, limit: int | None = None) -> Counter[str]:
    """How many messages had which of ``OUTCOMES``. Raises botocore's errors about the queue."""
    store = AssignmentStore(_Calls(dynamodb), table, Breaker(FAILURES, 3_600_000))
    outcomes: Counter[str] = Counter()
    seen: set[str] = set()
    while store.breaker.state == "closed" and (limit is None or len(seen) < limit):
        most = BATCH if limit is None else min(BATCH, limit - len(seen))
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, WaitTimeSeconds=WAIT_SECONDS).get("Messages", [])
        new = [message for message in messages if message["MessageId"] not in seen]
        if not new:  # none, or only such as have stayed
            break
        for message in new:
            seen.add(message["MessageId"])
            outcome = _replay_one(store, message)
            outcomes[outcome] += 1
            if outcome not in ("failed", "unreadable"):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return outcomes


def _replay_one(store: AssignmentStore, message: MessageTypeDef) -> str:
    assignment = read_message(message["Body"])
    if assignment is None:
        _say(message, "it isn't a message of the outbox")
        return "unreadable"
    if assignment.ttl < time.time():
        return "expired"
    try:
        stored, _ = store.claim(assignment, time.monotonic())
    except Unavailable as trouble:
        _say(message, f"the table didn't take it: {trouble.kind}")
        return "unreadable" if trouble.kind == "invalid" else "failed"
    return "stored" if stored.assignment_id == assignment.assignment_id else "already there"


def _say(message: MessageTypeDef, why: str) -> None:
    """By the message's id: what it holds is a user's."""
    print(f"message {message['MessageId']}: {why}", file=sys.stderr)


def read_message(text: str) -> Assignment | None:
    """The assignment in a message; None if it is none."""
    try:
        document = json.loads(text)
        fields: dict[str, Any] = document["assignment"]
        texts = [fields[name] for name in FIELDS if name != "ttl"]
        ttl, context = fields["ttl"], fields.get("context")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if document.get("version") != VERSION or not all(isinstance(value, str) and value for value in texts):
        return None
    if type(ttl) is not int or not (context is None or isinstance(context, dict)):
        return None
    user_id, experiment_id, assignment_id, experiment_key, variant, timestamp = texts
    return Assignment(assignment_id, user_id, experiment_id, experiment_key, variant, timestamp, ttl, context)


class _Calls:
    """boto3's client with the face of ``JsonClient``: a person's machine has profiles and logins, which boto3 knows."""

    def __init__(self, dynamodb: DynamoDBClient) -> None:
        self._dynamodb: Any = dynamodb

    def call(self, target: str, payload: Mapping[str, object] | bytes, until: float, *, retries: int = 0) -> dict[str, Any]:
        """Waits and repeats as boto3 is configured. Raises AwsError."""
        from botocore.exceptions import BotoCoreError, ClientError

        assert target.endswith(".PutItem")
        assert isinstance(payload, Mapping)
        try:
            found: dict[str, Any] = self._dynamodb.put_item(**payload)
        except ClientError as error:
            response: Any = error.response
            code = response["Error"]["Code"]
            raise AwsError(_KINDS.get(code, "server"), code, code, {"Item": response.get("Item")}) from None
        except BotoCoreError as error:
            raise AwsError("server", type(error).__name__, type(error).__name__) from None
        return {name: value for name, value in found.items() if name == "Item"}

    def prepare(self) -> None:
        """boto3 imports what it needs."""


_KINDS = {
    "ConditionalCheckFailedException": "conditional",
    "ValidationException": "invalid",
    "ResourceNotFoundException": "missing",
}


def _clients() -> tuple[SQSClient, DynamoDBClient]:
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 5}
    config = Config(connect_timeout=5, read_timeout=30, retries=retries)
    session = boto3.session.Session()
    return session.client("sqs", config=config), session.client("dynamodb", config=config)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
