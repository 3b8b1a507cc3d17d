"""``scripts.deploy``: the smoke test decides, and what failed is taken back (PIP-02).

The platform that is asked is ``burgee up``; CloudFormation, Lambda and its aliases are the embedded AWS's; in the place of CDK
is a program that moves the alias as a deployment does, and writes where the functions' URLs are.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import deploy
from tests.aws import Aws
from tests.burgee.platform import Up
from tests.conftest import ROOT

PLAYED = """#!{python}
import json, os, sys
import boto3
arguments = sys.argv[1:]
assert arguments[1].startswith("aws-cdk@2.") and arguments[2:4] == ["deploy", "burgee-staging"], arguments
function, url = os.environ["PLAYED_FUNCTION"], os.environ["PLAYED_URL"]
if os.environ.get("PLAYED_STATUS"):
    sys.exit(int(os.environ["PLAYED_STATUS"]))
boto3.client("lambda").update_alias(FunctionName=function, Name="live", FunctionVersion="2")
with open(arguments[arguments.index("--outputs-file") + 1], "w") as file:
    json.dump({{"burgee-staging": {{"FlagsUrl": url}}}}, file)
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(ROOT / "examples", tmp_path_factory.mktemp("temporary"), "--no-view") as running:
        yield running


class Staging:
    """The stack ``burgee-staging`` with one function, whose users have version 1."""

    def __init__(self, aws: Aws, place: Path) -> None:
        self.aws, self.place = aws, place
        self.function = aws.name("flags")
        code = {"ZipFile": "def handler(event, context): ..."}
        role: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
        properties = {"FunctionName": self.function, "Runtime": "python3.13", "Handler": "index.handler", "Code": code}
        properties["Role"] = {"Fn::GetAtt": ["Role", "Arn"]}
        template = {"Resources": {"Role": role, "Flags": {"Type": "AWS::Lambda::Function", "Properties": properties}}}
        aws.client("cloudformation").create_stack(StackName="burgee-staging", TemplateBody=json.dumps(template))
        functions = aws.client("lambda")
        for _ in range(2):
            functions.update_function_code(FunctionName=self.function, S3Bucket=self._code(), S3Key="code", Publish=True)
        functions.create_alias(FunctionName=self.function, Name="live", FunctionVersion="1")
        program = place / "npx"
        program.write_text(PLAYED.format(python=sys.executable))
        program.chmod(0o755)

    def _code(self) -> str:
        import io
        import zipfile

        bucket, buffer = self.aws.bucket(), io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.py", bucket)
        self.aws.client("s3").put_object(Bucket=bucket, Key="code", Body=buffer.getvalue())
        return bucket

    def deploy(self, url: str, *smoke: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.aws.environment, "PATH": f"{self.place}:{os.environ['PATH']}", **more}
        environment |= {"PLAYED_FUNCTION": self.function, "PLAYED_URL": url}
        command = [sys.executable, "-m", "scripts.deploy", "staging", "--keep", str(self.place / "kept"), "--", *smoke]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)

    def version(self) -> str:
        return str(self.aws.client("lambda").get_alias(FunctionName=self.function, Name="live")["FunctionVersion"])


@pytest.fixture
def staging(aws: Aws, tmp_path: Path) -> Iterator[Staging]:
    yield Staging(aws, tmp_path)
    aws.client("cloudformation").delete_stack(StackName="burgee-staging")


def test_pip_02_what_does_what_it_should_stays(up: Up, staging: Staging) -> None:
    done = staging.deploy(up.url, "--flag", "sales-open")
    assert done.returncode == 0, done.stdout + done.stderr
    assert staging.version() == "2"
    assert "everything that was asked is well" in done.stdout
    assert json.loads((staging.place / "kept" / "versions.json").read_text()) == {staging.function: "1"}


def test_pip_02_what_fails_the_smoke_test_is_taken_back(up: Up, staging: Staging) -> None:
    done = staging.deploy(up.url, "--flag", "no-such-flag")
    assert done.returncode == 1
    assert staging.version() == "1"
    assert f"{staging.function}: back to version 1, from version 2" in done.stdout
    assert "the smoke test failed" in done.stderr


def test_pip_02_a_deployment_that_fails_isnt_asked(staging: Staging) -> None:
    """CloudFormation takes back what it has begun, and nobody is to interfere."""
    done = staging.deploy("http://127.0.0.1:1", PLAYED_STATUS="3")
    assert done.returncode == 1
    assert staging.version() == "1"
    assert "scripts.smoke" not in done.stderr and "back" not in done.stdout


def test_pip_02_without_knowing_the_way_back_nothing_is_begun(tmp_path: Path) -> None:
    asked: list[str] = []

    def run(command: Any) -> int:
        asked.append(command[2])
        return 2

    assert deploy.deploy("prod", "", [], tmp_path, run) == deploy.NOT_BEGUN
    assert asked == ["scripts.canary"]


@pytest.mark.parametrize("smoke", [["--counted"], ["--context", "{"], ["--experiment", "e", "--context", "[]"]])
def test_pip_02_a_smoke_test_that_cant_begin_is_found_before_anything_is_deployed(tmp_path: Path, smoke: list[str]) -> None:
    def run(command: Any) -> int:
        raise AssertionError(command)

    assert deploy.deploy("prod", "", smoke, tmp_path, run) == deploy.NOT_BEGUN


def test_pip_02_what_cant_be_taken_back_is_said_loudly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(command: Any) -> int:
        return int("back" in command or "scripts.smoke" in command)

    assert deploy.deploy("prod", "", [], tmp_path, run) == deploy.FAILED
    assert "NOT EVERYTHING IS BACK" in capsys.readouterr().err
