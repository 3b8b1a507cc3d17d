"""What the tests of the mirror share: a migrated database, and the handler on it."""

import json
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from handlers import assignment_mirror
from handlers._postgres import Session, connect, of_url, with_defaults
from tests.handlers.streams import Context


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

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)

    def rows(self) -> list[Assigned]:
        """Everything that is mirrored, by key."""
        query = """
            SELECT user_id, experiment_id, assignment_id, variant, end_reason, sequence_number
            FROM burgee.assignments ORDER BY user_id, experiment_id, assignment_id
        """
        return [Assigned(*row) for row in self.connection.execute(query)]

    def one(self, query: str, *values: object) -> Any:
        """The only row of an answer."""
        (row,) = self.connection.execute(query, values).fetchall()
        return row

    def clear(self) -> None:
        self.connection.execute("TRUNCATE burgee.assignments, burgee.assignment_erasures")

    def session(self) -> Session:
        """As the function has it, but on this database."""
        return Session(lambda: connect(with_defaults(of_url(self.url, "test"))))

    def close(self) -> None:
        self.connection.close()


def mirror(*records: dict[str, Any], seconds: float = 30.0) -> list[str]:
    """Has the handler mirror a batch, as JSON like on Lambda; the sequence numbers that it reports."""
    answer = assignment_mirror.handler(json.loads(json.dumps({"Records": list(records)})), Context(seconds))
    assert answer.keys() == {"batchItemFailures"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
