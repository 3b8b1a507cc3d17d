"""``scripts.canary`` against an embedded Lambda, CloudWatch and CloudFormation: shares move, alarms take them back (PIP-02)."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import canary
from scripts.canary import Aws, Clock, Plan, Refused, TakenBack
from tests.aws import Aws as Embedded

ROLE: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
MINUTE = 60.0


def _function(name: str) -> dict[str, Any]:
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    code = {"ZipFile": "def handler(event, context): ..."}
    properties = {"FunctionName": name, "Runtime": "python3.13", "Handler": "index.handler", "Role": role, "Code": code}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


class Stage:
    """A stack with two functions of two versions each, version 1 for everybody, and an alarm."""

    def __init__(self, embedded: Embedded) -> None:
        self.aws = Aws(*(embedded.client(name) for name in ("lambda", "cloudwatch", "cloudformation")))
        self.stack = embedded.name("burgee")
        self.functions = [f"{self.stack}-flags", f"{self.stack}-ingest"]
        resources = {"Role": ROLE, "Flags": _function(self.functions[0]), "Ingest": _function(self.functions[1])}
        resources["Other"] = _function(f"{self.stack}-other")  # no alias
        self.aws.stacks.create_stack(StackName=self.stack, TemplateBody=json.dumps({"Resources": resources}))
        for name in self.functions:
            for number in (1, 2):
                self.aws.functions.update_function_code(FunctionName=name, ZipFile=_zip(f"v = {number}"), Publish=True)
            self.aws.functions.create_alias(FunctionName=name, Name=canary.ALIAS, FunctionVersion="1")
        self.alarm = f"{self.stack}-errors"
        self.aws.alarms.put_metric_alarm(
            AlarmName=self.alarm, Namespace="AWS/Lambda", MetricName="Errors", Period=60, Statistic="Sum", EvaluationPeriods=5,
            Threshold=0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        self.set_alarm("OK")

    def set_alarm(self, state: str) -> None:
        self.aws.alarms.set_alarm_state(AlarmName=self.alarm, StateValue=state, StateReason="a test says so")

    def point(self, version: str, function: int = 0, **shares: float) -> None:
        weights = {"AdditionalVersionWeights": {number.lstrip("v"): share for number, share in shares.items()}}
        name = self.functions[function]
        self.aws.functions.update_alias(FunctionName=name, Name=canary.ALIAS, FunctionVersion=version, RoutingConfig=weights)

    def users(self, function: int = 0) -> tuple[str, dict[str, float]]:
        return canary._alias(self.aws, self.functions[function])

    def plan(self, version: str = "2", weights: tuple[float, ...] = (0.1, 0.5), **more: Any) -> Plan:
        return Plan(self.functions[0], version, weights, 10 * MINUTE, f"{self.stack}-", **more)


def _zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", text)
    return buffer.getvalue()


@pytest.fixture
def stage(aws: Embedded) -> Stage:
    return Stage(aws)


class Time:
    """A clock that doesn't wait; what should happen at a minute happens."""

    def __init__(self, at: dict[float, Callable[[], None]] | None = None) -> None:
        self.seconds = 0.0
        self._at = dict(at or {})

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for minute in [minute for minute in self._at if minute * MINUTE <= self.seconds]:
            self._at.pop(minute)()

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


def test_pip_02_a_version_gets_a_growing_share_and_then_everybody(stage: Stage) -> None:
    time, seen = Time(), []
    for line in canary.shift(stage.aws, stage.plan(), time.clock):
        seen.append((round(time.seconds / MINUTE), stage.users()))
        assert stage.functions[0] in line
    assert seen == [(0, ("1", {"2": 0.1})), (10, ("1", {"2": 0.5})), (20, ("2", {}))]
    assert stage.users(1) == ("1", {})


@pytest.mark.parametrize("minute", [3.0, 14.0])
def test_pip_02_an_alarm_takes_it_back_in_any_step(stage: Stage, minute: float) -> None:
    time = Time({minute: lambda: stage.set_alarm("ALARM")})
    with pytest.raises(TakenBack, match="-errors; everybody has version 1"):
        list(canary.shift(stage.aws, stage.plan(), time.clock))
    assert stage.users() == ("1", {})
    assert minute * MINUTE <= time.seconds <= minute * MINUTE + canary.POLL_SECONDS


