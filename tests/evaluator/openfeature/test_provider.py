"""The provider through the real SDK's client: types, reasons, errors, contexts, life and events."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, GeneralError, ProviderFatalError
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import ProviderStatus

from config_sync import ir
from evaluator import Evaluator, SnapshotError
from evaluator.openfeature import BurgeeProvider
from evaluator.snapshot import opcodes as codes
from tests.evaluator.openfeature.projects import equal, flag, snapshot, split, targeted

BIG = 1 << 60
FLAGS = (
    flag("boolean", True),
    flag("string", "text", metadata={"owner": "me", "tier": 1, "share": 0.5, "live": True}),
    flag("integer", 7),
    flag("whole", 7.0),
    flag("float", 0.5),
    flag("big", BIG),
    flag("object", {"a": [1, {"b": None}]}),
    flag("list", [1, 2]),
    flag("payload", variants=(ir.Variant("only", "text", is_on=True),)),
    flag("empty-payload", variants=(ir.Variant("only", None, is_on=True),)),
    flag("broken", True, error="nonsense"),
    flag("silent", default=ir.NoAnswer(), default_reason=codes.REASON_DISABLED),
    split("split", metadata={"owner": "me"}),
    targeted("targeted", equal("color", "red")),
    targeted("nested", ir.Test("equal", ir.Attribute("user.tier", ("user", "tier")), 3)),
    targeted("by-key", equal("targetingKey", "u1")),
    targeted("after", ir.Test("time", ir.Attribute("since"), 1_700_000_000_000_000, compare=codes.CMP_GE)),
)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    api.shutdown()
    api.clear_providers()
    api.clear_hooks()


@pytest.fixture
def client() -> OpenFeatureClient:
    api.set_provider_and_wait(BurgeeProvider(snapshot(*FLAGS)))
    return api.get_client()


Ask = Callable[[OpenFeatureClient, str, Any, EvaluationContext | None], FlagEvaluationDetails[Any]]


def _asynchronously(question: str) -> Ask:
    def ask(client: OpenFeatureClient, key: str, default: Any, context: EvaluationContext | None) -> FlagEvaluationDetails[Any]:
        details: FlagEvaluationDetails[Any] = asyncio.run(
            getattr(client, f"get_{question}_details_async")(key, default, context)
        )
        return details

    return ask


def _at_once(question: str) -> Ask:
    def ask(client: OpenFeatureClient, key: str, default: Any, context: EvaluationContext | None) -> FlagEvaluationDetails[Any]:
        details: FlagEvaluationDetails[Any] = getattr(client, f"get_{question}_details")(key, default, context)
        return details

    return ask


CASES: list[tuple[str, str, Any, Any]] = [
    ("boolean", "boolean", False, True),
    ("string", "string", "", "text"),
    ("integer", "integer", 0, 7),
    ("integer", "whole", 0, 7),
    ("integer", "big", 0, BIG),
    ("float", "float", 0.0, 0.5),
    ("float", "integer", 0.0, 7.0),
    ("object", "object", {}, {"a": [1, {"b": None}]}),
    ("object", "list", [], [1, 2]),
]


@pytest.mark.parametrize("way", [_at_once, _asynchronously])
@pytest.mark.parametrize("case", CASES)
def test_every_type_is_answered(client: OpenFeatureClient, way: Callable[[str], Ask], case: tuple[str, str, Any, Any]) -> None:
    question, key, default, value = case
    details = way(question)(client, key, default, None)
    assert (details.value, type(details.value)) == (value, type(value))
    assert (details.flag_key, details.variant, details.reason, details.error_code) == (key, "only", Reason.STATIC, None)


@pytest.mark.parametrize("way", [_at_once, _asynchronously])
@pytest.mark.parametrize(
    ("question", "key", "default"),
    [
        ("boolean", "integer", True),
        ("boolean", "string", True),
        ("string", "boolean", "d"),
        ("integer", "boolean", 5),
        ("integer", "float", 5),
        ("integer", "string", 5),
        ("float", "boolean", 0.25),
        ("float", "string", 0.25),
        ("object", "string", {"d": 1}),
    ],
)
def test_another_type_is_a_mismatch(
    client: OpenFeatureClient, way: Callable[[str], Ask], question: str, key: str, default: Any
) -> None:
    details = way(question)(client, key, default, None)
    assert details.value == default
    assert (details.reason, details.error_code, details.variant) == (Reason.ERROR, ErrorCode.TYPE_MISMATCH, None)
    assert details.error_message == "the flag's value has another type"


@pytest.mark.parametrize("way", [_at_once, _asynchronously])
@pytest.mark.parametrize("key", ["payload", "empty-payload"])
def test_a_variant_that_is_on_is_true(client: OpenFeatureClient, way: Callable[[str], Ask], key: str) -> None:
    details = way("boolean")(client, key, False, None)
    assert (details.value, details.variant, details.error_code) == (True, "only", None)
    assert way("string")(client, "payload", "d", None).value == "text"


@pytest.mark.parametrize(
    ("key", "code", "metadata"),
    [
        ("missing", ErrorCode.FLAG_NOT_FOUND, {}),
        ("broken", ErrorCode.PARSE_ERROR, {}),
        ("split", ErrorCode.TARGETING_KEY_MISSING, {"owner": "me"}),
    ],
)
def test_errors_give_the_default_and_their_code(
    client: OpenFeatureClient, key: str, code: ErrorCode, metadata: dict[str, Any]
) -> None:
    details = client.get_boolean_details(key, False)
    assert (details.value, details.reason, details.error_code, details.variant) == (False, Reason.ERROR, code, None)
    assert details.flag_metadata == metadata
    assert details.error_message


def test_a_unit_that_is_no_text_is_an_invalid_context(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("split", False, EvaluationContext("\ud800"))
    assert details.error_code == ErrorCode.INVALID_CONTEXT


def test_no_answer_is_the_default_without_an_error(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("silent", True)
    assert (details.value, details.reason, details.error_code, details.variant) == (True, Reason.DISABLED, None, None)


def test_contexts_are_flat_with_their_targeting_key(client: OpenFeatureClient) -> None:
    def ask(key: str, targeting_key: str | None = None, **attributes: Any) -> bool:
        return client.get_boolean_value(key, False, EvaluationContext(targeting_key, attributes))

    assert ask("targeted", color="red") and not ask("targeted", color="blue") and not ask("targeted")
    assert ask("nested", user={"tier": 3}) and not ask("nested", user={"tier": 4})
    assert ask("by-key", "u1") and not ask("by-key", "u2") and not ask("by-key")
    assert ask("by-key", targetingKey="u1") and ask("by-key", "u1", targetingKey="u2")
    assert ask("after", since=datetime(2024, 1, 1, tzinfo=UTC)) and not ask("after", since=datetime(2023, 1, 1, tzinfo=UTC))
    assert client.get_boolean_details("targeted", False, EvaluationContext(None, {"color": "red"})).reason == "TARGETING_MATCH"


def test_a_split_answers_both_ways_and_always_the_same(client: OpenFeatureClient) -> None:
    details = [client.get_boolean_details("split", False, EvaluationContext(f"u{number}")) for number in range(200)]
    assert 60 < sum(item.value for item in details) < 140
    assert {(item.reason, item.variant == ("on" if item.value else "off")) for item in details} == {(Reason.SPLIT, True)}


def test_metadata_are_the_flags_own(client: OpenFeatureClient) -> None:
    assert client.get_string_details("string", "").flag_metadata == {"owner": "me", "tier": 1, "share": 0.5, "live": True}
    assert client.get_boolean_details("boolean", False).flag_metadata == {}
    assert client.provider.get_metadata().name == "burgee"


def test_what_a_caller_does_to_an_answer_stays_with_the_caller(client: OpenFeatureClient) -> None:
    first: Any = client.get_object_details("object", {})
    first.value["a"].append("spoiled")
    client.get_string_details("string", "").flag_metadata["owner"] = "you"  # type: ignore[index]
    assert client.get_object_value("object", {}) == {"a": [1, {"b": None}]}
    assert client.get_string_details("string", "").flag_metadata["owner"] == "me"


# --- life and events --------------------------------------------------------------------------------------------------


class Heard:
    """Collects the SDK's events. Each handler runs on a thread of the SDK's own; ``wait`` gives it time."""

    def __init__(self) -> None:
        self.events: list[tuple[str, EventDetails]] = []
        self._arrived = threading.Condition()
        for event in ProviderEvent:
            api.add_handler(event, self._handler(event))

    def _handler(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        def handle(details: EventDetails) -> None:
            if details.provider_name != "burgee":  # the SDK's own, before ours is set
                return
            with self._arrived:
                self.events.append((event.value.removeprefix("PROVIDER_"), details))
                self._arrived.notify_all()

        return handle

    def clear(self) -> None:
        self.events.clear()

    def wait(self, count: int) -> dict[str, EventDetails]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.events) >= count, timeout=60), self.events
        return dict(self.events)


@pytest.fixture
def heard() -> Iterator[Heard]:
    yield Heard()
    api.shutdown()
    from openfeature._event_support import clear

    clear()


def test_ready_then_changed_with_the_flags_that_changed(heard: Heard) -> None:
    provider = BurgeeProvider(snapshot(flag("a", 1), flag("b", 1)))
    api.set_provider_and_wait(provider)
    assert "READY" in heard.wait(1)
    heard.clear()
    provider.swap(snapshot(flag("a", 2), flag("b", 1), flag("c", 1)))
    changed = heard.wait(1)["CONFIGURATION_CHANGED"]
    assert (changed.flags_changed, changed.provider_name) == (["a", "c"], "burgee")
    assert api.get_client().get_integer_value("a", 0) == 2


def test_an_equal_snapshot_is_no_event(heard: Heard) -> None:
    provider = BurgeeProvider(snapshot(flag("a", 1)))
    api.set_provider_and_wait(provider)
    heard.wait(1)
    heard.clear()
    provider.swap(snapshot(flag("a", 1)))
    provider.swap(snapshot(flag("a", 2)))
    heard.wait(1)
    assert [name for name, _ in heard.events] == ["CONFIGURATION_CHANGED"]


def test_a_bad_snapshot_leaves_the_old_one_answering(heard: Heard) -> None:
    provider = BurgeeProvider(snapshot(flag("a", 1)))
    api.set_provider_and_wait(provider)
    with pytest.raises(SnapshotError):
        provider.swap(b"nonsense")
    assert api.get_client().get_integer_value("a", 0) == 1
    assert api.get_client().get_provider_status() is ProviderStatus.READY


def test_stale_and_error_are_said_and_a_swap_ends_them(heard: Heard) -> None:
    provider = BurgeeProvider(snapshot(flag("a", 1)))
    api.set_provider_and_wait(provider)
    client = api.get_client()
    heard.wait(1)
    for report, status in ((provider.report_stale, ProviderStatus.STALE), (provider.report_error, ProviderStatus.ERROR)):
        heard.clear()
        report("the store is unreachable")
        assert heard.wait(1)[status.value].message == "the store is unreachable"
        assert client.get_provider_status() is status
        assert client.get_integer_value("a", 0) > 0
        heard.clear()
        provider.swap(snapshot(flag("a", 2)) if status is ProviderStatus.STALE else snapshot(flag("a", 3)))
        assert heard.wait(2)["CONFIGURATION_CHANGED"].flags_changed == ["a"]
        assert client.get_provider_status() is ProviderStatus.READY
    provider.report_error("for good", ErrorCode.PROVIDER_FATAL)
    assert client.get_provider_status() is ProviderStatus.FATAL
    assert client.get_integer_details("a", 0).error_code is ErrorCode.PROVIDER_FATAL


def test_bytes_that_are_no_snapshot_are_fatal(heard: Heard) -> None:
    with pytest.raises(ProviderFatalError):
        api.set_provider_and_wait(BurgeeProvider(b"nonsense"))
    client = api.get_client()
    assert client.get_provider_status() is ProviderStatus.FATAL
    assert heard.wait(1)["ERROR"].error_code is ErrorCode.PROVIDER_FATAL
    details = client.get_boolean_details("a", True)
    assert (details.value, details.error_code) == (True, ErrorCode.PROVIDER_FATAL)


def test_an_unreadable_source_is_an_error_until_the_first_swap(tmp_path: Path) -> None:
    provider = BurgeeProvider(tmp_path / "absent")
    with pytest.raises(GeneralError):
        api.set_provider_and_wait(provider)
    client = api.get_client()
    assert client.get_provider_status() is ProviderStatus.ERROR
    assert client.get_integer_details("a", 5).error_code is ErrorCode.PROVIDER_NOT_READY
    provider.swap(snapshot(flag("a", 1)))
    assert client.get_provider_status() is ProviderStatus.READY
    assert client.get_integer_value("a", 5) == 1


def test_every_kind_of_source_is_read(tmp_path: Path) -> None:
    data = snapshot(flag("a", 1))
    (tmp_path / "file").write_bytes(data)
    for source in (data, tmp_path / "file", str(tmp_path / "file"), lambda: data, Evaluator(data)):
        api.set_provider_and_wait(BurgeeProvider(source))
        assert api.get_client().get_integer_value("a", 0) == 1


def test_while_the_source_is_read_the_provider_is_not_ready() -> None:
    gate, data = threading.Event(), snapshot(flag("a", 1))

    def fetch() -> bytes:
        gate.wait(60)
        return data

    api.set_provider(BurgeeProvider(fetch))
    client = api.get_client()
    details = client.get_integer_details("a", 5)
    assert (details.value, details.error_code) == (5, ErrorCode.PROVIDER_NOT_READY)
    ready = threading.Event()
    client.add_handler(ProviderEvent.PROVIDER_READY, lambda _: ready.set())
    gate.set()
    assert ready.wait(60)
    assert client.get_integer_value("a", 5) == 1


def test_a_shared_evaluator_stays_its_owners() -> None:
    owner = Evaluator(snapshot(flag("a", 1)))
    provider = BurgeeProvider(owner)
    api.set_provider_and_wait(provider)
    provider.swap(snapshot(flag("a", 2)))
    assert owner.integer("a", None, 0) == 2
    provider.shutdown()
    assert provider.resolve_integer_details("a", 0).value == 2


def test_after_shutdown_nothing_is_answered_until_initialised_again() -> None:
    provider = BurgeeProvider(snapshot(flag("a", 1)))
    provider.initialize(EvaluationContext())
    assert provider.resolve_integer_details("a", 0).value == 1
    provider.shutdown()
    assert provider.resolve_integer_details("a", 0).error_code is ErrorCode.PROVIDER_NOT_READY
    provider.initialize(EvaluationContext())
    assert provider.resolve_integer_details("a", 0).value == 1


def test_threads_ask_while_snapshots_are_swapped() -> None:
    """No answer mixes two snapshots: both flags of one snapshot have the same value, and the two are asked through one."""
    versions = [snapshot(flag("a", {"n": number, "again": number})) for number in range(20)]
    provider = BurgeeProvider(versions[0])
    provider.initialize(EvaluationContext())
    wrong: list[Any] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            value: Any = provider.resolve_object_details("a", {}).value
            if value["n"] != value["again"]:
                wrong.append(value)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100):
        provider.swap(versions[number % len(versions)])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
