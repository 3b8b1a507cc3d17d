"""The archive's lines of one experiment, asked with DuckDB: each event once, each user once, every number exact.

For ``burgee.archive_results``. What counts is what the processor counts (``handlers.events``): events whose line has the phase
and a variant, and that don't precede their assignment; numbers as whole millionths, up to the same bounds. Queries are
constants, values are parameters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from burgee.trouble import Trouble
from handlers._contract import EXPOSURE, TOKEN_CHARACTERS
from handlers._counters import Moments
from handlers._results import MAX_METRICS, ByUser, Exact
from handlers.events.aggregate import MAX_NAME, MAX_NUMBER, SCALE

MEMORY = "2GB"
"""What DuckDB may use; more goes to the disk, beside the lines."""
MAX_THREADS = 8
MAX_LOOKS = 100
HOUR_MS = 3_600_000
PART = 10**10
Totals = dict[str, dict[str, Exact]]  # variant -> event type
NAMES = f"[{re.escape(''.join(sorted(TOKEN_CHARACTERS)))}]{{1,{MAX_NAME}}}"
"""Of properties that are added up, as a regular expression."""

_CREATE = """
CREATE TABLE lines (
  hour BIGINT, event_id VARCHAR, event_type VARCHAR, user_id VARCHAR, variant VARCHAR, phase BIGINT, counts BOOLEAN,
  received_at VARCHAR, sequence VARCHAR, numbers STRUCT(name VARCHAR, value BIGINT)[], left_out INTEGER)
"""

# A file's name has the hour. Of a file there is one name, so whatever is made of it is made once for some thousand lines.
_READ = """
INSERT INTO lines
SELECT epoch_ms(make_timestamp(at_.year::BIGINT, at_.month::BIGINT, at_.day::BIGINT, at_.hour::BIGINT, 0, 0)) // 3600000,
  event_id, event_type, user_id, variant, coalesce(phase, 0), variant IS NOT NULL AND NOT coalesce(precedes_assignment, false),
  received_at, sequence, taken, len(numbers) - len(taken)
FROM (
  SELECT *, [{'name': each.name, 'value': round_even(each.value * $scale, 0)::BIGINT} FOR each IN numbers
    IF abs(each.value) <= $most AND regexp_full_match(each.name, $names)] AS taken
  FROM (
    SELECT * EXCLUDE (properties),
      regexp_extract(filename, 'year=(\\d+).month=(\\d+).day=(\\d+).hour=(\\d+)[^=]*$',
        ['year', 'month', 'day', 'hour']) AS at_,
      [{'name': each.key, 'value': TRY_CAST(each.value AS DOUBLE)} FOR each IN coalesce(map_entries(properties), [])
        IF json_type(each.value) IN ('UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE')] AS numbers
    FROM read_ndjson($files, filename = true, hive_partitioning = false, compression = 'gzip', columns = {
      event_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR', experiment_id: 'VARCHAR', variant: 'VARCHAR',
      phase: 'BIGINT', precedes_assignment: 'BOOLEAN', received_at: 'VARCHAR', sequence: 'VARCHAR',
      properties: 'MAP(VARCHAR, JSON)'})
    WHERE experiment_id = $experiment))
"""

# A batch that was given up and put back has left lines that were never counted. Those that came last were.
_REPEATED = """
CREATE TABLE repeated AS
SELECT line FROM (
  SELECT rowid AS line,
    row_number() OVER (PARTITION BY event_id ORDER BY received_at DESC, length(sequence) DESC, sequence DESC, rowid) AS place
  FROM lines WHERE hash(event_id) IN (SELECT hash(event_id) FROM lines GROUP BY ALL HAVING count(*) > 1))
