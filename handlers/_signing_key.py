"""Reads the private key that signs versions, from where AWS keeps it. For ``handlers.sync``.

It is never in the environment, which everybody sees who may look at the function. docs/store.md, section 6, has its rotation.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from evaluator.errors import BurgeeError
from handlers._sync_settings import PARAMETER, KeySource

RETRIES: Any = {"mode": "standard", "total_max_attempts": 4}
CURRENT = "AWSCURRENT"
CONFIG = Config(connect_timeout=2, read_timeout=5, retries=RETRIES)


class KeyUnreadable(BurgeeError):
    """The key can't be read. Says where it should be, and what to do. ``passes``: it is AWS that fails, and not the permission
    or the name."""

    def __init__(self, message: str, passes: bool) -> None:
        super().__init__(message)
        self.passes = passes


def name_of(source: KeySource) -> str:
    """What errors call the key: the parameter or the secret, never what is in it."""
    return f"the {'SSM parameter' if source.variable == PARAMETER else 'secret'} {source.place}"


def read_key(source: KeySource) -> bytes:
    """The key's text: of an SSM parameter, or of a secret of Secrets Manager. Raises KeyUnreadable."""
    try:
        return _of_parameter(source.place) if source.variable == PARAMETER else _of_secret(source.place)
    except (ClientError, BotoCoreError) as error:
        action = "ssm:GetParameter" if source.variable == PARAMETER else "secretsmanager:GetSecretValue"
        raise KeyUnreadable(
            f"{name_of(source)} ({source.variable}) can't be read ({_code(error)}): "
            f"the role needs {action} on it, and kms:Decrypt with its key",
            _passes(error),
        ) from error


def _of_parameter(name: str) -> bytes:
    answer = boto3.client("ssm", config=CONFIG).get_parameter(Name=name, WithDecryption=True)
    value: str = answer["Parameter"]["Value"]
    return value.encode()


def _of_secret(name: str) -> bytes:
    """The version that is current. As text, or as bytes: whoever stored a file has either."""
    answer = boto3.client("secretsmanager", config=CONFIG).get_secret_value(SecretId=name, VersionStage=CURRENT)
    text: str | None = answer.get("SecretString")
    data: bytes = answer["SecretBinary"] if text is None else text.encode()
    return data


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _passes(error: ClientError | BotoCoreError) -> bool:
    """Whether trying again may help: AWS wasn't reached, has too much to do, or failed itself."""
    if not isinstance(error, ClientError):
        return True
    return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or "Throttl" in _code(error)
