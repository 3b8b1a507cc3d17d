"""What must not outlive its process: forks and Lambda's SnapStart, heard of for every reader. For ``handlers._snapshots``.

A forked child shares its parent's sockets, and a restored snapshot of a process has sockets, deadlines and credentials of
another time and place. Both keep the loaded flags and begin everything else anew.
"""

from __future__ import annotations

import os
from _weakref import ref

from evaluator.errors import BurgeeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Restarts(Protocol):
        """A reader or a client, as far as this module knows it."""

        def restart(self) -> None: ...

        def prepare(self) -> None: ...


_followed: list[ref[Restarts]] = []
_registered: list[bool] = []


def follow(reader: Restarts) -> None:
    """Calls ``reader.restart()`` in forked children, before a SnapStart snapshot and after it is restored."""
    _followed[:] = [known for known in _followed if known() is not None]
    _followed.append(ref(reader))
    if not _registered:
        _registered.append(True)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=restart_all)
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            _register_snap_start()


def _register_snap_start() -> None:
    """Registers with the hooks of Lambda's Python runtime, whose module is part of that runtime and no dependency of ours.

    Without it the clocks' jump makes the first request after a restore look at the store all the same.
    """
    from importlib import import_module

    try:
        hooks = import_module("snapshot_restore_py")
    except ImportError:
        return
    hooks.register_before_snapshot(before_snapshot)
    hooks.register_after_restore(restart_all)


def before_snapshot() -> None:
    """Every reader begins anew, and imports what its next look needs: the snapshot keeps the modules, and no request pays."""
    restart_all()
    for reader in _living():
        try:
            reader.prepare()
        except BurgeeError:
            continue  # its first use will find the same, and report it


def restart_all() -> None:
    """Every reader there is begins anew."""
    for reader in _living():
        reader.restart()


def _living() -> list[Restarts]:
    return [reader for known in _followed if (reader := known()) is not None]
