"""Every dialect has all that docs/dialects/README.md says a dialect has."""

import re

import pytest

from config_sync.frontends.registry import DIALECTS
from tests.architecture.imports import ROOT

FAMILIES = sorted({name.partition("@")[0] for name in DIALECTS})
FOREIGN = [name for name in FAMILIES if name != "native"]


@pytest.mark.parametrize("dialect", FAMILIES)
def test_a_dialect_has_its_page_its_seed_and_its_benchmark(dialect: str) -> None:
    listed = (ROOT / "docs" / "dialects" / "README.md").read_text(encoding="utf-8")
    assert f"[{dialect}]({dialect}.md)" in listed
    for place in (f"docs/dialects/{dialect}.md", f"tests/fuzz/seeds/{dialect}.json", f"benchmarks/dialects/{dialect}.json"):
        assert (ROOT / place).exists(), place


@pytest.mark.parametrize("dialect", FOREIGN)
def test_a_vendors_dialect_has_its_suite_its_engine_and_golden_cases(dialect: str) -> None:
    suites = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "conformance" / dialect).glob("test_*.py")]
    assert any("SUITE = Suite(__file__" in text for text in suites)
    assert (ROOT / "tests" / "differential" / f"{dialect}.py").exists()
    assert list((ROOT / "tests" / "golden").glob(f"{dialect}*-*/cases.yaml"))


def test_every_name_is_on_its_familys_page() -> None:
    missing = [
        name
        for name in DIALECTS
        if not re.search(rf"`{re.escape(name)}`", (ROOT / f"docs/dialects/{name.partition('@')[0]}.md").read_text("utf-8"))
    ]
    assert [name for name in missing if "@" in name] == []
