"""The project that the scenarios ask about, compiled; and the scenarios' place. Imported by the tests beside it."""

import tomllib
from functools import cache
from pathlib import Path

from config_sync import compile_project
from tests.conftest import conformance_data

HERE = Path(__file__).parent
GHERKIN = conformance_data("openfeature-spec", "gherkin")
ABSENT = "the OpenFeature scenarios (BURGEE_CONFORMANCE) aren't on this machine"


@cache
def snapshot() -> bytes:
    result = compile_project(HERE / "flags.yaml")
    assert result.snapshot is not None and not list(result.diagnostics), list(result.diagnostics)
    return result.snapshot


def skipped() -> dict[str, str]:
    """Scenario name -> why it may fail."""
    headings = tomllib.loads((HERE / "skips.toml").read_text("utf-8"))
    return {name: f"{heading}: {entry['reason']}" for heading, entry in headings.items() for name in entry["scenarios"]}


def tags() -> set[str]:
    """Every tag of the scenarios, without its @."""
    if GHERKIN is None:
        return set()
    lines = [line.split() for path in GHERKIN.glob("*.feature") for line in path.read_text("utf-8").splitlines()]
    return {word[1:] for words in lines if words and words[0].startswith("@") for word in words}
