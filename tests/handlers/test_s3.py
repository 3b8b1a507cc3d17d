"""The S3 client against an embedded S3: conditional reads, ranges, limits, and what a refusal says."""

import time
from typing import Any

import pytest

from handlers._credentials import Credentials
from handlers._origin import OriginError
from handlers._s3 import S3
from tests.aws import REGION, Aws

SOON = 60.0


class Fixed:
    """Credentials that are always there; counts how often they were forgotten."""

    def __init__(self, access_key: str = "testing", secret_key: str = "testing", token: str | None = None) -> None:
        self.credentials = Credentials(access_key, secret_key, token)
        self.forgotten = 0

    def get(self, until: float) -> Credentials:
        return self.credentials

    def forget(self) -> None:
        self.forgotten += 1


def until(seconds: float = SOON) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def bucket(aws: Aws) -> str:
    return aws.bucket()


def client(aws: Aws, bucket: str, prefix: str = "") -> S3:
    return S3(bucket, prefix, REGION, aws.endpoint, Fixed())


def put(aws: Aws, bucket: str, name: str, data: bytes, **more: Any) -> str:
    etag: str = aws.client("s3").put_object(Bucket=bucket, Key=name, Body=data, **more)["ETag"]
    return etag


def test_an_object_comes_whole_with_its_tag(aws: Aws, bucket: str) -> None:
    etag = put(aws, bucket, "prod/manifest.json", b"one")
    reply = client(aws, bucket, "prod").get("manifest.json", until=until(), limit=100)
    assert (reply.status, reply.etag, reply.data, reply.complete, reply.total) == (200, etag, b"one", True, 3)


def test_a_read_with_the_current_tag_says_304_and_notices_a_change(aws: Aws, bucket: str) -> None:
    s3 = client(aws, bucket)
    etag = put(aws, bucket, "manifest.json", b"one")
    for _ in range(3):
        reply = s3.get("manifest.json", etag, until=until(), limit=100)
        assert (reply.status, reply.data, reply.complete) == (304, b"", True)
    put(aws, bucket, "manifest.json", b"two")
    assert s3.get("manifest.json", etag, until=until(), limit=100).data == b"two"


def test_the_rest_of_an_object(aws: Aws, bucket: str) -> None:
    s3 = client(aws, bucket)
    etag = put(aws, bucket, "o", b"0123456789")
    reply = s3.get("o", etag, 4, until=until(), limit=6)
    assert (reply.status, reply.data, reply.start, reply.total, reply.complete) == (206, b"456789", 4, 10, True)
    assert s3.get("o", etag, 10, until=until(), limit=6).status == 416
    put(aws, bucket, "o", b"9876543210")
    assert s3.get("o", etag, 4, until=until(), limit=6).status == 412


def test_what_is_not_there(aws: Aws, bucket: str) -> None:
    assert client(aws, bucket).get("nothing", until=until(), limit=9).status == 404
    with pytest.raises(OriginError, match="there is no bucket") as caught:
        client(aws, bucket + "-not").get("nothing", until=until(), limit=9)
    assert caught.value.kind == "missing"


def test_a_larger_object_than_allowed_is_refused_and_the_client_goes_on(aws: Aws, bucket: str) -> None:
    s3 = client(aws, bucket)
    put(aws, bucket, "o", bytes(1_000_000))
    with pytest.raises(OriginError, match="999999") as caught:
        s3.get("o", until=until(), limit=999_999)
    assert caught.value.kind == "limit"
    assert len(s3.get("o", until=until(), limit=1_000_000).data) == 1_000_000


def test_an_encoded_object_is_refused(aws: Aws, bucket: str) -> None:
    put(aws, bucket, "o", b"...", ContentEncoding="gzip")
    with pytest.raises(OriginError, match="Content-Encoding") as caught:
        client(aws, bucket).get("o", until=until(), limit=100)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    "name", ["plain", "with space", "plus+and&=?#%", "ünïcode/雪", "a//b", "tilde~'()*!", "%41", "..", "a/../b"]
)
def test_odd_names_reach_the_same_object_as_botocore_s(aws: Aws, bucket: str, name: str) -> None:
    put(aws, bucket, f"a prefix/é/{name}", name.encode())
    assert client(aws, bucket, "a prefix/é").get(name, until=until(), limit=100).data == name.encode()
