"""Requirement INF-08: the HTTP API as it is deployed: exact routes, permissions and limits, what is logged, who is let in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra import golden
from infra.functions import FUNCTIONS, function
from infra.making_api import LINE
from infra.prices import prices
from infra.routes import HELD_MS, PATHS, RESULTS_MS, Limit, Route, limit, routes
from infra.settings import Api, Settings, read_settings
from infra.stages import DEV, PROD, STAGES, STAGING, Stage
from tests.infra.conftest import Assembly
from tests.infra.test_template import Resource, Template

KINDS = ("Api", "Integration", "Route", "Stage")
WITH_URL = [row for row in FUNCTIONS if row.url]
BY_STAGE = pytest.mark.parametrize("stage", [DEV, STAGING], ids=lambda stage: stage.name)
SETTINGS = {DEV: Settings(api=Api()), STAGING: Settings(api=Api("iam", function_urls=False))}  # as in settings.json


@pytest.fixture(scope="module")
def templates(assembly: Assembly) -> dict[str, Template]:
    return {name: Template(assembly.template(name)) for name in STAGES}


def table(stage: Stage) -> list[Route]:
    return list(routes({row.name: SETTINGS[stage].asks_for(row) or "iam" for row in WITH_URL}))


def one(template: Template, kind: str) -> tuple[str, Resource]:
    ((name, found),) = template.of(f"AWS::ApiGatewayV2::{kind}").items()
    return name, found


def alias(template: Template, name: str) -> Resource:
    return {"Ref": template.named("AWS::Lambda::Alias", f"Functions{name.capitalize()}Live")}


# --- there is one where it is asked for --------------------------------------------------------------------------------


def test_inf_08_without_the_setting_there_is_no_api(templates: dict[str, Template]) -> None:
    prod = templates[PROD.name]
    assert not [name for kind in KINDS for name in prod.of(f"AWS::ApiGatewayV2::{kind}")]
    assert "apigateway" not in json.dumps(prod.document)
    assert "ApiUrl" not in prod.document["Outputs"]


def test_inf_08_what_the_api_adds_is_the_golden_part(templates: dict[str, Template]) -> None:
    """Any change of it is a change of this file: ``make synth`` writes it, a reviewer reads it."""
    part = golden.of_api(templates[DEV.name].document)
    assert golden.normal(part) == golden.GOLDEN_API.read_text(), "look at it and run make synth"
    about = json.dumps({name: each for name, each in templates[DEV.name].resources.items() if name not in part["Resources"]})
    assert "AWS::ApiGatewayV2" not in about and "execute-api" not in about, "nothing of it is left out"


@BY_STAGE
def test_inf_08_its_url_is_told(templates: dict[str, Template], stage: Stage) -> None:
    outputs = templates[stage.name].document["Outputs"]
    name, _ = one(templates[stage.name], "Api")
    assert outputs["ApiUrl"]["Value"] == {"Fn::GetAtt": [name, "ApiEndpoint"]}
    assert outputs["ApiAuthorisation"] == {"Value": "iam" if stage is STAGING else "api-key"}
    urls = {f"{row.name.capitalize()}Url" for row in WITH_URL}
    assert urls & outputs.keys() == (urls if SETTINGS[stage].api == Api() else set())


@pytest.mark.parametrize("api", [None, Api(), Api("iam"), Api(function_urls=False)], ids=str)
def test_inf_08_what_callers_must_show_is_the_same_at_every_door(api: Api | None) -> None:
    """With ``iam`` the functions' own URLs ask for it as well, if they are there."""
    settings = Settings(api=api)
    for row in FUNCTIONS:
        assert settings.asks_for(row) == ("iam" if row.url and api == Api("iam") else row.url)
        assert settings.has_url(row) == (row.url is not None and api != Api(function_urls=False))


# --- routes and permissions --------------------------------------------------------------------------------------------


@BY_STAGE
def test_inf_08_routes_are_exactly_those_of_the_table(templates: dict[str, Template], stage: Stage) -> None:
    """Each to its function's alias. No ``$default``: a path that isn't documented costs no invocation."""
    template = templates[stage.name]
    integrations = template.of("AWS::ApiGatewayV2::Integration")
    found = {}
    for each in template.of("AWS::ApiGatewayV2::Route").values():
        properties = each["Properties"]
        slash, target = properties["Target"]["Fn::Join"]
        assert (slash, target[0]) == ("", "integrations/")
        uri = integrations[target[1]["Ref"]]["Properties"]["IntegrationUri"]
        found[properties["RouteKey"]] = (uri, properties["AuthorizationType"])
        assert "ApiKeyRequired" not in properties
    expected = {each.key: (alias(template, each.function), "AWS_IAM" if each.iam else "NONE") for each in table(stage)}
    assert found == expected
    assert {route.path for route in table(stage)} == set(PATHS)


