"""Settings of a connection to PostgreSQL, and the session that keeps one."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from handlers._postgres import DatabaseError, Session, connect, of_url, parameters, said, with_defaults
from tests.aws import Aws
from tests.handlers.mirroring import Database
from tests.postgres import Postgres

URL = "postgresql://mirror:s3cret@db.example:5433/app"


def test_a_url_gets_timeouts_keepalives_and_tls() -> None:
    found = parameters({"DATABASE_URL": URL, "AWS_LAMBDA_FUNCTION_NAME": "mirror"})
    assert found == {
        "host": "db.example",
        "port": "5433",
        "user": "mirror",
        "password": "s3cret",
        "dbname": "app",
        "sslmode": "verify-full",
        "connect_timeout": 3,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "application_name": "mirror",
        "client_encoding": "utf8",
    }


@pytest.mark.parametrize(
    ("url", "more", "mode"),
    [
        (URL, {}, "verify-full"),
        ("postgresql://u@localhost/app", {}, None),
        ("postgresql://u@127.0.0.9/app", {}, None),
        ("postgresql://u@[::1]/app", {}, None),
        ("postgresql:///app?host=/run/postgresql", {}, None),
        ("dbname=app", {}, None),
        ("dbname=app", {"PGHOST": "db.example"}, "verify-full"),
        ("postgresql://u@localhost.example/app", {}, "verify-full"),
        ("postgresql://u@127.example/app", {}, "verify-full"),
        ("postgresql://u@localhost,db.example/app", {}, "verify-full"),
        ("postgresql://u@localhost/app?hostaddr=192.0.2.1", {}, "verify-full"),
        ("service=app", {}, "verify-full"),
        (URL + "?sslmode=require", {}, "require"),
        (URL, {"PGSSLMODE": "verify-ca"}, None),
    ],
)
def test_sec_02_tls_is_verified_unless_the_server_is_here(url: str, more: dict[str, str], mode: str | None) -> None:
    """None: nothing is asked for, so libpq's default or variable counts."""
    assert with_defaults(of_url(url, "DATABASE_URL"), more).get("sslmode") == mode


def test_the_authority_is_that_of_the_setting() -> None:
    found = parameters({"DATABASE_URL": URL, "DATABASE_CA_FILE": "rds.pem"})
    assert found["sslrootcert"] == "rds.pem"


def test_what_the_url_says_counts() -> None:
    found = parameters({"DATABASE_URL": URL + "?connect_timeout=9&keepalives_idle=5&application_name=me"})
    assert (found["connect_timeout"], found["keepalives_idle"], found["application_name"]) == ("9", "5", "me")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "neither DATABASE_URL nor DATABASE_SECRET_ID"),
        ({"DATABASE_URL": URL, "DATABASE_SECRET_ID": "db"}, "both set"),
        ({"DATABASE_URL": "postgres//u:s3cret@db"}, "DATABASE_URL is no connection URL"),
        ({"DATABASE_URL": URL + "?s3cret=1"}, "DATABASE_URL is no connection URL"),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(environment: dict[str, str], message: str) -> None:
    with pytest.raises(DatabaseError, match=message) as caught:
        parameters(environment)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


# --- secrets ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secrets(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    yield aws.client("secretsmanager")


def test_a_secret_is_read_for_each_connection(secrets: Any, aws: Aws) -> None:
    """So a rotated password is there when the old connection has been refused."""
    name = aws.name("secret")
    secret = {"engine": "postgres", "host": "db.example", "port": 5432, "username": "u", "password": "one", "dbname": "app"}
    secrets.create_secret(Name=name, SecretString=json.dumps(secret))
    found = parameters({"DATABASE_SECRET_ID": name})
    assert {key: found[key] for key in ("host", "port", "user", "password", "dbname", "sslmode")} == {
        "host": "db.example", "port": "5432", "user": "u", "password": "one", "dbname": "app", "sslmode": "verify-full",
    }  # fmt: skip
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(secret | {"password": "two"}))
    assert parameters({"DATABASE_SECRET_ID": name})["password"] == "two"


@pytest.mark.parametrize("text", ["no JSON, s3cret", "[]", '{"host": "h", "password": "s3cret"}', None])
def test_a_secret_that_is_none_is_said_without_its_text(secrets: Any, aws: Aws, text: str | None) -> None:
    name = aws.name("secret")
    if text is not None:
        secrets.create_secret(Name=name, SecretString=text)
    expected = r"must be a JSON object with host" if text is not None else r"can't be read \(ResourceNotFoundException\)"
    with pytest.raises(DatabaseError, match=expected) as caught:
        parameters({"DATABASE_SECRET_ID": name})
    assert "s3cret" not in str(caught.value)


# --- the session --------------------------------------------------------------------------------------------------------


def test_a_session_connects_when_it_is_first_needed(migrated: Database) -> None:
    made = []
    session = Session(lambda: made.append(1) or connect(of_url(migrated.url, "test")))  # type: ignore[func-returns-value]
    assert made == []
    for _ in range(3):
        assert session.run(lambda connection: connection.execute("SELECT 1").fetchone(), lambda: 10.0) == (1,)
    assert made == [1]
    session.close()
    session.close()


def test_a_session_does_not_repeat_what_the_server_refused(migrated: Database) -> None:
    session = migrated.session()
    calls = []

    def work(connection: Any) -> None:
        calls.append(connection)
        if len(calls) > 1:
            connection.execute("SELECT 1/0")

    session.run(work, lambda: 10.0)
    with pytest.raises(psycopg.errors.DivisionByZero):
        session.run(work, lambda: 10.0)
    assert len(calls) == 2
    assert calls[1].closed, "whatever state it was in, the next one is clean"


def test_a_pool_between_meets_no_prepared_statements(postgres: Postgres, migrated: Database) -> None:
    connection = connect(of_url(migrated.url, "test"))
    with connection:
        for n in range(12):
            connection.execute("SELECT %s + 1", [n])
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_sec_08_an_error_is_said_without_the_row_it_quotes(migrated: Database) -> None:
    with pytest.raises(psycopg.Error) as caught:
        migrated.connection.execute("INSERT INTO burgee.assignment_erasures VALUES ('alice', null)")
    assert "alice" not in said(caught.value)
    assert said(caught.value) == "NotNullViolation 23502"
    assert said(ValueError("alice")) == "an unexpected ValueError"
