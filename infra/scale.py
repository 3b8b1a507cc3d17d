"""What it takes to answer 100,000 requests a second and a billion users: arithmetic over AWS's limits. No CDK here.

docs/scale.md is made of it (``python -m scripts.scale``). Limits and assumptions are in prices.toml; names, write shards and
sketches are the code's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil

from handlers._counters import write_shard
from handlers._sketches import DEVIATIONS, estimate, new
from infra.cost import KB, LOOK_S, OF_ITEM, SECONDS, Model, sketch_bytes, transaction_units
from infra.functions import STREAM, Function
from infra.prices import prices

USERS = 1_000_000_000
RATE = 100_000  # requests a second
WINDOW_S = 14 * 86_400  # for so long the ids of events are remembered
SLOT_S = 300


@dataclass(frozen=True, slots=True)
class Concurrency:
    """What a rate needs of Lambda. ``busy``: sandboxes at work; ``quota``: what must be allowed; ``ramp_s``: till then."""

    rate: float
    billed_ms: int
    busy: int
    quota: int
    ramp_s: float


def concurrency(rate: float, billed_ms: int) -> Concurrency:
    """Of synchronous requests: rate × duration, and never less than the limit on requests for each unit asks for."""
    known = prices()
    busy = ceil(rate * billed_ms / 1e3)
    quota = max(busy, ceil(rate / known.at_most("lambda-rate")))
    return Concurrency(rate, billed_ms, busy, quota, quota / known.at_most("lambda-scaling") * 10)


def most_requests(row: Function) -> float:
    """Requests a second that a function's reserved concurrency lets through at most."""
    return row.reserved * prices().at_most("lambda-rate")


# --- the stream and its table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stream:
    """What so many events a second need. ``batches`` and ``units`` (write units) are a second's, of all shards together."""

    events: float
    shards: int
    batches: float
    units: float
    hottest: int
    hot_units: float


def stream(events: float) -> Stream:
    """Of a stream whose events all belong to one experiment of four variants: the worst for a single item."""
    known, model = prices(), Model()
    shards = max(
        1,
        ceil(events / known.at_most("shard-records")),
        ceil(events * known.given("event-bytes") / known.at_most("shard-bytes")),
    )
    batches = max(events / known.given("events-a-batch"), min(events, shards))
    units = batches * model.units_a_batch(events / batches, known.given("users-a-counter"))
    hottest = lanes_of_hottest(shards)
    return Stream(events, shards, batches, units, hottest, hottest * batches / shards * counter_units())


def counter_units() -> int:
    """Write units of one counter with a full sketch, in a transaction."""
    return transaction_units(sketch_bytes(10_000) + OF_ITEM)


def lanes_of_hottest(shards: int, stream_name: str = STREAM) -> int:
    """How many lanes meet in one partition of a counter: by the code's own spread, with shards named as Kinesis names them."""
    found = Counter(write_shard(f"{stream_name}/shardId-{number:012d}") for number in range(shards))
    return max(found.values())


def most_shards() -> int:
    """Up to how many shards a single variant's counter stays below a partition's limit, each shard with full batches."""
    known = prices()
    per_lane = known.at_most("shard-records") / known.given("events-a-batch") * counter_units()
    shards = 1
    while lanes_of_hottest(shards + 1) * per_lane <= known.at_most("partition-writes"):
        shards += 1
    return shards


def window_bytes(events: float) -> tuple[float, float]:
    """Of one shard with so many events a second: bytes of a slot of ids, and of all that are remembered."""
    return 8 * events * SLOT_S, 8 * events * WINDOW_S


# --- a billion users ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assigned:
    """A table with one assignment of each of so many users."""

    users: int
    stored: float
    partitions: int
    usd_written: float
    usd_kept: float
    days: float


def assigned(users: int) -> Assigned:
    """Written once, at most as quickly as a table may be written."""
    known = prices()
    size = users * known.given("item-bytes")
    units = users * ceil(known.given("item-bytes") / KB)
    return Assigned(
        users,
        size,
        ceil(size / known.at_most("partition-bytes")),
        known.usd("dynamodb-writes", units),
        known.usd("dynamodb-storage", size / 1e9),
        units / known.at_most("table-writes") / 86_400,
    )


def sketch_error(users: int = 100_000) -> float:
    """Half of the width of a sketch's bounds, as a share: it is the same however many there are from here on."""
    sketch = new()
    for number in range(users):
        sketch.update(f"user-{number}")
    found, low, high = estimate(sketch)
    return (high - low) / 2 / found / DEVIATIONS


# --- the store ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Followed:
    """What a fleet asks of the store. ``gets``: a second; ``usd``: a month, all of them busy all the time."""

    lambdas: int
    refresh_s: float
    gets: float
    usd: float
    usd_express: float


def followed(lambdas: int, refresh_s: float = 5.0) -> Followed:
    """Conditional reads of one object."""
    known = prices()
    gets = lambdas / (refresh_s * LOOK_S / 5)
    month = gets * SECONDS
    return Followed(lambdas, refresh_s, gets, known.usd("s3-get", month), known.usd("s3-express-get", month))


def most_lambdas(limit: str, publish_factor: float = 1.0) -> int:
    """How large a fleet one prefix or bucket can have; ``publish_factor``: its busiest second over a steady one."""
    return int(prices().at_most(limit) / publish_factor * LOOK_S)
