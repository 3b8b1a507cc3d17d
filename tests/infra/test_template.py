"""The synthesised templates, line by line: exact permissions, keys, mappings, encryption, retention. All of it offline."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra import golden
from infra.functions import FUNCTIONS, LAKE, SECRETS, SIGNING_KEY, SNAPSHOTS, Function, Given, Ref, function
from infra.making_functions import ALIAS, LIST_STREAMS, NETWORK, NO_RESOURCE
from infra.settings import read_settings
from infra.stages import CANARY_MINUTES, DEV, PROD, STAGES, Stage
from infra.stores import QUEUES, TABLES
from tests.infra.conftest import Assembly

BY_NAME = pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
BY_STAGE = pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
SETTINGS = {stage: read_settings(str(golden.ROOT / golden.SETTINGS), stage) for stage in STAGES}
NO_RESOURCES_OF_THEIR_OWN = {*NO_RESOURCE, *NETWORK, *LIST_STREAMS}

Resource = dict[str, Any]


class Template:
    """A stage's resources, found by their kind and by the name that the tables give them."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.resources: dict[str, Resource] = document["Resources"]

    def of(self, kind: str) -> dict[str, Resource]:
        return {name: each for name, each in self.resources.items() if each["Type"] == kind}

    def named(self, kind: str, start: str) -> str:
        """The logical id of the only one of a kind whose id is this word and a hash."""
        pattern = re.compile(rf"{start}[0-9A-F]{{8}}")
        (found,) = (name for name in self.of(kind) if pattern.fullmatch(name))
        return found

    def function(self, row: Function) -> Resource:
        found: Resource = self.resources[self.named("AWS::Lambda::Function", f"Functions{row.name.capitalize()}")]
        return found["Properties"]

    def statements(self, row: Function) -> list[Resource]:
        role = self.resources[self.named("AWS::IAM::Role", f"Functions{row.name.capitalize()}Role")]["Properties"]
        assert "ManagedPolicyArns" not in role
        (policy,) = role["Policies"]
        found: list[Resource] = policy["PolicyDocument"]["Statement"]
        return found

    def attached(self) -> list[Resource]:
        """Policies that lie beside roles: there must be none."""
        return [*self.of("AWS::IAM::Policy").values(), *self.of("AWS::IAM::ManagedPolicy").values()]

    def store(self, name: str) -> str:
        """The logical id of a table, queue, bucket or the stream."""
        title = "".join(part.capitalize() for part in name.split("-"))
        if name == "events":
            return self.named("AWS::Kinesis::Stream", "StoresStream")
        for kind in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket"):
            for found in self.of(kind):
                if re.fullmatch(rf"Stores{title}[0-9A-F]{{8}}", found):
                    return found
        raise KeyError(name)


@pytest.fixture(scope="module")
def templates(assembly: Assembly) -> dict[str, Template]:
    return {name: Template(assembly.template(name)) for name in STAGES}


