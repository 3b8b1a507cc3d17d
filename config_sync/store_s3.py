"""A store in S3 (or what speaks as S3 does), with S3's conditional writes. Opened by ``config_sync.store.open_store``.

Time and number of every request are bounded. A conditional write whose answer was lost may be sent again by the client library
and then fails on its own first try: what is there is read back before that counts as somebody else's write.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ResponseStreamingError,
)

from config_sync.store import Stored, StoreError, check_size

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    Client = S3Client
else:
    Client = Any

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
ATTEMPTS = 4  # of one request, by the client library: timeouts, throttling, 5xx
BODY_ATTEMPTS = 3
CONFLICT_ATTEMPTS = 5
_SILENCE = (HTTPClientError, ConnectionError, IncompleteReadError, ResponseStreamingError, FlexibleChecksumError)
_T = TypeVar("_T")


def open_s3(url: str, client: "Client | None" = None) -> "S3Store":
    """The store at ``s3://bucket/prefix``. Raises StoreError when the address or the machine's AWS settings can't be used."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise StoreError(f"{url}: no bucket; a store in S3 is s3://bucket/prefix")
    return S3Store(bucket, prefix, client)


def make_client() -> "Client":
    """An S3 client with our time limits; region, endpoint and credentials are found as every AWS tool finds them."""
    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries=retries)
    client: Client = boto3.session.Session().client("s3", config=config)
    return client


class S3Store:
    """A ``config_sync.store.Store`` below a prefix of a bucket. Clients are thread-safe, and so is this."""

    def __init__(self, bucket: str, prefix: str = "", client: "Client | None" = None) -> None:
        """Raises StoreError when no client can be made (no region, a broken profile)."""
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        try:
            self._client = make_client() if client is None else client
        except (BotoCoreError, ValueError) as error:
            raise self._error("open", "the bucket", error) from error

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, name: str, limit: int | None = None) -> Stored | None:
        """A body that breaks off is asked for again: the client library only repeats requests whose answer hadn't begun."""
        for attempt in range(1, BODY_ATTEMPTS + 1):
            answer = self._asked("read", name, lambda: self._answer(name))
            if answer is None:
                return None
            body = answer["Body"]
            try:
                check_size(self.url, name, answer["ContentLength"], limit)
                return Stored(body.read(), answer["ETag"])
            except BotoCoreError as error:
                if attempt == BODY_ATTEMPTS:
                    raise self._error("read", name, error) from error
            finally:
                body.close()
        raise AssertionError("the last attempt returned or raised")

    def _answer(self, name: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "404"):
                return None
            raise

    def create(self, name: str, data: bytes) -> bool:
        for attempt in range(CONFLICT_ATTEMPTS):
            written = self._put(name, data, IfNoneMatch="*")
            if written is not None:
                return written
            time.sleep(0.05 * 2**attempt)  # another write of the same name is under way; it may still fail
        raise StoreError(f"{self.url}: {name} is being written by others again and again; try again")

    def replace(self, name: str, data: bytes, etag: str | None) -> bool:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            if self._put(name, data, **condition):
                return True
        except StoreError as error:
            if not isinstance(error.__cause__, BotoCoreError):
                raise  # S3 said no
            if not self._is_there(name, data):
                raise  # no answer, and no trace of the write
            return True
        return self._is_there(name, data)

    def names(self, prefix: str = "") -> list[str]:
        return self._asked("list", prefix or "the bucket", lambda: self._names(prefix))

    def _names(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        return sorted(item["Key"].removeprefix(self._prefix) for page in pages for item in page.get("Contents", ()))

    def _put(self, name: str, data: bytes, **condition: Any) -> bool | None:
        """Whether it was written; None when S3 couldn't say because of another write at the same time."""
        kind = "application/json" if name.endswith(".json") else "application/octet-stream"
        try:
            key = self._prefix + name
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=kind, **condition)
        except ClientError as error:
            if _code(error) in ("PreconditionFailed", "412"):
                return False
            if _code(error) in ("ConditionalRequestConflict", "409"):
                return None
            if _code(error) == "NoSuchKey":  # If-Match, and it was deleted
                return False
            raise self._error("write", name, error) from error
        except BotoCoreError as error:
            raise self._error("write", name, error) from error
        return True

    def _is_there(self, name: str, data: bytes) -> bool:
        found = self.get(name)
        return found is not None and found.data == data

    def _asked(self, what: str, name: str, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except (ClientError, BotoCoreError) as error:
            raise self._error(what, name, error) from error

    def _error(self, what: str, name: str, error: Exception) -> StoreError:
        told, advice = _explained(error)
        return StoreError(f"{self.url}: can't {what} {name}: {told}; {advice}")


def _code(error: ClientError) -> str:
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


_KEYS = "check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, or the function's role)"
_LATER = "try again later"
_ADVICE = {
    "NoSuchBucket": "create the bucket, or correct the store's address",
    "AccessDenied": "the role needs s3:GetObject and s3:PutObject below the prefix, and s3:ListBucket of the bucket: "
    "without the last one S3 denies access to what isn't there",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "SlowDown": _LATER,
    "ServiceUnavailable": _LATER,
    "InternalError": _LATER,
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "set AWS_REGION to the bucket's region",
    "NotImplemented": "this S3 has no conditional writes; Burgee needs them",
}
_SAME = {"403": "AccessDenied", "503": "SlowDown", "500": "InternalError", "301": "PermanentRedirect"}


def _explained(error: Exception) -> tuple[str, str]:
    """What happened, and what to do."""
    if isinstance(error, ClientError):
        code = _SAME.get(_code(error), _code(error))
        return f"S3 answered {code or 'with an error'}", _ADVICE.get(code, "see S3's list of error codes")
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found", _KEYS
    if isinstance(error, _SILENCE):
        return f"no whole answer in time ({type(error).__name__})", "check the network and the endpoint; " + _LATER
    return str(error), "check the AWS settings of this machine"
