"""``/events`` and ``/events/batch`` as clients see them, and what is in the stream then: on the embedded AWS, with faults."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers import _edge, ingest
from handlers._aws_json import AwsError, JsonClient
from handlers._breaker import Breaker
from handlers._contract import check_event
from handlers._http import MAX_BODY_BYTES, Request
from handlers._ingest_settings import read_settings
from tests.aws import REGION, Aws
from tests.handlers.assigning import Counter, Given, client
from tests.handlers.ingesting import (
    THROTTLED,
    Refuse,
    Refusing,
    Taking,
    events,
    new_stream,
    post,
    purchase,
    read,
    records,
    stream_of,
)
from tests.handlers.logged import errors_in, requests_in
from tests.handlers.playing import Player, silence
from tests.handlers.test_events import event as lambda_event


def statuses(response: Any) -> list[str]:
    return [result["status"] for result in read(response)["results"]]


def refusing(aws: Aws, refuse: Refuse, **more: Any) -> tuple[Any, Refusing, str]:
    """A stream of the embedded AWS, what stands before it, and its name."""
    name = new_stream(aws)
    between = Refusing(client(aws, "kinesis"), refuse)
    return stream_of(between, name, sleep=lambda _: None, **more), between, name


# --- what is taken ------------------------------------------------------------------------------------------------------------


def test_evh_05_one_event_is_in_the_stream_under_its_user(aws: Aws) -> None:
    name = new_stream(aws)
    response = post(purchase(user_id="grüße #1"), stream_of(client(aws, "kinesis"), name), "/events")
    assert response.status == 202
    assert read(response) == {
        "accepted": 1, "rejected": 0, "unavailable": 0, "results": [{"event_id": "evt-1", "status": "accepted"}],
    }  # fmt: skip
    (record,) = records(aws, name)
    assert record["PartitionKey"] == "grüße #1"
    assert json.loads(record["Data"]) == purchase(user_id="grüße #1")


def test_evh_05_a_batch_is_answered_event_by_event_in_its_order(aws: Aws) -> None:
    name = new_stream(aws)
    document = {
        "events": [
            purchase(1),
            {"event_id": "evt-2", "event_type": "purchase"},
            {"event_type": "page_view", "user_id": "customer-3"},
            purchase(4, event_type="a#b"),
            purchase(1, properties={"revenue": 1_000}),
            "x",
            purchase(5),
        ]
    }
    response = post(document, stream_of(client(aws, "kinesis"), name), wall=lambda: 1_780_272_000_123_456_789)
    assert response.status == 202
    found = read(response)
    made = found["results"][2]["event_id"]
    assert found == {
        "accepted": 4,
        "rejected": 3,
        "unavailable": 0,
        "results": [
            {"event_id": "evt-1", "status": "accepted"},
            {"event_id": "evt-2", "status": "rejected", "error": "user_id is missing"},
            {"event_id": made, "timestamp": "2026-06-01T00:00:00.123Z", "status": "accepted"},
            {
                "event_id": "evt-4",
                "status": "rejected",
                "error": "event_type may have letters and digits of ASCII and _ . : - only",
            },
            {"event_id": "evt-1", "status": "accepted", "duplicate": True},
            {"event_id": None, "status": "rejected", "error": "an event must be an object"},
            {"event_id": "evt-5", "status": "accepted"},
        ],
    }
    assert events(aws, name) == [
        purchase(1),
        {"event_id": made, "event_type": "page_view", "user_id": "customer-3", "timestamp": "2026-06-01T00:00:00.123Z"},
        purchase(5),
    ]


def test_evh_05_five_hundred_events_are_one_call(aws: Aws) -> None:
    stream, between, name = refusing(aws, lambda *_: {})
    many = [purchase(number, metadata=...) for number in range(500)]
    response = post(many, stream)
    assert response.status == 202
    assert statuses(response) == ["accepted"] * 500
    assert [len(call) for call in between.calls] == [500]
    assert events(aws, name) == many
    assert post([*many, purchase(500)], stream).status == 400
    assert len(between.calls) == 1, "of 501 none is taken"


def test_model_06_what_is_put_is_what_the_contract_wants(aws: Aws) -> None:
    """Producer and consumer: nothing that is in the stream would be refused by whoever reads it."""
    name = new_stream(aws)
    hostile = [
        {
            "event_type": "a",
            "user_id": "🎟\xa0",
            "properties": {"\u2028": ["\x00", {"a": [{"b": 1e-300}]}]},
            "x": {"y": [[[[[[[1]]]]]]]},
        },
        {"event_type": "a" * 100, "user_id": "ü" * 256, "event_id": "i" * 128, "experiment_id": "#%/"},
        {"event_type": ".", "user_id": "u", "timestamp": "2024-02-29 00:00:00.123456789-23:59"},
        {"event_type": "a", "user_id": "u", "properties": {str(number): 2**63 - 1 for number in range(100)}},
    ]
    assert statuses(post(hostile, stream_of(client(aws, "kinesis"), name))) == ["accepted"] * 4
    found = events(aws, name)
    assert [check_event(event) for event in found] == [None] * 4
    assert found[0]["properties"] == hostile[0]["properties"]


# --- what is refused ----------------------------------------------------------------------------------------------------------


def test_val_01_one_bad_event_is_a_400_that_names_the_field() -> None:
    taking = Taking()
    response = post({"event_id": "evt-1", "user_id": "secret"}, stream_of(taking), "/events")
    assert response.status == 400
    assert read(response) == {
        "error": "event_type is missing",
        "accepted": 0,
        "rejected": 1,
        "unavailable": 0,
        "results": [{"event_id": "evt-1", "status": "rejected", "error": "event_type is missing"}],
    }
    assert taking.events == []


def test_a_batch_without_a_good_event_is_a_400_with_its_results() -> None:
    taking = Taking()
    response = post([{}, {"event_id": "a"}, 3], stream_of(taking))
    assert response.status == 400
    found = read(response)
    assert found["error"] == "there is no event in the request that can be taken"
    assert [result["error"] for result in found["results"]] == [
        "event_type and user_id are missing", "event_type and user_id are missing", "an event must be an object",
    ]  # fmt: skip
    assert taking.keys == []


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
def test_sec_09_a_body_has_at_most_256_kib(path: str) -> None:
    taking = Taking()
    padding = MAX_BODY_BYTES - len(json.dumps([{**purchase(), "x": ""}])) + (2 if path == "/events" else 0)
    document: Any = {**purchase(), "x": "x" * padding}
    text = json.dumps(document if path == "/events" else [document])
    assert len(text) == MAX_BODY_BYTES
    assert post(text, stream_of(taking), path).status == 202
    for longer in (text + " ", (text + " ").encode(), text[:-1] + "ü"):
        refused = post(longer, stream_of(taking), path)
        assert refused.status == 413
        assert read(refused) == {"error": "the request body is larger than 262144 bytes"}
    assert len(taking.events) == 1


def test_methods_and_paths() -> None:
    stream = stream_of(Taking())
    for path in ("/events", "/events/batch"):
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            response = ingest.answer(Request(method, path), stream)
            assert (response.status, response.headers) == (405, {"Allow": "POST, OPTIONS"})
        assert ingest.answer(Request("OPTIONS", path), stream).status == 204
    assert ingest.answer(Request("POST", "/health"), stream).status == 405
    for path in ("/", "/events/", "/events/batch/x", "/eventsx"):
        assert ingest.answer(Request("POST", path), stream).status == 404


# --- a stream that refuses ----------------------------------------------------------------------------------------------------


def test_shr_04_only_what_the_stream_refused_is_sent_again(aws: Aws) -> None:
    stream, between, name = refusing(aws, lambda call, _: {1: THROTTLED, 3: "InternalFailure"} if call == 0 else {})
    many = [purchase(number) for number in range(5)]
    response = post(many, stream)
    assert statuses(response) == ["accepted"] * 5
    assert [[record["PartitionKey"] for record in call] for call in between.calls] == [
        [f"customer-{number}" for number in range(5)],
        ["customer-1", "customer-3"],
    ]
    assert sorted(event["event_id"] for event in events(aws, name)) == [f"evt-{number}" for number in range(5)]


def test_shr_04_what_the_stream_keeps_refusing_is_unavailable(aws: Aws) -> None:
    def hot(_: int, given: list[dict[str, Any]]) -> dict[int, str]:
        return {index: THROTTLED for index, record in enumerate(given) if record["PartitionKey"] == "customer-2"}

    stream, between, name = refusing(aws, hot)
    counter = Counter()
    response = post([purchase(1), purchase(2), {}, purchase(2), purchase(3)], stream, counter=counter)
    assert response.status == 202
    found = read(response)
    sentence = "the stream has no room for it now: send it again"
    assert found == {
        "accepted": 2,
        "rejected": 1,
        "unavailable": 2,
        "results": [
            {"event_id": "evt-1", "status": "accepted"},
            {"event_id": "evt-2", "status": "unavailable", "error": sentence},
            {"event_id": None, "status": "rejected", "error": "event_type and user_id are missing"},
            {"event_id": "evt-2", "status": "unavailable", "error": sentence, "duplicate": True},
            {"event_id": "evt-3", "status": "accepted"},
        ],
    }
    assert [len(call) for call in between.calls] == [3, 1, 1], "three attempts"
    assert [event["event_id"] for event in events(aws, name)] == ["evt-1", "evt-3"]
    assert counter.counts == {
        "EventsAccepted": 2, "EventsRejected": 1, "EventsUnavailable": 2, "EventsThrottled": 2, "EventsRepeated": 1,
    }  # fmt: skip


def all_of(code: str) -> Refuse:
    return lambda _, given: dict.fromkeys(range(len(given)), code)


@pytest.mark.parametrize("code", [THROTTLED, "KMSThrottlingException"])
def test_a_stream_without_any_room_is_a_429_with_what_to_send_again(aws: Aws, code: str) -> None:
    stream, _, name = refusing(aws, all_of(code))
    response = post([{"event_type": "a", "user_id": "b"}, {}], stream)
    assert response.status == 429
    assert response.headers == {"Retry-After": "1"}
    found = read(response)
    assert found["error"] == "the stream has no room for it now: send it again"
    assert (found["accepted"], found["rejected"], found["unavailable"]) == (0, 1, 1)
    assert stream.breaker.state == "closed", "other shards may have room"
    first = found["results"][0]
    assert set(first) == {"event_id", "timestamp", "status", "error"}, "both belong to it from now on"
    assert events(aws, name) == []
    again = stream_of(client(aws, "kinesis"), name)
    repeated = {"event_type": "a", "user_id": "b", "event_id": first["event_id"], "timestamp": first["timestamp"]}
    assert post(repeated, again, "/events").status == 202
    assert events(aws, name) == [repeated]


def test_records_that_fail_inside_the_stream_are_a_503(aws: Aws) -> None:
    stream, _, _ = refusing(aws, all_of("InternalFailure"))
    response = post(purchase(), stream, "/events")
    assert (response.status, response.headers) == (503, {"Retry-After": "5"})
    assert statuses(response) == ["unavailable"]


def failing(error: AwsError, times: int = 1_000) -> Refuse:
    def refuse(call: int, _: list[dict[str, Any]]) -> dict[int, str]:
        if call < times:
            raise error
        return {}

    return refuse


def test_a_call_that_is_throttled_as_a_whole_is_repeated_then_a_429(aws: Aws) -> None:
    error = AwsError("throttled", "LimitExceededException", "kinesis answers 400 LimitExceededException")
    stream, between, name = refusing(aws, failing(error, 2))
    assert post(purchase(), stream, "/events").status == 202
    assert len(between.calls) == 3
    assert events(aws, name) == [purchase()]
    stream, between, _ = refusing(aws, failing(error), breaker=Breaker(1, 60_000))
    assert post(purchase(), stream, "/events").status == 429
    assert len(between.calls) == 3
    assert stream.breaker.state == "closed"


@pytest.mark.parametrize(
    "kind", ["timeout", "dns", "refused", "tls", "credentials", "denied", "missing", "invalid", "server", "protocol"]
)
def test_a_stream_that_cannot_be_used_is_a_503_and_nothing_is_told_of_why(
    aws: Aws, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = AwsError(kind, "SecretCode", "arn:aws:kinesis:eu-1:123456789012:stream/secret", sent=True)
    stream, between, _ = refusing(aws, failing(error))
    response = post([purchase(), {}], stream)
    assert (response.status, response.headers) == (503, {"Retry-After": "5"})
    assert "ecret" not in response.text and "arn" not in response.text
    assert read(response)["error"] == "the stream could not be reached: send it again"
    assert len(between.calls) == (3 if kind in ("timeout", "server") else 1), "only what may help is repeated"
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (line["level"], line["kind"]) == ("WARNING", kind)
    assert "customer" not in json.dumps(line)


def test_after_failures_in_a_row_nobody_waits_for_the_stream(aws: Aws) -> None:
    now = [1_000.0]
    breaker = Breaker(2, 5_000, lambda: now[0])
    stream, between, name = refusing(aws, failing(AwsError("refused", "", "no"), 2), breaker=breaker)
    assert [post(purchase(), stream, "/events").status for _ in range(4)] == [503] * 4
    assert len(between.calls) == 2
    assert read(ingest.answer(Request("GET", "/health"), stream)) == {
        "status": "degraded", "stream": {"breaker": "open", "failures_in_a_row": 2, "opened": 1},
    }  # fmt: skip
    now[0] += 5
    assert post(purchase(), stream, "/events").status == 202
    assert read(ingest.answer(Request("GET", "/health"), stream))["status"] == "ok"
    assert events(aws, name) == [purchase()]


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_ids(aws: Aws) -> None:
    """The record may be there twice then, under one id, which readers drop."""
    name = new_stream(aws)
    real = client(aws, "kinesis")

    class Losing(Refusing):
        def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]:
            answer = super().call(target, payload, until)
            if len(self.calls) == 1:
                raise AwsError("timeout", "", "kinesis: the connection was closed without an answer", sent=True)
            return answer

    response = post({"event_type": "a", "user_id": "b"}, stream_of(Losing(real, lambda *_: {}), name), "/events")
    assert response.status == 202
    first, second = events(aws, name)
    assert first == second
    assert first["event_id"] == read(response)["results"][0]["event_id"]


def test_shr_06_a_stream_that_hangs_costs_the_budget_and_no_more() -> None:
    with Player(silence) as player:
        stream = stream_of(JsonClient("kinesis", REGION, player.endpoint, Given()), budget_ms=150)
        start = time.monotonic()
        response = post([purchase(number) for number in range(500)], stream)
        assert 0.1 < time.monotonic() - start < 20
    assert response.status == 503
    assert statuses(response) == ["unavailable"] * 500


def test_what_cannot_be_prepared_is_found_out_by_the_first_event() -> None:
    class Unprepared(Taking):
        def prepare(self) -> None:
            raise AwsError("tls", "", "no certificates")

    stream = stream_of(Unprepared())
    stream.prepare()
    assert post(purchase(), stream, "/events").status == 202


# --- the function -------------------------------------------------------------------------------------------------------------

Configure = Callable[..., str]


@pytest.fixture
def configure(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Sets the function's variables (None: not set) and forgets what was made of the ones before; the stream's name."""
    for name in os.environ:
        if name.startswith("BURGEE_"):
            monkeypatch.delenv(name)
    made = new_stream(aws)

    def apply(**variables: str | None) -> str:
        defaults: dict[str, str | None] = {"KINESIS_STREAM_NAME": made, "BURGEE_INGEST_BUDGET_MS": str(20_000)}
        for name, value in (aws.environment | defaults | variables).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        _edge.reset_edge()
        ingest.reset_ingest()
        return made

    yield apply
    _edge.reset_edge()
    ingest.reset_ingest()


