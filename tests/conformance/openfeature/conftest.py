"""The scenarios' steps in the specification's present wording; and skips.toml, whose scenarios are expected to fail: strictly,
so that one that passes fails.
"""

import asyncio
import copy
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import FlagEvaluationOptions
from openfeature.hook import Hook
from openfeature.transaction_context import ContextVarsTransactionContextPropagator
from pytest_bdd import given, parsers, then, when

from evaluator.openfeature import BurgeeProvider
from tests.conformance.openfeature.project import GHERKIN, HERE, skipped, snapshot, tags
from tests.conformance.openfeature.world import Recorder, Retrievable, World, add, ask, parse

collect_ignore = [] if GHERKIN else ["test_project.py"]  # test_gherkin.py says that the scenarios are absent


def pytest_configure(config: pytest.Config) -> None:
    """The scenarios' tags become markers, which have to be known."""
    for tag in tags():
        config.addinivalue_line("markers", f"{tag}: a tag of OpenFeature's scenarios")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-bdd gives every test its feature's and its scenario's name as its docstring."""
    reasons = skipped()
    for item in items:
        _, _, scenario = (getattr(getattr(item, "function", None), "__doc__", None) or "").rpartition(": ")
        if item.path.parent == HERE and scenario in reasons:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reasons[scenario]))


@pytest.fixture
def world() -> Iterator[World]:
    yield World(api.get_client())
    api.shutdown()
    api.clear_providers()
    api.clear_hooks()
    api.set_evaluation_context(EvaluationContext())
    api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())


# --- providers --------------------------------------------------------------------------------------------------------


@given("a stable provider")
def _stable(world: World) -> None:
    api.set_provider_and_wait(BurgeeProvider(snapshot()))


@given("a stale provider")
def _stale(world: World) -> None:
    provider = BurgeeProvider(snapshot())
    api.set_provider_and_wait(provider)
    provider.report_stale("the store is unreachable")


@given("a not ready provider")
def _not_ready(request: pytest.FixtureRequest, world: World) -> None:
    gate = threading.Event()
    request.addfinalizer(gate.set)

    def fetch() -> bytes:
        gate.wait(60)
        return snapshot()

    api.set_provider(BurgeeProvider(fetch))


@given(parsers.re("a (?P<which>error|fatal) provider"))
def _failed(world: World, which: str) -> None:
    source = {"error": "/nowhere/at/all", "fatal": b"no snapshot"}[which]
    with pytest.raises(OpenFeatureError):
        api.set_provider_and_wait(BurgeeProvider(source))


@given("a stable provider with retrievable context is registered")
def _retrievable(world: World) -> None:
    api.set_provider_and_wait(Retrievable(snapshot()))
    api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
    api.set_transaction_context(EvaluationContext())


@then(parsers.parse('the provider status should be "{status}"'))
def _status(world: World, status: str) -> None:
    assert world.client.get_provider_status().value == status


# --- questions --------------------------------------------------------------------------------------------------------


@given(parsers.re(r'an? (?P<kind>\w+)-flag with key "(?P<key>.*?)" and a fallback value "(?P<default>.*)"'))
def _flag(world: World, kind: str, key: str, default: str) -> None:
    world.question, world.key, world.default = kind.lower(), key, parse(kind, default)


@given(parsers.parse('a context containing a key "{key}", with type "{kind}" and with value "{value}"'))
def _attribute(world: World, key: str, kind: str, value: str) -> None:
    world.attributes[key] = parse(kind, value)


@given(parsers.parse('a context containing a key "{key}" with null value'))
def _null_attribute(world: World, key: str) -> None:
    world.attributes[key] = None


@when("the flag was evaluated with details")
@when("the flag was evaluated with details using the evaluation options")
def _evaluated(world: World) -> None:
    world.details = ask(world)


@when("the flag was evaluated with details asynchronously")
def _evaluated_asynchronously(world: World) -> None:
    async def run() -> Any:
        method = getattr(world.client, f"get_{world.question}_details_async")
        question = method(world.key, world.default, EvaluationContext(None, world.attributes), world.options)
        details, world.kept = await asyncio.gather(question, asyncio.sleep(0, "the loop went on"))
        return details

    world.details = asyncio.run(run())


@then("the evaluation should complete without blocking")
def _did_not_block(world: World) -> None:
    assert world.kept == "the loop went on"


# --- answers ----------------------------------------------------------------------------------------------------------


@then(parsers.re(r'the resolved details value should be "(?P<value>.*)"'))
def _value(world: World, value: str) -> None:
    expected = parse(world.question, value)
    assert world.details.value == expected and type(world.details.value) is type(expected)


@then(parsers.parse('the reason should be "{reason}"'))
def _reason(world: World, reason: str) -> None:
    assert world.details.reason == reason


@then(parsers.parse('the error-code should be "{code}"'))
def _error_code(world: World, code: str) -> None:
    assert world.details.error_code == code


@then(parsers.parse('the variant should be "{variant}"'))
def _variant(world: World, variant: str) -> None:
    assert world.details.variant == variant


@then(parsers.parse('the flag key should be "{key}"'))
def _flag_key(world: World, key: str) -> None:
    assert world.details.flag_key == key


@then("the resolved metadata should contain")
def _metadata(world: World, datatable: list[list[str]]) -> None:
    expected = {key: parse(kind, value) for key, kind, value in datatable[1:]}
    assert world.details.flag_metadata == expected
    assert {key: type(value) for key, value in world.details.flag_metadata.items()} == {
        key: type(value) for key, value in expected.items()
    }


@then("the resolved metadata is empty")
def _no_metadata(world: World) -> None:
    assert not world.details.flag_metadata


# --- hooks and options ------------------------------------------------------------------------------------------------


@given("a client with added hook")
def _hooked(world: World) -> None:
    world.hook = Recorder()
    world.client.add_hooks([world.hook])


@then(parsers.parse('the "{stage}" hook should have been executed'))
def _hook_ran(world: World, stage: str) -> None:
    assert world.hook is not None and stage in world.hook.calls


@then(parsers.parse('the "{stages}" hooks should be called with evaluation details'))
def _hooks_got(world: World, stages: str, datatable: list[list[str]]) -> None:
    assert world.hook is not None
    for stage in stages.split(", "):
        for kind, key, value in datatable[1:]:
            assert getattr(world.hook.calls[stage], key) == (None if value == "null" else parse(kind, value)), (stage, key)


@given("evaluation options containing specific hooks")
def _options(world: World) -> None:
    world.kept = []
    hooks: list[Hook] = [Recorder(world.kept, "first"), Recorder(world.kept, "second")]
    world.options = FlagEvaluationOptions(hooks)


@then("the specified hooks should execute during evaluation")
def _options_ran(world: World) -> None:
    assert {entry.split()[0] for entry in world.kept} == {"before", "after", "finally"}


@then("the hook order should be maintained")
def _order(world: World) -> None:
    order = ["before first", "before second", "after second", "after first", "finally second", "finally first"]
    assert world.kept == order


@given("an evaluation context with modifiable data")
def _modifiable(world: World) -> None:
    world.attributes = {"list": [1, {"deep": [2]}], "map": {"a": "b"}}
    world.kept = copy.deepcopy(world.attributes)


@then("the original evaluation context should remain unmodified")
def _unmodified(world: World) -> None:
    assert world.attributes == world.kept


@then("the evaluation details should be immutable")
def _immutable(world: World) -> None:
    with pytest.raises(AttributeError):
        world.details.value = not world.details.value


# --- context merging --------------------------------------------------------------------------------------------------


@given(parsers.parse('A context entry with key "{key}" and value "{value}" is added to the "{level}" level'))
def _entry(world: World, key: str, value: str, level: str) -> None:
    add(world, level, key, value)


@given("A table with levels of increasing precedence")
def _levels(world: World, datatable: list[list[str]]) -> None:
    world.levels = [row[0] for row in datatable]


@given(
    parsers.parse(
        'Context entries for each level from API level down to the "{last}" level, with key "{key}" and value "{value}"'
    )
)
def _entries(world: World, last: str, key: str, value: str) -> None:
    for level in world.levels[: world.levels.index(last) + 1]:
        add(world, level, key, level)
    assert value == last


@when("Some flag was evaluated")
def _some_flag(world: World) -> None:
    world.client.add_hooks([world.hook] if world.hook else [])
    world.question, world.key, world.default = "boolean", "boolean-flag", False
    world.details = ask(world)


@then(parsers.parse('The merged context contains an entry with key "{key}" and value "{value}"'))
def _merged(world: World, key: str, value: str) -> None:
    provider = world.client.provider
    assert isinstance(provider, Retrievable) and provider.asked is not None
    assert provider.asked.attributes[key] == value
