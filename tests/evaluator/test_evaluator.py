"""The public class of both cores: typed getters, whole answers, bulk answers, loading and swapping."""

import json
import pickle
import threading
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import pytest

from config_sync import ir
from config_sync.lower import lower
from evaluator import SnapshotError
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode
from tests.evaluator.builder import Tables

VALUES: dict[str, Any] = {
    "bool": True,
    "text": "täxt",
    "empty": "",
    "int": 7,
    "huge": 2**62,
    "float": 2.5,
    "whole": 10.0,
    "map": {"a": [1, {"b": None}]},
    "list": [1, [2]],
    "null": None,
}


def static(key: str, value: Any, metadata: Any = None) -> ir.Flag:
    return ir.Flag(key, (ir.Variant("only", value),), (), ir.Constant("only"), codes.REASON_STATIC, metadata)


def snapshot_of(*flags: ir.Flag, metadata: Any = None) -> bytes:
    return encode(lower(ir.Project("native", flags, metadata=metadata)).body)


US = ir.Test("one_of", ir.Attribute("country"), ("US", "CA"))
TARGETED = ir.Flag(
    "targeted",
    (ir.Variant("on", True), ir.Variant("off", False)),
    (
        ir.Rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, US, "north america"),
        ir.Rule(
            ir.Split(ir.Bucketing(), (ir.Range(2**31 - 1, "on"), ir.Range(2**32 - 1, "off"))), codes.REASON_SPLIT, None, "r2"
        ),
    ),
    ir.Constant("off"),
    codes.REASON_DEFAULT,
    {"owner": "growth", "tier": 1},
)
ALL = snapshot_of(TARGETED, *(static(key, value) for key, value in VALUES.items()), metadata={"set": "ü", "n": 1.5, "ok": True})


@pytest.fixture
def evaluator(implementation: ModuleType) -> Any:
    return implementation.Evaluator(ALL)


# --- typed getters ----------------------------------------------------------------------------------------------------------

GETTERS: dict[str, dict[str, Any]] = {
    "boolean": {"bool": True},
    "string": {"text": "täxt", "empty": ""},
    "integer": {"int": 7, "huge": 2**62, "whole": 10},
    "number": {"int": 7, "huge": 2**62, "float": 2.5, "whole": 10.0},
    "object": {"map": {"a": [1, {"b": None}]}, "list": [1, [2]]},
}


@pytest.mark.parametrize("getter", GETTERS)
@pytest.mark.parametrize("key", VALUES)
def test_typed_getters(evaluator: Any, getter: str, key: str) -> None:
    default = object()
    found = getattr(evaluator, getter)(key, {}, default)
    if key in GETTERS[getter]:
        assert found == GETTERS[getter][key]
        assert type(found) is type(GETTERS[getter][key])
    else:
        assert found is default


@pytest.mark.parametrize("getter", GETTERS)
def test_getters_give_the_default_for_errors(evaluator: Any, getter: str) -> None:
    default = object()
    ask = getattr(evaluator, getter)
    assert ask("nope", {}, default) is default
    assert ask(5, {}, default) is default
    assert ask("bool", 5, default) is default
    assert ask("bool", {}, default, float("nan")) is default
    assert ask("targeted", {}, default) is default


def test_getters_take_keywords(evaluator: Any) -> None:
    assert evaluator.boolean(key="bool", context={}, default=False, now=5) is True
    assert evaluator.evaluate(key="bool", context={}, now=5).value is True


def test_objects_are_fresh_each_time(evaluator: Any) -> None:
    first = evaluator.object("map", {}, None)
    first["a"][1]["b"] = "changed"
    first["a"].append(2)
    assert evaluator.object("map", {}, None) == VALUES["map"]
    evaluation = evaluator.evaluate("map", {})
    evaluation.value["a"].clear()
    assert evaluation.value == VALUES["map"]


# --- evaluations ------------------------------------------------------------------------------------------------------------


