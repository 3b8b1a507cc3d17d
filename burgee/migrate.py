"""``burgee migrate``: brings a PostgreSQL database's schema ``burgee`` up to this version. For ``burgee.commands``.

The migrations are the files of ``handlers/migrations``, in the order of their numbers. Those that haven't run yet run in one
transaction, under a lock: all of them or none, and never by two at once. What has run is recorded with its SHA-256.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

import psycopg

from burgee.trouble import Trouble
from handlers._postgres import Connection, DatabaseError, connect, of_url, parameters, said, with_defaults

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('burgee.migrations', 0))"
PREPARE = """
CREATE SCHEMA IF NOT EXISTS burgee;
CREATE TABLE IF NOT EXISTS burgee.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
DONE = "SELECT number, name, sha256 FROM burgee.migrations"
RECORD = "INSERT INTO burgee.migrations (number, name, sha256) VALUES (%s, %s, %s)"


class Migration(NamedTuple):
    """One file, ``0001_what_it_does.sql``. It must not begin or end transactions."""

    number: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        return sha256(self.sql).hexdigest()


def migrations() -> list[Migration]:
    """Those of this version, in order."""
    found = [file for file in (files("handlers") / "migrations").iterdir() if file.name.endswith(".sql")]
    names = {file.name.removesuffix(".sql"): file.read_bytes() for file in found}
    return [Migration(int(name.partition("_")[0]), name, names[name]) for name in sorted(names)]


def migrate(connection: Connection, known: Sequence[Migration]) -> list[str]:
    """Runs what hasn't run yet and gives its names. Raises Trouble, and psycopg's errors: then nothing has changed."""
    with connection.transaction():
        connection.execute(LOCK)
        connection.execute(PREPARE)
        done = {number: (name, digest) for number, name, digest in connection.execute(DONE)}
        for migration in known:
            if migration.number in done and done[migration.number] != (migration.name, migration.sha256):
                raise Trouble(
                    f"the database has run another migration {migration.number} ({done[migration.number][0]}) "
                    f"than this version's {migration.name}: nothing was changed"
                )
        missing = [migration for migration in known if migration.number not in done]
        for migration in missing:
            connection.execute(migration.sql)
            connection.execute(RECORD, (migration.number, migration.name, migration.sha256))
    return [migration.name for migration in missing]


def run(url: str | None) -> int:
    """Migrates the database at ``url``, None for the environment's, and prints what has run. Raises Trouble."""
    try:
        given = parameters() if url is None else with_defaults(of_url(url, "--database"))
        with connect(given) as connection:
            names = migrate(connection, migrations())
    except DatabaseError as error:
        raise Trouble(str(error)) from error
    except psycopg.Error as error:
        # Of a connection that failed the text says host and reason; of a statement that failed, the statement's error.
        raise Trouble(f"{said(error)}: {' '.join(str(error).split())}") from error
    for name in names:
        print(f"{name}: done")
    print("nothing left to do" if not names else f"{len(names)} migration{'s' * (len(names) != 1)} run")
    return 0
