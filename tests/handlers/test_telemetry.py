"""Metrics as lines of CloudWatch's embedded metric format."""

import json
import sys
from typing import Any

import pytest

from handlers._telemetry import emit, line, report

METRICS = (("SnapshotStale", 61_000.0, "Milliseconds"), ("Looks", 2.0, "Count"))


def test_a_line_is_what_the_format_says() -> None:
    written = json.loads(line("Burgee", METRICS, {"Function": "edge"}, {"version": 12}, 1_700_000_000_000))
    assert written == {
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Burgee",
                    "Dimensions": [["Function"]],
                    "Metrics": [{"Name": "SnapshotStale", "Unit": "Milliseconds"}, {"Name": "Looks", "Unit": "Count"}],
                }
            ],
        },
        "version": 12,
        "Function": "edge",
        "SnapshotStale": 61_000.0,
        "Looks": 2.0,
    }


def test_a_property_cannot_replace_a_metric() -> None:
    assert json.loads(line("Burgee", METRICS, {}, {"Looks": "many"}, 0))["Looks"] == 2.0


def test_it_is_one_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    emit("Burgee", METRICS, properties={"reason": "line\nbreak"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith("\n")
    assert json.loads(out)["_aws"]["Timestamp"] > 1_700_000_000_000


def test_the_readers_metrics_say_which_function(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "edge")
    report("SnapshotSwapped", 1, "Count", {"version": 3})
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    report("SnapshotSwapped", 1, "Count", {"version": 3})
    in_lambda, elsewhere = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    assert (in_lambda["Function"], in_lambda["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == ("edge", [["Function"]])
    assert ("Function" in elsewhere, elsewhere["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (False, [[]])
    assert in_lambda["version"] == elsewhere["version"] == 3


class Closed:
    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.parametrize("output", [Closed(), None])
def test_a_metric_that_cannot_be_written_costs_nothing(output: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", output)
    emit("Burgee", METRICS)
    emit("Burgee", (("NotANumber", float("nan"), "None"),))
