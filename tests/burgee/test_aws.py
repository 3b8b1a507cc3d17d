"""The embedded AWS: exact under threads, and gone with whoever started it."""

import io
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Thread

import httpx
import pytest
from botocore.exceptions import ClientError

from burgee.up.aws import OneAtATime
from tests.aws import ROOT, Aws

THREADS = 8


def _together(work: Callable[[int], None]) -> None:
    threads = [Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_requests_do_not_overlap() -> None:
    inside: list[int] = []
    most: list[int] = []

    def application(environ: dict[str, object], start_response: object) -> Iterator[bytes]:
        inside.append(1)
        yield b"first"  # the answer's pieces are made while it is still this request's turn
        time.sleep(0.005)
        most.append(len(inside))
        inside.pop()

    served = OneAtATime(application)
    _together(lambda _: list(served({"wsgi.input": io.BytesIO()}, None)) and None)  # type: ignore[arg-type]
    assert most == [1] * THREADS


def test_conditional_updates_under_threads_lose_nothing(aws: Aws) -> None:
    table, client = aws.table("counter"), aws.client("dynamodb")
    client.put_item(TableName=table, Item={"key": {"S": "n"}, "n": {"N": "0"}})

    def count(_: int) -> None:
        done = 0
        while done < 10:
            seen = client.get_item(TableName=table, Key={"key": {"S": "n"}}, ConsistentRead=True)["Item"]["n"]["N"]
            try:
                client.put_item(
                    TableName=table,
                    Item={"key": {"S": "n"}, "n": {"N": str(int(seen) + 1)}},
                    ConditionExpression="n = :seen",
                    ExpressionAttributeValues={":seen": {"N": seen}},
                )
                done += 1
            except client.exceptions.ConditionalCheckFailedException:
                continue

    _together(count)
    assert client.get_item(TableName=table, Key={"key": {"S": "n"}})["Item"]["n"]["N"] == str(10 * THREADS)


def test_of_many_that_create_an_object_one_does(aws: Aws) -> None:
    bucket, client = aws.bucket(), aws.client("s3")
    made: list[tuple[int, int]] = []

    def create(thread: int) -> None:
        for number in range(10):
            try:
                client.put_object(Bucket=bucket, Key=str(number), Body=str(thread).encode(), IfNoneMatch="*")
                made.append((number, thread))
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412

    _together(create)
    assert sorted(number for number, _ in made) == list(range(10))
    for number, thread in made:
        assert client.get_object(Bucket=bucket, Key=str(number))["Body"].read() == str(thread).encode()


def test_of_many_that_replace_an_object_one_does(aws: Aws) -> None:
    bucket, client = aws.bucket(), aws.client("s3")
    tag = client.put_object(Bucket=bucket, Key="pointer", Body=b"first")["ETag"]
    won: list[int] = []

    def replace(thread: int) -> None:
        try:
            client.put_object(Bucket=bucket, Key="pointer", Body=str(thread).encode(), IfMatch=tag)
            won.append(thread)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412

    _together(replace)
    assert client.get_object(Bucket=bucket, Key="pointer")["Body"].read() == str(won[0]).encode()
    assert len(won) == 1


def test_a_body_that_breaks_off_is_not_stored(aws: Aws) -> None:
    bucket = aws.bucket()
    host, port = aws.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"PUT /{bucket}/half HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket)


def test_it_answers_others_while_a_client_hesitates(aws: Aws) -> None:
    host, port = aws.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"PUT /slow/object HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert aws.client("s3").list_buckets()["Buckets"] is not None


@pytest.mark.parametrize("how", ["the end of its input", "SIGTERM"])
def test_it_ends(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "burgee.up.aws", "--port", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        url = process.stdout.readline().removeprefix("ready ").strip()
        assert httpx.get(url, trust_env=False).status_code == 200
        if how == "SIGTERM":
            process.terminate()
        else:
            process.stdin.close()
        assert process.wait(60) == 0
    with pytest.raises(httpx.TransportError):
        httpx.get(url, trust_env=False)
