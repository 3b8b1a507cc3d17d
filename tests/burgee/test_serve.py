"""``burgee serve`` as a process: it answers, follows its source, keeps the last good snapshot, and leaves cleanly."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from burgee.cli import main
from tests.burgee.projects import FLAGD, GOOD, NOT_YAML, WITH_A_BROKEN_FLAG
from tests.burgee.server import Server, until
from tests.conftest import ROOT

RED_FOR_ALL = GOOD.replace("default: blue", "default: red")


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project) as running:
        yield running


def write(project: Path, text: str) -> None:
    (project / "flags.yaml").write_text(text, encoding="utf-8")


def test_it_answers_one_flag_all_flags_and_health(server: Server) -> None:
    one = server.post("/banner", {"targetingKey": "u", "plan": "pro"})
    assert one.json() == {"key": "banner", "reason": "TARGETING_MATCH", "variant": "red", "value": "#f00"}
    everything = server.post("", {"targetingKey": "u"})
    assert [item["key"] for item in everything.json()["flags"]] == ["banner", "checkout", "limits", "ratio", "seats"]
    again = server.post("", {"targetingKey": "u"}, **{"If-None-Match": everything.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.post("/nothing", {}).status_code == 404
    assert httpx.get(f"{server.url}/health", trust_env=False).json()["status"] == "ok"
    assert httpx.get(server.url, trust_env=False).status_code == 404


def test_its_curl_line_works(server: Server) -> None:
    line = next(text for text in server.printed.splitlines() if text.strip().startswith("curl "))
    words = shlex.split(line)
    assert words[2].startswith(server.url)
    if shutil.which("curl") is None:
        pytest.skip("curl isn't on this machine")
    answered = subprocess.run([*words, "--noproxy", "*"], capture_output=True, text=True, check=True)
    assert '"key":"banner"' in answered.stdout


def test_sec_09_an_oversized_body_over_a_socket_is_413(server: Server) -> None:
    url = f"{server.url}/ofrep/v1/evaluate/flags"
    with httpx.Client(trust_env=False) as client:
        response = client.post(url, content=b" " * 2_000_000, headers={"Content-Type": "application/json"})
        assert response.status_code == 413
        assert response.json()["errorDetails"]
        assert client.get(f"{server.url}/health").status_code == 200


def test_flh_07_origins_are_listed_on_the_command_line(project: Path) -> None:
    with Server(project, "--allow-origin", "https://app.example") as server:
        listed = server.post("", {}, Origin="https://app.example")
        assert listed.headers["access-control-allow-origin"] == "https://app.example"
        assert listed.headers["vary"] == "Origin"
        assert "access-control-allow-origin" not in server.post("", {}, Origin="https://evil.example").headers
        assert "server" not in listed.headers


def test_it_follows_a_change(server: Server, project: Path) -> None:
    tag = server.post("", {}).headers["etag"]
    assert server.value("banner") == "#00f"
    write(project, RED_FOR_ALL)
    until(lambda: server.value("banner") == "#f00")
    assert server.post("", {}, **{"If-None-Match": tag}).status_code == 200
    until(lambda: "now serving 5 flags" in server.printed)


def test_it_follows_new_and_deleted_files(server: Server, project: Path) -> None:
    (project / "more.json").write_text('{"flags": {"added": {"type": "integer", "variants": {"a": 7}, "default": "a"}}}')
    until(lambda: server.value("added") == 7)
    (project / "more.json").unlink()
    until(lambda: server.post("/added", {}).status_code == 404)


def test_it_follows_a_file_that_is_replaced(project: Path) -> None:
    path = project / "flags.yaml"
    with Server(path) as server:
        (project / "new.tmp").write_text(RED_FOR_ALL, encoding="utf-8")
        os.replace(project / "new.tmp", path)
        until(lambda: server.value("banner") == "#f00")


def test_what_does_not_compile_leaves_the_last_good_snapshot(server: Server, project: Path) -> None:
    write(project, NOT_YAML)
    until(lambda: "it doesn't compile" in server.printed)
    assert server.value("banner") == "#00f"
    assert "flags.yaml:2:1: error YAML-SYNTAX" in server.printed
    write(project, RED_FOR_ALL)
    until(lambda: server.value("banner") == "#f00")


def test_a_broken_flag_does_not_stop_the_others(server: Server, project: Path) -> None:
    write(project, WITH_A_BROKEN_FLAG.replace("default: blue", "default: red"))
    until(lambda: server.value("banner") == "#f00")
    assert server.post("/broken", {}).json()["errorCode"] == "PARSE_ERROR"
    assert " error " in server.printed


def test_a_source_that_disappears_leaves_the_last_good_snapshot(project: Path) -> None:
    path = project / "flags.yaml"
    with Server(path) as server:
        path.unlink()
        until(lambda: "Still serving" in server.printed)
        assert server.value("banner") == "#00f"
        write(project, RED_FOR_ALL)
        until(lambda: server.value("banner") == "#f00")


def test_it_serves_and_follows_a_snapshot(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    assert main(["compile", str(project), "-o", str(target)]) == 0
    with Server(target) as server:
        assert server.value("banner") == "#00f"
        write(project, RED_FOR_ALL)
        assert main(["compile", str(project), "-o", str(target)]) == 0
        until(lambda: server.value("banner") == "#f00")
        target.write_bytes(target.read_bytes()[:-9])
        until(lambda: "not usable" in server.printed)
        assert server.value("banner") == "#f00"


def test_it_serves_another_dialect(tmp_path: Path) -> None:
    (tmp_path / "flags.json").write_text(FLAGD, encoding="utf-8")
    with Server(tmp_path, "--dialect", "flagd") as server:
        assert server.value("a") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_cleanly(server: Server, number: int) -> None:
    with httpx.Client(trust_env=False) as client:  # with a connection that is kept open
        client.get(f"{server.url}/health")
        assert server.stop(number) == 0
    assert server.printed.rstrip().endswith("Stopped.")
    assert "Traceback" not in server.printed


def test_the_example_project_is_served_without_complaint() -> None:
    with Server(ROOT / "examples") as server:
        flags = server.post("", {"targetingKey": "user-1"}).json()["flags"]
        assert flags
        assert not [item for item in flags if "errorCode" in item]
        assert " error " not in server.printed


def test_a_port_in_use_is_said_plainly(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", str(project), "--port", str(taken.getsockname()[1])]) == 1
    assert "in use" in capsys.readouterr().err


def test_nothing_to_serve_is_1_with_the_diagnostics(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, NOT_YAML)
    assert main(["serve", str(project), "--port", "0"]) == 1
    assert "flags.yaml:2:1: error YAML-SYNTAX" in capsys.readouterr().err
