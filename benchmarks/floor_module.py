"""Finds the compiled floors (``make bench`` builds them beside floors.pyx; they are no part of any package)."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

PLACE = Path(__file__).resolve().parent / "floors"


def load() -> ModuleType:
    """The module ``floors``; its murmur3 is checked against published answers first. ImportError if it isn't built."""
    if str(PLACE) not in sys.path:
        sys.path.insert(0, str(PLACE))
    floors = importlib.import_module("floors")
    if floors.hash_of("test", 0x9747B28C) != 0x704B81DC or floors.hash_of("abc", 0x9747B28C) != 0xC84A62DD:
        raise AssertionError("the floors' murmur3_32 is wrong")
    return floors
