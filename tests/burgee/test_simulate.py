"""``burgee simulate`` against a running ``burgee up``: what is planted is found, and every count is what was sent, exactly."""

import gzip
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from burgee import simulate
from burgee.cli import main
from burgee.traffic import EXPOSURE, PURCHASE, Client, Habits, Ledger, Traffic
from burgee.trouble import Trouble
from handlers._contract import check_event
from handlers._counters import Counters
from tests.burgee.platform import Up
from tests.burgee.server import until
from tests.conftest import ROOT

POISON = 7
USERS = 1_000


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(ROOT / "examples", tmp_path_factory.mktemp("temporary"), "--no-view") as running:
        yield running


def run(up: Up, *arguments: str) -> dict[str, Any]:
    done = up.run("simulate", *arguments, "--url", up.url, "--json", "--wait", "300", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def effect(up: Up) -> dict[str, Any]:
    """A run with an effect, events that are sent twice, and poison.

    It waits for what is counted, and poison counts nowhere: its shards may have their turns a little later.
    """
    planted = ("--effect", "0.8", "--duplicates", "0.1", "--invalid", "8", "--poison", str(POISON))
    found = run(up, "--name", "effect", "--users", str(USERS), *planted)
    until(lambda: sum(map(int, re.findall(r" events +metrics .*\bDeadLetters=(\d+)", up.printed))) >= POISON)
    return found | {"counters": counters(up, found["sent"])}


def counters(up: Up, sent: dict[str, Any]) -> dict[str, Any]:
    """Of the experiment's first phase, by variant and event type: what later runs will add to."""
    stored = Counters(up.client("dynamodb"), "event-aggregations")
    (phase,) = stored.phases(sent["experiment_id"])
    assert phase.allocation == {"control": 0.5, "large": 0.5}
    return {name: stored.window(sent["experiment_id"], name, "phase", phase.number) for name in sent["variants"]}


def depth(up: Up, queue: str) -> int:
    client = up.client("sqs")
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client.get_queue_attributes(QueueUrl=client.get_queue_url(QueueName=queue)["QueueUrl"], AttributeNames=names)
    return sum(int(found["Attributes"][name]) for name in names)


def archived(up: Up) -> list[dict[str, Any]]:
    """Every line of the archive."""
    client = up.client("s3")
    found = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="burgee-events", Prefix="year="):
        for one in page.get("Contents", []):
            text = gzip.decompress(client.get_object(Bucket="burgee-events", Key=one["Key"])["Body"].read())
            found += [json.loads(line) for line in text.splitlines()]
    return found


def test_enr_06_the_planted_effect_is_found_with_its_sign(effect: dict[str, Any]) -> None:
    (comparison,) = effect["comparisons"]
    low, high = comparison["lift_interval"]
    assert 0 < low < comparison["lift"] < high, comparison
    assert 0.2 < comparison["lift"] < 1.6, "the same users each time, and the same draws"
    assert (comparison["direction"], comparison["verdict"]) == ("up", "large is ahead")
    assert effect["sample_ratio"]["mismatch"] is False
    assert effect["counted"] is True


def test_agg_10_the_counters_are_the_ledger(effect: dict[str, Any]) -> None:
    """Duplicates and poison among them: events and sums exactly, distinct users by their sketch."""
    sent = effect["sent"]
    assert sent["repeated"] > 10
    for variant, kinds in sent["variants"].items():
        found = effect["counters"][variant]
        assert {kind: totals.events for kind, totals in found.items()} == {kind: one["events"] for kind, one in kinds.items()}
        for kind, one in kinds.items():
            assert found[kind].users == pytest.approx(one["users"], rel=0.02)
        revenue = found[PURCHASE].metrics["revenue"]
        assert (revenue.n, revenue.total) == (kinds[PURCHASE]["events"], Decimal(kinds[PURCHASE]["revenue"]))


def test_arc_01_the_archive_has_every_event_once(up: Up, effect: dict[str, Any]) -> None:
    mine = [line for line in archived(up) if line["user_id"].startswith("sim-") and line["experiment_id"] == "exp_2041"]
    assert len({line["event_id"] for line in mine}) == len(mine)
    mine = [line for line in mine if line["user_id"].startswith("sim-effect-")]
    found = Counter((line["variant"], line["event_type"]) for line in mine)
    wanted = {(name, kind): one["events"] for name, kinds in effect["sent"]["variants"].items() for kind, one in kinds.items()}
    assert found == wanted