def test_pip_02_an_alarm_in_the_last_moment_of_a_step_counts(stage: Stage) -> None:
    time = Time({20.0: lambda: stage.set_alarm("ALARM")})
    with pytest.raises(TakenBack):
        list(canary.shift(stage.aws, stage.plan(), time.clock))
    assert stage.users() == ("1", {})


def test_pip_02_ctrl_c_takes_it_back(stage: Stage) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(canary.shift(stage.aws, stage.plan(), Time({1.0: interrupt}).clock))
    assert stage.users() == ("1", {})


def test_pip_02_alarms_that_cant_be_read_take_it_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny() -> None:
        def denied(*_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not for you"}}, "DescribeAlarms")

        monkeypatch.setattr(canary, "alarms_of", denied)

    with pytest.raises(TakenBack, match="AccessDenied"):
        list(canary.shift(stage.aws, stage.plan(), Time({2.0: deny}).clock))
    assert stage.users() == ("1", {})


def test_pip_02_an_alias_that_somebody_else_moves_is_left_to_them(stage: Stage) -> None:
    time = Time({4.0: lambda: stage.point("1", v2=0.3)})
    with pytest.raises(TakenBack, match="somebody else"):
        list(canary.shift(stage.aws, stage.plan(), time.clock))
    assert stage.users() == ("1", {"2": 0.3})


def test_what_makes_no_sense_isnt_begun(stage: Stage) -> None:
    def refused(plan: Plan, words: str) -> None:
        with pytest.raises(Refused, match=words):
            list(canary.shift(stage.aws, plan, Time().clock))

    refused(stage.plan("1"), "already")
    refused(stage.plan("7"), "has no version 7")
    refused(Plan(stage.functions[0], "2", (0.1,), 1, "nobody-"), "nothing would take the version back")
    stage.set_alarm("ALARM")
    refused(stage.plan(), "before anything has begun")
    assert stage.users() == ("1", {})
    refused(stage.plan(without=("-errors",)), "nothing would take")
    stage.set_alarm("OK")
    stage.point("1", v2=0.2)
    refused(stage.plan(), "middle of a canary: version 1, 20% version 2")
    assert stage.users() == ("1", {"2": 0.2})


def test_pip_02_what_users_had_is_written_down_and_given_back(
    stage: Stage, aws: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands themselves, as the deployment gives them."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    file = str(tmp_path / "versions.json")
    assert canary.main(["record", "--stack", stage.stack, "--file", file]) == 0
    assert json.loads(Path(file).read_text()) == dict.fromkeys(stage.functions, "1")
    stage.point("2")  # the deployment; of ingest it stopped in the middle
    stage.point("1", 1, v2=0.1)
    assert canary.main(["back", "--file", file]) == 0
    assert stage.users() == stage.users(1) == ("1", {})
    printed = capsys.readouterr().out
    assert f"{stage.functions[0]}: back to version 1, from version 2\n" in printed
    assert "from version 1, 10% version 2" in printed
    assert canary.main(["back", "--file", file]) == 0
    assert capsys.readouterr().out.count("as it was") == 2


def test_pip_02_one_that_cant_be_given_back_doesnt_keep_the_others(
    stage: Stage, aws: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "versions.json"
    file.write_text(json.dumps({"gone": "1", stage.functions[1]: "1"}))
    stage.point("2", 1)
    assert canary.main(["back", "--file", str(file)]) == 1
    assert stage.users(1) == ("1", {})
    said = capsys.readouterr()
    assert "gone: NOT back" in said.out and "not everything is back: gone" in said.err


def test_a_canary_under_way_isnt_written_down_as_what_was(stage: Stage, tmp_path: Path) -> None:
    stage.point("1", v2=0.1)
    with pytest.raises(Refused, match="middle of a canary"):
        canary.record(stage.aws, stage.stack)


def test_before_the_first_deployment_there_is_nothing_to_write_down(stage: Stage) -> None:
    assert canary.record(stage.aws, "burgee-nowhere") == {}


@pytest.mark.parametrize("weights", ["0", "1", "0.5,0.1", "0.1,0.1", "x", ""])
def test_shares_that_dont_grow_are_refused(weights: str) -> None:
    with pytest.raises(SystemExit):
        canary._options(["shift", "--function", "f", "--version", "2", "--stack", "s", "--weights", weights])
