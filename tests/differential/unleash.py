"""Unleash against ``yggdrasil-engine``, the engine that Unleash's own SDKs run.

Where Unleash draws lots, that engine answers the same question differently when it is asked again; ``explained`` asks again.
"""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential.drawing import present, several, some, weighted, word
from tests.differential.harness import Answer, Engine, Question, Refused, agree

REQUIRES = {"unleash": ["yggdrasil-engine>=1,<3"]}

FIELDS = ("userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime")
PROPERTIES = ("country", "age", "version", "joined", "email", "address", "team")
NUMBERS = ("18", "12", "12.0", "-3", "0", "0.3", "0.30000000000000004", "1e3", "+5", "5.", "1e300")
VERSIONS = ("1.2.3", "1.2.4", "2.0.0", "2.0.0-rc.1", "2.0.0-rc.10", "2.0.0-alpha", "1.2.3+b1", "10.0.0")
DATES = (
    "2022-01-29T13:00:00.000Z",
    "2022-01-29T13:00:00Z",
    "2022-01-29T15:00:00+02:00",
    "2030-06-01T00:00:00.000Z",
    "1999-12-31T23:59:59.999Z",
)
ADDRESSES = ("10.1.2.3", "10.1.3.4", "192.168.0.1", "2001:db8::1", "2001:DB8:0:0:0:0:0:2", "::1", "::ffff:10.1.2.3", "fe80::1")
NETWORKS = (
    *("10.1.2.3", "10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/255.255.0.0", "0.0.0.0/0", "10.1.2.3/8", "10.0.0.0/+8", "10.0.0.0/33"),
    *("2001:db8::/32", "2001:db8::1", "::/0", "::1/128", "fe80::/010", "2001:db8::/129", "x", "10.0.0.0/255.0.255.0", ""),
)
COUNTRIES = ("NO", "SE", "no", "DK", "", "norway", "Østhus")
TEAMS = ("core", "CORE", "Straße", "STRASSE", "ΟΔΟΣ", "a\nb", "x-1", "true", "7")
PATTERNS = (
    *("^cat$", "o", "^[a-z]+$", "(?i)core", "a.b", "(?s)a.b", "\\d+", "^(NO|SE)$", "[[:alpha:]]{3}", "\\bcore\\b", "x-\\d$"),
    *("(broken", "(?=x)", "(a)\\1", "", "^$", "@ex[ao]mple\\.com$", "(?m)^b$"),
)
BAD = (
    "abc",
    "",
    "1.2",
    "v1.2.3",
    "01.2.3",
    "1.2.3-01",
    "2022-01-29",
    "2022-13-01T00:00:00Z",
    "1.2.3.4",
    ".5",
    " 12 ",
    "1e",
    "12 34",
)
NUMERIC = ("NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT", "NUM_LTE")
DATED = ("DATE_AFTER", "DATE_BEFORE")
VERSIONED = ("SEMVER_EQ", "SEMVER_GT", "SEMVER_GTE", "SEMVER_LT", "SEMVER_LTE")
TEXTUAL = ("STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS")
PERCENTAGES = ("0", "1", "10", "50", "50", "99", "100", "100", "+50", "050", " 50", "50.0", "x")


def generate(chance: Random) -> list[Question]:
    """A few toggles over two segments, each asked twice."""
    document = Writer(chance).document()
    names = [feature["name"] for feature in document["features"]]
    return [Question(document, name, context(chance)) for name in (*names, *names, "absent")]


def context(chance: Random) -> dict[str, Any]:
    """A flat context: fields, properties, and the user's id as targeting key, as MAPPING.md has it."""
    found = present(
        chance,
        {
            "userId": lambda: str(chance.randrange(1000)) if chance.random() < 0.9 else word(chance),
            "sessionId": lambda: f"s{chance.randrange(1000)}",
            "remoteAddress": lambda: chance.choice((*ADDRESSES, "10.1.2", "10.01.2.3", " 10.1.2.3", "::1%lo")),
            "environment": lambda: chance.choice(("dev", "prod", "Prod")),
            "appName": lambda: chance.choice(("web", "sun-app")),
            "country": lambda: chance.choice(COUNTRIES),
            "age": lambda: chance.choice((*NUMBERS, "12 ", " 12", "x", "", ".5", chance.randint(0, 30))),
            "version": lambda: chance.choice((*VERSIONS, "v1.2.3", "1.2", "01.2.3", "12")),
            "joined": lambda: chance.choice((*DATES, "2022-01-29", "2022-01-29T13:00:00", "2022-01-29 13:00:00Z", "yesterday")),
            "email": lambda: chance.choice(("a@example.com", "b@EXAMPLE.com", "cat", "c@exomple.com")),
            "address": lambda: chance.choice(ADDRESSES),
            "team": lambda: chance.choice((*TEAMS, True, 7)),
        },
    )
    if chance.random() < 0.5:
        found["currentTime"] = chance.choice((*DATES, "now"))
    if "userId" in found:
        found["targetingKey"] = found["userId"]
    return found


