"""The platform's tables as a source, against the embedded AWS: everything is read, and an item costs at most itself."""

import json
from collections.abc import Iterable
from typing import Any, cast

import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from config_sync.compile import CompileResult, compile_project
from config_sync.diagnostics import ERROR
from config_sync.sources import tables as module
from config_sync.sources.items import to_items
from config_sync.sources.tables import SourceError, Tables, read_tables, tables_of_environment
from evaluator import Evaluator
from tests.aws import Aws
from tests.config_sync.build import tombstones
from tests.conftest import ROOT, spec_data

EXAMPLES = ROOT / "examples"
NOW = 1_770_000_000_000
GOOD: dict[str, Any] = {
    "segments": {"adults": {"attribute": "age", "operator": "gte", "value": 18}},
    "flags": {
        "good-full": {
            "type": "boolean",
            "default": "off",
            "rules": [{"id": "a", "when": {"segment": "adults"}, "variant": "on"}],
        },
        "good-simple": {"enabled": True, "rollout_percentage": 40},
    },
    "experiments": {
        "good-test": {"status": "active", "variants": [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]}
    },
}
USERS = [{"targetingKey": f"user-{number}", "age": number} for number in range(40)]


def seeded(aws: Aws, project: Any) -> Tables:
    """New tables that hold the project."""
    names = aws.tables()
    for section, items in to_items(project).items():
        aws.put(names[section], items)
    return Tables(**names)


def read(aws: Aws, tables: Tables) -> dict[str, list[dict[str, Any]]]:
    return read_tables(aws.client("dynamodb"), tables)


def answers(result: CompileResult, keys: Iterable[str] | None = None, users: Any = None) -> list[Any]:
    """What every user gets: value, variant, reason, rule and bucket per flag."""
    assert result.snapshot is not None, list(result.diagnostics)
    flags = Evaluator(result.snapshot)
    wanted = sorted(flags.flag_keys() if keys is None else keys)
    fields = ("value", "variant", "reason", "rule", "bucket", "metadata")
    return [
        [[getattr(flags.evaluate(key, user, NOW), field) for field in fields] for key in wanted]
        for user in (USERS if users is None else users)
    ]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_model_09_the_example_project_answers_the_same_from_files_and_from_tables(aws: Aws) -> None:
    """There and back: numbers became Decimals on the way and are numbers again, none a string."""
    contexts = json.loads((EXAMPLES / "contexts.json").read_text())
    from_files = compile_project(EXAMPLES)
    from_tables = compile_project(read(aws, seeded(aws, EXAMPLES)))
    assert not from_tables.has_errors, list(from_tables.diagnostics)
    assert len(contexts) > 10
    assert answers(from_tables, users=contexts) == answers(from_files, users=contexts)
    assert from_tables.snapshot is not None
    body = json.loads(Evaluator(from_tables.snapshot).evaluate_all_json(contexts[0]))
    fee = next(flag for flag in body["flags"] if flag["key"] == "service-fee")
    assert type(fee["value"]) is float


def test_model_09_tables_and_files_in_the_same_order_give_the_same_bytes(aws: Aws) -> None:
    """A DynamoDB map has no order, so entries come sorted; a project that is written sorted compiles to the same."""
    project = {"flags": {"f": {"type": "object", "variants": {"a": {"x": 1, "y": [0.5, None]}, "b": {}}, "default": "a"}}}
    assert compile_project(read(aws, seeded(aws, project))).snapshot == compile_project(project).snapshot


def test_inf_02_the_platforms_own_items_are_read_by_their_keys(aws: Aws) -> None:
    """flags {key} and experiments {key}, as the platform's services write them."""
    path = spec_data("platform_items.json")
    if path is None:
        pytest.skip("the requirements' data isn't on this machine")
    examples = json.loads(path.read_text())
    project = {"flags": [examples["flag_item"]], "experiments": [examples["experiment_item"]]}
    names = seeded(aws, project)
    for table in names:
        keys = aws.client("dynamodb").describe_table(TableName=table)["Table"]["KeySchema"]
        assert keys == [{"AttributeName": "key", "KeyType": "HASH"}]
    result = compile_project(read(aws, names))
    assert not result.has_errors
    assert answers(result) == answers(compile_project(project))


