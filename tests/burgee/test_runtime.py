"""Functions in sandboxes as Lambda runs them: awslambdaric itself, in child processes, against the local Runtime API."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from burgee.up.functions import MAX_REQUEST_BYTES, Function, Invocation
from burgee.up.runtime import MAX_RESPONSE_BYTES, RuntimeApi
from tests.conftest import ROOT

HANDLERS = "tests.burgee.lambda_functions"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def running(name: str = "do", **more: Any) -> AsyncIterator[Function]:
    settings: dict[str, Any] = {"timeout_seconds": 60, "environment": {"AWS_REGION": "eu-west-1", "MINE": "yes"}} | more
    function = Function(f"fn-{name}", settings.pop("handler", f"{HANDLERS}.{name}"), **settings)
    await function.start()
    try:
        yield function
    finally:
        await function.stop()


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and waits for its parent to notice doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


def run(scenario: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scenario, 2 * PATIENCE_SECONDS)

    asyncio.run(limited())


def kind(invocation: Invocation) -> str | None:
    return None if invocation.error is None else invocation.error["errorType"]


# --- what a handler sees ------------------------------------------------------------------------------------------------


def test_an_event_goes_in_and_a_result_comes_out_of_the_same_process_each_time() -> None:
    async def scenario() -> None:
        async with running() as function:
            first = await function.invoke({"a": "ü", "n": [1, None]})
            assert (first.result(), first.error, first.cold) == ({"a": "ü", "n": [1, None]}, None, True)
            assert first.init_ms is not None and first.init_ms > 1
            second = await function.invoke(b'{"raw": true}')
            assert (second.result(), second.cold, second.init_ms) == ({"raw": True}, False, None)
            assert first.request_id != second.request_id
            assert second.duration_ms > 0
            state = function.state
            assert (state.invocations, state.errors, state.cold_starts) == (2, 0, 1)
            assert [doing for _, doing, _ in state.sandboxes] == ["idle"]

    run(scenario())


def test_a_sandbox_has_lambdas_environment_a_directory_of_its_own_and_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the developer's own")

    async def scenario() -> None:
        async with running("about", memory_mb=256) as function:
            invocation = await function.invoke({})
            found = invocation.result()
            seen = found["environment"]
            assert "AWS_PROFILE" not in seen and "AWS_SECRET_ACCESS_KEY" not in seen
            expected = {
                "MINE": "yes",
                "AWS_REGION": "eu-west-1",
                "AWS_LAMBDA_FUNCTION_NAME": "fn-about",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn-about",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "LAMBDA_TASK_ROOT": str(ROOT),
                "_HANDLER": f"{HANDLERS}.about",
            }
            assert expected.items() <= seen.items()
            assert found["request_id"] == invocation.request_id
            assert found["arn"] == "arn:aws:lambda:eu-west-1:123456789012:function:fn-about"
            assert 30_000 < found["remaining_ms"] <= 60_000
            assert Path(found["scratch"]).is_dir() and Path(found["scratch"]).parent == Path(seen["TMPDIR"])
        assert not Path(seen["TMPDIR"]).exists()
        assert not alive(found["pid"])

    run(scenario())


def test_each_sandbox_has_one_invocation_at_a_time_and_more_come_until_calls_are_throttled() -> None:
    async def scenario() -> None:
        async with running(concurrency=2) as function:
            nap = {"do": "sleep", "seconds": 0.5}
            found = await asyncio.gather(*(function.invoke(nap) for _ in range(3)))
            assert sorted(map(str, map(kind, found))) == ["None", "None", "TooManyRequestsException"]
            assert found[2].throttled and not found[0].throttled
            state = function.state
            assert (len(state.sandboxes), state.throttles, state.invocations) == (2, 1, 2)
            assert not (await function.invoke({})).cold

    run(scenario())


# --- errors ---------------------------------------------------------------------------------------------------------------


def test_what_a_handler_raises_is_the_error_and_the_sandbox_goes_on() -> None:
    async def scenario() -> None:
        async with running() as function:
            found = await function.invoke({"do": "raise"})
            assert found.payload is None and found.error is not None
            assert (found.error["errorType"], found.error["errorMessage"]) == ("ValueError", "the handler's own words")
            assert found.error["requestId"] == found.request_id
            assert not (await function.invoke({})).cold
            unmarshallable = await function.invoke({"do": "set"})
            assert kind(unmarshallable) == "Runtime.MarshalError"
            assert function.state.errors == 2

    run(scenario())


def test_a_process_that_ends_is_an_exit_error_and_the_next_call_gets_a_new_one() -> None:
    async def scenario() -> None:
        async with running() as function:
            found = await function.invoke({"do": "exit", "code": 7})
            assert found.error == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {found.request_id} Error: Runtime exited with error: exit status 7",
            }
            again = await function.invoke({"ok": 1})
            assert (again.result(), again.cold) == ({"ok": 1}, True)
            pid = function.state.sandboxes[0][0]
            assert pid is not None
            waiting = asyncio.ensure_future(function.invoke({"do": "sleep", "seconds": 60}))
            await until(lambda: function.state.sandboxes[0][1] == "busy")
            os.kill(pid, signal.SIGKILL)
            error = (await waiting).error
            assert error is not None and error["errorMessage"].endswith("signal: 9")

    run(scenario())


def test_a_call_that_has_not_reached_its_sandbox_when_that_dies_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with running() as function:
            await function.invoke({})
            pid = function.state.sandboxes[0][0]
            assert pid is not None
            (sandbox,) = function._sandboxes
            while not sandbox._api.is_asked:  # else its question, on the way, would be answered with the call
                await asyncio.sleep(0.001)
            with monkeypatch.context() as patch:  # as if the client hadn't asked for more work yet
                patch.setattr(RuntimeApi, "is_asked", False)
                call = asyncio.ensure_future(function.invoke({"ok": 1}))
                await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            found = await call
            assert (found.result(), found.cold) == ({"ok": 1}, True)

    run(scenario())


def test_a_sandbox_that_dies_between_calls_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running() as function:
            assert (await function.invoke({"do": "die later", "after": str(tmp_path / "now")})).error is None
            (tmp_path / "now").touch()
            await until(lambda: not function.state.sandboxes)
            assert (await function.invoke({"ok": 2})).result() == {"ok": 2}

    run(scenario())


def test_time_over_kills_the_sandbox_and_the_next_call_gets_a_new_one() -> None:
    async def scenario() -> None:
        async with running(timeout_seconds=2.5) as function:
            assert (await function.invoke({})).error is None
            found = await function.invoke({"do": "sleep", "seconds": 60})
            assert kind(found) == "Sandbox.Timedout"
            assert found.error is not None and "Task timed out after 2.50 seconds" in found.error["errorMessage"]
            assert 2_450 < found.duration_ms < 50_000
            assert any("timed out" in line for line in function.state.lines)
            assert (await function.invoke({"ok": 1})).cold

    run(scenario())


def test_a_callers_own_deadline_ends_a_call_early() -> None:
    async def scenario() -> None:
        async with running(timeout_seconds=60) as function:
            await function.invoke({})
            deadline = asyncio.get_running_loop().time() + 0.3
            assert kind(await function.invoke({"do": "sleep", "seconds": 60}, deadline)) == "Sandbox.Timedout"

    run(scenario())


def test_a_caller_that_goes_away_leaves_the_sandbox_busy_until_it_is_done(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(concurrency=1) as function:
            await function.invoke({})
            call = asyncio.ensure_future(function.invoke({"do": "wait", "for": str(tmp_path / "done")}))
            await until(lambda: function.state.sandboxes[0][1] == "busy")
            call.cancel()
            assert (await function.invoke({})).throttled
            (tmp_path / "done").touch()
            await until(lambda: function.state.sandboxes[0][1] == "idle")
            assert (await function.invoke({"ok": 1})).result() == {"ok": 1}
            assert function.state.cold_starts == 1

    run(scenario())


@pytest.mark.parametrize(
    ("handler", "error", "words"),
    [
        ("tests.burgee.no_such_module.handler", "Runtime.ImportModuleError", "no_such_module"),
        (f"{HANDLERS}.no_such_function", "Runtime.HandlerNotFound", "no_such_function"),
        ("tests.burgee.lambda_broken.handler", "RuntimeError", "the table's name is missing"),
        ("nodot", "Runtime.MalformedHandlerName", "nodot"),
    ],
)
def test_what_keeps_a_handler_from_being_imported_is_the_calls_error(handler: str, error: str, words: str) -> None:
    async def scenario() -> None:
        async with running(handler=handler) as function:
            for _ in range(2):
                found = await function.invoke({})
                assert kind(found) == error
                assert found.error is not None and words in found.error["errorMessage"]
                assert found.cold
            await until(lambda: not function.state.sandboxes)

    run(scenario())


def test_a_sandbox_that_cannot_be_started_is_an_error() -> None:
    async def scenario() -> None:
        async with running(root=Path("/no/such/directory")) as function:
            assert kind(await function.invoke({})) == "Runtime.ExitError"
            assert "could not be started" in function.state.lines[0]

    run(scenario())


def test_payloads_have_lambdas_limits() -> None:
    async def scenario() -> None:
        async with running() as function:
            assert kind(await function.invoke(b" " * (MAX_REQUEST_BYTES - 1) + b"12")) == "RequestTooLargeException"
            assert (await function.invoke(b" " * (MAX_REQUEST_BYTES - 1) + b"1")).result() == 1
            largest = await function.invoke({"do": "answer", "bytes": MAX_RESPONSE_BYTES})
            assert largest.payload is not None and len(largest.payload) == MAX_RESPONSE_BYTES
            larger = await function.invoke({"do": "answer", "bytes": MAX_RESPONSE_BYTES + 1})
            assert kind(larger) == "Function.ResponseSizeTooLarge"
            assert (await function.invoke({"ok": 1})).result() == {"ok": 1}

    run(scenario())


# --- logs ----------------------------------------------------------------------------------------------------------------


def test_every_line_is_heard_whole_and_in_order() -> None:
    heard: list[tuple[str, str]] = []

    async def scenario() -> None:
        async with running(on_line=lambda name, text: heard.append((name, text))) as function:
            await function.invoke({"do": "print", "text": "one\ntwö\nthr"})
            await function.invoke({"do": "print", "text": "ee\n"})
            await function.invoke({"do": "raise"})
            await function.invoke({"do": "print", "text": "x" * 300_000 + "\nlast, without an end"})
            await function.invoke({"do": "exit", "code": 0})
            await until(lambda: not function.state.sandboxes)
            texts = [text for _, text in heard]
            mine = [text for text in texts if text != "and on standard error"]
            assert mine[:3] == ["one", "twö", "three"]
            assert mine[3].startswith("[ERROR] ValueError: the handler's own words\nTraceback")
            assert "".join(mine[4:]).startswith("x" * 262_144)
            assert mine[-1] == "last, without an end"
            assert texts.count("and on standard error") == 3
            assert {name for name, _ in heard} == {"fn-do"}
            assert function.state.lines == tuple(texts)

    run(scenario())


# --- the end ---------------------------------------------------------------------------------------------------------------


def test_stop_ends_busy_starting_and_idle_sandboxes_and_what_they_started() -> None:
    async def scenario() -> None:
        async with running() as function:
            grandchild = (await function.invoke({"do": "spawn"})).result()
            busy = [asyncio.ensure_future(function.invoke({"do": "sleep", "seconds": 60})) for _ in range(2)]
            await until(lambda: [doing for _, doing, _ in function.state.sandboxes].count("busy") == 2)
            starting = asyncio.ensure_future(function.invoke({}))
            await asyncio.sleep(0)
            pids = [pid for pid, _, _ in function.state.sandboxes if pid is not None]
            await function.stop()
            assert [kind(await call) for call in (*busy, starting)] == ["ServiceException"] * 3
            assert not any(map(alive, [grandchild, *pids]))
            assert kind(await function.invoke({})) == "ServiceException"
            await function.start()
            assert (await function.invoke({"ok": 1})).result() == {"ok": 1}

    run(scenario())


def test_warm_sandboxes_are_there_before_the_first_call() -> None:
    async def scenario() -> None:
        async with running() as function:
            await function.stop()
            await function.start(warm=1)
            await until(lambda: [doing for _, doing, _ in function.state.sandboxes] == ["idle"])
            assert not (await function.invoke({})).cold

    run(scenario())


PARENT = """
import asyncio, sys
from burgee.up.functions import Function