def invoke(document: Any, path: str = "/events/batch", **more: Any) -> tuple[dict[str, Any], Any]:
    body = document if isinstance(document, str) else json.dumps(document)
    result: Any = ingest.handler(json.loads(json.dumps(lambda_event(body, path, **more))), None)
    return result, json.loads(result["body"])


def test_evh_05_the_function_answers_and_leaves_one_line(
    configure: Configure, aws: Aws, capfd: pytest.CaptureFixture[str]
) -> None:
    name = configure()
    result, found = invoke([purchase(1), purchase(2), {"event_id": "evt-3", "user_id": "customer-3"}])
    assert result["statusCode"] == 202
    assert (found["accepted"], found["rejected"]) == (2, 1)
    headers = result["headers"]
    assert headers["X-Request-Id"] == "5f0b8a5e-0000-4000-8000-000000000000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in headers if name.startswith("X-Burgee")], "there is no snapshot"
    assert events(aws, name) == [purchase(1), purchase(2)]
    (line,) = requests_in(capfd.readouterr().out)
    assert (line["route"], line["status"], line["level"]) == ("event-batch", 202, "INFO")
    assert (line["events"], line["accepted"], line["rejected"], line["unavailable"]) == (3, 2, 1, 0)
    assert line["refusal"] == "event_type is missing"
    assert (line["EventsAccepted"], line["EventsRejected"]) == (2, 1)
    names = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {"EventsAccepted", "EventsRejected"} <= names
    assert "CacheHit" not in line and "CacheMiss" not in line
    assert "customer" not in json.dumps(line) and "evt-" not in json.dumps(line)


