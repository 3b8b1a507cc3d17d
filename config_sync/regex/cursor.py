"""A position in a pattern's text, and how to complain about it. Used by ``config_sync.regex`` only."""

from typing import NoReturn

from config_sync.regex.errors import PatternError, UnsupportedPattern


class Cursor:
    """Reads a pattern code point by code point. At the end, ``peek`` and ``take`` answer the empty string."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def peek(self, count: int = 1) -> str:
        return self.text[self.position : self.position + count]

    def take(self, count: int = 1) -> str:
        taken = self.peek(count)
        self.position += len(taken)
        return taken

    def accept(self, wanted: str) -> bool:
        """Move over ``wanted`` if it stands here."""
        if not self.text.startswith(wanted, self.position):
            return False
        self.position += len(wanted)
        return True

    def take_until(self, end: str) -> str | None:
        """The text up to ``end``, moving past it; None (and no move) when it doesn't come."""
        found = self.text.find(end, self.position)
        if found < 0:
            return None
        taken = self.text[self.position : found]
        self.position = found + len(end)
        return taken

    def skip_blanks(self) -> None:
        """Move over white space and comments, as a verbose pattern has them."""
        while self.peek().isspace() or self.peek() == "#":
            if self.take() == "#" and self.take_until("\n") is None:
                self.position = len(self.text)

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        raise PatternError(message, self.position if position is None else position)

    def refuse(self, message: str, position: int) -> NoReturn:
        """What other engines would take."""
        raise UnsupportedPattern(message, position)
