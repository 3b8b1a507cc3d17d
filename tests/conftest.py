"""What every test may ask for: the two cores, the conformance and requirement data, and the settings of generated tests."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.aws", "tests.postgres"]  # the fixtures `aws`, `postgres`, and `mirror` on it

ROOT = Path(__file__).resolve().parent.parent
_BESIDE = ROOT.parent / "shared"
# Where coverage isn't counted: they start other processes, or repeat what others do once, and tracing doubles their time.
UNTRACED = (
    "architecture/",
    "arm64/",
    "benchmarks/",
    "bundle/",
    "differential/",
    "fuzz/test_leaks.py",
    "hosts/",
    "model/test_mutations.py",
    "parity/test_generator.py",
)

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("explore", parent=settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def core(name: str) -> ModuleType:
    """The implementation ``pure`` or ``fast``. Skips when the Cython core isn't built and nobody asked for it."""
    try:
        return importlib.import_module(f"evaluator._{name}.evaluator")
    except ModuleNotFoundError:
        if os.environ.get("BURGEE_PURE") == "1" and name == "fast":
            pytest.skip("the Cython core isn't built (BURGEE_PURE=1)")
        raise


def pytest_configure() -> None:
    """A run that claims to be about one core (``BURGEE_CORE``) doesn't start with the other."""
    import evaluator

    claimed = os.environ.get("BURGEE_CORE", evaluator.IMPLEMENTATION)
    if claimed != evaluator.IMPLEMENTATION:
        pytest.exit(f"this run is meant for the {claimed} core, but {evaluator.IMPLEMENTATION} is loaded", returncode=3)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.hasplugin("_cov"):
        for item in items:
            if item.path.relative_to(ROOT / "tests").as_posix().startswith(UNTRACED):
                item.add_marker("no_cover")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    import evaluator

    terminalreporter.write_line(f"the core of `import evaluator` in this run: {evaluator.IMPLEMENTATION}")


@pytest.fixture(params=["pure", "fast"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Each core in turn: a module with ``Evaluator`` and ``Evaluation``. In a run of the pure core, only that one."""
    if os.environ.get("EVALUATOR_IMPL") == "pure" and request.param == "fast":
        pytest.skip("this run is of the pure core")
    return core(str(request.param))


def _data(variable: str, default: Path, parts: tuple[str, ...]) -> Path | None:
    place = Path(os.environ.get(variable, default)).joinpath(*parts)
    return place if place.exists() else None


def conformance_data(*parts: str) -> Path | None:
    """A place in the public conformance suites (``BURGEE_CONFORMANCE``), or None where they aren't on this machine."""
    return _data("BURGEE_CONFORMANCE", _BESIDE / "conformance", parts)


def spec_data(*parts: str) -> Path | None:
    """A place in the requirements' data files (``BURGEE_SPEC``), or None where they aren't on this machine."""
    return _data("BURGEE_SPEC", _BESIDE / "spec" / "data", parts)


@pytest.fixture
def both_cores() -> tuple[ModuleType, ModuleType]:
    """(pure, fast), for tests that compare them."""
    return core("pure"), core("fast")


@pytest.fixture(autouse=True)
def _no_stray_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests must not depend on the machine's time zone or locale."""
    monkeypatch.setenv("TZ", "UTC")
    yield
