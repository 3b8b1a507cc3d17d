"""A connection to PostgreSQL that a Lambda container keeps: settings, TLS, timeouts, and what an error means for a record.

For the handlers that write to PostgreSQL, and for ``burgee migrate``. Not for the hot path.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Timer
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from evaluator.errors import BurgeeError

CONNECT_SECONDS = 3
LEAST_SECONDS = 0.5  # work isn't begun with less
SECRET_FIELDS = {"host": "host", "port": "port", "username": "user", "password": "password", "dbname": "dbname"}
OF_RECORD = ("22", "23", "54")  # SQLSTATE classes: data, integrity, a limit that a value passes

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")


class DatabaseError(BurgeeError):
    """The database can't be used as it is configured. The message names the setting, and no secret."""


def parameters(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What to connect with, from ``DATABASE_URL`` or ``DATABASE_SECRET_ID``, and our defaults. Raises DatabaseError."""
    url, secret = environment.get("DATABASE_URL"), environment.get("DATABASE_SECRET_ID")
    if url and secret:
        raise DatabaseError("DATABASE_URL and DATABASE_SECRET_ID are both set: keep one")
    if url:
        return with_defaults(of_url(url, "DATABASE_URL"), environment)
    if secret:
        return with_defaults(_of_secret(secret), environment)
    raise DatabaseError("neither DATABASE_URL nor DATABASE_SECRET_ID is set")


def of_url(url: str, name: str) -> dict[str, Any]:
    """The parameters of a URL, or of ``key=value`` words. A DatabaseError calls it ``name``: its text may hold a password."""
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:
        raise DatabaseError(f"{name} is no connection URL: postgresql://user:password@host:port/database") from None


def with_defaults(given: dict[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Timeouts and keepalives where none are given; TLS with a verified host name unless the host is this machine."""
    found: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,  # milliseconds: what was sent and isn't acknowledged by then breaks the connection
        "application_name": environment.get("AWS_LAMBDA_FUNCTION_NAME") or "burgee",
        "client_encoding": "utf8",
    }
    if not environment.get("PGSSLMODE") and not _is_here(given, environment):
        found["sslmode"] = "verify-full"
    if authority := environment.get("DATABASE_CA_FILE"):
        found["sslrootcert"] = authority
    return found | given


def _is_here(given: dict[str, Any], environment: Mapping[str, str]) -> bool:
    hosts = given.get("hostaddr") or given.get("host") or environment.get("PGHOSTADDR") or environment.get("PGHOST") or "/"
    return "service" not in given and all(_is_loopback(host) for host in str(hosts).split(","))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.startswith(("/", "@")):  # the last two are Unix sockets
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _of_secret(name: str) -> dict[str, Any]:
    """Read with every new connection: a rotated password is there with the next one."""
    import boto3  # here: with DATABASE_URL nobody needs it
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    try:
        client: Any = boto3.client("secretsmanager", config=Config(connect_timeout=2, read_timeout=3, retries=retries))
        text = client.get_secret_value(SecretId=name)["SecretString"]
    except (ClientError, BotoCoreError, KeyError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise DatabaseError(f"the secret of DATABASE_SECRET_ID can't be read ({code})") from None
    try:
        secret = json.loads(text)
        return {ours: str(secret[theirs]) for theirs, ours in SECRET_FIELDS.items()}
    except (ValueError, TypeError, KeyError):
        fields = ", ".join(SECRET_FIELDS)
        raise DatabaseError(f"the secret of DATABASE_SECRET_ID must be a JSON object with {fields}") from None


def connect(given: dict[str, Any]) -> Connection:
    """A connection that begins its transactions explicitly. Raises psycopg's errors.

    No statement is prepared by name: poolers don't keep those apart, and a batch is one statement anyway.
    """
    return psycopg.connect(**given, autocommit=True, prepare_threshold=None)


class Session:
    """One connection, made when it is first needed, kept while it works, made again when it was lost. For one thread."""

    def __init__(self, connect: Callable[[], Connection] = lambda: connect(parameters())) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    def run(self, work: Callable[[Connection], T], left: Callable[[], float]) -> T:
        """``work`` on the connection; a second time, if a kept connection turns out to be gone: so it must be idempotent.

        ``left``: the seconds there are. Then the connection is cut, whatever the server does. Raises psycopg's errors,
        DatabaseError, and what ``work`` raises; the connection isn't kept then.
        """
        is_kept = self._connection is not None
        try:
            return self._attempt(work, left())
        except psycopg.OperationalError as error:
            if not is_kept or error.sqlstate not in _LOST or left() < LEAST_SECONDS:
                raise
        return self._attempt(work, left())

    def close(self) -> None:
        """Closes the connection, if there is one. Raises nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _attempt(self, work: Callable[[Connection], T], seconds: float) -> T:
        if seconds < LEAST_SECONDS:
            raise DatabaseError(f"{max(seconds, 0):.1f} s are left: too few to begin")
        try:
            if self._connection is None:
                self._connection = self._connect()
            with _cut_after(self._connection, seconds):
                return work(self._connection)
        except BaseException:
            self.close()  # whatever it was (a failover, a reader instead of the writer, a lost network), a new one is clean
            raise


# The server has ended the session, or (None) the connection broke without a word.
_LOST = (None, "57P01", "57P02", "57P05", "08000", "08003", "08006", "25P03")


@contextmanager
def _cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Shuts the connection's socket down when the time is over: no timeout of the server's helps when it is the server that
    doesn't answer. The socket is a duplicate, so that its number can't mean another one by then."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        timer = Timer(seconds, _shut, (ours,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut(ours: socket.socket) -> None:
    try:
        ours.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is closed already
        return


def is_of_record(error: psycopg.Error) -> bool:
    """Whether the error is about the values that were written: writing them again would fail again."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)  # found before they were sent
    return error.sqlstate[:2] in OF_RECORD


def said(error: Exception) -> str:
    """An error for logs and dead letters: its kind, SQLSTATE and constraint. Its text isn't told, for it quotes rows."""
    name = type(error).__name__
    if not isinstance(error, psycopg.Error):
        return str(error) if isinstance(error, BurgeeError) else f"an unexpected {name}"
    words = [name, *([error.sqlstate] if error.sqlstate else [])]
    if error.diag.constraint_name:
        words.append(f"({error.diag.constraint_name})")
    return " ".join(words)
