"""``burgee migrate`` on a real PostgreSQL server."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from burgee.cli import main
from burgee.migrate import Migration, migrate, migrations
from burgee.trouble import Trouble
from tests.postgres import Postgres

Connection = psycopg.Connection[tuple[Any, ...]]
ALL = [migration.name for migration in migrations()]


@pytest.fixture
def url(postgres: Postgres) -> str:
    """An empty database's."""
    return postgres.database()


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def migration(number: int, sql: str) -> Migration:
    return Migration(number, f"{number:04}_test", sql.encode())


def test_migrations_are_numbered_without_gaps() -> None:
    assert [item.number for item in migrations()] == list(range(1, len(ALL) + 1))
    assert ALL[0] == "0001_assignments"


def test_the_command_migrates_once(url: str, connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--database", url]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "0001_assignments: done"
    recorded = connection.execute("SELECT number, name, length(sha256), applied_at FROM burgee.migrations").fetchall()
    assert [row[:3] for row in recorded] == [(number, name, 64) for number, name in enumerate(ALL, 1)]
    assert main(["migrate", "--database", url]) == 0
    assert capsys.readouterr().out == "nothing left to do\n"
    assert connection.execute("SELECT number, name, length(sha256), applied_at FROM burgee.migrations").fetchall() == recorded


def test_the_database_is_that_of_the_environment(
    url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["migrate"]) == 0
    assert connection.execute("SELECT count(*) FROM burgee.assignments").fetchone() == (0,)


def test_several_at_once_migrate_once(url: str) -> None:
    def run(_: int) -> list[str]:
        with psycopg.connect(url, autocommit=True) as connection:
            return migrate(connection, migrations())

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(run, range(4))) == [[], [], [], ALL]


def test_a_migration_that_fails_leaves_nothing(connection: Connection) -> None:
    good, bad = migration(1, "CREATE TABLE one ()"), migration(2, "CREATE TABLE two (); SELECT 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(connection, [good, bad])
    assert connection.execute("SELECT to_regclass('one'), to_regclass('two'), to_regclass('burgee.migrations')").fetchone() == (
        None, None, None,
    )  # fmt: skip
    assert migrate(connection, [good]) == ["0001_test"]
    assert migrate(connection, [good, migration(2, "CREATE TABLE two ()")]) == ["0002_test"]


def test_a_migration_that_was_changed_after_it_ran_is_refused(connection: Connection) -> None:
    migrate(connection, [migration(1, "CREATE TABLE one ()")])
    with pytest.raises(Trouble, match="another migration 1"):
        migrate(connection, [migration(1, "CREATE TABLE one (a int)"), migration(2, "CREATE TABLE two ()")])
    assert connection.execute("SELECT to_regclass('two')").fetchone() == (None,)


def test_an_older_version_leaves_a_newer_database_alone(connection: Connection) -> None:
    one, two = migration(1, "CREATE TABLE one ()"), migration(2, "CREATE TABLE two ()")
    migrate(connection, [one, two])
    assert migrate(connection, [one]) == []


def test_a_writer_needs_no_more_than_rows(url: str, connection: Connection) -> None:
    """The rights that docs/assignment-mirror.md gives the function's role are enough, and it can't change the tables."""
    from handlers._mirror_rows import Writing, writing_of
    from handlers._mirror_tables import write
    from handlers._stream_dynamodb import decode
    from tests.handlers.streams import item, record

    migrate(connection, migrations())
    connection.execute(
        """
        CREATE ROLE mirror LOGIN;
        GRANT USAGE ON SCHEMA burgee TO mirror;
        GRANT SELECT, INSERT, UPDATE, DELETE ON burgee.assignments, burgee.assignment_erasures TO mirror
        """
    )
    try:
        with psycopg.connect(url, user="mirror", autocommit=True) as writer:
            writings: list[Writing] = [
                writing_of(decode(change)) for change in (record(1, item()), record(2, item("user-2")), record(3, old=item()))
            ]
            assert write(writer, writings, 5_000) == []
            assert writer.execute("SELECT count(*) FROM burgee.assignments").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute("DROP TABLE burgee.assignments")
    finally:
        connection.execute("DROP OWNED BY mirror; DROP ROLE mirror")


# --- what is said -------------------------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_said_without_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--database", "postgresql://u:s3cret@127.0.0.1:1/x"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "s3cret" not in said


def test_a_url_that_is_none_is_said_without_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--database", "postgres//u:s3cret@h"]) == 1
    assert capsys.readouterr().err.startswith("burgee: --database is no connection URL")


def test_without_a_database_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", "DATABASE_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)
    assert main(["migrate"]) == 1
    assert "neither DATABASE_URL nor DATABASE_SECRET_ID" in capsys.readouterr().err


def test_without_the_driver_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "burgee.migrate", raising=False)
    monkeypatch.delitem(sys.modules, "handlers._postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main(["migrate", "--database", "postgresql:///x"]) == 1
    assert "pip install 'burgee[mirror]'" in capsys.readouterr().err
