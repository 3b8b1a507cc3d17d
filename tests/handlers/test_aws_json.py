"""The client of AWS's JSON services: signed as botocore signs, understood by moto, and back in time whatever the peer does."""

import datetime
import json
import os
import select
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from handlers import _lifecycle
from handlers._aws_json import CONTENT_TYPES, KINDS, MAX_ANSWER_BYTES, AwsError, JsonClient, backoff_seconds, client_of
from handlers._credentials import Credentials
from tests.aws import REGION, Aws
from tests.handlers.playing import PATIENCE_SECONDS, Behaviour, Gone, Peer, Player, certificate, http, once, silence
from tests.handlers.test_s3 import Fixed, until

PUT = "DynamoDB_20120810.PutItem"
GET = "DynamoDB_20120810.GetItem"
LATE_SECONDS = 15.0  # nobody waits so long for a deadline of a second or two, however busy the machine; its peers last longer


def client(endpoint: str, service: str = "dynamodb", **more: Any) -> JsonClient:
    return JsonClient(service, REGION, endpoint, Fixed(), **more)


def hear_all(peer: Peer) -> bytes:
    """The next request, its body included."""
    head = peer.hear()
    length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
    while len(peer._buffer) < length:
        piece = peer.channel.recv(65536)
        if not piece:
            raise Gone
        peer._buffer += piece
    body, peer._buffer = peer._buffer[:length], peer._buffer[length:]
    return body


def answers(*replies: bytes) -> Behaviour:
    """Says one after the other on one connection, then the last one for ever."""

    def behave(peer: Peer) -> None:
        number = 0
        while True:
            hear_all(peer)
            peer.say(replies[min(number, len(replies) - 1)])
            number += 1

    return behave


def refusal(status: str, code: str, **more: object) -> bytes:
    return http(status, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode())


def fails(endpoint: str, seconds: float = PATIENCE_SECONDS, **more: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        client(endpoint).call(PUT, {"TableName": "t"}, until(seconds), **more)
    assert caught.value.kind in KINDS
    return caught.value


# --- signatures -------------------------------------------------------------------------------------------------------

_KEY = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
_MOMENT = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2100, 1, 1))


@given(
    service=st.sampled_from(sorted(CONTENT_TYPES)),
    region=st.sampled_from(["eu-central-1", "us-gov-west-1", "cn-north-1"]),
    keys=st.tuples(_KEY, _KEY, st.none() | _KEY),
    target=st.text(st.sampled_from("ABCdef_.0123"), min_size=1),
    body=st.binary(max_size=300),
    endpoint=st.sampled_from([None, "http://127.0.0.1:4566"]),
    moment=_MOMENT,
)
def test_a_call_is_signed_as_botocore_signs_it(
    service: str, region: str, keys: tuple[str, str, str | None], target: str, body: bytes, endpoint: str | None,
    moment: datetime.datetime,
) -> None:  # fmt: skip
    moment = moment.replace(tzinfo=datetime.UTC, microsecond=0)
    made = JsonClient(service, region, endpoint, Fixed(), wall=moment.timestamp)._request(target, body, Credentials(*keys))
    head, _, sent = made.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    signed = headers.pop("authorization")
    assert first == "POST / HTTP/1.1"
    assert (sent, headers.pop("content-length"), headers.pop("accept-encoding")) == (body, str(len(body)), "identity")
    theirs = AWSRequest("POST", f"http{'' if endpoint else 's'}://{headers['host']}/", headers=dict(headers), data=body)
    with mock.patch.object(auth, "get_current_datetime", lambda: moment):
        auth.SigV4Auth(BotoCredentials(*keys), service, region).add_auth(theirs)
    assert signed == theirs.headers["Authorization"]
    assert {key.lower(): value for key, value in theirs.headers.items() if key != "Authorization"} == headers


@pytest.mark.parametrize("service", sorted(CONTENT_TYPES))
def test_hosts_targets_and_content_types_are_botocores(service: str) -> None:
    import botocore.session

    boto = botocore.session.Session().create_client(service, "eu-west-3", aws_access_key_id="a", aws_secret_access_key="b")
    ours = JsonClient(service, "eu-west-3", credentials=Fixed())
    assert boto.meta.endpoint_url == f"https://{ours._host.header}"
    metadata = boto.meta.service_model.metadata
    assert CONTENT_TYPES[service] == f"application/x-amz-json-{metadata['jsonVersion']}"
    prefix = {"dynamodb": "DynamoDB_20120810", "sqs": "AmazonSQS", "kinesis": "Kinesis_20131202"}[service]
    assert metadata["targetPrefix"] == prefix


