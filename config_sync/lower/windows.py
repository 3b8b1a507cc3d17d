"""Time windows as rows of ``windows`` with their time zones. Used by the lowering only."""

from config_sync.ir import Window
from config_sync.lower.tables import Tables
from evaluator.snapshot import opcodes as codes

EVERY_DAY = 127


def add_window(tables: Tables, window: Window) -> int:
    """The row of a window, its zone's transitions placed in ``zones``."""
    days = sum(1 << day for day in set(window.days)) or EVERY_DAY
    flags = codes.WINDOW_MINUTES if window.minutes else 0
    flags |= codes.WINDOW_DATES if window.dates else 0
    flags |= codes.WINDOW_ABSOLUTE if window.absolute else 0
    minutes, dates, absolute = window.minutes or (0, 0), window.dates or (0, 0), window.absolute or (0, 0)
    zone = codes.NONE if window.zone is None else _zone(tables, window.zone)
    return tables.windows.intern(days, flags, *minutes, 0, *dates, zone, 0, *absolute)


def _zone(tables: Tables, name: str) -> int:
    from config_sync.zones import zone_table  # only a project with local time pays for the import

    return tables.zones.intern(zone_table(name)) // 8
