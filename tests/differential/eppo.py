"""Eppo against ``eppo-server-sdk``, whose core is Rust (``eppo_core``).

Documents are sound in shape: a flag that this SDK can't read answers nothing, like one of ours. Its clock is the machine's.
"""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential.drawing import present, several, some, weighted, word
from tests.differential.harness import Answer, Engine, Question, agree

REQUIRES = {"eppo": ["eppo-server-sdk>=4.3,<5"]}

COUNTRIES = ("DE", "US", "CA", "GB", "FR", "de", "")
LISTED = (
    *COUNTRIES,
    "true",
    "false",
    "1",
    "1.0",
    "18",
    "0.5",
    "-3",
    "1e3",
    "9007199254740992",
    "10000000000000000000000",
    "null",
    "True",
)
VERSIONS = (
    "1.2.3", "1.2.4", "v1.2.3", "2.0.0", "1.2.3-beta.1", "1.2.3-beta.2", "1.2.3-1", "1.2.3-a-b", "1.2", "1", "1.2.3+b5",
    "01.2.3", "1.10.0", "0.0.0", "1.2.3-", "1.2.3-01", "1.2.3+", " 1.2.3", "99999999999.0.0",
)  # fmt: skip
PATTERNS = (
    "@example\\.com", "^a.*b$", "(?i)^DE$", "^[[:alnum:]._%+-]+@", "\\bmañana\\b", "^\\d+$", "\\d", "^\\w+$", "[^a-z]", "^$",
    "", "^(DE|US|true)$", "a{2,3}", "(?P<n>x)+", "\\.", "^0\\.0*1$", "^1\\.5$", "\\s", "^-?[0-9]+$", "é", "^.$", "\\pL",
    "(?s)a.b", "^\\S*$", "x*?y", "\\x41|\\x{42}", "[\\d_-]+", "\\Ae|e\\z", "(?m)^b", "^\\W", "\\B", "ß|(?i)ß", "0{5}",
)  # fmt: skip
NUMBERS = (18, 21.5, 0, -1, 65, 10, 1e3, 1.5, 0.1, 2**53, 1e21, "18", "1e2", "21.50", ".5", "-3")
TEXTS_OF_NUMBERS = (
    "18",
    "18.0",
    " 18",
    "18 ",
    "1e2",
    "abc",
    "",
    "-5",
    "+7",
    "0x10",
    "1_0",
    ".5",
    "5.",
    "\t9",
    "1e400",
    "-0",
    "٣",
)
ATTRIBUTES = ("country", "email", "age", "version", "beta", "id", "anything")
INSTANTS = (
    "1999-01-01T00:00:00Z",
    "2021-06-01T12:30:00.123456Z",
    "2090-01-01T00:00:00+02:00",
    "2080-05-05T05:05:05.999999999Z",
)
VALUES: dict[str, list[Any]] = {
    "BOOLEAN": [True, False],
    "STRING": ["one", "", "two words", "é"],
    "INTEGER": [1, 0, -7, 3.0, 2**40],
    "NUMERIC": [1.5, 0, -7.25, 3],
    "JSON": ['{"a": [1, null]}', "{}", '{"b": "é", "c": 1.0}', '{"d": {"e": true}}'],
}
UNSOUND: dict[str, list[Any]] = {
    "BOOLEAN": ["true", 1],
    "STRING": [1, True],
    "INTEGER": [1.5, "1", True],
    "NUMERIC": ["1.5", True],
    "JSON": ["{", 1, "nothing"],
}
KINDS = {"BOOLEAN": "boolean", "STRING": "string", "INTEGER": "integer", "NUMERIC": "number", "JSON": "object"}
MATCHES = {"MATCHES", "NOT_MATCHES"}
SALTS = ("traffic", "split", "s", "", "é-1")


