"""What of the store has been found bad and isn't to be fetched again. For ``handlers._follow``; imports nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 32
DAMAGED_SECONDS = 300


class Quarantine:
    """A bounded memory of refused manifests, each known by the digest of its payload or of all its bytes.

    For good, when nothing can make it acceptable (these exact bytes aren't signed, the core refuses this exact object); for
    five minutes, when somebody may repair what lies under the same name. The oldest entry makes room.
    """

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Callable[[], int]) -> None:
        """``clock``: monotonic nanoseconds."""
        self._clock = clock
        self._until: dict[bytes, int | None] = {}  # digest -> when it ends; None: never

    def add(self, mark: bytes, *, for_good: bool) -> None:
        """Remembers a manifest."""
        self._until.pop(mark, None)
        while len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[mark] = None if for_good else self._clock() + DAMAGED_SECONDS * 1_000_000_000

    def holds(self, mark: bytes) -> bool:
        """Whether it was refused and still is."""
        until = self._until.get(mark, 0)
        if until is None or until > self._clock():
            return True
        self._until.pop(mark, None)
        return False

    def __len__(self) -> int:
        return len(self._until)