async def main():
    function = Function("f", "tests.burgee.lambda_functions.do", {}, 60)
    await function.start()
    await function.invoke({})
    busy = asyncio.ensure_future(function.invoke({"do": "sleep", "seconds": 600}))
    await asyncio.sleep(0)
    await function.invoke({})
    print(*(pid for pid, _, _ in function.state.sandboxes), flush=True)
    await busy

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a busy handler ends only when it is done")
def test_sandboxes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody is left to remove their directories
    command = [sys.executable, "-c", PARENT]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(map(alive, pids))
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, pids))


# --- the Runtime API itself ------------------------------------------------------------------------------------------------


class Client:
    """What a runtime client says, byte by byte; and a listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def asked(self) -> None:
        self.heard.append("asked")

    def answered(self, request_id: str, payload: bytes) -> bool:
        self.heard.append((request_id, payload))
        return request_id == "known"

    def failed(self, request_id: str, error: dict[str, Any]) -> bool:
        self.heard.append((request_id, error))
        return request_id == "known"

    def could_not_start(self, error: dict[str, Any]) -> None:
        self.heard.append(("init", error))


async def converse(*pieces: bytes) -> tuple[list[Any], bytes]:
    """What the listener heard and what came back, when the pieces are sent and the sending end is closed."""
    client = Client()
    api = RuntimeApi(client)
    host, port = (await api.start()).split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.005)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    api.close()
    return client.heard, answer


def post(path: str, body: bytes, *headers: bytes) -> bytes:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1".encode(), b"Host: x", *headers, b"content-LENGTH:%d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def talk(*pieces: bytes) -> tuple[list[Any], list[int], bytes]:
    heard, answer = asyncio.run(converse(*pieces))
    statuses = [int(part.split(b" ")[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    return heard, statuses, answer


def test_requests_may_come_in_any_pieces_and_several_at_once() -> None:
    text = post("invocation/known/response", b'{"a":1}') + post("invocation/known/error", b'{"errorType":"E"}')
    expected = [("known", b'{"a":1}'), ("known", {"errorType": "E"})]
    assert talk(text)[:2] == (expected, [202, 202])
    assert talk(*(text[at : at + 7] for at in range(0, len(text), 7)))[:2] == (expected, [202, 202])


def test_unknown_request_ids_and_paths_are_refused() -> None:
    assert talk(post("invocation/other/response", b"1"))[1] == [400]
    assert talk(post("invocation/other/error", b"1"))[1] == [400]
    assert talk(post("somewhere", b"1"))[1] == [404]
    assert talk(b"GET / HTTP/1.1\r\n\r\n")[1] == [404]


def test_an_error_that_is_no_json_is_told_as_one() -> None:
    heard, statuses, _ = talk(post("init/error", b"<html>"))
    assert statuses == [202]
    assert heard[0][1]["errorType"] == "Runtime.Unknown"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n",
    ],
)
def test_what_is_no_request_of_a_runtime_client_is_refused_and_the_connection_closed(request_bytes: bytes) -> None:
    heard, statuses, answer = talk(request_bytes)
    assert (heard, statuses) == ([], [501])
    assert json.loads(answer.rpartition(b"\r\n")[2])["errorType"] == "NotImplemented"
