"""The saved queries of docs/telemetry.md and docs/results.md: what is written on the pages is what is deployed."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "telemetry.md"
HEADING = "## Queries to save"
LAKE_PAGE, LAKE_HEADING = DOCS / "results.md", "### The same in Athena"


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


def of_the_lake() -> dict[str, str]:
    """name -> SQL for Athena. Raises ValueError when the page has none."""
    _, found, rest = LAKE_PAGE.read_text().partition(LAKE_HEADING)
    name = rest.partition('The query "')[2].partition('"')[0]
    text = rest.partition("```sql\n")[2].partition("```")[0]
    if not (found and name and text):
        raise ValueError(f"{LAKE_PAGE.name} has no query for Athena")
    return {name: text}