def test_an_evaluation_says_everything(evaluator: Any) -> None:
    found = evaluator.evaluate("targeted", {"country": "US"})
    assert found.flag_key == "targeted"
    assert found.value is True
    assert found.variant == "on"
    assert (found.reason, found.reason_code, found.detail) == ("TARGETING_MATCH", codes.REASON_TARGETING_MATCH, "enabled")
    assert found.rule == "north america"
    assert found.bucket is None
    assert found.error_code is None
    assert found.snapshot_version == evaluator.snapshot_version
    assert found.metadata == {"owner": "growth", "tier": 1}
    assert repr(found) == (
        "Evaluation(flag_key='targeted', value=True, variant='on', reason='TARGETING_MATCH', "
        "rule='north america', bucket=None, error_code=None)"
    )


def test_hash_08_a_split_is_stable(evaluator: Any) -> None:
    found = evaluator.evaluate("targeted", {"targetingKey": "user_123"})
    assert (found.variant, found.rule, found.bucket) == ("off", "r2", 3153556317)
    assert all(evaluator.evaluate("targeted", {"targetingKey": "user_123"}) == found for _ in range(3))


def test_evaluations_compare_by_value(evaluator: Any) -> None:
    one, same = evaluator.evaluate("bool", {}), evaluator.evaluate("bool", {"a": 1})
    assert one == same
    assert one != evaluator.evaluate("text", {})
    assert one != evaluator.evaluate("targeted", {"country": "US"})
    assert one != "bool"
    assert evaluator.evaluate("map", {}) == evaluator.evaluate("map", {})


def test_what_is_recalled_was_made_of_such_an_answer(evaluator: Any) -> None:
    made: list[Any] = []

    def make(answer: Any) -> tuple[Any, ...]:
        made.append(answer)
        return answer.flag_key, answer.value, answer.variant, answer.reason_code, len(made)

    contexts: list[Any] = [{"country": "US"}, {"country": "CA"}, {}, *({"targetingKey": f"u{number}"} for number in range(20))]
    keys = [*evaluator.flag_keys(), "targeted"]
    for context in contexts:
        answers = evaluator.evaluate_all(context)
        told = evaluator.recall_all(keys, context, make)
        assert [one[:4] for one in told] == [
            (answer.flag_key, answer.value, answer.variant, answer.reason_code) for answer in answers.values()
        ]
        assert [evaluator.recall(key, context, make) for key in answers] == told, "the very same, made once"
    assert len(made) == len(VALUES) + 4, "the targeted one answers in four ways"
    assert evaluator.recall("bool", {}, lambda _: "another") == "another"
    assert evaluator.recall("bool", {}, make)[4] == len(VALUES) + 5, "and that forgot the first"


def test_nothing_is_remembered_of_keys_that_no_flag_has(evaluator: Any) -> None:
    made: list[Any] = []

    def make(answer: Any) -> Any:
        made.append((answer.flag_key, answer.error_code))
        return made[-1]

    keys: Any = ["nope", "bool", "nope", "other", 5, "bool"]
    assert evaluator.recall_all(keys, {}, make) == [("nope", "FLAG_NOT_FOUND"), ("bool", None), ("other", "FLAG_NOT_FOUND")]
    evaluator.recall_all(keys, {}, make)
    assert len(made) == 5
    assert evaluator.recall(5, {}, make) == ("", "FLAG_NOT_FOUND")
    assert evaluator.recall_all("bool", {}, make) == [("bool", None)]
    assert evaluator.recall_all(5, {}, make) == []
    assert evaluator.recall_all(["bool"], "no context", make) == [("bool", "INVALID_CONTEXT")]


def test_a_make_that_fails_or_asks_again_does_no_harm(evaluator: Any) -> None:
    def fail(answer: Any) -> Any:
        raise RuntimeError(answer.flag_key)

    for _ in range(2):
        with pytest.raises(RuntimeError, match="bool"):
            evaluator.recall("bool", {}, fail)
        with pytest.raises(RuntimeError, match="bool"):
            evaluator.recall_all(["bool", "text"], {}, fail)

    def asks(answer: Any) -> Any:
        return [answer.flag_key, evaluator.recall("text", {}, lambda inner: [inner.flag_key])]

    def again(answer: Any) -> Any:
        return [answer.flag_key, [] if answer.flag_key == "text" else evaluator.recall("text", {}, again)]

    for _ in range(3):
        assert evaluator.recall_all(["bool", "int"], {}, asks) == [["bool", ["text"]], ["int", ["text"]]]
        assert evaluator.recall("bool", {}, again) == ["bool", ["text", []]]


