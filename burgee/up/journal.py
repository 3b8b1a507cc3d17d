"""What has happened, line by line: kept for the view, or printed as it comes. For ``burgee.up``."""

import json
import sys
import time
from collections import deque
from typing import Any, NamedTuple, TextIO

KEPT = 500
_SAID = ("route", "status", "flag", "reason", "version", "reasons", "broken", "records", "count", "duration_us")


class Line(NamedTuple):
    """``at`` is in epoch seconds; ``source`` is a function's name, "aws", "store" or "up"."""

    at: float
    source: str
    text: str

    @property
    def clock(self) -> str:
        """The local time of day."""
        return time.strftime("%H:%M:%S", time.localtime(self.at))


class Journal:
    """Keeps the newest lines and, unless a view shows them, prints each. ``copy`` gets structured ones as they are."""

    def __init__(self, output: TextIO | None = sys.stdout, copy: TextIO | None = None) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self.output = output
        self._copy = copy

    def say(self, source: str, text: str) -> None:
        """Notes a text, which may have several lines. Structured ones are put into words."""
        for part in text.splitlines():
            if self._copy is not None and part.startswith("{"):
                self._copy.write(part + "\n")
            line = Line(time.time(), source, in_words(part))
            self.lines.append(line)
            self._print(line)

    def _print(self, line: Line) -> None:
        if self.output is None:
            return
        try:
            print(f"{line.clock} {line.source:<6} {line.text}", file=self.output, flush=True)
        except OSError:  # whoever read it has gone (`| head`); what is running goes on
            self.output = None


def in_words(text: str) -> str:
    """A function's structured log line in words; any other line as it is."""
    try:
        document: Any = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return text
    if not isinstance(document, dict):
        return text
    if "_aws" in document and "message" not in document:
        metrics = {name for group in document["_aws"].get("CloudWatchMetrics", []) for name in _names(group)}
        values = {name: _number(document.get(name)) for name in sorted(metrics)}
        return "metrics " + " ".join(f"{name}={value}" for name, value in values.items() if value)
    said = [f"{name}={document[name]}" for name in _SAID if document.get(name)]
    return " ".join([str(document.get("level", "")), str(document.get("message", "")), *said]).strip()


def _names(group: dict[str, Any]) -> list[str]:
    return [str(metric.get("Name")) for metric in group.get("Metrics", [])]


def _number(value: Any) -> Any:
    """Powertools writes each number as a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
