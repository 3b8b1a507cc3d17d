"""``burgee up`` from end to end: a change in a table, what the gate refuses, a rollback, and what is left at the end."""

import gzip
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from burgee import commands
from burgee.cli import main
from tests.burgee.platform import Up, environment, remains
from tests.burgee.projects import command
from tests.burgee.server import PATIENCE_SECONDS, until
from tests.conftest import ROOT
from tests.postgres import Postgres

STORE = "s3://burgee/local"
STOP_SECONDS = 40.0  # it takes about one; the machine may be busy


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    project = tmp_path_factory.mktemp("project") / "examples"
    shutil.copytree(ROOT / "examples", project)
    lines = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    options = ("--refresh-ms", "1000", "--no-view", "--lines", str(lines))
    with Up(project, tmp_path_factory.mktemp("temporary"), *options) as running:
        running.lines = lines
        yield running


def test_flg_21_a_change_in_the_table_reaches_the_evaluation_url(up: Up) -> None:
    up.soon(lambda: up.value("sales-open") is True)
    up.set_default("sales-open", "off")
    up.soon(lambda: up.value("sales-open") is False)
    up.set_default("sales-open", "on")
    up.soon(lambda: up.value("sales-open") is True)


def test_an_answer_says_which_version_it_is_from_and_how_old(up: Up) -> None:
    answer = up.post("sales-open")
    assert int(answer.headers["x-burgee-version"]) >= 1
    assert len(answer.headers["x-burgee-snapshot"]) == 16
    assert 0 <= int(answer.headers["x-burgee-age-ms"]) < 60_000


def test_flg_10_a_malformed_item_costs_itself_alone(up: Up) -> None:
    before, place = up.get("waiting-room"), len(up.printed)
    up.put({**before, "rollout_percentage": {"S": "a few"}})
    up.set_default("sales-open", "off")
    try:
        up.wait_for("FlagErrors=1", place)
        up.soon(lambda: up.value("sales-open") is False)
        up.soon(lambda: "errorCode" in up.post("waiting-room").json())
        assert up.post("waiting-room").status_code == 400  # an error, not "not found"
        assert up.value("hero-banner") is not None
    finally:
        up.put(before)
        up.set_default("sales-open", "on")
    up.soon(lambda: up.post("waiting-room").status_code == 200 and up.value("sales-open") is True)


def test_a_deleted_live_flag_is_refused_with_its_reason_and_goes_on(up: Up) -> None:
    before, place = up.get("max-tickets"), len(up.printed)
    up.flags.delete_item(TableName="feature-flags", Key={"key": {"S": "max-tickets"}})
    try:
        up.wait_for("status=refused", place)
        assert "max-tickets" in up.printed[place:]
        assert up.post("max-tickets").status_code == 200
    finally:
        up.put(before)


def test_flg_21_a_rollback_is_followed_and_held_until_resume(up: Up) -> None:
    up.set_default("sales-open", "on")
    up.soon(lambda: up.value("sales-open") is True)
    up.set_default("sales-open", "off")
    up.soon(lambda: up.value("sales-open") is False)

    done = up.run("rollback", "--store", STORE)
    assert done.returncode == 0, done.stderr
    up.soon(lambda: up.value("sales-open") is True)

    place = len(up.printed)
    up.put({**up.get("sales-open"), "description": {"S": "changed while the store is held"}})
    up.wait_for("status=held", place)
    assert up.value("sales-open") is True

    history = up.run("history", "--store", STORE)
    assert history.returncode == 0 and "rollback" in history.stdout, history.stderr

    assert up.run("resume", "--store", STORE).returncode == 0
    up.put({**up.get("sales-open"), "description": {"S": "changed after"}})
    up.soon(lambda: up.value("sales-open") is False)  # what the table says


# --- the other endpoints ------------------------------------------------------------------------------------------------

WEB = {"platform": "web", "cart": {"items": 2}}


