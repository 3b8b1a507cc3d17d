"""CDK's side of ``infra.stores``: tables, queues, buckets, the stream, the lake's catalogue."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import functions as names
from infra.functions import Needs, Ref
from infra.making_lake import catalogue
from infra.settings import Settings
from infra.stages import Stage
from infra.stores import BUCKETS, MOST_RECEIVED, QUEUE_DAYS, QUEUES, TABLES, Queue, Table
from infra.suppressions import OF_BUCKETS, OF_QUEUES, acknowledge_all

COLD_DAYS, ERRORS_DAYS, LETTERS_DAYS, OLD_DAYS = 90, 90, 30, 30


class Stores(Construct):
    """What there is, by its name in the tables of stores."""

    def __init__(self, scope: Construct, name: str, stage: Stage, settings: Settings) -> None:
        super().__init__(scope, name)
        self.stage = stage
        self._removal = RemovalPolicy.RETAIN if stage.keeps else RemovalPolicy.DESTROY
        self.tables = {table.name: self._table(table) for table in TABLES}
        self.queues: dict[str, sqs.Queue] = {}
        for queue in reversed(QUEUES):  # those that end the way are before those that lead there
            if settings.mirror is not None or not queue.optional:
                self.queues[queue.name] = self._queue(queue)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=Duration.hours(stage.stream_hours),
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=self._removal,
        )
        self.buckets = {each: self._bucket(each) for each in BUCKETS}
        acknowledge_all(self.buckets.values(), OF_BUCKETS)
        acknowledge_all(
            (self.queues[queue.name] for queue in QUEUES if queue.name in self.queues and _is_end(queue)), OF_QUEUES
        )
        catalogue(self, self.buckets[names.LAKE].bucket_name)
        self.secrets = {names.SIGNING_KEY: settings.signing_secret_arn} if settings.signing_secret_arn else {}
        if settings.mirror is not None:
            self.secrets[names.DATABASE] = settings.mirror.secret_arn

    # --- making -------------------------------------------------------------------------------------------------------

    def _table(self, table: Table) -> dynamodb.Table:
        keys = [dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING) for key in table.keys]
        return dynamodb.Table(
            self,
            _title(table.name),
            partition_key=keys[0],
            sort_key=keys[1] if len(keys) > 1 else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
            time_to_live_attribute=table.ttl or None,
            stream=None if table.stream is None else dynamodb.StreamViewType[table.stream],
            deletion_protection=self.stage.keeps,
            removal_policy=self._removal,
        )

    def _queue(self, queue: Queue) -> sqs.Queue:
        after = None
        if queue.dead_letters is not None:
            after = sqs.DeadLetterQueue(queue=self.queues[queue.dead_letters], max_receive_count=MOST_RECEIVED)
        return sqs.Queue(
            self,
            _title(queue.name),
            retention_period=Duration.days(QUEUE_DAYS),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=after,
            removal_policy=self._removal,
        )

    def _bucket(self, name: str) -> s3.Bucket:
        return s3.Bucket(
            self,
            _title(name),
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=_snapshot_rules() if name == names.SNAPSHOTS else _lake_rules(self.stage),
            removal_policy=self._removal,
        )

    # --- telling ------------------------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """The store of snapshots, as ``BURGEE_STORE`` says it."""
        return f"s3://{self.buckets[names.SNAPSHOTS].bucket_name}/{names.PREFIX}"

    @property
    def names(self) -> dict[str, str]:
        """What each is called on AWS."""
        found = {name: table.table_name for name, table in self.tables.items()}
        found |= {name: bucket.bucket_name for name, bucket in self.buckets.items()}
        found |= {name: queue.queue_name for name, queue in self.queues.items()}
        found[names.STREAM] = self.stream.stream_name
        return found | self.secrets

    def is_there(self, store: str) -> bool:
        """Whether this deployment has it: it may name no secret."""
        return store not in names.SECRETS or store in self.secrets

    def value(self, ref: Ref) -> str:
        """What a reference stands for; empty for what isn't there."""
        if not self.is_there(ref.store):
            return ""
        if ref.what == "place":
            return self.place
        return self.queues[ref.store].queue_url if ref.what == "url" else self.names[ref.store]

    def arn(self, need: Needs) -> str:
        """The one resource that a permission is about."""
        store = need.store
        if store in self.tables:
            table = self.tables[store]
            stream = table.table_stream_arn
            if need.part:
                assert stream is not None, store
                return stream
            return table.table_arn
        if store in self.buckets:
            bucket = self.buckets[store]
            return bucket.arn_for_objects(need.part) if need.part else bucket.bucket_arn
        if store in self.queues:
            return self.queues[store].queue_arn
        if store == names.STREAM:
            return self.stream.stream_arn
        return self.secrets[store]

    def statement(self, need: Needs) -> iam.PolicyStatement:
        """The permission as a statement."""
        return iam.PolicyStatement(actions=list(need.actions), resources=[self.arn(need)])


def _is_end(queue: Queue) -> bool:
    return queue.dead_letters is None


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _snapshot_rules() -> list[s3.LifecycleRule]:
    """Those of docs/store.md, section 8: no object may expire, for it may be what is served."""
    return [
        s3.LifecycleRule(
            id="old-versions-are-kept-cheaply",
            prefix=f"{names.PREFIX}/objects/",
            transitions=[_to(s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, COLD_DAYS)],
        ),
        s3.LifecycleRule(
            id="what-was-replaced-goes",
            prefix=f"{names.PREFIX}/manifest.json",
            noncurrent_version_expiration=Duration.days(OLD_DAYS),
        ),
        _unfinished(),
    ]


def _lake_rules(stage: Stage) -> list[s3.LifecycleRule]:
    keeps = None if stage.archive_days is None else Duration.days(stage.archive_days)
    colder = [_to(s3.StorageClass.INFREQUENT_ACCESS, 30), _to(s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, 180)]
    is_long = stage.archive_days is None or stage.archive_days > 180
    return [
        s3.LifecycleRule(
            id="the-archive-gets-cheaper", prefix="year=", transitions=colder if is_long else None, expiration=keeps
        ),
        s3.LifecycleRule(id="quarantine-ends", prefix="errors/", expiration=Duration.days(ERRORS_DAYS)),
        s3.LifecycleRule(id="letters-end", prefix=f"{names.DEAD_LETTERS}/", expiration=Duration.days(LETTERS_DAYS)),
        s3.LifecycleRule(id="what-was-replaced-goes", noncurrent_version_expiration=Duration.days(OLD_DAYS)),
        _unfinished(),
    ]


def _to(storage: s3.StorageClass, days: int) -> s3.Transition:
    return s3.Transition(storage_class=storage, transition_after=Duration.days(days))


def _unfinished() -> s3.LifecycleRule:
    return s3.LifecycleRule(id="what-was-never-finished-goes", abort_incomplete_multipart_upload_after=Duration.days(1))
