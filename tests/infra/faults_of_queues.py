"""What ends in the queues of what was given up: a reader that fails to the end of its retries, a message nobody can read."""

import json
from typing import Any

from burgee.replay import replay
from burgee.up.delivery import Settings
from burgee.up.mappings import Mapping
from burgee.up.streams import DynamoDBStream, KinesisStream, Stream
from handlers import assignment_mirror
from handlers._assignment_store import Assignment
from handlers._outbox import message
from handlers._postgres import Session
from infra.stores import MOST_RECEIVED
from tests.burgee.test_mappings import running, until
from tests.handlers import streams
from tests.handlers.assigning import assignments_table
from tests.handlers.platform import SCHEDULED, Platform, forget, on
from tests.handlers.processing import event
from tests.infra.faults_behind import Changes, Events, looking, refuse
from tests.infra.tripping import Happen, InProcess, Stage, trips

ONCE = Settings(report_batch_item_failures=True, maximum_retry_attempts=0, poll_seconds=0.02)
ATTEMPTS = 3  # of an asynchronous invocation: AWS's default, and the most


def _mapped(stage: Stage, of: str, queue: str, stream: Stream) -> None:
    """Lets the local platform's mapping work on what is in the stream until it is done with, and measures the queue."""
    url = stage.queue()
    mapping = Mapping(stream, InProcess(stage, of), ONCE, (stage.aws.client("sqs"), url))
    with running(mapping):
        until(lambda: mapping.counts.acknowledged or mapping.counts.discarded)
    stage.depth(queue, url)


def _stream_of(stage: Stage, table: str) -> DynamoDBStream:
    found = stage.aws.client("dynamodb").describe_table(TableName=table)["Table"]
    return DynamoDBStream(stage.aws.client("dynamodbstreams"), found["LatestStreamArn"])


@trips("{}-depth", "events-failures")
def bucket_that_stays_closed(stage: Stage, of: str, broken: bool) -> Happen:
    made = Events(stage)
    kinesis = stage.aws.client("kinesis")
    if broken:
        made.bucket_is_closed()
    arn = kinesis.describe_stream_summary(StreamName=made.world.stream)["StreamDescriptionSummary"]["StreamARN"]

    def happen() -> None:
        kinesis.put_record(StreamName=made.world.stream, Data=json.dumps(event(1)).encode(), PartitionKey="user-1")
        made.world._watch()
        _mapped(stage, "events", of, KinesisStream(kinesis, arn))

    return happen


@trips("{}-depth", "config-sync-failures")
def table_of_experiments_that_is_gone(stage: Stage, of: str, broken: bool) -> Happen:
    made = Platform(stage.aws, stage.patch, stream=True)
    stage.ending(forget)
    if broken:
        stage.patch.setenv("EXPERIMENTS_TABLE", "gone")

    def happen() -> None:
        made.seed({"flags": {"a": on()}})
        _mapped(stage, "sync", of, _stream_of(stage, made.tables["flags"]))

    return happen


@trips("{}-depth", "assignment-mirror-failures")
def database_that_stays_down(stage: Stage, of: str, broken: bool) -> Happen:
    made = Changes(stage)
    table = assignments_table(stage.aws)
    dynamodb = stage.aws.client("dynamodb")
    view: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=table, StreamSpecification=view)
    if broken:
        made.mirror.restart(Session(refuse))

    def happen() -> None:
        dynamodb.put_item(TableName=table, Item=streams.item())
        _mapped(stage, "mirror", of, _stream_of(stage, table))
        assert assignment_mirror.session is made.mirror.session

    return happen


@trips("{}-depth", "results-failures")
def counters_that_stay_gone(stage: Stage, of: str, broken: bool) -> Happen:
    """Lambda's part is played here: an asynchronous invocation that failed three times goes to its destination."""
    looking(stage, "gone" if broken else "")
    url = stage.queue()

    def happen() -> None:
        if all(stage.invoke("results", SCHEDULED) is None for _ in range(ATTEMPTS)):
            stage.aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"requestPayload": SCHEDULED}))
        stage.depth(of, url)

    return happen


@trips("{}-depth", "assignments-outbox-dead")
def message_that_nobody_can_read(stage: Stage, of: str, broken: bool) -> Happen:
    """As often as ``burgee replay-assignments`` looks at it, it stays; then SQS takes it away."""
    sqs, table = stage.aws.client("sqs"), assignments_table(stage.aws)
    dead = stage.queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVED})
    outbox = stage.queue(RedrivePolicy=policy, VisibilityTimeout="0")
    stage.patch.setattr("burgee.replay.WAIT_SECONDS", 0)
    one = Assignment("assign_1", "user-1", "exp_checkout", "checkout", "treatment", "2026-01-01T00:00:00.000+00:00", 2**31, {})

    def happen() -> None:
        sqs.send_message(QueueUrl=outbox, MessageBody="no assignment" if broken else message(one, "timeout"))
        for _ in range(MOST_RECEIVED + 1):
            replay(sqs, stage.aws.client("dynamodb"), outbox, table, 1)
        stage.depth(of, dead)

    return happen
