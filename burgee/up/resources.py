"""What lies in the embedded AWS: tables with their streams, buckets, queues, the stream of events.

For ``burgee.up``. The constants say all that there is. Everything is made new: the embedded AWS begins empty and forgets all
when it ends.
"""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from config_sync.sources.tables import SETTINGS, Tables
from config_sync.store_s3 import S3Store
from handlers import _counters

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
BUCKET = "burgee"
PREFIX = "local"
STORE = f"s3://{BUCKET}/{PREFIX}"
EVENTS_BUCKET = "burgee-events"
ASSIGNMENTS = "assignments"
COUNTERS = _counters.TABLE
STREAM = "events"
SHARDS = 2


class Table(NamedTuple):
    """``definition``: what CreateTable needs besides a name. ``ttl``: the attribute at which items end, "" for none."""

    definition: Any
    ttl: str = ""


def _streaming(*keys: str) -> Any:
    """A table with a stream. ``keys``: the partition key, and the sort key if there is one (requirement INF-02)."""
    kinds = ("HASH", "RANGE")
    return {
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


TABLES = {name: Table(_streaming("key")) for name in Tables()} | {
    ASSIGNMENTS: Table(_streaming("user_id", "experiment_id"), "ttl"),
    COUNTERS: Table(_counters.DEFINITION, _counters.TTL),
}
BUCKETS = (BUCKET, EVENTS_BUCKET)
# Two hold what waits for a person or a command, three what a mapping has given up.
OUTBOX, POISON = "assignments-outbox", "events-poison"
SYNC_FAILURES, MIRROR_FAILURES, EVENTS_FAILURES = "config-sync-failures", "assignment-mirror-failures", "events-failures"
FAILURES = (SYNC_FAILURES, MIRROR_FAILURES, EVENTS_FAILURES, POISON)  # where nothing should be
QUEUES = (OUTBOX, *FAILURES)

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


class Cloud:
    """Clients of the embedded AWS at ``endpoint``, and what a process needs in its environment to speak with it alone."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = boto3.session.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )

    @property
    def settings(self) -> dict[str, str]:
        """What a person exports to use the AWS command line or ``burgee`` with it."""
        return {**CREDENTIALS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint}

    @property
    def environment(self) -> dict[str, str]:
        """The settings, and what keeps a machine's own AWS files out."""
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return self.settings | nowhere | {"AWS_EC2_METADATA_DISABLED": "true"}

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        made: DynamoDBClient = self._client("dynamodb")
        return made

    @cached_property
    def streams(self) -> "DynamoDBStreamsClient":
        made: DynamoDBStreamsClient = self._client("dynamodbstreams")
        return made

    @cached_property
    def s3(self) -> "S3Client":
        made: S3Client = self._client("s3")
        return made

    @cached_property
    def kinesis(self) -> "KinesisClient":
        made: KinesisClient = self._client("kinesis")
        return made

    @cached_property
    def sqs(self) -> "SQSClient":
        made: SQSClient = self._client("sqs")
        return made

    def _client(self, service: Any) -> Any:
        # Everything is on this machine: what takes long is broken, and whoever calls tries again.
        retries: Any = {"mode": "standard", "total_max_attempts": 2}
        config = Config(connect_timeout=2, read_timeout=10, retries=retries, max_pool_connections=20)
        return self._session.client(service, endpoint_url=self.endpoint, config=config)


@dataclass
class Resources:
    """Where to find what was made. ``streams``: table -> the ARN of its stream; ``queues``: queue -> its URL.

    ``events``: the ARN of the stream of events.
    """

    tables: Tables = field(default_factory=Tables)
    streams: dict[str, str] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    events: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The functions' environment variables for these names."""
        named = self.tables._asdict()
        return {variable: named[section] for section, variable in SETTINGS.items()} | {"BURGEE_STORE": STORE}


def create(cloud: Cloud) -> Resources:
    """Makes everything. Raises botocore's errors."""
    made = Resources()
    for name, table in TABLES.items():
        told = cloud.dynamodb.create_table(TableName=name, **table.definition)["TableDescription"]
        if "LatestStreamArn" in told:
            made.streams[name] = told["LatestStreamArn"]
        if table.ttl:
            wish: Any = {"Enabled": True, "AttributeName": table.ttl}
            cloud.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=wish)
    for bucket in BUCKETS:
        cloud.s3.create_bucket(Bucket=bucket)
    for queue in QUEUES:
        made.queues[queue] = cloud.sqs.create_queue(QueueName=queue)["QueueUrl"]
    cloud.kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    made.events = cloud.kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    return made


def store(cloud: Cloud) -> S3Store:
    """The store of ``STORE``."""
    return S3Store(BUCKET, PREFIX, cloud.s3)


def depths(cloud: Cloud, made: Resources) -> dict[str, int]:
    """How many messages lie in each queue of ``FAILURES``: what was given up, and what nothing can help."""
    name: Any = "ApproximateNumberOfMessages"
    found = {}
    for queue in FAILURES:
        told = cloud.sqs.get_queue_attributes(QueueUrl=made.queues[queue], AttributeNames=[name])
        found[queue] = int(told["Attributes"][name])
    return found