def test_the_value_of_any_variant(evaluator: Any) -> None:
    assert [evaluator.variant_value("targeted", name) for name in ("on", "off", "other", "")] == [True, False, None, None]
    assert [evaluator.variant_value(key, "only") for key in VALUES] == list(VALUES.values())
    evaluator.variant_value("map", "only")["a"].clear()
    assert evaluator.variant_value("map", "only") == VALUES["map"]
    assert evaluator.variant_value("nope", "on") is None
    for wrong in (5, None, ["x"]):
        assert evaluator.variant_value(wrong, "on") is evaluator.variant_value("targeted", wrong) is None


def test_evaluations_are_read_only(evaluator: Any) -> None:
    found = evaluator.evaluate("targeted", {"country": "US"})
    for name in ("flag_key", "value", "variant", "reason", "rule", "bucket", "snapshot_version", "metadata", "other"):
        with pytest.raises(AttributeError):
            setattr(found, name, 1)
    found.metadata.clear()
    assert found.metadata == {"owner": "growth", "tier": 1}


@pytest.mark.parametrize(
    ("key", "flag_key"), [("nope", "nope"), ("", ""), ("bool\0", "bool\0"), (5, ""), (None, ""), (["x"], "")]
)
def test_flg_10_an_unknown_key(evaluator: Any, key: Any, flag_key: str) -> None:
    found = evaluator.evaluate(key, {})
    assert (found.value, found.variant, found.reason, found.error_code) == (None, None, "ERROR", "FLAG_NOT_FOUND")
    assert (found.flag_key, found.detail, found.metadata, found.rule, found.bucket) == (
        flag_key,
        "flag_not_found",
        None,
        None,
        None,
    )
    assert evaluator.flag_metadata(key) is None


def test_a_surrogate_key_is_not_found(evaluator: Any) -> None:
    assert evaluator.evaluate("\ud800", {}).error_code == "FLAG_NOT_FOUND"
    assert "\ud800" in evaluator.evaluate_all({}, ["\ud800"])


class Text(str):
    """A string that lies about itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


def test_keys_of_a_subclass_are_read_as_the_text_they_hold(evaluator: Any) -> None:
    assert evaluator.boolean(Text("bool"), {}, False) is True
    found = evaluator.evaluate(Text("bool"), {})
    assert (found.flag_key, type(found.flag_key)) == ("bool", str)
    assert list(evaluator.evaluate_all({}, [Text("bool")])) == ["bool"]
    assert evaluator.evaluate(Text("nope"), {}).flag_key == "nope"


# --- contexts and clocks ----------------------------------------------------------------------------------------------------


class Shouting(dict[str, Any]):
    """A dict subclass: copied as a dict, so that its overrides don't matter."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError

    def get(self, *_: Any) -> Any:
        raise RuntimeError


@pytest.mark.parametrize("context", [{"country": "US"}, Shouting(country="US"), MappingProxyType({"country": "US"})])
def test_contexts_that_count(evaluator: Any, context: Any) -> None:
    assert evaluator.evaluate("targeted", context).rule == "north america"
    assert evaluator.evaluate_all(context, ["targeted"])["targeted"].rule == "north america"
    assert b'"key":"targeted","reason":"TARGETING_MATCH"' in evaluator.evaluate_all_json(context)


def test_none_is_an_empty_context(evaluator: Any) -> None:
    assert evaluator.evaluate("targeted", None) == evaluator.evaluate("targeted", {})
    assert evaluator.evaluate("targeted", None).error_code == "TARGETING_KEY_MISSING"


