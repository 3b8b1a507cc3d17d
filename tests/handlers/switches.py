"""A project of table flags for the tests of the flag endpoints, and how they are asked."""

import json
from typing import Any

from config_sync.compile import compile_project
from handlers._http import Request, Response
from handlers.flags import BATCH_PATH, EVALUATE_PATH, batch, single

VARIANTS = [{"key": "control", "allocation": "0.3"}, {"key": "treatment", "allocation": "0.7"}]
US = [{"attribute": "country", "operator": "equals", "value": "US"}]


def flag(key: str, flag_id: str | None = None, **more: Any) -> dict[str, Any]:
    """On for everybody unless ``more`` says otherwise."""
    made = {"key": key, "enabled": True, "rollout_percentage": 100} | more
    return made if flag_id is None else made | {"flag_id": flag_id}


DOCUMENT: dict[str, Any] = {
    "flags": [
        flag("on", "flag_1"),
        flag("off", "flag_2", enabled=False, variants=VARIANTS, targeting_rules=[]),
        flag("nobody", "flag_3", rollout_percentage=0),
        flag("half", "flag_4", rollout_percentage=50),
        flag("us", "flag_5", targeting_rules=US),
        flag("us-nobody", "flag_6", targeting_rules=US, rollout_percentage=0),
        flag("split", "flag_7", variants=VARIANTS),
        flag("named", "flag_8", default_variant="blue"),
        flag("broken", "flag_9", variants=VARIANTS[:1]),
        flag("payloads", variants=[{"key": "a", "allocation": 1, "payload": {"x": 1}}]),
        flag("forced", rollout_percentage=0, overrides={"vip": True, "banned": False}),
        flag("über/flag"),
        flag("me", targeting_rules=[{"attribute": "user_id", "operator": "equals", "value": "u1"}]),
        flag("by-team", bucket_by="team", rollout_percentage=50),
        {"key": "words", "type": "string", "variants": {"a": "A", "b": "B"}, "default": "a", "off": "b", "enabled": False},
    ],
    "experiments": [
        {"key": "trial", "experiment_id": "exp_1", "status": "active", "variants": VARIANTS},
        {"key": "idle", "experiment_id": "exp_2", "status": "paused", "variants": VARIANTS},
    ],
}


def compiled(document: dict[str, Any]) -> bytes:
    snapshot = compile_project(document).snapshot
    assert snapshot is not None
    return snapshot


def ask(evaluator: Any, body: Any = "", method: str = "GET", **parameters: Any) -> Response:
    """One flag, as the endpoint answers it; a body that is no text is sent as JSON."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return single(Request(method, EVALUATE_PATH, {}, content, parameters=parameters), evaluator)


def ask_many(evaluator: Any, body: Any, most: int = 100, method: str = "POST") -> Response:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return batch(Request(method, BATCH_PATH, {}, content), evaluator, most)


def document_of(response: Response) -> Any:
    return json.loads(response.text)


def error_of(response: Response) -> tuple[int, str]:
    """Status and message: all that a refusal says."""
    document = document_of(response)
    assert list(document) == ["error"]
    return response.status, document["error"]
