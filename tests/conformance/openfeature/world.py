"""What the steps of one scenario share, and what they do with it. Imported by the steps beside it."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagEvaluationOptions, FlagResolutionDetails
from openfeature.hook import Hook, HookContext, HookHints

from evaluator.openfeature import BurgeeProvider


@dataclass
class World:
    """What the steps of one scenario share."""

    client: OpenFeatureClient
    question: str = ""
    key: str = ""
    default: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    options: FlagEvaluationOptions = field(default_factory=FlagEvaluationOptions)
    details: Any = None
    hook: "Recorder | None" = None
    levels: list[str] = field(default_factory=list)
    kept: Any = None


class Recorder(Hook):
    """Remembers when it was called, with what; adds ``extra`` to the context."""

    def __init__(self, log: list[str] | None = None, name: str = "") -> None:
        self.calls: dict[str, Any] = {}
        self.log = [] if log is None else log
        self.name = name
        self.extra: dict[str, Any] = {}

    def _record(self, stage: str, details: Any) -> None:
        self.calls[stage] = details
        self.log.append(f"{stage} {self.name}")

    def before(self, hook_context: HookContext, hints: HookHints) -> EvaluationContext | None:
        self._record("before", hook_context)
        return EvaluationContext(None, self.extra) if self.extra else None

    def after(self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: HookHints) -> None:
        self._record("after", copy.copy(details))

    def error(self, hook_context: HookContext, exception: Exception, hints: HookHints) -> None:
        self._record("error", exception)

    def finally_after(self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: HookHints) -> None:
        self._record("finally", copy.copy(details))


class Retrievable(BurgeeProvider):
    """Keeps the context of the last question."""

    asked: EvaluationContext | None = None

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        self.asked = evaluation_context
        return super().resolve_boolean_details(flag_key, default_value, evaluation_context)


def parse(kind: str, text: str) -> Any:
    """A value of the scenarios' tables as its type says."""
    kind, text = kind.lower(), text.replace('\\"', '"')
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    if kind == "object":
        return json.loads(text)
    return {"string": str, "integer": int, "float": float}[kind](text)


def ask(world: World) -> Any:
    method = getattr(world.client, f"get_{world.question}_details")
    return method(world.key, world.default, EvaluationContext(None, world.attributes), world.options)


def add(world: World, level: str, key: str, value: str) -> None:
    """One entry more at a level, beside those that are there."""
    more = EvaluationContext(None, {key: value})
    if level == "API":
        api.set_evaluation_context(api.get_evaluation_context().merge(more))
    elif level == "Transaction":
        api.set_transaction_context(api.get_transaction_context().merge(more))
    elif level == "Client":
        world.client.context = world.client.context.merge(more)
    elif level == "Invocation":
        world.attributes[key] = value
    else:
        assert level == "Before Hooks"
        world.hook = world.hook or Recorder()
        world.hook.extra[key] = value