def assigned(up: Up, user: str, key: str = "checkout-button") -> dict[str, Any]:
    answer = up.ask("POST", "/assign", json={"user_id": user, "experiment_key": key, "context": WEB})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_flh_02_the_flag_function_answers_on_the_evaluation_url(up: Up) -> None:
    up.set_default("sales-open", "on")
    up.soon(lambda: up.value("sales-open") is True)
    one = up.ask("GET", "/feature-flags/evaluate", params={"user_id": "user-1", "flag_key": "sales-open"})
    assert one.status_code == 200
    assert one.json() | {"variant": "on"} == {
        "user_id": "user-1", "flag_key": "sales-open", "flag_id": None, "enabled": True, "reason": "enabled", "variant": "on",
    }  # fmt: skip
    assert one.headers["x-request-id"] == one.headers["x-amzn-requestid"]
    body = {"user_id": "user-1", "flag_keys": ["sales-open", "no-such-flag"]}
    many = up.ask("POST", "/feature-flags/evaluate/batch", json=body).json()["flags"]
    assert many["sales-open"]["enabled"] is True
    assert many["no-such-flag"] == {"enabled": False, "reason": "flag_not_found", "variant": None}


def test_asg_12_an_assignment_is_stored_once_and_ends_with_its_experiment(up: Up) -> None:
    user = next(user for user in (f"user-{number}" for number in range(40)) if not assigned(up, user)["excluded"])
    first, second = assigned(up, user), assigned(up, user)
    assert first["persisted"] is True
    assert (first["assignment_id"], first["variant"]) == (second["assignment_id"], second["variant"])
    key = {"user_id": {"S": user}, "experiment_id": {"S": "exp_2041"}}
    stored = up.flags.get_item(TableName="assignments", Key=key)["Item"]
    assert stored["assignment_id"]["S"] == first["assignment_id"]
    assert int(stored["ttl"]["N"]) > time.time()
    before = up.flags.get_item(TableName="experiments", Key={"key": {"S": "checkout-button"}})["Item"]
    up.flags.put_item(TableName="experiments", Item={**before, "status": {"S": "paused"}})
    up.soon(lambda: assigned(up, user)["excluded"])
    up.flags.put_item(TableName="experiments", Item=before)
    up.soon(lambda: not assigned(up, user)["excluded"])
    assert assigned(up, user)["assignment_id"] == first["assignment_id"]


def test_what_it_prints_can_be_pasted(up: Up) -> None:
    pasted = re.findall(r"^  (curl .*)$", up.printed, re.MULTILINE)
    assert len(pasted) == 6
    for line in pasted:
        words = shlex.split(line)
        url = next(word for word in words if word.startswith(up.url))
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = {"content-type": "application/json"} if body else None
        answer = up.ask("POST" if body else "GET", url.removeprefix(up.url), content=body, headers=headers)
        assert answer.status_code == (202 if url.endswith("/events") else 200), (line, answer.text)


def test_flt_04_what_requests_track_is_counted_and_shown_in_the_results(up: Up) -> None:
    """Evaluate, exposure, stream, counters, results: the whole way of an event."""
    users = [f"way-{number}" for number in range(60)]
    found = [user for user in users if not assigned(up, user)["excluded"]]
    event = {"event_type": "purchase", "user_id": found[0], "experiment_id": "exp_2041", "properties": {"revenue": 5}}
    before = results(up)
    assert up.ask("POST", "/events", json=event).status_code == 202
    until(lambda: results(up)["purchases"] > before["purchases"])
    until(lambda: results(up)["exposures"] >= len(found))


def said(up: Up, **members: Any) -> list[dict[str, Any]]:
    """The functions' lines that have these members."""
    lines = [json.loads(line) for line in up.lines.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if all(line.get(name) == value for name, value in members.items())]


def archived(up: Up) -> list[dict[str, Any]]:
    s3 = up.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="burgee-events").get("Contents", [])]
    bodies = [gzip.decompress(s3.get_object(Bucket="burgee-events", Key=key)["Body"].read()) for key in keys]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_mon_07_a_request_is_followed_from_its_answer_to_the_batch_that_counted_it(up: Up) -> None:
    """docs/telemetry.md, "Following one request": answer, log line, event, archive, the processor's invocation."""
    query = {"user_id": "followed", "flag_key": "sales-open"}
    request_id = up.ask("GET", "/feature-flags/evaluate", params=query).headers["x-request-id"]
    until(lambda: said(up, message="request", request_id=request_id))
    (line,) = said(up, message="request", request_id=request_id)
    assert (line["service"], line["flag"]) == ("burgee-flags", "sales-open") and line["function_request_id"]
    found: list[dict[str, Any]] = []

    def is_archived() -> bool:
        found[:] = [each for each in archived(up) if each.get("metadata", {}).get("request_id") == request_id]
        return bool(found)

    until(is_archived)
    (event,) = found
    assert event["properties"]["flag_key"] == "sales-open"

    def batches() -> list[dict[str, Any]]:
        mine = said(up, message="batch", lane=f"events/{event['shard']}")
        return [each for each in mine if int(each["first"]) <= int(event["sequence"]) <= int(each["last"])]

    until(batches)
    assert all(batch["request_id"] and batch["service"] == "burgee-events" for batch in batches())


