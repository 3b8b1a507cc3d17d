"""What whoever deploys says: a file of JSON, given as ``-c settings=FILE`` (docs/deployment.md). No CDK here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handlers._settings import read_settings as read_environment
from infra.functions import FUNCTIONS, Auth, Function, Given
from infra.prices import prices
from infra.stages import BURSTS, STAGES, Stage


class SettingsError(ValueError):
    """The file says something that makes no sense. Names the field."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where PostgreSQL is: the network, the group that its own lets in, and the secret with its address and password.

    ``endpoints``: whether the ways from there to AWS are made too, and ``route_table_ids`` the subnets' tables for them.
    """

    vpc_id: str
    availability_zones: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    security_group_id: str
    secret_arn: str
    endpoints: bool = False
    route_table_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Api:
    """An HTTP API before the functions. ``authorisation``: what callers must show, at whichever door.

    ``api-key``: a key to the functions that ask for one, and IAM's signature where it was asked for already; ``iam``: the
    signature everywhere. ``function_urls``: whether the functions keep their own URLs, past the API. ``rate`` and ``burst``,
    of a route at most: instead of the stage's.
    """

    authorisation: Auth = "api-key"
    function_urls: bool = True
    rate: int | None = None
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """``given``: values of the functions' variables that a deployment gives. ``mirror`` None: assignments aren't mirrored.

    ``alarm_email``: who is told of alarms, besides whoever subscribes to the topic. ``budget_usd``: instead of the stage's.
    ``signing_secret_arn``: the secret with the key that signs versions; empty: they aren't signed.
    ``concurrency`` and ``warm``, by function: what is reserved, and kept warm, instead of the table's and the stage's.
    ``api`` None: the functions' URLs are the only doors.
    """

    alarm_email: str = ""
    budget_usd: int | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    mirror: Mirror | None = None
    signing_secret_arn: str = ""
    concurrency: Mapping[str, int] = field(default_factory=dict)
    warm: Mapping[str, int] = field(default_factory=dict)
    api: Api | None = None

    def asks_for(self, row: Function) -> Auth | None:
        """What callers of a function must show; None: it answers nobody."""
        return "iam" if row.url and self.api and self.api.authorisation == "iam" else row.url

    def has_url(self, row: Function) -> bool:
        """Whether it has a URL of its own."""
        return row.url is not None and (self.api is None or self.api.function_urls)

    def rows(self) -> list[Function]:
        """The functions that are deployed."""
        return [row for row in FUNCTIONS if not row.optional or self.mirror is not None]

    def reserved(self, row: Function, stage: Stage) -> int:
        """The concurrency that is a function's own in a stage."""
        return self.concurrency.get(row.name, stage.reserved(row.reserved))

    def kept_warm(self, row: Function, stage: Stage) -> int:
        """How many sandboxes of a function are always ready in a stage."""
        return self.warm.get(row.name, stage.warm) if row.start == "provisioned" else 0


GIVEN = frozenset(value.name for row in FUNCTIONS for value in row.environment.values() if isinstance(value, Given))
KNOWN = GIVEN | {
    "account-concurrency", "alarm-email", "api", "budget-usd", "concurrency", "mirror", "signing-secret-arn", "warm",
}  # fmt: skip
API = ("authorisation", "function-urls", "rate", "burst")
MIRROR = (
    "vpc-id", "availability-zones", "subnet-ids", "security-group-id", "secret-arn", "endpoints", "route-table-ids",
)  # fmt: skip
# Whole, with the six characters that Secrets Manager puts at its end: a permission on less is a permission on nothing.
SECRET = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}")


def read_settings(path: str | None, stage: str) -> Settings:
    """The settings of a stage: the file's common ones, and over them those under the stage's name. Raises SettingsError."""
    if not path:
        return Settings()
    document = json.loads(Path(path).read_text())
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is no JSON object")
    stages = document.pop("stages", {})
    return _settings({**document, **stages.get(stage, {})}, STAGES[stage])


def _settings(document: Mapping[str, Any], stage: Stage) -> Settings:
    if unknown := sorted(document.keys() - KNOWN):
        raise SettingsError(f"the setting {unknown[0]!r} is unknown; there are {', '.join(sorted(KNOWN))}")
    budget = document.get("budget-usd")
    if budget is not None and (not isinstance(budget, int) or budget < 1):
        raise SettingsError("budget-usd must be a whole number of dollars a month")
    given = {name: _text(document[name]) for name in sorted(GIVEN & document.keys())}
    _check_public_keys(given.get("public-keys", ""))
    mirror = document.get("mirror")
    settings = Settings(
        str(document.get("alarm-email", "")),
        budget,
        given,
        None if mirror is None else _mirror(mirror),
        _secret_arn("signing-secret-arn", document["signing-secret-arn"]) if document.get("signing-secret-arn") else "",
        _by_function("concurrency", document, BURSTS, [row.name for row in FUNCTIONS]),
        _by_function("warm", document, 0, [row.name for row in FUNCTIONS if row.start == "provisioned"]),
        None if document.get("api") is None else _api(document["api"], given),
    )
    _check_concurrency(settings, stage, document.get("account-concurrency", int(prices().at_most("lambda-concurrency"))))
    return settings


