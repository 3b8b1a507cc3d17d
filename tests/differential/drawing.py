"""Small helpers for drawing documents and contexts at random. For the modules of ``tests/differential`` and ``tests/fuzz``."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

LETTERS = "abcxyzABC019-_. éßЖ日😀"


def word(chance: Random, most: int = 8) -> str:
    """A text, sometimes empty, seldom not ASCII."""
    letters = LETTERS if chance.random() < 0.15 else LETTERS[:14]
    return "".join(chance.choices(letters, k=chance.randint(0, most)))


def weighted(chance: Random, choices: Sequence[tuple[int, Callable[[], T]]]) -> T:
    """The result of one of the functions, by weight."""
    return chance.choices([make for _, make in choices], [weight for weight, _ in choices])[0]()


def some(chance: Random, items: Sequence[T], least: int = 0) -> list[T]:
    """A few of the items, in random order."""
    return chance.sample(items, chance.randint(min(least, len(items)), len(items)))


def several(chance: Random, make: Callable[[], T], least: int, most: int) -> list[T]:
    return [make() for _ in range(chance.randint(least, most))]


def present(
    chance: Random, attributes: dict[str, Callable[[], Any]], missing: float = 0.2, null: float = 0.05
) -> dict[str, Any]:
    """Attributes of a context: each by its function, sometimes missing, sometimes null."""
    found: dict[str, Any] = {}
    for name, make in attributes.items():
        luck = chance.random()
        if luck >= missing:
            found[name] = None if luck < missing + null else make()
    return found
