"""Powertools' feature flags against the library: from 3.35 on for ``powertools``, what came before for ``powertools@3.34``.

The library's clock is set to the question's ``now``. A document that the library refuses must have lost its one flag here.
"""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.differential.drawing import several, weighted
from tests.differential.harness import Answer, Engine, Question

REQUIRES = {
    "powertools": ["aws-lambda-powertools[aws-sdk]>=3.35,<4"],
    "powertools@3.34": ["aws-lambda-powertools[aws-sdk]>=3.20,<3.35"],
}

KEYS = ("tenant", "tenant.id", "targetingKey", "tags")
TEXTS = ("", "a", "b", "abc", "ab", "A", "é", "日本", "\U0001f600", "\uffff", "1", "true", "z", "6")
NUMBERS = (0, 1, -1, 2, 3, 18, 0.0, 1.0, 1.5, -0.5, 2**53, 2**53 + 1, 2**62, 1e300)
LARGE = (float("nan"), float("inf"), 10**30, -(10**30), 2**63)
COMPARING = [
    "EQUALS",
    "NOT_EQUALS",
    "IN",
    "NOT_IN",
    "KEY_IN_VALUE",
    "KEY_NOT_IN_VALUE",
    "VALUE_IN_KEY",
    "VALUE_NOT_IN_KEY",
    "STARTSWITH",
    "ENDSWITH",
    "KEY_GREATER_THAN_VALUE",
    "KEY_GREATER_THAN_OR_EQUAL_VALUE",
    "KEY_LESS_THAN_VALUE",
    "KEY_LESS_THAN_OR_EQUAL_VALUE",
]
OF_LISTS = ("ANY_IN_VALUE", "ALL_IN_VALUE", "NONE_IN_VALUE")
CLOCK = {
    "SCHEDULE_BETWEEN_TIME_RANGE": "CURRENT_TIME",
    "SCHEDULE_BETWEEN_DATETIME_RANGE": "CURRENT_DATETIME",
    "SCHEDULE_BETWEEN_DAYS_OF_WEEK": "CURRENT_DAY_OF_WEEK",
}
ACTIONS = (*COMPARING, *OF_LISTS, *CLOCK, "MODULO_RANGE")
DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
ZONES = ("UTC", "Europe/Copenhagen", "America/New York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", None, "")
MOMENTS = (  # epoch ms: clocks go back and forward in some of the zones
    1_698_541_200_000,
    1_698_544_800_000,
    1_711_846_800_000,
    1_699_163_940_000,
    1_699_167_600_000,
    1_730_592_000_000,
    1_750_057_200_000,
    0,
)
WRONG_TIMES = ("9:00", "24:00", "12:60", "12:30 ", "12:3", "12:305", "12:30:00", 5)
WRONG_DATES = ("soon", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00+02:00", 5, None)
WRONG_DAYS = (["DAYS"], "MONDAY", ["Monday"], [1], ["START"])
WRONG_RULES: tuple[Any, ...] = ({}, [], None, "", [1], "x", {"r": {}}, {"r": {"when_match": True, "conditions": []}}, {"r": 5})


def generate(chance: Random) -> list[Question]:
    """A document of one feature, asked six times around one moment."""
    writer = Writer(chance)
    feature = writer.feature()
    document = {"feature": feature}
    rules = feature.get("rules") if isinstance(feature.get("rules"), dict) else {}
    written = [rule.get("conditions", []) for rule in rules.values() if isinstance(rule, dict)]
    values = [condition["value"] for conditions in written for condition in conditions]
    key = "feature" if chance.random() < 0.98 else "absent"
    return [Question(document, key, writer.context(values), "", writer.moment()) for _ in range(6)]


class Writer:
    """Draws features, conditions and contexts that often meet."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._around = chance.choice(MOMENTS) + chance.choice((0, 1, -1, 999, 59_999, chance.randint(-(10**8), 10**8)))

    def moment(self) -> int:
        return self._around + self._chance.choice((0, 0, 1, -1, 60_000, 3_600_000, self._chance.randint(-(10**8), 10**8)))

    def scalar(self) -> Any:
        return weighted(
            self._chance,
            [
                (4, lambda: self._chance.choice(TEXTS)),
                (4, lambda: self._chance.choice(NUMBERS)),
                (2, lambda: self._chance.random() < 0.5),
            ],
        )

    def json(self, depth: int = 2, null: bool = True) -> Any:
        chance = self._chance
        if not depth or chance.random() < 0.6:
            return None if null and chance.random() < 0.15 else self.scalar()
        if chance.random() < 0.7:
            return several(chance, lambda: self.json(depth - 1), 0, 3)
        return {chance.choice(("a", "b", "1", "abc")): self.json(depth - 1) for _ in range(chance.randrange(3))}

    def feature(self) -> dict[str, Any]:
        chance = self._chance
        boolean = chance.random() < 0.5
        value: Callable[[], Any] = (lambda: chance.random() < 0.5) if boolean else (lambda: self.json(1, null=False))
        feature: dict[str, Any] = {"default": value()}
        if not boolean or chance.random() < 0.2:
            feature["boolean_type"] = boolean if chance.random() < 0.97 else chance.choice(("no", 0, None, 1, ""))
        names = [chance.choice(("rule", "default", f"rule {number}")) for number in range(chance.randint(1, 3))]
        if chance.random() < 0.98:
            rules = {name: self.rule(value) for name in names}
            feature["rules"] = rules if chance.random() < 0.97 else chance.choice(WRONG_RULES)
        return feature

    def rule(self, value: Callable[[], Any]) -> dict[str, Any]:
        match = value() if self._chance.random() < 0.98 else None
        return {"when_match": match, "conditions": several(self._chance, self.condition, 1, 2)}

    def condition(self) -> dict[str, Any]:
        chance = self._chance
        action = chance.choice(ACTIONS)
        key = chance.choice(KEYS) if chance.random() < 0.01 else CLOCK.get(action, chance.choice(KEYS))
        written = action if chance.random() < 0.99 else chance.choice(("equals", None, 5, ["EQUALS"]))
        return {"action": written, "key": key, "value": self.value(action) if chance.random() < 0.97 else self.json()}

    def value(self, action: str) -> Any:
        chance = self._chance
        if action in CLOCK:
            zone = {"TIMEZONE": chance.choice((*ZONES, *ZONES, "Mars/Olympus", 5))} if chance.random() < 0.8 else {}
            return self._schedule(action) | zone
        if action == "MODULO_RANGE":
            base = chance.choice((1, 2, 3, 7, 100, 2**53 + 1, 2**62))
            first = chance.randrange(base)
            last = chance.randrange(first, base) if chance.random() < 0.95 else first - 1
            return {"BASE": base, "START": first, "END": last}
        if action in OF_LISTS:
            return several(chance, self.json, 0, 4)
        return self.json(null=chance.random() < 0.02)

    def _schedule(self, action: str) -> dict[str, Any]:
        chance = self._chance
        if action == "SCHEDULE_BETWEEN_DAYS_OF_WEEK":
            return {"DAYS": chance.sample(DAYS, chance.randrange(8)) if chance.random() < 0.95 else chance.choice(WRONG_DAYS)}
        if action == "SCHEDULE_BETWEEN_DATETIME_RANGE":
            return {"START": self._date(), "END": self._date()}
        hours = [chance.randrange(24)] * 2 if chance.random() < 0.3 else [chance.randrange(24), chance.randrange(24)]
        return {name: self._time(hour) for name, hour in zip(("START", "END"), hours, strict=True)}

    def _time(self, hour: int) -> Any:
        if self._chance.random() < 0.05:
            return self._chance.choice(WRONG_TIMES)
        return f"{hour:02}:{self._chance.randrange(60):02}"

    def _date(self) -> Any:
        chance = self._chance
        if chance.random() < 0.03:
            return chance.choice(WRONG_DATES)
        away = chance.choice((0, 0, 1_000, -1_000, 3_600_000, -3_600_000, chance.randint(-(10**8), 10**8)))
        moment = datetime.fromtimestamp((self._around + away) // 1000, UTC).replace(tzinfo=None)
        text = moment.isoformat()
        return chance.choice((text, text.replace("T", " "), text[:10], text[:16], f"{text}.123456", f"{moment:%Y%m%dT%H%M%S}"))

    def context(self, values: list[Any]) -> dict[str, Any]:
        chance = self._chance
        found = {}
        for key in KEYS:
            if chance.random() < 0.15:
                continue
            found[key] = self._near(chance.choice(values)) if values and chance.random() < 0.5 else self.json()
            if chance.random() < 0.05:
                found[key] = chance.choice((*LARGE, chance.uniform(-500, 500), chance.randint(-(10**6), 10**6)))
        return found

    def _near(self, value: Any) -> Any:
        """A value that a condition names, or something that it may have in common with one."""
        chance = self._chance
        if isinstance(value, str):
            start = chance.randint(0, len(value))
            return chance.choice((value, value[start : start + 2], value + chance.choice("abé"), [value]))
        if isinstance(value, list):
            part = value[: chance.randint(0, len(value))] + several(chance, self.json, 0, 1)
            return chance.choice((value, part, [_twin(item) for item in value], *value[:1]))
        return chance.choice((value, value, [value], _twin(value)))


def _twin(value: Any) -> Any:
    """The number that a boolean equals in Python, or the boolean that a number does."""
    if isinstance(value, bool):
        return int(value)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else value


# --- the vendor ---------------------------------------------------------------------------------------------------------


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """``FeatureFlags`` over the document. One that it refuses has no answer."""
    import logging

    from aws_lambda_powertools.utilities.feature_flags import FeatureFlags, StoreProvider, comparators
    from aws_lambda_powertools.utilities.feature_flags.exceptions import SchemaValidationError

    class Store(StoreProvider):
        def get_configuration(self) -> dict[str, Any]:
            return document

        @property
        def get_raw_configuration(self) -> dict[str, Any]:
            return document

    quiet = logging.getLogger("tests.differential.powertools")
    quiet.setLevel(logging.CRITICAL)
    flags = FeatureFlags(Store(), quiet)

    def ask(question: Question) -> Answer:
        nothing = object()
        comparators.datetime = _clock_at(question.now or 0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found: Any = flags.evaluate(name=question.key, context=question.context, default=nothing)
        except (SchemaValidationError, TypeError):  # of an action that is a list: "in" raises before the validator can
            return Answer(None, None, "ERROR")
        return Answer(None, None, "ERROR") if found is nothing else Answer(found)

    return ask


def _clock_at(now: int) -> type[datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(now // 1000, tz).replace(microsecond=now % 1000 * 1000)

    return Clock


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """Nothing is known to differ."""
    return None
