"""The table of functions, held against the code that it deploys and against the laws that are written elsewhere."""

import ast
import importlib
import importlib.util
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.functions import FUNCTIONS, SECRETS, Function, Given, Needs, Ref, function
from infra.stages import PROD, STAGES
from infra.stores import BUCKETS, QUEUES, TABLES
from tests.architecture.imports import ROOT, imports, is_own, is_standard, modules

LAYERS: dict[str, Any] = tomllib.loads((ROOT / "tests" / "architecture" / "layers.toml").read_text())
STORES = {table.name for table in TABLES} | {queue.name for queue in QUEUES} | set(BUCKETS) | {"events", *SECRETS}
DISTRIBUTIONS = {
    "yaml": "PyYAML",
    "botocore": "boto3",
    "aws_lambda_powertools": "aws-lambda-powertools",
    "psycopg": "psycopg[binary]",
}
BY_NAME = pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
ONLY_TO_CHECK_SIGNATURES = {"cryptography"}  # the hot functions are built without it (docs/bundles.md)


@cache
def sources() -> dict[str, Path]:
    return modules()


@cache
def graph() -> dict[str, set[str]]:
    """module -> what it imports, inside functions too."""
    found: dict[str, set[str]] = {}
    for item in imports():
        found.setdefault(item.importer, set()).add(item.imported)
    return found


@cache
def closure(module: str) -> set[str]:
    """A module and every module of ours that it imports, and the packages around them."""
    known = set(sources())
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        while name and name not in known:
            name = name.rpartition(".")[0]
        if not name or name in found:
            continue
        found.add(name)
        waiting += [*graph().get(name, ()), name.rpartition(".")[0]]
    return found


