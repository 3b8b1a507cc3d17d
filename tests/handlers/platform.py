"""The platform that a sync works on: four tables, a bucket and the environment of the function, on the embedded AWS."""

import io
import json
from typing import Any

import pytest

from config_sync import store_s3
from config_sync.release import fetch, history
from config_sync.sources import tables as tables_source
from config_sync.sources.items import to_items
from config_sync.sources.tables import SETTINGS
from config_sync.store import Store
from config_sync.store_s3 import open_s3
from evaluator import Evaluator
from handlers import sync
from handlers._sync_settings import KEYS
from tests.aws import Aws

SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/sync"],
    "detail": {},
}
VARIABLES = ("BURGEE_STORE", *KEYS)
LIMITS = ("BURGEE_MAX_DROPPED", "BURGEE_MAX_SHRINK", "BURGEE_MAX_MOVED")


def on(percent: float = 100, **more: Any) -> dict[str, Any]:
    """A simple flag."""
    return {"enabled": True, "rollout_percentage": percent, **more}


def batch(count: int, first: int = 1) -> dict[str, Any]:
    """An event of DynamoDB Streams."""
    return {"Records": [record(number) for number in range(first, first + count)]}


def record(number: int) -> dict[str, Any]:
    return {
        "eventID": f"{number:032x}",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": {"key": {"S": "a"}}, "SequenceNumber": f"{number:021d}", "StreamViewType": "KEYS_ONLY"},
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/feature-flags/stream/2026-01-01T00:00:00.000",
    }


class Platform:
    """Tables and a store of a test's own, and the function on them. ``said`` is what the function logged."""

    def __init__(self, aws: Aws, patch: pytest.MonkeyPatch, stream: bool = False) -> None:
        self.aws = aws
        self.tables = aws.tables(stream)
        self.bucket = aws.bucket()
        self.url = f"s3://{self.bucket}/flags"
        self.environment = {
            **aws.environment,
            **{SETTINGS[section]: name for section, name in self.tables.items()},
            "BURGEE_STORE": self.url,
        }
        for name in (*VARIABLES, *LIMITS):
            patch.delenv(name, raising=False)
        for name, value in self.environment.items():
            patch.setenv(name, value)
        self.logged = io.StringIO()
        patch.setattr(sync.logger.registered_handler, "stream", self.logged)
        patch.setattr(sync._Deadline, "expected_ms", dict(sync.LEAST_MS))
        self.store: Store = open_s3(self.url, aws.client("s3"))
        self._make_s3, self._make_dynamodb = store_s3.make_client, tables_source.client
        patch.setattr(store_s3, "make_client", lambda: aws.client("s3"))  # making one takes a quarter of a second
        patch.setattr(sync, "client", lambda: aws.client("dynamodb"))
        forget()

    def seed(self, project: Any) -> None:
        """Writes a project's items; what else is in the tables stays."""
        for section, items in to_items(project).items():
            self.aws.put(self.tables[section], items)

    def delete(self, section: str, key: str) -> None:
        self.aws.client("dynamodb").delete_item(TableName=self.tables[section], Key={"key": {"S": key}})

    def flags(self, version: int | None = None) -> Evaluator:
        """What a version answers; None: the newest."""
        return Evaluator(fetch(self.store, version)[1])

    def keys(self) -> list[str]:
        return sorted(self.flags().flag_keys())

    def versions(self) -> int:
        return sum(1 for _ in history(self.store))

    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def own_clients(self, patch: pytest.MonkeyPatch) -> None:
        """From here on the function makes its clients itself, as on Lambda, but tries once: for tests that hook into them."""
        patch.setattr(store_s3, "make_client", self._make_s3)
        patch.setattr(sync, "client", self._make_dynamodb)
        patch.setattr(store_s3, "ATTEMPTS", 1)
        patch.setattr(tables_source, "ATTEMPTS", 1)
        forget()


def forget() -> None:
    """As in a new sandbox."""
    for kept in (sync._dynamodb, sync._store):
        kept.cache_clear()
    sync._keys = sync._Keys()


def metrics_in(printed: str) -> list[dict[str, float]]:
    """name -> value of each line in the embedded metric format."""
    found = []
    for line in printed.splitlines():
        document = json.loads(line)
        definition = document["_aws"]["CloudWatchMetrics"][0]
        assert definition["Namespace"] == "Burgee"
        found.append({item["Name"]: document[item["Name"]][0] for item in definition["Metrics"]})
    return found
