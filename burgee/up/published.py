"""Follows the store's pointer: what is published, and what each new version changed. For ``burgee.up``'s view."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from config_sync.diff import Changes, compare
from config_sync.store import Store, StoreError
from config_sync.versions import read_head, read_snapshot
from evaluator.errors import BurgeeError
from evaluator.snapshot.manifest import Manifest

LOOK_SECONDS = 1.0


@dataclass
class Published:
    """``manifest`` is the newest that was seen. ``run`` looks until it is cancelled and tells ``say`` what is new."""

    store: Store
    say: Callable[[str], None]
    manifest: Manifest | None = None
    trouble: str = ""
    _snapshot: bytes | None = field(default=None, repr=False)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """One look at the pointer; what can't be read is only noted."""
        try:
            head = await asyncio.to_thread(read_head, self.store)
            self.trouble = ""
            if head.manifest is not None and (self.manifest is None or head.manifest.version > self.manifest.version):
                await self._take(head.manifest)
        except (StoreError, ClientError, BotoCoreError) as error:
            self.trouble = str(error)

    async def _take(self, manifest: Manifest) -> None:
        snapshot = await asyncio.to_thread(read_snapshot, self.store, manifest)
        before, self._snapshot, self.manifest = self._snapshot, snapshot, manifest
        self.say(f"version {manifest.version}: {_what(manifest)}{await asyncio.to_thread(_difference, before, snapshot)}")


def _what(manifest: Manifest) -> str:
    words = f"{manifest.flags} flags, snapshot {manifest.snapshot_version}"
    if manifest.tombstones:
        words += f", {manifest.tombstones} broken"
    if manifest.kind == "rollback":
        words = f"rolled back to version {manifest.of} and held; {words}"
    elif manifest.kind == "resume":
        words = f"resumed; {words}"
    return words


def _difference(before: bytes | None, after: bytes | None) -> str:
    """What changed, for a line; "" when that can't be told."""
    if before is None or after is None:
        return ""
    try:
        changes = compare(before, after)
    except BurgeeError:
        return ""
    return f" ({described(changes)})" if changes else ""


def described(changes: Changes) -> str:
    """``changed sales-open (default); added x; removed y``."""
    parts = [f"changed {key} ({', '.join(what)})" for key, what in list(changes.changed.items())[:5]]
    parts += [f"added {key}" for key in changes.added[:5]] + [f"removed {key}" for key in changes.removed[:5]]
    more = len(changes.changed) + len(changes.added) + len(changes.removed) - len(parts)
    return "; ".join(parts) + (f"; {more} more" if more else "")