def test_all_pages_are_read_consistently(aws: Aws) -> None:
    """More than 1 MB of items is more than one page; every request asks for a consistent read."""
    names = aws.tables()
    text = {"S": "x" * 50_000}
    flags = [{"key": {"S": f"flag-{number:02d}"}, "enabled": {"BOOL": True}, "description": text} for number in range(45)]
    aws.put(names["flags"], flags)
    client = aws.new_client("dynamodb")
    bodies: list[dict[str, Any]] = []
    client.meta.events.register("before-call.dynamodb.Scan", lambda params, **_: bodies.append(json.loads(params["body"])))
    found = read_tables(client, Tables(**names))
    assert [item["key"] for item in found["flags"]] == [f"flag-{number:02d}" for number in range(45)]
    assert {body["TableName"] for body in bodies} == set(names.values())
    assert all(body["ConsistentRead"] is True for body in bodies)
    pages = [body for body in bodies if body["TableName"] == names["flags"]]
    assert len(pages) >= 3
    assert all("ExclusiveStartKey" in body for body in pages[1:])


def test_references_are_read_after_what_refers_to_them(aws: Aws) -> None:
    """Flags first: whoever writes a segment and then the flag that names it is never read with the flag alone."""
    names = aws.tables()
    client = aws.new_client("dynamodb")
    order: list[str] = []
    client.meta.events.register(
        "before-call.dynamodb.Scan", lambda params, **_: order.append(json.loads(params["body"])["TableName"])
    )
    read_tables(client, Tables(**names))
    assert order == [names["flags"], names["experiments"], names["segments"], names["layers"]]


def test_layers_and_holdouts_share_a_table(aws: Aws) -> None:
    names = aws.tables()
    aws.put(
        names["layers"],
        [
            {"key": {"S": "plain"}},
            {"key": {"S": "said"}, "kind": {"S": "layer"}, "salt": {"S": "s"}, "updated_at": {"S": "2026-01-01"}},
            {"key": {"S": "by-percentage"}, "percentage": {"N": "2"}},
            {"key": {"S": "by-kind"}, "kind": {"S": "holdout"}, "percentage": {"S": "3"}, "owner": {"S": "us"}},
            {"key": {"S": "strange"}, "kind": {"S": "lair"}},
        ],
    )
    found = read(aws, Tables(**names))
    assert found["layers"] == [{"key": "plain"}, {"key": "said", "salt": "s"}, {"key": "strange", "kind": "lair"}]
    assert [item["key"] for item in found["holdouts"]] == ["by-kind", "by-percentage"]
    assert [item.code for item in compile_project(found).diagnostics] == ["UNKNOWN-FIELD"]


def test_columns_that_every_table_may_have_break_no_segment(aws: Aws) -> None:
    names = seeded(aws, {"segments": {"s": {"attribute": "age", "operator": "gte", "value": 18}}})
    extra = {"created_at": {"S": "2026"}, "version": {"N": "3"}, "tags": {"SS": ["a"]}}
    item = aws.client("dynamodb").get_item(TableName=names.segments, Key={"key": {"S": "s"}})["Item"]
    aws.put(names.segments, [item | extra])
    assert not len(compile_project(read(aws, names)).diagnostics)


# --- what is wrong with an item costs that item ------------------------------------------------------------------------


def _simple(key: str, **attributes: Any) -> dict[str, Any]:
    return {"key": {"S": key}, "enabled": {"BOOL": True}, "rollout_percentage": {"N": "100"}, **attributes}


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "end"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


