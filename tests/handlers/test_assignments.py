"""``/assign`` as requests see it: what is read, what is answered, and what never reaches a client, a key or a log."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_sync import compile_project
from handlers import _edge, _snapshots, assignments
from handlers._assigning import Assigner
from handlers._assignment_request import check_id
from handlers._assignment_settings import read_settings
from handlers._contract import check_event
from handlers._http import Request, Response
from handlers._ids import BadRequest
from handlers._tracking import Tracker
from tests.aws import Aws
from tests.handlers.assigning import (
    Counter,
    PlayedClient,
    assigner,
    assignments_table,
    counted,
    down,
    evaluator,
    experiment,
    items,
)

FLAGS = evaluator(
    experiment(overrides={"vip": "treatment"}),
    experiment("paused", status="paused"),
    experiment("paying", variants=[{"key": "a", "allocation": 1, "payload": {"price": 9.5}}, {"key": "b", "allocation": 0}]),
    experiment("broken", variants=[{"key": "only", "allocation": 1}]),
    experiment("by-account", bucket_by="account"),
    experiment("us-only", targeting_rules=[{"attribute": "country", "operator": "equals", "value": "US"}]),
    flags={"a-flag": {"enabled": True, "rollout_percentage": 100}},
)
SECRET = "secret-attribute-value"


def ask(request: Request, one: Assigner | None = None, flags: Any = FLAGS) -> Response:
    return assignments.answer(request, flags, one or assigner(PlayedClient()))


def get(one: Assigner | None = None, /, body: str = "", path: str = "/assign", **query: str) -> Response:
    return ask(Request("GET", path, {}, body, urlencode(query, quote_via=quote)), one)


def post(document: Any, one: Assigner | None = None, **query: str) -> Response:
    body = document if isinstance(document, str) else json.dumps(document)
    return ask(Request("POST", "/assign", {"content-type": "application/json"}, body, urlencode(query)), one)


def read(response: Response) -> Any:
    return json.loads(response.body)


ASKED = {"user_id": "user-1", "experiment_key": "checkout"}


# --- what is answered ----------------------------------------------------------------------------------------------------


def test_asg_35_an_assignment_has_its_fields() -> None:
    response = get(**ASKED)
    found = read(response)
    assert response.status == 200
    assert found.pop("variant") in ("control", "treatment")
    assert found.pop("assignment_id").startswith("assign_")
    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "user_id": "user-1", "experiment_key": "checkout", "experiment_id": "exp_checkout", "excluded": False,
        "reason": "enabled", "persisted": True,
    }  # fmt: skip


@pytest.mark.parametrize(("key", "reason"), [("paused", "flag_disabled"), ("us-only", "targeting_rules_not_met")])
def test_asg_34_the_excluded_are_told_so(key: str, reason: str) -> None:
    response = get(user_id="user-1", experiment_key=key)
    assert (response.status, read(response)) == (
        200,
        {"user_id": "user-1", "experiment_key": key, "variant": None, "excluded": True, "reason": reason},
    )


def test_asg_18_an_override_says_so_and_has_no_stored_id() -> None:
    found = read(get(user_id="vip", experiment_key="checkout"))
    assert (found["variant"], found["reason"], found["assignment_id"], found["persisted"]) == (
        "treatment",
        "override",
        None,
        False,
    )


def test_asg_13_an_answer_that_is_not_stored_says_so() -> None:
    """And has no assignment_id: the one that might have been stored is nobody's (flaw F10)."""
    found = read(get(assigner(PlayedClient(down())), **ASKED))
    assert (found["persisted"], found["assignment_id"], found["excluded"]) == (False, None, False)
    assert found["variant"] in ("control", "treatment")


def test_a_payload_comes_with_its_variant() -> None:
    assert read(get(user_id="user-1", experiment_key="paying"))["payload"] == {"price": 9.5}
    assert "payload" not in read(get(**ASKED))


def test_asg_33_an_unknown_experiment_is_404_by_name() -> None:
    for key in ("nope", "a-flag", "ü/x"):
        response = get(user_id="user-1", experiment_key=key)
        assert (response.status, read(response)) == (404, {"error": f"Experiment not found: {key}"})