# --- the services -----------------------------------------------------------------------------------------------------


def test_a_conditional_put_that_loses_gives_the_winner(aws: Aws) -> None:
    table = aws.table()
    dynamodb = client(aws.endpoint)
    first = {"key": {"S": "k"}, "variant": {"S": "a"}, "größe": {"N": "1.5"}}
    put: dict[str, Any] = {
        "TableName": table,
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": "key"},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    assert dynamodb.call(PUT, {**put, "Item": first}, until()) == {}
    with pytest.raises(AwsError) as caught:
        dynamodb.call(PUT, {**put, "Item": {**first, "variant": {"S": "b"}}}, until(), retries=3)
    error = caught.value
    assert (error.kind, error.code, error.sent) == ("conditional", "ConditionalCheckFailedException", False)
    assert error.document["Item"] == first
    assert dynamodb.call(GET, {"TableName": table, "Key": {"key": {"S": "k"}}}, until())["Item"] == first


def test_what_is_missing_is_told_apart(aws: Aws) -> None:
    with pytest.raises(AwsError) as caught:
        client(aws.endpoint).call(GET, {"TableName": "nowhere", "Key": {"key": {"S": "k"}}}, until())
    assert (caught.value.kind, caught.value.code) == ("missing", "ResourceNotFoundException")


def test_a_queue_takes_messages(aws: Aws) -> None:
    url = aws.client("sqs").create_queue(QueueName=aws.name("queue"))["QueueUrl"]
    sqs = client(aws.endpoint, "sqs")
    assert sqs.call("AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": "grüße 🎟"}, until())["MessageId"]
    (message,) = aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "grüße 🎟"
    with pytest.raises(AwsError) as caught:
        sqs.call("AmazonSQS.SendMessage", {"QueueUrl": url + "-not", "MessageBody": "x"}, until())
    assert caught.value.kind == "missing"


def test_a_stream_takes_records(aws: Aws) -> None:
    name = aws.name("stream")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    body = b'{"StreamName":"%s","Records":[{"Data":"aGk=","PartitionKey":"p"}]}' % name.encode()
    answer = client(aws.endpoint, "kinesis").call("Kinesis_20131202.PutRecords", body, until())
    assert answer["FailedRecordCount"] == 0


def test_several_threads_share_a_client(aws: Aws) -> None:
    table = aws.table()
    dynamodb = client(aws.endpoint)
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                dynamodb.call(PUT, {"TableName": table, "Item": {"key": {"S": f"{number}"}}}, until())
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert aws.client("dynamodb").scan(TableName=table)["Count"] == 4
    assert len(dynamodb._idle) <= 1


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "sent"),
    [
        (refusal("400 Bad Request", "ProvisionedThroughputExceededException"), "throttled", False),
        (refusal("400 Bad Request", "ThrottlingException"), "throttled", False),
        (http("429 Too Many", b""), "throttled", False),
        (refusal("400 Bad Request", "AccessDeniedException"), "denied", False),
        (http("403 Forbidden", b"<html>"), "denied", False),
        (refusal("400 Bad Request", "ValidationException"), "invalid", False),
        (http("413 Too Large", b"x" * 10), "invalid", False),
        (refusal("500 Oh", "InternalServerError"), "server", True),
        (http("503 Service Unavailable", b"[1,2"), "server", True),
        (http("400 Bad Request", b"{}", "x-amzn-ErrorType: ResourceNotFoundException:http://internal/"), "missing", False),
        (http("301 Moved", b"", "Location: http://elsewhere/"), "protocol", False),
        (http("200 OK", b"[]"), "protocol", True),
        (http("200 OK", b"{"), "protocol", True),
        (http("200 OK", b"[" * 100_000), "protocol", True),
        (http("200 OK", b"{}").replace(b"{}", b"{" + b" " * MAX_ANSWER_BYTES + b"}").replace(b"h: 2", b"h: 9999999"),
         "limit", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "timeout", True),
        (b"HTTP/1.1 200 OK\r\nConte", "protocol", True),
        (b"", "timeout", True),
    ],
)  # fmt: skip
def test_every_refusal_has_its_kind(answer: bytes, kind: str, sent: bool) -> None:
    def behave(peer: Peer) -> None:
        hear_all(peer)
        peer.say(answer)

    with Player(behave) as player:
        error = fails(player.endpoint)
        assert (error.kind, error.sent) == (kind, sent)
        assert len(player.requests) == 1


