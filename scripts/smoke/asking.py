"""How the smoke test asks: where the functions are, one request within the time that is left, what every answer was."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

FUNCTIONS = ("flags", "assignments", "ingest", "results")
"""The functions that have a URL. Whose isn't given is asked for at that of ``flags``, as behind one API or ``burgee up``."""
REQUEST_SECONDS = 10.0
MAX_ANSWER = 8 * 1024 * 1024
KEY_HEADER = "X-Api-Key"
API_WORDS = {403: "Forbidden", 404: "Not Found"}


class Wrong(Exception):
    """A check failed. The text is for whoever runs the smoke test."""


class Skipped(Exception):
    """A check that wasn't asked for, or can't be made here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` by lower-case name; ``line`` says what was asked."""

    line: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def is_an_apis_own(self) -> bool:
        """Whether an HTTP API has refused by itself, no such path or no signature: in its words, with none of our headers."""
        words = API_WORDS.get(self.status)
        return words is not None and "x-request-id" not in self.headers and self.json() == {"message": words}

    def json(self) -> dict[str, Any]:
        """The body. Raises Wrong when it is no JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Wrong(f"{self.line}: the body is no JSON: {self.text[:80]!r}") from None
        if not isinstance(found, dict):
            raise Wrong(f"{self.line}: the body is no JSON object")
        return found

    def expect(self, status: int) -> Answer:
        """Itself. Raises Wrong for another status."""
        if self.status != status:
            raise Wrong(f"{self.line}: {self.status} instead of {status}: {self.text[:120]}")
        return self


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer like others: none of our endpoints gives one."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(slots=True)
class Platform:
    """``urls`` by function, at least that of ``flags``. ``until``: the monotonic time at which everything has to be over.

    ``answers``: all there were, for the checks that are about every one of them. ``signed``: the functions that IAM guards.
    """

    urls: Mapping[str, str]
    key: str = ""
    until: float = float("inf")
    signed: frozenset[str] = frozenset()
    answers: list[Answer] = field(default_factory=list)

    def url(self, function: str) -> str:
        return (self.urls.get(function) or self.urls["flags"]).rstrip("/")

    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()

    def ask(
        self,
        function: str,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        with_key: bool = True,
    ) -> Answer:
        """One answer, whatever its status. ``body``: bytes, or what is sent as JSON. Raises Wrong when there is none."""
        line = f"{method} {path.partition('?')[0]}"
        seconds = min(REQUEST_SECONDS, self.left())
        if seconds <= 0:
            raise Wrong(f"{line}: the time is over")
        sent = dict(headers or {})
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.key and with_key:
            sent[KEY_HEADER] = self.key
        url = self.url(function) + path
        if function in self.signed and with_key:
            sent |= _signature(method, url, data or b"", sent)
        answer = _answer(line, _opener(url), Request(url, data, sent, method=method), seconds)  # noqa: S310
        self.answers.append(answer)
        return answer


def _answer(line: str, opener: OpenerDirector, request: Request, seconds: float) -> Answer:
    try:
        with opener.open(request, timeout=seconds) as answer:
            return Answer(line, answer.status, _lower(answer.headers.items()), answer.read(MAX_ANSWER))
    except HTTPError as error:
        with error:
            return Answer(line, error.code, _lower(error.headers.items()), error.read(MAX_ANSWER))
    except (URLError, OSError) as error:
        raise Wrong(f"{line}: no answer: {getattr(error, 'reason', error)}") from None


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _opener(url: str) -> OpenerDirector:
    """Without a proxy for what is on this machine, whatever the environment says of proxies."""
    return build_opener(_NoRedirects, *([ProxyHandler({})] if is_loopback(url) else []))


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SERVICES = {"lambda-url": "lambda", "execute-api": "execute-api"}
"""Who checks a signature, by the second part of the name: ID.lambda-url.REGION.on.aws, ID.execute-api.REGION.amazonaws.com."""


def is_aws(url: str) -> bool:
    """Whether a URL is one that AWS gave a function or an API."""
    return len(_labels(url)) > 3 and _labels(url)[1] in SERVICES


def _labels(url: str) -> list[str]:
    return (urlsplit(url).hostname or "").split(".")


def _signature(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that IAM asks for, with this process's credentials. Raises Wrong without botocore or without credentials."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.session import get_session
    except ImportError:
        raise Wrong("that URL asks for IAM, and botocore isn't installed: pip install boto3") from None
    credentials = get_session().get_credentials()
    if credentials is None:
        raise Wrong("that URL asks for IAM, and there are no AWS credentials")
    if not is_aws(url):
        raise Wrong("what asks for IAM must be asked at the URL that AWS gave it: the signature is for a service and a region")
    _, kind, region = _labels(url)[:3]
    request = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": headers.get("Content-Type", "")})
    SigV4Auth(credentials, SERVICES[kind], region).add_auth(request)
    return dict(request.headers.items())
