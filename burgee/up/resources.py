"""What lies in the embedded AWS: the tables with their streams, the store's bucket, the queues.

For ``burgee.up``. Everything is made new: the embedded AWS begins empty and forgets all when it ends.
"""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from config_sync.sources.tables import SETTINGS, Tables
from config_sync.store_s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
BUCKET = "burgee"
PREFIX = "local"
STORE = f"s3://{BUCKET}/{PREFIX}"
QUEUE = "config-sync-failures"
ASSIGNMENTS = "assignments"
OUTBOX = "assignments-outbox"
MIRROR_QUEUE = "assignment-mirror-failures"
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
    """Names of what was made. ``streams``: section (flags, …) -> the ARN of its table's stream.

    ``queue_url`` is of what the sync gave up, ``mirror_queue_url`` of what the mirror did, ``outbox_url`` of assignments that
    could not be stored.
    """

    tables: Tables = field(default_factory=Tables)
    streams: dict[str, str] = field(default_factory=dict)
    assignments_stream: str = ""
    queue_url: str = ""
    outbox_url: str = ""
    mirror_queue_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The functions' environment variables for these names."""
        named = self.tables._asdict()
        return {variable: named[section] for section, variable in SETTINGS.items()} | {"BURGEE_STORE": STORE}

    @property
    def assignments_environment(self) -> dict[str, str]:
        """The same, of the function that assigns."""
        return {"ASSIGNMENTS_TABLE": ASSIGNMENTS, "BURGEE_OUTBOX_URL": self.outbox_url}


def create(cloud: Cloud) -> Resources:
    """Makes everything. Raises botocore's errors."""
    made = Resources()
    for section, name in made.tables._asdict().items():
        made.streams[section] = _create_table(cloud, name, "key")
    made.assignments_stream = _create_table(cloud, ASSIGNMENTS, "user_id", "experiment_id")
    cloud.dynamodb.update_time_to_live(TableName=ASSIGNMENTS, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    cloud.s3.create_bucket(Bucket=BUCKET)
    made.queue_url = cloud.sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    made.outbox_url = cloud.sqs.create_queue(QueueName=OUTBOX)["QueueUrl"]
    made.mirror_queue_url = cloud.sqs.create_queue(QueueName=MIRROR_QUEUE)["QueueUrl"]
    return made


def _create_table(cloud: Cloud, name: str, *keys: str) -> str:
    """The ARN of the new table's stream. ``keys``: the partition key, and the sort key if there is one (requirement INF-02)."""
    kinds: Any = ("HASH", "RANGE")
    made = cloud.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return made["TableDescription"]["LatestStreamArn"]


def store(cloud: Cloud) -> S3Store:
    """The store of ``STORE``."""
    return S3Store(BUCKET, PREFIX, cloud.s3)


def queue_depth(cloud: Cloud, resources: Resources) -> int:
    """How many failures lie in the queues: what the sync gave up, and the mirror."""
    name: Any = "ApproximateNumberOfMessages"
    depth = 0
    for url in (resources.queue_url, resources.mirror_queue_url):
        depth += int(cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
    return depth
