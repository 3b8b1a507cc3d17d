"""flagd against ``openfeature-flagd-core``: its 1.x is ``flagd``, its 2.x ``flagd@v3``; ``flagd@v1`` has no release left.

That core runs JSONLogic with ``panzi-json-logic``, where docs/dialects/flagd.md follows the JavaScript reference and flagd's Go
core: ``explained`` says where these differ.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from tests.differential.drawing import present, several, weighted, word
from tests.differential.harness import Answer, Engine, Question, Refused, agree

REQUIRES = {
    "flagd": ["openfeature-flagd-core>=1,<2"],
    "flagd@v3": ["openfeature-flagd-core>=2,<3"],
}

COUNTRIES = ("DE", "US", "CA", "GB", "FR", "de", "")
VERSIONS = (
    "1.2.3",
    "1.2.4",
    "v1.2.3",
    "2.0.0",
    "1.2.3-beta.1",
    "1.2.3-beta.2",
    "1.2",
    "1",
    "1.2.3+b5",
    "01.2.3",
    "x",
    "V2.0",
    "1.10.0",
)
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "^", "~")
VARIANTS: dict[str, dict[str, Any]] = {
    "boolean": {"on": True, "off": False, "third": True},
    "string": {"on": "yes", "off": "no", "third": ""},
    "integer": {"on": 1, "off": 0, "third": -7},
    "number": {"on": 1.5, "off": 0, "third": -7.25},
    "object": {"on": {"a": [1, None]}, "off": {}, "third": {"b": "é"}},
}
MISTYPED = ("wrong kind", 3, 2.5, True, [], ["DE"], {"a": 1}, "18", "")


def generate(chance: Random) -> list[Question]:
    """A document of one flag, asked eight times."""
    kind = chance.choice(list(VARIANTS))
    flag: dict[str, Any] = {
        "state": "DISABLED" if chance.random() < 0.02 else "ENABLED",
        "variants": VARIANTS[kind],
        "defaultVariant": chance.choice(("on", "off", "off", None)),
        "targeting": Writer(chance).targeting(),
    }
    document: dict[str, Any] = {"flags": {"flag": flag}}
    if chance.random() < 0.3:
        document["$evaluators"] = {"shared": Writer(chance).condition(2)}
        flag["targeting"] = {"if": [{"$ref": "shared"}, "third", flag["targeting"]]}
    asked = kind if chance.random() < 0.9 or kind == "boolean" else chance.choice(list(VARIANTS))  # Python's True is a number
    return [Question(document, "flag" if chance.random() < 0.98 else "absent", context(chance), asked) for _ in range(8)]


def context(chance: Random) -> dict[str, Any]:
    """Mostly what rules expect, sometimes missing, null or of another type."""
    attributes = {
        "targetingKey": lambda: f"user-{chance.randrange(10**6)}" if chance.random() < 0.8 else word(chance),
        "country": lambda: chance.choice(COUNTRIES),
        "email": lambda: word(chance, 4) + chance.choice(("@ingen.com", "@example.org", "")),
        "age": lambda: chance.choice((chance.randint(-2, 90), chance.randint(0, 900) / 10)),
        "version": lambda: chance.choice(VERSIONS),
        "beta": lambda: chance.random() < 0.5,
        "tags": lambda: several(chance, lambda: chance.choice(COUNTRIES), 0, 3),
        "user": lambda: {"plan": chance.choice(("free", "paid")), "seats": chance.randint(0, 9)},
    }
    found = present(chance, attributes, null=0.0)
    if chance.random() < 0.1:
        found[chance.choice(list(attributes)[1:])] = chance.choice(MISTYPED)
    return found


class Writer:
    """Draws JSONLogic as flagd's users write it."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def targeting(self) -> dict[str, Any]:
        chance = self._chance
        branches = several(chance, lambda: (self.condition(3), self.result()), 1, 3)
        ladder: list[Any] = [part for branch in branches for part in branch]
        return weighted(
            chance,
            [
                (6, lambda: {"if": [*ladder, *several(chance, self.result, 0, 1)]}),
                (3, self.fractional),
                (1, lambda: self.condition(2)),  # true and false name no variant here, or null
            ],
        )

    def result(self) -> Any:
        constant = self._chance.choice(("on", "off", "third", "third", None, "nobody"))
        return self.fractional() if self._chance.random() < 0.4 else constant

    def condition(self, depth: int) -> dict[str, Any]:
        chance = self._chance
        parts = several(chance, lambda: self.condition(depth - 1), 1, 3) if depth > 1 else []
        groups = [(2, lambda: {"and": parts}), (2, lambda: {"or": parts}), (1, lambda: {"!": parts[:1]})] if parts else []
        return weighted(chance, [(6, self.test), *groups])

    def test(self) -> dict[str, Any]:
        chance = self._chance
        country, age = {"var": "country"}, {"var": "age"}
        version, email = {"var": "version"}, {"var": "email"}
        order = chance.choice(("<", "<=", ">", ">="))
        return weighted(
            chance,
            [
                (3, lambda: {chance.choice(("==", "===", "!=", "!==")): [country, chance.choice(COUNTRIES)]}),
                (3, lambda: {"in": [country, several(chance, lambda: chance.choice(COUNTRIES), 0, 4)]}),
                (1, lambda: {"in": [chance.choice(COUNTRIES[:5]), {"var": "tags"}]}),
                (1, lambda: {"in": [chance.choice(("@ingen", "a", "com")), email]}),
                (3, lambda: {order: [age, chance.choice((18, 21.5, 0, 65))]}),
                (1, lambda: {chance.choice(("<", "<=")): [10, age, 40]}),
                (2, lambda: {chance.choice(("starts_with", "ends_with")): [email, chance.choice(("a", ".com", "", "x"))]}),
                (3, lambda: {"sem_ver": [version, chance.choice(COMPARISONS), chance.choice(VERSIONS)]}),
                (1, lambda: {"==": [{"var": "beta"}, chance.random() < 0.5]}),
                (1, lambda: {"!!": {"var": chance.choice(("beta", "country", "tags", "user", "absent"))}}),
                (1, lambda: {"==": [{"var": ["user.plan", "free"]}, chance.choice(("free", "paid"))]}),
                (1, lambda: {"==": [{"%": [{"var": "user.seats"}, 3]}, chance.randint(0, 2)]}),
                (1, lambda: {chance.choice(("some", "all", "none")): [{"var": "tags"}, {"==": [{"var": ""}, "DE"]}]}),
                (1, lambda: {"==": [{"cat": [country, "-", {"var": "user.plan"}]}, "DE-free"]}),
                (1, lambda: {"==": [{"substr": [email, 0, 1]}, "a"]}),
                (1, lambda: {"missing": ["country", "user.plan"]}),
                (1, lambda: {"<": [{"var": "$flagd.timestamp"}, chance.choice((0, 9_999_999_999))]}),
            ],
        )  # fmt: skip

    def fractional(self) -> dict[str, Any]:
        chance = self._chance
        shares: list[Any] = [self._share() for _ in range(chance.randint(1, 4))]
        unit: list[Any] = weighted(
            chance,
            [
                (4, lambda: []),
                (3, lambda: [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}]),
                (3, lambda: [{"var": chance.choice(("email", "country", "targetingKey", "user.plan"))}]),
                (1, lambda: [{"var": chance.choice(("age", "beta", "user", "user.seats"))}]),
            ],
        )
        return {"fractional": [*unit, *shares]}

    def _share(self) -> list[Any]:
        name = self._chance.choice(("on", "off", "third", "third", "on", "off", None, "nobody"))
        weight = self._chance.choice((1, 50, 25, 33, 10, 0, 5, 100, 7, -3, 2**20))
        return [name] if self._chance.random() < 0.1 else [name, weight]


