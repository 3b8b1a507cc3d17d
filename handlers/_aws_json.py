"""Calls of AWS's JSON services (DynamoDB, SQS, Kinesis), each within a deadline. For the handlers that write.

Over the connection, the signer and the credentials of the S3 reader, for the same reasons (decision 0010): a first call costs
milliseconds and not boto3's 300, and it is back in time whatever the peer does. Importing this module imports no network code.

A call that changes something and whose answer is lost may have been carried out. ``AwsError.sent`` says so, and nothing is sent
again unless the caller asked for ``retries``.
"""

from __future__ import annotations

from json import JSONEncoder, loads
from time import gmtime, monotonic, sleep, strftime, time

from evaluator.errors import BurgeeError
from handlers._connect import Host, split_url
from handlers._credentials import FromEnvironment
from handlers._http_client import Answer, Broken, Connection
from handlers._lifecycle import follow
from handlers._origin import OriginError
from handlers._sigv4 import Signer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, Protocol

    from handlers._credentials import Credentials

    Clock = Callable[[], float]

    class Provider(Protocol):
        """Where credentials come from."""

        def get(self, until: float) -> Credentials: ...
        def forget(self) -> None: ...


KINDS: Final = (
    "timeout",  # the time was up, or the connection ended, before the answer was here; ``sent`` says whether it may be done
    "dns",  # the host's name has no address
    "refused",  # no connection
    "tls",  # the certificate or the handshake
    "credentials",  # none, or none to be had
    "denied",  # permission, expired credentials, a clock that is wrong
    "throttled",  # the service asks for fewer calls; not done
    "conditional",  # the condition of a conditional write doesn't hold
    "missing",  # there is no such table, queue or stream
    "invalid",  # the service, or this client, can't take the payload
    "server",  # the service failed; it may be done
    "protocol",  # what came isn't an answer to what was asked
    "limit",  # the answer is larger than MAX_ANSWER_BYTES
)
"""What ``AwsError.kind`` can be: few words, fit for a metric's dimension."""

CONTENT_TYPES = {
    "dynamodb": "application/x-amz-json-1.0",
    "sqs": "application/x-amz-json-1.0",
    "kinesis": "application/x-amz-json-1.1",
}
IDLE_SECONDS = 20.0  # a connection unused for longer is closed, not tried
MAX_ANSWER_BYTES = 2 * 1024 * 1024
BACKOFF_SECONDS = 0.025  # before the first retry; twice as long before each other, and of that a random half to all
LONGEST_BACKOFF_SECONDS = 1.0

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_SILENT = ("timeout", "refused")  # an exchange that ended so gave no answer