@BY_NAME
def test_inf_07_every_handler_is_there(row: Function) -> None:
    path = importlib.util.find_spec(row.module)
    assert path is not None and path.origin is not None
    names = [node.name for node in ast.parse(Path(path.origin).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert row.handler.rpartition(".")[2] in names


def test_inf_01_every_handler_of_ours_is_in_the_table() -> None:
    """A public module of ``handlers`` is a function's, or is answered by one: OFREP is a part of ``flags``."""
    public = {name.split(".")[1] for name in sources() if name.startswith("handlers.")}
    public = {name for name in public if not name.startswith("_")}
    assert public - {"ofrep"} == {row.module.split(".")[1] for row in FUNCTIONS}
    assert "handlers._ofrep" in closure("handlers.flags")


@BY_NAME
def test_inf_07_memory_timeout_and_concurrency_are_said(row: Function) -> None:
    assert 512 <= row.memory_mb <= 1024 or row.name == "sync"  # one processor for the compiler
    assert 1 <= row.timeout_s <= 60
    assert row.reserved >= 2
    assert row.why


def test_inf_07_reserved_concurrency_leaves_room_in_an_account() -> None:
    """Of an account's thousand, a hundred must stay unreserved; no stage takes more than production."""
    for stage in STAGES.values():
        taken = [stage.reserved(row.reserved) for row in FUNCTIONS]
        assert sum(taken) <= 900
        assert max(taken) <= max(PROD.reserved(row.reserved) for row in FUNCTIONS)


@BY_NAME
def test_inf_07_what_fails_has_somewhere_to_go(row: Function) -> None:
    """Whoever is invoked without somebody who waits for the answer has a queue for what was given up."""
    assert (row.failures is not None) == (row.every_minutes is not None)
    assert all(source.failures for source in row.sources)
    assert row.url or row.sources or row.every_minutes


@BY_NAME
def test_inf_07_no_name_of_a_store_is_typed_into_an_environment(row: Function) -> None:
    for name, value in row.environment.items():
        if isinstance(value, Ref):
            assert value.store in STORES, name
        elif not isinstance(value, Given):
            assert value not in STORES, name
            assert not any(sign in value for sign in ("arn:", "://", "amazonaws", ".")) or value.replace(".", "").isdigit()


@BY_NAME
def test_inf_07_every_variable_is_one_that_the_code_reads(row: Function) -> None:
    texts: set[str] = set()
    for name in closure(row.module):
        tree = ast.parse(sources()[name].read_text())
        texts |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert [name for name in row.environment if name not in texts] == []


@BY_NAME
def test_sec_01_permissions_name_actions_and_stores(row: Function) -> None:
    for need in row.permissions:
        assert need.store in STORES
        assert need.actions
        assert all(":" in action and "*" not in action for action in need.actions)
        assert tuple(sorted(need.actions)) == need.actions, "in order, so that a change shows"
    assert len(set(row.permissions)) == len(row.permissions)


@BY_NAME
def test_sec_01_a_store_that_a_function_is_told_of_is_one_it_may_use(row: Function) -> None:
    told = {value.store for value in row.environment.values() if isinstance(value, Ref)}
    allowed = {need.store for need in row.needs}
    assert told == allowed


def test_sec_01_only_some_may_write_what_others_trust() -> None:
    """Flags are published by the sync alone, and nobody erases an assignment or a counter."""
    writers = {"s3:PutObject": set[str](), "dynamodb:DeleteItem": set[str]()}
    for row in FUNCTIONS:
        for need in row.permissions:
            for action in need.actions:
                if need.store == "snapshots" and action == "s3:PutObject":
                    writers[action].add(row.name)
                if action == "dynamodb:DeleteItem":
                    writers[action].add(row.name)
    assert writers == {"s3:PutObject": {"sync"}, "dynamodb:DeleteItem": set()}


def test_sec_07_every_url_asks_who_is_calling() -> None:
    assert {row.name: row.url for row in FUNCTIONS if row.url} == {
        "flags": "api-key",
        "assignments": "api-key",
        "ingest": "api-key",
        "results": "iam",
    }
    for row in FUNCTIONS:
        assert row.environment.get("BURGEE_AUTH") == row.url


def test_inf_04_batches_of_the_stream_keep_their_order() -> None:
    (source,) = function("events").sources
    assert 100 <= source.batch_size <= 500
    assert source.window_s <= 1
    assert source.bisect
    assert source.parallel == 1  # docs/decisions/0014-counted-once.md
    assert 0 < source.retries <= 20
    assert source.max_age_s < STAGES["dev"].stream_hours * 3_600  # what was given up is still there to be redriven
    assert all(stage.stream_hours >= 24 for stage in STAGES.values())


@BY_NAME
def test_dep_04_the_bundle_has_what_the_module_imports(row: Function) -> None:
    """The third-party imports of the import closure, those inside functions too, are the extras."""
    imported = {name for module in closure(row.module) for name in graph().get(module, ())}
    used = {name.split(".")[0] for name in imported if not is_own(name) and not is_standard(name)}
    needed = {DISTRIBUTIONS.get(name, name) for name in used} - (ONLY_TO_CHECK_SIGNATURES if row.hot else set())
    if "config_sync.zones" in closure(row.module):
        needed.add("tzdata")  # data: read by zoneinfo, imported by nobody
    assert needed == set(row.extras), "another distribution in the table, or another import"
    assert tuple(sorted(row.extras)) == row.extras


def test_inf_10_the_import_ceilings_are_those_of_the_layers() -> None:
    """layers.toml is the law: a hot function has its ceiling there, and the platform's own import is in no other table."""
    hot = {row.module for row in FUNCTIONS if row.hot}
    assert hot <= set(LAYERS["cold"])
    entries = {name for name in LAYERS["cold"] if name.startswith("handlers.") and not name.startswith("handlers._")}
    assert hot | {"handlers.ofrep"} <= entries <= {row.module for row in FUNCTIONS} | {"handlers.ofrep"}
    for module in hot:
        assert {"boto3", "botocore", "aws_lambda_powertools", "config_sync"} <= set(LAYERS["cold"][module]["absent"])


def test_inf_10_who_people_wait_for_is_kept_warm() -> None:
    assert {row.name for row in FUNCTIONS if row.start == "provisioned"} == {row.name for row in FUNCTIONS if row.hot}
    for row in FUNCTIONS:
        assert row.start == "plain" or row.url, "only what somebody waits for"


@BY_NAME
def test_mon_02_the_service_is_what_the_code_says(row: Function) -> None:
    """Three functions have their service in the code; the others take what the environment says."""
    module = importlib.import_module(row.module)
    assert getattr(module, "SERVICE", row.service) == row.service


def test_inf_02_tables_have_the_keys_of_the_code() -> None:
    from config_sync.sources.tables import SETTINGS
    from handlers._assignment_store import FIELDS

    keys = {table.name: table.keys for table in TABLES}
    assert keys["counters"] == ("partition_key", "sort_key")
    assert keys["assignments"] == ("user_id", "experiment_id") == FIELDS[:2]
    assert all(keys[section] == ("key",) for section in SETTINGS)
    assert {table.name: table.ttl for table in TABLES if table.ttl} == {"assignments": "ttl", "counters": "ttl"}


def test_inf_02_streams_are_what_their_readers_need() -> None:
    streamed = {table.name: table.stream for table in TABLES}
    read = {source.store for row in FUNCTIONS for source in row.sources} - {"events"}
    assert {name for name, view in streamed.items() if view} == read
    assert streamed["assignments"] == "NEW_AND_OLD_IMAGES"


def test_needs_are_made_once() -> None:
    row = function("sync")
    assert row.permissions.count(Needs("config-sync-failures", ("sqs:SendMessage",))) == 1