# --- the vendor ---------------------------------------------------------------------------------------------------------


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """``FlagdCore`` holding the document. Raises Refused where it doesn't take it."""
    import logging

    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.exception import OpenFeatureError, TypeMismatchError

    logging.disable(logging.CRITICAL)  # it logs every unit and version that is none
    core = FlagdCore()
    try:
        core.set_flags(json.loads(json.dumps(document)))  # a copy: it takes fields out of what it is given
    except OpenFeatureError as error:
        raise Refused(str(error)) from error
    getters = {
        "boolean": core.resolve_boolean_value,
        "string": core.resolve_string_value,
        "integer": core.resolve_integer_value,
        "number": core.resolve_float_value,
        "object": core.resolve_object_value,
    }

    def ask(question: Question) -> Answer:
        attributes = {name: value for name, value in question.context.items() if name != "targetingKey"}
        try:
            found = getters[question.kind](
                question.key, None, EvaluationContext(question.context.get("targetingKey"), attributes)
            )
        except TypeMismatchError:
            return Answer(None)
        except (OpenFeatureError, TypeError):
            return Answer(None, None, "ERROR")
        return Answer(found.value, found.variant, str(found.reason))

    return ask


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """What docs/dialects/flagd.md says about flagd's Python core: asked with the rule as it is read here, that core agrees."""
    whole, names = question.document, []
    for why, rewrite in _READINGS.items():
        if dialect not in rewrite.dialects:
            continue
        rewritten = _rewritten(whole, rewrite.rule, question.context)
        if rewritten != whole:
            whole, names = rewritten, [*names, why]
            alone = _rewritten(question.document, rewrite.rule, question.context)
            if agree(theirs(alone, dialect)(question), answer):
                return why
    if len(names) > 1 and agree(theirs(whole, dialect)(question), answer):
        return "several of these"
    units = [read(question.context, path) for path in _units(question.document)]
    return (
        "a list that a variable gives is a unit"
        if dialect == "flagd@v3" and any(isinstance(unit, list) for unit in units)
        else None
    )


