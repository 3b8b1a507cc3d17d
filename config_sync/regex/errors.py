"""The one error of the pattern compiler. Used by ``config_sync`` only."""


class PatternError(ValueError):
    """This pattern can't be compiled. ``message`` says what is wrong and what to write instead; ``position`` is the index
    of the code point in the pattern where it was noticed."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message, position)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return f"{self.message} (at {self.position})"


class UnsupportedPattern(PatternError):
    """Other engines take this pattern, and this compiler doesn't: it is too large, or has something that isn't offered here."""