class AwsError(BurgeeError):
    """A call that gave nothing. ``kind``: one of ``KINDS``; ``code``: the service's name for the error, or empty.

    The message is for a log: it has nothing of the payload. ``document`` is the service's answer, which may have (``Item`` of a
    condition that failed), so it isn't. ``sent``: the call may have been carried out.
    """

    def __init__(self, kind: str, code: str, message: str, document: dict[str, Any] | None = None, sent: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.document: dict[str, Any] = {} if document is None else document
        self.sent = sent


class JsonClient:
    """One service in one region, with one connection kept; may be used by several threads.

    ``service``: ``dynamodb``, ``sqs`` or ``kinesis``. ``endpoint``: ``http://host:port`` or ``https://…`` of something that
    speaks it; without one it is AWS's own in ``region``, by TLS. Raises ValueError for what can't be one of these.
    """

    __slots__ = (
        "__weakref__", "_clock", "_content_type", "_credentials", "_host", "_idle", "_service", "_signer", "_skew", "_sleep",
        "_wall",
    )  # fmt: skip

    def __init__(
        self,
        service: str,
        region: str,
        endpoint: str | None = None,
        credentials: Provider | None = None,
        clock: Clock = monotonic,
        wall: Clock = time,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        if service not in CONTENT_TYPES:
            raise ValueError(f"{service!r:.80} is none of {', '.join(CONTENT_TYPES)}")
        if not 0 < len(region) <= 63 or not _LABEL.issuperset(region):
            raise ValueError(f"{region!r:.100} can't be an AWS region: letters, digits and hyphens")
        self._service = service
        self._content_type = CONTENT_TYPES[service]
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._credentials: Provider = FromEnvironment(clock, wall) if credentials is None else credentials
        self._host = _place(service, region, endpoint, clock)
        self._signer = Signer(region, service)
        self._skew = 0.0
        self._idle: list[Connection] = []
        follow(self)

    def call(self, target: str, payload: Mapping[str, object] | bytes, until: float, *, retries: int = 0) -> dict[str, Any]:
        """The answer's document (empty when the service has nothing to say).

        ``target``: ``DynamoDB_20120810.PutItem``, ``AmazonSQS.SendMessage``, ``Kinesis_20131202.PutRecords``, …; ``payload``:
        the operation's members, or their JSON ready made; ``until``: the second of ``clock`` to be back by. ``retries``: how
        often a call is repeated that was throttled, failed in the service (``server``) or whose answer was lost with time left:
        only for what may be done twice. Raises AwsError only.
        """
        body = payload if isinstance(payload, bytes) else _encode(payload)
        attempt = 0
        while True:
            try:
                return self._once(target, body, until)
            except AwsError as error:
                pause = backoff_seconds(attempt)
                repeatable = error.kind in ("throttled", "server") or (error.kind == "timeout" and error.sent)
                if attempt >= retries or not repeatable or self._clock() + pause >= until:
                    raise
            attempt += 1
            self._sleep(pause)

    def prepare(self) -> None:
        """Imports what a call needs and reads the authorities' certificates, without any network. Raises AwsError (tls)."""
        try:
            self._signer.prepare()
            self._host.prepare()
        except OriginError as error:
            raise AwsError(error.kind, "", str(error)) from None

    def forget(self) -> None:
        """Closes the connection without a word to the peer; drops credentials, addresses and what was learnt of the clock.

        Forked children and SnapStart's restored copies do this by themselves.
        """
        while self._idle:
            self._idle.pop().close()
        self._credentials.forget()
        self._signer.forget()
        self._host.forget()
        self._skew = 0.0

    restart = forget

    # --- one attempt --------------------------------------------------------------------------------------------------

    def _once(self, target: str, body: bytes, until: float) -> dict[str, Any]:
        try:
            request = self._request(target, body, self._credentials.get(until))
            connection = self._connection(until)
        except OriginError as error:
            raise AwsError(error.kind, "", f"{self._service}: {error}") from None
        return self._read(self._exchange(connection, request, until))

    def _request(self, target: str, body: bytes, credentials: Credentials) -> bytes:
        headers = {
            "content-type": self._content_type,
            "host": self._host.header,
            "x-amz-date": strftime("%Y%m%dT%H%M%SZ", gmtime(self._wall() + self._skew)),
            "x-amz-target": target,
        }
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        signed = self._signer.authorization(credentials.access_key, credentials.secret_key, "POST", "/", "", headers, body)
        lines = "".join([f"{key}: {value}\r\n" for key, value in headers.items()])
        rest = f"authorization: {signed}\r\naccept-encoding: identity\r\ncontent-length: {len(body)}\r\n\r\n"
        return f"POST / HTTP/1.1\r\n{lines}{rest}".encode("latin-1") + body

    def _connection(self, until: float) -> Connection:
        """The idle one, which is nobody else's from here on, or a new one. One that the peer has closed is never used."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if self._clock() - connection.since < IDLE_SECONDS and connection.is_quiet():
                return connection
            connection.close()
        return self._host.connect(until)

    def _exchange(self, connection: Connection, request: bytes, until: float) -> Answer:
        try:
            answer = connection.exchange(request, until, MAX_ANSWER_BYTES, MAX_ANSWER_BYTES)
        except Broken:
            connection.close()
            said = f"{self._service}: the connection was closed without an answer"
            raise AwsError("timeout", "", said, sent=True) from None
        except OriginError as error:
            connection.close()
            raise AwsError(error.kind, "", f"{self._service}: {error}", sent=True) from None
        except BaseException:
            connection.close()
            raise
        if connection.reusable and not self._idle:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    # --- understanding the answer -------------------------------------------------------------------------------------

    def _read(self, answer: Answer) -> dict[str, Any]:
        document = _decode(answer.data) if answer.complete else None
        if answer.status == 200:
            if document is not None:
                return document
            if answer.why is not None:  # done, but what came of it isn't known
                kind = "timeout" if answer.why.kind in _SILENT else answer.why.kind
                raise AwsError(kind, "", f"{self._service}: {answer.why}", sent=True)
            raise AwsError("protocol", "", f"{self._service} answers 200 with what isn't a JSON object", sent=True)
        raise self._refusal(answer, document or {})

    def _refusal(self, answer: Answer, document: dict[str, Any]) -> AwsError:
        code = _code(answer.headers.get("x-amzn-errortype") or document.get("__type"))
        kind = _kind(answer.status, code)
        if kind == "denied":
            self._credentials.forget()
            if code in _CLOCK_CODES:
                self._skew = _skew(answer.headers.get("date"), self._wall(), self._skew)
        said = f"{self._service} answers {answer.status} {code}".rstrip()
        return AwsError(kind, code, said, document, sent=kind == "server")


def client_of(service: str, environment: Mapping[str, str]) -> JsonClient:
    """The client that the variables say: ``AWS_REGION``, ``AWS_ENDPOINT_URL_<SERVICE>`` or ``AWS_ENDPOINT_URL``.

    Raises ValueError, naming the variable.
    """
    get = environment.get
    region = get("AWS_REGION") or get("AWS_DEFAULT_REGION")
    if not region:
        raise ValueError("AWS_REGION isn't set: it says where the tables, queues and streams are")
    return JsonClient(service, region, get(f"AWS_ENDPOINT_URL_{service.upper()}") or get("AWS_ENDPOINT_URL") or None)


def backoff_seconds(attempt: int) -> float:
    """How long to wait after failed attempt number ``attempt`` (from 0): exponential, with jitter."""
    from os import urandom

    longest = min(BACKOFF_SECONDS * 2.0 ** min(attempt, 16), LONGEST_BACKOFF_SECONDS)
    return longest * (0.5 + int.from_bytes(urandom(2)) / 131072)


_to_json = JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _encode(payload: Mapping[str, object]) -> bytes:
    """JSON in ASCII: half a surrogate becomes an escape, which the service may refuse."""
    try:
        return _to_json(payload).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise AwsError("invalid", "", f"the payload has no JSON form: {type(error).__name__}") from None


def _decode(data: bytes) -> dict[str, Any] | None:
    if not data:
        return {}
    try:
        document = loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _code(said: object) -> str:
    """``com.amazonaws.dynamodb.v20120810#ResourceInUseException:http://…`` has the code in its middle."""
    if not isinstance(said, str):
        return ""
    code = said.partition(":")[0].rpartition("#")[2].rpartition(".")[2]
    return code if len(code) <= 80 and code.isascii() and code.isalnum() else ""


_THROTTLED = frozenset((
    "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "TooManyRequestsException", "LimitExceededException", "KMSThrottlingException",
    "OverLimit",
))  # fmt: skip
_DENIED = frozenset((
    "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException",
    "ExpiredToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
    "IncompleteSignatureException", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired",
    "KMSAccessDeniedException", "OptInRequired",
))  # fmt: skip
_MISSING = frozenset(("ResourceNotFoundException", "QueueDoesNotExist", "NonExistentQueue", "TableNotFoundException"))
_CLOCK_CODES = ("InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed")


def _kind(status: int, code: str) -> str:
    if code == "ConditionalCheckFailedException":
        return "conditional"
    if code in _THROTTLED or status == 429:
        return "throttled"
    if code in _DENIED or status in (401, 403):
        return "denied"
    if code in _MISSING:
        return "missing"
    if status >= 500:
        return "server"
    return "invalid" if status >= 400 else "protocol"


def _skew(date: str | None, now: float, before: float) -> float:
    """Seconds that the service's clock is ahead of this machine's; ``before`` when the answer doesn't say."""
    from email.utils import parsedate_to_datetime  # 10 ms, but only when a signature was refused

    try:
        return parsedate_to_datetime(date or "").timestamp() - now
    except (ValueError, OverflowError):
        return before


def _place(service: str, region: str, endpoint: str | None, clock: Clock) -> Host:
    if endpoint is None:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return Host(f"{service}.{region}.{domain}", 443, True, clock)
    tls, host, port, target = split_url(endpoint)
    if target != "/":
        raise ValueError(f"{endpoint!r:.200} can't be an endpoint: it has a path")
    return Host(host, port, tls, clock)