def test_a_body_in_base64_is_as_good(configure: Configure, aws: Aws) -> None:
    name = configure()
    text = json.dumps([purchase(user_id="ü")], ensure_ascii=False)
    result, _ = invoke(base64.b64encode(text.encode()).decode(), isBase64Encoded=True)
    assert result["statusCode"] == 202
    assert events(aws, name) == [purchase(user_id="ü")]
    assert invoke("%%%", isBase64Encoded=True)[0]["statusCode"] == 400
    for spoiled in (b"\xff" + text.encode(), text.encode("utf-16")):
        result, found = invoke(base64.b64encode(spoiled).decode(), isBase64Encoded=True)
        assert result["statusCode"] == 400
        assert found == {"error": "the request body is not JSON in UTF-8"}


def test_the_content_type_is_not_looked_at(configure: Configure) -> None:
    """A page's ``sendBeacon`` can't say JSON without asking first."""
    configure()
    for kind in ("text/plain;charset=UTF-8", "application/octet-stream"):
        result, _ = invoke([purchase()], headers={"content-type": kind})
        assert result["statusCode"] == 202


def test_access_is_the_edges(configure: Configure, aws: Aws) -> None:
    from hashlib import sha256

    digest = sha256(b"the-key").hexdigest()
    name = configure(
        BURGEE_AUTH="api-key", BURGEE_API_KEY_DIGESTS=f"shop:{digest}", BURGEE_RATE_PER_SECOND="0.001", BURGEE_RATE_BURST="2"
    )
    refused, found = invoke([purchase()])
    assert refused["statusCode"] == 401
    assert found == {"error": "a valid API key is needed, in x-api-key"}
    key = {"headers": {"x-api-key": "the-key"}}
    assert [invoke([purchase()], **key)[0]["statusCode"] for _ in range(3)] == [202, 202, 429]
    assert len(events(aws, name)) == 2
    health = lambda_event(None, "/health")
    health["requestContext"]["http"]["method"] = "GET"
    result: Any = ingest.handler(health, None)
    assert (result["statusCode"], json.loads(result["body"])["status"]) == (200, "ok")


