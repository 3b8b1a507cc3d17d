"""What is asked of a platform, one check after the other. Each raises Wrong, Skipped, or says in a few words what it found.

A check changes little: one user is assigned, and two events are sent, all under an id that begins with ``smoke-``.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from scripts.smoke.asking import FUNCTIONS, Answer, Platform, Skipped, Wrong

SINGLE, BATCH, OFREP = "/feature-flags/evaluate", "/feature-flags/evaluate/batch", "/ofrep/v1/evaluate/flags"
NO_FLAG, NO_PATH = "smoke-no-such-flag", "/smoke-no-such-path"
STRANGER = "https://smoke.invalid"
USERS = 40  # who may be asked about until one is in the experiment
EVENT = "smoke"
POLL_SECONDS = 1.0
RESERVE_SECONDS = 15.0
"""Who waits for something leaves so much time for the checks after it."""
AGE_MS = 60_000
"""How long ago the store may have confirmed a snapshot. As the alarm has it."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "cache-control": "no-store, no-cache, must-revalidate, max-age=0",
}
# What programs say of their errors, and no answer of ours.
EXCEPTION = re.compile(r"Traceback|Exception\b|\w+Error\b|File \"|, line \d+|\bbotocore\b|arn:aws|0x[0-9a-f]{6,}")


@dataclass(slots=True)
class Asked:
    """What to ask about, and what one check found out for the next. ``flag`` empty: the first of all flags."""

    flag: str = ""
    experiment: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    counted: bool = False
    age_ms: int = AGE_MS
    user: str = field(default_factory=lambda: f"smoke-{uuid.uuid4().hex[:12]}")
    assignment: Mapping[str, Any] = field(default_factory=dict)
    experiment_event: str = ""


Check = Callable[[Platform, Asked], str]


def health(platform: Platform, asked: Asked) -> str:
    """Every URL says that it is well, and none serves a snapshot that nobody has confirmed for long."""
    seen: dict[str, str] = {}
    for function in FUNCTIONS:
        if platform.url(function) in seen.values():
            continue
        seen[function] = platform.url(function)
        found = platform.ask(function, "GET", "/health").expect(200).json()
        if found.get("status") != "ok":
            raise Wrong(f"{function} says {found.get('status')!r}")
        age = found.get("age_ms")
        if isinstance(age, int) and age > asked.age_ms:
            raise Wrong(f"{function} serves what was confirmed {age} ms ago")
    return ", ".join(seen)


def version(platform: Platform, asked: Asked) -> str:
    """The snapshot is of the version that should be there; readers are given the time to get there."""
    if asked.version is None:
        raise Skipped("no --expect-version")
    while True:
        found = platform.ask("flags", "GET", "/health").expect(200).json().get("version")
        if found == asked.version:
            return str(found)
        if platform.left() < RESERVE_SECONDS:
            raise Wrong(f"version {found} is served instead of {asked.version}")
        time.sleep(POLL_SECONDS)


def bulk(platform: Platform, asked: Asked) -> str:
    """OFREP: all flags, with a tag; asked again with it, nothing has changed."""
    body = {"context": {**asked.context, "targetingKey": asked.user}}
    first = platform.ask("flags", "POST", OFREP, body).expect(200)
    flags = first.json().get("flags")
    if not isinstance(flags, list) or not flags:
        raise Wrong("there are no flags")
    answered = [each for each in flags if isinstance(each, dict) and "errorCode" not in each]
    if not asked.flag:
        asked.flag = next((str(each["key"]) for each in answered), "")
    tag = first.headers.get("etag")
    if not tag:
        raise Wrong("there is no ETag")
    again = platform.ask("flags", "POST", OFREP, body, {"If-None-Match": tag})
    if again.status == 200 and again.headers.get("etag") != tag:  # a version, or an hour of a schedule, came in between
        again = platform.ask("flags", "POST", OFREP, body, {"If-None-Match": again.headers.get("etag", "")})
    again.expect(304)
    if again.body:
        raise Wrong("a 304 has a body")
    return f"{len(flags)} flags, {len(flags) - len(answered)} of them with errors; 304 for the same tag"


def single(platform: Platform, asked: Asked) -> str:
    """OFREP: one flag, and one that isn't there."""
    body = {"context": {**asked.context, "targetingKey": asked.user}}
    found = platform.ask("flags", "POST", f"{OFREP}/{quote(asked.flag, safe='')}", body).expect(200).json()
    if found.get("key") != asked.flag or not isinstance(found.get("reason"), str):
        raise Wrong(f"the answer is no evaluation of {asked.flag}: {sorted(found)}")
    missing = platform.ask("flags", "POST", f"{OFREP}/{NO_FLAG}", body).expect(404).json()
    if missing.get("errorCode") != "FLAG_NOT_FOUND":
        raise Wrong(f"a flag that isn't there is {missing.get('errorCode')!r} instead of FLAG_NOT_FOUND")
    return f"{asked.flag} is {json.dumps(found.get('value'))[:60]} ({found['reason']})"


