"""What an operator can set about where snapshots come from: the environment, read once. For ``handlers``.

Also what several functions read alike: a number, the stream's name. The variables, their units and defaults are described in
docs/hot-loading.md. On the cold path: imports next to nothing.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

STREAM = "KINESIS_STREAM_NAME"
REFRESH_MS = 5_000
BUDGET_MS = 100
FIRST_BUDGET_MS = 2_000
STALE_MS = 60_000
MAX_BYTES = 64 * 1024 * 1024
LONGEST_MS = 24 * 60 * 60 * 1000
PUBLIC_KEY_BYTES = 32
SCRATCH = "/tmp" + "/burgee"  # the one directory that a Lambda may write to  # noqa: S108


class Settings:
    """Where snapshots come from and how long that may take. Times are milliseconds.

    ``store``: ``s3://bucket/prefix``, a directory, or None (nothing to follow); ``bundle``: a directory laid out like a store,
    a ``.burgee`` file, or None; ``scratch``: a directory, or None for no scratch; ``refresh_ms``: the longest time between two
    looks at the store; ``budget_ms``: what a request may wait for the store while there is a snapshot to answer from,
    ``first_budget_ms``: while there is none; ``stale_ms``: the age from which a metric is raised; ``public_keys``: raw Ed25519
    keys, any of which may have signed, empty for unsigned stores; ``max_bytes``: the largest snapshot that is fetched.
    """

    __slots__ = (
        "budget_ms", "bundle", "endpoint", "first_budget_ms", "max_bytes", "public_keys", "refresh_ms", "region", "scratch",
        "stale_ms", "store",
    )  # fmt: skip

    def __init__(
        self,
        store: str | None = None,
        *,
        bundle: str | None = None,
        scratch: str | None = None,
        refresh_ms: int = REFRESH_MS,
        budget_ms: int = BUDGET_MS,
        first_budget_ms: int = FIRST_BUDGET_MS,
        stale_ms: int = STALE_MS,
        public_keys: tuple[bytes, ...] = (),
        region: str | None = None,
        endpoint: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.store = store
        self.bundle = bundle
        self.scratch = scratch
        self.refresh_ms = refresh_ms
        self.budget_ms = budget_ms
        self.first_budget_ms = first_budget_ms
        self.stale_ms = stale_ms
        self.public_keys = public_keys
        self.region = region
        self.endpoint = endpoint
        self.max_bytes = max_bytes


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that these variables say. Raises ValueError, naming the variable and what it may be."""
    get = environment.get
    store, bundle = get("BURGEE_STORE") or None, get("BURGEE_BUNDLE") or None
    if store is None and bundle is None:
        raise ValueError("BURGEE_STORE isn't set: it says where snapshots are, as s3://bucket/prefix or a directory")
    if store is not None and not _is_place(store):
        raise ValueError(f"BURGEE_STORE is {store!r}; it must be s3://bucket/prefix or a directory")
    return Settings(
        store,
        bundle=bundle,
        scratch=get("BURGEE_SCRATCH", SCRATCH) or None,
        refresh_ms=_milliseconds(environment, "BURGEE_REFRESH_MS", REFRESH_MS),
        budget_ms=_milliseconds(environment, "BURGEE_BUDGET_MS", BUDGET_MS),
        first_budget_ms=_milliseconds(environment, "BURGEE_FIRST_BUDGET_MS", FIRST_BUDGET_MS),
        stale_ms=_milliseconds(environment, "BURGEE_STALE_MS", STALE_MS),
        public_keys=_public_keys(get("BURGEE_PUBLIC_KEYS", "")),
        region=get("AWS_REGION") or get("AWS_DEFAULT_REGION") or None,
        endpoint=get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL") or None,
        max_bytes=number(environment, "BURGEE_MAX_BYTES", MAX_BYTES, "a number of bytes", 2**31),
    )


def _is_place(store: str) -> bool:
    """Whether it is an S3 URL with a bucket, or no URL at all."""
    scheme, separator, rest = store.partition("://")
    return not separator or (scheme == "s3" and rest.partition("/")[0] != "")


def _milliseconds(environment: Mapping[str, str], name: str, default: int) -> int:
    return number(environment, name, default, "a number of milliseconds", LONGEST_MS)


def number(environment: Mapping[str, str], name: str, default: int, what: str, most: int) -> int:
    """A whole number from 1 to ``most``. Raises ValueError, naming the variable; ``what`` says what it counts."""
    text = environment.get(name, "")
    if not text:
        return default
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
    if not 1 <= found <= most:
        raise ValueError(f"{name} is {text!r}; it must be {what} from 1 to {most}")
    return found


def stream_name(environment: Mapping[str, str]) -> str:
    """The stream that events go to; empty where none is set. Raises ValueError for what can't be a stream's name."""
    name = environment.get(STREAM, "")
    if len(name) > 128 or not name.isascii() or not all(character.isalnum() or character in "_.-" for character in name):
        raise ValueError(f"{STREAM} is {name!r:.150}; it must be a stream's name: letters, digits, _ . and -")
    return name


def _public_keys(text: str) -> tuple[bytes, ...]:
    """The keys. A deployment without what checks signatures (docs/bundles.md) hears of it here, not at the first request."""
    keys = tuple(_public_key(part.strip()) for part in text.split(",") if part.strip())
    if keys:
        try:
            import cryptography  # noqa: F401 # the package alone: its work is imported by handlers._signature
        except ImportError as error:
            raise ValueError(
                "BURGEE_PUBLIC_KEYS is set, and `cryptography`, which checks signatures, is not installed"
            ) from error
    return keys


def _public_key(text: str) -> bytes:
    try:
        key = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(
            f"BURGEE_PUBLIC_KEYS holds {text!r:.60}; it must be Ed25519 public keys, each the base64 of its 32 raw bytes, "
            "with commas between"
        )
    return key
