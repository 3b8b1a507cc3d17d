"""Following a store: what one look at its pointer leads to. For ``handlers._snapshots``, which decides when to look.

``Follower.step`` is the whole protocol: a conditional read of the pointer, the manifest's checks, the object's transfer over as
many steps as it takes, the object's checks. It knows no deadline but the one that it is handed, and it never replaces anything
itself. Imported at the first look, not on the cold path.
"""

from __future__ import annotations

from hashlib import sha256

from evaluator import Evaluator, SnapshotError
from evaluator.errors import ManifestError, UnsupportedManifest
from evaluator.snapshot.manifest import MAX_MANIFEST_BYTES, POINTER, Envelope, parse
from handlers._origin import OriginError
from handlers._quarantine import Quarantine
from handlers._scratch import Served
from handlers._transfer import Broken, Damaged, Interrupted, Transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from handlers._origin import Reply
    from handlers._settings import Settings
    from handlers._transfer import Origin

CONFIRMED: Final = "confirmed"  # what is served is what the store serves
SWAPPED: Final = "swapped"  # here is a newer one
PENDING: Final = "pending"  # the time was up; the next step goes on where this one stopped
IGNORED: Final = "ignored"  # the store said something that changes nothing: older, or refused before
REFUSED: Final = "refused"  # the same, found out in this step
FAILED: Final = "failed"  # try again later


class Outcome:
    """What a step came to: one of the words above, why (a metric's word), and what it is about.

    ``served`` with SWAPPED; ``transfer`` with SWAPPED; ``version`` is the version that was refused or failed, None if unknown.
    """

    __slots__ = ("reason", "served", "transfer", "version", "word")

    def __init__(
        self,
        word: str,
        reason: str = "",
        version: int | None = None,
        served: Served | None = None,
        transfer: Transfer | None = None,
    ) -> None:
        self.word = word
        self.reason = reason
        self.version = version
        self.served = served
        self.transfer = transfer