@pytest.mark.parametrize("context", [5, "country", [("country", "US")], ("a",), object(), True, dict, b"{}"])
def test_contexts_that_do_not_count(evaluator: Any, context: Any) -> None:
    for key in ("targeted", "bool"):
        found = evaluator.evaluate(key, context)
        assert (found.value, found.reason, found.error_code, found.rule) == (None, "ERROR", "INVALID_CONTEXT", None)
    assert {found.error_code for found in evaluator.evaluate_all(context).values()} == {"INVALID_CONTEXT"}
    assert evaluator.evaluate_all_json(context).count(b'"errorCode":"INVALID_CONTEXT"') == len(evaluator.flag_keys())


@pytest.mark.parametrize("now", [True, "1", [], float("nan"), float("inf"), 2**62, -(2.0**60), 10**400, object()])
def test_clocks_that_do_not_count(evaluator: Any, now: Any) -> None:
    assert evaluator.evaluate("bool", {}, now).error_code == "INVALID_CONTEXT"
    assert {found.error_code for found in evaluator.evaluate_all({}, None, now).values()} == {"INVALID_CONTEXT"}
    assert evaluator.evaluate_all_json({}, now).count(b"INVALID_CONTEXT") == len(evaluator.flag_keys())
    assert evaluator.evaluate("nope", {}, now).error_code == "FLAG_NOT_FOUND"


