"""An event on its way through the processor. For ``handlers.events``.

``Event`` is what a producer sent (requirement MODEL-06), ``Entry`` one record of a batch with all that the stages learn of it.
The stages pass lists of entries on, in the stream's order; each fills in its own fields.
"""

from typing import Any

import msgspec


class Event(msgspec.Struct):
    """The contract's fields (``handlers._contract.FIELDS``); members that aren't listed are ignored."""

    event_id: str
    event_type: str
    user_id: str
    experiment_id: str | None = None
    timestamp: str | None = None
    properties: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class Entry(msgspec.Struct):
    """One record. ``place``: its index in the invocation's ``Records``; ``arrived_ms``: when the stream took it, epoch ms.

    ``parse`` makes it with ``data``, the record's bytes. ``validate`` sets ``event``; ``at_ms``, the event's time (its arrival
    if it has none of its own: ``dated`` False); ``why``, the reason for its quarantine, if it is. ``enrich`` sets what the
    assignment and the snapshot say; ``archive`` its ``line``. Times in epoch milliseconds.
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
    line: bytes = b""
