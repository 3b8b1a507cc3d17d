"""Everything around the processor: producers, the stream, Lambda's poller, containers, the services, and the ledger.

A schedule is a list of operations, each a tuple of a name and numbers; every operation makes sense at any time (numbers count
modulo what there is), so that what fails can be made smaller by leaving operations out.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

from handlers import _counters
from tests.model import events
from tests.model.containers import Container
from tests.model.faults import (
    KILLED,
    KILLED_AFTER,
    KINDS,
    LOST,
    MEANWHILE,
    OVERTAKEN,
    REFUSED,
    UNREACHABLE,
    Killed,
    Network,
    Step,
)
from tests.model.ledger import Ledger, archive_of, counters_of, differences
from tests.model.services import Services
from tests.model.stream import NAME, Put, Shard, Stream

Operation = tuple[Any, ...]


class Fault(NamedTuple):
    """Befalls ``many`` steps of an invocation, from number ``first`` (from 0) of those whose name begins with ``target``."""

    target: str
    first: int
    many: int
    kind: str


CONTAINERS = 3
MODES = ("same", "halves", "anew")
MOST_DELIVERIES = 400  # until all is drained, when nothing fails any more
TIMEOUT_SECONDS = 60.0
# Whose steps a fault may befall, and how many there are of them in a small batch
TARGETS = (
    ("", 11),
    ("", 11),
    ("s3", 3),
    ("s3", 3),
    ("sqs", 1),
    ("sqs", 1),
    ("dynamodb.Transact", 2),
    ("dynamodb.UpdateItem", 1),
)
# So that a few records are several units, and more than a container remembers
LIMITS = {"items": (100, 9), "events": (1_000, 2), "ids": (300_000, 1), "counters": (2_000, 4)}
FIRST_SEQUENCES = (1, 95, 10**20 - 4, 49590338271490256608559692538361571095921575989136588898)


class Setting(NamedTuple):
    """Where a schedule begins: open shards, the first sequence number, and limits as in ``LIMITS``."""

    shards: int = 1
    first: int = FIRST_SEQUENCES[-1]
    limits: tuple[int, ...] = (100, 1_000, 300_000, 2_000)


class World:
    """One schedule's. ``log`` tells what happened, for who wants to know why."""

    def __init__(self, services: Services, setting: Setting = Setting()) -> None:  # noqa: B008
        self.services = services
        self.network: Network = services.network
        services.reset()
        services.limit(**dict(zip(LIMITS, setting.limits, strict=True)))
        self.stream = Stream(services.kinesis, setting.shards, setting.first, events.ARRIVAL_MS)
        self.ledger = Ledger()
        self.puts: list[tuple[str, bytes]] = []
        self.containers = [Container() for _ in range(CONTAINERS)]
        self.log: list[str] = []
        self.wrong: list[str] = []
        self.invocations = 0
        self.steps = 0
        self.faults: list[str] = []
        self.strays = 0
        self.given_up: list[Put] = []
        self.redriven: list[Put] = []

    # --- operations -----------------------------------------------------------------------------------------------------

    def run(self, operations: Sequence[Operation]) -> list[str]:
        """What is wrong in the end: nothing, if all is well."""
        for name, *arguments in operations:
            getattr(self, name)(*arguments)
            if self.wrong:
                return self.wrong
        self.drain()
        return self.wrong or self.check()

    def put(self, kind: int, user: int, back: int, event_type: int, revenue: int) -> None:
        """A producer sends an event."""
        name = events.KINDS[kind % len(events.KINDS)]
        sent = events.make(len(self.puts), name, user, back, event_type, revenue, self.stream.now_ms)
        self.ledger.sent.append(sent)
        self._put(sent.user, sent.data)

    def poison(self, kind: int, user: int) -> None:
        """A producer sends what is no event."""
        data = events.poison(len(self.puts), events.POISON[kind % len(events.POISON)])
        self._put(events.USERS[user % len(events.USERS)], data)

    def again(self, which: int) -> None:
        """A producer, who got no answer, sends what it has sent before."""
        if self.puts:
            self._put(*self.puts[which % len(self.puts)])

    def stray(self, which: int, user: int) -> None:
        """An event without a time of its own comes again under another key, so perhaps in another shard, at the same time."""
        undated = [sent for sent in self.ledger.sent if b'"timestamp"' not in sent.data]
        if undated:
            sent = undated[which % len(undated)]
            if sent.at_ms // events.HOUR_MS == self.stream.now_ms // events.HOUR_MS:
                self.strays += 1
                self._put(events.USERS[user % len(events.USERS)], sent.data)

    def _put(self, key: str, data: bytes) -> None:
        self.puts.append((key, data))
        self.stream.put(key, data)

    def split(self, which: int) -> None:
        if len(self.stream.shards) < 5:
            self.stream.split(which)

    def merge(self, which: int) -> None:
        if len(self.stream.shards) < 5:
            self.stream.merge(which)

    def rewind(self, which: int, place: int) -> None:
        """The checkpoint of a shard is lost: acknowledged batches come again."""
        shard = self._shard(which)
        shard.rewind(place % (len(shard.records) + 1))

    def horizon(self) -> None:
        """The mapping is made anew: everything comes again, parents first."""
        for shard in self.stream.shards.values():
            shard.rewind(0)

    def give_up(self, which: int) -> None:
        """A part of a batch that has failed is out of retries: Lambda goes on behind it, and somebody will put it back."""
        shard = self._shard(which)
        if not shard.waiting or self.stream.now_ms // events.HOUR_MS != events.ARRIVAL_MS // events.HOUR_MS:
            return
        start, end = shard.waiting[0]
        # Without a time of their own events would have another one when they are put back.
        if all(b'"timestamp"' in put.data or self._is_poison(put.data) for put in shard.records[start:end]):
            shard.waiting.pop(0)
            self.given_up += shard.records[start:end]

    def redrive(self) -> None:
        """All that was given up is put back."""
        waiting, self.given_up = self.given_up, []
        self.redriven += waiting
        for put in waiting:
            self._put(put.key, put.data)

    def _is_poison(self, data: bytes) -> bool:
        return all(sent.data != data for sent in self.ledger.sent)

    def restart(self, which: int) -> None:
        """A cold start."""
        self.containers[which % CONTAINERS] = Container()

    def deliver(self, which: int, size: int, container: int, mode: int, faults: tuple[Fault, ...] = ()) -> None:
        """Lambda has a container process a batch of a shard. After a failure the rest comes again as ``mode`` says."""
        shard = self._shard(which)
        start, end = shard.cut(1 + size % 12)
        if start < end:
            self._invoke(shard, start, end, container % CONTAINERS, MODES[mode % len(MODES)], faults)

    def _shard(self, which: int) -> Shard:
        """One of those that have something to read, if there are any."""
        readable = self.stream.readable()
        shards = [shard for shard in readable if not shard.is_drained] or readable
        return shards[which % len(shards)]

    def _invoke(self, shard: Shard, start: int, end: int, place: int, mode: str, faults: tuple[Fault, ...]) -> None:
        network = self.network
        self.invocations += 1
        began = network.clock.now
        context = SimpleNamespace(
            aws_request_id=f"request-{self.invocations}",
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:events",
            get_remaining_time_in_millis=lambda: (began + TIMEOUT_SECONDS - network.clock.now) * 1_000,
        )
        network.slow_seconds = TIMEOUT_SECONDS - 1.5
        is_overtaken = False

        def interrupt(fault: str) -> None:
            nonlocal is_overtaken
            if fault == MEANWHILE:
                self._meanwhile(place)
            elif not is_overtaken:
                is_overtaken, shard.is_busy = True, False
                self._overtake(shard, start, end, place)

        answer: dict[str, Any] | None = None
        error: Exception | None = None
        shard.is_busy = True
        with network.invocation(lambda step: self._fault(step, faults), interrupt):
            try:
                answer = self.containers[place].invoke(json.loads(json.dumps(shard.event(start, end))), context)
            except Killed:
                self.containers[place] = Container()
            except Exception as raised:  # Lambda keeps the container; the batch comes again
                error = raised
        shard.is_busy = False
        steps, faults_met = network.told
        self.steps += len(steps)
        self.faults += faults_met
        told = None if answer is None else [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        self.log.append(f"{shard.name}[{start}:{end}] in {place}, {len(steps)} steps {faults_met or ''} -> {error or told}")
        if is_overtaken:
            return  # nobody listens any more
        if all(fault.startswith(MEANWHILE) for fault in faults_met) and not self.strays and (error is not None or told):
            self.wrong.append(f"nothing failed, and the handler said {error!r} {answer}")
        try:
            if answer is None:
                shard.failed(start, end, mode)
            else:
                shard.answered(start, end, answer, mode)
        except ValueError as unknown:
            self.wrong.append(str(unknown))

    def _fault(self, step: Step, faults: tuple[Fault, ...]) -> str:
        for fault in faults:
            if step.name.startswith(fault.target):
                number = sum(name.startswith(fault.target) for name in self.network.steps)
                if fault.first <= number < fault.first + fault.many:
                    return fault.kind
        return ""

    def _meanwhile(self, place: int) -> None:
        """Another shard's batch, in another container."""
        for shard in self.stream.readable():
            if not shard.is_busy and not shard.is_drained:
                start, end = shard.cut(1 + self.invocations % 4)
                self._invoke(shard, start, end, (place + 1) % CONTAINERS, "same", ())
                return

    def _overtake(self, shard: Shard, start: int, end: int, place: int) -> None:
        """Lambda believes that the invocation is lost, and has others process its batch, cut anew."""
        shard.failed(start, end, "anew")
        for turn in range(1 + (start + end) % 3):
            first, last = shard.cut(1 + (end - start + turn * 2 + self.invocations) % 4)
            if first < last:
                self._invoke(shard, first, last, (place + 1 + turn % 2) % CONTAINERS, "same", ())

    # --- the end --------------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Nothing fails any more: all that is there is delivered, and what was given up is put back."""
        self.redrive()
        for turn in range(MOST_DELIVERIES):
            waiting = [shard for shard in self.stream.readable() if not shard.is_drained]
            if not waiting or self.wrong:
                return
            shard = waiting[turn % len(waiting)]
            start, end = shard.cut(1 + turn % 12)
            self._invoke(shard, start, end, turn % CONTAINERS, "same", ())
        self.wrong.append(f"after {MOST_DELIVERIES} deliveries without a fault there is still something left")

    def check(self) -> list[str]:
        """Holds what is there to the ledger."""
        wrong: list[str] = []
        items = [_counters.plain(item) for item in self.services.items()]
        wrong += differences("counter", self.ledger.counters(), counters_of(items, wrong))
        wrong += self._check_archive()
        wrong += self._check_letters()
        wrong += self._check_lanes(items)
        return wrong

    def _check_archive(self) -> list[str]:
        wrong: list[str] = []
        lines, quarantined = archive_of(self.services.objects(), wrong)
        expected = {event_id: [hour] for event_id, hour in self.ledger.lines().items()}
        # An event in quarantine isn't counted, so its repetitions aren't told from it: each has its line.
        isolated = {event_id: self._times(event_id) for event_id in self.ledger.quarantined()}
        found: dict[str, list[str]] = {}
        for event_id, hour in lines:
            found.setdefault(event_id, []).append(hour)
        # What the last attempt before Lambda gave up has left in the archive nobody finds: there may be lines of it as well.
        for event_id in {json.loads(put.data)["event_id"] for put in self.redriven if not self._is_poison(put.data)}:
            if event_id in found:
                found[event_id] = sorted(set(found[event_id]))
            if quarantined.count(event_id):
                isolated[event_id] = quarantined.count(event_id)
        wrong += differences("archived", expected, found)
        wrong += differences("quarantined", isolated, {event_id: quarantined.count(event_id) for event_id in quarantined})
        return wrong

    def _times(self, event_id: str) -> int:
        (data,) = (sent.data for sent in self.ledger.sent if sent.event_id == event_id)
        return sum(data == put for _, put in self.puts)

    def _check_letters(self) -> list[str]:
        """Each poison record once; with faults once or more."""
        records = [(shard, put) for shard in self.stream.shards.values() for put in shard.records]
        expected = {str(put.sequence) for _, put in records if self._is_poison(put.data)}
        given_up = {str(put.sequence) for put in self.redriven}
        letters = self.services.letters()
        found = [letter["sequenceNumber"] for letter in letters]
        wrong = [f"the poison {number} has no dead letter" for number in sorted(expected - given_up - set(found))]
        wrong += [f"{number} is no poison, and has a dead letter" for number in sorted(set(found) - expected)]
        if not self.faults:
            wrong += [f"{number} has {found.count(number)} dead letters" for number in set(found) if found.count(number) > 1]
        shards = {str(put.sequence): shard.name for shard, put in records}
        wrong += [
            f"a letter of {letter['shardId']}" for letter in letters if letter["shardId"] != shards[letter["sequenceNumber"]]
        ]
        return wrong

    def _check_lanes(self, items: list[dict[str, Any]]) -> list[str]:
        """Every shard's high water is its last record."""
        expected = {
            f"lane#{NAME}/{shard.name}": str(shard.records[-1].sequence)
            for shard in self.stream.shards.values()
            if shard.records and shard.records[-1] not in self.redriven
        }
        found = {item["partition_key"]: item.get("high_water") for item in items if item["sort_key"] == "lane"}
        return differences("lane", expected, {lane: water for lane, water in found.items() if lane in expected})


def plan(seed: int) -> tuple[Setting, list[Operation]]:
    """The schedule of a seed."""
    random = Random(seed)
    limits = tuple(random.choice(values) for values in LIMITS.values())
    setting = Setting(random.choice((1, 1, 2)), random.choice(FIRST_SEQUENCES), limits)
    return setting, _operations(random)


def _operations(random: Random) -> list[Operation]:
    number = random.randrange
    rate = random.choice((0.0, 0.3, 0.6, 1.0))  # of deliveries that a fault befalls
    kinds = random.choice(((KILLED, KILLED_AFTER), (LOST, REFUSED), (KILLED, KILLED_AFTER, OVERTAKEN, MEANWHILE), KINDS))
    is_plain = random.random() < 0.5  # one experiment, and events with a time

    def put() -> Operation:
        kind = number(3) if is_plain else number(len(events.KINDS))
        return ("put", kind, number(4), number(6), number(2), number(6))

    def deliver() -> Operation:
        faults: list[Fault] = []
        if random.random() < rate:
            for _ in range(1 + number(2)):
                kind = random.choice(kinds)
                # Four in a row are more than a client's retries.
                many = 4 if kind in (REFUSED, LOST, UNREACHABLE) and random.random() < 0.5 else 1
                target, most = random.choice(TARGETS)
                faults.append(Fault(target, number(most), many, kind))
        return ("deliver", number(4), number(12), number(3), number(3), tuple(faults))

    choices: tuple[tuple[Callable[[], Operation], float], ...] = (
        (put, 5),
        (lambda: ("again", number(12)), 2.5),
        (deliver, 6),
        (lambda: ("stray", number(4), number(5)), 0.0 if is_plain else 1.0),
        (lambda: ("poison", number(5), number(5)), 1),
        (lambda: ("rewind", number(4), number(12)), 1),
        (lambda: ("give_up", number(4)), 0.8),
        (lambda: ("redrive",), 0.3),
        (lambda: ("restart", number(3)), 0.4),
        (lambda: ("split", number(4)), 0.6),
        (lambda: ("merge", number(4)), 0.4),
        (lambda: ("horizon",), 0.2),
    )
    makers, weights = zip(*choices, strict=True)
    return [put() for _ in range(1 + number(3))] + [make() for make in random.choices(makers, weights, k=5 + number(11))]
