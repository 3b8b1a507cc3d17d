"""What prices.toml says: prices, limits and assumptions, each with its source. No CDK here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parent / "prices.toml"


@dataclass(frozen=True, slots=True)
class Price:
    """So many dollars for so many of a unit. ``date``: the month that it was known to be so."""

    usd: float
    per: float
    unit: str
    source: str
    date: str

    def of(self, amount: float) -> float:
        """Dollars for so many."""
        return self.usd * amount / self.per


@dataclass(frozen=True, slots=True)
class Limit:
    """What AWS lets happen, and where it says so."""

    value: float
    what: str
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Assumption:
    """What we take for granted, and its unit or reason."""

    value: float
    what: str


@dataclass(frozen=True, slots=True)
class Prices:
    """The whole file, by name. Indexing raises KeyError."""

    price: dict[str, Price]
    limit: dict[str, Limit]
    assumption: dict[str, Assumption]

    def usd(self, name: str, amount: float) -> float:
        """Dollars for so many of the price's unit."""
        return self.price[name].of(amount)

    def at_most(self, name: str) -> float:
        """A limit's value."""
        return self.limit[name].value

    def given(self, name: str) -> float:
        """An assumption's value."""
        return self.assumption[name].value


@cache
def prices() -> Prices:
    """The file of now."""
    found = tomllib.loads(PAGE.read_text(encoding="utf-8"))
    return Prices(
        {name: Price(**row) for name, row in found["price"].items()},
        {name: Limit(**row) for name, row in found["limit"].items()},
        {name: Assumption(**row) for name, row in found["assumption"].items()},
    )
