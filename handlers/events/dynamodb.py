"""DynamoDB calls that the processor's stages share: reads that are complete or an error. For ``handlers.events``."""

from collections.abc import Callable, Iterator, Sequence
from random import random
from time import sleep as really_sleep
from typing import TYPE_CHECKING, Any

from evaluator.errors import BurgeeError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_KEYS = 100  # of one BatchGetItem
ATTEMPTS = 3
BACKOFF_SECONDS = 0.05  # before the second attempt; twice as long before the third, and of that a random half to all

Sleep = Callable[[float], object]


class Transient(BurgeeError):
    """What may work the next time: the records are to be delivered again. The message is safe for logs."""


def pause(attempt: int, sleep: Sleep = really_sleep) -> None:
    """Waits after failed attempt number ``attempt`` (from 0): exponential, with jitter (requirement AGG-08)."""
    sleep(BACKOFF_SECONDS * 2**attempt * (0.5 + random() / 2))


def get_all(
    client: "DynamoDBClient", table: str, keys: Sequence[dict[str, Any]], sleep: Sleep = really_sleep, **how: Any
) -> Iterator[dict[str, Any]]:
    """The items that are there, read consistently, 100 keys a call. ``how``: further parameters, such as a projection.

    Raises Transient when the service leaves keys unread, and botocore's errors.
    """
    for start in range(0, len(keys), MAX_KEYS):
        asked: Any = keys[start : start + MAX_KEYS]
        for attempt in range(ATTEMPTS):
            request: Any = {table: {"Keys": asked, "ConsistentRead": True, **how}}
            answer: Any = client.batch_get_item(RequestItems=request)
            yield from answer["Responses"].get(table, [])
            asked = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not asked:
                break
            if attempt + 1 == ATTEMPTS:
                raise Transient(f"{len(asked)} items of {table} could not be read")
            pause(attempt, sleep)
