"""OpenFeature's own scenarios, through the real SDK and its client, with Burgee's provider behind it.

The steps are in conftest.py, those of the older evaluation.feature here. Expected failures are in skips.toml.
"""

import json
import re

import pytest
from pytest_bdd import parsers, scenarios, then, when

from tests.conformance.openfeature.project import ABSENT, GHERKIN
from tests.conformance.openfeature.world import World, ask, parse

if GHERKIN is None:

    def test_scenarios() -> None:
        pytest.skip(ABSENT)

else:
    scenarios(str(GHERKIN))


# --- the older wording ------------------------------------------------------------------------------------------------


@when(parsers.re(r'an? (?P<kind>\w+) flag with key "(?P<key>.*?)" is evaluated(?P<how> with details and| with) (?P<rest>.*)'))
def _asked(world: World, kind: str, key: str, how: str, rest: str) -> None:
    text = rest.removeprefix("default value ").strip('"')
    world.question, world.key = kind, key
    world.default = {} if rest == "a null default value" else parse(kind, text)
    world.details = ask(world)


@when(parsers.parse('a non-existent string flag with key "{key}" is evaluated with details and a fallback value "{default}"'))
def _asked_for_nothing(world: World, key: str, default: str) -> None:
    world.question, world.key, world.default = "string", key, default
    world.details = ask(world)


@when(parsers.parse('a string flag with key "{key}" is evaluated as an integer, with details and a fallback value {default:d}'))
def _asked_wrongly(world: World, key: str, default: int) -> None:
    world.question, world.key, world.default = "integer", key, default
    world.details = ask(world)


@then(parsers.re(r'the resolved (?P<kind>boolean|string|integer|float) (details )?value should be "?(?P<value>[^",]*)"?$'))
def _typed_value(world: World, kind: str, value: str) -> None:
    assert world.details.value == parse(kind, value)


@then(
    parsers.re(
        r'the resolved (?P<kind>\w+) details value should be "?(?P<value>[^",]*)"?, '
        r'the variant should be "(?P<variant>\w+)", and the reason should be "(?P<reason>\w+)"'
    )
)
def _all_details(world: World, kind: str, value: str, variant: str, reason: str) -> None:
    assert world.details.value == parse(kind, value)
    assert (world.details.variant, world.details.reason) == (variant, reason)


@then(parsers.parse('the variant should be "{variant}", and the reason should be "{reason}"'))
def _variant_and_reason(world: World, variant: str, reason: str) -> None:
    assert (world.details.variant, world.details.reason) == (variant, reason)


@then(
    parsers.re(
        r"the resolved object (details )?value should be contain fields (?P<names>.+), with values (?P<values>.+), respectively"
    )
)
def _object(world: World, names: str, values: str) -> None:
    expected = [{"true": True, "false": False}.get(text, text) for text in re.findall(r'"(.+?)"', values)]
    expected += [int(text) for text in re.findall(r" and (\d+)", values)]
    assert world.details.value == dict(zip(re.findall(r'"(\w+)"', names), expected, strict=True))


@when(parsers.parse("context contains keys {names} with values {values}"))
def _context(world: World, names: str, values: str) -> None:
    parsed = [json.loads({'"false"': "false"}.get(text, text)) for text in values.split(", ")]
    world.attributes = dict(zip(json.loads(f"[{names}]"), parsed, strict=True))


@when(parsers.parse('a flag with key "{key}" is evaluated with default value "{default}"'))
def _asked_in_context(world: World, key: str, default: str) -> None:
    world.question, world.key, world.default = "string", key, default
    world.details = ask(world)


@then(parsers.parse('the resolved string response should be "{value}"'))
def _response(world: World, value: str) -> None:
    assert world.details.value == value


@then(parsers.parse('the resolved flag value is "{value}" when the context is empty'))
def _without_context(world: World, value: str) -> None:
    world.attributes = {}
    assert ask(world).value == value


@then(parsers.re(r"the default (string|integer) value should be returned"))
def _default(world: World) -> None:
    assert world.details.value == world.default


@then(parsers.re(r'the reason should indicate an error and the error code should indicate a (.+) with "(?P<code>\w+)"'))
def _error(world: World, code: str) -> None:
    assert (world.details.reason, world.details.error_code) == ("ERROR", code)