BIG = {"L": [{"M": {"key": {"S": f"v{number}"}, "allocation": {"N": "0"}}} for number in range(6_000)]}
STORED: dict[str, dict[str, Any]] = {
    "binary": _simple("bad", metadata={"M": {"m": {"B": b"\xff\x00"}}}),
    "binary set": _simple("bad", tags={"BS": [b"a", b"b"]}),
    "a percentage with too many digits": _simple("bad", rollout_percentage={"N": "1" * 38}),
    "text for a number": _simple("bad", rollout_percentage={"S": "half"}),
    "a huge number": _simple("bad", rollout_percentage={"N": "9.9E+125"}),
    "a number for a boolean": _simple("bad", enabled={"N": "1"}),
    "nested as deep as DynamoDB goes": _simple("bad", targeting_rules=_nested(30)),
    "almost 400 KB": _simple("bad", variants=BIG),
    "a set where a list of mappings belongs": _simple("bad", variants={"SS": ["a", "b"]}),
    "an unknown operator": _simple(
        "bad", targeting_rules={"L": [{"M": {"attribute": {"S": "a"}, "operator": {"S": "about"}, "value": {"N": "1"}}}]}
    ),
    "variants that don't sum (MODEL-05)": _simple(
        "bad",
        variants={
            "L": [
                {"M": {"key": {"S": "a"}, "allocation": {"N": "0.5"}}},
                {"M": {"key": {"S": "b"}, "allocation": {"N": "0.4"}}},
            ]
        },
    ),
    "a segment that isn't there": _simple("bad", targeting_rules={"M": {"segment": {"S": "nobody"}}}),
}


@pytest.mark.parametrize("name", STORED)
def test_model_05_a_malformed_item_becomes_a_tombstone_and_nothing_else_changes(aws: Aws, name: str) -> None:
    names = seeded(aws, GOOD)
    expected = answers(compile_project(read(aws, names)))
    aws.put(names.flags, [STORED[name]])
    result = compile_project(read(aws, names))
    assert tombstones(result) == {"bad"}
    assert [item for item in result.diagnostics if item.severity == ERROR]
    assert answers(result, keys=["good-full", "good-simple", "good-test"]) == expected


RAW: dict[str, dict[str, Any]] = {
    "not a number": _simple("bad", rollout_percentage={"N": "NaN"}),
    "a signaling NaN": _simple("bad", rollout_percentage={"N": "sNaN"}),
    "an infinity": _simple("bad", rollout_percentage={"N": "Infinity"}),
    "no number at all": _simple("bad", rollout_percentage={"N": "one"}),
    "more digits than DynamoDB has": _simple("bad", rollout_percentage={"N": "1." + "1" * 60}),
    "an exponent beyond DynamoDB's": _simple("bad", rollout_percentage={"N": "1E+400"}),
    "a type that doesn't exist yet": _simple("bad", enabled={"Q": "?"}),
    "no type": _simple("bad", enabled={}),
    "a map that is none": _simple("bad", metadata={"M": 7}),
    "nested beyond any stack": _simple("bad", targeting_rules=_nested(5_000)),
    "half a surrogate pair": _simple("bad", default_variant={"S": "\ud800"}),
}


class Pages:
    """Stands for a client, for pages that no DynamoDB gives today: the flags' table holds these items, the others nothing."""

    def __init__(self, *items: dict[str, Any], table: str = Tables().flags) -> None:
        self._items = items
        self._table = table

    def get_paginator(self, operation: str) -> "Pages":
        assert operation == "scan"
        return self

    def paginate(self, TableName: str, ConsistentRead: bool) -> list[dict[str, Any]]:
        return [{"Items": list(self._items) if TableName == self._table else []}]


@pytest.mark.parametrize("name", RAW)
def test_an_item_that_cannot_be_read_costs_itself(name: str) -> None:
    pages: Any = Pages(RAW[name], _simple("good"))
    result = compile_project(read_tables(pages, Tables()))
    assert tombstones(result) == {"bad"}
    assert {item.origin.pointer[:2] for item in result.diagnostics if item.severity == ERROR} == {("flags", 0)}
    assert [answer[0][0] for answer in answers(result, keys=["good"])] == [True] * len(USERS)


