"""Metrics without a framework: one line of JSON in CloudWatch's embedded metric format, printed. For ``handlers``.

Lambda hands what a function prints to CloudWatch Logs, which makes metrics of such lines; elsewhere they are log lines. The
format is AWS's "Embedded metric format specification".
"""

from __future__ import annotations

from json import dumps
from time import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Metric = tuple[str, float, str]  # name, value, CloudWatch's unit

NAMESPACE = "Burgee"


def emit(
    namespace: str,
    metrics: tuple[Metric, ...],
    dimensions: Mapping[str, str] | None = None,
    properties: Mapping[str, object] | None = None,
) -> None:
    """Prints one line. ``dimensions`` select the metric, so they must have few values; ``properties`` are only logged.

    Raises nothing: a metric that can't be written (standard output is closed) must not cost a request.
    """
    try:
        print(line(namespace, metrics, dimensions or {}, properties or {}, time_ns() // 1_000_000), flush=True)
    except (OSError, ValueError, AttributeError):  # AttributeError: there is no sys.stdout at all
        return


def line(
    namespace: str,
    metrics: tuple[Metric, ...],
    dimensions: Mapping[str, str],
    properties: Mapping[str, object],
    timestamp_ms: int,
) -> str:
    """The text that ``emit`` prints. Raises ValueError for a value that JSON doesn't have."""
    definition = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, _, unit in metrics],
    }
    document: dict[str, object] = {"_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [definition]}}
    document |= properties
    document |= dimensions
    document |= {name: value for name, value, _ in metrics}
    return dumps(document, separators=(",", ":"), allow_nan=False, default=str)


def report(name: str, value: float, unit: str, properties: Mapping[str, object]) -> None:
    """One metric of the reader's, by function where there is one. This is a ``Reader``'s default ``report``."""
    from os import environ

    function = environ.get("AWS_LAMBDA_FUNCTION_NAME")
    emit(NAMESPACE, ((name, value, unit),), {"Function": function} if function else {}, properties)
