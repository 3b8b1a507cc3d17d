"""AWS credentials for the reader: from the environment, or from the address that the environment names. For ``handlers._s3``.

A Lambda function has them in its environment; one that is restored from a snapshot (SnapStart) and a container have an address
to ask, and what that gives expires. Nothing is read when this module is imported or an object is made: a process that is
copied afterwards must not carry old ones.
"""

from __future__ import annotations

from os import environ

from handlers._origin import OriginError


class Credentials:
    """A key pair; ``token`` for temporary ones, ``expires`` in epoch seconds when it is known."""

    __slots__ = ("access_key", "expires", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str | None = None, expires: float | None = None) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires

    def __repr__(self) -> str:
        return f"Credentials({self.access_key[:4]}…)"


class FromEnvironment:
    """The credentials that AWS gives a function or a container."""

    __slots__ = ()

    def get(self, until: float) -> Credentials:
        """Reads the environment each time. Raises OriginError of kind credentials when there are none."""
        access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not access_key or not secret_key:
            raise OriginError("credentials", "no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
        return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN"))

    def forget(self) -> None:
        """Nothing is kept."""
