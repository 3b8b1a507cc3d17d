"""AWS as the event processor sees it, inside this process: answers at once or after a pause, and counts. For bench_events.

It knows the calls that the processor makes and no others, and does what they ask for: conditions aside, which a single
processor never meets. ``Direct`` is a client without botocore; ``wired`` makes a real client whose requests end here.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

Item = dict[str, Any]
READS = {"BatchGetItem", "GetItem", "Query", "ListShards", "HeadObject"}
WORD = re.compile(r"[A-Z][a-z]*\d*")


class Missing(Exception):
    """There is no such object."""


class Cloud:
    """Tables and a bucket. ``pause``: seconds that each call takes; ``calls``: how many of each operation there were."""

    def __init__(self, assigned: Callable[[str, str], Item], pause: float = 0.0) -> None:
        self._assigned = assigned
        self._tables: dict[str, dict[tuple[str, str], Item]] = {}
        self.objects: dict[str, bytes] = {}
        self.pause = pause
        self.calls: Counter[str] = Counter()
        self.items = 0  # written by transactions

    def call(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call, with DynamoDB's values as they are on the wire or as boto3 has them."""
        self.calls[operation] += 1
        if self.pause:
            time.sleep(self.pause)
        answer: dict[str, Any] = getattr(self, "_" + "_".join(WORD.findall(operation)).lower())(asked)
        return answer

    # --- DynamoDB ---------------------------------------------------------------------------------------------------

    def _table(self, name: str) -> dict[tuple[str, str], Item]:
        return self._tables.setdefault(name, {})

    def _update_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"Attributes": self._update(asked)}

    def _update(self, asked: dict[str, Any]) -> Item:
        names, values = asked.get("ExpressionAttributeNames", {}), asked["ExpressionAttributeValues"]
        item = self._table(asked["TableName"]).setdefault(_key(asked["Key"]), dict(asked["Key"]))
        for kind, placeholder, value in _changes(asked["UpdateExpression"]):
            name, new = names.get(placeholder, placeholder), values[value]
            if kind == "ADD" and name in item:
                new = {"N": str(float(item[name]["N"]) + float(new["N"]))}
            item[name] = new
        return item

    def _get_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._table(asked["TableName"]).get(_key(asked["Key"]))
        return {} if found is None else {"Item": found}

    def _batch_get_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        responses = {}
        for table, wanted in asked["RequestItems"].items():
            keys = wanted["Keys"]
            if keys and "user_id" in keys[0]:
                responses[table] = [self._assigned(key["user_id"]["S"], key["experiment_id"]["S"]) for key in keys]
            else:
                items = self._table(table)
                responses[table] = [items[_key(key)] for key in keys if _key(key) in items]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        values = [value["S"] for value in asked["ExpressionAttributeValues"].values()]
        items = [item for (partition, _), item in self._table(asked["TableName"]).items() if partition in values]
        return {"Items": items, "Count": len(items)}

    def _put_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        item = asked["Item"]
        self._table(asked["TableName"])[_key(item)] = item
        return {}

    def _transact_write_items(self, asked: dict[str, Any]) -> dict[str, Any]:
        for entry in asked["TransactItems"]:
            ((kind, one),) = entry.items()
            self.items += 1
            {"Put": self._put_item, "Update": self._update}[kind](one)
        return {}

    # --- the others -------------------------------------------------------------------------------------------------

    def _list_shards(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"Shards": [{"ShardId": "shardId-000000000000", "HashKeyRange": {}, "SequenceNumberRange": {}}]}

    def _put_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.objects[asked["Key"]] = asked["Body"]
        return {}

    def _head_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Key"] not in self.objects:
            raise Missing
        return {"ETag": '"0"'}

    def _delete_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.objects.pop(asked["Key"], None)
        return {}


@cache
def _changes(expression: str) -> list[tuple[str, str, str]]:
    """Of an update: ADD or SET, the name, the value."""
    found = []
    for kind, clause in re.findall(r"(ADD|SET) (.*?)(?= SET |$)", expression):
        found += [(kind, *re.split(r" = | ", part)) for part in clause.split(", ")]
    return found


def _key(item: Item) -> tuple[str, str]:
    return item["partition_key"]["S"], item["sort_key"]["S"]


class Direct:
    """A client of nothing but the calls: what is measured with it is the processor's own."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(part.title() for part in name.split("_"))

        def call(**asked: Any) -> dict[str, Any]:
            try:
                return self._cloud.call(operation, asked)
            except Missing:
                answer: Any = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
                raise ClientError(answer, operation) from None

        setattr(self, name, call)
        return call


class _Body:
    """A response's body, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, *_: Any) -> bytes:
        content, self._content = self._content, b""
        return content


def wired(client: Any, cloud: Cloud) -> Any:
    """The same client; botocore prepares, signs and reads every request, and no byte leaves the process."""

    def send(request: Any, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        status, headers, body = 200, {"ETag": '"0"'}, b""
        if operation.endswith("Object"):
            content = request.body if isinstance(request.body, bytes) else b""
            try:
                cloud.call(operation, {"Key": request.url.partition("?")[0], "Body": content})
            except Missing:
                status = 404
        else:
            body = json.dumps(cloud.call(operation, json.loads(request.body))).encode()
        return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Body(body))

    client.meta.events.register("before-send", send)
    return client
