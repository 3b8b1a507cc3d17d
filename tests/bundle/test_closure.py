"""What is packed is what is imported: late imports and imports by name too, and nothing for type checkers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.functions import FUNCTIONS
from scripts.bundle import rules
from scripts.bundle.closure import NEVER, closure
from tests.architecture.imports import ROOT, is_own

NAMES = [each.name for each in FUNCTIONS]
MODULES = {each.name: each.module for each in FUNCTIONS}
HOT = [each.name for each in FUNCTIONS if each.hot]


def _tree(place: Path, **files: str) -> Path:
    for name, text in files.items():
        path = place.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in [path for path in place.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()
    return place


def test_imports_inside_functions_count(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        handlers__one="def f():\n    from handlers._two import g\n    import mmh3\n    return g\n",
        handlers___two="import json\n",
    )
    found = closure("handlers.one", root)
    assert set(found.modules) == {"handlers", "handlers.one", "handlers._two"}
    assert found.third == {"mmh3": {"handlers.one"}}


def test_imports_by_name_count(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        handlers__one='MAP = {"a": "config_sync.a:run"}\nfiles("tzdata")\nimport_module(f"evaluator._{x}.core")\n',
        config_sync__a="",
        config_sync__b="",
        evaluator___fast__core="",
        evaluator___pure__core="",
        evaluator___pure__other="",
    )
    found = closure("handlers.one", root)
    assert {"config_sync.a", "evaluator._fast.core", "evaluator._pure.core"} <= set(found.modules)
    assert not {"config_sync.b", "evaluator._pure.other"} & set(found.modules)
    assert set(found.third) == {"tzdata"}


def test_relative_imports_and_names_that_are_modules(tmp_path: Path) -> None:
    root = _tree(
        tmp_path, handlers__events__a="from . import b\nfrom .. import _kit\n", handlers__events__b="", handlers___kit=""
    )
    assert {"handlers.events.b", "handlers._kit"} <= set(closure("handlers.events.a", root).modules)


def test_what_is_for_type_checkers_does_not_count(tmp_path: Path) -> None:
    text = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import numpy\n    from handlers import two\n"
    found = closure("handlers.one", _tree(tmp_path, handlers__one=text, handlers__two=""))
    assert "handlers.two" not in found.modules
    assert not found.third


def test_clients_say_which_services_are_described(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        handlers__one='import boto3\nboto3.client("s3")\nboto3.session.Session().client("sqs", config=1)\nx.client("no")\n',
    )
    assert set(closure("handlers.one", root).services) == {"s3", "sqs"}
    with pytest.raises(ValueError, match="of what service"):
        closure("handlers.two", _tree(tmp_path, handlers__two="import boto3\nboto3.client(name)\n"))


def test_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no module"):
        closure("handlers.none", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_inf_10_the_closure_holds_what_an_interpreter_loads(name: str) -> None:
    """And what it loads beyond that is not ours: the closure is asked, another way of finding out answers."""
    probe = (
        f"import sys, json; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules); import {MODULES[name]}; "
        "print(json.dumps({n: getattr(m, '__file__', None) or '' for n, m in sys.modules.items() if n not in before}))"
    )
    if os.environ.get("BURGEE_PURE") == "1":
        pytest.skip("the Cython core, which bundles have, isn't built (BURGEE_PURE=1)")
    environment = {**os.environ, "EVALUATOR_IMPL": "fast"}
    done = subprocess.run([sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=True, env=environment)
    loaded = json.loads(done.stdout)
    ours = {module for module, path in loaded.items() if is_own(module) and path.endswith(".py")}
    found = closure(MODULES[name], ROOT)
    assert ours <= set(found.modules)
    assert MODULES[name] in ours


@pytest.mark.parametrize("name", HOT)
def test_hot_functions_carry_no_compiler_and_no_sdk(name: str) -> None:
    found = closure(MODULES[name], ROOT)
    assert not {module.split(".")[0] for module in found.modules} & rules.FORBIDDEN_HOT
    assert set(found.third) - {rules.FOR_SIGNATURES} <= {"mmh3", "msgspec"}


def test_only_the_compiled_core_answers_in_a_hot_function() -> None:
    """Without it an import fails; the pure core would answer a thousand times more slowly, and nobody would notice."""
    assert "evaluator._pure.evaluator" not in closure("handlers.flags", ROOT).modules
    assert ("evaluator._backend", "evaluator._pure.evaluator") in NEVER


def test_the_gate_of_a_publication_has_both_cores() -> None:
    """What is published is verified by both (config_sync.verify), which are imported by name."""
    assert {"evaluator._pure.evaluator", "evaluator._fast"} <= set(closure("handlers.sync", ROOT).modules)
    assert "config_sync.frontends.flagd" in closure("handlers.sync", ROOT).modules
