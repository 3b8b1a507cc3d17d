"""Which attribute a name of Unleash's context is, and which one is hashed. Used by the Unleash front end only.

A null counts as missing everywhere. ``userId`` is the targeting key's other name. Properties are read at top level, or in the
mapping ``properties`` where Unleash's own context has them.
"""

from config_sync.ir import Attribute

_TARGETING_KEY = Attribute("targetingKey", null_is_missing=True)
USER_ID = Attribute("userId", fallback=_TARGETING_KEY, null_is_missing=True)
CURRENT_TIME = Attribute("currentTime", null_is_missing=True)
_SESSION_ID = Attribute("sessionId", null_is_missing=True)
_FIELDS = {
    "userId": USER_ID,
    "sessionId": _SESSION_ID,
    "currentTime": CURRENT_TIME,
    **{name: Attribute(name, null_is_missing=True) for name in ("environment", "appName", "remoteAddress")},
}

DEFAULT_UNIT = Attribute(
    "userId", fallback=Attribute("targetingKey", fallback=_SESSION_ID, null_is_missing=True), null_is_missing=True
)
HOST_NAME = Attribute("hostname", null_is_missing=True)


def attribute(name: str) -> Attribute | None:
    """The attribute of this name; None for an empty name, which no context has."""
    if not name:
        return None
    return _FIELDS.get(name) or Attribute(name, ("properties", name), null_is_missing=True)


def unit(stickiness: str) -> Attribute | None:
    """What a stickiness hashes; None for ``random``, and for a name that no context has."""
    if stickiness == "default":
        return DEFAULT_UNIT
    return None if stickiness == "random" else attribute(stickiness)