def _units(document: Any) -> Iterator[str]:
    for part in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _units(part)
    path = _unit(document) if isinstance(document, dict) else None
    if path:
        yield path


Rule = dict[str, Any]


class Reading(NamedTuple):
    """How a rule reads here, for a context in which flagd's Python core reads it in another way."""

    rule: Callable[[Rule, dict[str, Any]], Rule]
    dialects: tuple[str, ...] = ("flagd", "flagd@v3")


def _rewritten(document: Rule, rule: Callable[[Rule, dict[str, Any]], Rule], context: dict[str, Any]) -> Rule:
    read: Rule = json.loads(json.dumps(document), object_hook=lambda found: rule(found, context))
    return read


def _null_unit(rule: Rule, context: dict[str, Any]) -> Rule:
    """Leaves out a unit that reads as null."""
    path = _unit(rule)
    return {"fractional": rule["fractional"][1:]} if path and read(context, path) is None else rule


def _empty_unit(rule: Rule, context: dict[str, Any]) -> Rule:
    """The hash of "" is 0: the first share that isn't empty."""
    path = _unit(rule)
    if not path or read(context, path) != "":
        return rule
    share = next((share[0] for share in rule["fractional"][1:] if len(share) == 1 or share[1] > 0), None)
    return {"if": [True, share]}


def _unit(rule: Rule) -> str | None:
    """The path of the variable that a ``fractional`` has as its unit."""
    return _path((rule.get("fractional") or [None])[0]) or None


def _null_text(rule: Rule, context: dict[str, Any]) -> Rule:
    """Leaves nulls out of ``cat``."""
    if "cat" not in rule:
        return rule
    return {"cat": [part for part in rule["cat"] if not isinstance(part, dict) or read(context, part["var"]) is not None]}


def _null_equal(rule: Rule, context: dict[str, Any]) -> Rule:
    """Null is equal to nothing but null."""
    path = _path(rule["=="][0]) if "==" in rule else ""
    return {"===": rule["=="]} if path and read(context, path) is None else rule


def _blank_number(rule: Rule, context: dict[str, Any]) -> Rule:
    """Reads blank text as 0 where it is compared with a number or a boolean."""
    name = next(iter(rule), "")
    if name not in ("==", "!=", "<", "<=", ">", ">=") or any(isinstance(operand, str) for operand in rule[name]):
        return rule
    return {name: [0 if _path(operand) and read(context, _path(operand)) == "" else operand for operand in rule[name]]}


def _path(operand: Any) -> str:
    path = operand.get("var") if isinstance(operand, dict) else None
    return path if isinstance(path, str) else ""


def _list_number(rule: Rule, context: dict[str, Any]) -> Rule:
    """No order holds of a list."""
    name = next(iter(rule), "")
    if name in ("<", "<=", ">", ">=") and any(isinstance(read(context, _path(operand)), list) for operand in rule[name]):
        return {"!": [True]}
    return rule


def _list_equal(rule: Rule, context: dict[str, Any]) -> Rule:
    """A list is loosely equal to no text and no boolean."""
    name = next(iter(rule), "")
    if name in ("==", "!=") and isinstance(read(context, _path(rule[name][0])), list):
        return {"!!": [name == "!="]}
    return rule


def _list_text(rule: Rule, context: dict[str, Any]) -> Rule:
    """Leaves lists out of ``cat``."""
    if "cat" not in rule:
        return rule
    return {"cat": [part for part in rule["cat"] if not isinstance(read(context, _path(part)), list)]}


def read(context: dict[str, Any], path: str) -> Any:
    """What ``var`` gives; the key that flagd adds isn't null."""
    found: Any = {**context, "$flagd": {"flagKey": "flag"}}
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


_READINGS: dict[str, Reading] = {
    "a unit that is null is left out, as in flagd's Go core": Reading(_null_unit, ("flagd",)),
    "an empty text is a unit": Reading(_empty_unit, ("flagd",)),
    "null is no text in cat, as in JSONLogic's reference": Reading(_null_text),
    "null isn't false, as in JSONLogic's reference": Reading(_null_equal),
    "blank text is 0 as a number, as in JSONLogic's reference": Reading(_blank_number),
    "a list is no number": Reading(_list_number),
    "a list is loosely equal to no text and no boolean": Reading(_list_equal),
    "a list is no text in cat": Reading(_list_text),
}
