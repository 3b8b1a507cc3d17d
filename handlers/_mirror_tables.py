"""The mirror's SQL, and how a batch is written with it. For ``handlers.assignment_mirror``.

Every statement is a constant and its values are parameters. A batch is one transaction: one statement for its rows, two for its
erasures. The tables and functions are those of ``handlers/migrations``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from handlers._mirror_rows import Erasure, Row, Writing, merge
from handlers._postgres import Connection, is_of_record, said

# For this transaction alone: no statement outlives the invocation, and a frozen container doesn't keep its locks.
LIMIT = """
SELECT set_config('statement_timeout', %(ms)s, true),
       set_config('lock_timeout', %(ms)s, true),
       set_config('idle_in_transaction_session_timeout', %(ms)s, true)
"""
CHECK_AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"
LOCK = "SELECT burgee.lock_assignments(%(erases)s)"
ERASE = """
INSERT INTO burgee.assignment_erasures AS held (key_digest, sequence_number)
SELECT burgee.assignment_key_digest(given.user_id, given.experiment_id), given.sequence_number
FROM unnest(%(user_id)s::text[], %(experiment_id)s::text[], %(sequence_number)s::numeric[])
    AS given (user_id, experiment_id, sequence_number)
ON CONFLICT (key_digest) DO UPDATE SET sequence_number = excluded.sequence_number, erased_at = excluded.erased_at
WHERE held.sequence_number < excluded.sequence_number
"""
DELETE = """
DELETE FROM burgee.assignments AS held
USING unnest(%(user_id)s::text[], %(experiment_id)s::text[], %(sequence_number)s::numeric[])
    AS given (user_id, experiment_id, sequence_number)
WHERE held.user_id = given.user_id AND held.experiment_id = given.experiment_id
    AND held.sequence_number <= given.sequence_number
"""
UPSERT = """
INSERT INTO burgee.assignments AS held (
    user_id, experiment_id, assignment_id, experiment_key, variant, assigned_at, expires_at, context,
    ended_at, end_reason, sequence_number
)
SELECT given.* FROM unnest(
    %(user_id)s::text[], %(experiment_id)s::text[], %(assignment_id)s::text[], %(experiment_key)s::text[], %(variant)s::text[],
    %(assigned_at)s::timestamptz[], %(expires_at)s::timestamptz[], %(context)s::text[]::jsonb[],
    %(ended_at)s::timestamptz[], %(end_reason)s::text[], %(sequence_number)s::numeric[]
) AS given (
    user_id, experiment_id, assignment_id, experiment_key, variant, assigned_at, expires_at, context,
    ended_at, end_reason, sequence_number
)
WHERE NOT EXISTS (
    SELECT FROM burgee.assignment_erasures AS erased
    WHERE erased.key_digest = burgee.assignment_key_digest(given.user_id, given.experiment_id)
        AND erased.sequence_number >= given.sequence_number
)
ON CONFLICT (user_id, experiment_id, assignment_id) DO UPDATE SET
    experiment_key = excluded.experiment_key, variant = excluded.variant, assigned_at = excluded.assigned_at,
    expires_at = excluded.expires_at, context = excluded.context, ended_at = excluded.ended_at,
    end_reason = excluded.end_reason, sequence_number = excluded.sequence_number, mirrored_at = excluded.mirrored_at
WHERE held.sequence_number < excluded.sequence_number
"""


class Refused(NamedTuple):
    """A record, by its place in the batch, that the database will never take; ``why`` quotes nothing of it."""

    place: int
    why: str


def write(connection: Connection, writings: Sequence[Writing], milliseconds: int) -> list[Refused]:
    """Writes all of them in one transaction, and gives the records that are refused for what they hold.

    Raises psycopg's errors: then nothing is written. May be repeated at will.
    """
    try:
        with connection.transaction():
            _begin(connection, any(writing.erasures for writing in writings), milliseconds)
            _apply(connection, merge(writings))
        return []
    except psycopg.Error as error:
        if not is_of_record(error):
            raise
    return _write_each(connection, writings, milliseconds)


def _write_each(connection: Connection, writings: Sequence[Writing], milliseconds: int) -> list[Refused]:
    """As one transaction with a savepoint for each record: one bad record costs itself."""
    refused = []
    with connection.transaction():
        _begin(connection, any(writing.erasures for writing in writings), milliseconds)
        for place, writing in enumerate(writings):
            try:
                with connection.transaction():
                    _apply(connection, merge([writing]))
            except psycopg.Error as error:
                if not is_of_record(error):
                    raise
                refused.append(Refused(place, said(error)))
    return refused


def _begin(connection: Connection, erases: bool, milliseconds: int) -> None:
    connection.execute(LIMIT, {"ms": str(milliseconds)})
    connection.execute(CHECK_AT_ONCE)  # a constraint that waits for the commit would name no record
    connection.execute(LOCK, {"erases": erases})


def _apply(connection: Connection, writing: Writing) -> None:
    """Erasures first: rows that are older than one are then left out, and none that is newer is deleted."""
    if writing.erasures:
        keys = _columns(Erasure._fields, writing.erasures)
        connection.execute(ERASE, keys)
        connection.execute(DELETE, keys)
    if writing.rows:
        connection.execute(UPSERT, _columns(Row._fields, writing.rows))


def _columns(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> dict[str, list[object]]:
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
