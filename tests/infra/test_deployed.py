"""The synthesised template created for real, and its URLs asked: on ministack, an AWS that runs on this machine.

``make deployed`` installs it into an environment of its own (it pins botocore) and runs this. Its Lambda runs the code with
this machine's Python, so the functions get our packages as they lie here and not their bundles for arm64. It answers
``/health`` of Function URLs itself. Of an HTTP API it answers preflights, which AWS does only for one with CORS of its own; it
looks whether there is a signature, and not whose; and it knows no limits.
"""

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from scripts.smoke.__main__ import run
from scripts.smoke.asking import Platform
from scripts.smoke.checks import CHECKS, Asked
from tests.architecture.imports import ROOT
from tests.infra.conftest import Assembly

MINISTACK = os.environ.get("BURGEE_MINISTACK") or str(ROOT / "build" / "ministack" / "bin" / "ministack")
KEY = "a key for the smoke test"  # tests/infra/settings.json has its digest
STACK = "burgee-dev"
REGION = "us-east-1"
DISTRIBUTIONS = ("mmh3", "msgspec")
# What this AWS has no idea of: they are in the template that cfn-lint and CDK have checked.
UNKNOWN = ("AWS::Athena::NamedQuery", "AWS::Budgets::Budget", "AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition")

pytestmark = pytest.mark.skipif(shutil.which(MINISTACK) is None, reason="there is no ministack here: make deployed")