def _mirror(document: Mapping[str, Any]) -> Mirror:
    if unknown := sorted(document.keys() - MIRROR):
        raise SettingsError(f"mirror has {unknown[0]!r}; it may have {', '.join(MIRROR)}")
    try:
        mirror = Mirror(
            str(document["vpc-id"]),
            tuple(document["availability-zones"]),
            tuple(document["subnet-ids"]),
            str(document["security-group-id"]),
            _secret_arn("mirror's secret-arn", document["secret-arn"]),
            document.get("endpoints", False),
            tuple(document.get("route-table-ids", ())),
        )
    except KeyError as error:
        raise SettingsError(f"mirror needs {error.args[0]}") from None
    if not isinstance(mirror.endpoints, bool):
        raise SettingsError("mirror's endpoints must be true or false")
    if mirror.endpoints != bool(mirror.route_table_ids):
        raise SettingsError("mirror's endpoints and route-table-ids go together: the way to S3 is a route of these tables")
    return mirror


def _api(document: Any, given: Mapping[str, str]) -> Api:
    if not isinstance(document, dict) or document.keys() - set(API):
        raise SettingsError(f"api must be an object; it may have {', '.join(API)}")
    api = Api(
        document.get("authorisation", "api-key"),
        document.get("function-urls", True),
        document.get("rate"),
        document.get("burst"),
    )
    if api.authorisation not in ("api-key", "iam"):
        raise SettingsError(f"api's authorisation is {api.authorisation!r:.40}; it must be api-key or iam")
    if not isinstance(api.function_urls, bool):
        raise SettingsError("api's function-urls must be true or false")
    if not all(number is None or _is_whole(number, 1) for number in (api.rate, api.burst)):
        raise SettingsError("api's rate and burst must be whole numbers of requests")
    if api.authorisation == "iam" and given.get("api-key-digests"):
        raise SettingsError("api-key-digests is given, but api's authorisation is iam: nobody would be asked for a key")
    if "*" in given.get("allow-origins", ""):
        raise SettingsError("allow-origins is *, and there is an api: name the pages that may read answers")
    return api


def _text(value: object) -> str:
    """A value as variables have it: of a list its parts with commas between."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _secret_arn(name: str, value: object) -> str:
    if not isinstance(value, str) or not SECRET.fullmatch(value):
        raise SettingsError(f"{name} must be the whole ARN of a secret, with the six characters at its end")
    return value


def _check_public_keys(keys: str) -> None:
    """By the readers' own code: what they wouldn't take would have them answer 500."""
    try:
        read_environment({"BURGEE_STORE": ".", "BURGEE_PUBLIC_KEYS": keys})
    except ValueError as error:
        raise SettingsError(f"public-keys: {error}") from None


# --- concurrency ----------------------------------------------------------------------------------------------------------


def _by_function(name: str, document: Mapping[str, Any], least: int, functions: list[str]) -> dict[str, int]:
    """A setting that has a number for some functions."""
    found = document.get(name, {})
    if not isinstance(found, dict):
        raise SettingsError(f"{name} must be an object with a number by function")
    for function, number in found.items():
        if function not in functions:
            raise SettingsError(f"{name} has {function!r}; there are {', '.join(functions)}")
        if not _is_whole(number, least):
            raise SettingsError(f"{name} of {function} is {number!r}; it must be a whole number from {least}")
    return dict(found)


def _is_whole(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def _check_concurrency(settings: Settings, stage: Stage, account: object) -> None:
    """What AWS would refuse in the middle of a deployment is refused before it begins."""
    if not isinstance(account, int) or not _is_whole(account, 1):
        raise SettingsError(f"account-concurrency is {account!r}; it must be a whole number: the account's quota")
    kept = int(prices().at_most("lambda-unreserved"))
    reserved = {row.name: settings.reserved(row, stage) for row in settings.rows()}
    if (taken := sum(reserved.values())) > account - kept:
        raise SettingsError(
            f"{stage.name} reserves a concurrency of {taken}, and AWS keeps {kept} of the account's {account} unreserved: "
            f"it needs a quota of {taken + kept}. Ask AWS for it, and say so with account-concurrency"
        )
    for row in settings.rows():
        if (warm := settings.kept_warm(row, stage)) > reserved[row.name]:
            raise SettingsError(
                f"{warm} sandboxes of {row.name} are kept warm, and a concurrency of {reserved[row.name]} is its own"
            )