WHERE place > 1
"""

_SPAN = "SELECT min(hour), max(hour), count(*), (SELECT count(*) FROM repeated) FROM lines"

_COUNTED = """
CREATE TABLE counted AS
SELECT hour // $step AS step, event_type, user_id, variant, numbers, left_out
FROM lines ANTI JOIN repeated ON lines.rowid = repeated.line
WHERE counts AND phase = $phase
"""

_FORGET = "DROP TABLE lines"

_EXPOSED = """
CREATE TABLE exposed AS
SELECT variant, user_id, min(step) AS step FROM counted WHERE event_type = $exposure GROUP BY ALL
"""

_PEOPLE = """
CREATE TABLE people AS SELECT variant, event_type, user_id, min(step) AS step FROM counted GROUP BY ALL
"""

# The names that have most events: there may be as many names as somebody sends.
_NAMES = """
CREATE TABLE names AS
SELECT event_type, number.name AS name FROM (SELECT event_type, unnest(numbers) AS number FROM counted)
GROUP BY ALL ORDER BY count(*) DESC, event_type, name LIMIT $most
"""

_NUMBERS = """
CREATE VIEW numbers AS
SELECT variant, event_type, user_id, step, name, value::HUGEINT AS value
FROM (
  SELECT variant, event_type, user_id, step, number.name AS name, number.value AS value
  FROM (SELECT variant, event_type, user_id, step, unnest(numbers) AS number FROM counted))
SEMI JOIN names USING (event_type, name)
"""

_ABOUT = """
SELECT count(*), coalesce(sum(left_out), 0),
  (SELECT count(*) FROM (SELECT user_id FROM exposed GROUP BY ALL HAVING count(*) > 1)) FROM counted
"""

_EVENTS = "SELECT step, variant, event_type, count(*) FROM counted GROUP BY ALL"

_USERS = "SELECT step, variant, event_type, count(*) FROM people GROUP BY ALL"

# A user's events say something of the variant from the moment on that the user is known to be exposed to it.
_CONVERTED = """
SELECT greatest(people.step, exposed.step) AS step, variant, event_type, count(*)
FROM people JOIN exposed USING (variant, user_id) GROUP BY ALL
"""

_MOMENTS = """
SELECT step, variant, event_type, name, count(*), sum(value), sum(value * value) FROM numbers GROUP BY ALL
"""

# What each look adds: a user's sum may grow, and its square with it. The square of a sum needs more than 128 bits, in parts
# of ten digits it doesn't.
_BY_USER = """
SELECT step, variant, event_type, name, count(*) FILTER (is_first), sum(value),
  sum(high * high - high_before * high_before), sum(high * low - high_before * low_before),
  sum(low * low - low_before * low_before)
FROM (
  SELECT *, total // $part AS high, total % $part AS low,
    (total - value) // $part AS high_before, (total - value) % $part AS low_before
  FROM (
    SELECT *, sum(value) OVER mine AS total, row_number() OVER mine = 1 AS is_first
    FROM (
      SELECT variant, event_type, name, user_id, greatest(numbers.step, exposed.step) AS step, sum(value) AS value
      FROM numbers JOIN exposed USING (variant, user_id) GROUP BY ALL)
    WINDOW mine AS (PARTITION BY variant, event_type, name, user_id ORDER BY step)))
