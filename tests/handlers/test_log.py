"""Lines on standard output: what they say of errors, and what becomes of them when nobody takes them."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from handlers import _log
from handlers._log import Output, level_of, log, timestamp, trace_id
from tests.conftest import ROOT

CONTEXT = SimpleNamespace(function_name="edge", memory_limit_in_mb="256", invoked_function_arn="arn", aws_request_id="52fdfc07")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Output]]:
    """A pipe that takes 4 kB and blocks nobody: its reading end, and an output to it that is the process's."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    output = Output(writer)
    monkeypatch.setattr(_log, "output", output)
    yield reader, output
    os.close(reader)
    os.close(writer)


def read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 20)
    except BlockingIOError:
        return b""


def logged(reader: int) -> dict[str, Any]:
    [line] = read(reader).splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


# --- what a line says -------------------------------------------------------------------------------------------------


def test_shr_01_a_line_says_when_how_grave_what_where_and_keeps_every_extra(pipe: tuple[int, Output]) -> None:
    extra = {"user_hash": "ab12", "experiment_id": "e1", "anything": [1, None], "level": "x"}
    log("WARNING", "a message", CONTEXT, extra=extra)
    here = sys._getframe().f_lineno - 1
    found = logged(pipe[0])
    assert found.pop("timestamp")[-6:] == "+00:00"
    assert found == {
        "level": "WARNING",
        "location": f"test_shr_01_a_line_says_when_how_grave_what_where_and_keeps_every_extra:{here}",
        "message": "a message",
        "service": "burgee",
        "logger": "burgee",
        "function": "test_shr_01_a_line_says_when_how_grave_what_where_and_keeps_every_extra",
        "line": here,
        "function_name": "edge",
        "function_memory_size": "256",
        "function_arn": "arn",
        "function_request_id": "52fdfc07",
        "user_hash": "ab12",
        "experiment_id": "e1",
        "anything": [1, None],
    }


def test_shr_01_and_sec_08_an_exception_is_told_by_its_type_and_its_places(pipe: tuple[int, Output]) -> None:
    def inner() -> None:
        raise ValueError("jane@example.com isn't a number")

    try:
        inner()
    except ValueError as error:
        log("ERROR", "an unforeseen error", None, error)
    found = logged(pipe[0])
    assert found["exception_name"] == "ValueError"
    assert found["exception"].splitlines()[-1] == "ValueError"
    assert [text.split()[-1] for text in found["exception"].splitlines()[:-1]] == [
        "test_shr_01_and_sec_08_an_exception_is_told_by_its_type_and_its_places",
        "inner",
    ]
    assert "jane" not in json.dumps(found)


def test_shr_02_the_level_is_set_by_the_environment_and_info_by_default(
    pipe: tuple[int, Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    log("DEBUG", "unheard")
    log("INFO", "heard")
    assert logged(pipe[0])["message"] == "heard"
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    log("WARNING", "unheard")
    log("ERROR", "heard")
    assert logged(pipe[0])["level"] == "ERROR", "and once: there are no handlers that could be doubled"
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    log("INFO", "a wrong level is said where settings are read")
    assert logged(pipe[0])["level"] == "INFO"


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, 20),
        ({"LOG_LEVEL": ""}, 20),
        ({"LOG_LEVEL": "debug"}, 10),
        ({"LOG_LEVEL": "WARN"}, 30),
        ({"AWS_LAMBDA_LOG_LEVEL": "TRACE"}, 10),
        ({"AWS_LAMBDA_LOG_LEVEL": "FATAL", "LOG_LEVEL": "INFO"}, 20),
        ({"POWERTOOLS_LOG_LEVEL": "CRITICAL", "LOG_LEVEL": "INFO"}, 50),
    ],
)
def test_shr_02_which_variable_says_the_level(environment: dict[str, str], level: int) -> None:
    assert level_of(environment) == level


def test_shr_03_a_wrong_setting_names_its_variable() -> None:
    with pytest.raises(ValueError, match="LOG_LEVEL is 'LOUD'"):
        level_of({"LOG_LEVEL": "loud"})


def test_a_value_that_json_doesnt_have_is_no_error(pipe: tuple[int, Output]) -> None:
    log("INFO", "m", None, None, {"a": {1, 2}, "b": "x" * 10_000})
    assert len(read(pipe[0])) < 2_000
    log("INFO", "m", None, None, {"a": float("nan")})
    assert (read(pipe[0]), pipe[1].lost) == (b"", 1)


def test_times_and_traces() -> None:
    assert timestamp(1_795_384_521_007_999_999) == "2026-11-22T21:55:21.007+00:00"
    assert trace_id("Root=1-5759e988-bd862e3f;Parent=5;Sampled=1") == "1-5759e988-bd862e3f"


# --- where lines go ---------------------------------------------------------------------------------------------------


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or len(data))
    Output().write(b"a line\n")
    assert written == [b"a line\n"]


def test_a_line_that_was_taken_by_halves_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    written = b""

    def some(fd: int, data: bytes) -> int:
        nonlocal written
        written += data[:3]
        return min(3, len(data))

    monkeypatch.setattr(os, "write", some)
    assert Output().write(b"a longer line\n")
    assert written == b"a longer line\n"


def test_a_full_pipe_drops_whole_lines_and_counts_them(pipe: tuple[int, Output]) -> None:
    """No line is mixed with another one, whatever was read when."""
    reader, output = pipe
    received, taken = b"", 0
    for number in range(200):
        taken += output.write(b"%03d %s\n" % (number, b"x" * (number * 97 % 9000)))
        if number % 3 == 2:
            received += read(reader)
    received += read(reader)
    assert output.write(b"last\n")
    received += read(reader)
    lines = received.decode().splitlines()
    assert lines[-1] == "last"
    assert all(len(line) == 4 + int(line[:3]) * 97 % 9000 for line in lines[:-1])
    assert len(lines) - 1 == taken
    assert output.lost == 200 - taken > 0


def test_nobody_reads_any_more() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(writer)
    assert not output.write(b"a line\n")
    os.close(writer)
    assert not output.write(b"a line\n")
    assert output.lost == 2


def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        output = Output(full.fileno())
        assert not output.write(b"a line\n")
        assert output.lost == 1


def test_a_process_without_a_standard_output_writes_into_nobodys_file() -> None:
    """Number 1 is free then, and the next file or socket that is opened has it."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import tempfile, os\n"
        "file = tempfile.TemporaryFile()\n"
        "os.dup2(file.fileno(), 1)\n"
        "from handlers._log import log, output\n"
        "log('ERROR', 'x')\n"
        "sys.exit(0 if output.lost == 1 and os.fstat(file.fileno()).st_size == 0 else 3)\n"
    )
    command = ["/bin/sh", "-c", 'exec "$0" -I -c "$1" >&-', sys.executable, script]
    assert subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0