@pytest.fixture
def prod(templates: dict[str, Template]) -> Template:
    return templates["prod"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- the whole ---------------------------------------------------------------------------------------------------------


def test_inf_01_the_template_is_the_golden_one(prod: Template) -> None:
    """Any change of the infrastructure is a change of this file: ``make synth`` writes it, a reviewer reads it."""
    assert golden.normal(prod.document) == golden.GOLDEN.read_text(), "look at it and run make synth"


def test_inf_01_what_is_normalised_is_only_what_builds_change(prod: Template) -> None:
    """A build changes the hash of the code and of the version; a change of a setting must show."""
    text = golden.normal(prod.document)
    digest = json.loads((golden.ROOT / golden.SETTINGS).read_text())["api-key-digests"]
    assert not re.search(r"[0-9a-f]{32}", text.replace(digest, ""))
    other = json.loads(json.dumps(prod.document).replace('"MemorySize": 512', '"MemorySize": 640'))
    assert golden.normal(other) != text


def test_sec_01_cdk_nag_finds_nothing_unexplained(assembly: Assembly) -> None:
    assert not assembly.said, assembly.said
    report = json.loads((assembly.out / "validation-report.json").read_text())
    (nag,) = report["pluginReports"]
    assert (nag["pluginName"], nag["conclusion"], nag["violations"]) == ("AwsSolutions", "success", [])
    assert len(nag["suppressedViolations"]) > 20, "the rules were asked"
    assert all(len(each["reason"]) > 30 for each in nag["suppressedViolations"])


def test_inf_01_cfn_lint_finds_nothing(assembly: Assembly) -> None:
    assert not assembly.said, assembly.said
    assert golden.lint(assembly.out) == ""


@BY_STAGE
def test_inf_01_every_stage_has_every_function(templates: dict[str, Template], stage: Stage) -> None:
    """The mirror is there only where the settings say where PostgreSQL is."""
    handlers = {each["Properties"]["Handler"] for each in templates[stage.name].of("AWS::Lambda::Function").values()}
    assert handlers == {row.handler for row in FUNCTIONS if stage is PROD or not row.optional}


# --- permissions -------------------------------------------------------------------------------------------------------


def _expected(template: Template, row: Function) -> Iterator[tuple[list[str], Any]]:
    for need in row.permissions:
        if need.store in SECRETS:
            yield list(need.actions), f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{need.store}-AbCdEf"
            continue
        arn = {"Fn::GetAtt": [template.store(need.store), "StreamArn" if need.part == "stream" else "Arn"]}
        is_object = need.part not in ("", "stream")
        yield list(need.actions), {"Fn::Join": ["", [arn, f"/{need.part}"]]} if is_object else arn


@BY_NAME
def test_sec_01_a_function_may_do_exactly_what_the_table_says(prod: Template, row: Function) -> None:
    statements = [(_list(each["Action"]), each["Resource"]) for each in prod.statements(row)]
    expected = list(_expected(prod, row))
    assert statements[: len(expected)] == expected
    logs, everywhere = statements[len(expected) :]
    assert logs[0] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert {"Ref": prod.named("AWS::Logs::LogGroup", f"Functions{row.name.capitalize()}Log")} in logs[1]["Fn::Join"][1]
    assert everywhere[1] == "*"
    assert set(everywhere[0]) <= NO_RESOURCES_OF_THEIR_OWN
    assert all(each["Effect"] == "Allow" and "NotAction" not in each for each in prod.statements(row))


@BY_STAGE
def test_sec_01_nothing_is_permitted_besides(templates: dict[str, Template], stage: Stage) -> None:
    """No policy beside the roles, no wildcard in an action, ``*`` as resource only for actions that know none."""
    template = templates[stage.name]
    assert template.attached() == []
    roles = template.of("AWS::IAM::Role")
    assert len(roles) == len(template.of("AWS::Lambda::Function")) + stage.canary
    for role in roles.values():
        assert "ManagedPolicyArns" not in role["Properties"]
        for policy in role["Properties"]["Policies"]:
            for each in policy["PolicyDocument"]["Statement"]:
                assert not any("*" in action for action in _list(each["Action"]))
                if "*" in _list(each["Resource"]):
                    assert set(_list(each["Action"])) <= NO_RESOURCES_OF_THEIR_OWN


def test_sec_01_only_the_front_doors_are_open(prod: Template) -> None:
    """``*`` may call a URL that asks for a key, and the function only through it (docs/security.md)."""
    for each in prod.of("AWS::Lambda::Permission").values():
        properties = each["Properties"]
        if properties["Principal"] == "*":
            through_url = properties["Action"] == "lambda:InvokeFunctionUrl" and properties["FunctionUrlAuthType"] == "NONE"
            assert through_url or properties["InvokedViaFunctionUrl"] is True
        else:
            assert properties["Principal"] == "events.amazonaws.com"
            assert "SourceArn" in properties


def test_sec_07_urls_are_on_the_alias_and_ask_as_the_table_says(prod: Template) -> None:
    found = {}
    for name, each in prod.of("AWS::Lambda::Url").items():
        assert each["Properties"]["Qualifier"] == ALIAS
        assert "Cors" not in each["Properties"], "in one place only: docs/function-url.md"
        found[name] = each["Properties"]["AuthType"]
    expected = {row.name: "AWS_IAM" if row.url == "iam" else "NONE" for row in FUNCTIONS if row.url}
    assert {name: kind for row in expected for name, kind in found.items() if row.capitalize() in name} == found
    assert sorted(found.values()) == sorted(expected.values())


def test_sec_07_without_digests_nobody_gets_in(templates: dict[str, Template]) -> None:
    for row in FUNCTIONS:
        if row.url:
            variables = templates["dev"].function(row)["Environment"]["Variables"]
            assert variables["BURGEE_AUTH"] == row.url
            assert ("BURGEE_API_KEY_DIGESTS" in variables) == (row.url == "api-key")


# --- functions ---------------------------------------------------------------------------------------------------------


@BY_NAME
def test_inf_07_a_function_is_what_the_table_says(prod: Template, row: Function) -> None:
    found = prod.function(row)
    assert (found["Handler"], found["MemorySize"], found["Timeout"]) == (row.handler, row.memory_mb, row.timeout_s)
    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["arm64"])
    assert found["ReservedConcurrentExecutions"] == SETTINGS["prod"].concurrency.get(row.name, row.reserved)
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert ("VpcConfig" in found) == row.vpc
    assert ("SnapStart" in found) == (row.start == "snap-start")
    assert "FunctionName" not in found, "CloudFormation chooses names, so that two stacks don't meet"