def test_asg_33_a_broken_experiment_is_500_without_its_words() -> None:
    response = get(user_id="user-1", experiment_key="broken")
    assert response.status == 500
    assert "Internal server error" in read(response)["error"]
    assert "variants" not in response.text


def test_an_experiment_by_another_unit_is_400_without_it() -> None:
    assert get(user_id="user-1", experiment_key="by-account").status == 400
    assert get(user_id="user-1", experiment_key="by-account", context='{"account":"a"}').status == 200


def test_asg_22_before_the_first_snapshot_nothing_is_not_found() -> None:
    """An outage is 503 with Retry-After; it is never remembered as 404, and over as soon as there is a snapshot."""
    one = assigner(PlayedClient())
    request = Request("GET", "/assign", {}, "", urlencode(ASKED))
    response = assignments.answer(request, None, one)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert ask(request, one).status == 200


def test_asg_22_a_key_that_was_not_found_is_found_when_it_is_published() -> None:
    one = assigner(PlayedClient())
    request = Request("GET", "/assign", {}, "", urlencode({"user_id": "u", "experiment_key": "new"}))
    assert ask(request, one).status == 404
    assert ask(request, one, evaluator(experiment("new"))).status == 200


# --- what is read ---------------------------------------------------------------------------------------------------------


def test_asg_30_a_query_and_a_body_with_the_context() -> None:
    response = get(body='{"context":{"country":"US"}}', user_id="user-1", experiment_key="us-only")
    assert read(response)["excluded"] is False


def test_asg_31_a_post_with_everything_in_its_body() -> None:
    response = post({"user_id": "user-1", "experiment_key": "us-only", "context": {"country": "US"}})
    assert (response.status, read(response)["excluded"]) == (200, False)


def test_asg_31_the_context_as_a_parameter_of_the_query() -> None:
    """Caches and clients drop the body of a GET."""
    response = get(user_id="user-1", experiment_key="us-only", context='{"country":"US"}')
    assert read(response)["excluded"] is False


def test_asg_31_what_the_body_of_a_post_says_goes_before_the_query() -> None:
    body = {"user_id": "body", "context": {"country": "US"}}
    found = read(post(body, user_id="query", experiment_key="us-only", context='{"country":"DE"}'))
    assert (found["user_id"], found["excluded"]) == ("body", False)


def test_asg_30_the_body_of_a_get_names_nobody() -> None:
    assert get(body=json.dumps(ASKED)).status == 400
    assert read(get(body='{"user_id":"body"}', **ASKED))["user_id"] == "user-1"


def test_assignments_is_an_alias() -> None:
    assert get(path="/assignments", **ASKED).status == 200
    assert get(path="/assignments/", **ASKED).status == 404


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, "Missing query parameters. Required: user_id, experiment_key"),
        ({"user_id": "u"}, "Missing required parameter: experiment_key"),
        ({"experiment_key": "checkout"}, "Missing required parameter: user_id"),
        ({"user_id": "", "experiment_key": "checkout"}, "user_id cannot be empty"),
        ({"user_id": " \t", "experiment_key": "checkout"}, "user_id cannot be empty"),
        ({"user_id": "u", "experiment_key": "  "}, "experiment_key cannot be empty"),
    ],
)
def test_asg_32_what_is_missing_or_blank_is_named(query: dict[str, str], error: str) -> None:
    response = get(**query)
    assert (response.status, read(response)) == (400, {"error": error})
    assert (post(query).status, read(post(query))) == (400, {"error": error})


@pytest.mark.parametrize("value", [5, True, [], {}, 1.5])
def test_asg_32_an_id_that_is_no_string_is_named(value: Any) -> None:
    response = post({"user_id": value, "experiment_key": "checkout"})
    assert (response.status, read(response)["error"]) == (400, "user_id must be a string")


def test_asg_32_null_is_none() -> None:
    assert read(post({"user_id": None, "experiment_key": "checkout"}))["error"] == "user_id cannot be None"


def test_asg_04_none_and_blank_users_are_value_errors() -> None:
    with pytest.raises(ValueError, match=r"^user_id cannot be None$"):
        check_id("user_id", None)
    for blank in ("", "   ", "\t\n"):
        with pytest.raises(ValueError, match=r"^user_id cannot be empty$"):
            check_id("user_id", blank)