def test_inf_08_who_must_sign_and_who_needs_not() -> None:
    keys, signed = ({each.key: each for each in table(stage)} for stage in (DEV, STAGING))
    assert {key for key, each in keys.items() if each.iam} == {
        "ANY /experiments/{key}/results", "ANY /experiments/{key}/results.svg",
    }  # fmt: skip
    assert {key for key, each in keys.items() if each.open} == {"ANY /health"}
    assert {key for key, each in signed.items() if not each.iam} == {
        "ANY /health", "OPTIONS /assign", "OPTIONS /events", "OPTIONS /events/batch", "OPTIONS /feature-flags/evaluate",
        "OPTIONS /feature-flags/evaluate/batch", "OPTIONS /ofrep/v1/evaluate/flags", "OPTIONS /ofrep/v1/evaluate/flags/{key+}",
    }  # fmt: skip
    assert all(each.open for each in signed.values() if not each.iam)


@BY_STAGE
def test_inf_08_integrations_hand_over_payload_2(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    name, _ = one(template, "Api")
    found = [each["Properties"] for each in template.of("AWS::ApiGatewayV2::Integration").values()]
    assert len(found) == len(WITH_URL)
    for row in WITH_URL:
        (mine,) = (each for each in found if each["IntegrationUri"] == alias(template, row.name))
        assert mine["ApiId"] == {"Ref": name}
        assert (mine["IntegrationType"], mine["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
        assert mine["TimeoutInMillis"] >= row.timeout_s * 1_000, "Lambda says what happened, not the API"
        assert mine["TimeoutInMillis"] <= 30_000, "AWS takes no more"


@BY_STAGE
def test_inf_08_only_this_api_may_invoke(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    name, _ = one(template, "Api")
    mine = [
        each["Properties"]
        for each in template.of("AWS::Lambda::Permission").values()
        if each["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]
    arn = ["arn:", {"Ref": "AWS::Partition"}, ":execute-api:", {"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, ":"]
    expected = {"Fn::Join": ["", [*arn, {"Ref": name}, "/*"]]}
    assert {each["Action"] for each in mine} == {"lambda:InvokeFunction"}
    assert all(each["SourceArn"] == expected for each in mine)
    assert [each["FunctionName"] for each in mine] == [alias(template, row.name) for row in WITH_URL]


def test_inf_08_function_urls_may_be_left_out(templates: dict[str, Template]) -> None:
    """Then nobody gets past the API's limits, and nothing is open to ``*``."""
    template = templates[STAGING.name]
    assert not template.of("AWS::Lambda::Url")
    assert {each["Properties"]["Principal"] for each in template.of("AWS::Lambda::Permission").values()} == {
        "apigateway.amazonaws.com", "events.amazonaws.com",
    }  # fmt: skip
    for row in WITH_URL:
        variables = template.function(row)["Environment"]["Variables"]
        assert variables["BURGEE_AUTH"] == "iam", "the function's own check goes with it"
        assert "BURGEE_API_KEY_DIGESTS" not in variables


@BY_STAGE
def test_inf_08_cors_is_the_functions(templates: dict[str, Template], stage: Stage) -> None:
    _, api = one(templates[stage.name], "Api")
    assert api["Properties"].keys() <= {"Name", "Description", "ProtocolType", "Tags"}
    assert api["Properties"]["ProtocolType"] == "HTTP"


# --- limits ------------------------------------------------------------------------------------------------------------


@BY_STAGE
def test_inf_08_every_route_has_its_limits(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    _, opened = one(template, "Stage")
    properties = opened["Properties"]
    assert (properties["StageName"], properties["AutoDeploy"]) == ("$default", True)
    most = {"ThrottlingRateLimit": stage.api_rate, "ThrottlingBurstLimit": stage.api_burst}
    assert properties["DefaultRouteSettings"] == most
    settings = properties["RouteSettings"]
    assert settings.keys() == {route.key for route in table(stage)}
    for route in table(stage):
        reserved = template.function(function(route.function))["ReservedConcurrentExecutions"]
        found = settings[route.key]
        assert 1 <= found["ThrottlingBurstLimit"] <= min(reserved, stage.api_burst), "no more at once than can be answered"
        assert 1 <= found["ThrottlingRateLimit"] <= stage.api_rate
    # AWS refuses a stage with settings of a route that isn't there yet.
    assert set(opened["DependsOn"]) == set(template.of("AWS::ApiGatewayV2::Route"))


@pytest.mark.parametrize(
    ("path", "rate", "burst"),
    [
        ("/feature-flags/evaluate", 3_000, 300),
        ("/assign", 3_000, 300),
        ("/events", 1_000, 100),
        ("/experiments/{key}/results", 20, 10),
        ("/health", 300, 30),
    ],
)
def test_inf_08_limits_follow_from_the_reserved_concurrency(path: str, rate: int, burst: int) -> None:
    """In production: so many sandboxes, each with ten requests a second, or two for results."""
    (route,) = (each for each in table(DEV) if each.path == path)
    row = function(route.function)
    assert limit(route, row, row.reserved, Limit(PROD.api_rate, PROD.api_burst)) == Limit(rate, burst)
    assert limit(route, row, 2, Limit(PROD.api_rate, PROD.api_burst)).burst == 2
    assert limit(route, row, row.reserved, Limit(5, 3)) == Limit(5, 3)


def test_inf_08_limits_are_reckoned_with_the_figures_of_others() -> None:
    """Lambda's quota, the longest target, and what a look at the results is taken to last."""
    assert prices().at_most("lambda-rate") == 1000 / HELD_MS
    assert max(row.p99_ms or 0 for row in WITH_URL) <= HELD_MS
    assert prices().given("results-ms") == RESULTS_MS


def test_inf_08_a_deployment_may_have_other_limits_than_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    path.write_text('{"api": {"rate": 20000, "burst": 8000}}')
    assert read_settings(str(path), "prod").api == Api(rate=20_000, burst=8_000)


# --- the access log ----------------------------------------------------------------------------------------------------


@BY_STAGE
def test_sec_08_the_access_log_names_nobody(templates: dict[str, Template], stage: Stage) -> None:
    """No path, no query, no address, no principal: the route, the figures and the id that finds the function's line."""
    template = templates[stage.name]
    _, opened = one(template, "Stage")
    log = opened["Properties"]["AccessLogSettings"]
    group = template.named("AWS::Logs::LogGroup", "ApiLog")
    assert log["DestinationArn"] == {"Fn::GetAtt": [group, "Arn"]}
    assert template.resources[group]["Properties"]["RetentionInDays"] == stage.log_days
    assert json.loads(log["Format"]) == LINE
    assert set(re.findall(r"\$context\.([A-Za-z.]+)", log["Format"])) == {
        "requestId", "requestTimeEpoch", "routeKey", "httpMethod", "status", "integrationStatus", "integration.status",
        "error.responseType",
        "responseLatency", "integrationLatency", "responseLength",
    }  # fmt: skip
    assert log["Format"].count("$") == len(LINE)


def test_cst_01_the_bill_has_the_length_of_a_line() -> None:
    """With values as real ones look like."""
    found = {
        "$context.requestId": "JKJaXmPLvHcESHA=", "$context.requestTimeEpoch": "1783711145766",
        "$context.routeKey": "ANY /feature-flags/evaluate", "$context.httpMethod": "POST", "$context.status": "200",
        "$context.integrationStatus": "200", "$context.integration.status": "200",
        "$context.error.responseType": "-", "$context.responseLatency": "18",
        "$context.integrationLatency": "14", "$context.responseLength": "187",
    }  # fmt: skip
    line = json.dumps({name: found[variable] for name, variable in LINE.items()}, separators=(",", ":"))
    assert len(line) == pytest.approx(prices().given("access-line-bytes"), rel=0.05)


# --- who watches -------------------------------------------------------------------------------------------------------


@BY_STAGE
def test_mon_03_the_api_is_watched(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    name, _ = one(template, "Api")
    alarms: dict[str, Any] = {
        each["Properties"]["AlarmDescription"]: each["Properties"]
        for each in template.of("AWS::CloudWatch::Alarm").values()
        if "AWS/ApiGateway" in json.dumps(each)
    }
    assert [text.partition(" Runbook: ")[2] for text in alarms] == ["The API answers with 5xx", "The API is slow"]
    for each in alarms.values():
        watched = (
            [each] if "Dimensions" in each else [row["MetricStat"]["Metric"] for row in each["Metrics"] if "MetricStat" in row]
        )
        assert all(row["Dimensions"] == [{"Name": "ApiId", "Value": {"Ref": name}}] for row in watched)
    (board,) = template.of("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(board["Properties"]["DashboardBody"])
    assert "## API" in body
    assert all(metric in body for metric in ("4xx", "5xx", "IntegrationLatency", "AWS/ApiGateway"))
