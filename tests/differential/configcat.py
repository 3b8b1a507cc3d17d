"""ConfigCat against its own Python SDK, offline: the evaluator of ``configcat-client``, handed a document and a User Object."""

import copy
import hashlib
import math
from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential.drawing import present, several, weighted, word
from tests.differential.harness import Answer, Engine, Question, Refused

REQUIRES = {"configcat": ["configcat-client>=10,<11"]}

COUNTRIES = ("DE", "US", "CA", "us", "", "é")
VERSIONS = ("1.2.3", "1.2.3-beta.2", "1.2.3-beta.11", "2.0.0+b5", "2.0.0", " 1.10.0 ", "01.2.3", "1.2", "v1.2.3", "x", "")
NUMBERS: tuple[Any, ...] = (
    "2,1", "2.1", " 5 ", "5", "1e3", "Infinity", "-inf", "NaN", "1_000", "٣", "abc", "", "1,2,3",
    0, 5, 5.0, 2.1, -3, 2**53 + 1, 1e16, 1e-7, math.inf, math.nan, True,
)  # fmt: skip
OPERANDS = (0, 5, 2.1, -3, 1000, 2**53, 1e-7)
INSTANTS = (0, 5, 2.1, -3, 1_700_000_000.5)  # within what Python's calendar has: the SDK writes them down for its log
TEXTS = ("DE", "US", "5", "2.1", "1e+16", "1e-07", "NaN", "Infinity", "True", '["DE","é"]', "x@y.example", "")
LISTS: tuple[Any, ...] = (["DE", "é"], [], ["US"], '["DE"]', " [ ] ", '["US", 5]', "[", "DE", '{"a": 1}', ["\\", '"'])
MISTYPED: tuple[Any, ...] = ([1, "DE"], {"DE": 1}, True, 5, 2.5, "text", ["DE"], None)
ATTRIBUTES = ("Identifier", "Email", "Country", "app", "age", "seen", "roles")
VALUES = ({"b": True}, {"s": "one"}, {"i": 1}, {"d": 1.5})
OTHERS = ({"b": False}, {"s": "two"}, {"i": 2}, {"d": 2})
SALT = "c2FsdA=="


def generate(chance: Random) -> list[Question]:
    """A document of up to four settings, each asked a few times."""
    keys = [f"setting{number}" for number in range(chance.randint(1, 4))]
    segments = several(chance, lambda: _segment(chance), 0, 2)
    types = {key: chance.randrange(4) for key in keys}
    settings = {key: Writer(chance, key, types, segments).setting() for key in keys}
    document: dict[str, Any] = {"p": {"s": SALT}, "s": segments, "f": settings}
    return [Question(document, chance.choice(keys), context(chance)) for _ in range(10)]


def context(chance: Random) -> dict[str, Any]:
    """A User Object, or (an empty context) none."""
    if chance.random() < 0.04:
        return {}
    attributes: dict[str, Callable[[], Any]] = {
        "Email": lambda: word(chance, 4) + chance.choice(("@y.example", "@example.org", "")),
        "Country": lambda: chance.choice(COUNTRIES),
        "app": lambda: chance.choice(VERSIONS),
        "age": lambda: chance.choice(NUMBERS),
        "seen": lambda: chance.choice(NUMBERS),
        "roles": lambda: chance.choice(LISTS),
    }
    found = present(chance, attributes)
    if chance.random() < 0.15:
        found[chance.choice(list(attributes))] = chance.choice(MISTYPED)
    key: Any = f"user-{chance.randrange(10**6)}" if chance.random() < 0.9 else chance.choice((*TEXTS, 5, 1.5))
    return {"targetingKey": key} | found


def _segment(chance: Random) -> dict[str, Any]:
    name = chance.choice(("beta", "ß", ""))
    return {"n": name, "r": several(chance, lambda: user_condition(chance, name), 1, 3)}


def user_condition(chance: Random, salted: str) -> dict[str, Any]:
    """Any comparator, mostly on the attribute that it suits."""
    comparator = chance.randrange(36)
    natural = _NATURAL[comparator]
    attribute = natural if chance.random() < 0.7 else chance.choice(ATTRIBUTES)
    return {"a": attribute, "c": comparator} | _operand(chance, comparator, salted)


_NATURAL = ["Country", "Country", "Email", "Email", *["app"] * 6, *["age"] * 6, "Country", "Country", "seen", "seen"]
_NATURAL += ["Country", "Country", *["Email"] * 4, "roles", "roles", "Country", "Country", *["Email"] * 4, "roles", "roles"]


def _operand(chance: Random, comparator: int, salted: str) -> dict[str, Any]:
    if 4 <= comparator <= 5:
        return {"l": several(chance, lambda: chance.choice(VERSIONS), 0, 4)}
    if 6 <= comparator <= 9:
        return {"s": chance.choice(VERSIONS)}
    if 10 <= comparator <= 15:
        return {"d": chance.choice(OPERANDS)}
    if 18 <= comparator <= 19:
        return {"d": chance.choice(INSTANTS)}
    if comparator in (20, 21):
        return {"s": _hash(chance.choice(TEXTS).encode(), salted)}
    if comparator in (28, 29):
        return {"s": chance.choice(TEXTS)}
    if 22 <= comparator <= 25:
        return {"l": several(chance, lambda: _affix(chance, comparator >= 24, salted), 0, 3)}
    texts = several(chance, lambda: chance.choice((*TEXTS, "@y.example", "a", "user-")), 0, 4)
    hashed = comparator in (16, 17, 26, 27)
    return {"l": [_hash(text.encode(), salted) for text in texts] if hashed else texts}


