"""Schedules with a name: what random ones once found, and what they seldom come to."""

from tests.model.faults import KILLED, KILLED_AFTER, LOST, MEANWHILE, OVERTAKEN, REFUSED
from tests.model.schedules import Failure, run
from tests.model.services import Services
from tests.model.world import Fault, Operation, Setting

ADA, BOB, CLEO, DAN = range(4)
DATED, UNDATED, TOLD = 0, 3, 6
Schedule = tuple[Setting, list[Operation]]


def _put(user: int, kind: int = DATED, back: int = 0) -> Operation:
    return ("put", kind, user, back, 0, 3)


def _deliver(size: int, container: int = 0, mode: int = 0, fault: Fault | None = None) -> Operation:
    """Of the first shard that has something to read."""
    return ("deliver", 0, size - 1, container, mode, () if fault is None else (fault,))


CERTAIN: dict[str, Schedule] = {
    # A container that remembers one id: a slot that it had dropped seemed to hold the new ids only.
    "no room for a slot": (
        Setting(limits=(100, 1_000, 1, 2_000)),
        [_put(BOB, back=4), _put(CLEO, back=5), ("put", 0, CLEO, 4, 1, 5), ("again", 0), _deliver(12), ("again", 0)],
    ),
    # An object is replaced on the condition that it is still the one that was looked at. One that was overtaken by an attempt
    # with the same content as an earlier one couldn't tell.
    "overtaken by what was there": (
        Setting(),
        [
            *(_put(user) for user in (ADA, BOB, CLEO)),
            _deliver(2, 0, 2, Fault("dynamodb.Transact", 0, 1, KILLED)),
            ("deliver", 0, 2, 1, 2, (Fault("s3.PUT", 1, 1, OVERTAKEN),)),
        ],
    ),
    "sent again after a split": (Setting(), [_put(ADA), _put(BOB), _deliver(12), ("split", 0), ("again", 0), ("again", 1)]),
    "sent again after two splits, something between them": (
        Setting(),
        [
            *(_put(user) for user in (ADA, BOB, CLEO, DAN)),
            _deliver(12),
            ("split", 0),
            *(_put(user) for user in (ADA, BOB, CLEO, DAN)),
            *(_deliver(12) for _ in range(3)),
            ("split", 0),
            ("split", 0),
            *(("again", which) for which in range(4)),
        ],
    ),
    "sent again after a split and a merger": (
        Setting(),
        [_put(ADA), _put(BOB), _deliver(12), ("split", 0), ("merge", 0), ("again", 0), ("again", 1)],
    ),
    "the second unit works, the first didn't": (
        Setting(limits=(100, 2, 300_000, 2_000)),
        [*(_put(user) for user in (ADA, BOB, CLEO, DAN)), _deliver(4, 0, 0, Fault("s3", 0, 3, REFUSED))],
    ),
    "the answer of a commit is lost": (
        Setting(),
        [_put(ADA), _put(BOB), _deliver(2, 0, 0, Fault("dynamodb.Transact", 0, 1, LOST))],
    ),
    "containers take turns": (
        Setting(first=95),
        [*(_put(user) for user in (ADA, BOB, CLEO, DAN, ADA)), *(_deliver(1, container) for container in (0, 1, 0, 2, 1))],
    ),
    "containers take turns at one counter": (
        Setting(),
        [
            *(("put", kind, user, 0, 1, 0) for kind, user in ((DATED, BOB), (DATED, CLEO), (TOLD, ADA))),
            *(_deliver(1, container) for container in (0, 1, 0)),
        ],
    ),
    "overtaken by a shorter batch": (
        Setting(),
        [*(_put(user) for user in (ADA, BOB, CLEO)), _deliver(3, 0, 0, Fault("s3.PUT", 0, 1, OVERTAKEN))],
    ),
    # Where a unit begins with a duplicate, its object mustn't be named after that: the successors of an overtaken invocation,
    # who begin elsewhere, wouldn't look there.
    "overtaken behind a duplicate": (
        Setting(),
        [_put(ADA), _deliver(1), ("again", 0), _put(ADA), _deliver(2, 0, 0, Fault("s3.PUT", 0, 1, OVERTAKEN))],
    ),
    "the archive fails, and the batch comes again from another place": (
        Setting(limits=(100, 2, 300_000, 2_000)),
        [*(_put(user) for user in (ADA, BOB, CLEO, DAN)), _deliver(4, 0, 2, Fault("s3.PUT", 1, 4, REFUSED)), _deliver(1)],
    ),
    # Counted, but nobody has heard of it: Lambda gives the batch up, and putting it back must change nothing.
    "given up and put back": (
        Setting(),
        [
            *(_put(user) for user in (ADA, BOB, CLEO)),
            _deliver(1, 0, 0, Fault("dynamodb.Transact", 0, 1, KILLED_AFTER)),
            ("give_up", 0),
            _deliver(1, 0, 0, Fault("dynamodb.Transact", 0, 1, KILLED)),
            ("give_up", 0),
            ("redrive",),
        ],
    ),
    "the queue takes no letter": (
        Setting(),
        [_put(ADA), ("poison", 0, ADA), _put(BOB), _deliver(3, 0, 0, Fault("sqs", 0, 4, REFUSED))],
    ),
    # An event without a time of its own, in two shards at once: archived in one, counted in the other.
    "the same undated event in two shards": (
        Setting(shards=2),
        [
            *(("put", UNDATED, user, 0, 0, 3) for user in (ADA, BOB)),
            *(("stray", which, user) for which in (0, 1) for user in (ADA, BOB, CLEO, DAN)),
            *(("deliver", which, 11, which, 0, (Fault("dynamodb.Transact", 0, 1, MEANWHILE),)) for which in (0, 1)),
            ("horizon",),
        ],
    ),
}


def certain(services: Services, name: str) -> Failure | None:
    """Runs one of them."""
    setting, operations = CERTAIN[name]
    world = run(services, setting, operations)
    return Failure(None, setting, operations, world.wrong, world.log) if world.wrong else None