def test_agg_10_the_archive_says_what_the_ledger_says(up: Up, effect: dict[str, Any]) -> None:
    """Every event, from the platform's own bucket: users counted, and revenue per user besides."""
    done = up.run("results", "checkout-button", "--url", up.url, "--archive", "s3://burgee-events", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("reading "), done.stderr
    found = json.loads(done.stdout)
    for one in found["variants"]:
        sent = effect["sent"]["variants"][one["variant"]]
        assert one["users"]["estimate"] == one["exposures"] == sent[EXPOSURE]["users"]
        told = one["events"][PURCHASE]
        assert (told["events"], told["users"]["estimate"]) == (sent[PURCHASE]["events"], sent[PURCHASE]["users"])
        assert told["conversion"] == sent[PURCHASE]["users"] / sent[EXPOSURE]["users"]
        value = next(each["values"] for each in found["metrics"] if each["metric"] == "purchase/revenue/user")[one["variant"]]
        assert value == pytest.approx(float(sent[PURCHASE]["revenue"]) / one["exposures"], rel=1e-12)


def test_evb_03_exactly_the_planted_poison_is_in_the_queue(up: Up, effect: dict[str, Any]) -> None:
    assert effect["sent"]["refused"] == 8, "at the door: they never reached the stream"
    assert (depth(up, "events-poison"), depth(up, "events-failures")) == (POISON, 0)


@pytest.mark.slow
def test_mon_04_the_planted_mismatch_is_caught(up: Up) -> None:
    found = run(up, "checkout-upsell", "--name", "broken", "--users", "1200", "--srm", "0.6", "--invalid", "0")
    assert found["sent"]["lost"] > 50
    assert found["sample_ratio"]["mismatch"] is True
    assert found["sample_ratio"]["p_value"] < 0.001


def test_the_printed_command_shows_the_results(up: Up, effect: dict[str, Any]) -> None:
    done = up.run(*re.findall(r"^  burgee (results .*)$", up.printed, re.MULTILINE)[0].split())
    assert done.returncode == 0, done.stderr
    assert "large is ahead" in done.stdout and "control" in done.stdout
    assert re.search(rf"^  burgee simulate checkout-button --url {up.url}$", up.printed, re.MULTILINE)


def test_a_second_run_is_counted_beside_the_first(up: Up, effect: dict[str, Any]) -> None:
    found = run(up, "--name", "second", "--users", "60", "--effect", "0")
    exposures = sum(one["exposures"] for one in found["variants"])
    assert exposures >= USERS + 60


@pytest.mark.slow
def test_evb_07_a_processor_that_is_killed_again_and_again_counts_everything_once(up: Up, effect: dict[str, Any]) -> None:
    """SIGKILL, wherever it is in a batch: the counts are what was sent, and nothing was given up."""
    killed: list[int] = []
    over = Event()

    def kill() -> None:
        while len(killed) < 12 and not over.wait(0.6):
            for number in processors(up):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                    killed.append(number)

    killer = Thread(target=kill)
    killer.start()
    try:
        found = run(up, "--name", "killed", "--users", "400", "--duplicates", "0.2")
    finally:
        over.set()
        killer.join()
    assert len(killed) >= 3
    assert found["counted"] is True
    assert (depth(up, "events-poison"), depth(up, "events-failures")) == (POISON, 0)


def processors(up: Up) -> list[int]:
    """The process ids of the function's sandboxes."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit():
                variables = (process / "environ").read_bytes()
                if b"_HANDLER=handlers.events.handler" in variables and str(up.temporary).encode() in variables:
                    found.append(int(process.name))
    return found


def test_evb_08_a_redrive_of_what_is_still_poison_leaves_it_there(up: Up, effect: dict[str, Any]) -> None:
    url = up.client("sqs").get_queue_url(QueueName="events-poison")["QueueUrl"]
    done = up.run("redrive", "--queue", url)
    assert done.returncode == 1
    assert done.stdout == "put 0 events of 0 messages back into the stream\n"
    assert f"{POISON} messages stayed in the queue" in done.stderr


def test_in_words_it_says_what_was_planted_and_what_was_found(up: Up, effect: dict[str, Any]) -> None:
    arguments = ("--name", "words", "--users", "30", "--invalid", "1", "--seed", "3", "--wait", "300")
    done = up.run("simulate", "--url", up.url, *arguments, seconds=600)
    assert done.returncode == 0, done.stderr
    for text in (
        "refused at the door: 1",
        "planted: 30.0% of control buy, +25% elsewhere",
        "exactly what was sent",
        "no mismatch",
    ):
        assert text in done.stdout
    until(lambda: depth(up, "events-failures") == 0)


def test_what_can_be_wrong_is_said(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        ("no-such-experiment",): "the results of no-such-experiment are answered 404",
        ("-c", '{"platform": "tv"}', "--users", "50"): "users are in the experiment checkout-button: see --context",
    }
    for arguments, said in wrong.items():
        assert main(["simulate", *arguments, "--url", up.url]) == 1
        assert said in capsys.readouterr().err
    assert main(["simulate", "--url", "file:///etc"]) == 1
    assert "is no URL of a platform" in capsys.readouterr().err
    for arguments in (["--users", "0"], ["--name", "a b"], ["--name", ""]):
        with pytest.raises(SystemExit):
            main(["simulate", *arguments])


# --- without a platform -------------------------------------------------------------------------------------------------


class Scripted:
    """A platform that answers from a list: statuses of requests, or of each event."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[list[dict[str, Any]]] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        from burgee.traffic import Answer

        events = body["events"]
        self.sent.append(events)
        statuses = self.answers.pop(0) if self.answers else ["accepted"] * len(events)
        return Answer(202, {"results": [{"status": status} for status in statuses]}, 1)


def traffic(client: Any, **habits: Any) -> Traffic:
    return Traffic(client, "checkout", {}, Habits(**habits), seed=1, run_id="x", threads=1)


def test_what_had_no_room_is_sent_again_and_alone() -> None:
    client = Scripted(["accepted", "unavailable", "rejected"], ["accepted"])
    made = traffic(client)
    events = list(made.invalid(3))
    made.send(events)
    assert client.sent == [events, [events[1]]]
    assert made.ledger.refused == 1


def test_what_is_sent_twice_is_the_same_event() -> None:
    client = Scripted()
    made = traffic(client, rate=0.5)
    made.ledger.experiment_id = "exp_1"
    events = list(made.purchases({f"user-{number}": "control" for number in range(200)}, "control"))
    made.send(events, duplicates=0.5)
    first, again = client.sent
    assert made.ledger.repeated == len(again) > 20
    assert all(event in first for event in again)
    assert made.ledger.tally("control", PURCHASE).events == len(events)


def test_every_user_of_a_broken_page_is_lost_and_nobody_else() -> None:
    made = traffic(None, loss=0.5, lossy="b")
    made.ledger.experiment_id = "exp_1"
    users = {f"user-{number}": "ab"[number % 2] for number in range(400)}
    sent = list(made.exposures(users))
    assert len(sent) + made.ledger.lost == 400
    assert made.ledger.tally("a", EXPOSURE).events == 200
    assert 60 < made.ledger.lost < 140
    assert all(check_event(event) is None for event in sent)


def test_the_same_seed_draws_the_same() -> None:
    def drawn() -> Ledger:
        made = traffic(None, effect=1.0)
        users = {f"user-{number}": "ab"[number % 2] for number in range(100)}
        list(made.purchases(users, "a"))
        return made.ledger

    assert drawn().document() == drawn().document()


def test_what_is_called_invalid_is() -> None:
    assert all(check_event(event) for event in traffic(None).invalid(12))


def test_who_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="doesn't answer"):
        Client("http://127.0.0.1:9", sleep=lambda _: None).ask("GET", "/")


def test_counts_that_grew_by_something_else_are_not_taken_for_what_was_sent() -> None:
    def found(**exposures: int) -> dict[str, Any]:
        return {"variants": [{"variant": name, "exposures": count, "events": {}} for name, count in exposures.items()]}

    ledger = Ledger()
    for number in range(3):
        ledger.tally("a", EXPOSURE).add(f"user-{number}")
    sent = simulate.Sent(ledger, Habits(), "a", 1.0)
    assert simulate.is_counted(found(a=5, b=1), found(a=8, b=1), sent)
    for a, b in ((7, 1), (9, 1), (8, 2)):
        assert not simulate.is_counted(found(a=5, b=1), found(a=a, b=b), sent)
