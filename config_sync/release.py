"""Publishing, rolling back and resuming: the only way anything is written to a store. For the sync and the command line.

The pointer is read first and replaced last, by compare-and-swap: whoever read the source earlier than somebody who has finished
meanwhile starts again. Killed anywhere, the pointer names a complete, verified snapshot. docs/store.md says why.
"""

import hashlib
import random
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from config_sync.compile import CompileResult
from config_sync.diagnostics import Diagnostic
from config_sync.publish import DEFAULT_LIMITS, Decision, Limits, decide
from config_sync.store import Store, StoreError
from config_sync.timing import Steps
from config_sync.verify import verify
from config_sync.versions import Head, NoSuchVersion, fetch, find, history, read_head, read_snapshot
from config_sync.writing import Signs, flip, put_object, sealed, touch
from evaluator import Evaluator, SnapshotError
from evaluator.snapshot.manifest import POINTER, Manifest

__all__ = ["NoSuchVersion", "Release", "fetch", "history", "publish", "resume", "rollback"]

ATTEMPTS = 20  # to replace the pointer before somebody else does
MAX_MESSAGE_CHARACTERS = 1_000
Clock = Callable[[], int]
Contexts = Iterable[Mapping[str, Any]]


class Release(msgspec.Struct, frozen=True):
    """What became of a publish, a rollback or a resume.

    ``status``: "published" (there is a new version), "unchanged", "refused" (by the gate), "held" (after a rollback, until
    somebody resumes) or "failed" (nothing fit to publish); ``reasons``: why, in words; of a forced one, what the gate said.
    ``manifest``: what the store serves now, None if nothing. ``diagnostics``: the compiler's. ``attempts``: how often it began.
    ``steps_ms``: time by step.
    """

    status: str
    manifest: Manifest | None
    reasons: tuple[str, ...] = ()
    decision: Decision | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    attempts: int = 1
    steps_ms: dict[str, float] = {}

    @property
    def version(self) -> int:
        """The version that is served now, 0 if none."""
        return 0 if self.manifest is None else self.manifest.version

    @property
    def tombstones(self) -> int:
        """Flags that couldn't be compiled: of what was built; where nothing was, of what is served."""
        if self.decision is not None:
            return self.decision.tombstones
        return 0 if self.manifest is None else self.manifest.tombstones

    def figures(self) -> dict[str, float]:
        """Numbers for metrics, by name. Those of the gate are there when it was asked."""
        found: dict[str, float] = {"version": self.version, "tombstones": self.tombstones, "attempts": self.attempts}
        if self.manifest is not None:
            found |= {"flags": self.manifest.flags, "bytes": self.manifest.size}
        if (gate := self.decision) is not None:
            found |= {"flags": gate.flags, "added": gate.added, "removed": gate.removed, "dropped": len(gate.dropped)}
            found |= {"shrink": gate.shrink, "moved": gate.moved, "moved_flags": len(gate.moved_flags)}
        return found | {f"{step}_ms": taken for step, taken in self.steps_ms.items()}


def publish(
    store: Store,
    build: Callable[[], CompileResult],
    *,
    limits: Limits = DEFAULT_LIMITS,
    force: bool = False,
    signer: Signs | None = None,
    message: str = "",
    contexts: Contexts | None = None,
    clock: Clock | None = None,
) -> Release:
    """Builds, looks at what would change, and makes it the next version.

    ``build`` reads the source and compiles; it is called after the pointer was read, and again after every lost race. ``force``
    passes the gate and ends a hold. ``contexts``: users for the gate, see ``decide``. ``clock`` gives epoch milliseconds.
    Raises StoreError when the store can't be used or others were always quicker (nothing is lost, try again), and whatever
    ``build`` raises.
    """
    users = None if contexts is None else list(contexts)
    run = _Run(store, signer, message, clock)

    def attempt(head: Head) -> Release | None:
        if head.manifest is not None and head.manifest.held and not force:
            return run.release("held", head.manifest, reasons=(held_reason(head.manifest, store.url),))
        with run.steps("build"):
            built = build()
        return run.publish(head, built, limits, force, users)

    return run.until_done(attempt)


