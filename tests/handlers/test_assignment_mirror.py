"""The assignment mirror on a real PostgreSQL server: what records become, and what is the fault of a record."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from handlers import assignment_mirror
from tests.aws import Aws
from tests.handlers.mirroring import Mirror, Queue
from tests.handlers.platform import metrics_in
from tests.handlers.streams import AT, Context, item, record

A, B = {"assignment_id": "assign_aaaaaaaaaaaa"}, {"assignment_id": "assign_bbbbbbbbbbbb"}
LARGE = 10**38


@pytest.fixture
def queue(aws: Aws, mirror: Mirror) -> Queue:
    """The mirror's queue of dead letters."""
    queue = Queue(aws)
    mirror.park(queue)
    return queue


def short(mirror: Mirror) -> list[tuple[str, str, str | None]]:
    return [(row.assignment[7], row.variant, row.ended) for row in mirror.rows()]


# --- rows ---------------------------------------------------------------------------------------------------------------


def test_asg_16_a_new_assignment_becomes_a_row(mirror: Mirror) -> None:
    context = {"M": {"plan": {"S": "pro"}, "age": {"N": "30.5"}, "tags": {"SS": ["b", "a"]}, "nested": {"L": [{"NULL": True}]}}}
    assert mirror(record(LARGE, item(context=context))) == []
    row = mirror.database.one(
        """SELECT user_id, experiment_id, assignment_id, experiment_key, variant, assigned_at, expires_at, context,
                  ended_at, end_reason, sequence_number FROM burgee.assignments"""
    )
    assigned = datetime(2026, 2, 2, 2, 40, 0, 123456, tzinfo=UTC)
    expires = datetime.fromtimestamp(AT + 90 * 86_400, UTC)
    expected = {"plan": "pro", "age": 30.5, "tags": ["a", "b"], "nested": [None]}
    texts = ("user-1", "exp-1", "assign_0123456789ab", "checkout", "treatment")
    assert row == (*texts, assigned, expires, expected, None, None, Decimal(LARGE))


def test_a_context_and_an_expiry_may_be_left_out(mirror: Mirror) -> None:
    assert mirror(record(1, item(ttl=None))) == []
    assert mirror.database.one("SELECT context, expires_at FROM burgee.assignments") == (None, None)
    assert mirror.database.one("SELECT count(*) FROM burgee.live_assignments") == (1,)


def test_numbers_of_a_context_are_as_exact_as_dynamodb_has_them(mirror: Mirror) -> None:
    numbers = ["3.1415926535897932384626433832795028841", "1E+125", "-0.000000001", "12345678901234567890"]
    assert mirror(record(1, item(context={"M": {"n": {"L": [{"N": number} for number in numbers]}}}))) == []
    (text,) = mirror.database.one("SELECT context::text FROM burgee.assignments")
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal)["n"] == [Decimal(number) for number in numbers]


def test_a_clients_text_that_jsonb_can_not_hold_costs_no_assignment(mirror: Mirror) -> None:
    assert mirror(record(1, item(context={"M": {"a\0": {"S": "x\0y \ud800 ü"}, "b": {"B": "AP8="}}}))) == []
    assert mirror.database.one("SELECT context FROM burgee.assignments") == ({"a\ufffd": "x\ufffdy \ufffd ü", "b": "00ff"},)


def test_asg_16_the_same_batch_again_changes_nothing(mirror: Mirror) -> None:
    batch = [record(n, item(f"user-{n}")) for n in range(1, 4)]
    mirror(*batch)
    versions = "SELECT array_agg(xmin::text ORDER BY user_id) FROM burgee.assignments"
    before = mirror.rows(), mirror.database.one(versions)
    assert len(before[0]) == 3
    assert mirror(*batch, *batch) == []
    assert (mirror.rows(), mirror.database.one(versions)) == before, "no row was written, not even with the same values"


@pytest.mark.parametrize("first", [8, 10**20 - 2, LARGE - 2, 10**40 - 2])
def test_asg_16_the_later_change_wins_in_any_order_of_delivery(mirror: Mirror, first: int) -> None:
    """Numbers grow by a digit between the records: compared as text, or as 64 bits, the wrong one would win."""
    old, new = item(variant="control"), item(variant="treatment")
    insert, modify = record(first, old), record(first + 5, new, old)
    for batch in ([modify], [insert], [modify, insert], [insert, modify], [insert]):
        assert mirror(*batch) == []
        assert [(row.variant, row.sequence) for row in mirror.rows()] == [("treatment", first + 5)]