def _raw_values() -> st.SearchStrategy[Any]:
    """Attribute values, right and wrong, with the words of the format among them so that some get far."""
    words = ["when", "rules", "variants", "split", "segment", "percentage", "key", "default", "on", "eq", "a", "attribute", ""]
    text = st.one_of(st.sampled_from(words), st.text(max_size=5))
    numbers = st.one_of(st.sampled_from(["0", "100", "0.5", "-1", "1E+125", "NaN", "x", ""]), st.floats().map(repr))
    single = st.one_of(
        text.map(lambda value: {"S": value}),
        numbers.map(lambda value: {"N": value}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.sampled_from(
            [{"NULL": True}, {"B": b"x"}, {"SS": ["b", "a"]}, {"NS": ["1", "x"]}, {"BS": [b"x"]}, {}, {"Q": 1}, {"L": 1}]
        ),
    )
    return st.recursive(
        single,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(lambda value: {"L": value}),
            st.dictionaries(text, inner, max_size=4).map(lambda value: {"M": value}),
        ),
        max_leaves=12,
    )


_COLUMNS = [
    "enabled",
    "rollout_percentage",
    "targeting_rules",
    "variants",
    "default_variant",
    "rules",
    "split",
    "type",
    "default",
    "off",
    "overrides",
    "prerequisites",
    "layer",
    "holdouts",
    "schedule",
    "metadata",
    "salt",
    "hash_version",
    "bucket_by",
    "status",
    "when",
    "percentage",
    "kind",
    "by",
    "version",
    "flag_id",
    "unheard_of",
]
_GOOD_FLAGS: dict[str, dict[str, Any]] = {
    "good-a": {"enabled": True, "rollout_percentage": 40},
    "good-b": {"type": "boolean", "default": "on"},
}
_GOOD_ANSWERS = answers(compile_project({"flags": _GOOD_FLAGS}))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(_COLUMNS), _raw_values(), min_size=1, max_size=6), st.sampled_from(Tables()))
def test_model_05_whatever_an_item_holds_it_costs_that_item_only(columns: dict[str, Any], table: str) -> None:
    items = read_tables(cast(Any, Pages({"key": {"S": "any"}, **columns}, table=table)), Tables())
    result = compile_project(items | {"flags": [*items["flags"], *({"key": key, **flag} for key, flag in _GOOD_FLAGS.items())]})
    assert answers(result, keys=_GOOD_FLAGS) == _GOOD_ANSWERS
    assert tombstones(result) <= {"any"}


@pytest.mark.parametrize("key", [{"N": "7"}, {"B": b"k"}, {"NULL": True}, {"L": []}, {"S": ""}, None])
def test_an_item_with_an_odd_key_is_left_out_with_a_diagnostic(key: Any) -> None:
    item = {name: value for name, value in _simple("x").items() if name != "key"} | ({} if key is None else {"key": key})
    pages: Any = Pages(item, _simple("good"))
    result = compile_project(read_tables(pages, Tables()))
    assert result.has_errors
    assert answers(result, keys=["good"])[0][0][0] is True
    assert result.snapshot is not None
    assert Evaluator(result.snapshot).flag_keys() == ["good"]


@pytest.mark.parametrize("key", ["x" * 1_000, "ключ ☃", "a/b?c=d", " ", "\x00", "__proto__"])
def test_an_unusual_text_key_harms_nobody(aws: Aws, key: str) -> None:
    names = seeded(aws, GOOD)
    expected = answers(compile_project(read(aws, names)))
    aws.put(names.flags, [_simple(key)])
    assert answers(compile_project(read(aws, names)), keys=["good-full", "good-simple", "good-test"]) == expected


def test_an_experiment_with_a_flags_key_is_the_one_that_is_left_out(aws: Aws) -> None:
    names = seeded(aws, GOOD)
    expected = answers(compile_project(read(aws, names)))
    experiment = to_items({"experiments": {"good-full": GOOD["experiments"]["good-test"]}})["experiments"]
    aws.put(names.experiments, experiment)
    result = compile_project(read(aws, names))
    assert [item.code for item in result.diagnostics] == ["KEY-CONFLICT"]
    assert not tombstones(result)
    assert answers(result) == expected