@BY_NAME
def test_inf_07_the_environment_is_by_reference(prod: Template, row: Function) -> None:
    variables = prod.function(row)["Environment"]["Variables"]
    assert variables.pop("POWERTOOLS_SERVICE_NAME") == row.service
    given = {"api-key-digests", "public-keys"}  # of the settings that tests/infra/settings.json has
    expected = {name for name, value in row.environment.items() if not isinstance(value, Given) or value.name in given}
    assert variables.keys() == expected
    for name, value in row.environment.items():
        if isinstance(value, Ref) and value.store not in SECRETS:
            assert prod.store(value.store) in json.dumps(variables[name]), name
        elif isinstance(value, str):
            assert variables[name] == value


def test_sec_03_the_key_that_signs_is_in_no_template_and_the_sync_alone_may_read_it(templates: dict[str, Template]) -> None:
    """The environment names the secret; without one nobody is told of it and nobody may read it. Readers have public keys."""
    secret = SETTINGS["prod"].signing_secret_arn
    for name, template in templates.items():
        there = name == "prod"
        may = []
        for row in SETTINGS[name].rows():
            variables = template.function(row)["Environment"]["Variables"]
            assert ("BURGEE_SIGNING_KEY_SECRET" in variables) == (there and row.name == "sync")
            assert ("BURGEE_PUBLIC_KEYS" in variables) == (there and row.name in ("flags", "assignments", "events", "results"))
            may += [row.name for each in template.statements(row) if secret in _list(each["Resource"])]
        assert may == (["sync"] if there else [])
        assert ("secretsmanager" in json.dumps(template.document)) == there
    (need,) = (need for need in function("sync").needs if need.store == SIGNING_KEY)
    assert need.actions == ("secretsmanager:GetSecretValue",)


@BY_STAGE
def test_prf_01_the_concurrency_is_the_settings_else_the_tables(templates: dict[str, Template], stage: Stage) -> None:
    """The required rates are a line of the deployment's file; the dashboard's line of what is reserved goes with it."""
    template = templates[stage.name]
    (board,) = template.of("AWS::CloudWatch::Dashboard").values()
    body = "".join(part for part in board["Properties"]["DashboardBody"]["Fn::Join"][1] if isinstance(part, str))
    lines = re.findall(r'"value":(\d+),"label":"reserved"', body)
    expected = []
    for row in SETTINGS[stage.name].rows():
        found = template.function(row)["ReservedConcurrentExecutions"]
        assert found == SETTINGS[stage.name].concurrency.get(row.name, stage.reserved(row.reserved))
        expected.append(str(found))
    assert lines == expected
    if stage is PROD:
        assert [template.function(function(name))["ReservedConcurrentExecutions"] for name in ("flags", "assignments")] == [
            2000,
            1000,
        ]


