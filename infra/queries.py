"""The saved queries of docs/telemetry.md: read from the page, so that what is written there is what is deployed."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "telemetry.md"
HEADING = "## Queries to save"


def saved() -> dict[str, str]:
    """name -> query. Raises ValueError when the page has none."""
    _, found, rest = PAGE.read_text().partition(HEADING)
    block = rest.partition("```\n")[2].partition("\n```")[0]
    queries: dict[str, str] = {}
    for paragraph in block.split("\n\n"):
        name, _, text = paragraph.partition("\n")
        if name.startswith("# ") and text:
            queries[name.removeprefix("# ").partition(":")[0]] = text
    if not found or not queries:
        raise ValueError(f"{PAGE.name} has no queries to save")
    return queries
