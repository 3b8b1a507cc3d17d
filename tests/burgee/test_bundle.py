"""``burgee bundle``: one user's answers as OFREP's bulk body, and nothing of what led to them."""

import json
from pathlib import Path
from typing import Any

import pytest

from burgee.cli import main
from handlers._http import Request
from handlers.ofrep import FLAGS_PATH, respond
from tests.handlers.test_ofrep_schema import check, document  # noqa: F401 (a fixture)

SECRETS = """\
metadata: {stage: test}
segments:
  secret-segment: {attribute: secret_attribute, operator: in, value: [secret-company]}
holdouts:
  secret-holdout: {percentage: 1}
flags:
  banner:
    type: string
    variants: {shown: hello, secret-variant: secret-value}
    default: shown
    salt: secret-salt
    holdouts: [secret-holdout]
    overrides: {secret-user: secret-variant}
    rules:
      - {id: secret-rule, when: [{segment: secret-segment}], variant: secret-variant}
      - when: {attribute: mail, operator: match_regex, value: "secret-pattern"}
        split: {variants: {shown: 50, secret-variant: 50}}
    metadata: {owner: web}
  broken: {type: boolean, variants: {secret-broken: 1}, default: nothing}
"""
USER = '{"targetingKey": "user-1", "plan": "pro"}'


def bundled(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["bundle", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_is_what_the_endpoint_answers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same flags; and a client that sends the bundle's tag is told that nothing changed."""
    from burgee.commands import open_evaluator

    found = bundled(capsys, str(project), "-c", USER)
    evaluator = open_evaluator(str(project), "native")
    body = json.dumps({"context": json.loads(USER)}).encode()
    response = respond(Request("POST", FLAGS_PATH, {}, body), evaluator)
    assert found["flags"] == json.loads(response.body)["flags"]
    assert found["snapshotVersion"] == evaluator.snapshot_version
    again = respond(Request("POST", FLAGS_PATH, {"if-none-match": found["etag"]}, body), evaluator)
    assert (again.status, again.headers["ETag"]) == (304, found["etag"])
    other = respond(Request("POST", FLAGS_PATH, {"if-none-match": found["etag"]}, b'{"context": {}}'), evaluator)
    assert other.status == 200


def test_it_is_valid_ofrep(project: Path, capsys: pytest.CaptureFixture[str], document: Any) -> None:  # noqa: F811
    check(document, "bulkEvaluationSuccess", json.dumps(bundled(capsys, str(project), "-c", USER)).encode())


@pytest.mark.parametrize("compiled", [False, True])
def test_nothing_of_the_rules_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], compiled: bool) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text(SECRETS)
    if compiled:
        main(["compile", str(path), "-o", str(tmp_path / "flags.burgee")])
        path = tmp_path / "flags.burgee"
    capsys.readouterr()
    assert main(["bundle", str(path), "-c", USER]) == 0
    text = capsys.readouterr().out
    assert "secret" not in text and "user-1" not in text and "mail" not in text and "plan" not in text
    banner, broken = json.loads(text)["flags"]
    assert banner == {
        "key": "banner",
        "value": "hello",
        "variant": "shown",
        "reason": banner["reason"],
        "metadata": {"owner": "web"},
    }
    assert broken.keys() == {"key", "errorCode", "errorDetails"} and broken["errorCode"] == "PARSE_ERROR"


def test_a_user_who_is_given_a_variant_sees_that_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other way round, so that the test above could fail."""
    path = tmp_path / "flags.yaml"
    path.write_text(SECRETS)
    [banner, _] = bundled(capsys, str(path), "-c", '{"targetingKey": "secret-user"}')["flags"]
    assert (banner["value"], banner["variant"]) == ("secret-value", "secret-variant")


def test_some_flags_and_no_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text(SECRETS)
    whole = bundled(capsys, str(path), "-c", USER)
    assert whole["metadata"] == {"stage": "test"}
    found = bundled(capsys, str(path), "-c", USER, "--no-metadata", "--key", "banner")
    assert [item["key"] for item in found["flags"]] == ["banner"]
    assert "metadata" not in found and "metadata" not in found["flags"][0]
    assert found["etag"] == whole["etag"]
    assert main(["bundle", str(path), "-c", USER, "--key", "baner"]) == 2


def test_several_users_are_several_lines(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users, target = tmp_path / "users.json", tmp_path / "bundles.jsonl"
    users.write_text(f'[{USER}, {{"targetingKey": "user-2"}}]')
    assert main(["bundle", str(project), "--contexts", str(users), "-o", str(target)]) == 0
    assert "2 bundles" in capsys.readouterr().out
    lines = target.read_text().splitlines()
    assert [bundled(capsys, str(project), "-c", who) for who in (USER, '{"targetingKey": "user-2"}')] == [
        *map(json.loads, lines)
    ]


def test_it_can_stand_in_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text('flags: {f: {type: string, variants: {a: "</script><!-- & \\u2028 é"}, default: a}}')
    assert main(["bundle", str(path), "-c", "{}"]) == 0
    text = capsys.readouterr().out
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["flags"][0]["value"] == "</script><!-- & \u2028 é"


def test_the_clock_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text("flags: {f: {type: boolean, default: on, schedule: {start: 1000}}}")
    reasons = [bundled(capsys, str(path), "-c", "{}", "--now", now)["flags"][0]["reason"] for now in ("999000", "1000000")]
    assert reasons == ["DISABLED", "DEFAULT"]


@pytest.mark.parametrize("arguments", [[], ["-c", "{}", "--contexts", "x"], ["-c", "[]"], ["-c", '{"a": 1e999}']])
def test_wrong_calls(project: Path, arguments: list[str]) -> None:
    assert main(["bundle", str(project), *arguments]) == 2
