"""Asks moto, in this process, many things and prints its answers as JSON; with ``shortcuts`` as argument, by our shortcuts.

For ``test_shortcuts``, which starts it twice and wants the same answers: once moto is changed, a process can't go back.
"""

import json
import re
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from burgee.up import shortcuts

REGION = "us-east-1"
CHANCE = ("Id", "Token", "Handle", "Number", "Label", "Arn", "Timestamp")  # ends of names of such members
NAMES = {"#a": "a", "#m": "m", "#l": "l", "#k": "key"}
VALUES = {
    ":n": {"N": "2"},
    ":s": {"S": "text"},
    ":e": {"S": ""},
    ":l": {"L": [{"S": "z"}, {"N": "1"}]},
    ":z": {"SS": ["x", "y"]},
    ":m": {"M": {"in": {"M": {"deep": {"N": "7"}}}}},
}
# Applied to one item in turn: what each kind of node does, and what each check refuses
UPDATES = (
    "SET #a = :n, s = :s",
    "SET #a = #a + :n",
    "SET b = if_not_exists(b, :n) - :n, c = if_not_exists(#a, :n)",
    "SET #l = :l, #m = :m, z = :z",
    "SET #l[0] = :n, #m.#m = :s, #m.inside = :m",
    "SET #l = list_append(#l, :l), d = list_append(:l, #l)",
    "SET #m.inside.deeper = :n",
    "ADD #a :n, total_of :n, z :z",
    "DELETE z :z",
    "REMOVE #l[0], #l[1], b, #m.#m",
    "SET e = :n REMOVE c ADD total_of :n",
    "SET #a = :n, #a = :s",
    "SET s = :n, s.inside = :n",
    "SET #a = :n SET s = :s",
    "REMOVE s REMOVE b",
    "SET #k = :s",
    "SET key = :s",
    "SET #nowhere = :s",
    "SET f = :nowhere",
    "SET f = nowhere + :n",
    "SET f.g.h = :n",
    "SET s = s + :n",
    "SET f = list_append(s, :l)",
    "SET size = :n",
    "ADD s :s",
    "SET i = :e",
    "SET #a",
)
CONDITIONS = (
    "attribute_exists(#a)",
    "attribute_not_exists(#a) OR #a > :n",
    "size(#l) > :n AND contains(s, :s)",
    "#a BETWEEN :n AND :n",
    "#a IN (:n, :s)",
    "begins_with(s, :s)",
    "NOT nowhere = :n",
)


def said(call: Any, **arguments: Any) -> Any:
    """The answer, or the error, without what differs every time."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return [error.response["Error"], error.response.get("CancellationReasons")]
    except Exception as error:
        return [type(error).__name__, str(error)]
    return plain({name: value for name, value in answer.items() if name != "ResponseMetadata"})


def plain(value: Any) -> Any:
    """As JSON; what was made of chance or of the time only by its type."""
    if isinstance(value, dict):
        return {name: type(each).__name__ if name.endswith(CHANCE) else plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


def used(update: str, condition: str, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the placeholders that occur; others are refused before anything is looked at."""
    return {name: each for name, each in given.items() if re.search(re.escape(name) + r"\b", f"{update} {condition}")}


def dynamodb(client: Any) -> list[Any]:
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("key", "i")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-i",
                "KeySchema": [{"AttributeName": "i", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    where: dict[str, Any] = {"TableName": "t", "Key": {"key": {"S": "1"}}}
    found = [said(client.describe_table, TableName="t")]
    for condition in ("", *CONDITIONS):
        for update in UPDATES:
            said_of = (
                ("UpdateExpression", update),
                ("ConditionExpression", condition),
                ("ExpressionAttributeNames", used(update, condition, NAMES)),
                ("ExpressionAttributeValues", used(update, condition, VALUES)),
            )
            asked = where | {name: each for name, each in said_of if each}
            found.append(said(client.update_item, **asked, ReturnValues="ALL_NEW"))
            found.append(said(client.transact_write_items, TransactItems=[{"Update": asked}]))
        found.append(said(client.get_item, **where))
    found.append(said(client.scan, TableName="t"))
    found.append(
        said(
            client.query,
            TableName="t",
            KeyConditionExpression="#k = :k",
            ExpressionAttributeNames={"#k": "key"},
            ExpressionAttributeValues={":k": {"S": "1"}},
            ReturnConsumedCapacity="TOTAL",
        )
    )
    found.append(said(client.batch_get_item, RequestItems={"t": {"Keys": [where["Key"]]}}))
    return found


def others() -> list[Any]:
    sqs, kinesis, ssm, s3, cloudwatch = (
        boto3.client(name, region_name=REGION) for name in ("sqs", "kinesis", "ssm", "s3", "cloudwatch")
    )
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    attribute = {"DataType": "String", "StringValue": "x"}
    return [
        said(sqs.send_message, QueueUrl=url, MessageBody="body", MessageAttributes={"a": attribute}),
        said(sqs.receive_message, QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"]),
        said(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"]),
        said(kinesis.create_stream, StreamName="s", ShardCount=2),
        said(kinesis.list_shards, StreamName="s"),
        said(kinesis.describe_stream_summary, StreamName="s"),
        said(ssm.put_parameter, Name="p", Value="v", Type="String"),
        said(ssm.get_parameter, Name="p"),
        said(s3.create_bucket, Bucket="bucket"),
        said(s3.put_object, Bucket="bucket", Key="k", Body=b"x"),
        said(s3.list_objects_v2, Bucket="bucket"),
        said(cloudwatch.put_metric_data, Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}]),
        said(cloudwatch.list_metrics, Namespace="n"),
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["shortcuts"]:
        shortcuts.apply()
        shortcuts.apply()
    with mock_aws():
        print(json.dumps([*dynamodb(boto3.client("dynamodb", region_name=REGION)), *others()]))
