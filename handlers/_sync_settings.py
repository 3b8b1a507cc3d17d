"""What ``handlers.sync`` is told by its environment. For that module only; docs/sync.md lists the variables."""

from __future__ import annotations

import os
from math import isfinite
from typing import NamedTuple


class SettingsError(ValueError):
    """An environment variable that is missing or wrong. Names it and says what it may be."""


class SyncSettings(NamedTuple):
    """``store``: where to publish. At most one of ``key_file`` and ``key_parameter`` is set: whose key signs manifests.
    ``limits``: those of the gate's limits that are given, by their names in ``config_sync.publish.Limits``."""

    store: str
    key_file: str | None
    key_parameter: str | None
    limits: dict[str, float]


def settings_of_environment() -> SyncSettings:
    """Raises SettingsError."""
    store = _text("BURGEE_STORE")
    if store is None:
        raise SettingsError("BURGEE_STORE is not set: s3://bucket/prefix, or a directory")
    key_file, key_parameter = _text("BURGEE_SIGNING_KEY"), _text("BURGEE_SIGNING_KEY_PARAMETER")
    if key_file is not None and key_parameter is not None:
        raise SettingsError("BURGEE_SIGNING_KEY (a file) and BURGEE_SIGNING_KEY_PARAMETER are both set: keep one")
    return SyncSettings(store, key_file, key_parameter, _limits())


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
