"""Reads objects of one S3 prefix, each read within a deadline. For ``handlers._snapshots``.

A small client of our own, because it costs a Lambda a tenth of what boto3 does and can promise when it is back (decision 0010).
Importing this module imports no network code: that comes with the first read. How to use it: ``handlers._origin``.
"""

from __future__ import annotations

from os import getpid
from time import gmtime, monotonic, strftime, time

from handlers._connect import Host, split_url
from handlers._credentials import FromEnvironment
from handlers._http_client import Answer, Broken, Connection
from handlers._origin import OriginError, Reply
from handlers._sigv4 import EMPTY_SHA256, Signer, encode_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from handlers._credentials import Credentials

    Clock = Callable[[], float]

    class Provider(Protocol):
        """Where credentials come from."""

        def get(self, until: float) -> Credentials: ...
        def forget(self) -> None: ...


IDLE_SECONDS = 20.0  # a connection unused for longer is closed, not tried: its peer or a NAT may have dropped it silently
MAX_NAME = 63  # characters of a bucket or a region: of one label in a host's name

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


class S3:
    """The objects of ``bucket`` whose names begin with ``prefix`` and a slash (an empty prefix: all of them).

    ``endpoint``: ``http://host:port`` or ``https://…`` of something that speaks S3, addressed by path; without one it is AWS's
    own in ``region``, by TLS. Raises ValueError for a bucket, prefix, region or endpoint that can't be one.
    """

    __slots__ = ("_bucket", "_clock", "_credentials", "_host", "_idle", "_path", "_pid", "_region", "_signer", "_skew", "_wall")

    def __init__(
        self,
        bucket: str,
        prefix: str,
        region: str,
        endpoint: str | None = None,
        credentials: Provider | None = None,
        clock: Clock = monotonic,
        wall: Clock = time,
    ) -> None:
        _check("bucket", bucket)
        _check("region", region)
        self._bucket = bucket
        self._region = region
        self._clock = clock
        self._wall = wall
        self._credentials: Provider = FromEnvironment(clock, wall) if credentials is None else credentials
        self._host, root = _place(bucket, region, endpoint, clock)
        self._path = root + (encode_path(prefix.strip("/")) + "/" if prefix.strip("/") else "")
        self._signer = Signer(region)
        self._skew = 0.0
        self._idle: list[Connection] = []
        self._pid = getpid()

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        """Reads the object ``name``, or its rest from ``start``: see ``handlers._origin``. Raises OriginError only."""
        if self._pid != getpid():
            self.forget()
        try:
            path = encode_path(name)
        except ValueError:
            raise OriginError("protocol", f"{name[:80]!a} can't be the name of an object") from None
        request = self._request(path, etag, start, self._credentials.get(until))
        answer = self._exchange(request, until, limit)
        return self._reply(answer, start)

    def prepare(self) -> None:
        """Imports what reading needs and reads the authorities' certificates (some 35 ms by TLS), without any network.

        For a function's initialisation, which has a whole processor, and for the moment before a snapshot of the process is
        taken: neither is any request's time. Without it the first read does this. Raises OriginError (tls).
        """
        self._signer.prepare()
        self._host.prepare()

    def forget(self) -> None:
        """Closes the connection without a word to the peer; drops credentials, addresses and what was learnt of the clock."""
        while self._idle:
            self._idle.pop().close()
        self._credentials.forget()
        self._signer.forget()
        self._host.forget()
        self._skew = 0.0
        self._pid = getpid()

    # --- asking -------------------------------------------------------------------------------------------------------

    def _request(self, name: str, etag: str | None, start: int, credentials: Credentials) -> bytes:
        path = self._path + name
        headers = {
            "host": self._host.header,
            "x-amz-content-sha256": EMPTY_SHA256,
            "x-amz-date": strftime("%Y%m%dT%H%M%SZ", gmtime(self._wall() + self._skew)),
        }
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        if start:
            headers["range"] = f"bytes={start}-"
        if etag:
            if not etag.isascii() or not etag.isprintable():
                raise OriginError("protocol", f"{etag[:60]!a} can't be an object's tag")
            headers["if-match" if start else "if-none-match"] = etag
        signed = self._signer.authorization(credentials.access_key, credentials.secret_key, "GET", path, "", headers)
        lines = [f"{key}: {value}\r\n" for key, value in headers.items()]
        head = f"GET {path} HTTP/1.1\r\n{''.join(lines)}authorization: {signed}\r\naccept-encoding: identity\r\n\r\n"
        return head.encode("latin-1")

    def _exchange(self, request: bytes, until: float, limit: int) -> Answer:
        """Once more on a new connection when an old one turns out to be closed before any byte of an answer."""
        while True:
            connection = self._connection(until)
            try:
                answer = connection.exchange(request, until, limit)
            except Broken as error:
                connection.close()
                if connection.fresh:
                    raise OriginError("refused", f"{self._host.host} closed the connection without an answer") from error
            except BaseException:
                connection.close()
                raise
            else:
                self._keep(connection)
                return answer

    def _connection(self, until: float) -> Connection:
        """The idle one, which is nobody else's from here on, or a new one."""
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._host.connect(until)
        if self._clock() - connection.since < IDLE_SECONDS:
            return connection
        connection.close()
        return self._host.connect(until)

    def _keep(self, connection: Connection) -> None:
        if connection.reusable and not self._idle:
            self._idle.append(connection)
        else:
            connection.close()

    # --- understanding the answer -------------------------------------------------------------------------------------

    def _reply(self, answer: Answer, start: int) -> Reply:
        status = answer.status
        etag = answer.headers.get("etag")
        if status in (200, 206):
            return self._object(answer, etag, start)
        if status in (304, 412, 416) or (status == 404 and b"NoSuchBucket" not in answer.data):
            return Reply(status, etag)
        raise self._refusal(answer)

    def _object(self, answer: Answer, etag: str | None, start: int) -> Reply:
        data, length = answer.data, answer.headers.get("content-length")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise OriginError("protocol", "the object comes with a Content-Encoding, which this client doesn't undo")
        if not data and answer.why:
            raise answer.why
        if answer.status == 200:
            total = int(length) if length else len(data) if answer.complete else None
            return Reply(200, etag, data, answer.complete, total)
        total = _total(answer.headers.get("content-range", ""), start, length)
        return Reply(206, etag, data, answer.complete and start + len(data) == total, total, start)

    def _refusal(self, answer: Answer) -> OriginError:
        """The error for an answer that isn't about the object."""
        status, code = answer.status, _code(answer.data)
        said = f"{status} {code}".rstrip()
        if status in (301, 307) or code in ("AuthorizationHeaderMalformed", "PermanentRedirect"):
            where = answer.headers.get("x-amz-bucket-region", "another region")[:40]
            return OriginError(
                "region", f"S3 answers {said}: the bucket {self._bucket} is in {where}, not in {self._region}; set AWS_REGION"
            )
        if status in (401, 403) or code in _CREDENTIALS_CODES:
            self._credentials.forget()
            if code == "RequestTimeTooSkewed":
                self._skew = _skew(answer.headers.get("date"), self._wall(), self._skew)
            return OriginError(
                "denied",
                f"S3 answers {said}: the role needs s3:GetObject and s3:ListBucket (to see what is missing) on {self._bucket}",
            )
        if status == 404:
            return OriginError("missing", f"S3 answers {said}: there is no bucket {self._bucket}")
        if status == 429 or code == "SlowDown":
            return OriginError("throttled", f"S3 answers {said}")
        return OriginError("server", f"S3 answers {said}")


