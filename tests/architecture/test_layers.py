"""The one-way street, read from the sources: every import goes through a door that layers.toml has."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import ROOT, Import, imports, inside, is_own, is_standard, modules

LAYERS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "layers.toml").read_text())
IMPORTS = imports()


def _room(module: str) -> dict[str, Any]:
    name = max((prefix for prefix in LAYERS["rooms"] if inside(module, prefix)), key=len)
    room: dict[str, Any] = LAYERS["rooms"][name]
    return room


def _show(wrong: list[Import]) -> str:
    return "\n".join(f"{item.importer}:{item.line} imports {item.imported}" for item in wrong)


def _allowed(item: Import) -> bool:
    room = _room(item.importer)
    if is_own(item.imported):
        return any(inside(item.imported, prefix) or inside(prefix, item.imported) for prefix in room["own"])
    if is_standard(item.imported):
        return "standard" not in room or any(inside(item.imported, name) for name in room["standard"])
    return any(inside(item.imported, name) for name in room["third"])


def test_there_is_something_to_check() -> None:
    assert len(modules()) > 20
    assert len(IMPORTS) > 50


def test_every_import_goes_through_a_door() -> None:
    wrong = [item for item in IMPORTS if not _allowed(item)]
    assert not wrong, _show(wrong)


@pytest.mark.parametrize("importer", sorted(LAYERS["never"]))
def test_rooms_that_never_meet(importer: str) -> None:
    forbidden = LAYERS["never"][importer]
    wrong = [
        item
        for item in IMPORTS
        if inside(item.importer, importer)
        and any(inside(item.imported, name) for name in forbidden)
        and not any(inside(item.imported, name) for name in LAYERS["exceptions"].get(item.importer, ()))
    ]
    assert not wrong, _show(wrong)


@pytest.mark.parametrize("package", sorted(LAYERS["strangers"]))
def test_siblings_that_never_import_each_other(package: str) -> None:
    """Front ends among themselves, handlers among themselves; private modules and the shared ones are common ground."""
    shared = set(LAYERS["strangers"][package])

    def sibling(module: str) -> str | None:
        if not module.startswith(package + "."):
            return None
        name = module.removeprefix(package + ".").split(".")[0]
        return None if name in shared or name.startswith("_") else name

    wrong = [
        item
        for item in IMPORTS
        if (mine := sibling(item.importer))
        and (theirs := sibling(item.imported))
        and mine.split("_")[0] != theirs.split("_")[0]
    ]
    assert not wrong, _show(wrong)


def test_only_lowering_sees_both_the_ir_and_the_rows() -> None:
    models = LAYERS["both_models"]
    uses = {"ir": set[str](), "rows": set[str]()}
    for item in IMPORTS:
        for kind, importers in uses.items():
            if inside(item.imported, models[kind]):
                importers.add(item.importer)
    both = {name for name in uses["ir"] & uses["rows"] if not any(inside(name, prefix) for prefix in models["allowed"])}
    assert not both


def test_the_compiled_core_imports_next_to_nothing() -> None:
    """``_fast`` cimports its own files and C; a Python import at its top would be paid on every cold start."""
    allowed = tuple(f"from {name} import " for name in LAYERS["compiled"]["may_import"])
    sources = sorted((ROOT / "evaluator" / "_fast").glob("*.pyx"))
    assert sources
    for path in sources:
        lines = path.read_text().splitlines()
        found = [line for line in lines if line.startswith(("import ", "from ")) and " cimport " not in line]
        assert all(line.startswith(allowed) for line in found), f"{path.name}: {found}"