GROUP BY ALL
"""

_EXACT = Context(prec=100)


class About(NamedTuple):
    """What was read. ``lines``: of the experiment; ``repeated``: of these, whose event was there already.

    ``events``: of the phase; ``numbers_left_out``: of these, too large or with a strange name; ``in_two_variants``: users.
    """

    lines: int
    repeated: int
    events: int
    numbers_left_out: int
    in_two_variants: int


class Lines:
    """The lines of an experiment, in a database below ``folder``. ``read``, then ``settle`` once. Methods raise Trouble."""

    def __init__(self, folder: Path, experiment_id: str) -> None:
        self._experiment_id = experiment_id
        self._database = duckdb.connect(
            str(folder / "lines.duckdb"),
            config={
                "memory_limit": MEMORY,
                "threads": str(min(MAX_THREADS, os.cpu_count() or 1)),
                "temp_directory": str(folder / "spilled"),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
            },
        )
        self._database.execute(_CREATE)
        self._step = 1

    def close(self) -> None:
        """Closes the database, whose file is the folder's."""
        self._database.close()

    def read(self, files: Sequence[str]) -> None:
        """Adds the files' lines."""
        about = {"files": list(files), "experiment": self._experiment_id}
        bounds = {"scale": float(SCALE), "most": MAX_NUMBER, "names": NAMES}
        with _told():
            self._database.execute(_READ, about | bounds)

    def settle(self, phase: int) -> About:
        """Each event once, and of these what counts in the phase."""
        ask = self._database
        with _told():
            ask.execute(_REPEATED)
            ((first, last, lines, repeated),) = ask.execute(_SPAN).fetchall()
            self._step = step_of(last - first + 1) if lines else 1
            ask.execute(_COUNTED, {"step": self._step, "phase": phase})
            ask.execute(_FORGET)
            ask.execute(_EXPOSED, {"exposure": EXPOSURE})
            ask.execute(_PEOPLE)
            ask.execute(_NAMES, {"most": MAX_METRICS})
            ask.execute(_NUMBERS)
            ((events, left_out, twice),) = ask.execute(_ABOUT).fetchall()
        return About(lines, repeated, events, int(left_out), twice)

    def looks(self) -> Iterator[tuple[int, Totals]]:
        """What was known at the end of each step that had events: epoch milliseconds, and totals by variant and event type."""
        ask = self._database
        with _told():
            rows = [
                ("events", ask.execute(_EVENTS).fetchall()),
                ("users", ask.execute(_USERS).fetchall()),
                ("exposed", ask.execute(_CONVERTED).fetchall()),
                ("moments", ask.execute(_MOMENTS).fetchall()),
                ("by_user", ask.execute(_BY_USER, {"part": PART}).fetchall()),
            ]
        steps: dict[int, list[tuple[str, Any]]] = {}
        for what, found in rows:
            for step, *row in found:
                steps.setdefault(step, []).append((what, row))
        sums: dict[str, dict[str, _Sums]] = {}
        for step in sorted(steps):
            for what, (variant, event_type, *more) in steps[step]:
                sums.setdefault(variant, {}).setdefault(event_type, _Sums()).add(what, more)
            totals = {variant: {kind: each.exact() for kind, each in kinds.items()} for variant, kinds in sums.items()}
            yield (step + 1) * self._step * HOUR_MS, totals


def step_of(hours: int) -> int:
    """How many hours a look is after the other: one, or whole days, so that there aren't more than some ``MAX_LOOKS``."""
    return 1 if hours <= MAX_LOOKS else 24 * -(-hours // (24 * MAX_LOOKS))


class _Sums:
    """One variant's totals of one event type, as they grow."""

    def __init__(self) -> None:
        self._counts = {"events": 0, "users": 0, "exposed": 0}
        self._numbers: dict[str, dict[str, list[int]]] = {"moments": {}, "by_user": {}}

    def add(self, what: str, row: Sequence[Any]) -> None:
        """Adds what a query says of one step."""
        if what in self._counts:
            self._counts[what] += row[0]
            return
        name, *more = row
        known = self._numbers[what].setdefault(name, [0] * len(more))
        for place, value in enumerate(more):
            known[place] += int(value)

    def exact(self) -> Exact:
        """As the document takes them."""
        moments = {
            name: Moments(n, _decimal(total, 6), _decimal(squares, 12))
            for name, (n, total, squares) in self._numbers["moments"].items()
        }
        by_user = {
            name: ByUser(users, _decimal(total, 6), _decimal(high * PART * PART + 2 * both * PART + low, 12))
            for name, (users, total, high, both, low) in self._numbers["by_user"].items()
        }
        return Exact(**self._counts, metrics=moments, by_user=by_user)


def _decimal(value: int, places: int) -> Decimal:
    """``value`` / 10^``places``, exact."""
    return _EXACT.scaleb(Decimal(value), -places)


@contextmanager
def _told() -> Iterator[None]:
    """DuckDB's errors in our words. They may quote a line of the archive; it is whoever asks who reads it."""
    try:
        yield
    except duckdb.Error as error:
        raise Trouble(f"the archive can't be read: {error}") from error