def test_sec_08_nothing_of_the_payload_is_in_a_message() -> None:
    answer = refusal("400 Bad Request", "ValidationException", message="the value user-77 is bad")
    with Player(once(answer)) as player, pytest.raises(AwsError) as caught:
        client(player.endpoint).call(PUT, {"Item": {"user_id": {"S": "user-77"}}}, until())
    assert str(caught.value) == "dynamodb answers 400 ValidationException"
    with pytest.raises(AwsError) as caught:
        client("http://127.0.0.1:1").call(PUT, {"Item": {"user-77"}}, until())
    assert (caught.value.kind, "user-77" in str(caught.value)) == ("invalid", False)


def test_an_item_of_many_kilobytes_comes_with_the_condition() -> None:
    item = {"context": {"S": "x" * 300_000}}
    with Player(once(refusal("400 Bad Request", "ConditionalCheckFailedException", Item=item))) as player:
        assert fails(player.endpoint).document["Item"] == item


def test_expired_credentials_are_dropped_and_a_wrong_clock_is_corrected() -> None:
    answer = http("400 Bad Request", b'{"__type":"InvalidSignatureException"}', "Date: Thu, 01 Jan 2099 00:00:00 GMT")
    provider = Fixed()
    with Player(answers(answer, http("200 OK", b"{}"))) as player:
        dynamodb = JsonClient("dynamodb", REGION, player.endpoint, provider)
        with pytest.raises(AwsError) as caught:
            dynamodb.call(PUT, {}, until())
        assert (caught.value.kind, provider.forgotten) == ("denied", 1)
        dynamodb.call(PUT, {}, until())
        assert "x-amz-date: 20990101T0000" in player.requests[1]


# --- time -------------------------------------------------------------------------------------------------------------


def _drip_answer(peer: Peer) -> None:
    hear_all(peer)
    peer.drip(http("200 OK", b"{" + b" " * 9_000 + b"}"))


@pytest.mark.parametrize("behaviour", [silence, _drip_answer], ids=["silence", "a byte now and then"])
def test_a_lost_answer_is_a_timeout_and_nothing_is_sent_again(behaviour: Behaviour) -> None:
    with Player(behaviour) as player:
        start = time.monotonic()
        error = fails(player.endpoint, 3.0)
        assert (error.kind, error.sent) == ("timeout", True)
        assert time.monotonic() - start < LATE_SECONDS
        assert player.connections == len(player.requests) == 1


def _never_read(peer: Peer) -> None:
    peer.channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    until_closed = select.poll()
    until_closed.register(peer.channel, select.POLLRDHUP)
    until_closed.poll(PATIENCE_SECONDS * 1000)


def _read_slowly(peer: Peer) -> None:
    peer.channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while peer.channel.recv(512):
        time.sleep(0.005)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("behaviour", [_never_read, _read_slowly], ids=["never", "slowly"])
