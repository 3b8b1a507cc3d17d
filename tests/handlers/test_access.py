"""Who may ask: API keys, IAM principals, token buckets, and what stays open; through the flag function and alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from handlers import _access
from handlers._access import MAX_CALLERS, Access, TokenBuckets, access_of_environment, principal_of
from handlers._edge import prepare
from handlers._http import Request
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH
from handlers.flags import BATCH_PATH, EVALUATE_PATH, handler
from tests.handlers.conftest import Configure
from tests.handlers.logged import requests_in
from tests.handlers.switches import DOCUMENT, compiled
from tests.handlers.test_events import event, proxied

KEY, OLD_KEY = "kb4f0a7c1e", "an-older-key"
ORIGIN = "https://app.example"
USER_ARN = "arn:aws:iam::123456789012:user/caller"
ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/caller/session-1"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


KEYS = f"shop:{digest(KEY)}, shop:{digest(OLD_KEY).upper()} ,{digest('nameless')}"


@pytest.fixture
def flags(configure: Configure, tmp_path: Path) -> Any:
    """Configures the flag function; then asks it."""
    path = tmp_path / "flags.burgee"
    path.write_bytes(compiled(DOCUMENT))

    def apply(**settings: object) -> None:
        configure(BUNDLE=path, ALLOW_ORIGINS=ORIGIN, **settings)

    return apply


def ask(document: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], Any]:
    result: Any = handler({**document, "headers": {**document["headers"], "origin": ORIGIN, **(headers or {})}}, None)
    return result["statusCode"], result["headers"], json.loads(result.get("body", "null"))


def question(path: str = EVALUATE_PATH, method: str = "POST", body: Any = None) -> dict[str, Any]:
    made = event(json.dumps(body or {"user_id": "u1", "flag_key": "on"}), path)
    made["requestContext"]["http"]["method"] = method
    return made


EVERYTHING = [
    question(),
    question(BATCH_PATH, body={"user_id": "u1", "flag_keys": ["on"]}),
    question(f"{FLAGS_PATH}/on", body={"context": {}}),
    question(FLAGS_PATH, body={"context": {}}),
    question("/nothing"),
    question(HEALTH_PATH),
    question("/health/"),
    question("/health/../feature-flags/evaluate"),
]


# --- API keys ---------------------------------------------------------------------------------------------------------


def test_sec_07_without_settings_everybody_may_ask(flags: Any) -> None:
    flags()
    assert ask(question())[0] == 200
    assert access_of_environment({}) is None
    assert access_of_environment({"BURGEE_AUTH": "none"}) is None


@pytest.mark.parametrize("document", EVERYTHING, ids=lambda document: str(document["rawPath"]))
def test_sec_07_without_a_key_nothing_is_answered(flags: Any, document: dict[str, Any]) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS)
    for wrong in ({}, {"x-api-key": ""}, {"x-api-key": "wrong"}, {"x-api-key": digest(KEY)}, {"x-api-key": KEY + " "}):
        status, headers, body = ask(document, wrong)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("ApiKey ")
        assert list(body) in (["error"], ["errorDetails"])
        assert "flags" not in json.dumps(body)


def test_sec_05_a_refusal_has_the_headers_of_an_answer(flags: Any) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS)
    status, headers, _ = ask(question())
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (401, ORIGIN, "Origin")
    assert "Access-Control-Allow-Credentials" not in headers
    assert "X-Api-Key" in headers["Access-Control-Allow-Headers"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Request-Id"]
    result: Any = handler({**question(), "headers": {"origin": "https://elsewhere.example"}}, None)
    assert "Access-Control-Allow-Origin" not in result["headers"]


@pytest.mark.parametrize("key", [KEY, OLD_KEY, "nameless"])
def test_sec_07_each_of_several_keys_opens_so_that_they_can_be_rotated(flags: Any, key: str) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS)
    assert ask(question(), {"x-api-key": key})[0] == 200
    rest = proxied(EVALUATE_PATH, {"user_id": "u1", "flag_key": "on"}, multiValueHeaders={"X-API-Key": [key]})
    result: Any = handler(rest, None)
    assert result["statusCode"] == 200


def test_sec_07_the_health_check_and_preflights_are_open(flags: Any) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS, RATE_PER_SECOND="0.001", RATE_BURST=1)
    for _ in range(3):
        assert ask(question(HEALTH_PATH, "GET"))[0] == 200
        assert ask(question(EVALUATE_PATH, "OPTIONS"))[0] == 204


def test_every_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = _access._compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(_access, "_compare_digest", compare)
    access = access_of_environment({"BURGEE_AUTH": "api-key", "BURGEE_API_KEY_DIGESTS": KEYS})
    assert access is not None
    for key in (KEY, OLD_KEY, "nameless", "wrong"):
        access.check(Request("GET", "/", {"x-api-key": key}), {})
        assert len(compared) == 3
        compared.clear()


def test_the_log_says_who_asked_and_no_key(flags: Any, capfd: pytest.CaptureFixture[str]) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS)
    for key in (KEY, "nameless", "wrong-secret"):
        ask(question(), {"x-api-key": key})
    out = capfd.readouterr().out
    assert [line.get("caller") for line in requests_in(out)] == ["key:shop", f"key:{digest('nameless')[:8]}", None]
    assert [line.get("Unauthorized") for line in requests_in(out)] == [None, None, 1]
    assert not any(secret in out for secret in (KEY, digest(KEY), "wrong-secret"))


# --- IAM --------------------------------------------------------------------------------------------------------------


def signed(arn: object) -> dict[str, Any]:
    made = question()
    made["requestContext"]["authorizer"] = {"iam": {"userArn": arn, "accountId": "123456789012"}}
    return made


def test_sec_07_iam_wants_a_principal_that_the_platform_has_verified(flags: Any) -> None:
    flags(AUTH="iam")
    assert ask(signed(USER_ARN))[0] == 200
    rest = proxied(EVALUATE_PATH, {"user_id": "u1", "flag_key": "on"})
    rest["requestContext"]["identity"] = {"sourceIp": "192.0.2.7", "userArn": USER_ARN}
    assert ask(rest)[0] == 200
    for nobody in (
        signed(None),
        signed(""),
        signed(7),
        question(),
        proxied(EVALUATE_PATH, {"user_id": "u1", "flag_key": "on"}),
    ):
        status, headers, body = ask(nobody, {"authorization": "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE", "x-api-key": KEY})
        assert (status, list(body)) == (403, ["error"])
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("document", [None, [], {}, {"requestContext": None}, {"requestContext": {"authorizer": "x"}}])
def test_no_event_has_a_principal_by_accident(document: Any) -> None:
    assert principal_of(document) is None


def test_a_role_is_one_caller_whatever_its_sessions_are_called() -> None:
    other = ROLE_ARN.replace("session-1", "session-2")
    assert principal_of(signed(ROLE_ARN)) == principal_of(signed(other)) == ROLE_ARN.rpartition("/")[0]
    assert principal_of(signed(USER_ARN)) == USER_ARN


def test_sec_08_the_log_has_a_digest_of_the_principal(flags: Any, capfd: pytest.CaptureFixture[str]) -> None:
    flags(AUTH="iam")
    for arn in (USER_ARN, ROLE_ARN):
        ask(signed(arn))
    out = capfd.readouterr().out
    callers = [line["caller"] for line in requests_in(out)]
    assert len(set(callers)) == 2 and all(caller.startswith("iam:") and len(caller) == 20 for caller in callers)
    assert "123456789012" not in out


# --- how often --------------------------------------------------------------------------------------------------------


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_sec_07_a_caller_gets_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    limiter = TokenBuckets(2.0, 5, clock=clock)
    assert [limiter("a") for _ in range(5)] == [0.0] * 5
    assert limiter("a") == 0.5
    assert limiter("b") == 0.0, "callers don't share"
    clock.now += 0.5
    assert (limiter("a"), limiter("a")) == (0.0, 0.5)
    clock.now += 3_600
    assert [limiter("a") for _ in range(6)] == [0.0] * 5 + [0.5], "no more than a burst is saved"
    clock.now -= 7_200
    assert limiter("a") == 0.5, "a clock that was set back gives nothing"
    clock.now += 0.5
    assert limiter("a") == 0.0, "and takes nothing"


def test_the_callers_that_are_remembered_are_bounded() -> None:
    limiter = TokenBuckets(1.0, 1, clock=Clock())
    limiter("first")
    for number in range(MAX_CALLERS - 1):
        limiter(f"ip:{number}")
    assert limiter("first") > 0, "still known, and now the last to be forgotten"
    for number in range(MAX_CALLERS - 1):
        limiter(f"other:{number}")
    assert len(limiter) == MAX_CALLERS
    assert limiter("first") > 0
    assert limiter("ip:0") == 0.0


def test_sec_07_too_many_requests_are_refused_and_told_when_to_come_again(
    flags: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    flags(RATE_PER_SECOND="0.01", RATE_BURST=2)
    found = [ask(question()) for _ in range(3)]
    assert [status for status, _, _ in found] == [200, 200, 429]
    _, headers, body = found[2]
    assert 90 <= int(headers["Retry-After"]) <= 100
    assert headers["Access-Control-Allow-Origin"] == ORIGIN and "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert list(body) == ["error"]
    other = question()
    other["requestContext"]["http"]["sourceIp"] = "192.0.2.8"
    assert ask(other)[0] == 200
    assert [line.get("Throttled") for line in requests_in(capfd.readouterr().out)] == [None, None, 1, None]


def test_a_key_has_one_bucket_wherever_it_is_used_and_wrong_keys_their_address_has(flags: Any) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS, RATE_PER_SECOND="0.01", RATE_BURST=1)
    elsewhere = question()
    elsewhere["requestContext"]["http"]["sourceIp"] = "192.0.2.99"
    assert ask(question(), {"x-api-key": KEY})[0] == 200
    assert ask(elsewhere, {"x-api-key": OLD_KEY})[0] == 429, "the same name, so the same caller"
    assert [ask(question(), {"x-api-key": f"guess-{number}"})[0] for number in range(3)] == [401, 429, 429]
    assert ask(question(), {"x-api-key": "nameless"})[0] == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8:0:0:ffff::", "2001:db8::1", True),
        ("2001:db8:0:1::1", "2001:db8::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::not an address::", "::not an address::", True),
    ],
)
def test_an_ipv6_customer_is_one_caller(one: str, other: str, same: bool) -> None:
    assert (_access._place(one) == _access._place(other)) is same


class Counter:
    def __init__(self) -> None:
        self.counted: list[str] = []

    def count(self, name: str, number: int = 1) -> None:
        self.counted.append(name)


def test_another_limiter_can_be_put_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def make(environment: Any) -> Any:
        assert environment["BURGEE_RATE_LIMITER"]
        return lambda caller: asked.append(caller) or (30.2 if len(asked) > 1 else 0.0)

    monkeypatch.setattr(_access, "make_for_test", make, raising=False)
    access = access_of_environment({"BURGEE_RATE_LIMITER": "handlers._access:make_for_test"})
    assert access is not None
    request = Request("GET", "/x", source_ip="192.0.2.7")
    assert access.check(request, {}) is None
    refused = access.check(request, {})
    assert refused is not None
    assert (refused.status, refused.headers["Retry-After"], asked) == (429, "31", ["ip:192.0.2.7"] * 2)


def test_a_limiter_that_fails_lets_requests_in_and_is_counted() -> None:
    def broken(caller: str) -> float:
        raise ConnectionError

    counter = Counter()
    assert Access("none", None, broken, counter).check(Request("GET", "/x"), {}) is None
    assert counter.counted == ["LimiterFailed"]


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"BURGEE_AUTH": "basic"}, "BURGEE_AUTH is 'basic'"),
        ({"BURGEE_AUTH": "api-key"}, "BURGEE_API_KEY_DIGESTS isn't set"),
        ({"BURGEE_API_KEY_DIGESTS": KEYS}, "BURGEE_AUTH isn't api-key"),
        ({"BURGEE_AUTH": "iam", "BURGEE_API_KEY_DIGESTS": KEYS}, "BURGEE_AUTH isn't api-key"),
        ({"BURGEE_AUTH": "api-key", "BURGEE_API_KEY_DIGESTS": "a-key-in-clear"}, "BURGEE_API_KEY_DIGESTS must be SHA-256"),
        ({"BURGEE_AUTH": "api-key", "BURGEE_API_KEY_DIGESTS": f"a b:{'0' * 64}"}, "a name has letters"),
        ({"BURGEE_RATE_PER_SECOND": "0"}, "BURGEE_RATE_PER_SECOND is '0'"),
        ({"BURGEE_RATE_PER_SECOND": "nan"}, "BURGEE_RATE_PER_SECOND is 'nan'"),
        ({"BURGEE_RATE_PER_SECOND": "many"}, "BURGEE_RATE_PER_SECOND is 'many'"),
        ({"BURGEE_RATE_PER_SECOND": "1", "BURGEE_RATE_BURST": "0"}, "BURGEE_RATE_BURST is '0'"),
        ({"BURGEE_RATE_BURST": "5"}, "BURGEE_RATE_PER_SECOND isn't"),
        ({"BURGEE_RATE_LIMITER": "nowhere:none"}, "BURGEE_RATE_LIMITER is"),
        ({"BURGEE_RATE_LIMITER": "handlers._access"}, "BURGEE_RATE_LIMITER is"),
    ],
)
def test_shr_03_a_wrong_setting_is_named_and_nothing_is_open_because_of_it(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        access_of_environment(environment)
    assert "a-key-in-clear" not in str(caught.value), "somebody may have put the key itself there"


def test_a_wrong_setting_answers_500_and_never_lets_anybody_in(flags: Any) -> None:
    flags(AUTH="api-keys", API_KEY_DIGESTS=KEYS)
    assert ask(question(), {"x-api-key": KEY})[0] == 500


def test_the_process_has_one_access(flags: Any) -> None:
    flags(AUTH="api-key", API_KEY_DIGESTS=KEYS, RATE_PER_SECOND="5")
    assert isinstance(prepare().access, Access)
    assert prepare().access is prepare().access
