"""How a question of Eppo's or Datadog's suite is asked (shared by this folder's tests)."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from config_sync import compile_project

GETTERS = {"BOOLEAN": "boolean", "STRING": "string", "INTEGER": "integer", "NUMERIC": "number", "JSON": "object"}


@cache
def compiled(path: Path) -> bytes:
    """The snapshot of a suite's document."""
    snapshot = compile_project(read(path), dialect="eppo").snapshot
    assert snapshot is not None
    return snapshot


@cache
def evaluator(path: Path, core: ModuleType) -> Any:
    """A core's evaluator of a suite's document."""
    return core.Evaluator(compiled(path))


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def context_of(key: str | None, attributes: dict[str, Any]) -> dict[str, Any]:
    """The subject's key is the targeting key; no key is no entry."""
    return attributes if key is None else {**attributes, "targetingKey": key}


def typed(asked: Any, flag: str, kind: str, context: dict[str, Any], default: Any) -> Any:
    """The answer to a question of a ``variationType``."""
    getter: Callable[..., Any] = getattr(asked, GETTERS[kind])
    return getter(flag, context, default)
