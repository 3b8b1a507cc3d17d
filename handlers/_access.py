"""Who may ask, and how often: API keys, IAM's principals, a token bucket for each caller. For ``handlers._edge``.

Settings, the platform's part and what a limit in a process can't do: docs/security.md. On the cold path: ``hashlib`` is
imported only where keys or principals are asked for.
"""

from __future__ import annotations

from _operator import _compare_digest  # what `hmac.compare_digest` is, without importing hashlib
from time import time

from handlers._http import refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from handlers._http import Request, Response

    Limiter = Callable[[str], float]  # a caller -> seconds to wait; 0: may ask now

    class Counter(Protocol):
        """A ``_telemetry.Telemetry``, as far as this module knows it."""

        def count(self, name: str, number: int = 1) -> None: ...


AUTH, DIGESTS = "BURGEE_AUTH", "BURGEE_API_KEY_DIGESTS"
RATE, BURST, LIMITER = "BURGEE_RATE_PER_SECOND", "BURGEE_RATE_BURST", "BURGEE_RATE_LIMITER"
NONE, API_KEY, IAM = "none", "api-key", "iam"
HEADER = "x-api-key"
HEALTH_PATH = "/health"
LIMITER_FAILED = "LimiterFailed"
MAX_CALLERS = 10_000
MAX_KEY = 1_024  # characters
MAX_NAME = 64
MAX_RATE, MAX_BURST = 1_000_000.0, 1_000_000
DIGEST_HEX = 64
_HEX = frozenset("0123456789abcdef")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class TokenBuckets:
    """A limiter: each caller may ask ``burst`` times at once and ``rate`` times a second in the long run.

    Of ``most`` callers; who wasn't heard of longest is forgotten, and starts anew. In this process only. The wall clock is
    read: the monotonic one may stand still while a sandbox is frozen.
    """

    __slots__ = ("_buckets", "_burst", "_clock", "_most", "_rate")

    def __init__(self, rate: float, burst: int, most: int = MAX_CALLERS, clock: Callable[[], float] = time) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._most = most
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when that was so

    def __call__(self, caller: str) -> float:
        """Takes one request of a caller: 0; or the seconds until there will be one."""
        now = self._clock()
        left, then = self._buckets.pop(caller, (self._burst, now))
        if now > then:  # a clock that was set back gives nothing and takes nothing
            left = min(self._burst, left + (now - then) * self._rate)
        wait = 0.0 if left >= 1.0 else (1.0 - left) / self._rate
        self._buckets[caller] = (left if wait else left - 1.0, now)
        if len(self._buckets) > self._most:
            self._buckets.pop(next(iter(self._buckets)), None)
        return wait

    def __len__(self) -> int:
        return len(self._buckets)