@BY_STAGE
def test_inf_07_logs_end(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    groups = template.of("AWS::Logs::LogGroup")
    assert len(groups) == len(template.of("AWS::Lambda::Function")) + len(template.of("AWS::ApiGatewayV2::Api"))
    assert {each["Properties"]["RetentionInDays"] for each in groups.values()} == {stage.log_days}


@BY_STAGE
def test_inf_10_warm_sandboxes_and_snapshots_are_a_choice(templates: dict[str, Template], stage: Stage) -> None:
    for row in FUNCTIONS:
        if row.optional and stage is not PROD:
            continue
        template = templates[stage.name]
        alias = template.resources[template.named("AWS::Lambda::Alias", f"Functions{row.name.capitalize()}Live")]
        warm = alias["Properties"].get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
        given = SETTINGS[stage.name].warm
        assert warm == (given.get(row.name, stage.warm) if row.start == "provisioned" else 0)
        if row.start == "snap-start":
            assert template.function(row)["SnapStart"] == {"ApplyOn": "PublishedVersions"}


@BY_NAME
def test_inf_04_mappings_are_what_the_table_says(prod: Template, row: Function) -> None:
    prefix = f"Functions{row.name.capitalize()}From"
    found = {name: each["Properties"] for name, each in prod.of("AWS::Lambda::EventSourceMapping").items()}
    mine = {name: each for name, each in found.items() if name.startswith(prefix)}
    assert len(mine) == len(row.sources)
    for source in row.sources:
        each = mine[prod.named("AWS::Lambda::EventSourceMapping", f"{prefix}{source.store.capitalize()}")]
        is_stream = source.store == "events"
        assert each["EventSourceArn"] == {"Fn::GetAtt": [prod.store(source.store), "Arn" if is_stream else "StreamArn"]}
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert (each["BatchSize"], each["MaximumBatchingWindowInSeconds"]) == (source.batch_size, source.window_s)
        assert each["BisectBatchOnFunctionError"] == source.bisect
        assert each.get("MaximumRetryAttempts", -1) == source.retries
        assert each["MaximumRecordAgeInSeconds"] == source.max_age_s
        assert each["ParallelizationFactor"] == 1
        assert each["StartingPosition"] == source.start
        queue = each["DestinationConfig"]["OnFailure"]["Destination"]
        assert queue == {"Fn::GetAtt": [prod.store(source.failures), "Arn"]}
        assert f":{ALIAS}" in json.dumps(each["FunctionName"])


@BY_STAGE
def test_pip_02_new_versions_go_live_by_a_canary(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    groups = template.of("AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == (len(template.of("AWS::Lambda::Function")) if stage.canary else 0)
    for each in groups.values():
        assert each["Properties"]["DeploymentConfigName"] == f"CodeDeployDefault.LambdaCanary10Percent{CANARY_MINUTES}Minutes"
        rollback = each["Properties"]["AutoRollbackConfiguration"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in rollback["Events"]
        alarms = each["Properties"]["AlarmConfiguration"]
        assert alarms["Enabled"]
        assert 1 <= len(alarms["Alarms"]) <= 2
    for each in template.of("AWS::Lambda::Version").values():
        assert each["DeletionPolicy"] == "Retain", "what is rolled back to must be there"
    by_group = {}
    for alias in template.of("AWS::Lambda::Alias").values():
        moved = alias.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        by_group[moved.get("DeploymentGroupName", {}).get("Ref")] = alias
    assert set(by_group) == (set(groups) or {None}), "an update moves each alias by its own group"


def test_inf_09_only_the_mirror_is_in_a_network_with_ways_to_what_it_calls(prod: Template) -> None:
    """S3 by a route, Secrets Manager and SQS by an address in each zone. DynamoDB it doesn't call: Lambda reads the stream."""
    mirror = SETTINGS["prod"].mirror
    assert mirror is not None
    within = [
        each["Properties"]["Handler"] for each in prod.of("AWS::Lambda::Function").values() if "VpcConfig" in each["Properties"]
    ]
    assert within == ["handlers.assignment_mirror.handler"]
    found = {}
    for each in prod.of("AWS::EC2::VPCEndpoint").values():
        properties = each["Properties"]
        assert properties["VpcId"] == mirror.vpc_id
        found[properties["ServiceName"]["Fn::Join"][1][-1]] = properties
    assert found.keys() == {".s3", ".secretsmanager", ".sqs"}
    assert found[".s3"]["VpcEndpointType"] == "Gateway"
    assert found[".s3"]["RouteTableIds"] == list(mirror.route_table_ids)
    (group,) = prod.of("AWS::EC2::SecurityGroup")
    for name in (".secretsmanager", ".sqs"):
        assert (found[name]["VpcEndpointType"], found[name]["PrivateDnsEnabled"]) == ("Interface", True)
        assert found[name]["SubnetIds"] == list(mirror.subnet_ids[:2]), "one of each zone"
        assert found[name]["SecurityGroupIds"] == [{"Fn::GetAtt": [group, "GroupId"]}]


def test_inf_09_nobody_but_the_mirror_gets_through_its_endpoints(prod: Template) -> None:
    """Its group on one port, its role, and exactly what the table permits that role."""
    mirror = SETTINGS["prod"].mirror
    assert mirror is not None
    (group,) = prod.of("AWS::EC2::SecurityGroup").values()
    assert [
        (rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"], rule["IpProtocol"])
        for rule in group["Properties"]["SecurityGroupIngress"]
    ] == [(mirror.security_group_id, 443, 443, "tcp")]
    assert [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupEgress"]] == ["255.255.255.255/32"], "nothing goes out"
    assert not prod.of("AWS::EC2::SecurityGroupIngress") and not prod.of("AWS::EC2::SecurityGroupEgress")
    role = {"Fn::GetAtt": [prod.named("AWS::IAM::Role", "FunctionsMirrorRole"), "Arn"]}
    permitted = []
    for each in prod.of("AWS::EC2::VPCEndpoint").values():
        for statement in each["Properties"]["PolicyDocument"]["Statement"]:
            assert (statement["Effect"], statement["Principal"]) == ("Allow", {"AWS": "*"})
            assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}
            permitted.append((_list(statement["Action"]), statement["Resource"]))
    row = function("mirror")
    expected = list(_expected(prod, row))[: len(row.needs)]
    assert sorted(permitted, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_inf_09_without_a_mirror_there_is_no_network(templates: dict[str, Template], stage: str) -> None:
    text = json.dumps(templates[stage].document)
    assert "AWS::EC2::" not in text and "ec2:" not in text and "VpcConfig" not in text


# --- stores ------------------------------------------------------------------------------------------------------------


@BY_STAGE
def test_inf_03_tables_have_the_codes_keys_and_are_kept(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    assert len(template.of("AWS::DynamoDB::Table")) == len(TABLES)
    for table in TABLES:
        resource = template.resources[template.store(table.name)]
        found = resource["Properties"]
        assert [each["AttributeName"] for each in found["KeySchema"]] == list(table.keys)
        assert [each["KeyType"] for each in found["KeySchema"]] == ["HASH", "RANGE"][: len(table.keys)]
        assert {each["AttributeType"] for each in found["AttributeDefinitions"]} == {"S"}
        assert found["BillingMode"] == "PAY_PER_REQUEST"
        assert found["SSESpecification"] == {"SSEEnabled": True}
        assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert found.get("StreamSpecification", {}).get("StreamViewType") == table.stream
        ttl = found.get("TimeToLiveSpecification", {"AttributeName": "", "Enabled": True})
        assert ttl == {"AttributeName": table.ttl, "Enabled": True}
        assert found["DeletionProtectionEnabled"] == stage.keeps


@BY_STAGE
def test_inf_03_stores_outlive_the_stack_except_in_dev(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    kinds = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::SQS::Queue", "AWS::KMS::Key")
    kept = {each["DeletionPolicy"] for kind in kinds for each in template.of(kind).values()}
    assert kept == {"Retain" if stage.keeps else "Delete"}
    assert (stage.keeps, stage is DEV) in ((True, False), (False, True))


@BY_STAGE
def test_sec_02_everything_is_encrypted_and_asked_for_over_tls_only(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    (stream,) = template.of("AWS::Kinesis::Stream").values()
    assert stream["Properties"]["StreamEncryption"]["EncryptionType"] == "KMS"
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["Properties"]["RetentionPeriodHours"] == stage.stream_hours >= 24
    for bucket in template.of("AWS::S3::Bucket").values():
        found = bucket["Properties"]
        assert found["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
        assert found["VersioningConfiguration"] == {"Status": "Enabled"}
    queues = template.of("AWS::SQS::Queue")
    assert len(queues) == len([queue for queue in QUEUES if stage is PROD or not queue.optional])
    for each in queues.values():
        assert each["Properties"]["SqsManagedSseEnabled"] is True
        assert each["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    (topic,) = template.of("AWS::SNS::Topic").values()
    assert "KmsMasterKeyId" in topic["Properties"]
    for kind, policy in (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy"),
    ):
        guarded = [each for each in template.of(policy).values() if _refuses_plain(each)]
        assert len(guarded) == len(template.of(kind)), kind


def _refuses_plain(policy: Resource) -> bool:
    """Whether everybody is refused who doesn't come over TLS."""
    return any(
        each["Effect"] == "Deny" and each.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
    )


def test_inf_06_what_may_be_served_never_expires(prod: Template) -> None:
    """docs/store.md, section 8: only what was replaced, and what was never finished, goes from the snapshots' bucket."""
    rules = prod.resources[prod.store(SNAPSHOTS)]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert not any("ExpirationInDays" in rule for rule in rules)
    assert {rule["Id"] for rule in rules} == {
        "old-versions-are-kept-cheaply", "what-was-replaced-goes", "what-was-never-finished-goes",
    }  # fmt: skip


@BY_STAGE
def test_inf_06_the_lake_gets_cheaper_and_its_rest_ends(templates: dict[str, Template], stage: Stage) -> None:
    template = templates[stage.name]
    rules = {
        rule["Id"]: rule for rule in template.resources[template.store(LAKE)]["Properties"]["LifecycleConfiguration"]["Rules"]
    }
    archive = rules["the-archive-gets-cheaper"]
    assert archive.get("ExpirationInDays") == stage.archive_days
    assert archive["Prefix"] == "year="
    if stage is PROD:
        assert [each["StorageClass"] for each in archive["Transitions"]] == ["STANDARD_IA", "GLACIER_IR"]
    assert rules["quarantine-ends"]["Prefix"] == "errors/"
    assert rules["letters-end"]["ExpirationInDays"] == 30


def test_arc_06_the_query_of_the_results_page_is_saved_with_the_lake(prod: Template) -> None:
    from infra.queries import of_the_lake

    (database,) = prod.of("AWS::Glue::Database")
    saved = [each["Properties"] for each in prod.of("AWS::Athena::NamedQuery").values()]
    assert {each["Name"]: each["QueryString"] for each in saved} == of_the_lake()
    assert [each["Database"] for each in saved] == [{"Ref": database}]


# --- who watches -------------------------------------------------------------------------------------------------------


@BY_STAGE
def test_mon_03_every_alarm_is_told(templates: dict[str, Template], stage: Stage) -> None:
    from infra.alarms import ALARMS

    template = templates[stage.name]
    alarms = template.of("AWS::CloudWatch::Alarm")
    # In the tests' settings production has the mirror, and the others have the API.
    expected = [alarm for alarm in ALARMS if (stage is PROD or not alarm.optional) and (stage is not PROD or not alarm.of_api)]
    assert len(alarms) == len(expected)
    (topic,) = template.of("AWS::SNS::Topic")
    for each in alarms.values():
        assert each["Properties"]["AlarmActions"] == [{"Ref": topic}]
        assert each["Properties"]["OKActions"] == [{"Ref": topic}]
        assert "Runbook: " in each["Properties"]["AlarmDescription"]


def test_mon_01_the_dashboard_shows_every_function(prod: Template) -> None:
    (board,) = prod.of("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(board["Properties"]["DashboardBody"])
    for row in FUNCTIONS:
        assert f"## {row.name}" in body
    for metric in (
        "Invocations",
        "Errors",
        "Throttles",
        "p50",
        "p99",
        "ConcurrentExecutions",
        "IteratorAge",
        "Cost, $ an hour",
    ):
        assert metric in body
    assert "ApproximateNumberOfMessagesVisible" in body


def test_mon_05_the_queries_of_the_telemetry_page_are_saved(prod: Template) -> None:
    from infra.queries import saved

    queries = [each["Properties"]["QueryString"] for each in prod.of("AWS::Logs::QueryDefinition").values()]
    assert sorted(queries) == sorted(saved().values())
    assert len(queries) >= 10


@BY_STAGE
def test_cst_03_a_budget_tells_before_it_is_spent(templates: dict[str, Template], stage: Stage) -> None:
    (budget,) = templates[stage.name].of("AWS::Budgets::Budget").values()
    expected = 800 if stage is PROD else stage.budget_usd  # the settings say otherwise for production
    assert budget["Properties"]["Budget"]["BudgetLimit"] == {"Amount": expected, "Unit": "USD"}
    told = budget["Properties"]["NotificationsWithSubscribers"]
    assert [(each["Notification"]["NotificationType"], each["Notification"]["Threshold"]) for each in told] == [
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    ]
    (topic,) = templates[stage.name].of("AWS::SNS::Topic")
    assert all(each["Subscribers"] == [{"Address": {"Ref": topic}, "SubscriptionType": "SNS"}] for each in told)


def test_sec_03_no_account_and_no_name_is_in_the_template(templates: dict[str, Template]) -> None:
    """Two stacks of one stage can stand side by side: what has a name has it from CloudFormation or from the stack."""
    for template in templates.values():
        text = json.dumps(template.document).replace("arn:aws:secretsmanager:us-east-1:123456789012", "")
        assert not re.search(r":[0-9]{12}:", text)
        for each in template.resources.values():
            for field in ("TableName", "BucketName", "QueueName", "FunctionName", "LogGroupName", "RoleName", "AlarmName"):
                assert not isinstance(each.get("Properties", {}).get(field), str), field
