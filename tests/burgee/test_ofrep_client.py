"""The OFREP provider of the OpenFeature SDK, as its users run it, against a running ``burgee serve``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.burgee.projects import WITH_A_BROKEN_FLAG
from tests.burgee.server import Server

PRO = EvaluationContext("user-1", {"plan": "pro"})
FREE = EvaluationContext("user-1", {"plan": "free"})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenFeatureClient]:
    path: Path = tmp_path_factory.mktemp("ofrep") / "flags.yaml"
    path.write_text(WITH_A_BROKEN_FLAG, encoding="utf-8")
    with Server(path) as server:
        provider = OFREPProvider(server.url)
        provider.session.trust_env = False
        api.set_provider(provider)
        yield api.get_client()
        api.clear_providers()


def test_every_type(client: OpenFeatureClient) -> None:
    assert client.get_string_value("banner", "?", PRO) == "#f00"
    assert client.get_integer_value("seats", 0, PRO) == 3
    assert client.get_object_value("limits", {}, PRO) == {"seats": 3, "tags": ["a", "b"]}
    assert client.get_float_value("ratio", 0.0, FREE) == 0.5
    assert isinstance(client.get_boolean_details("checkout", False, PRO).value, bool)


def test_a_whole_float_arrives_as_a_float(client: OpenFeatureClient) -> None:
    details = client.get_float_details("ratio", 0.0, PRO)
    assert (details.value, details.error_code) == (1.0, None)


def test_reasons_and_variants(client: OpenFeatureClient) -> None:
    targeted = client.get_string_details("banner", "?", PRO)
    assert (targeted.variant, targeted.reason) == ("red", Reason.TARGETING_MATCH)
    assert client.get_string_details("banner", "?", FREE).reason == Reason.DEFAULT
    assert client.get_integer_details("seats", 0, FREE).reason == Reason.STATIC
    assert client.get_boolean_details("checkout", False, FREE).reason == Reason.SPLIT


def test_a_split_needs_a_targeting_key(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("checkout", True, EvaluationContext(attributes={"plan": "pro"}))
    assert (details.value, details.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)
    assert client.get_integer_value("seats", 0) == 3


def test_an_unknown_flag(client: OpenFeatureClient) -> None:
    details = client.get_string_details("no/such flag", "mine", PRO)
    assert (details.value, details.error_code) == ("mine", ErrorCode.FLAG_NOT_FOUND)


def test_a_broken_flag(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("broken", True, PRO)
    assert (details.value, details.error_code) == (True, ErrorCode.PARSE_ERROR)


def test_another_type_than_the_flags(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("banner", True, PRO)
    assert (details.value, details.error_code) == (True, ErrorCode.TYPE_MISMATCH)


def test_a_context_beyond_the_limits(client: OpenFeatureClient) -> None:
    large = EvaluationContext("user-1", {"text": "x" * 9000})
    details = client.get_integer_details("seats", 0, large)
    assert (details.value, details.error_code) == (0, ErrorCode.INVALID_CONTEXT)
