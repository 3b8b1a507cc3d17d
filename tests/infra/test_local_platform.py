"""``burgee up`` runs what is deployed: the same handlers, timeouts, mappings, tables and queues, or the reason why not."""

import importlib

import pytest

from burgee.up import fleet, resources
from burgee.up.delivery import Settings
from infra.functions import FUNCTIONS, Function, Source, function
from infra.stores import QUEUES, TABLES

DEPLOYED = fleet.deployed(resources.Resources(queues=dict.fromkeys(resources.QUEUES, "queue")), 5_000, "postgresql:///x")
SERVICE = "POWERTOOLS_SERVICE_NAME"
# The embedded AWS is slower than AWS: what waits for it may take longer.
LONGER = {"ingest"}
BY_NAME = pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)


@BY_NAME
def test_inf_13_the_local_platform_has_the_same_functions(row: Function) -> None:
    assert DEPLOYED.keys() == {each.name for each in FUNCTIONS}
    local = DEPLOYED[row.name]
    assert local.handler == row.handler
    assert local.memory_mb == row.memory_mb
    assert local.timeout_seconds >= row.timeout_s if row.name in LONGER else local.timeout_seconds == row.timeout_s


@BY_NAME
def test_inf_13_what_a_function_is_told_here_it_is_told_there(row: Function) -> None:
    """Variables that name a store, by the functions that need them. What all of them get here, each gets there by name."""
    common = set(resources.Resources().environment)
    named = {name for name in DEPLOYED[row.name].environment if name not in fleet.PATIENCE} - common
    of_this_machine = {"BURGEE_REFRESH_MS", "BURGEE_TRACKING", "DATABASE_URL"}
    assert named - of_this_machine <= {*row.environment, SERVICE}


@BY_NAME
def test_mon_02_metrics_have_the_same_dimension_here(row: Function) -> None:
    """In the environment or in the code: what an alarm watches on AWS is what the function writes here."""
    in_code = getattr(importlib.import_module(row.module), "SERVICE", None)
    assert DEPLOYED[row.name].environment.get(SERVICE, in_code) == row.service


def _same(local: Settings, source: Source) -> None:
    assert local.batch_size == source.batch_size
    assert local.maximum_batching_window_seconds <= source.window_s
    assert local.report_batch_item_failures
    assert local.maximum_retry_attempts == source.retries
    assert local.bisect_batch_on_function_error == source.bisect
    assert local.starting_position == source.start


def test_inf_04_events_are_delivered_alike() -> None:
    (source,) = function("events").sources
    _same(fleet.EVENTS, source)


def test_inf_04_changes_of_tables_are_delivered_alike() -> None:
    for source in function("sync").sources:
        _same(fleet.CHANGES, source)


def test_inf_04_assignments_are_mirrored_alike() -> None:
    (source,) = function("mirror").sources
    _same(fleet.COPIES, source)


def test_inf_02_tables_have_the_same_keys_here() -> None:
    from config_sync.sources.tables import Tables

    local = {section: resources.TABLES[name] for section, name in Tables()._asdict().items()}
    local |= {"assignments": resources.TABLES[resources.ASSIGNMENTS], "counters": resources.TABLES[resources.COUNTERS]}
    assert local.keys() == {table.name for table in TABLES}
    for table in TABLES:
        keys = [each["AttributeName"] for each in local[table.name].definition["KeySchema"]]
        assert tuple(keys) == table.keys
        assert local[table.name].ttl == table.ttl


def test_inf_01_queues_have_the_same_names_here() -> None:
    """There are more of them on AWS: what the outbox can't read, and the mirror's poison apart from its failures."""
    there = {queue.name for queue in QUEUES}
    assert set(resources.QUEUES) <= there
    assert there - set(resources.QUEUES) <= {"assignments-outbox-dead", "results-failures", "assignment-mirror-poison"}