class Cloud:
    """The embedded AWS, with clients."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def ask(
        self, url: str, method: str, path: str, body: Any = None, key: str | None = KEY
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """A request to a Function URL: the machine here, the URL's name in the header."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Host": urlsplit(url).netloc, "Content-Type": "application/json"} | ({"x-api-key": key} if key else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text or "{}"), {name.lower(): value for name, value in answer.getheaders()}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    made = Cloud(_free_port())
    place = tmp_path_factory.mktemp("ministack")
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "TMPDIR": str(place)}
    environment |= {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(made.port)}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([MINISTACK], cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(1_200):
            try:
                socket.create_connection(("127.0.0.1", made.port), 1).close()
                break
            except OSError:
                assert process.poll() is None, (place / "log").read_text()
                time.sleep(0.1)
        yield made
    finally:
        process.terminate()
        process.wait(60)


def _code() -> bytes:
    """Our packages and what the functions with a URL import besides."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in ("evaluator", "handlers"):
            for path in sorted((ROOT / package).rglob("*")):
                if path.suffix in (".py", ".so", ".json") and path.is_file():
                    archive.write(path, path.relative_to(ROOT))
        for name in DISTRIBUTIONS:
            origin = Path(str(sys.modules[name].__file__ if name in sys.modules else __import__(name).__file__))
            for path in origin.parent.rglob("*") if origin.name == "__init__.py" else [origin]:
                if path.is_file() and path.suffix in (".py", ".so"):
                    archive.write(
                        path, path.relative_to(origin.parent.parent if origin.name == "__init__.py" else origin.parent)
                    )
    return held.getvalue()


@pytest.fixture(scope="module")
def outputs(cloud: Cloud, assembly: Assembly) -> dict[str, str]:
    """The stack as CloudFormation makes it; its outputs."""
    template: dict[str, Any] = assembly.template("dev")
    template["Resources"] = {name: each for name, each in template["Resources"].items() if not _is_unknown(each)}
    account = cloud.client("sts").get_caller_identity()["Account"]
    s3, bucket = cloud.client("s3"), f"cdk-hnb659fds-assets-{account}-{REGION}"
    s3.create_bucket(Bucket=bucket)
    code = _code()
    for each in template["Resources"].values():
        if each["Type"] == "AWS::Lambda::Function":
            s3.put_object(Bucket=bucket, Key=each["Properties"]["Code"]["S3Key"], Body=code)
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(template).encode())
    cloud.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")
    formation = cloud.client("cloudformation")
    url = f"{cloud.endpoint}/{bucket}/template.json"
    formation.create_stack(StackName=STACK, TemplateURL=url, Capabilities=["CAPABILITY_IAM"])
    for _ in range(1_500):
        (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.2)
    events = formation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [each for each in events if "FAILED" in each["ResourceStatus"]]
    assert (stack["StackStatus"], failed) == ("CREATE_COMPLETE", [])
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def _is_unknown(resource: dict[str, Any]) -> bool:
    """Also alarms on metric math."""
    return resource["Type"] in UNKNOWN or (resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"])


@pytest.fixture(scope="module")
def published(cloud: Cloud, outputs: dict[str, str]) -> str:
    """The example project, in the stack's own store."""
    command = [sys.executable, "-m", "burgee", "publish", "examples", "--store", outputs["Store"]]
    environment = {**os.environ, **cloud.environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return outputs["Store"]


def test_inf_01_the_template_is_created_for_real(cloud: Cloud, outputs: dict[str, str]) -> None:
    """Function URLs, tables with their keys, streams with their readers."""
    described = cloud.client("dynamodb").describe_table(TableName=outputs["AssignmentsTable"])["Table"]
    assert [each["AttributeName"] for each in described["KeySchema"]] == ["user_id", "experiment_id"]
    assert described["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert len(mappings) == 5
    configurations = cloud.client("lambda").list_functions()["Functions"]
    assert {each["Architectures"][0] for each in configurations} == {"arm64"}
    assert {each["Runtime"] for each in configurations} == {"python3.13"}


def test_pip_02_the_flags_url_answers_who_has_the_key(cloud: Cloud, outputs: dict[str, str], published: str) -> None:
    url, path = outputs["FlagsUrl"], "/feature-flags/evaluate?user_id=customer-1&flag_key=sales-open"
    status, body, headers = cloud.ask(url, "GET", path)
    assert (status, body["flag_key"]) == (200, "sales-open"), body
    assert headers["x-burgee-version"] == "1"
    assert headers["x-content-type-options"] == "nosniff"
    assert cloud.ask(url, "GET", path, key=None)[0] == 401
    status, body, _ = cloud.ask(url, "POST", "/ofrep/v1/evaluate/flags/sales-open", {"context": {"targetingKey": "customer-1"}})
    assert (status, body["key"]) == (200, "sales-open")


def test_pip_02_an_assignment_is_kept(cloud: Cloud, outputs: dict[str, str], published: str) -> None:
    context = {"platform": "web", "cart": {"items": 2}}
    url = outputs["AssignmentsUrl"]
    for number in range(50):  # somebody whom the layer and the traffic let in
        asked = {"user_id": f"customer-{number}", "experiment_key": "checkout-button", "context": context}
        status, first, _ = cloud.ask(url, "POST", "/assign", asked)
        assert status == 200, first
        if not first["excluded"]:
            break
    assert first["persisted"], first
    assert cloud.ask(url, "POST", "/assign", asked)[1]["assignment_id"] == first["assignment_id"]
    items = cloud.client("dynamodb").scan(TableName=outputs["AssignmentsTable"])["Items"]
    assert [each["user_id"]["S"] for each in items] == [asked["user_id"]]


def test_pip_02_an_event_gets_into_the_stream(cloud: Cloud, outputs: dict[str, str]) -> None:
    event = {"event_type": "purchase", "user_id": "customer-3", "properties": {"revenue": 12.5}}
    status, body, _ = cloud.ask(outputs["IngestUrl"], "POST", "/events", event)
    assert (status, body["accepted"]) == (202, 1), body
    kinesis = cloud.client("kinesis")
    found = []
    for shard in kinesis.list_shards(StreamName=outputs["Stream"])["Shards"]:
        position = kinesis.get_shard_iterator(
            StreamName=outputs["Stream"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += kinesis.get_records(ShardIterator=position)["Records"]
    texts = [record["Data"] if isinstance(record["Data"], bytes) else base64.b64decode(record["Data"]) for record in found]
    assert "customer-3" in {json.loads(text)["user_id"] for text in texts}


# --- through the HTTP API ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(cloud: Cloud, outputs: dict[str, str], published: str) -> str:
    """The API's URL: as this AWS has it on its own port, since no name of the API's leads there."""
    (made,) = cloud.client("apigatewayv2").get_apis()["Items"]
    assert made["ApiId"] in outputs["ApiUrl"]
    return f"{cloud.endpoint}/_aws/execute-api/{made['ApiId']}/$default"


def test_inf_08_the_smoke_test_passes_through_the_one_url(api: str) -> None:
    """Every check but those of preflights and of results: signed questions need AWS's name, and counting the whole platform."""
    asked = Asked("sales-open", "checkout-button", {"platform": "web", "cart": {"items": 2}}, version=1)
    names = [name for name in CHECKS if name not in ("cors", "counted")]
    found = run(Platform({"flags": api}, KEY, time.monotonic() + 120), asked, names)
    assert {each.check: each.outcome for each in found} == dict.fromkeys(names, "ok"), found


def test_inf_08_the_api_routes_what_is_documented_and_guards_results(api: str) -> None:
    platform = Platform({"flags": api}, KEY)
    for path in ("/", "/assignments", "/events/other", "/feature-flags", "/experiments/checkout-button"):
        assert platform.ask("flags", "GET", path).is_an_apis_own, path
    refused = platform.ask("results", "GET", "/experiments/checkout-button/results").expect(403)
    assert "x-request-id" not in refused.headers, "by the API: the function wasn't asked"
    body = {"context": {"targetingKey": "customer-1"}}
    answer = platform.ask("flags", "POST", "/ofrep/v1/evaluate/flags/no%2Fsuch%20flag", body).expect(404).json()
    assert (answer["key"], answer["errorCode"]) == ("no/such flag", "FLAG_NOT_FOUND")