def flag(platform: Platform, asked: Asked) -> str:
    """One flag, and the version that it is from."""
    answer = _one(platform, asked)
    found = answer.json()
    if found.get("flag_key") != asked.flag or not isinstance(found.get("enabled"), bool):
        raise Wrong(f"the answer is none about {asked.flag}: {sorted(found)}")
    if not answer.headers.get("x-burgee-version", "").isdigit():
        raise Wrong("the answer doesn't say which version it is from")
    return f"{asked.flag}: {found.get('reason')}, version {answer.headers['x-burgee-version']}"


def batch(platform: Platform, asked: Asked) -> str:
    """Many flags: the same answer as alone, and an unknown one harms nobody."""
    body = {"user_id": asked.user, "flag_keys": [asked.flag, NO_FLAG], "context": asked.context}
    flags = platform.ask("flags", "POST", BATCH, body).expect(200).json().get("flags", {})
    if flags.get(NO_FLAG, {}).get("reason") != "flag_not_found":
        raise Wrong("a flag that isn't there isn't said to be so")
    alone, together = _one(platform, asked).json(), flags.get(asked.flag, {})
    if (alone.get("enabled"), alone.get("variant")) != (together.get("enabled"), together.get("variant")):
        raise Wrong(f"{asked.flag} has another answer in a batch than alone")
    return "as alone"


def _one(platform: Platform, asked: Asked) -> Answer:
    body = {"user_id": asked.user, "flag_key": asked.flag, "context": asked.context}
    return platform.ask("flags", "POST", SINGLE, body).expect(200)


def assignment(platform: Platform, asked: Asked) -> str:
    """A user of the experiment gets a variant, stored, and the same again."""
    if not asked.experiment:
        raise Skipped("no --experiment")
    for number in range(USERS):
        user = f"{asked.user}-{number}"
        first = _assigned(platform, asked, user)
        if not first.get("excluded"):
            break
    else:
        raise Wrong(f"none of {USERS} users is in {asked.experiment}; does the --context fit its targeting?")
    if first.get("persisted") is not True:
        raise Wrong("the assignment wasn't stored")
    second = _assigned(platform, asked, user)
    told = ("variant", "assignment_id")
    if any(not first.get(name) or first.get(name) != second.get(name) for name in told):
        raise Wrong(f"asked again, {user} got another assignment")
    asked.assignment = first
    return f"{user} is in {first['variant']}, twice"


def _assigned(platform: Platform, asked: Asked, user: str) -> dict[str, Any]:
    body = {"user_id": user, "experiment_key": asked.experiment, "context": asked.context}
    return platform.ask("assignments", "POST", "/assign", body).expect(200).json()


def event(platform: Platform, asked: Asked) -> str:
    """An event is taken; of a batch the good one is, and the bad one is said to be bad."""
    before = _counted(platform, asked) if asked.counted and asked.assignment else 0
    good = {"event_type": EVENT, "user_id": asked.assignment.get("user_id", asked.user), "properties": {"value": 1}}
    if asked.assignment:
        good["experiment_id"] = asked.assignment["experiment_id"]
    one = platform.ask("ingest", "POST", "/events", good).expect(202).json()
    if one.get("accepted") != 1 or one.get("unavailable"):
        raise Wrong(f"the event wasn't taken: {one.get('error')}")
    two = platform.ask("ingest", "POST", "/events/batch", {"events": [good, {**good, "user_id": 7}]}).expect(202).json()
    if (two.get("accepted"), two.get("rejected")) != (1, 1):
        raise Wrong("of a good and a bad event not exactly one was taken")
    asked.experiment_event = str(before)
    return "taken; a bad one refused"


def counted(platform: Platform, asked: Asked) -> str:
    """The two events are in the results, by the time that is left."""
    if not asked.counted:
        raise Skipped("no --counted")
    if not asked.assignment or not asked.experiment_event:
        raise Wrong("there was nothing to count: no assignment, or no event")
    wanted, started = int(asked.experiment_event) + 2, time.monotonic()
    while (found := _counted(platform, asked)) < wanted:
        if platform.left() < RESERVE_SECONDS:
            raise Wrong(f"the results count {found} events of the type {EVENT} instead of {wanted}")
        time.sleep(POLL_SECONDS)
    return f"2 events more, {time.monotonic() - started:.1f} s later"


def _counted(platform: Platform, asked: Asked) -> int:
    path = f"/experiments/{quote(asked.experiment, safe='')}/results"
    variants = platform.ask("results", "GET", path).expect(200).json().get("variants", [])
    return sum(int(each.get("events", {}).get(EVENT, {}).get("events", 0)) for each in variants)


