"""The embedded AWS for tests: ``burgee.up.aws`` in a child process, clients of it, and fresh names, so that tests don't meet.

The fixture ``aws`` (one server per test process) is known to every test; see tests/conftest.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
PATIENCE_SECONDS = 120.0
BATCH = 25  # items in one BatchWriteItem
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
SECTIONS = ("flags", "experiments", "segments", "layers")


class Aws:
    """A running server. ``endpoint`` is its URL; ``environment`` what a process needs to speak with it and nobody else."""

    def __init__(self) -> None:
        # Its standard input is ours to hold: when this process is gone, however it went, the server ends.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "burgee.up.aws", "--port", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        try:
            self.endpoint = self._ready()
        except BaseException:
            self.stop()
            raise
        self.environment = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self._names = count()

    def _ready(self) -> str:
        """The address from the line ``ready http://…``; a server that says nothing is an error, not a wait for ever."""
        lines: list[str] = []
        output = self._process.stdout
        assert output is not None
        reader = Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        reader.join(PATIENCE_SECONDS)
        word, _, url = "".join(lines).strip().partition(" ")
        if word != "ready":
            raise RuntimeError(f"the embedded AWS didn't start: {lines!r}, exit code {self._process.poll()}")
        return url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and waits for its end."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- clients ------------------------------------------------------------------------------------------------------

    @cached_property
    def session(self) -> Any:
        import boto3  # here: most tests don't need it

        return boto3.session.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once; may be used by several threads."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.new_client(service)
            return self._clients[service]

    def new_client(self, service: str, config: "Config | None" = None) -> Any:
        """A client of one's own, to hook into or to configure."""
        from botocore.config import Config

        basic = Config(connect_timeout=60, read_timeout=120, retries={"mode": "standard", "total_max_attempts": 3})
        return self.session.client(service, endpoint_url=self.endpoint, config=basic.merge(config) if config else basic)

    # --- fresh things -------------------------------------------------------------------------------------------------

    def name(self, what: str = "test") -> str:
        """A name that nothing else on this server has; good for buckets, tables, queues and streams."""
        return f"{what}-{next(self._names)}-{os.urandom(3).hex()}"

    def bucket(self) -> str:
        """A new, empty bucket's name."""
        name = self.name("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    def table(self, what: str = "table", stream: bool = False) -> str:
        """A new table's name; its key is ``key``."""
        name = self.name(what)
        extra: dict[str, Any] = {}
        if stream:
            extra = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
        self.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **extra,
        )
        return name

    def tables(self, stream: bool = False) -> dict[str, str]:
        """The platform's four tables, new and empty: section -> name."""
        return {section: self.table(section, stream) for section in SECTIONS}

    def put(self, table: str, items: Iterable[Mapping[str, Any]]) -> None:
        """Writes items in DynamoDB's own notation (``{"key": {"S": …}}``)."""
        pending = list(items)
        client = self.client("dynamodb")
        for start in range(0, len(pending), BATCH):
            requests = [{"PutRequest": {"Item": dict(item)}} for item in pending[start : start + BATCH]]
            client.batch_write_item(RequestItems={table: requests})


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """An embedded AWS: S3 with conditional writes, DynamoDB with streams, SQS, Kinesis, SSM, CloudWatch."""
    with Aws() as server:
        yield server
