"""Writes what is made from the event contract: its JSON Schema and the tables of docs/events.md.

``python -m scripts.contract`` after a change to ``handlers._contract``.
"""

import json
from pathlib import Path

from handlers._contract import schema, tables

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "schema" / "event.schema.json"
PAGE = ROOT / "docs" / "events.md"
BEGIN, END = "<!-- contract: made by python -m scripts.contract -->\n", "<!-- end of contract -->\n"


def schema_text() -> str:
    """The schema's file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True) + "\n"


def page_text(page: str) -> str:
    """The page with the tables of now. Raises ValueError when it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the tables")
    return before + begin + tables() + end + after


def main() -> None:
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(schema_text())
    PAGE.write_text(page_text(PAGE.read_text()))


if __name__ == "__main__":
    main()
