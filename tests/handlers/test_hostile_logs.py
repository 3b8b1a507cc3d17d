"""SEC-08: nothing that a client sends reaches a log in clear, wherever it puts it and however it is answered."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from config_sync import compile_project
from handlers import assignments, flags, ingest, ofrep
from handlers._edge import prepare
from tests.handlers.conftest import Configure
from tests.handlers.logged import lines_in, requests_in
from tests.handlers.test_events import balanced, event, proxied

MARK = "qzx7marker"  # in every value that a client chooses
USER = f"user-{MARK}@example.com"
EXPERIMENT = {
    "key": "checkout",
    "experiment_id": "exp_checkout",
    "status": "active",
    "variants": [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}],
}
PROJECT = {
    "flags": [
        {"key": "on", "enabled": True, "rollout_percentage": 100},
        {"key": "half", "enabled": True, "rollout_percentage": 50},
        {
            "key": "pro",
            "enabled": True,
            "rollout_percentage": 100,
            "targeting_rules": {"attribute": "email", "operator": "equals", "value": USER},
        },
    ],
    "experiments": [EXPERIMENT],
}
DEEP: Any = MARK
for _ in range(9):
    DEEP = {"deeper": DEEP}
CONTEXTS: list[Any] = [
    {"email": USER, f"key-{MARK}": 1, "plan": {"name": MARK}, "list": [MARK, {MARK: MARK}]},
    {"targetingKey": USER, "email": USER, "user_id": USER, "note": f'"}},\n{{"level":"ERROR","x":"{MARK}'},
    {f"{MARK}-{number}": MARK for number in range(60)},
    {"long": MARK * 2_000},
    DEEP,
    MARK,
    [MARK],
    {"number": 10**30, "text": MARK},
    {"targetingKey": [MARK]},
    {"half": f"\ud800{MARK}"},
]
KEYS: list[Any] = ["on", "half", "pro", "checkout", f"no-such-{MARK}", f'{MARK}"\n', MARK * 300, [MARK], None]
HEADERS = {
    "authorization": f"Bearer {MARK}",
    "cookie": f"session={MARK}",
    "user-agent": MARK,
    "x-api-key": MARK,
    "origin": f"https://{MARK}.example",
    "referer": f"https://example.com/?email={USER}",
    "if-none-match": f'"{MARK}"',
    "x-forwarded-for": "192.0.2.1",
    "content-type": "application/json",
}


@pytest.fixture
def functions(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All functions on one bundle. Neither DynamoDB nor Kinesis answers, so that they log what they log in an outage."""
    result = compile_project(PROJECT)
    assert result.snapshot is not None
    path = tmp_path / "flags.burgee"
    path.write_bytes(result.snapshot)
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "ASSIGNMENTS_TABLE": "assignments",
        "KINESIS_STREAM_NAME": "events",
        "BURGEE_TRACKING": "none",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    assignments.reset_assigner()
    ingest.reset_ingest()
    configure(BUNDLE=path, LOG_SALT="salt", TRACKING="none")
    yield
    assignments.reset_assigner()
    ingest.reset_ingest()


def post(path: str, body: Any) -> list[dict[str, Any]]:
    """The same request as each kind of front door makes it."""
    text = body if isinstance(body, str) else json.dumps(body)
    plain = event(text, path, rawQueryString=f"q={MARK}", queryStringParameters={"q": MARK}, cookies=[f"session={MARK}"])
    plain["headers"] = {**plain["headers"], **HEADERS}
    several = {name: [value] for name, value in HEADERS.items()}
    rest = proxied(path, {"q": MARK}, "POST", text, multiValueHeaders=several)
    return [plain, rest, balanced(path, {"q": MARK}, body=text, httpMethod="POST")]


def get(path: str, parameters: dict[str, str]) -> dict[str, Any]:
    made = event(None, path, rawQueryString=f"user_id={MARK}", queryStringParameters=parameters)
    made["requestContext"]["http"]["method"] = "GET"
    return made


