"""OFREP's surroundings: other paths and methods, preflights, health, what happens when something breaks."""

import json
import subprocess
import sys
from typing import Any

import pytest

from handlers._http import Cors, Request, Response
from handlers.ofrep import FLAGS_PATH, HEALTH_PATH, respond
from tests.conftest import ROOT

ORIGIN = "https://app.example"
EVALUATIONS = [FLAGS_PATH, f"{FLAGS_PATH}/boolean"]


def send(evaluator: Any, method: str, path: str, **headers: str) -> Response:
    return respond(Request(method, path, headers), evaluator, Cors((ORIGIN,)))


@pytest.mark.parametrize(
    "path", ["/", "", "/ofrep", "/ofrep/v1/evaluate", "/ofrep/v1/evaluate/flagsx", "/ofrep/v2/evaluate/flags", "/healthy"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_are_404_in_json(evaluator: Any, method: str, path: str) -> None:
    response = send(evaluator, method, path)
    assert response.status == 404
    assert json.loads(response.body)["errorDetails"]


@pytest.mark.parametrize("path", EVALUATIONS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "post", "NONSENSE"])
def test_other_methods_are_405_in_json(evaluator: Any, method: str, path: str) -> None:
    response = send(evaluator, method, path)
    assert response.status == 405
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert json.loads(response.body)["errorDetails"]


@pytest.mark.parametrize("path", [*EVALUATIONS, HEALTH_PATH])
def test_flh_07_a_preflight_permits_what_a_browsers_provider_sends(evaluator: Any, path: str) -> None:
    response = send(evaluator, "OPTIONS", path, origin=ORIGIN)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "If-None-Match" in response.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in send(evaluator, "OPTIONS", path, origin="https://evil.example").headers


def test_flh_05_flh_06_every_status_carries_the_headers(evaluator: Any) -> None:
    responses = [send(evaluator, "GET", "/"), send(evaluator, "GET", FLAGS_PATH), send(evaluator, "POST", FLAGS_PATH)]
    responses += [
        send(evaluator, "POST", f"{FLAGS_PATH}/x"),
        send(evaluator, "GET", HEALTH_PATH),
        send(None, "GET", HEALTH_PATH),
    ]
    assert [response.status for response in responses] == [404, 405, 400, 400, 200, 503]
    for response in responses:
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Access-Control-Expose-Headers"].startswith("ETag, Retry-After, ")


@pytest.mark.parametrize("method, path", [("POST", FLAGS_PATH), ("POST", f"{FLAGS_PATH}/boolean"), ("GET", HEALTH_PATH)])
def test_flg_10_asg_22_without_a_snapshot_it_is_503_and_never_404(method: str, path: str) -> None:
    response = send(None, method, path)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert "snapshot" in json.loads(response.body)["errorDetails"]
    assert send(None, "OPTIONS", path).status == 204
    assert send(None, "DELETE", path).status == 405
    assert send(None, method, "/elsewhere").status == 404


def test_health_says_which_version_and_how_old(evaluator: Any) -> None:
    for standing, age in [((12, 340), 340), ((0, None), None)]:
        response = respond(Request("GET", HEALTH_PATH), evaluator, standing=standing)
        found = json.loads(response.body)
        assert (found["version"], found["age_ms"]) == (standing[0], age)
        assert found["snapshot_version"] == evaluator.snapshot_version


def test_health_names_the_snapshot(evaluator: Any) -> None:
    response = send(evaluator, "GET", HEALTH_PATH)
    assert json.loads(response.body) == {"status": "ok", "snapshot_version": evaluator.snapshot_version}
    assert send(evaluator, "HEAD", HEALTH_PATH).status == 200
    assert send(evaluator, "POST", HEALTH_PATH).status == 405


def test_an_unforeseen_error_is_reported_and_its_text_stays_inside() -> None:
    class Broken:
        @property
        def snapshot_version(self) -> str:
            raise RuntimeError("table users in 10.0.0.7 is locked")

        def recall(self, *_: object) -> object:
            return self.snapshot_version

    errors: list[BaseException] = []
    for path in EVALUATIONS:
        response = respond(Request("POST", path, {}, b'{"context":{}}'), Broken(), report=errors.append)  # type: ignore[arg-type]
        assert response.status == 500
        assert set(json.loads(response.body)) == {"errorDetails"}
        assert b"10.0.0.7" not in response.body
    assert [str(error) for error in errors] == ["table users in 10.0.0.7 is locked"] * 2


def test_the_endpoint_adds_little_to_the_cold_path() -> None:
    """Over the evaluator alone: ``json``, ``mmh3``, ``gc`` (built in) and the handlers' own modules."""
    code = (
        "import sys; sys.path.insert(0, '.'); import evaluator, json, mmh3; old = set(sys.modules)\n"
        "import handlers.ofrep; print(*set(sys.modules) - old)"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    names = ("ofrep", "_ofrep", "_http", "_context", "_edge", "_events", "_outcome")
    own = {"handlers", *(f"handlers.{name}" for name in names)}
    assert set(run.stdout.split()) <= own | {"__future__", "evaluator.reasons", "gc"}