class Writer:
    """Draws a document as Unleash's server might send it, and sometimes as it wouldn't."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def document(self) -> dict[str, Any]:
        chance = self._chance
        segments = [{"id": number, "constraints": several(chance, self.constraint, 0, 2)} for number in (1, 2)]
        features = [self.feature(f"toggle-{number}") for number in range(4)]
        for feature in features[1:]:
            if chance.random() < 0.25:
                feature["dependencies"] = several(chance, self.dependency, 1, 2)
        return {"version": 2, "features": features, "segments": segments}

    def dependency(self) -> dict[str, Any]:
        chance = self._chance
        found: dict[str, Any] = {"feature": chance.choice(("toggle-0", "toggle-0", "toggle-1", "absent"))}
        luck = chance.random()
        if luck < 0.2:
            found["enabled"] = False
        elif luck < 0.5:
            found["variants"] = some(chance, ("red", "blue", "disabled", "nobody"))
        return found

    def feature(self, name: str) -> dict[str, Any]:
        chance = self._chance
        found: dict[str, Any] = {"name": name, "enabled": chance.random() < 0.95}
        found["strategies"] = several(chance, self.strategy, 0, 3)
        if chance.random() < 0.5:
            found["variants"] = self.variants(of_strategy=False)
        return found

    def variants(self, of_strategy: bool) -> list[dict[str, Any]]:
        chance = self._chance
        names = some(chance, ("red", "blue", "green", "disabled"))
        stickiness = chance.choice(("default", "userId", "sessionId", "country", "random", None))
        weights = chance.choice(((1, 1, 2, 3, 0), (333, 500, 1000)))
        found = [{"name": name, "weight": chance.choice(weights)} for name in names]
        for variant in found:
            if chance.random() < 0.6:
                variant["payload"] = chance.choice(
                    (
                        {"type": "string", "value": "text"},
                        {"type": "json", "value": '{"a": [1, null]}'},
                        {"type": "number", "value": "1.5"},
                        {"type": "csv", "value": "a,b"},
                    )
                )
            if not of_strategy and stickiness is not None:
                variant["stickiness"] = stickiness
            if not of_strategy and chance.random() < 0.2:
                field = chance.choice(("userId", "country", "environment"))
                variant["overrides"] = [{"contextName": field, "values": [*COUNTRIES[:2], "dev", str(chance.randrange(1000))]}]
        return found if any(variant["weight"] for variant in found) else []  # their engine divides by the sum of the weights

    def strategy(self) -> dict[str, Any]:
        chance = self._chance
        found: dict[str, Any] = weighted(
            chance,
            [
                (4, lambda: {"name": "default"}),
                (8, lambda: {"name": "flexibleRollout", "parameters": self.rollout("rollout")}),
                (1, lambda: {"name": "userWithId", "parameters": {"userIds": " 1, 2,3 ,44," + str(chance.randrange(1000))}}),
                (1, lambda: {"name": "gradualRolloutUserId", "parameters": self.rollout("percentage")}),
                (1, lambda: {"name": "gradualRolloutSessionId", "parameters": self.rollout("percentage")}),
                (1, lambda: {"name": "gradualRolloutRandom", "parameters": {"percentage": chance.choice(("0", "100", "x"))}}),
                (1, lambda: {"name": "remoteAddress", "parameters": {"IPs": ", ".join(some(chance, NETWORKS))}}),
                (1, lambda: {"name": chance.choice(("custom", "applicationHostname"))}),
            ],
        )
        if chance.random() < 0.7:
            found["constraints"] = several(chance, self.constraint, 0, 2)
        if chance.random() < 0.2:
            found["segments"] = [chance.choice((1, 1, 2, 2, 2, 404))]
        if chance.random() < 0.3:
            found["variants"] = self.variants(of_strategy=True)
        return found

    def rollout(self, name: str) -> dict[str, str]:
        chance = self._chance
        parameters = {
            name: chance.choice(PERCENTAGES),
            "stickiness": chance.choice(("default", "userId", "sessionId", "random", "country", "currentTime", "appName")),
            "groupId": chance.choice(("group", "toggle-1", "ß")),
        }
        return {key: text for key, text in parameters.items() if key == name or chance.random() < 0.9}

    def constraint(self) -> dict[str, Any]:
        chance = self._chance
        found = weighted(
            chance,
            [
                (5, lambda: self.listed(chance.choice(("IN", "NOT_IN")))),
                (3, lambda: self.listed(chance.choice(TEXTUAL))),
                (3, lambda: self.valued(NUMERIC, "age", NUMBERS)),
                (3, lambda: self.valued(DATED, chance.choice(("currentTime", "joined")), DATES)),
                (3, lambda: self.valued(VERSIONED, "version", VERSIONS)),
                (2, lambda: self.valued(("REGEX",), chance.choice(("team", "email", "country")), PATTERNS)),
                (1, self.network),
                (1, lambda: self.valued((*NUMERIC, *DATED, *VERSIONED, "NEW"), chance.choice(PROPERTIES), (*BAD, *NUMBERS))),
            ],
        )
        if chance.random() < 0.25:
            found["inverted"] = True
        if chance.random() < 0.25:
            found["caseInsensitive"] = True
        return found

    def listed(self, operator: str) -> dict[str, Any]:
        chance = self._chance
        name, values = chance.choice(
            (
                ("country", COUNTRIES),
                ("environment", ("dev", "prod")),
                ("team", TEAMS),
                ("userId", ("1", "7", "12")),
                ("age", NUMBERS),
            )
        )
        return {"contextName": name, "operator": operator, "values": some(chance, values)[:4]}

    def network(self) -> dict[str, Any]:
        name = self._chance.choice(("remoteAddress", "address"))
        return {"contextName": name, "operator": "IN_CIDR", "values": some(self._chance, NETWORKS)[:4]}

    def valued(self, operators: tuple[str, ...], name: str, values: tuple[str, ...]) -> dict[str, Any]:
        chance = self._chance
        value = chance.choice(values) if chance.random() < 0.97 else chance.choice(BAD)
        return {"contextName": name, "operator": chance.choice(operators), "value": value}


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """``UnleashEngine`` holding the document. Raises Refused where it doesn't take it."""
    from yggdrasil_engine.engine import UnleashEngine

    engine = UnleashEngine()
    try:
        engine.take_state(json.dumps(document))
    except Exception as error:
        raise Refused(str(error)) from error

    def ask(question: Question) -> Answer:
        told = _their_context(question.context)
        found, variant = engine.check_enabled(question.key, told), engine.check_variant(question.key, told).variant
        if not found.is_found:
            return Answer(None, None)
        if not variant.enabled:
            return Answer(bool(found.is_enabled), None)
        return Answer(_payload(variant.payload), variant.name)

    return ask


