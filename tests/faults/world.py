"""A simulated store, its faults and its clocks: everything that a reader sees, decided by one seeded generator.

Time never passes by itself. What the store does wrong is drawn read by read while ``noise`` is on; what lies in it wrongly is
put there by the ``publish_…`` methods, as an accident or an attacker would.
"""

from functools import cache
from hashlib import sha256
from json import dumps, loads
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evaluator.errors import ManifestError
from evaluator.snapshot.manifest import POINTER, SIGNED_PREFIX, Manifest, object_name, parse, seal, to_payload
from evaluator.snapshot.opcodes import HEADER_BYTES
from handlers._origin import OriginError, Reply
from tests.handlers.flags import constant, snapshot_of
from tests.handlers.stores import MS, Clocks, manifest, snapshot

PAD = 300_000  # bytes of a large snapshot: several requests' worth
MAX_BYTES = 1_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes_raw()
KEY_ID = sha256(PUBLIC).hexdigest()[:16]


@cache
def signature(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    return key.sign(SIGNED_PREFIX + payload)


def sealed(made: Manifest, key: Ed25519PrivateKey | None) -> bytes:
    """Signed under our key's id, whoever signs."""
    return seal(made, {KEY_ID: signature(to_payload(made), key)} if key else {})


def tag_of(data: bytes) -> str:
    return f'"{sha256(data).hexdigest()[:32]}"'


@cache
def large(text: str) -> bytes:
    return snapshot_of(constant("padding", "." * PAD), constant("which", text))


class World:
    """The store as it is (``objects``), as it was (``past``), and what of it a reader may believe (``valid``)."""

    def __init__(self, random: Random, keys: bool) -> None:
        self.random = random
        self.keys = keys
        self.clocks = Clocks()
        self.true_ms = 0.0  # time as it really passes; the clocks may say anything
        self.spent_ms = 0.0  # what reads have taken of the request under way
        self.noise = False
        self.bytes_per_ms = 1_000.0
        self.lies_until = -1.0  # 304 for everything until then
        self.objects: dict[str, bytes] = {}
        self.past: list[bytes] = []  # pointers
        self.heard: list[tuple[str, Reply]] = []  # what was answered before
        self.valid: dict[int, set[str]] = {}  # version -> texts
        self.newest = 0
        self.is_good = False  # whether the pointer is to the newest version, correctly published
        self.changed_at = 0.0  # when what is published last changed
        self.lied_at = -1.0  # when the store last said something outdated, or a clock went back
        self.jumped_at = -1.0  # when a clock last went back
        self.refused_objects: dict[str, int] = {}  # objects that no core takes -> how often one came whole in this process
        self.damage: dict[bytes, int] = {}  # digest of a damaged object -> how often it came
        self.reads: list[str] = []  # of the request under way
        self.faults: dict[str, int] = {}  # how often each was played

    # --- time -----------------------------------------------------------------------------------------------------------

    def pass_(self, milliseconds: float) -> None:
        self.clocks.pass_(milliseconds)
        self.true_ms += milliseconds

    def freeze(self, milliseconds: float, *, monotonic_stands: bool) -> None:
        before = self.clocks.mono
        self.pass_(milliseconds)
        if monotonic_stands:
            self.clocks.mono = before
        self._count("freeze, monotonic clock stands" if monotonic_stands else "freeze")

    def jump(self) -> None:
        """One of the clocks says something else from now on."""
        by = int(self.random.choice((-3_600_000, -7_000, -300, 300, 7_000, 3_600_000)) * MS * self.random.random())
        if self.random.random() < 0.5:
            self.clocks.epoch += by
            self._count("wall clock jumps")
        else:
            self.clocks.mono = max(self.clocks.mono + by, 0)
            self._count("monotonic clock jumps")
        if by < 0:
            self.lied_at = self.jumped_at = self.true_ms

    # --- publishing -----------------------------------------------------------------------------------------------------

    def publish(self, *, big: bool = False, **fields: Any) -> None:
        text = f"v{self.newest + 1:04d}"
        self._put(self._next(large(text) if big else snapshot(text), **fields), text)

    def publish_again(self) -> None:
        """A rollback or a resume: an object that was there before, under a new version."""
        version = self.random.choice(list(self.valid)) if self.valid else 0
        if not version:
            return self.publish()
        text = sorted(self.valid[version])[0]
        self._put(self._next(snapshot(text), kind="rollback", of=version), text)

    def publish_forged(self) -> None:
        """By somebody without the key: with another one's signature, or none. Where no keys are configured this is valid."""
        text = f"f{self.newest + 1:04d}"
        made = self._next(snapshot(text))
        key = self.random.choice((STRANGER, None))
        self._put(made, text if not self.keys else None, sealed(made, key))

    def publish_unusable(self) -> None:
        """Signed and with the right digest, but no core takes it."""
        data = bytearray(snapshot(f"u{self.newest + 1:04d}"))
        data[self.random.randrange(HEADER_BYTES, len(data))] ^= 1 << self.random.randrange(8)
        made = self._next(bytes(data))
        self.refused_objects.setdefault(object_name(made.object), 0)
        self._put(made, None)

    def publish_oversized(self) -> None:
        made = self._next(snapshot(f"o{self.newest + 1:04d}"))
        made.size = MAX_BYTES + 1
        self._put(made, None)

    def publish_unsupported(self) -> None:
        made = self._next(snapshot(f"n{self.newest + 1:04d}"))
        payload = to_payload(made).replace(b'"format":1', b'"format":2')
        line = b'{"sha256":"%s","signatures":{}}' % sha256(payload).hexdigest().encode()
        self._put(made, None, payload + b"\n" + line + b"\n")

    def publish_conflict(self) -> None:
        """Another manifest with the number of the newest one. Who hasn't seen the first can't know."""
        if not self.newest or not self.is_good:
            return
        text = f"c{self.newest:04d}"
        made = manifest(self.newest, snapshot(text))
        self.objects[object_name(made.object)] = snapshot(text)
        self.valid.setdefault(self.newest, set()).add(text)
        self._point(sealed(made, KEY), good=False)

    def reseal(self) -> None:
        """A publisher has looked and found nothing new: it says when in the seal, and the pointer has another tag."""
        pointer = self.objects.get(POINTER, b"")
        try:
            parse(pointer)
        except ManifestError:
            return  # nothing that a publisher would go on from
        payload, line, _ = pointer.split(b"\n")
        seal_line = loads(line) | {"looked_at": int(self.true_ms), "nonce": self.random.randrange(2**32)}
        self.objects[POINTER] = payload + b"\n" + dumps(seal_line).encode() + b"\n"
        self.past.append(self.objects[POINTER])

    def spoil_pointer(self) -> None:
        self._point(self.random.randbytes(self.random.randrange(2_000)), good=False)

    def remove_object(self) -> None:
        """A lifecycle rule was quicker than the reader."""
        names = [name for name in self.objects if name != POINTER]
        if names:
            del self.objects[self.random.choice(names)]
            self.is_good = False
            self._count("object removed")

    def damage_object(self) -> None:
        """What lies under an object's name is another object: the digest alone tells."""
        names = [name for name in self.objects if name != POINTER]
        if len(names) > 1:
            one, other = self.random.sample(names, 2)
            self.objects[one] = self.objects[other]
            self.is_good = False
            self._count("object damaged at rest")

    def _next(self, data: bytes, **fields: Any) -> Manifest:
        self.newest += 1
        made = manifest(self.newest, data, **fields)
        self.objects[object_name(made.object)] = data
        return made

    def _put(self, made: Manifest, text: str | None, pointer: bytes | None = None) -> None:
        """Flips the pointer. ``text``: what the version answers, None when no reader may take it."""
        if text is not None:
            self.valid[made.version] = {text}
        self._point(sealed(made, KEY) if pointer is None else pointer, good=text is not None)

    def _point(self, pointer: bytes, good: bool) -> None:
        self.objects[POINTER] = pointer
        self.past.append(pointer)
        self.is_good = good
        self.changed_at = self.true_ms

    def _count(self, fault: str) -> None:
        self.faults[fault] = self.faults.get(fault, 0) + 1

    # --- the reader's side ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Nothing: the store is in memory."""

    def forget(self) -> None:
        self.heard.clear()

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        self.reads.append(name)
        left = max(until * 1e3 - self.clocks.mono / MS, 0.0)
        fault = self.random.choice(READ_FAULTS) if self.noise else "none"
        self._count(fault)
        if fault == "timeout":
            self._take(left)
            raise OriginError("timeout", "no answer in time")
        if fault == "refusal":
            self._take(min(left, self.random.uniform(0, 20)))
            raise OriginError(self.random.choice(("server", "denied", "credentials", "throttled", "dns", "tls")), "no")
        if fault == "defect":
            raise RuntimeError("a defect of the origin's")
        wait = self.random.uniform(1, 120) if self.noise and self.random.random() < 0.3 else self.random.uniform(1, 5)
        if wait >= left:
            self._take(left)
            raise OriginError("timeout", "no answer in time")
        self._take(wait)
        if fault == "freeze":
            self.freeze(self.random.uniform(0, 20_000), monotonic_stands=self.random.random() < 0.5)
        reply = self._wrong(fault, name, etag, start, limit) or self._right(name, self.objects.get(name), etag, start, limit)
        return self._deliver(name, reply, fault, left - wait)

    def _take(self, milliseconds: float) -> None:
        self.pass_(milliseconds)
        self.spent_ms += milliseconds

    def _right(self, name: str, data: bytes | None, etag: str | None, start: int, limit: int) -> Reply:
        if data is None:
            return Reply(404)
        tag = tag_of(data)
        if start and etag != tag:
            return Reply(412, tag)
        if start >= len(data) > 0:
            return Reply(416, tag)
        if not start and etag == tag:
            return Reply(304, tag)
        if len(data) - start > limit:
            raise OriginError("limit", "larger than is wanted")
        return Reply(206 if start else 200, tag, data[start:], True, len(data), start)

    def _wrong(self, fault: str, name: str, etag: str | None, start: int, limit: int) -> Reply | None:
        """An answer that isn't the object's present state, if the fault makes one."""
        if (fault == "304" or self.true_ms < self.lies_until) and etag is not None and not start:
            self.lied_at = self.true_ms
            return Reply(304, etag)
        if fault == "stale" and name == POINTER and self.past:
            self.lied_at = self.true_ms
            return self._right(name, self.random.choice(self.past[-4:]), etag, start, limit)
        if fault == "reordered" and self.heard:
            self.lied_at = self.true_ms
            return self.random.choice(self.heard[-6:])[1]
        if fault == "status":
            self.lied_at = self.true_ms
            return Reply(self.random.choice((206, 304, 404, 412, 416, 500)))
        return None

    def _deliver(self, name: str, reply: Reply, fault: str, left: float) -> Reply:
        """What of the reply arrives in time, and in what state."""
        data = reply.data
        if fault == "cut":
            data = data[: self.random.randrange(len(data) + 1)]
        rate = self.random.uniform(0, 50) if fault == "drip" else self.bytes_per_ms
        came = data[: int(left * rate)]
        self._take(min(len(came) / rate if rate else left, left))
        whole = reply.complete and len(came) == len(reply.data)
        if fault == "flipped" and came:
            came = _flip(came, self.random)
        elif fault == "cut silently" and came:
            came, whole = came[: self.random.randrange(len(came))], True
        if data and not came and fault not in ("cut silently",):
            raise OriginError("timeout", "the headers came, and nothing else in time")
        given = Reply(reply.status, reply.etag, came, whole, reply.total, reply.start)
        self.heard.append((name, given))
        self._note(name, given)
        return given

    def _note(self, name: str, given: Reply) -> None:
        """For the oracle: what a reader can't be blamed for, and what it must not ask for again."""
        if name == POINTER or given.status != 200 or not given.complete:
            return
        digest = sha256(given.data).digest()
        if name == object_name(digest.hex()):
            if name in self.refused_objects:
                self.refused_objects[name] += 1
        else:
            self.damage[digest] = self.damage.get(digest, 0) + 1


def _flip(data: bytes, random: Random) -> bytes:
    spoiled = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
    return bytes(spoiled)


READ_FAULTS = (
    *("none",) * 10, *("timeout",) * 3, *("refusal",) * 3, *("flipped",) * 4, *("cut",) * 2, *("stale",) * 4, *("304",) * 2,
    *("reordered",) * 3, "cut silently", "drip", "status", "freeze", "defect",
)  # fmt: skip