def generate(chance: Random) -> list[Question]:
    """A document of one flag, asked sixteen times."""
    kind = chance.choice(list(VALUES))
    writer = Writer(chance, kind)
    document = {
        "createdAt": "2026-01-31T12:00:00.000Z",
        "format": "SERVER",
        "environment": {"name": "Test"},
        "flags": {"flag": writer.flag()},
    }
    return [Question(document, "flag" if chance.random() < 0.99 else "absent", context(chance), KINDS[kind]) for _ in range(16)]


def context(chance: Random) -> dict[str, Any]:
    """Mostly what conditions expect, sometimes missing, null or of another type. There is always a subject."""
    attributes: dict[str, Callable[[], Any]] = {
        "country": lambda: chance.choice(COUNTRIES),
        "email": lambda: word(chance, 4) + chance.choice(("@example.com", "@example.org", "", "mañana", " mañana!", "ñmañana")),
        "age": lambda: weighted(
            chance,
            [
                (4, lambda: chance.randint(-2, 90)),
                (2, lambda: chance.randint(0, 900) / 10),
                (2, lambda: chance.choice(TEXTS_OF_NUMBERS)),
                (1, lambda: chance.choice((1e21, 1e-7, 1e16, 1.0, 0.00001, 2**53, -1e22))),
            ],
        ),
        "version": lambda: chance.choice(VERSIONS),
        "beta": lambda: chance.random() < 0.5,
        "anything": lambda: chance.choice((*LISTED, 1, 18, 0.5, True, False, -3, word(chance), *VERSIONS, "a\nb", "aab", 1000)),
    }
    found = present(chance, attributes)
    if chance.random() < 0.1:
        found["id"] = chance.choice((None, "u1", 7, True, "DE"))
    if chance.random() < 0.1:
        found[chance.choice(ATTRIBUTES[:5])] = attributes[chance.choice(list(attributes))]()
    return found | {"targetingKey": f"user-{chance.randrange(10**6)}" if chance.random() < 0.9 else word(chance)}


class Writer:
    """Draws a flag as Eppo's server writes it, with a mistake in a value now and then."""

    def __init__(self, chance: Random, kind: str) -> None:
        self._chance, self._kind = chance, kind
        self._total = chance.choice((10_000, 10_000, 100, 7, 1, 2**31))
        self._keys = [f"v{number}" for number in range(chance.randint(1, 4))]

    def flag(self) -> dict[str, Any]:
        chance = self._chance
        return {
            "key": "flag",
            "enabled": chance.random() < 0.98,
            "variationType": self._kind,
            "variations": {key: {"key": key, "value": self._value()} for key in self._keys},
            "allocations": [self._allocation(number) for number in range(chance.randint(0, 4))],
            "totalShards": self._total,
        }

    def _value(self) -> Any:
        return self._chance.choice(UNSOUND[self._kind] if self._chance.random() < 0.03 else VALUES[self._kind])

    def _allocation(self, number: int) -> dict[str, Any]:
        chance = self._chance
        found: dict[str, Any] = {"key": f"allocation {number}", "doLog": chance.random() < 0.5}
        if chance.random() < 0.8:
            found["rules"] = several(chance, lambda: {"conditions": several(chance, self._condition, 0, 3)}, 0, 3)
        for name in ("startAt", "endAt"):
            if chance.random() < 0.1:
                found[name] = chance.choice(INSTANTS)
        shared = several(chance, self._shard, 0, 1)
        salt = chance.choice(SALTS)
        found["splits"] = several(chance, lambda: self._split(shared, salt), 0, 4)
        return found

    def _split(self, shared: list[Any], salt: str) -> dict[str, Any]:
        chance = self._chance
        shards = weighted(
            chance,
            [(2, list), (4, lambda: [*shared, self._shard(salt)]), (1, lambda: several(chance, self._shard, 1, 3))],
        )
        key = chance.choice(self._keys) if chance.random() < 0.97 else "no variation"
        return {"variationKey": key, "shards": shards, "extraLogging": {}}

    def _shard(self, salt: str | None = None) -> dict[str, Any]:
        chance, total = self._chance, self._total
        ranges = weighted(
            chance,
            [
                (2, lambda: [(0, total)]),
                (6, lambda: [tuple(sorted((chance.randint(0, total), chance.randint(0, total))))]),
                (2, lambda: several(chance, lambda: (chance.randint(0, total), chance.randint(0, 2 * total)), 0, 3)),
            ],
        )
        return {
            "salt": chance.choice(SALTS) if salt is None else salt,
            "ranges": [{"start": start, "end": end} for start, end in ranges],
        }

    def _condition(self) -> dict[str, Any]:
        chance = self._chance
        operator, value = weighted(
            chance,
            [
                (4, lambda: (chance.choice(("ONE_OF", "NOT_ONE_OF")), some(chance, LISTED)[:5])),
                (4, lambda: (chance.choice(("MATCHES", "NOT_MATCHES")), chance.choice(PATTERNS))),
                (3, lambda: (chance.choice(("GT", "GTE", "LT", "LTE")), chance.choice(NUMBERS))),
                (3, lambda: (chance.choice(("GT", "GTE", "LT", "LTE")), chance.choice(VERSIONS[:8]))),
                (1, lambda: ("IS_NULL", chance.random() < 0.5)),
            ],
        )
        fitting = {"GT": "age", "MATCHES": "email", "ONE_OF": "country"}.get(
            operator.removeprefix("NOT_").removesuffix("E"), "age"
        )
        if isinstance(value, str) and value in VERSIONS and operator not in MATCHES:
            fitting = "version"
            value = value if value.count(".") > 1 and value[0].isdigit() and value != "01.2.3" else "1.2.3"
        return {"attribute": chance.choice((fitting, fitting, *ATTRIBUTES)), "operator": operator, "value": value}