def test_one_id_of_two_users_is_two_rows(mirror: Mirror) -> None:
    """Ids of 48 random bits will meet, and the sequence numbers of two keys say nothing about each other."""
    mirror(record(1, item("user-1", variant="a")), record(2, item("user-2", variant="b")))
    assert [(row.user, row.variant) for row in mirror.rows()] == [("user-1", "a"), ("user-2", "b")]


# --- what ends ----------------------------------------------------------------------------------------------------------


def test_an_expired_item_keeps_its_row_and_is_marked(mirror: Mirror) -> None:
    mirror(record(1, item()))
    assert mirror(record(2, old=item(), ttl=True, at=AT + 60)) == []
    assert mirror.database.one("SELECT end_reason, ended_at, variant FROM burgee.assignments") == (
        "expired", datetime.fromtimestamp(AT + 60, UTC), "treatment",
    )  # fmt: skip
    assert mirror.database.one("SELECT count(*) FROM burgee.live_assignments") == (0,)
    mirror(record(1, item()))
    assert [row.ended for row in mirror.rows()] == ["expired"], "the insert came again"


def test_an_expiry_whose_insert_never_came_is_a_row_as_well(mirror: Mirror) -> None:
    mirror(record(2, old=item(), ttl=True))
    assert [row.ended for row in mirror.rows()] == ["expired"]


@pytest.mark.parametrize(("ttl", "reason"), [(AT - 1, "expired"), (AT + 1, "replaced")])
def test_another_assignment_in_the_same_place_ends_the_first(mirror: Mirror, ttl: int, reason: str) -> None:
    """The store writes over an item whose time is over before DynamoDB has removed it."""
    old, new = item(**A, ttl={"N": str(ttl)}), item(**B, variant="control")
    for batch in ([record(2, new, old)], [record(1, old)], [record(1, old), record(2, new, old)]):
        assert mirror(*batch) == []
        assert short(mirror) == [("a", "treatment", reason), ("b", "control", None)]


def test_sec_08_a_deletion_erases_every_assignment_of_its_key_for_good(mirror: Mirror) -> None:
    first, second = item(**A), item(**B)
    history = [record(1, first), record(2, old=first, ttl=True), record(3, second), record(4, old=second)]
    mirror(*history[:3], record(5, item("user-2")))
    assert len(mirror.rows()) == 3
    assert mirror(history[3]) == []
    assert [row.user for row in mirror.rows()] == ["user-2"]
    for late in (history[:1], history[2:3], history[:3], history):
        assert mirror(*late) == []
        assert [row.user for row in mirror.rows()] == ["user-2"], "what comes late brings nobody back"
    again = item(assignment_id="assign_cccccccccccc")
    mirror(record(9, again))
    assert [row.assignment[7] for row in mirror.rows() if row.user == "user-1"] == ["c"]


def test_sec_08_an_older_deletion_does_not_undo_a_newer_one(mirror: Mirror) -> None:
    one, two = item(**A), item(**B)
    history = [record(1, one), record(2, old=one), record(3, two), record(4, old=two)]
    mirror(*history)
    mirror(history[1])
    assert mirror(history[2]) == []
    assert mirror.rows() == []


def test_sec_08_what_remembers_a_deletion_names_nobody(mirror: Mirror) -> None:
    mirror(record(4, old=item("alice@example.com", context={"M": {"city": {"S": "Ghent"}}})))
    (text,) = mirror.database.one("SELECT held::text FROM burgee.assignment_erasures AS held")
    assert "alice" not in text
    assert "Ghent" not in text
    assert mirror.database.one("SELECT octet_length(key_digest) FROM burgee.assignment_erasures") == (32,)


def test_sec_08_a_user_is_erased_by_hand_expired_assignments_included(mirror: Mirror) -> None:
    mirror(*(record(n, item(experiment=f"exp-{n}")) for n in range(1, 4)), record(5, old=item(experiment="exp-3"), ttl=True))
    mirror(record(6, item("user-2")))
    assert mirror.database.one("SELECT burgee.erase_user(%s)", "user-1") == (3,)
    mirror(*(record(n, item(experiment=f"exp-{n}")) for n in range(1, 4)), record(5, old=item(experiment="exp-3"), ttl=True))
    assert [row.user for row in mirror.rows()] == ["user-2"]
    assert mirror.database.one("SELECT burgee.erase_user(%s)", "user-1") == (0,)


def test_sec_08_retention_forgets_what_ended_long_ago(mirror: Mirror) -> None:
    mirror(record(1, item("user-1")), record(2, old=item("user-2"), ttl=True), record(3, old=item("user-3")))
    prune = "SELECT burgee.prune_assignments(now() - interval '31 days')"
    assert mirror.database.one(prune) == (0,)
    for table in ("assignments SET mirrored_at", "assignment_erasures SET erased_at"):
        mirror.database.connection.execute(f"UPDATE burgee.{table} = now() - interval '32 days'".encode())
    assert mirror.database.one(prune) == (1,), "the row that ended; the one that holds is as old and stays"
    assert [row.user for row in mirror.rows()] == ["user-1"]
    assert mirror.database.one("SELECT count(*) FROM burgee.assignment_erasures") == (0,)