def test_cors_is_the_edges(configure: Configure) -> None:
    configure(BURGEE_ALLOW_ORIGINS="https://app.example")
    result, _ = invoke([purchase()], headers={"origin": "https://app.example"})
    assert result["headers"]["Access-Control-Allow-Origin"] == "https://app.example"
    preflight = lambda_event(None, "/events", headers={"origin": "https://app.example"})
    preflight["requestContext"]["http"]["method"] = "OPTIONS"
    answer: Any = ingest.handler(preflight, None)
    assert answer["statusCode"] == 204
    assert "POST" in answer["headers"]["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KINESIS_STREAM_NAME", None, "KINESIS_STREAM_NAME isn't set"),
        ("KINESIS_STREAM_NAME", "a stream", "KINESIS_STREAM_NAME is 'a stream'; it must be a stream's name"),
        ("BURGEE_INGEST_BUDGET_MS", "0", "BURGEE_INGEST_BUDGET_MS is '0'; it must be a number of milliseconds from 1 to 60000"),
        ("BURGEE_INGEST_BUDGET_MS", "soon", "BURGEE_INGEST_BUDGET_MS is 'soon'"),
        ("BURGEE_BREAKER_FAILURES", "-1", "BURGEE_BREAKER_FAILURES is '-1'"),
        ("BURGEE_BREAKER_COOL_DOWN_MS", "1h", "BURGEE_BREAKER_COOL_DOWN_MS is '1h'"),
        ("BURGEE_AUTH", "maybe", "BURGEE_AUTH is 'maybe'"),
    ],
)
def test_a_wrong_setting_is_a_500_and_its_name_is_in_the_log(
    configure: Configure, capfd: pytest.CaptureFixture[str], variable: str, value: str | None, words: str
) -> None:
    configure(**{variable: value})
    result, found = invoke([purchase()])
    assert result["statusCode"] == 500
    assert found == {"error": "Internal server error: the request could not be answered"}
    (line,) = errors_in(capfd.readouterr().out)
    assert line["message"].startswith(words)


def test_the_settings_that_nobody_set() -> None:
    settings = read_settings({"KINESIS_STREAM_NAME": "events", "BURGEE_INGEST_BUDGET_MS": ""})
    assert (settings.stream, settings.budget_ms, settings.failures, settings.cool_down_ms) == ("events", 1_000, 5, 5_000)


def test_the_function_follows_no_snapshot_and_tracks_nothing(configure: Configure, tmp_path: Path) -> None:
    """Neither a store nor a sink is named, and the same process may have both kinds of surroundings."""
    configure()
    invoke([purchase()])
    alone = _edge.prepare(follows=False)
    assert isinstance(alone.reader, _edge.NoReader)
    assert isinstance(alone.tracker, _edge.NoTracker)
    with pytest.raises(_edge.ConfigurationError, match="BURGEE_STORE"):
        _edge.prepare()
    assert _edge.prepare(follows=False) is alone