# --- the vendor -------------------------------------------------------------------------------------------------------


_CLIENTS: list[Any] = []  # one for all: it has threads
_HELD: list[Any] = [None]  # the configuration that it has
_BUILD = re.compile(r"([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)\+[0-9A-Za-z.-]+")


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """The SDK's client holding the document."""
    import logging

    import eppo_client
    from eppo_client.config import AssignmentLogger, Config

    configuration = eppo_client.Configuration(flags_configuration=json.dumps(document).encode())
    if not _CLIENTS:
        logging.disable(logging.CRITICAL)
        settings = Config(
            api_key="none",
            assignment_logger=AssignmentLogger(),
            initial_configuration=configuration,
            poll_interval_seconds=None,
        )
        _CLIENTS.append(eppo_client.init(settings))
    client = _CLIENTS[0]
    getters = {
        "boolean": (client.get_boolean_assignment_details, False),
        "string": (client.get_string_assignment_details, "default"),
        "integer": (client.get_integer_assignment_details, 99),
        "number": (client.get_numeric_assignment_details, 99.0),
        "object": (client.get_json_assignment_details, {}),
    }

    def ask(question: Question) -> Answer:
        if _HELD[0] is not configuration:
            client.set_configuration(configuration)
            _HELD[0] = configuration
        getter, default = getters[question.kind]
        attributes = {name: value for name, value in question.context.items() if name != "targetingKey"}
        found = getter(question.key, question.context["targetingKey"], attributes, default)
        details = found.evaluation_details
        if details["flagEvaluationCode"] != "MATCH":
            return Answer(None, None)
        return Answer(found.variation, details["variationKey"])

    return ask


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """What docs/dialects/eppo.md says about eppo_core: without build metadata in its versions, that core agrees."""
    document, context = (json.loads(_BUILD.sub(r"\1", json.dumps(data))) for data in (question.document, question.context))
    bare = question._replace(document=document, context=context)
    if bare != question and agree(theirs(document, dialect)(bare), answer):
        return "build metadata don't order versions, as in SemVer"
    return None
