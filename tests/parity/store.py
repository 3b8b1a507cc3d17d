"""Keeps failures as fixtures: a file of Python literals with the project and the question. Every run replays them first."""

import hashlib
from pathlib import Path
from typing import Any

from config_sync import ir
from config_sync.lower import lower
from evaluator.snapshot import codec
from tests.parity import values

PLACE = Path(__file__).parent / "fixtures"
_NAMES = (
    {name: getattr(ir, name) for name in dir(ir) if isinstance(getattr(ir, name), type)} | values.NAMES | {"__builtins__": {}}
)
_NAMES |= {"set": set, "frozenset": frozenset}


def snapshot(project: ir.Project) -> bytes:
    return codec.encode(lower(project).body)


def text(project: ir.Project, key: Any, context: Any, now: Any) -> str:
    """The fixture's text: what ``load`` evaluates."""
    return "\n".join(("(", f"{project!r},", f"{key!r},", f"{context!r},", f"{now!r},", ")", ""))


def load(path: Path) -> tuple[ir.Project, Any, Any, Any]:
    """(project, key, context, now) of a fixture."""
    project, key, context, now = eval(path.read_text(encoding="utf-8", errors="surrogatepass"), dict(_NAMES))
    return project, key, context, now


def save(name: str, project: ir.Project, key: Any, context: Any, now: Any) -> Path:
    """Writes a fixture; the same name overwrites, so that what hypothesis shrinks to is what stays."""
    PLACE.mkdir(exist_ok=True)
    path = PLACE / f"{name}.txt"
    path.write_text(text(project, key, context, now), encoding="utf-8", errors="surrogatepass")
    return path


def name_of(seed: int) -> str:
    return f"seed-{hashlib.sha256(str(seed).encode()).hexdigest()[:8]}"


def fixtures() -> list[Path]:
    return sorted(PLACE.glob("*.txt"))
