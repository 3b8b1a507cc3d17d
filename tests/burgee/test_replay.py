"""``burgee replay-assignments`` on the embedded SQS and DynamoDB: nothing is lost or overwritten, any number of times."""

import json
import time
from typing import Any

import pytest

from burgee.cli import main
from burgee.replay import read_message, replay
from handlers._assignment_store import Assignment
from handlers._attributes import to_item
from handlers._outbox import message
from tests.aws import Aws
from tests.handlers.assigning import assigner, assignments_table, client, evaluator, experiment, items


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burgee.replay.WAIT_SECONDS", 0)


@pytest.fixture
def table(aws: Aws) -> str:
    return assignments_table(aws)


@pytest.fixture
def queue(aws: Aws) -> str:
    url: str = aws.client("sqs").create_queue(QueueName=aws.name("outbox"))["QueueUrl"]
    return url


def assignment(user_id: str = "user-1", variant: str = "treatment", **more: Any) -> Assignment:
    fields: dict[str, Any] = {
        "assignment_id": f"assign_{user_id}",
        "ttl": int(time.time()) + 1_000,
        "context": {"n": 1.5},
    } | more
    return Assignment(
        fields["assignment_id"], user_id, "exp_checkout", "checkout", variant, "2026-01-01T00:00:00.000+00:00", fields["ttl"],
        fields["context"],
    )  # fmt: skip


def put(aws: Aws, queue: str, *bodies: str) -> None:
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=queue, MessageBody=body)


def run(aws: Aws, queue: str, table: str, limit: int | None = None) -> dict[str, int]:
    return dict(replay(aws.client("sqs"), aws.client("dynamodb"), queue, table, limit))


def waiting(aws: Aws, queue: str) -> int:
    """Messages that are still in the queue, those in flight included."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def test_asg_15_what_waited_is_stored_as_it_would_have_been(aws: Aws, queue: str, table: str) -> None:
    mine = [assignment(f"user-{number}") for number in range(25)]
    put(aws, queue, *[message(one, "timeout") for one in mine])
    assert run(aws, queue, table) == {"stored": 25}
    expected = sorted((to_item(one.document()) for one in mine), key=lambda item: item["user_id"]["S"])
    assert sorted(items(aws, table), key=lambda item: item["user_id"]["S"]) == expected
    assert waiting(aws, queue) == 0


def test_asg_15_a_second_replay_changes_nothing(aws: Aws, queue: str, table: str) -> None:
    text = message(assignment(), "timeout")
    put(aws, queue, text)
    assert run(aws, queue, table) == {"stored": 1}
    before = items(aws, table)
    put(aws, queue, text, text)
    assert run(aws, queue, table) == {"stored": 2}, "its own item, met again"
    assert (items(aws, table), run(aws, queue, table)) == (before, {})


def test_asg_15_a_winner_that_came_meanwhile_stays(aws: Aws, queue: str, table: str) -> None:
    """The user came again after the outage, and was stored with other weights."""
    put(aws, queue, message(assignment(variant="treatment"), "timeout"))
    control = [{"key": "control", "allocation": 1.0}, {"key": "treatment", "allocation": 0.0}]
    assigner(client(aws), table).assign(evaluator(experiment(variants=control)), "user-1", "checkout", None)
    before = items(aws, table)
    assert run(aws, queue, table) == {"already there": 1}
    assert items(aws, table) == before
    assert waiting(aws, queue) == 0


def test_asg_15_an_outage_from_end_to_end(aws: Aws, queue: str, table: str) -> None:
    """Answered while the table is away, queued, replayed: the next answer is the same variant, stored now."""
    flags = evaluator(experiment())
    away = assigner(client(aws), "not-there", queue=client(aws, "sqs"), queue_url=queue)
    told = away.assign(flags, "user-1", "checkout", {"country": "US"})
    assert told.assignment is not None
    assert (told.persisted, told.queued) == (False, True)
    assert run(aws, queue, table) == {"stored": 1}
    back = assigner(client(aws), table).assign(flags, "user-1", "checkout", None)
    assert back.assignment is not None
    assert (back.assignment.variant, back.persisted, back.source) == (told.assignment.variant, True, "stored")


def test_an_assignment_whose_time_is_over_is_not_stored(aws: Aws, queue: str, table: str) -> None:
    put(aws, queue, message(assignment(ttl=1), "timeout"))
    assert run(aws, queue, table) == {"expired": 1}
    assert (items(aws, table), waiting(aws, queue)) == ([], 0)


BAD = [
    "no JSON", "[]", "{}", '{"version":1}', '{"version":2,"assignment":{}}', '{"version":1,"assignment":[]}',
    json.dumps({"version": 1, "assignment": assignment().document() | {"user_id": ""}}),
    json.dumps({"version": 1, "assignment": assignment().document() | {"ttl": "1"}}),
    json.dumps({"version": 1, "assignment": assignment().document() | {"context": []}}),
    json.dumps({"version": 2, "assignment": assignment().document()}),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_message_is_read_as_none(body: str) -> None:
    assert read_message(body) is None


def test_asg_15_what_cannot_be_read_stays_and_the_others_go_on(
    aws: Aws, queue: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(aws, queue, "no JSON", message(assignment("secret-user"), "timeout"))
    assert run(aws, queue, table) == {"unreadable": 1, "stored": 1}
    assert waiting(aws, queue) == 1
    said = capsys.readouterr().err
    assert "isn't a message of the outbox" in said
    assert "secret-user" not in said


def test_asg_15_a_table_that_fails_loses_nothing_and_is_left_alone(aws: Aws, queue: str) -> None:
    put(aws, queue, *[message(assignment(f"user-{number}"), "timeout") for number in range(25)])
    outcomes = run(aws, queue, "not-there")
    assert set(outcomes) == {"failed"}
    assert outcomes["failed"] <= 10, "not one message after another, when the table isn't there"
    assert waiting(aws, queue) == 25


def test_a_limit_is_kept(aws: Aws, queue: str, table: str) -> None:
    put(aws, queue, *[message(assignment(f"user-{number}"), "timeout") for number in range(15)])
    assert run(aws, queue, table, limit=12) == {"stored": 12}
    assert waiting(aws, queue) == 3


# --- the command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BURGEE_OUTBOX_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["replay-assignments", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_command_says_what_it_did(aws: Aws, queue: str, table: str, command: Any) -> None:
    put(aws, queue, message(assignment(), "timeout"))
    told = "1 stored, 0 already there, 0 expired, 0 unreadable, 0 failed\n"
    assert command("--queue", queue, "--table", table) == (0, told, "")


def test_the_environment_names_queue_and_table(
    aws: Aws, queue: str, table: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURGEE_OUTBOX_URL", queue)
    monkeypatch.setenv("ASSIGNMENTS_TABLE", table)
    put(aws, queue, message(assignment(), "timeout"))
    assert command()[0] == 0
    assert len(items(aws, table)) == 1


def test_messages_that_stay_are_an_exit_code_of_1(aws: Aws, queue: str, table: str, command: Any) -> None:
    put(aws, queue, "no JSON")
    code, _, said = command("--queue", queue, "--table", table)
    assert code == 1
    assert "1 message stayed" in said


def test_a_queue_that_is_not_there_is_said(aws: Aws, table: str, command: Any) -> None:
    code, _, said = command("--queue", f"{aws.endpoint}/123456789012/not-there", "--table", table)
    assert (code, said.startswith("burgee: the queue can't be read")) == (1, True)


def test_without_a_queue_it_is_called_wrongly(command: Any) -> None:
    code, _, said = command()
    assert code == 2
    assert "--queue" in said
