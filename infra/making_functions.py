"""CDK's side of ``infra.functions``: roles, log groups, functions with their aliases, URLs, mappings, schedules, canaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.code import Code
from infra.functions import AUTH, STREAM, Function, Given, Ref, Source, Value
from infra.making_network import Network
from infra.making_stores import Stores
from infra.settings import Settings
from infra.stages import Stage
from infra.suppressions import OF_LOGS, OF_NOTHING, OF_OBJECTS, acknowledge_resource, logical

if TYPE_CHECKING:
    from infra.watching import Watch

ALIAS = "live"
NO_RESOURCE = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
"""Actions that know no resource: IAM takes ``*`` only."""
NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
)
"""What Lambda does in a function's name to be in its network. The interfaces have no names before they are made."""
LIST_STREAMS = ("dynamodb:ListStreams",)
"""Asked of whoever makes a mapping on a table's stream; knows no resource."""
RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
}


class Functions(Construct):
    """The functions of ``rows``, each with its own role, log group and alias."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        stage: Stage,
        settings: Settings,
        code: Code,
        rows: Sequence[Function],
        stores: Stores,
    ) -> None:
        super().__init__(scope, name)
        self.rows = rows
        self.stage = stage
        self._settings = settings
        self._code = code
        self._stores = stores
        self.functions: dict[str, lambda_.Function] = {}
        self.aliases: dict[str, lambda_.Alias] = {}
        self.urls: dict[str, lambda_.FunctionUrl] = {}
        for row in rows:
            self._add(row)

    def _add(self, row: Function) -> None:
        title = row.name.capitalize()
        group = logs.LogGroup(
            self,
            f"{title}Log",
            retention=RETENTION[self.stage.log_days],
            removal_policy=RemovalPolicy.RETAIN if self.stage.keeps else RemovalPolicy.DESTROY,
        )
        function = self.functions[row.name] = self._function(row, title, group)
        alias = self.aliases[row.name] = lambda_.Alias(
            self,
            f"{title}Live",
            alias_name=ALIAS,
            version=function.current_version,
            provisioned_concurrent_executions=self._settings.kept_warm(row, self.stage) or None,
        )
        if self._settings.has_url(row):
            by_iam = self._settings.asks_for(row) == "iam"
            kind = lambda_.FunctionUrlAuthType.AWS_IAM if by_iam else lambda_.FunctionUrlAuthType.NONE
            self.urls[row.name] = alias.add_function_url(auth_type=kind)
        for source in row.sources:
            self._mapping(row, source, alias)
        if row.failures is not None:
            alias.configure_async_invoke(
                on_failure=destinations.SqsDestination(self._stores.queues[row.failures]),
                retry_attempts=0,  # the next minute does the same work
                max_event_age=Duration.minutes(5),
            )
        if row.every_minutes is not None:
            events.Rule(
                self,
                f"{title}Schedule",
                schedule=events.Schedule.rate(Duration.minutes(row.every_minutes)),
                targets=[targets.LambdaFunction(alias, retry_attempts=0, max_event_age=Duration.minutes(5))],
            )

    def _function(self, row: Function, title: str, group: logs.LogGroup) -> lambda_.Function:
        mirror = self._settings.mirror if row.vpc else None
        network = None if mirror is None else Network(self, "Network", mirror)
        role = self._role(row, title, group)
        if network is not None:
            network.reach(row, role, self._stores)
        environment = self._environment(row)
        return lambda_.Function(
            self,
            title,
            description=f"{title} {row.what}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=row.handler,
            code=self._code.of(row, signed="BURGEE_PUBLIC_KEYS" in environment),
            memory_size=row.memory_mb,
            timeout=Duration.seconds(row.timeout_s),
            reserved_concurrent_executions=self._settings.reserved(row, self.stage),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=group,
            environment=environment,
            role=role.without_policy_updates(),
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if row.start == "snap-start" else None,
            # The version before stays, so that going back is a change of the alias (docs/deployment.md).
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
            vpc=None if network is None else network.vpc,
            vpc_subnets=None if network is None else network.subnets,
            security_groups=None if network is None else [network.group],
        )

    def _environment(self, row: Function) -> dict[str, str]:
        found = {"POWERTOOLS_SERVICE_NAME": row.service}
        for name, value in row.environment.items():
            if text := self._text(value):
                found[name] = text
        if auth := self._settings.asks_for(row):
            found[AUTH] = auth
        return found

    def _text(self, value: Value) -> str:
        if isinstance(value, Ref):
            return self._stores.value(value)
        return self._settings.given.get(value.name, "") if isinstance(value, Given) else value

    def _role(self, row: Function, title: str, group: logs.LogGroup) -> iam.Role:
        """Exactly the table's permissions, its own log, and traces: CDK adds nothing to it."""
        stack = Stack.of(self)
        streams = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{group.log_group_name}:log-stream:*"
        everywhere = [*NO_RESOURCE]
        if row.vpc:
            everywhere += NETWORK
        if any(source.store != STREAM for source in row.sources):
            everywhere += LIST_STREAMS
        statements = [
            *map(self._stores.statement, filter(lambda need: self._stores.is_there(need.store), row.permissions)),
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams]),
            iam.PolicyStatement(actions=sorted(everywhere), resources=["*"]),
        ]
        role = iam.Role(
            self,
            f"{title}Role",
            description=f"What Burgee's {row.name} may do",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={row.name: iam.PolicyDocument(statements=statements, minimize=False)},
        )
        self._acknowledge(row, role, group)
        return role

    def _acknowledge(self, row: Function, role: iam.Role, group: logs.LogGroup) -> None:
        for need in row.permissions:
            if "*" in need.part:
                bucket = self._stores.buckets[need.store]
                acknowledge_resource(role, f"<{logical(bucket)}.Arn>/{need.part}", OF_OBJECTS)
        log = f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:<{logical(group)}>:log-stream:*"
        acknowledge_resource(role, log, OF_LOGS)
        acknowledge_resource(role, "*", OF_NOTHING)

    def _mapping(self, row: Function, source: Source, alias: lambda_.Alias) -> None:
        arn = self._stores.arn(next(need for need in row.permissions if need.store == source.store and _reads(need.actions)))
        lambda_.EventSourceMapping(
            self,
            f"{row.name.capitalize()}From{source.store.capitalize()}",
            target=alias,
            event_source_arn=arn,
            starting_position=lambda_.StartingPosition[source.start],
            batch_size=source.batch_size,
            max_batching_window=Duration.seconds(source.window_s),
            report_batch_item_failures=True,
            bisect_batch_on_error=source.bisect,
            retry_attempts=None if source.retries < 0 else source.retries,
            max_record_age=Duration.seconds(source.max_age_s),
            parallelization_factor=source.parallel,
            on_failure=event_sources.SqsDlq(self._stores.queues[source.failures]),
        )

    def guard(self, watch: Watch) -> None:
        """New versions get a tenth of the traffic for ten minutes; an alarm takes them back (requirement PIP-02)."""
        if not self.stage.canary:
            return
        application = codedeploy.LambdaApplication(self, "Releases")
        role = self._release_role(watch).without_policy_updates()
        for row in self.rows:
            codedeploy.LambdaDeploymentGroup(
                self,
                f"{row.name.capitalize()}Release",
                application=application,
                alias=self.aliases[row.name],
                role=role,
                deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_10_MINUTES,
                alarms=watch.guards(row.name),
                auto_rollback=codedeploy.AutoRollbackConfig(
                    failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
                ),
            )

    def _release_role(self, watch: Watch) -> iam.Role:
        """CodeDeploy's: it moves the aliases of these functions, looks at these alarms, and nothing else."""
        functions = [self.functions[row.name].function_arn for row in self.rows]
        qualified = [f"{arn}:{ALIAS}" for arn in functions]
        alarms = [alarm.alarm_arn for row in self.rows for alarm in watch.guards(row.name)]
        moves = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        statements = [
            iam.PolicyStatement(actions=moves, resources=[*functions, *qualified]),
            iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=alarms),
        ]
        return iam.Role(
            self,
            "ReleaseRole",
            description="What CodeDeploy may do with Burgee's functions",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            inline_policies={"release": iam.PolicyDocument(statements=statements, minimize=False)},
        )


def _reads(actions: Sequence[str]) -> bool:
    return any(action.endswith(":GetShardIterator") for action in actions)