def rollback(
    store: Store, to: int | None = None, *, message: str = "", signer: Signs | None = None, clock: Clock | None = None
) -> Release:
    """Makes an earlier version's content the next version, and holds it: the sync leaves it alone until ``resume``.

    ``to``: the version; None: the newest one before the current one with other content. Raises NoSuchVersion and StoreError.
    """
    run = _Run(store, signer, message, clock)

    def attempt(head: Head) -> Release | None:
        current = _manifest(store, head)
        target = _last_other(store, current) if to is None else find_earlier(store, current, to)
        with run.steps("fetch"):
            snapshot = read_snapshot(store, target)
        if snapshot is None:
            raise StoreError(
                f"{store.url}: the snapshot of version {target.version} is missing or damaged; take another version"
            )
        if problems := run.problems(snapshot):
            return run.release("failed", current, reasons=problems)
        return run.flip(head, target, kind="rollback", of=target.version, held=True)

    return run.until_done(attempt)


def resume(store: Store, *, message: str = "", signer: Signs | None = None, clock: Clock | None = None) -> Release:
    """Ends a hold: a new version with the same content, which the sync may replace. Raises NoSuchVersion and StoreError."""
    run = _Run(store, signer, message, clock)

    def attempt(head: Head) -> Release | None:
        current = _manifest(store, head)
        if not current.held:
            return run.release("unchanged", current, reasons=(f"version {current.version} isn't held",))
        return run.flip(head, current, kind="resume")

    return run.until_done(attempt)


def held_reason(manifest: Manifest, url: str) -> str:
    """Says that a version is held, and how that ends."""
    why = "" if manifest.of is None else f" (rolled back to version {manifest.of})"
    return f"version {manifest.version} is held{why}; burgee resume --store {shlex.quote(url)} lets the sync go on"


def find_earlier(store: Store, current: Manifest, version: int) -> Manifest:
    """A version before the current one. Raises NoSuchVersion and StoreError."""
    if version == current.version:
        raise NoSuchVersion(f"{store.url}: {version} is the current version; roll back to an earlier one")
    return find(store, version).manifest


def _last_other(store: Store, current: Manifest) -> Manifest:
    """Where a rollback goes that isn't told. After a rollback that is further back, not to what was rolled back from."""
    bound = current.version
    for envelope in history(store):
        manifest = envelope.manifest
        if manifest.version < bound and manifest.object != current.object:
            return manifest
        if manifest.version == bound:
            bound = manifest.of or (bound - 1 if manifest.kind == "resume" else bound)
    raise NoSuchVersion(f"{store.url}: there is no earlier version with other content")


def _manifest(store: Store, head: Head) -> Manifest:
    if head.manifest is None:
        raise NoSuchVersion(f"{store.url}: nothing is published there")
    return head.manifest


# --- one run ----------------------------------------------------------------------------------------------------------


