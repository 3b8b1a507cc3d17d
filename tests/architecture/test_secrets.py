"""SEC-03: no credentials, account numbers or people's directories in what git has; without a network and without a tool."""

import re

import pytest

from tests.architecture.imports import ROOT
from tests.architecture.test_house import files

EXAMPLES = {"123456789012", "000000000000", "111122223333", "444455556666"}  # AWS's own, and what moto answers
EXAMPLE_KEYS = {"AKIAIOSFODNN7EXAMPLE", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}  # AWS's documentation's
BINARY = (".so", ".bin", ".burgee", ".png", ".svg", ".gz")

KINDS = {
    "an AWS access key": r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{16}\b",
    "an AWS secret key": r"(?i)secret_?(?:access_?)?key[\"']?\s*[:=]\s*[\"']?([0-9A-Za-z/+]{40})(?![0-9A-Za-z/+])",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\n)*[0-9A-Za-z+/]{40}",
    "a token of a service": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{40,}|xox[abprs]-[0-9A-Za-z-]{10,}"
    r"|sk_live_[0-9A-Za-z]{16,}|AIza[0-9A-Za-z_-]{35}|npm_[0-9A-Za-z]{36}|pypi-[0-9A-Za-z_-]{50,}|sk-ant-[0-9A-Za-z-]{20,})",
    "a signed token": r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    "an account number": r"(?:arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:|dkr\.ecr\.|account_?id\W{1,5})([0-9]{12})\b",
    "somebody's directory": r"(?:/home|/Users|[A-Z]:\\Users)[/\\](?!runner\b|user\b|you\b)[a-z][a-z0-9._-]+",
    "a password in an address": r"\b[a-z][a-z0-9+]*://[^/\s:@\"'{}<>]+:([^/\s:@\"'{}<>$]+)@(?!127\.|localhost|host\b|[a-z0-9.-]+\.example\b)[a-z0-9-]",
}


def secrets_in(text: str) -> list[str]:
    """What in a text looks like a secret: kind and place, not the thing itself."""
    found = []
    for kind, pattern in KINDS.items():
        for match in re.finditer(pattern, text, re.IGNORECASE if kind == "an account number" else 0):
            value = match[1] if match.re.groups else match[0]
            if value not in EXAMPLES | EXAMPLE_KEYS:
                found.append(f"{kind} in line {text.count(chr(10), 0, match.start()) + 1}")
    return found


def test_sec_03_there_is_no_secret_in_the_repository() -> None:
    found, seen = [], 0
    for name in files():
        if not name.endswith(BINARY):
            seen += 1
            text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
            found += [f"{name}: {what}" for what in secrets_in(text)]
    assert seen > 200
    assert found == []


def test_sec_03_nothing_that_holds_secrets_is_kept() -> None:
    kept = re.compile(r"(?:^|/)(?:\.env(?:\.\w+)?|id_(?:rsa|ed25519|ecdsa)|credentials|[^/]+\.(?:pem|key|p12|pfx|jks|kdbx))$")
    assert [name for name in files() if kept.search(name)] == []


HEX, ALPHABET = "0123456789abcdef" * 4, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("an AWS access key", f"key = '{'AKIA'}{'Z' * 16}'"),
        ("an AWS access key", f"{'ASIA'}QWERTYUIOP123456"),
        ("an AWS secret key", f"aws_secret_access_key = {ALPHABET[:40]}"),
        ("an AWS secret key", f'"SecretAccessKey": "{ALPHABET[3:43]}"'),
        ("a private key", f"-----BEGIN RSA PRIVATE KEY-----\n{ALPHABET}"),
        ("a token of a service", f"{'ghp'}_{ALPHABET[:36]}"),
        ("a token of a service", f"{'xoxb'}-1234567890-abc"),
        ("a signed token", f"{'eyJ'}hbGciOiJIUzI1NiJ9.{'eyJ'}zdWIiOiIxMjM0In0.{ALPHABET[:20]}"),
        ("an account number", f"arn:aws:iam::{'98765' + '4321098'}:role/x"),
        ("an account number", f'"accountId": "{"98765" + "4321098"}"'),
        ("somebody's directory", f"path = {'/home'}/jane/src"),
        ("somebody's directory", f"{'/Users'}/jane/src"),
        ("a password in an address", f"postgresql://app:{'hunter2'}@db.internal/x"),
    ],
)
def test_each_kind_would_be_found(kind: str, text: str) -> None:
    assert secrets_in(f"one\n{text}\n") == [f"{kind} in line 2"]


def test_what_only_looks_like_one_isnt_reported() -> None:
    harmless = f"""
        arn:aws:lambda:us-east-1:123456789012:function:edge
        {"AKIAIOSFODNN7EXAMPLE"}
        sha256 = "{HEX}"
        aws_secret_access_key = testing
        http://user:pass@localhost:8080
        postgresql://user:password@db.example/x
        accountId: anonymous
        """
    assert secrets_in(harmless) == []
