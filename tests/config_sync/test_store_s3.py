"""S3 when it misbehaves: lost answers, conflicts, refusals, silence, broken bodies. Real requests to an embedded S3."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from config_sync import store_s3
from config_sync.store import StoreError, open_store
from config_sync.store_s3 import S3Store
from tests.aws import Aws

Answer = tuple[int, bytes]


class Body:
    """The raw body of a made-up answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._data


def answering(client: Any, operation: str, *answers: Callable[[Any], Answer | None]) -> list[str]:
    """Lets these answer the first requests of an operation, one each (None: S3 itself does). Gives the requests' methods."""
    pending, seen = list(answers), []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        seen.append(request.method)
        made = pending.pop(0)(request) if pending else None
        return None if made is None else AWSResponse(request.url, made[0], {}, Body(made[1]))

    client.meta.events.register(f"before-send.s3.{operation}", answer)
    return seen


def error(status: int, code: str) -> Callable[[Any], Answer]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told</Message></Error>".encode()
    return lambda request: (status, body)


def lost(request: Any) -> Answer:
    """S3 does what it is asked, and its answer is lost: what comes is a gateway's."""
    body = request.body if isinstance(request.body, bytes) else request.body.read()
    done = httpx.request(request.method, request.url, content=body, headers=dict(request.headers.items()))
    assert done.status_code == 200
    return 500, b""