@pytest.mark.parametrize("value", ["x" * 257, "a\nb", "a\x00", "\x1b[31m", "\x7f", "a\u0085b", "\ud800", "😀" * 257])
def test_asg_39_ids_are_limited_before_they_reach_keys_and_logs(value: str) -> None:
    for name in ("user_id", "experiment_key"):
        with pytest.raises(BadRequest, match=name):
            check_id(name, value)
        played = PlayedClient()
        response = post(ASKED | {name: value}, assigner(played))
        assert (response.status, played.calls) == (400, [])
        assert name in read(response)["error"]


def test_asg_39_an_id_that_is_too_long_is_said_to_be() -> None:
    error = read(get(user_id="x" * 257, experiment_key="checkout"))["error"]
    assert error == "user_id cannot be longer than 256 characters"


@pytest.mark.parametrize("value", ["x" * 256, "😀" * 256, "user@example.org", "a b", "名前", "a/b?c=d&e", "0", "--"])
def test_asg_39_what_people_use_as_ids_is_taken(value: str) -> None:
    assert read(get(user_id=value, experiment_key="checkout"))["user_id"] == value


MALFORMED = ["{", "nonsense", '{"context":', "\ufeff{}", "{}{}"]


@pytest.mark.parametrize("body", MALFORMED)
def test_asg_37_a_malformed_body_leaves_the_context_out_and_is_said_and_counted(body: str) -> None:
    one = assigner(PlayedClient())
    for method in ("GET", "POST"):
        response = ask(Request(method, "/assign", {}, body, urlencode(ASKED)), one)
        assert response.status == 200
        assert "not JSON" in read(response)["warning"]
    assert counted(one)["IgnoredInput"] == 2
    assert read(get(body=body, user_id="user-1", experiment_key="us-only"))["excluded"] is True


@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", '[{"context":{}}]'])
def test_asg_37_json_that_is_no_object_is_ignored(body: str) -> None:
    response = get(body=body, **ASKED)
    assert response.status == 200
    assert "not a JSON object" in read(response)["warning"]


@pytest.mark.parametrize("context", ["[]", "5", '"text"', "true"])
def test_asg_37_a_context_that_is_no_object_is_refused(context: str) -> None:
    for response in (get(context=context, **ASKED), get(body=f'{{"context":{context}}}', **ASKED)):
        assert (response.status, read(response)["error"]) == (400, "context must be an object")


def test_asg_37_a_null_context_is_none() -> None:
    assert "warning" not in read(get(body='{"context":null}', **ASKED))


def test_asg_37_a_post_without_ids_says_what_it_could_not_read() -> None:
    response = post("{broken")
    assert response.status == 400
    assert "not JSON" in read(response)["error"]


@pytest.mark.parametrize(
    "context",
    [
        {f"key-{number}": 1 for number in range(51)},
        {"text": "x" * 9_000},
        {"a": [[[[[1]]]]]},
        {"n": 2**63},
    ],
)
def test_sec_09_a_context_beyond_the_limits_is_refused(context: Any) -> None:
    played = PlayedClient()
    for response in (
        post(ASKED | {"context": context}, assigner(played)),
        get(assigner(played), context=json.dumps(context), **ASKED),
    ):
        assert response.status == 400
        assert "context" in read(response)["error"]
    assert played.calls == []


BOMBS = ["[" * 100_000, '{"n":1e400}', '{"n":' + "9" * 5_000 + "}", '{"n":NaN}']


@pytest.mark.parametrize("context", BOMBS, ids=["deep", "infinite", "endless", "nan"])
def test_sec_09_bombs_and_numbers_nobody_can_hold_are_refused(context: str) -> None:
    played = PlayedClient()
    response = ask(Request("POST", "/assign", {}, f'{{"context":{context}}}', urlencode(ASKED)), assigner(played))
    assert (response.status, played.calls) == (400, [])


def test_sec_09_an_oversized_body_is_413() -> None:
    response = ask(Request("POST", "/assign", {}, "x" * (256 * 1024 + 1), urlencode(ASKED)))
    assert response.status == 413
    assert "262144" in read(response)["error"]