class _Run:
    """One publish, rollback or resume: its store, key, message and clock, and what it has done so far."""

    def __init__(self, store: Store, signer: Signs | None, message: str, clock: Clock | None) -> None:
        self._store = store
        self._signer = signer
        self._message = message[:MAX_MESSAGE_CHARACTERS]
        self._clock = clock or _epoch_ms
        self._attempts = 0
        self._sound: bytes | None = None  # the last snapshot that passed verification
        self.steps = Steps()

    def until_done(self, attempt: Callable[[Head], Release | None]) -> Release:
        """Begins again at the pointer for as long as somebody else was quicker (None)."""
        for number in range(ATTEMPTS):
            self._attempts = number + 1
            with self.steps("pointer"):
                head = read_head(self._store)
            done = attempt(head)
            if done is not None:
                return done
            time.sleep(random.SystemRandom().uniform(0, min(1.0, 0.02 * 2**number)))
        raise StoreError(f"{self._store.url}: others replaced {POINTER} {ATTEMPTS} times meanwhile; nothing is lost, try again")

    def release(self, status: str, manifest: Manifest | None, **fields: Any) -> Release:
        return Release(status, manifest, attempts=self._attempts, steps_ms=self.steps.taken_ms, **fields)

    def publish(
        self, head: Head, built: CompileResult, limits: Limits, force: bool, users: list[Mapping[str, Any]] | None
    ) -> Release | None:
        """One attempt with what was built. None: somebody else was quicker."""
        told: dict[str, Any] = {"diagnostics": tuple(built.diagnostics)}
        if built.snapshot is None:
            return self.release("failed", head.manifest, reasons=("there is nothing fit to publish",), **told)
        current = self._current(head.manifest)
        try:
            with self.steps("decide"):
                decision = decide(current, built.snapshot, limits, users, self._clock())
        except SnapshotError as error:
            return self.release("failed", head.manifest, reasons=(f"what was built doesn't load: {error}",), **told)
        told["decision"] = decision
        reasons = decision.reasons
        is_same = head.manifest is not None and head.manifest.object == hashlib.sha256(built.snapshot).hexdigest()
        if is_same and self._is_settled(head):
            return self._unchanged(head, built.snapshot, is_lost=current is None, **told)
        if head.manifest is not None and current is None and not is_same:
            reasons = (f"the snapshot of version {head.version} is missing or damaged: there is nothing to compare with",)
        if reasons and not force:
            return self.release("refused", head.manifest, reasons=reasons, **told)
        if problems := self._put(built.snapshot):
            return self.release("failed", head.manifest, reasons=problems, **told)
        return self.flip(head, _described(built.snapshot, decision), force=force, reasons=reasons, **told)

    def _is_settled(self, head: Head) -> bool:
        """Whether the same content needs no new version: neither to end a hold nor for the signature of a new key."""
        if head.envelope is None or head.envelope.manifest.held:
            return False
        return self._signer is None or self._signer.key_id in head.envelope.signatures

    def _current(self, manifest: Manifest | None) -> bytes | None:
        """What is published, None if it can't be used for a comparison."""
        if manifest is None:
            return None
        with self.steps("fetch"):
            snapshot = read_snapshot(self._store, manifest)
        try:
            if snapshot is not None:
                Evaluator(snapshot)
            return snapshot
        except SnapshotError:
            return None

    def _unchanged(self, head: Head, snapshot: bytes, is_lost: bool, **told: Any) -> Release | None:
        reasons: tuple[str, ...] = ()
        if is_lost:
            reasons = (f"the snapshot of version {head.version} was missing or damaged, and is written again",)
            if problems := self._put(snapshot):
                return self.release("failed", head.manifest, reasons=problems, **told)
        with self.steps("flip"):
            is_first = touch(self._store, head, self._clock())
        return self.release("unchanged", head.manifest, reasons=reasons, **told) if is_first else None

    def _put(self, snapshot: bytes) -> tuple[str, ...]:
        """Writes a snapshot and looks at what then lies there. What speaks against publishing it."""
        if snapshot == self._sound:
            return ()
        with self.steps("put"):
            found = put_object(self._store, snapshot)
        if problems := self.problems(found):
            return problems
        self._sound = snapshot
        return ()

    def flip(
        self,
        head: Head,
        target: Manifest,
        *,
        kind: str = "publish",
        of: int | None = None,
        held: bool = False,
        force: bool = False,
        **told: Any,
    ) -> Release | None:
        """Makes ``target``'s content the next version. None: somebody else was quicker."""
        if self._signer is None and head.envelope is not None and head.envelope.signatures and not force:
            reasons = (f"version {head.version} is signed, and there is no key to sign the next one with",)
            return self.release("failed", head.manifest, **{**told, "reasons": reasons})
        manifest = Manifest(
            head.version + 1,
            target.object,
            target.size,
            target.snapshot_version,
            target.flags,
            self._clock(),
            tombstones=target.tombstones,
            kind=kind,
            of=of,
            held=held,
            message=self._message,
            previous=None if head.envelope is None else head.envelope.name,
        )
        with self.steps("flip"):
            is_first = flip(self._store, head, sealed(manifest, self._signer))
        return self.release("published", manifest, **told) if is_first else None

    def problems(self, snapshot: bytes) -> tuple[str, ...]:
        """What the cores here have against a snapshot."""
        with self.steps("verify"):
            try:
                found = verify(snapshot)
            except SnapshotError as error:
                return (f"the snapshot doesn't load: {error}",)
        if found.ok:
            return ()
        keys = sorted({difference.key or "all flags" for difference in found.differences})
        return (f"the cores disagree about {', '.join(keys[:5])}; this is a fault in Burgee",)


def _described(snapshot: bytes, decision: Decision) -> Manifest:
    """What a manifest says about a snapshot; the rest is filled in when it becomes a version."""
    name = hashlib.sha256(snapshot).hexdigest()
    version = Evaluator(snapshot).snapshot_version
    return Manifest(1, name, len(snapshot), version, decision.flags, 0, tombstones=decision.tombstones)


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000