@pytest.mark.parametrize("now", [0, -1, 1.5, 2**62 // 1000, -(2**62 // 1000), -0.0])
def test_clocks_that_count(evaluator: Any, now: Any) -> None:
    assert evaluator.boolean("bool", {}, False, now) is True


# --- bulk answers -----------------------------------------------------------------------------------------------------------


def test_bat_05_all_at_once_is_one_by_one(evaluator: Any) -> None:
    for context in ({}, {"country": "US"}, {"targetingKey": "u1"}):
        found = evaluator.evaluate_all(context)
        assert list(found) == evaluator.flag_keys()
        assert all(found[key] == evaluator.evaluate(key, context) for key in found)


def test_bat_02_some_keys(evaluator: Any) -> None:
    found = evaluator.evaluate_all({}, ["text", "nope", "text", 5, None, "bool"])
    assert list(found) == ["text", "nope", "bool"]
    assert found["nope"].error_code == "FLAG_NOT_FOUND"
    assert list(evaluator.evaluate_all({}, (key for key in ["bool"]))) == ["bool"]
    assert list(evaluator.evaluate_all({}, "bool")) == ["bool"]
    assert evaluator.evaluate_all({}, []) == {}
    assert evaluator.evaluate_all({}, 5) == {}


def test_bulk_json_is_the_same_answers(evaluator: Any) -> None:
    context = {"targetingKey": "user_123"}
    body = evaluator.evaluate_all_json(context)
    document = json.loads(body)
    assert body == json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    assert list(document) == ["flags", "metadata"]
    assert document["metadata"] == {"n": 1.5, "ok": True, "set": "ü"} == evaluator.metadata
    assert [item["key"] for item in document["flags"]] == evaluator.flag_keys()
    for item in document["flags"]:
        found = evaluator.evaluate(item["key"], context)
        expected = {"key": found.flag_key, "reason": found.reason, "variant": found.variant}
        expected |= {} if found.value is None else {"value": found.value}
        assert item == expected | ({} if found.metadata is None else {"metadata": found.metadata})


def test_bulk_json_of_errors_and_of_no_value(implementation: ModuleType) -> None:
    broken = ir.Flag("broken", (ir.Variant("a", 1),), (), ir.Constant("a"), codes.REASON_STATIC, {"m": "x"}, "no good")
    nothing = ir.Flag("nothing", (), (), ir.NoAnswer(), codes.REASON_DISABLED)
    evaluator = implementation.Evaluator(snapshot_of(broken, nothing, TARGETED))
    assert evaluator.evaluate_all_json({}) == (
        b'{"flags":['
        b'{"key":"broken","errorCode":"PARSE_ERROR","errorDetails":"the flag\'s configuration has errors",'
        b'"metadata":{"m":"x"}},'
        b'{"key":"nothing","reason":"DISABLED"},'
        b'{"key":"targeted","errorCode":"TARGETING_KEY_MISSING",'
        b'"errorDetails":"the flag needs a targeting key to choose a variant",'
        b'"metadata":{"owner":"growth","tier":1}}]}'
    )


def test_an_empty_snapshot(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(Tables().snapshot())
    assert evaluator.evaluate_all_json({}) == b'{"flags":[]}'
    assert evaluator.evaluate_all({}) == {}
    assert evaluator.flag_keys() == []
    assert evaluator.metadata == {}
    assert evaluator.evaluate("f", {}).error_code == "FLAG_NOT_FOUND"


# --- loading and swapping ---------------------------------------------------------------------------------------------------


def test_about_the_snapshot(evaluator: Any) -> None:
    assert evaluator.flag_keys() == sorted([*VALUES, "targeted"])
    assert len(evaluator.snapshot_version) == 16
    assert int.from_bytes(ALL[16:24], "little") == int(evaluator.snapshot_version, 16)
    assert evaluator.flag_metadata("targeted") == {"owner": "growth", "tier": 1}
    assert evaluator.flag_metadata("bool") is None
    evaluator.flag_metadata("targeted").clear()
    evaluator.metadata.clear()
    evaluator.flag_keys().clear()
    assert evaluator.flag_metadata("targeted") == {"owner": "growth", "tier": 1}
    assert evaluator.metadata == {"set": "ü", "n": 1.5, "ok": True}
    assert evaluator.flag_keys()


def test_from_file(implementation: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "flags.snapshot"
    path.write_bytes(ALL)
    for place in (path, str(path)):
        assert implementation.Evaluator.from_file(place).boolean("bool", {}, False) is True
    with pytest.raises(OSError):
        implementation.Evaluator.from_file(tmp_path / "nothing")


def test_bytes_like_snapshots(implementation: ModuleType) -> None:
    for data in (bytearray(ALL), memoryview(ALL)):
        evaluator = implementation.Evaluator(data)
        if isinstance(data, bytearray):
            data[:] = bytes(len(data))
        assert evaluator.boolean("bool", {}, False) is True
    with pytest.raises(TypeError):
        implementation.Evaluator("text")
    with pytest.raises(TypeError):
        implementation.Evaluator(None)


def test_swap(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot_of(static("f", "old")))
    before, version = evaluator.evaluate("f", {}), evaluator.snapshot_version
    evaluator.swap(snapshot_of(static("f", "new"), static("g", 1)))
    assert evaluator.string("f", {}, "") == "new"
    assert evaluator.snapshot_version != version
    assert (before.value, before.snapshot_version) == ("old", version)
    with pytest.raises(SnapshotError):
        evaluator.swap(b"nonsense")
    assert evaluator.string("f", {}, "") == "new"
    assert evaluator.flag_keys() == ["f", "g"]


def test_threads_share_an_evaluator_while_it_swaps(implementation: ModuleType) -> None:
    def snapshot(number: int) -> bytes:
        flags = [static(f"flag-{i}", f"{number}") for i in range(5)]
        return snapshot_of(*flags)

    snapshots = [snapshot(number) for number in range(4)]
    evaluator = implementation.Evaluator(snapshots[0])
    done, wrong = threading.Event(), []

    def reader() -> None:
        while not done.is_set():
            values = {found.value for found in evaluator.evaluate_all({}).values()}
            if len(values) != 1 or evaluator.string("flag-3", {}, None) not in "0123":
                wrong.append(values)

    readers = [threading.Thread(target=reader) for _ in range(4)]
    for thread in readers:
        thread.start()
    for number in range(1_000):
        evaluator.swap(snapshots[number % 4])
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong


def test_evaluators_and_evaluations_refuse_to_be_pickled_wrongly(evaluator: Any) -> None:
    """Either it can't be pickled, or the copy is equal."""
    found = evaluator.evaluate("targeted", {"country": "US"})
    try:
        copy = pickle.loads(pickle.dumps(found))
    except (TypeError, pickle.PicklingError):
        return
    assert copy == found
