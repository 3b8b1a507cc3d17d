"""What ``handlers.sync`` is told by its environment. For that module only; docs/sync.md lists the variables."""

from __future__ import annotations

import os
from math import isfinite
from typing import NamedTuple


class SettingsError(ValueError):
    """An environment variable that is missing or wrong. Names it and says what it may be."""


KEY_SECONDS = 300.0  # for so long a key that was read is used before it is read again
FILE, PARAMETER, SECRET = KEYS = ("BURGEE_SIGNING_KEY", "BURGEE_SIGNING_KEY_PARAMETER", "BURGEE_SIGNING_KEY_SECRET")


class KeySource(NamedTuple):
    """Where the key is that signs manifests. ``variable``: the one of ``KEYS`` that says so; ``place``: what it says."""

    variable: str
    place: str


class SyncSettings(NamedTuple):
    """``store``: where to publish; ``key``: whose signature manifests get, None for none.
    ``limits``: those of the gate's limits that are given, by their names in ``config_sync.publish.Limits``."""

    store: str
    key: KeySource | None
    limits: dict[str, float]


def settings_of_environment() -> SyncSettings:
    """Raises SettingsError."""
    store = _text("BURGEE_STORE")
    if store is None:
        raise SettingsError("BURGEE_STORE is not set: s3://bucket/prefix, or a directory")
    keys = [KeySource(variable, place) for variable in KEYS if (place := _text(variable)) is not None]
    if len(keys) > 1:
        raise SettingsError(f"{' and '.join(key.variable for key in keys)} are set together: keep one")
    return SyncSettings(store, keys[0] if keys else None, _limits())


def _limits() -> dict[str, float]:
    given = {
        "max_dropped": _number("BURGEE_MAX_DROPPED", "a whole number of flags, from 0", most=1e9, whole=True),
        "max_shrink": _number("BURGEE_MAX_SHRINK", "a share from 0 to 1"),
        "max_moved": _number("BURGEE_MAX_MOVED", "a share from 0 to 1"),
    }
    limits = {name: value for name, value in given.items() if value is not None}
    if "max_moved" in limits:
        limits["spare_flags"] = 0  # a limit that somebody chose holds for every flag
    return limits


def _text(variable: str) -> str | None:
    """An empty variable counts as unset: templates write those."""
    return os.environ.get(variable) or None


def _number(variable: str, what: str, most: float = 1.0, whole: bool = False) -> float | None:
    text = _text(variable)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not isfinite(value) or not 0 <= value <= most or (whole and value != int(value)):
        raise SettingsError(f"{variable} is {text[:40]!r}: it must be {what}")
    return int(value) if whole else value