def _affix(chance: Random, at_end: bool, salted: str) -> str:
    text = chance.choice((b"a", b"b", b"xy", b"user-1", b"@y.example", b".org", "é".encode(), b"", b"DE"))
    return f"{len(text)}_{_hash(text, salted)}"


def _hash(text: bytes, salted: str) -> str:
    return hashlib.sha256(text + SALT.encode() + salted.encode()).hexdigest()


class Writer:
    """Draws one setting."""

    def __init__(self, chance: Random, key: str, types: dict[str, int], segments: list[Any]) -> None:
        self._chance, self._key, self._types, self._segments = chance, key, types, segments

    def setting(self) -> dict[str, Any]:
        chance = self._chance
        data = {"t": self._types[self._key], "r": several(chance, self.rule, 0, 3)} | self.served()
        if chance.random() < 0.4:
            data["p"] = self.options()
        if chance.random() < 0.2:
            data["a"] = chance.choice(ATTRIBUTES)
        return data

    def served(self) -> dict[str, Any]:
        chance = self._chance
        value = chance.choice((VALUES, OTHERS))[self._types[self._key]]
        return {"v": value} | ({"i": f"{next(iter(value.values()))}"} if chance.random() < 0.8 else {})

    def options(self) -> list[dict[str, Any]]:
        chance = self._chance
        shares = chance.choice(((50, 50), (10, 20, 70), (100,), (0, 30), (33.5, 66.5), (60, 60)))
        return [{"p": share} | self.served() for share in shares]

    def rule(self) -> dict[str, Any]:
        chance = self._chance
        rule: dict[str, Any] = {"c": several(chance, self.condition, 0 if chance.random() < 0.1 else 1, 3)}
        return rule | ({"s": self.served()} if chance.random() < 0.7 else {"p": self.options()})

    def condition(self) -> dict[str, Any]:
        chance = self._chance
        choices: list[tuple[int, Callable[[], dict[str, Any]]]] = [(8, lambda: {"u": user_condition(chance, self._key)})]
        if self._segments:
            segment = {"s": chance.randrange(len(self._segments)), "c": chance.randrange(2)}
            choices.append((2, lambda: {"s": segment}))
        return weighted(chance, [*choices, (2, self.prerequisite)])

    def prerequisite(self) -> dict[str, Any]:
        """Mostly a setting before this one: a circle is decided otherwise here (docs/dialects/configcat.md, section 4)."""
        chance = self._chance
        names = list(self._types)
        earlier = names[: names.index(self._key)]
        key = chance.choice(earlier) if earlier and chance.random() < 0.95 else chance.choice(("nobody", self._key))
        kind = self._types.get(key, 0) if chance.random() < 0.95 else chance.randrange(4)
        return {"p": {"f": key, "c": chance.randrange(2), "v": chance.choice((VALUES, OTHERS))[kind]}}


class _Silence:
    """A log that nobody reads."""

    def warning(self, *_told: Any, **_more: Any) -> None:
        """Nothing."""

    error = warning


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """Their evaluator. What it raises in the end, as an error, is no answer."""
    from configcatclient.config import fixup_config_salt_and_segments
    from configcatclient.rolloutevaluator import RolloutEvaluator
    from configcatclient.user import User

    config = copy.deepcopy(document)
    try:
        fixup_config_salt_and_segments(config)
    except Exception as problem:
        raise Refused(str(problem)) from problem
    evaluator = RolloutEvaluator(_Silence())

    def ask(question: Question) -> Answer:
        given = dict(question.context)
        user = None
        if given:
            identifier = given.pop("targetingKey")
            user = User(given.pop("Identifier", identifier), given.pop("Email", None), given.pop("Country", None), given)
        value, variation, rule, option, error = evaluator.evaluate(question.key, user, None, None, config, None)
        if error is not None:
            return Answer(None, None, "ERROR")
        reason = "SPLIT" if option else "TARGETING_MATCH" if rule else None
        return Answer(value, variation) if reason is None else Answer(value, variation, reason)

    return ask


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """Section 4 of the page: where the SDK fails as a whole, the rule is skipped here."""
    settings = question.document["f"].values()
    rules = [rule for setting in settings for rule in setting["r"]]
    conditions = [item["u"] for rule in rules for item in rule["c"] if "u" in item]
    conditions += [item for segment in question.document["s"] for item in segment["r"]]
    numeric = [item["a"] for item in conditions if item["c"] in (*range(10, 16), 18, 19)]
    if found.reason == "ERROR" and any(isinstance(question.context.get(name), list | dict) for name in numeric):
        return "the SDK fails on a list or mapping where it needs a number"
    if any(isinstance(value, dict) or (isinstance(value, list) and 1 in value) for value in question.context.values()):
        return "the SDK writes a mapping, or a list with a number in it, as Python does"
    return None
