"""Origins that know more than a pointer: an exact spot (syntax errors), or the key rather than the value of an entry.

Sources and front ends make them; ``locate.py`` and ``render.py`` understand them; for everyone else they are plain origins.
"""

from config_sync.ir import Origin


class Spot(Origin, frozen=True):
    """A place in a text by line and column, both counted from 1."""

    line: int = 1
    column: int = 1


class KeyOrigin(Origin, frozen=True):
    """The key of the entry at the pointer: where a misspelt field is underlined."""


def key_of(origin: Origin, name: str | int) -> KeyOrigin:
    """The place of a key inside the mapping at ``origin``."""
    return KeyOrigin(origin.document, (*origin.pointer, name))
