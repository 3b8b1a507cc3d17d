"""What whoever deploys says: a file of JSON, given as ``-c settings=FILE`` (docs/deployment.md). No CDK here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.functions import FUNCTIONS, Given


class SettingsError(ValueError):
    """The file says something that makes no sense. Names the field."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where PostgreSQL is: the network, the group that its own lets in, and the secret with its address and password."""

    vpc_id: str
    availability_zones: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    security_group_id: str
    secret_arn: str


@dataclass(frozen=True, slots=True)
class Settings:
    """``given``: values of the functions' variables that a deployment gives. ``mirror`` None: assignments aren't mirrored.

    ``alarm_email``: who is told of alarms, besides whoever subscribes to the topic. ``budget_usd``: instead of the stage's.
    """

    alarm_email: str = ""
    budget_usd: int | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    mirror: Mirror | None = None


GIVEN = frozenset(value.name for row in FUNCTIONS for value in row.environment.values() if isinstance(value, Given))


def read_settings(path: str | None, stage: str) -> Settings:
    """The settings of a stage: the file's common ones, and over them those under the stage's name. Raises SettingsError."""
    if not path:
        return Settings()
    document = json.loads(Path(path).read_text())
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is no JSON object")
    stages = document.pop("stages", {})
    return _settings({**document, **stages.get(stage, {})})


def _settings(document: Mapping[str, Any]) -> Settings:
    known = {"alarm-email", "budget-usd", "mirror"} | GIVEN
    if unknown := sorted(document.keys() - known):
        raise SettingsError(f"the setting {unknown[0]!r} is unknown; there are {', '.join(sorted(known))}")
    budget = document.get("budget-usd")
    if budget is not None and (not isinstance(budget, int) or budget < 1):
        raise SettingsError("budget-usd must be a whole number of dollars a month")
    given = {name: str(document[name]) for name in sorted(GIVEN & document.keys())}
    mirror = document.get("mirror")
    return Settings(str(document.get("alarm-email", "")), budget, given, None if mirror is None else _mirror(mirror))


def _mirror(document: Mapping[str, Any]) -> Mirror:
    try:
        return Mirror(
            str(document["vpc-id"]),
            tuple(document["availability-zones"]),
            tuple(document["subnet-ids"]),
            str(document["security-group-id"]),
            str(document["secret-arn"]),
        )
    except KeyError as error:
        raise SettingsError(f"mirror needs {error.args[0]}") from None
