"""``handlers.ingest.handler`` as Lambda runs it: in its own process, behind a Function URL, on the embedded Kinesis."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from burgee.up.functions import Function
from burgee.up.urls import FunctionUrl
from tests.aws import Aws
from tests.conftest import ROOT
from tests.handlers.ingesting import events, new_stream, purchase
from tests.handlers.logged import requests_in

PATIENCE_SECONDS = 120.0
INIT = """
import sys; sys.path.insert(0, {root!r})
import handlers.ingest
import gc
edge = handlers._edge._of_process
print("ssl" in sys.modules, "handlers._snapshots" in sys.modules, bool(edge), gc.get_freeze_count() > 1_000)
"""


def behind_a_url(aws: Aws, scenario: Callable[[httpx.AsyncClient], Awaitable[None]], **more: str) -> list[str]:
    """Runs a scenario against the function's URL; the lines that the function wrote."""
    lines: list[str] = []

    async def run() -> None:
        settings = {**aws.environment, "BURGEE_INGEST_BUDGET_MS": "20000", **more}
        function = Function("ingest", "handlers.ingest.handler", settings, 30, 256, on_line=lambda _, text: lines.append(text))
        await function.start(warm=1)
        try:
            transport = httpx.ASGITransport(app=FunctionUrl(function))
            async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
                await asyncio.wait_for(scenario(client), PATIENCE_SECONDS)
        finally:
            await function.stop()

    asyncio.run(run())
    return lines


def test_evh_05_events_go_from_a_url_into_the_stream(aws: Aws) -> None:
    """Flaw F38: the route leads to who puts events into the stream, not to who reads it."""
    name = new_stream(aws)

    async def scenario(client: httpx.AsyncClient) -> None:
        single = await client.post("/events", json=purchase(1))
        assert (single.status_code, single.json()["results"]) == (202, [{"event_id": "evt-1", "status": "accepted"}])
        many = await client.post("/events/batch", json={"events": [purchase(2), {}, purchase(3)]})
        assert [result["status"] for result in many.json()["results"]] == ["accepted", "rejected", "accepted"]
        beacon = await client.post("/events", content=json.dumps(purchase(4)), headers={"content-type": "text/plain"})
        assert beacon.status_code == 202
        packed = await client.post("/events", content=json.dumps(purchase(5)), headers={"content-type": "x/y"})
        assert packed.status_code == 202
        assert (await client.post("/events", content=b"\xff")).status_code == 400
        assert (await client.get("/events")).status_code == 405
        assert (await client.get("/health")).json()["status"] == "ok"

    lines = behind_a_url(aws, scenario, KINESIS_STREAM_NAME=name)
    assert events(aws, name) == [purchase(number) for number in range(1, 6)]
    written = requests_in("\n".join(line for line in lines if line.startswith("{")))
    assert [line["status"] for line in written] == [202, 202, 202, 202, 400, 405, 200]
    assert sum(line.get("EventsAccepted", 0) for line in written) == 5


def test_a_function_that_lacks_a_setting_starts_and_says_so(aws: Aws) -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        response = await client.post("/events", json=purchase())
        assert response.status_code == 500
        assert "KINESIS" not in response.text

    lines = behind_a_url(aws, scenario)
    assert any("KINESIS_STREAM_NAME isn't set" in line for line in lines)


def start(**environment: str) -> str:
    command = [sys.executable, "-I", "-c", INIT.format(root=str(ROOT))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_in_lambda_all_that_needs_no_network_is_done_before_the_first_request() -> None:
    settings: dict[str, Any] = {"KINESIS_STREAM_NAME": "events", "AWS_REGION": "us-east-1"}
    assert start(**settings) == "False False False False"
    assert start(**settings, AWS_LAMBDA_FUNCTION_NAME="ingest") == "True False True True"
