"""An event on its way through the processor. For ``handlers.events``.

``Event`` is what a producer sent (requirement MODEL-06), ``Entry`` one record of a batch with all that the stages learn of it.
The stages pass lists of entries on, in the stream's order; each fills in its own fields, none removes what another has found.
"""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from handlers._contract import FIELDS, MAX_DEPTH, MAX_INTEGER, MAX_KEYS, MAX_NAME

if TYPE_CHECKING:
    Id = str
    Type = str
    User = str
    Experiment = str
    Timestamp = str
    Object = dict[str, Any]
else:

    def _values(level: int) -> Any:
        """What a map or list on this level may hold: the contract's depth and numbers as a type."""
        plain = Annotated[int, Meta(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)] | float | str | bool | None
        if level == MAX_DEPTH:
            return plain
        inner = _values(level + 1)
        return plain | list[inner] | dict[_Name, inner]

    _Name = Annotated[str, Meta(max_length=MAX_NAME)]
    Object = Annotated[dict[_Name, _values(1)], Meta(max_length=MAX_KEYS)]
    Id, Type, User, Experiment, Timestamp = (
        Annotated[str, Meta(min_length=1, max_length=most)] for _, _, _, most, _ in FIELDS if most
    )


class Event(msgspec.Struct):
    """The contract's fields (``handlers._contract.FIELDS``); members that aren't listed are ignored.

    Decoding holds an event to everything of the contract but the characters of ids and what a timestamp is: ``validate`` does.
    """

    event_id: Id
    event_type: Type
    user_id: User
    experiment_id: Experiment | None = None
    timestamp: Timestamp | None = None
    properties: Object | None = None
    metadata: Object | None = None


Group = tuple[str, str, str, int, int]
"""What is counted together: experiment id, variant, event type, hour since the epoch, phase."""


class Entry(msgspec.Struct):
    """One record. ``place``: its index in the invocation's ``Records``; ``arrived_ms``: when the stream took it, epoch ms.

    ``parse`` makes it with ``data``, the record's bytes, and ``event``, if they are one. ``validate`` sets ``at_ms``, the
    event's time (its arrival if it has none of its own: ``dated`` False); ``why``, the reason for its quarantine, if it is.
    ``enrich`` sets what the assignment and the snapshot say; ``Window.seen`` the ``digest`` of its id; ``batch`` the ``group``
    that it counts in, if it does, and its ``line`` in the archive. Times in epoch milliseconds.
    """

    place: int
    sequence: str
    shard: str
    arrived_ms: int
    data: bytes
    event: Event | None = None
    at_ms: int = 0
    dated: bool = True
    why: str = ""
    assignment_id: str | None = None
    variant: str | None = None
    assigned_ms: int | None = None
    experiment_key: str | None = None
    experiment_name: str | None = None
    experiment_status: str | None = None
    phase: int = 0
    enrichment_error: bool = False
    told: bool = False
    digest: bytes = b""
    group: Group | None = None
    line: bytes = b""