class _Failure(Exception):
    """Ends a step: what came is no use, and may be another time."""

    def __init__(self, reason: str, version: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.version = version


class Follower:
    """What is known about a store between two looks at it. One step at a time: the caller sees to that."""

    __slots__ = ("_clock", "_etag", "_origin", "_settings", "_suspect", "_transfer", "looked_at", "quarantine")

    def __init__(self, settings: Settings, origin: Origin, clock: Callable[[], int]) -> None:
        """``clock``: monotonic nanoseconds."""
        self._settings = settings
        self._origin = origin
        self._clock = clock
        self.quarantine = Quarantine(clock)
        self._etag: str | None = None  # of the pointer to what is served, and of no other: so a 304 always confirms
        self._suspect = b""  # the digest of what was wrong last time: seen twice, it isn't the transfer's fault
        self._transfer: Transfer | None = None
        self.looked_at = (0, 0)  # the moment of the last look at the pointer

    def step(self, served: Served | None, until: float, moment: tuple[int, int]) -> Outcome:
        """One step, back by ``until`` (seconds of the monotonic clock) plus the processor time of checking and loading.

        ``moment``: now, by both clocks; it becomes ``looked_at`` unless the step only goes on with a transfer. Raises nothing
        but what ends the process or the greenlet; after that the follower is as good as before.
        """
        transfer = self._transfer
        looked = transfer is None or transfer.is_stuck
        if looked:
            self.looked_at = moment
        try:
            found = self._look(served, until) if transfer is None or transfer.is_stuck else transfer
            return found if isinstance(found, Outcome) else self._fetch(found, served, until, looked)
        except _Failure as failure:
            return self._failed(failure.reason, failure.version)
        except OriginError as error:
            return self._failed(error.kind)
        except Exception as error:  # a defect of ours, or no memory: the old program goes on, and a metric says so
            self._transfer = None
            return self._failed(f"internal: {type(error).__name__}")

    def forget(self) -> None:
        """Drops the connection and what was half done."""
        self._transfer = None
        self._origin.forget()

    def _failed(self, reason: str, version: int | None = None) -> Outcome:
        transfer = self._transfer
        if transfer is not None:
            transfer.is_stuck = True  # so the next step looks at the pointer first: the object may be gone, or no longer wanted
            version = transfer.manifest.version if version is None else version
        return Outcome(FAILED, reason, version)

    # --- the pointer --------------------------------------------------------------------------------------------------

    def _look(self, served: Served | None, until: float) -> Outcome | Transfer:
        """Reads the pointer: what that comes to, or what is to be fetched."""
        transfer = self._transfer
        etag = self._etag if transfer is None else transfer.etag
        reply = self._origin.get(POINTER, etag, until=until, limit=MAX_MANIFEST_BYTES)
        if reply.status == 304 and etag is not None:
            return Outcome(CONFIRMED) if transfer is None else transfer
        if reply.status == 404:
            raise _Failure("no manifest")
        if reply.status != 200:
            raise _Failure(f"status {reply.status}")
        if not reply.complete:
            raise _Failure("timeout")
        return self._read(reply, served)

    def _read(self, reply: Reply, served: Served | None) -> Outcome | Transfer:
        stored = sha256(reply.data).digest()
        if self.quarantine.holds(stored):
            return self._ignore_again()
        try:
            envelope = parse(reply.data)
        except UnsupportedManifest:
            return self._refuse(stored, "unsupported manifest", None)
        except ManifestError as error:
            raise _Failure("damaged manifest") from error
        mark = sha256(envelope.payload).digest()
        if self.quarantine.holds(mark):
            return self._ignore_again()
        version, transfer = envelope.manifest.version, self._transfer
        if transfer is not None and version < transfer.manifest.version:
            return transfer  # a late reply: what is being fetched is newer
        if served is not None and version <= served.version:
            return self._known(envelope, mark, reply.etag, served)
        return self._admit(envelope, mark, stored, reply)

    def _ignore_again(self) -> Outcome:
        self._transfer = None
        return Outcome(IGNORED, "refused before")

    def _known(self, envelope: Envelope, mark: bytes, etag: str | None, served: Served) -> Outcome:
        """A version that isn't newer than what is served. An older one's tag isn't kept: it would confirm the wrong one."""
        version = envelope.manifest.version
        if version < served.version:
            return Outcome(IGNORED, "older", version)
        if envelope.payload != served.payload:
            return self._refuse(mark, "conflict", version)
        self._etag = etag
        self._transfer = None
        return Outcome(CONFIRMED)

    def _admit(self, envelope: Envelope, mark: bytes, stored: bytes, reply: Reply) -> Outcome | Transfer:
        """Checks a newer manifest, and makes ready to fetch its object.

        What is wrong with the payload is remembered by the payload (``mark``), whatever seal it comes with; what is wrong with
        the seal by all of the bytes (``stored``): a bit that fell over on the way comes as other bytes the next time.
        """
        settings, version = self._settings, envelope.manifest.version
        if settings.public_keys:
            from handlers._signature import is_signed

            if not is_signed(envelope, settings.public_keys):
                return self._refuse(stored, "signature", version)
        if envelope.manifest.size > settings.max_bytes:
            return self._refuse(mark, "too large", version)
        transfer = self._transfer
        if transfer is None or transfer.manifest.object != envelope.manifest.object:
            transfer = self._transfer = Transfer()
        transfer.concern(envelope, reply.data, mark, reply.etag)
        return transfer

    # --- the object ---------------------------------------------------------------------------------------------------

    def _fetch(self, transfer: Transfer, served: Served | None, until: float, looked: bool) -> Outcome:
        """Goes on with the transfer; ``looked``: the pointer has taken its part of the time."""
        manifest = transfer.manifest
        transfer.is_stuck = False
        if served is not None and served.object == manifest.object:
            return self._swapped(transfer, served.evaluator, None)  # the same snapshot under a newer manifest
        if looked and self._clock() >= until * 1e9:
            return Outcome(PENDING)
        try:
            data = transfer.go_on(self._origin, until)
        except Damaged as damage:
            return self._damaged(transfer, damage.found)
        except Broken as broken:
            raise _Failure(f"object: status {broken.status}") from broken
        except (Interrupted, OriginError) as error:
            return self._unfinished(transfer, error, looked)
        try:
            return self._swapped(transfer, Evaluator(data), data)
        except SnapshotError:
            return self._refuse(transfer.mark, "snapshot", manifest.version)

    def _unfinished(self, transfer: Transfer, error: Interrupted | OriginError, looked: bool) -> Outcome:
        """Goes on at once after a step that brought something, or that had only what the pointer left of the time.

        Otherwise the store is in trouble, and the next attempt waits.
        """
        if isinstance(error, Interrupted):
            if looked or not error.is_slow:
                return Outcome(PENDING)
            raise _Failure("timeout") from error
        if looked and error.kind == "timeout":
            return Outcome(PENDING)
        if error.kind in ("limit", "protocol"):
            transfer.restart()  # what came so far may be what is wrong
        raise error

    def _swapped(self, transfer: Transfer, evaluator: Evaluator, data: bytes | None) -> Outcome:
        transfer.data = data
        self._transfer = None
        self._etag = transfer.etag
        self._suspect = b""
        manifest = transfer.manifest
        served = Served(evaluator, manifest.version, manifest.object, transfer.envelope.payload, "store")
        return Outcome(SWAPPED, manifest.kind, manifest.version, served, transfer)

    # --- what is wrong ------------------------------------------------------------------------------------------------

    def _refuse(self, mark: bytes, reason: str, version: int | None) -> Outcome:
        self.quarantine.add(mark, for_good=True)
        self._transfer = None
        return Outcome(REFUSED, reason, version)

    def _damaged(self, transfer: Transfer, found: bytes) -> Outcome:
        """Not the object that was named. The same wrong bytes twice lie so in the store; somebody may repair them."""
        self._transfer = None
        version = transfer.manifest.version
        if self._suspect != found:
            self._suspect = found
            raise _Failure("damaged snapshot", version)
        self.quarantine.add(transfer.mark, for_good=False)
        return Outcome(REFUSED, "damaged snapshot", version)