def everything() -> Iterator[tuple[Any, Any]]:
    """Function and event, in every combination of questions, keys and contexts."""
    for context in CONTEXTS:
        for key in KEYS:
            asked = {"user_id": USER, "flag_key": key, "context": context}
            yield from ((flags.handler, made) for made in post("/feature-flags/evaluate", asked))
            if isinstance(key, str) and len(key) < 100:
                yield from ((ofrep.handler, made) for made in post(f"/ofrep/v1/evaluate/flags/{key}", {"context": context}))
        keys = ["on", "half", f"no-such-{MARK}"]
        batch = {"user_id": USER, "flag_keys": keys, "context": context}
        yield from ((flags.handler, made) for made in post("/feature-flags/evaluate/batch", batch))
        yield from ((flags.handler, made) for made in post("/ofrep/v1/evaluate/flags", {"context": context}))
        for key in ("checkout", f"no-such-{MARK}"):
            asked = {"user_id": USER, "experiment_key": key, "context": context}
            yield from ((assignments.handler, made) for made in post("/assign", asked))
    for body in (f"{{{MARK}", f'"{MARK}"', f'[["{MARK}', MARK * 40_000):
        for path in ("/feature-flags/evaluate", "/feature-flags/evaluate/batch", "/ofrep/v1/evaluate/flags/on", f"/{MARK}"):
            yield from ((flags.handler, made) for made in post(path, body))
        yield from ((assignments.handler, made) for made in post("/assign", body))
        yield from ((ingest.handler, made) for made in post("/events/batch", body))
    for handler, path, name in (
        (flags.handler, "/feature-flags/evaluate", "flag_key"),
        (assignments.handler, "/assign", "experiment_key"),
    ):
        for key in ("on", "checkout", MARK):
            context = json.dumps(CONTEXTS[0])
            yield handler, get(path, {"user_id": USER, name: key, "context": context})
            yield handler, get(path, {"user_id": "", name: key, "context": MARK})
    yield from events_of_clients()
    yield from ((flags.handler, odd) for odd in (MARK, [MARK], {MARK: MARK}, {"requestContext": {"http": MARK}}))


def events_of_clients() -> Iterator[tuple[Any, Any]]:
    for context in CONTEXTS:
        for sent in ({"event_id": MARK, "event_type": MARK, "user_id": USER, "properties": context}, {"event_type": context}):
            yield from ((ingest.handler, made) for made in post("/events", sent | {MARK: MARK}))
            yield from ((ingest.handler, made) for made in post("/events/batch", [sent, {"user_id": USER, "timestamp": MARK}]))


def test_sec_08_no_value_that_a_client_sends_is_in_any_log_line(functions: None, capfd: pytest.CaptureFixture[str]) -> None:
    statuses, count = set(), 0
    for handler, document in everything():
        statuses.add(handler(document, None)["statusCode"])
        count += 1
    assert {200, 400, 404} <= statuses
    printed = capfd.readouterr()
    assert len(requests_in(printed.out)) == count > 500
    assert all(isinstance(line, dict) for line in lines_in(printed.out))
    assert len({line["user_hash"] for line in requests_in(printed.out) if "user_hash" in line}) == 1, "one user, one hash"
    for text in (printed.out, printed.err):
        assert [line for line in text.splitlines() if MARK in line] == []


def test_sec_08_nor_when_everything_breaks(
    functions: None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors quote what they choke on. Their words go nowhere."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            def fail(*arguments: object, **_: object) -> Any:
                raise ValueError(f"cannot take {arguments!r} {MARK}")

            return fail

    flagging, taking = (prepare(), list(everything())[:60]), (prepare(follows=False), list(events_of_clients())[:30])
    for (edge, asked), what in product((flagging, taking), ("reader", "access", "tracker")):
        with monkeypatch.context() as patch:
            patch.setattr(edge, what, Broken())
            for handler, document in asked:
                result: Any = handler(document, None)
                assert MARK not in result.get("body", "") or result["statusCode"] != 500
    printed = capfd.readouterr()
    assert sum(line.get("error") == "ValueError" for line in lines_in(printed.out)) >= 90
    assert MARK not in printed.out + printed.err
