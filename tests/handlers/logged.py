"""What functions wrote to their standard output: JSON lines, told apart."""

import json
from typing import Any


def lines_in(text: str) -> list[dict[str, Any]]:
    """Every line, parsed."""
    return [json.loads(line) for line in text.splitlines()]


def errors_in(text: str) -> list[dict[str, Any]]:
    """The lines about errors, without those that end requests."""
    return [line for line in lines_in(text) if line.get("level") == "ERROR" and line["message"] != "request"]


def requests_in(text: str) -> list[dict[str, Any]]:
    """The lines that end requests."""
    return [line for line in lines_in(text) if line.get("message") == "request"]
