"""The assignment mirror when PostgreSQL is away, slow, frozen or busy: nothing is lost, and the batch comes again."""

import os
import signal
import time
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from handlers._postgres import Session, connect, of_url, with_defaults
from tests.aws import Aws
from tests.handlers.mirroring import Mirror, Queue, beside
from tests.handlers.streams import item, record
from tests.postgres import Postgres

BATCH = [record(n, item(f"user-{n}")) for n in range(1, 4)]
MARGIN = 3.0  # the handler's
LATE_SECONDS = 8.0  # of a busy machine, and less than the timeouts that would end a wait otherwise
PATIENCE_SECONDS = 60.0


def backend(mirror: Mirror) -> int:
    """The process that serves the function's connection."""
    connection = mirror.session._connection
    assert connection is not None
    return connection.info.backend_pid


def wait_for_a_waiter(mirror: Mirror) -> None:
    """Until somebody waits for a lock in this database."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not mirror.database.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0]:
        assert time.monotonic() < until
        time.sleep(0.01)


def users(mirror: Mirror) -> list[str]:
    return [row.user for row in mirror.rows()]


def test_shr_07_one_connection_with_timeouts_serves_all_batches(mirror: Mirror) -> None:
    mirror(BATCH[0])
    first = backend(mirror)
    mirror(BATCH[1])
    mirror(BATCH[2])
    assert backend(mirror) == first
    assert mirror.session._connection is not None
    parameters = mirror.session._connection.info.get_parameters()
    assert {name: parameters[name] for name in ("connect_timeout", "keepalives", "tcp_user_timeout")} == {
        "connect_timeout": "3", "keepalives": "1", "tcp_user_timeout": "10000",
    }  # fmt: skip


def test_shr_07_no_statement_outlives_the_invocation(mirror: Mirror) -> None:
    """Its limits are those of the time that is left, and end with the transaction."""
    connection = mirror.database.connection
    connection.execute("CREATE TABLE seen (name text, setting text)")
    connection.execute(
        """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO seen SELECT name, setting FROM pg_settings WHERE name LIKE '%timeout'; RETURN NEW;
        END $$"""
    )
    connection.execute("CREATE TRIGGER noting BEFORE INSERT ON burgee.assignments FOR EACH ROW EXECUTE FUNCTION note()")
    try:
        mirror(BATCH[0], seconds=10)
        seen = dict(connection.execute("SELECT name, setting FROM seen").fetchall())
    finally:
        connection.execute("DROP FUNCTION note CASCADE")
        connection.execute("DROP TABLE seen")
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        assert 3_000 < int(seen[name]) < 7_000, name


def test_a_batch_is_reported_from_its_first_record_while_the_database_is_away(mirror: Mirror, aws: Aws, tmp_path: Path) -> None:
    """Nothing is parked either: every repeated batch would park it again."""
    queue = Queue(aws)
    mirror.park(queue)
    mirror.restart(Session(lambda: connect({"host": str(tmp_path), "dbname": "x", "user": "x"})))
    bad = record(4, item(variant=None))
    assert mirror(*BATCH, bad) == ["1"]
    assert mirror.logs()[-1]["reason"] == "OperationalError"
    assert queue.messages() == []
    mirror.restart()
    assert mirror(*BATCH, bad) == []
    assert users(mirror) == ["user-1", "user-2", "user-3"]
    assert len(queue.messages()) == 1


def test_a_lost_connection_is_made_again_once(mirror: Mirror) -> None:
    """As after a freeze of the container, or a failover: the first thing that is heard is that it is gone."""
    mirror(BATCH[0])
    before = backend(mirror)
    assert mirror.database.one("SELECT pg_terminate_backend(%s, 5000)", before) == (True,)
    assert mirror(BATCH[1]) == []
    assert backend(mirror) != before
    assert users(mirror) == ["user-1", "user-2"]


def test_a_connection_that_can_not_be_made_again_fails_the_batch(mirror: Mirror) -> None:
    attempts = []

    def once() -> "psycopg.Connection[tuple[object, ...]]":
        attempts.append(time.monotonic())
        if len(attempts) == 2:
            raise psycopg.OperationalError("refused")
        return connect(with_defaults(of_url(mirror.database.url, "test")))

    mirror.restart(Session(once))
    mirror(BATCH[0])
    mirror.database.one("SELECT pg_terminate_backend(%s, 5000)", backend(mirror))
    assert mirror(BATCH[1]) == ["2"]
    assert len(attempts) == 2
    assert mirror(BATCH[1]) == []
    assert users(mirror) == ["user-1", "user-2"]


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "57014", "53100", "53300", "25006", "42501", "42P01", "XX000"])
def test_shr_06_errors_about_the_database_repeat_the_batch(mirror: Mirror, code: str) -> None:
    """A read-only transaction is a failover whose old side we are still connected with: so the connection is made anew."""
    mirror(BATCH[0])
    before = backend(mirror)
    with mirror.database.fails(code, "boom"):
        assert mirror(BATCH[1], record(9, item("user-9", variant="boom"))) == ["2"]
    assert users(mirror) == ["user-1"], "all of a batch or nothing"
    assert mirror.logs()[-1]["reason"].endswith(code)
    assert mirror(BATCH[1]) == []
    assert backend(mirror) != before


def test_a_row_that_somebody_holds_fails_the_batch_in_time(mirror: Mirror) -> None:
    mirror(BATCH[0])
    with mirror.database.connect() as other, other.transaction():
        other.execute("SELECT FROM burgee.assignments FOR UPDATE")
        started = time.monotonic()
        assert mirror(record(5, item("user-1", variant="control"), item("user-1")), seconds=MARGIN + 3) == ["5"]
        assert time.monotonic() - started < LATE_SECONDS
        assert mirror.logs()[-1]["reason"].split()[0] in ("LockNotAvailable", "QueryCanceled")
    assert mirror(record(5, item("user-1", variant="control"), item("user-1"))) == []
    assert [row.variant for row in mirror.rows()] == ["control"]


def test_a_deadlock_repeats_the_batch(mirror: Mirror) -> None:
    mirror(*BATCH)
    changed = [record(10 + n, item(f"user-{n}", variant="control"), item(f"user-{n}")) for n in (1, 2)]
    reported: list[str] = []
    lock = "SELECT FROM burgee.assignments WHERE user_id = %s FOR UPDATE"
    with mirror.database.connect() as other:
        other.execute("SET deadlock_timeout = '600s'")  # so that it is the mirror that finds it
        mirror.session.run(lambda connection: connection.execute("SET deadlock_timeout = '3s'"), lambda: 60)
        with other.transaction():
            other.execute(lock, ["user-2"])
            with beside(lambda: reported.extend(mirror(*changed))):
                wait_for_a_waiter(mirror)
                other.execute(lock, ["user-1"])
    assert reported == ["11"]
    assert mirror.logs()[-1]["reason"] == "DeadlockDetected 40P01"
    assert mirror(*changed) == []


def test_a_server_that_freezes_does_not_take_the_invocation_with_it(mirror: Mirror) -> None:
    """No timeout of its own helps then: the connection is cut when the time is over."""
    mirror(BATCH[0])
    pid = backend(mirror)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert mirror(BATCH[1], seconds=MARGIN + 1.5) == ["2"]
        assert time.monotonic() - started < LATE_SECONDS
    finally:
        os.kill(pid, signal.SIGCONT)
    assert mirror(BATCH[1]) == []
    assert users(mirror) == ["user-1", "user-2"]


def test_a_server_that_answers_no_connection_is_given_up(mirror: Mirror, postgres: Postgres) -> None:
    pid = int((postgres.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    mirror.restart(Session(lambda: connect(of_url(mirror.database.url, "test") | {"connect_timeout": 2})))
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert mirror(BATCH[1], seconds=MARGIN + 2) == ["2"]
        assert time.monotonic() - started < LATE_SECONDS
    finally:
        os.kill(pid, signal.SIGCONT)
    assert mirror.logs()[-1]["reason"] == "ConnectionTimeout"
    assert mirror(BATCH[1]) == []


def test_a_batch_is_not_begun_without_time(mirror: Mirror) -> None:
    assert mirror(*BATCH, seconds=MARGIN + 0.2) == ["1"]
    assert "too few" in mirror.logs()[-1]["reason"]
    assert mirror.rows() == []


def test_settings_that_are_wrong_fail_the_batch_and_are_said(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)
    mirror.restart(Session())
    assert mirror(*BATCH) == ["1"]
    assert mirror.logs()[-1]["reason"] == "neither DATABASE_URL nor DATABASE_SECRET_ID is set"


def test_a_fault_of_our_own_loses_nothing(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    from handlers import assignment_mirror

    def fail(*_: object) -> None:
        raise ZeroDivisionError("user-1")

    with monkeypatch.context() as patch:
        patch.setattr(assignment_mirror, "write", fail)
        assert mirror(*BATCH) == ["1"]
    assert mirror.logs()[-1]["reason"] == "an unexpected ZeroDivisionError"
    assert any("fail" in call for call in mirror.logs()[-1]["where"])
    assert mirror(*BATCH) == []


@pytest.mark.parametrize("how", ["stream", "hand"])
def test_sec_08_what_is_written_while_somebody_erases_does_not_stay(mirror: Mirror, how: str) -> None:
    """Whoever erases waits for those who are writing: a redrive of dead letters, beside the stream."""
    mirror(record(1, item()))

    def erase() -> object:
        if how == "stream":
            return mirror(record(5, old=item()))
        with mirror.database.connect() as connection:
            return connection.execute("SELECT burgee.erase_user('user-1')")

    thread = Thread(target=erase)
    with mirror.database.connect() as other, other.transaction():
        other.execute("SELECT burgee.lock_assignments(false)")  # as every batch begins
        other.execute(
            """INSERT INTO burgee.assignments (user_id, experiment_id, assignment_id, experiment_key, variant, assigned_at,
               sequence_number) VALUES ('user-1', 'exp-1', 'assign_late', 'checkout', 'control', now(), 1)"""
        )
        thread.start()
        wait_for_a_waiter(mirror)
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert mirror.rows() == []