def test_asg_38_options_are_answered_and_other_methods_refused() -> None:
    assert ask(Request("OPTIONS", "/assign")).status == 204
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        response = ask(Request(method, "/assign"))
        assert (response.status, response.headers["Allow"]) == (405, "GET, POST, OPTIONS")


@settings(max_examples=150)
@given(
    st.sampled_from(["GET", "POST"]),
    st.text(max_size=40) | st.binary(max_size=40) | st.just('{"user_id":"u","experiment_key":"checkout","context":{"a":[1]}}'),
    st.text(max_size=60) | st.just("user_id=u&experiment_key=checkout&context={}"),
)
def test_asg_37_whatever_comes_it_is_an_answer(method: str, body: Any, query: str) -> None:
    response = ask(Request(method, "/assign", {}, body, query))
    assert response.status in (200, 400, 404)
    assert isinstance(read(response), dict)


# --- what operators see ---------------------------------------------------------------------------------------------------


def test_asg_14_the_breaker_is_seen_in_the_health_check() -> None:
    one = assigner(PlayedClient(down()), queue=PlayedClient(), failures=2)
    health = Request("GET", "/health")
    before = read(ask(health, one))
    assert (before["status"], before["store"]["breaker"], before["outbox"]["breaker"]) == ("ok", "closed", "closed")
    for number in range(3):
        get(one, user_id=f"user-{number}", experiment_key="checkout")
    after = read(ask(health, one))
    assert (after["status"], after["store"]) == ("degraded", {"breaker": "open", "failures_in_a_row": 2, "opened": 1})
    assert (before["snapshot_version"], ask(Request("POST", "/health"), one).status) == (FLAGS.snapshot_version, 405)


def test_asg_13_the_log_line_says_what_was_not_stored_and_nothing_of_the_user() -> None:
    request = Request("GET", "/assign", {}, "", urlencode(ASKED | {"context": json.dumps({"email": SECRET})}))
    ask(request, assigner(PlayedClient(down("throttled"))))
    route, reason, flag, fields = request.account
    assert (route, reason, flag) == ("assign", "enabled", "checkout")
    assert fields is not None
    assert (fields["store"], fields["queued"], fields["persisted"]) == ("throttled", False, False)
    assert "stored nowhere" in str(fields["warning"])
    assert not {"user-1", SECRET} & {str(value) for value in fields.values()}


def test_mon_02_each_answer_names_its_reason() -> None:
    reasons = {}
    for key in ("checkout", "paused", "us-only", "nope", "broken"):
        request = Request("GET", "/assign", {}, "", urlencode({"user_id": "user-1", "experiment_key": key}))
        ask(request)
        reasons[key] = request.account[1]
    assert reasons == {
        "checkout": "enabled", "paused": "flag_disabled", "us-only": "targeting_rules_not_met",
        "nope": "experiment_not_found", "broken": "error",
    }  # fmt: skip


# --- the function ---------------------------------------------------------------------------------------------------------


def event(method: str = "GET", body: str | None = None, query: str = "", **more: Any) -> dict[str, Any]:
    """A Function URL's."""
    made: dict[str, Any] = {
        "version": "2.0", "rawPath": "/assign", "rawQueryString": query, "headers": {"origin": "https://app.example"},
        "requestContext": {"http": {"method": method, "path": "/assign", "sourceIp": "192.0.2.7"}, "requestId": "request-1"},
        "isBase64Encoded": False,
    }  # fmt: skip
    return made | ({} if body is None else {"body": body}) | more


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, events: list[tuple[str, str]], until: float | None, drop: Any, last: bool = False) -> int:
        self.events += [json.loads(text) for _, text in events]
        return 0

    def forget(self) -> None:
        """Nothing waits."""


