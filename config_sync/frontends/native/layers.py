"""Mutual exclusion: no two running items may share a part of a layer. Used by the native front end only."""

import msgspec

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.native.items import Built


def check_layers(items: list[Built], diagnostics: Diagnostics) -> list[Built]:
    """The items, with those that reach into another's part of a layer as tombstones: exclusion is a promise."""
    members: dict[str, list[Built]] = {}
    for built in items:
        if built.place is not None:
            members.setdefault(built.place[0], []).append(built)
    errors: dict[str, str] = {}
    for layer, sharing in members.items():
        _check_layer(layer, sharing, errors, diagnostics)
    return [_buried(built, errors.get(built.flag.key)) for built in items]


def _check_layer(layer: str, sharing: list[Built], errors: dict[str, str], diagnostics: Diagnostics) -> None:
    """In order of keys: the first keeps its part, whatever the order in the document."""
    taken: list[tuple[int, int, str]] = []
    for built in sorted(sharing, key=lambda item: item.flag.key):
        ranges = built.place[1] if built.place else ()
        other = next((key for first, last in ranges for low, high, key in taken if first <= high and low <= last), None)
        if other is None:
            taken += [(first, last, built.flag.key) for first, last in ranges]
            continue
        message = f"its part of the layer {layer!r} overlaps that of {other!r}"
        errors[built.flag.key] = message
        diagnostics.error("LAYER-OVERLAP", message, built.layer_origin, "give each a range of its own")


def _buried(built: Built, error: str | None) -> Built:
    if error is None:
        return built
    flag = msgspec.structs.replace(built.flag, rules=(), error=error)
    return built._replace(flag=flag)
