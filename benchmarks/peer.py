"""The fastest other evaluator that could be found, in the same process: eppo-server-sdk, whose core is Rust.

Its configuration is W2 in its own terms. No network: the configuration comes from here, polling and assignment logging are off.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks import workloads


def _configuration() -> bytes:
    conditions = [
        {"attribute": "country", "operator": "ONE_OF", "value": list(workloads.COUNTRIES)},
        {"attribute": "age", "operator": "GTE", "value": workloads.LEAST_AGE},
    ]
    halves = (("on", 0, 5_000), ("off", 5_000, 10_000))
    splits = [
        {"variationKey": name, "shards": [{"salt": "w2", "ranges": [{"start": start, "end": end}]}]}
        for name, start, end in halves
    ]
    flag = {
        "key": "w2",
        "enabled": True,
        "variationType": "BOOLEAN",
        "variations": {"on": {"key": "on", "value": True}, "off": {"key": "off", "value": False}},
        "allocations": [{"key": "adults", "rules": [{"conditions": conditions}], "splits": splits, "doLog": False}],
        "totalShards": 10_000,
    }
    whole = {"createdAt": "2026-01-01T00:00:00Z", "format": "SERVER", "environment": {"name": "bench"}, "flags": {"w2": flag}}
    return json.dumps(whole).encode()


def boolean() -> Callable[[str, str, dict[str, Any], bool], bool] | None:
    """Its typed getter ``(flag, unit, attributes, default)``; None where the package isn't installed."""
    try:
        import eppo_client
    except ImportError:
        return None
    configuration = eppo_client.Configuration(flags_configuration=_configuration())
    settings = eppo_client.ClientConfig(
        api_key="none",
        base_url="http://127.0.0.1:9",
        assignment_logger=eppo_client.AssignmentLogger(),
        poll_interval_seconds=None,
        initial_configuration=configuration,
    )
    client = eppo_client.init(settings)
    getter: Callable[[str, str, dict[str, Any], bool], bool] = client.get_boolean_assignment
    return getter


def check(getter: Callable[[str, str, dict[str, Any], bool], bool], contexts: list[workloads.Context]) -> None:
    """It really evaluates: about half the users, and nobody below the least age."""
    on = sum(getter("w2", context["targetingKey"], context, False) for context in contexts)
    if not 0.45 < on / len(contexts) < 0.55:
        raise AssertionError(f"the peer's W2 is on for {on} of {len(contexts)}")
    if getter("w2", "somebody", {"country": "US", "age": 3}, False):
        raise AssertionError("the peer doesn't evaluate W2's conditions")