@pytest.mark.parametrize("instant", ["now() - interval '29 days'", "null", "now() + interval '1 day'"])
def test_retention_keeps_what_a_late_record_may_still_meet(mirror: Mirror, instant: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="30 days"):
        mirror.database.one(f"SELECT burgee.prune_assignments({instant})")


# --- records that nothing can help --------------------------------------------------------------------------------------

BAD = [
    ({"variant": None}, "variant must be"),
    ({"variant": {"N": "1"}}, "variant must be"),
    ({"assignment_id": ""}, "assignment_id must be"),
    ({"experiment_key": "a\0b"}, "experiment_key has a character"),
    ({"variant": "\ud800"}, "variant has a character"),
    ({"timestamp": "yesterday"}, "timestamp must be"),
    ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp must be"),
    ({"ttl": {"N": "1.5"}}, "ttl must be"),
    ({"ttl": {"N": "1E+30"}}, "ttl must be"),
    ({"ttl": {"S": "soon"}}, "ttl must be"),
    ({"context": {"S": "x"}}, "context must be"),
    ({"n": {"N": "many"}}, "NewImage can't be decoded"),
]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_evb_03_one_bad_record_is_parked_and_the_rest_is_written(
    mirror: Mirror, queue: Queue, change: dict[str, Any], reason: str
) -> None:
    bad = record(2, item("user-2", **change))
    assert mirror(record(1, item("user-1")), bad, record(3, item("user-3"))) == []
    assert [row.user for row in mirror.rows()] == ["user-1", "user-3"]
    (letter,) = queue.messages()
    assert (letter["sequenceNumber"], letter["data"]) == ("2", bad)
    assert letter["stage"] in ("decode", "validate")
    assert reason in letter["error"]
    assert letter["requestId"] == Context.aws_request_id


def test_an_image_of_another_key_is_no_assignment(mirror: Mirror, queue: Queue) -> None:
    bad = record(2, item("user-2"))
    bad["dynamodb"]["Keys"]["user_id"] = {"S": "user-1"}
    assert mirror(bad) == []
    assert mirror.rows() == []
    assert [letter["error"] for letter in queue.messages()] == ["user_id of the image isn't that of the key"]


def test_an_item_that_is_mended_is_mirrored(mirror: Mirror, queue: Queue) -> None:
    """What it was before had no row, so it isn't missed."""
    broken = item(variant=None)
    assert mirror(record(1, broken), record(2, item(variant="control"), broken)) == []
    assert [row.variant for row in mirror.rows()] == ["control"]
    assert [letter["sequenceNumber"] for letter in queue.messages()] == ["1"]


def test_a_record_that_breaks_a_constraint_is_parked_alone(mirror: Mirror, queue: Queue) -> None:
    """The database refuses the batch; then each record by itself."""
    long = record(3, item("u" * 257))
    gone = record(4, old=item("user-0"))
    mirror(record(1, item("user-0")))
    assert mirror(record(2, item("user-1")), long, gone, record(5, item("user-2"))) == []
    assert [row.user for row in mirror.rows()] == ["user-1", "user-2"]
    (letter,) = queue.messages()
    assert (letter["sequenceNumber"], letter["stage"], letter["data"]) == ("3", "write", long)
    assert letter["error"] == "CheckViolation 23514 (assignments_user_id_check)"


@pytest.mark.parametrize("code", ["22001", "22P02", "23503", "23505", "54000"])
def test_shr_06_errors_about_values_are_the_records_own(mirror: Mirror, queue: Queue, code: str) -> None:
    with mirror.database.fails(code, "boom"):
        assert mirror(record(1, item("user-1")), record(2, item("user-2", variant="boom"))) == []
    assert [row.user for row in mirror.rows()] == ["user-1"]
    assert [letter["sequenceNumber"] for letter in queue.messages()] == ["2"]


def test_a_constraint_that_waits_for_the_commit_names_its_record(mirror: Mirror, queue: Queue) -> None:
    connection = mirror.database.connection
    connection.execute("CREATE TABLE known (variant text PRIMARY KEY)")
    connection.execute("INSERT INTO known VALUES ('treatment')")
    connection.execute(
        "ALTER TABLE burgee.assignments ADD CONSTRAINT own FOREIGN KEY (variant) REFERENCES known DEFERRABLE INITIALLY DEFERRED"
    )
    try:
        assert mirror(record(1, item("user-1")), record(2, item("user-2", variant="unknown"))) == []
        assert [row.user for row in mirror.rows()] == ["user-1"]
        assert [letter["error"] for letter in queue.messages()] == ["ForeignKeyViolation 23503 (own)"]
    finally:
        connection.execute("DROP TABLE known CASCADE")