def results(up: Up) -> dict[str, int]:
    """Of all variants together."""
    variants = up.ask("GET", "/experiments/checkout-button/results").json()["variants"]
    purchases = sum(one["events"].get("purchase", {}).get("events", 0) for one in variants)
    return {"exposures": sum(one["exposures"] for one in variants), "purchases": purchases}


@pytest.mark.parametrize("name", ["config-sync-failures", "events-failures", "events-poison"])
def test_nothing_was_given_up(up: Up, name: str) -> None:
    queue = up.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    assert "Messages" not in up.client("sqs").receive_message(QueueUrl=queue)


def test_asg_16_assignments_are_mirrored_where_there_is_a_database(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    assert main(["migrate", "--database", url]) == 0
    monkeypatch.setenv("DATABASE_URL", url)
    with Up(ROOT / "examples", tmp_path, "--no-view") as up, psycopg.connect(url, autocommit=True) as database:
        user = next(user for user in (f"user-{number}" for number in range(40)) if not assigned(up, user)["excluded"])
        query = "SELECT assignment_id FROM burgee.assignments WHERE user_id = %s"
        until(lambda: database.execute(query, (user,)).fetchall())
        assert database.execute(query, (user,)).fetchall() == [(assigned(up, user)["assignment_id"],)]


# --- the end ----------------------------------------------------------------------------------------------------------


def nothing_remains(up: Up) -> None:
    until(lambda: not remains(up.temporary))
    for url in (up.url, up.endpoint):
        with pytest.raises(httpx.TransportError):
            httpx.get(url, trust_env=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with Up(ROOT / "examples", tmp_path) as up:
        assert len(remains(tmp_path)) >= 4  # itself, its AWS, its functions and their scratch
        started = time.monotonic()
        code = up.end(number)
        assert time.monotonic() - started < STOP_SECONDS
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        nothing_remains(up)


def test_ctrl_c_at_a_terminal_ends_the_view_and_leaves_nothing(tmp_path: Path) -> None:
    with Up(ROOT / "examples", tmp_path, terminal=True) as up:
        for text in ("invocations", "store", "version 1", "segments", "position", "ingest", "results", "age", "none"):
            up.wait_for(text)
        up.press(b"\x03")
        assert up.end() == 0
        assert "Stopped." in up.printed
        assert "Traceback" not in up.printed
        assert up.printed.rstrip().endswith("Stopped.")
        assert up.printed.rfind("\x1b[?25h") > up.printed.rfind("\x1b[?25l")  # the cursor is back
        nothing_remains(up)


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("up", "examples", "--port", "0", "--aws-port", "0"),
        cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Starting")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=PATIENCE_SECONDS)[0]
    assert process.returncode == 0
    assert output.endswith("Stopped.\n")
    assert "Traceback" not in output
    until(lambda: not remains(tmp_path))


# --- what can be wrong at the start -----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--port", "--aws-port"])
def test_a_taken_port_is_said(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = "--aws-port" if option == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["up", str(ROOT / "examples"), option, port, other, "0"]) == 1
    said = capsys.readouterr().err
    assert port in said and "already in use" in said and option in said


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(commands.importlib.util, "find_spec", lambda name: None if name == "moto" else object())
    assert main(["up", str(ROOT / "examples")]) == 1
    assert capsys.readouterr().err == "burgee: up needs packages that aren't installed (moto): pip install 'burgee[up]'\n"


@pytest.mark.parametrize("path", ["nowhere", "examples/contexts.json"])
def test_what_is_no_project_is_said(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", str(ROOT / path), "--port", "0", "--aws-port", "0"]) == 2
    assert "burgee: " in capsys.readouterr().err