class Access:
    """The check before every request. ``keys``: names by SHA-256 digest. ``counter`` hears of a limiter that fails."""

    __slots__ = ("_callers", "_counter", "_keys", "_limiter", "_mode")

    def __init__(
        self,
        mode: str = NONE,
        keys: Mapping[bytes, str] | None = None,
        limiter: Limiter | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._mode = mode
        self._keys = dict(keys or {})
        self._limiter = limiter
        self._counter = counter
        self._callers: dict[str, str] = {}

    def check(self, request: Request, event: Any) -> Response | None:
        """The refusal (401, 403 or 429), or None. Preflights and the health check are open: neither can bring a key."""
        if request.method == "OPTIONS" or (request.path == HEALTH_PATH and request.method in ("GET", "HEAD")):
            return None
        caller, refused = self._caller(request, event)
        if self._limiter is not None:
            wait = self._wait(self._limiter, caller)
            if wait > 0:
                retry = {"Retry-After": str(max(1, -int(-wait // 1)))}
                return refusal(request, 429, "too many requests: try again later", retry)
        return refused

    def _caller(self, request: Request, event: Any) -> tuple[str, Response | None]:
        """Who asks, for the limiter, and the refusal of who mustn't: such are told apart by their address."""
        if self._mode == API_KEY:
            name = self._name_of(request.headers.get(HEADER))
            if name is not None:
                request.caller = f"key:{name}"
                return request.caller, None
            challenge = {"WWW-Authenticate": f'ApiKey realm="burgee", header="{HEADER}"'}
            return _place(request.source_ip), refusal(request, 401, f"a valid API key is needed, in {HEADER}", challenge)
        if self._mode == IAM:
            principal = principal_of(event)
            if principal is not None:
                request.caller = f"iam:{self._digest_of(principal)}"
                return request.caller, None
            return _place(request.source_ip), refusal(request, 403, "the request isn't that of an IAM principal")
        return _place(request.source_ip), None

    def _name_of(self, key: object) -> str | None:
        """Whose key it is. All digests are compared, each in constant time, so that time tells nothing."""
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
            return None
        from hashlib import sha256

        digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
        found = None
        for known, name in self._keys.items():
            if _compare_digest(known, digest):
                found = name
        return found

    def _digest_of(self, principal: str) -> str:
        """What stands for a principal: ARNs hold account numbers and session names."""
        text = self._callers.get(principal)
        if text is None:
            from hashlib import sha256

            text = sha256(principal.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            if len(self._callers) < MAX_CALLERS:
                self._callers[principal] = text
        return text

    def _wait(self, limiter: Limiter, caller: str) -> float:
        """The limiter's answer. One that fails lets everybody in: it guards costs, not data."""
        try:
            return limiter(caller)
        except Exception:
            if self._counter is not None:
                self._counter.count(LIMITER_FAILED)
            return 0.0


def principal_of(event: Any) -> str | None:
    """The IAM principal that the platform has verified: of Function URLs and HTTP APIs, or of REST APIs. Raises nothing.

    Of an assumed role it is the role: a caller may choose a new name for each of its sessions.
    """
    try:
        context = event["requestContext"]
        authorizer = context.get("authorizer") or {}
        arn = (authorizer.get("iam") or {}).get("userArn") or (context.get("identity") or {}).get("userArn")
    except (TypeError, LookupError, AttributeError):
        return None
    if not isinstance(arn, str) or not arn:
        return None
    return arn.rpartition("/")[0] if ":assumed-role/" in arn and arn.count("/") > 1 else arn


def _place(address: str) -> str:
    """Where a request is from: an IPv4 address, or the network (/64) of an IPv6 one, all of which one customer has."""
    if ":" not in address:
        return f"ip:{address}"
    import _socket

    try:
        return f"ip:{_socket.inet_pton(_socket.AF_INET6, address)[:8].hex()}"
    except (OSError, ValueError):
        return f"ip:{address[:MAX_NAME]}"


# --- settings ---------------------------------------------------------------------------------------------------------


def access_of_environment(environment: Mapping[str, str], counter: Counter | None = None) -> Access | None:
    """As these variables say; None: everybody may ask, as often as they like. Raises ValueError, naming the variable."""
    mode = environment.get(AUTH) or NONE
    if mode not in (NONE, API_KEY, IAM):
        raise ValueError(f"{AUTH} is {mode!r:.40}; it must be none, api-key or iam")
    keys = _keys(environment.get(DIGESTS, ""))
    if mode == API_KEY and not keys:
        raise ValueError(f"{DIGESTS} isn't set: {AUTH} is api-key, and nobody could ask")
    if mode != API_KEY and keys:
        raise ValueError(f"{DIGESTS} is set, but {AUTH} isn't api-key: nobody would be asked for a key")
    limiter = _limiter(environment)
    return None if mode == NONE and limiter is None else Access(mode, keys, limiter, counter)


def _keys(text: str) -> dict[bytes, str]:
    """Names by digest, from ``name:hex`` with commas between; a digest alone is called by its first digits."""
    found = {}
    for part in text.split(","):
        if part := part.strip():
            name, _, digest = part.rpartition(":")
            digest = digest.lower()
            if len(digest) != DIGEST_HEX or not _HEX.issuperset(digest):
                raise ValueError(f"{DIGESTS} must be SHA-256 digests of API keys in hex, as name:digest, with commas between")
            if not _NAME.issuperset(name) or len(name) > MAX_NAME:
                raise ValueError(f"{DIGESTS}: a name has letters, digits, points, hyphens and underscores, at most {MAX_NAME}")
            found[bytes.fromhex(digest)] = name or digest[:8]
    return found


def _limiter(environment: Mapping[str, str]) -> Limiter | None:
    place = environment.get(LIMITER, "")
    if place:
        return _foreign_limiter(place, environment)
    rate_text, burst_text = environment.get(RATE, ""), environment.get(BURST, "")
    if not rate_text:
        if burst_text:
            raise ValueError(f"{BURST} is set, but {RATE} isn't: there would be no limit")
        return None
    try:
        rate = float(rate_text)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate <= MAX_RATE:
        raise ValueError(f"{RATE} is {rate_text!r:.40}; it must be a number of requests above 0, at most {MAX_RATE:.0f}")
    from handlers._settings import number

    return TokenBuckets(rate, number(environment, BURST, max(1, int(2 * rate)), "a number of requests", MAX_BURST))


def _foreign_limiter(place: str, environment: Mapping[str, str]) -> Limiter:
    """What ``module:function`` makes of the environment. Raises ValueError where there is no such function."""
    from importlib import import_module

    module, _, name = place.partition(":")
    try:
        make = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{LIMITER} is {place!r:.80}; it must be module:function, and that must be there") from error
    limiter: Limiter = make(environment)
    return limiter