def test_a_peer_that_does_not_read_holds_nobody_beyond_the_deadline(
    behaviour: Behaviour, tls: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = None
    if tls:
        file, context = certificate(tmp_path)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with Player(behaviour, context) as player:
        kinesis = client(player.endpoint, "kinesis")
        kinesis.prepare()
        start = time.monotonic()
        with pytest.raises(AwsError) as caught:
            kinesis.call("Kinesis_20131202.PutRecords", b"x" * 12_000_000, until(1.5))
        assert (caught.value.kind, caught.value.sent) == ("timeout", True)
        assert time.monotonic() - start < LATE_SECONDS


def test_no_connection_is_told_apart_from_a_lost_answer() -> None:
    with socket.socket() as nobody:  # bound, so that it is nobody else's, and not listening
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        error = fails(f"http://127.0.0.1:{port}")
    assert (error.kind, error.sent) == ("refused", False)
    error = fails(f"http://127.0.0.1:{port}", -1.0)
    assert (error.kind, error.sent) == ("timeout", False)


# --- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_asg_14_throttling_is_retried_with_growing_pauses_when_asked_for(code: str) -> None:
    status = "400 Bad Request" if code == "ThrottlingException" else "500 Oh"
    pauses: list[float] = []
    with Player(answers(refusal(status, code), refusal(status, code), http("200 OK", b'{"done":1}'))) as player:
        dynamodb = client(player.endpoint, sleep=pauses.append)
        assert dynamodb.call(PUT, {}, until(), retries=2) == {"done": 1}
        assert len(player.requests) == 3
    assert 0.0125 <= pauses[0] <= 0.025 <= pauses[1] <= 0.05


def test_retries_end_with_their_number_and_with_the_time() -> None:
    with Player(answers(refusal("400 Bad Request", "ThrottlingException"))) as player:
        with pytest.raises(AwsError):
            client(player.endpoint, sleep=lambda seconds: None).call(PUT, {}, until(), retries=2)
        assert len(player.requests) == 3
        start = time.monotonic()
        with pytest.raises(AwsError) as caught:
            client(player.endpoint).call(PUT, {}, until(2.0), retries=1000)
        assert caught.value.kind == "throttled"
        assert time.monotonic() - start < LATE_SECONDS
        assert len(player.requests) < 20


def test_no_retry_for_what_would_fail_again() -> None:
    with Player(answers(refusal("400 Bad Request", "ValidationException"))) as player:
        fails(player.endpoint, retries=5)
        assert len(player.requests) == 1


def test_backoff_grows_to_a_ceiling_and_is_jittered() -> None:
    drawn = {backoff_seconds(3) for _ in range(50)}
    assert len(drawn) > 25
    assert all(0.1 <= seconds < 0.2 for seconds in drawn)
    assert 0.5 <= backoff_seconds(1000) <= 1.0


# --- the connection ---------------------------------------------------------------------------------------------------


def test_the_connection_is_kept() -> None:
    with Player(answers(http("200 OK", b"{}"))) as player:
        dynamodb = client(player.endpoint)
        for _ in range(3):
            assert dynamodb.call(PUT, {"a": 1}, until()) == {}
        assert (player.connections, len(player.requests)) == (1, 3)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("farewell", [b"", http("408 Request Timeout")], ids=["closed", "closed with a word"])
def test_a_connection_that_the_server_closed_is_found_out_before_anything_is_sent(
    farewell: bytes, tls: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = None
    if tls:
        file, context = certificate(tmp_path)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    closed = threading.Event()

    def behave(peer: Peer) -> None:
        hear_all(peer)
        peer.say(http("200 OK", b"{}"))
        if peer.number == 0:
            time.sleep(0.05)  # the farewell comes after the client has put the connection away
            peer.say(farewell)
            peer.channel.close()
            closed.set()
        else:
            hear_all(peer)
            peer.say(http("200 OK", b'{"again":1}'))

    with Player(behave, context) as player:
        dynamodb = client(player.endpoint)
        dynamodb.call(PUT, {}, until())
        assert closed.wait(PATIENCE_SECONDS)
        time.sleep(0.05)
        assert dynamodb.call(PUT, {}, until()) == {}
        assert dynamodb.call(PUT, {}, until()) == {"again": 1}, "and a living connection passes for one"
        assert player.connections == 2


def test_forks_and_restores_begin_with_a_new_connection_and_credentials() -> None:
    provider = Fixed()
    with Player(answers(http("200 OK", b"{}"))) as player:
        dynamodb = JsonClient("dynamodb", REGION, player.endpoint, provider)
        dynamodb.call(PUT, {}, until())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the player's threads don't matter to this child
            child = os.fork()
        if child == 0:
            os._exit(0 if not dynamodb._idle and provider.forgotten == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (len(dynamodb._idle), provider.forgotten) == (1, 0)
        _lifecycle.restart_all()  # what SnapStart's hooks call
        assert (len(dynamodb._idle), provider.forgotten) == (0, 1)
        dynamodb.call(PUT, {}, until())
        assert player.connections == 2


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings() -> Iterator[dict[str, str]]:
    yield {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}


def test_the_environment_says_where(settings: dict[str, str]) -> None:
    assert client_of("sqs", settings)._host.header == "127.0.0.1:4566"
    assert client_of("sqs", {**settings, "AWS_ENDPOINT_URL_SQS": "http://h:1"})._host.header == "h:1"
    assert client_of("sqs", {"AWS_REGION": "cn-north-1"})._host.header == "sqs.cn-north-1.amazonaws.com.cn"
    with pytest.raises(ValueError, match="AWS_REGION"):
        client_of("sqs", {})


@pytest.mark.parametrize(
    ("service", "region", "endpoint"),
    [("s3", "x", None), ("sqs", "x.y", None), ("sqs", "x", "http://h/path"), ("sqs", "x", "h")],
)
def test_what_can_not_be_is_refused(service: str, region: str, endpoint: str | None) -> None:
    with pytest.raises(ValueError, match=r"can't be|none of|isn't"):
        JsonClient(service, region, endpoint, Fixed())