def _their_context(context: dict[str, Any]) -> dict[str, Any]:
    properties = {name: value for name, value in context.items() if name not in (*FIELDS, "targetingKey")}
    return {**{name: context[name] for name in FIELDS if name in context}, "properties": properties}


def _payload(payload: dict[str, str] | None) -> Any:
    if payload is None:
        return True
    return json.loads(payload["value"]) if payload["type"] in ("json", "number") else payload["value"]


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """What docs/dialects/unleash.md says about Unleash's engine: asked with the document as it is read here, it agrees."""
    engine = theirs(question.document, dialect)
    if _draws(engine, question, found):
        return "drawn by lot"
    if "currentTime" not in question.context and '"stickiness": "currentTime"' in json.dumps(question.document):
        return "the clock is no unit"
    for why, reading in _READINGS.items():
        document = reading(copy.deepcopy(question.document))
        if document != question.document:
            engine = theirs(document, dialect)
            if agree(engine(question), answer) or _draws(engine, question, engine(question)):
                return why
    return None


def _draws(engine: Engine, question: Question, found: Answer) -> bool:
    """Whether it answers differently when it is asked again."""
    return any(engine(question) != found for _ in range(1_200))


def _own_group(document: dict[str, Any]) -> dict[str, Any]:
    """Gives every rollout its toggle's name as group, which it has there only while no child asks."""
    for feature in document["features"]:
        for strategy in feature["strategies"]:
            strategy.setdefault("parameters", {}).setdefault("groupId", feature["name"])
    return document


def _state_alone(document: dict[str, Any]) -> dict[str, Any]:
    """Of a parent that is to be off, no variant is asked."""
    for feature in document["features"]:
        for dependency in feature.get("dependencies", ()):
            if dependency.get("enabled") is False:
                dependency.pop("variants", None)
    return document


_READINGS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a parent's rollout hashes its own name": _own_group,
    "a parent that is to be off has no variant": _state_alone,
}