def test_x13_without_a_queue_a_bad_record_is_reported(mirror: Mirror) -> None:
    batch = [record(1, item("user-1")), record(2, item("user-2", variant=None)), record(3, item("u" * 300))]
    assert mirror(*batch, record(4, item("user-4"))) == ["2", "3"]
    assert [row.user for row in mirror.rows()] == ["user-1", "user-4"]


def test_evb_06_a_bad_record_that_can_not_be_parked_is_reported(mirror: Mirror, aws: Aws) -> None:
    queue = Queue(aws)
    mirror.park(queue, queue.url + "-gone")
    batch = [record(1, item("user-1")), record(2, item("user-2", variant=None)), record(3, item("user-3"))]
    assert mirror(*batch) == ["2"]
    assert [row.user for row in mirror.rows()] == ["user-1", "user-3"]
    mirror.park(queue)
    assert mirror(*batch[1:]) == [], "the queue is back"
    assert [letter["sequenceNumber"] for letter in queue.messages()] == ["2"]


def test_the_queue_is_that_of_the_environment(mirror: Mirror, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    from handlers import _dead_letters

    queue = Queue(aws)
    monkeypatch.undo()
    for name, value in {**aws.environment, "DLQ_URL": queue.url, "DLQ_BUCKET": "a-bucket"}.items():
        monkeypatch.setenv(name, value)
    _dead_letters.dead_letters.cache_clear()
    try:
        Mirror.restart(mirror)
        assert mirror(record(2, item(variant=None))) == []
        assert _dead_letters.dead_letters() is _dead_letters.dead_letters(), "one client per container"
    finally:
        _dead_letters.dead_letters.cache_clear()
    assert len(queue.messages()) == 1


# --- what is said about it ----------------------------------------------------------------------------------------------


def figures(capsys: pytest.CaptureFixture[str]) -> tuple[float, float, float]:
    (found,) = metrics_in(capsys.readouterr().out)
    assert found["MirrorLagMs"] > 0
    return found["MirroredAssignments"], found["MirrorPoison"], found["MirrorFailed"]


def test_every_figure_is_counted_every_time(mirror: Mirror, queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = record(1, item()), record(2, item(variant=None))
    mirror(good)
    assert figures(capsys) == (1, 0, 0)
    mirror(good, bad)
    assert figures(capsys) == (1, 1, 0)
    mirror.park(None)
    mirror(good, bad)
    assert figures(capsys) == (1, 0, 1)
    assert mirror(good, bad, seconds=1) == ["1"]
    assert figures(capsys) == (0, 0, 2)
    with pytest.raises(ValueError, match="NEW_AND_OLD_IMAGES"):
        mirror(good | {"dynamodb": good["dynamodb"] | {"StreamViewType": "KEYS_ONLY"}})
    assert figures(capsys) == (0, 0, 1)


def test_mirror_lag_is_the_age_of_the_oldest_record(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC).timestamp()
    mirror(record(1, item("user-1"), at=now - 5), record(2, item("user-2"), at=now))
    (found,) = metrics_in(capsys.readouterr().out)
    assert 5_000 <= found["MirrorLagMs"] < 300_000


def test_sec_08_logs_name_neither_users_nor_contexts(mirror: Mirror, queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    secret: dict[str, Any] = {"context": {"M": {"city": {"S": "Ghent"}}}}
    mirror(record(1, item("alice", **secret)), record(2, item("alice" * 60, **secret)), record(3, item("alice", variant=None)))
    with mirror.database.fails("40001", "boom"):
        assert mirror(record(4, item("alice", variant="boom", **secret))) == ["4"]
    text = mirror.logged.getvalue() + capsys.readouterr().out
    assert [line["message"] for line in mirror.logs()] == ["refused records", "batch not mirrored"]
    assert "alice" not in text
    assert "Ghent" not in text
    refused, undone = mirror.logs()
    assert [entry["sequence"] for entry in refused["refused"]] == ["3", "2"]
    assert (undone["reason"], undone["request_id"]) == ("SerializationFailure 40001", Context.aws_request_id)
    assert "alice" not in json.dumps([{**letter, "data": None} for letter in queue.messages()])


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_an_empty_batch_is_nothing(mirror: Mirror) -> None:
    assert mirror() == []


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_an_event_that_is_none_is_said_to_be_so() -> None:
    with pytest.raises(ValueError, match="stream"):
        assignment_mirror.handler({"rawPath": "/"}, None)