_CREDENTIALS_CODES = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "RequestTimeTooSkewed")


def _code(body: bytes) -> str:
    """What is between the first ``<Code>`` and its end, if that is one word."""
    code = body.partition(b"<Code>")[2].partition(b"</Code>")[0]
    return code.decode() if len(code) <= 60 and code.isalnum() else ""


def _skew(date: str | None, now: float, before: float) -> float:
    """Seconds that the server's clock is ahead of this machine's; ``before`` when the answer doesn't say."""
    from email.utils import parsedate_to_datetime  # 10 ms, but only when a clock is wrong by a quarter of an hour

    try:
        return parsedate_to_datetime(date or "").timestamp() - now
    except (ValueError, OverflowError):
        return before


def _total(header: str, start: int, length: str | None) -> int:
    """The whole object's length from ``Content-Range: bytes 100-199/200``, if that is the rest from ``start``."""
    unit, _, said = header.partition(" ")
    span, _, total = said.partition("/")
    first, _, last = span.partition("-")
    numbers = (first, last, total)
    if unit == "bytes" and start and all(part.isascii() and part.isdigit() and len(part) <= 18 for part in numbers):
        size = int(last) - start + 1
        if int(first) == start and 0 < size <= int(total) - start and (length is None or int(length) == size):
            return int(total)
    raise OriginError("protocol", f"the answer is for the range {header[:60]!r}, and the bytes from {start} were asked for")


def _check(what: str, name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not _LABEL.issuperset(name):
        raise ValueError(
            f"{name!r:.100} can't be the {what} of an S3 store: letters, digits, hyphens and dots, at most {MAX_NAME}"
        )


def _place(bucket: str, region: str, endpoint: str | None, clock: Clock) -> tuple[Host, str]:
    """Where to connect, and the path that every object's begins with."""
    if endpoint is None:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        if "." in bucket:  # no certificate covers such a host
            return Host(f"s3.{region}.{domain}", 443, True, clock), f"/{bucket}/"
        return Host(f"{bucket}.s3.{region}.{domain}", 443, True, clock), "/"
    tls, host, port, target = split_url(endpoint)
    if target != "/":
        raise ValueError(f"{endpoint!r} can't be an endpoint: it has a path")
    return Host(host, port, tls, clock), f"/{bucket}/"
