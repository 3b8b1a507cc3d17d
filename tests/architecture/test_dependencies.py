"""docs/dependencies.md and pyproject.toml name the same dependencies, each with a range and a reason; no others are used."""

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.architecture.imports import ROOT, imports, is_own, is_standard

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULE_OF = {"PyYAML": "yaml", "openfeature-sdk": "openfeature", "aws-cdk-lib": "aws_cdk"}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert match
    return match.group()


def _declared() -> dict[str, set[str]]:
    """distribution -> the groups that ask for it."""
    project = PYPROJECT["project"]
    groups = {
        "required": project["dependencies"],
        "build": PYPROJECT["build-system"]["requires"],
        **project["optional-dependencies"],
    }
    found: dict[str, set[str]] = {}
    for group, lines in groups.items():
        for line in lines:
            if _name(line) != "burgee":
                found.setdefault(_name(line), set()).add(group)
    return found


def _documented() -> dict[str, tuple[set[str], str]]:
    """distribution -> (groups, reason), from the table rows of docs/dependencies.md."""
    rows = re.findall(
        r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|", Path(ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE
    )
    return {name: ({group.strip() for group in groups.split(",")}, reason.strip()) for name, groups, reason in rows}


def test_the_page_and_the_project_agree() -> None:
    assert {name: groups for name, (groups, _) in _documented().items()} == _declared()


def test_every_dependency_has_its_reason() -> None:
    assert [name for name, (_, reason) in _documented().items() if len(reason) < 12] == []


def test_every_range_has_both_ends() -> None:
    """An open range lets somebody else's release break a fresh clone. Time zone data are dated, so they have no next major."""
    lines = [line for group in PYPROJECT["project"]["optional-dependencies"].values() for line in group]
    lines += PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"]
    open_ended = [line for line in lines if _name(line) not in ("burgee", "tzdata") and not re.search(r">=[^,]+,<", line)]
    assert open_ended == []


def test_every_third_party_import_is_declared() -> None:
    known = {MODULE_OF.get(name, name.replace("-", "_")).lower() for name in _declared()}
    used = {item.imported.split(".")[0] for item in imports() if not is_own(item.imported) and not is_standard(item.imported)}
    assert {name for name in used if name.lower() not in known} == set()