@pytest.fixture
def function(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The environment of a function with a bundle and a table; the table's name."""
    table = assignments_table(aws)
    result = compile_project({"experiments": [experiment()]})
    assert result.snapshot is not None
    (tmp_path / "flags.burgee").write_bytes(result.snapshot)
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BURGEE_BUNDLE", str(tmp_path / "flags.burgee"))
    monkeypatch.setenv("BURGEE_SCRATCH", "")
    monkeypatch.setenv("ASSIGNMENTS_TABLE", table)
    monkeypatch.setenv("BURGEE_STORE_BUDGET_MS", "20000")
    monkeypatch.setenv("BURGEE_STORE_FIRST_BUDGET_MS", "20000")
    monkeypatch.setenv("BURGEE_ALLOW_ORIGINS", "https://app.example")
    forget()
    yield table
    forget()


def forget() -> None:
    _edge.reset_edge()
    _snapshots.reset_reader()
    assignments.reset_assigner()


def body_of(result: Any) -> Any:
    return json.loads(result["body"])


def test_asg_38_a_function_url_event_is_assigned_and_stored(aws: Aws, function: str) -> None:
    first = assignments.handler(event(query=urlencode(ASKED)), None)
    assert first["statusCode"] == 200
    (item,) = items(aws, function)
    assert item["assignment_id"]["S"] == body_of(first)["assignment_id"]
    document = base64.b64encode(json.dumps(ASKED).encode()).decode()
    again = assignments.handler(event("POST", document, isBase64Encoded=True), None)
    assert body_of(again) == body_of(first)


def test_model_07_a_result_is_what_lambda_takes(function: str) -> None:
    result = assignments.handler(event(query=urlencode(ASKED)), None)
    assert set(result) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(result["statusCode"]) is int
    assert type(result["body"]) is str
    assert result["headers"]["Content-Type"] == "application/json"  # type: ignore[index]


@pytest.mark.parametrize(("query", "status"), [(ASKED, 200), ({}, 400), ({"user_id": "u", "experiment_key": "nope"}, 404)])
def test_asg_36_every_status_has_the_headers(function: str, query: dict[str, str], status: int) -> None:
    result: Any = assignments.handler(event(query=urlencode(query)), None)
    assert result["statusCode"] == status
    check_headers(result)


def check_headers(result: Any, origin: str | None = "https://app.example") -> None:
    headers = result["headers"]
    assert headers["Content-Type"] == "application/json"
    assert headers.get("Access-Control-Allow-Origin") == origin
    assert "GET" in headers["Access-Control-Allow-Methods"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Request-Id"] == "request-1"


def test_asg_36_a_wrong_setting_is_a_500_with_headers(
    function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURGEE_STORE_BUDGET_MS", "soon")
    result: Any = assignments.handler(event(query=urlencode(ASKED)), None)
    assert result["statusCode"] == 500
    assert "Internal server error" in body_of(result)["error"]
    assert "soon" not in result["body"]
    check_headers(result)


def test_asg_33_an_unforeseen_error_is_a_500_without_its_words(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(assignments, "read_request", broken)
    result: Any = assignments.handler(event(query=urlencode(ASKED)), None)
    assert result["statusCode"] == 500
    assert "Internal server error" in body_of(result)["error"]
    assert SECRET not in json.dumps(result)
    check_headers(result)


def test_asg_21_and_shr_07_one_assigner_and_one_client_serve_every_event(aws: Aws, function: str) -> None:
    assignments.handler(event(query=urlencode(ASKED)), None)
    one = assignments._of_process["assigner"]
    client = one.store._client
    for _ in range(2):
        assignments.handler(event(query=urlencode(ASKED)), None)
    assert assignments._of_process["assigner"] is one
    assert one.store._client is client
    assert (one.sticky.hits, one.sticky.misses) == (2, 1)


def test_shr_05_dynamodb_and_sqs_have_a_client_each(function: str, monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    """Neither is ever given in place of the other."""
    url = aws.client("sqs").create_queue(QueueName=aws.name("outbox"))["QueueUrl"]
    made = assignments.assigner_of(os.environ | {"BURGEE_OUTBOX_URL": url})
    assert made.outbox is not None
    assert made.store._client is not made.outbox._client
    assert (made.store._client._service, made.outbox._client._service) == ("dynamodb", "sqs")  # type: ignore[attr-defined]


def test_asg_13_and_15_a_real_outage_is_answered_and_queued(function: str, monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    """A table that isn't there, a queue that is."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=aws.name("outbox"))["QueueUrl"]
    monkeypatch.setenv("ASSIGNMENTS_TABLE", "gone")
    monkeypatch.setenv("BURGEE_OUTBOX_URL", url)
    found = body_of(assignments.handler(event("POST", json.dumps(ASKED | {"context": {"n": 1.5}})), None))
    assert (found["persisted"], found["assignment_id"]) == (False, None)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    document = json.loads(message["Body"])
    assert document["reason"] == "missing"
    assert document["assignment"]["variant"] == found["variant"]
    assert document["assignment"]["context"] == {"n": 1.5}


def test_asg_17_the_first_assignment_gives_an_event_of_the_contract(function: str) -> None:
    """Through the tracker that the function has, into a sink that keeps it."""
    sink = Kept()
    _edge.prepare().tracker = Tracker(sink)
    found = body_of(assignments.handler(event(query=urlencode(ASKED)), None))
    assignments.handler(event(query=urlencode(ASKED)), None)
    (told,) = sink.events
    assert check_event(told) is None
    assert (told["event_type"], told["user_id"], told["experiment_id"]) == ("exposure", "user-1", "exp_checkout")
    assert told["timestamp"] == found["timestamp"]
    assert told["properties"] == {
        "experiment_key": "checkout", "variant": found["variant"], "assignment_id": found["assignment_id"],
    }  # fmt: skip


def test_asg_17_an_exposure_in_an_outage_is_told_once(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of the user tries to store; the event is one per span of time, without an assignment_id."""
    monkeypatch.setenv("ASSIGNMENTS_TABLE", "gone")
    sink = Kept()
    _edge.prepare().tracker = Tracker(sink)
    for _ in range(3):
        assignments.handler(event(query=urlencode(ASKED)), None)
    (told,) = sink.events
    assert told["properties"]["assignment_id"] is None
    assert "timestamp" not in told, "another process, which tells it too, would say another one"


def test_asg_39_and_sec_08_nothing_of_a_user_is_printed(function: str, capfd: pytest.CaptureFixture[str]) -> None:
    asked = {"user_id": "user-" + SECRET, "experiment_key": "checkout", "context": {"email": SECRET}}
    assignments.handler(event("POST", json.dumps(asked)), None)
    assignments.handler(event("POST", json.dumps(asked | {"experiment_key": "nope"})), None)
    sys.stdout.flush()
    written = capfd.readouterr().out
    assert "route" in written and SECRET not in written


# --- settings -------------------------------------------------------------------------------------------------------------


def test_settings_have_defaults_and_take_what_is_said() -> None:
    plain = read_settings({})
    assert (plain.table, plain.ttl_days, plain.budget_ms, plain.sticky_ttl_ms, plain.sticky_entries) == (
        "assignments", 90, 40, 60_000, 10_000,
    )  # fmt: skip
    assert (plain.stored_context, plain.outbox, plain.sticky_traffic) == (None, None, True)
    said = read_settings(
        {"ASSIGNMENTS_TABLE": "a", "BURGEE_STICKY_TTL_MS": "0", "BURGEE_STICKY_TRAFFIC": "0", "BURGEE_STORED_CONTEXT": "x, y"}
    )
    assert (said.table, said.sticky_ttl_ms, said.sticky_traffic, said.stored_context) == ("a", 0, False, frozenset("xy"))


@pytest.mark.parametrize(("text", "names"), [("*", None), (" ", None), ("-", frozenset()), ("a,-", frozenset("a"))])
def test_stored_context_is_a_list_of_names(text: str, names: Any) -> None:
    assert read_settings({"BURGEE_STORED_CONTEXT": text}).stored_context == names


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BURGEE_ASSIGNMENT_TTL_DAYS", "0"),
        ("BURGEE_STORE_BUDGET_MS", "-1"),
        ("BURGEE_STICKY_TTL_MS", "1.5"),
        ("BURGEE_STICKY_ENTRIES", "many"),
        ("BURGEE_STICKY_TRAFFIC", "yes"),
        ("BURGEE_BREAKER_FAILURES", "0"),
        ("BURGEE_OUTBOX_URL", "arn:aws:sqs:us-east-1:1:q"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=variable):
        read_settings({variable: text})


def test_a_counter_is_all_that_telemetry_needs() -> None:
    counter = Counter()
    counter.count("x")
    counter.count("x", 2)
    assert counter.counts == {"x": 3}