@pytest.fixture
def client(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One of its own, for the hooks, that doesn't wait between attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    return aws.new_client("s3", Config(retries=retries, read_timeout=60))


@pytest.fixture
def store(aws: Aws, client: Any) -> S3Store:
    return S3Store(aws.bucket(), "p", client)


# --- conditional writes -----------------------------------------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_our_own(store: S3Store, client: Any) -> None:
    seen = answering(client, "PutObject", lost)
    assert store.replace("manifest.json", b"one", None) is True
    assert len(seen) == 2  # the second try met the first one's object


def test_a_write_that_somebody_else_made_is_not_our_own(store: S3Store, aws: Aws, client: Any) -> None:
    other = S3Store(store.url.removeprefix("s3://").split("/")[0], "p", aws.client("s3"))

    def quicker(request: Any) -> Answer | None:
        assert other.replace("manifest.json", b"theirs", None)
        return None

    answering(client, "PutObject", quicker)
    assert store.replace("manifest.json", b"ours", None) is False
    found = store.get("manifest.json")
    assert found is not None and found.data == b"theirs"


def test_a_write_whose_every_answer_is_lost_is_looked_for(store: S3Store, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer at all: whether it was written is seen by reading."""
    found = store.get("manifest.json")
    assert found is None
    from botocore.exceptions import ReadTimeoutError

    put = client.put_object

    def written_in_silence(**arguments: Any) -> Any:
        put(**arguments)
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(client, "put_object", written_in_silence)
    assert store.replace("manifest.json", b"one", None) is True

    def silence(**arguments: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(client, "put_object", silence)
    there = store.get("manifest.json")
    assert there is not None
    with pytest.raises(StoreError, match=r"can't write manifest\.json: no whole answer in time"):
        store.replace("manifest.json", b"two", there.etag)


def test_a_conflict_while_replacing_means_that_somebody_was_first(store: S3Store, client: Any) -> None:
    store.create("manifest.json", b"one")
    found = store.get("manifest.json")
    assert found is not None
    answering(client, "PutObject", error(409, "ConditionalRequestConflict"))
    assert store.replace("manifest.json", b"two", found.etag) is False


def test_a_conflict_while_creating_is_tried_again(store: S3Store, client: Any) -> None:
    seen = answering(client, "PutObject", *[error(409, "ConditionalRequestConflict")] * 2)
    assert store.create("a", b"one") is True
    assert len(seen) == 3


def test_conflicts_without_end_are_an_error(store: S3Store, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_s3.time, "sleep", lambda seconds: None)
    answering(client, "PutObject", *[error(409, "ConditionalRequestConflict")] * 9)
    with pytest.raises(StoreError, match="written by others again and again; try again"):
        store.create("a", b"one")


def test_an_object_that_was_deleted_is_not_replaced(store: S3Store, client: Any) -> None:
    answering(client, "PutObject", error(404, "NoSuchKey"))
    assert store.replace("a", b"one", '"0123"') is False


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "S3 answered AccessDenied; the role needs s3:GetObject and s3:PutObject"),
        (403, "InvalidAccessKeyId", "check the credentials"),
        (403, "SignatureDoesNotMatch", "check the credentials"),
        (400, "ExpiredToken", "check the credentials"),
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (400, "SomethingNew", "S3 answered SomethingNew; see S3's list"),
        (501, "NotImplemented", "no conditional writes"),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do(store: S3Store, client: Any, status: int, code: str, words: str) -> None:
    asking: dict[str, Callable[[], Any]] = {
        "GetObject": lambda: store.get("x"),
        "PutObject": lambda: store.create("x", b""),
        "ListObjectsV2": lambda: store.names("x"),
    }
    for operation, ask in asking.items():
        answering(client, operation, *[error(status, code)] * 4)
        with pytest.raises(StoreError, match=r"can't (read|write|list) x: ") as caught:
            ask()
        assert str(caught.value).startswith(f"{store.url}: ")
        assert words in str(caught.value)


def test_throttling_is_waited_out(store: S3Store, client: Any) -> None:
    seen = answering(client, "PutObject", error(503, "SlowDown"), error(503, "SlowDown"))
    assert store.create("a", b"one") is True
    assert len(seen) == 3


def test_throttling_without_end_is_an_error_after_bounded_attempts(store: S3Store, client: Any) -> None:
    seen = answering(client, "PutObject", *[error(503, "SlowDown")] * 9)
    with pytest.raises(StoreError, match="S3 answered SlowDown; try again later"):
        store.replace("a", b"one", None)
    assert len(seen) == 3


def test_a_bucket_that_does_not_exist(client: Any, aws: Aws) -> None:
    store = S3Store(aws.name("nothing"), "p", client)
    for ask in (lambda: store.get("x"), lambda: store.create("x", b""), store.names):
        with pytest.raises(StoreError, match="NoSuchBucket; create the bucket, or correct the store's address"):
            ask()


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="can't read x: no AWS credentials were found; check the credentials"):
        open_store("s3://bucket/p").get("x")


def test_a_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(StoreError, match=r"can't open the bucket: .*no-such-profile.*check the AWS settings"):
        open_store("s3://bucket/p")


def test_nobody_there(aws: Aws) -> None:
    retries: Any = {"mode": "standard", "total_max_attempts": 1}
    with socket.socket() as nobody:  # bound, so that it is nobody else's, and not listening
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        store = S3Store("bucket", "p", aws.session.client("s3", endpoint_url=url, config=Config(retries=retries)))
        for ask in (lambda: store.get("x"), lambda: store.create("x", b""), lambda: store.replace("x", b"", None)):
            with pytest.raises(StoreError, match=r"no whole answer in time \(EndpointConnectionError\); check the network"):
                ask()


# --- bodies -----------------------------------------------------------------------------------------------------------


class Cutting:
    """A server on this machine that answers GET with fewer bytes than it announces, ``cuts`` times."""

    def __init__(self, cuts: int) -> None:
        self.cuts, self.requests = cuts, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                self.requests += 1
                body = b"whole body" if self.requests > self.cuts else b"who"
                head = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "e"\r\nConnection: close\r\n\r\n'
                connection.sendall(head + body)

    def close(self) -> None:
        self._listening.close()


@pytest.mark.parametrize(("cuts", "requests"), [(0, 1), (2, 3), (9, 3)])
def test_a_body_that_breaks_off_is_read_again_a_few_times(aws: Aws, cuts: int, requests: int) -> None:
    server = Cutting(cuts)
    try:
        store = S3Store("bucket", "p", aws.session.client("s3", endpoint_url=server.url))
        if cuts < 3:
            found = store.get("x")
            assert found is not None and found.data == b"whole body"
        else:
            with pytest.raises(StoreError, match="can't read x: no whole answer in time"):
                store.get("x")
        assert server.requests == requests
    finally:
        server.close()


def test_a_body_over_the_limit_is_not_read(aws: Aws) -> None:
    server = Cutting(9)
    try:
        store = S3Store("bucket", "p", aws.session.client("s3", endpoint_url=server.url))
        with pytest.raises(StoreError, match="x has more than 9 bytes"):
            store.get("x", 9)
        assert server.requests == 1
    finally:
        server.close()


def test_a_listing_of_several_pages(store: S3Store, client: Any) -> None:
    client.meta.events.register("provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2})
    seen = answering(client, "ListObjectsV2")
    names = [f"manifests/{number:010d}-x.json" for number in range(5)]
    for name in names:
        store.create(name, b"")
    assert store.names("manifests/") == names
    assert len(seen) == 3


def test_every_request_has_its_time() -> None:
    """No default of a library decides how long a publish may hang."""
    config = store_s3.make_client.__globals__
    assert 0 < config["CONNECT_TIMEOUT_S"] <= 5 and 0 < config["READ_TIMEOUT_S"] <= 30 and 1 < config["ATTEMPTS"] <= 5
