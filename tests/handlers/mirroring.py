"""What the tests of the mirror share: a migrated database, a queue of dead letters, and the handler on them."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import Thread
from typing import Any, NamedTuple

import psycopg
import pytest

from burgee.migrate import migrate, migrations
from handlers import _dead_letters, assignment_mirror
from handlers._postgres import Session, connect, of_url, with_defaults
from tests.aws import Aws
from tests.handlers.streams import Context
from tests.postgres import Postgres


class Assigned(NamedTuple):
    """What a row says, but for times."""

    user: str
    experiment: str
    assignment: str
    variant: str
    ended: str | None
    sequence: Decimal


class Database:
    """A migrated database, asked over a connection of the test's own."""

    def __init__(self, postgres: Postgres) -> None:
        self.url = postgres.database()
        self.connection = self.connect()
        migrate(self.connection, migrations())

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def rows(self) -> list[Assigned]:
        """Everything that is mirrored, by key."""
        query = """
            SELECT user_id, experiment_id, assignment_id, variant, end_reason, sequence_number
            FROM burgee.assignments ORDER BY user_id, experiment_id, assignment_id
        """
        return [Assigned(*row) for row in self.connection.execute(query)]

    def one(self, query: str, *values: object) -> tuple[Any, ...]:
        """The only row of an answer."""
        (row,) = self.connection.execute(query, values).fetchall()
        return row

    def clear(self) -> None:
        self.connection.execute("DELETE FROM burgee.assignments")
        self.connection.execute("DELETE FROM burgee.assignment_erasures")

    def session(self) -> Session:
        """As the function has it, but on this database."""
        return Session(lambda: connect(with_defaults(of_url(self.url, "test"))))

    @contextmanager
    def fails(self, code: str, variant: str) -> Iterator[None]:
        """Whoever writes this variant gets an error with this SQLSTATE."""
        self.connection.execute(
            """
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.variant = TG_ARGV[1] THEN
                    RAISE EXCEPTION 'of %', NEW.user_id USING ERRCODE = TG_ARGV[0];
                END IF;
                RETURN NEW;
            END $$
            """
        )
        trigger = psycopg.sql.SQL(
            "CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON burgee.assignments FOR EACH ROW EXECUTE FUNCTION fail({}, {})"
        )
        self.connection.execute(trigger.format(psycopg.sql.Literal(code), psycopg.sql.Literal(variant)))
        try:
            yield
        finally:
            self.connection.execute("DROP FUNCTION fail CASCADE")


class Queue:
    """A queue of dead letters."""

    def __init__(self, aws: Aws) -> None:
        self.client = aws.client("sqs")
        self.url = self.client.create_queue(QueueName=aws.name("dlq"))["QueueUrl"]

    def messages(self) -> list[dict[str, Any]]:
        """Takes all there are, by sequence number."""
        found: list[dict[str, Any]] = []
        while some := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in some]
            for message in some:
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found, key=lambda message: int(message["sequenceNumber"]))


class Mirror:
    """The function on a database, with a new container's session and what it logs. Without a queue until it gets one."""

    def __init__(self, database: Database, patch: pytest.MonkeyPatch) -> None:
        self.database = database
        self._patch = patch
        self.logged = io.StringIO()
        patch.setattr(assignment_mirror.logger.registered_handler, "stream", self.logged)
        self.restart()
        self.park(None)

    def restart(self, session: Session | None = None) -> None:
        self.session = session or self.database.session()
        self._patch.setattr(assignment_mirror, "session", self.session)

    def park(self, queue: Queue | None, url: str | None = None) -> None:
        """Where dead letters go from now on; None: there is no queue."""
        letters = None if queue is None else _dead_letters.DeadLetters(queue.client, url or queue.url)
        self._patch.setattr(_dead_letters, "dead_letters", lambda: letters)

    def __call__(self, *records: dict[str, Any], seconds: float = 30.0) -> list[str]:
        """Mirrors a batch, which is JSON as on Lambda; the sequence numbers that are reported."""
        answer = assignment_mirror.handler(json.loads(json.dumps({"Records": list(records)})), Context(seconds))
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def rows(self) -> list[Assigned]:
        return self.database.rows()

    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[Thread]:
    """``work`` in a thread of its own, which must have ended after the block."""
    thread = Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()