def wrong_input(platform: Platform, asked: Asked) -> str:
    """What makes no sense is answered with the right 4xx, in a sentence."""
    nested = b'{"context":' + b"[" * 1000 + b"]" * 1000 + b"}"
    cases: list[tuple[str, str, str, object, int]] = [
        ("flags", "GET", SINGLE, None, 400),
        ("flags", "GET", f"{SINGLE}?{urlencode({'user_id': asked.user, 'flag_key': NO_FLAG})}", None, 404),
        ("flags", "DELETE", SINGLE, None, 405),
        ("flags", "POST", BATCH, b"{", 400),
        ("flags", "POST", OFREP, nested, 400),
        ("flags", "POST", OFREP, b" " * (256 * 1024 + 1), 413),
        ("flags", "GET", NO_PATH, None, 404),
        ("assignments", "POST", "/assign", {"user_id": asked.user}, 400),
        ("assignments", "POST", "/assign", {"user_id": asked.user, "experiment_key": "smoke-no-such-experiment"}, 404),
        ("ingest", "POST", "/events", b"not JSON", 400),
        ("ingest", "POST", "/events", {"event_type": EVENT}, 400),
    ]
    for function, method, path, body, status in cases:
        answer = platform.ask(function, method, path, body).expect(status)
        found = answer.json()
        if path == NO_PATH and answer.is_an_apis_own:  # no function has that path: an API knows it by itself
            continue
        if not isinstance(found.get("error", found.get("errorDetails")), str):
            raise Wrong(f"{answer.line}: {status} without a sentence")
    return f"{len(cases)} mistakes, each with its status"


def no_exceptions(platform: Platform, asked: Asked) -> str:
    """No answer holds an exception's text. About all answers until now."""
    for answer in platform.answers:
        if answer.status >= 400 and (found := EXCEPTION.search(answer.text)):
            raise Wrong(f"{answer.line}: {answer.status} with {found[0]!r} in it")
    refused = sum(answer.status >= 400 for answer in platform.answers)
    return f"none in {refused} refusals"


def security_headers(platform: Platform, asked: Asked) -> str:
    """All answers have the headers that protect them, and an id that finds their log line; but for an API's own refusals."""
    ours = [answer for answer in platform.answers if not answer.is_an_apis_own]
    for answer in ours:
        for name, value in HEADERS.items():
            if answer.headers.get(name) != value:
                raise Wrong(f"{answer.line}: {answer.status} with {name}: {answer.headers.get(name)}")
        if not answer.headers.get("x-request-id"):
            raise Wrong(f"{answer.line}: {answer.status} without x-request-id")
    return f"on {len(ours)} answers"


def cors(platform: Platform, asked: Asked) -> str:
    """A page of somebody's may not read answers; and nobody is let in with ``*``."""
    body = {"user_id": asked.user, "flag_key": asked.flag}
    preflight = {"Origin": STRANGER, "Access-Control-Request-Method": "POST"}
    for answer in (
        platform.ask("flags", "POST", SINGLE, body, {"Origin": STRANGER}),
        platform.ask("flags", "OPTIONS", SINGLE, None, preflight),
        platform.ask("assignments", "OPTIONS", "/assign", None, preflight),
        platform.ask("ingest", "OPTIONS", "/events", None, preflight),
    ):
        allowed = answer.headers.get("access-control-allow-origin")
        if allowed in ("*", STRANGER):
            raise Wrong(f"{answer.line}: {allowed} may read it")
        if answer.headers.get("access-control-allow-credentials"):
            raise Wrong(f"{answer.line}: credentials are allowed")
    return "no stranger's page reads answers"


def access(platform: Platform, asked: Asked) -> str:
    """Who brings no key, or a wrong one, is refused; where everything has to be signed, who hasn't."""
    signed = "flags" in platform.signed
    if not platform.key and not signed:
        raise Skipped("no --key")
    status = 403 if signed else 401
    questions: list[tuple[str, str, object]] = [
        ("flags", SINGLE, {"user_id": asked.user, "flag_key": asked.flag}),
        ("assignments", "/assign", {"user_id": asked.user, "experiment_key": asked.experiment or NO_FLAG}),
        ("ingest", "/events", {"event_type": EVENT, "user_id": asked.user}),
    ]
    for function, path, body in questions:
        platform.ask(function, "POST", path, body, with_key=False).expect(status)
        platform.ask(function, "POST", path, body, {"X-Api-Key": "smoke-not-a-key"}, with_key=False).expect(status)
    return f"{status} without a {'signature' if signed else 'key'}, and with a wrong key"


# In this order: later ones use what earlier ones found; those about every answer come at the end.
CHECKS: dict[str, Check] = {
    "health": health,
    "version": version,
    "ofrep-bulk": bulk,
    "ofrep-single": single,
    "flag": flag,
    "batch": batch,
    "assignment": assignment,
    "event": event,
    "counted": counted,
    "wrong-input": wrong_input,
    "cors": cors,
    "access": access,
    "security-headers": security_headers,
    "no-exceptions": no_exceptions,
}