def test_a_broken_segment_costs_the_flags_that_name_it(aws: Aws) -> None:
    names = seeded(aws, GOOD)
    expected = answers(compile_project(read(aws, names)), keys=["good-simple", "good-test"])
    aws.put(names.segments, [{"key": {"S": "adults"}, "when": {"B": b"?"}}])
    result = compile_project(read(aws, names))
    assert tombstones(result) == {"good-full"}
    assert answers(result, keys=["good-simple", "good-test"]) == expected


# --- a table that can't be read costs the reading ------------------------------------------------------------------------


@pytest.mark.parametrize("section", Tables._fields)
def test_flg_10_a_missing_table_is_an_error_that_names_its_setting(aws: Aws, section: str) -> None:
    """Never an empty project: that would look like every flag deleted."""
    names = seeded(aws, GOOD)._replace(**{section: "nowhere"})
    with pytest.raises(SourceError, match=rf"no such table.*'nowhere' \({module.SETTINGS[section]}\)"):
        read(aws, names)


def test_flg_10_an_outage_is_an_error(aws: Aws) -> None:
    config = Config(retries={"total_max_attempts": 2, "mode": "standard"})
    client = aws.new_client("dynamodb", config)
    asked: list[str] = []

    def throttle(**event: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        asked.append("scan")
        body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}).encode()
        answer: Any = AWSResponse(event["request"].url, 400, cast(Any, {}), None)
        answer._content = body
        return answer

    client.meta.events.register("before-send.dynamodb.Scan", throttle)
    with pytest.raises(SourceError, match="ProvisionedThroughputExceededException"):
        read_tables(client, Tables(**aws.tables()))
    assert len(asked) == 2, "throttling is retried by the client"


def test_an_unreachable_dynamodb_is_an_error_in_bounded_time(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with pytest.raises(SourceError, match=r"'feature-flags' \(FLAGS_TABLE\).*EndpointConnectionError"):
        read_tables(module.client(endpoint="http://127.0.0.1:9"), Tables())


def test_the_client_has_time_limits_and_standard_retries(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    made = module.client()
    config: Any = made.meta.config
    assert (config.connect_timeout, config.read_timeout) == (module.CONNECT_SECONDS, module.READ_SECONDS)
    assert config.retries["mode"] == "standard"
    assert read_tables(made, Tables(**aws.tables())) == {name: [] for name in (*Tables._fields, "holdouts")}


def test_table_names_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in module.SETTINGS.values():
        monkeypatch.delenv(variable, raising=False)
    assert tables_of_environment() == Tables("feature-flags", "experiments", "segments", "layers")
    monkeypatch.setenv("FLAGS_TABLE", "mine")
    monkeypatch.setenv("LAYERS_TABLE", "")
    assert tables_of_environment() == Tables(flags="mine")


# --- the write side -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ({"flags": [{"enabled": True}]}, "has no key"),
        ({"flags": [{"key": "a"}, {"key": "a"}]}, "two items"),
        ({"layers": {"a": None}, "holdouts": {"a": {"percentage": 1}}}, "two items"),
        ({"flags": "all"}, "neither"),
        ({"flags": {"a": 1}}, "no mapping"),
        ({"flags": {"a": {"rollout_percentage": 1e-200}}}, r"flags\.a\.rollout_percentage"),
        ({"flags": {"a": {"description": b"x"}}}, "no place in a project"),
        ("nowhere at all", "can't read"),
    ],
)
def test_what_no_table_can_hold_is_refused(project: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_items(project)


def test_items_are_in_the_order_of_their_keys_and_carry_them() -> None:
    found = to_items({"flags": {"b": {}, "a": {"n": [1, 0.5, True, None, "s", {}]}}, "layers": {"l": None}})
    assert found["flags"][0] == {
        "n": {"L": [{"N": "1"}, {"N": "0.5"}, {"BOOL": True}, {"NULL": True}, {"S": "s"}, {"M": {}}]},
        "key": {"S": "a"},
    }
    assert [item["key"] for item in found["flags"]] == [{"S": "a"}, {"S": "b"}]
    assert found["layers"] == [{"key": {"S": "l"}, "kind": {"S": "layer"}}]
