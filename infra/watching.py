"""CDK's side of ``infra.alarms``; the dashboard: what is measured of each function, its cost too; saved queries; the budget."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra import alarms as table
from infra.alarms import ALARMS, Alarm
from infra.functions import Function
from infra.making_api import FrontDoor
from infra.making_functions import Functions
from infra.making_stores import Stores
from infra.prices import prices
from infra.queries import saved
from infra.settings import Settings
from infra.stages import Stage

WIDTH = 24  # of a dashboard
FIVE_MINUTES = Duration.minutes(5)


class Watch(Construct):
    """Everything tells one topic. ``rows``: the functions that there are; ``door``: the API before them, if there is one."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        stage: Stage,
        settings: Settings,
        rows: Sequence[Function],
        stores: Stores,
        functions: Functions,
        door: FrontDoor | None,
    ) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self._rows = rows
        self._door = door
        self._stores = stores
        self._functions = functions
        self._settings = settings
        self.topic = self._topic(settings)
        with_mirror = settings.mirror is not None
        alarms = [alarm for alarm in ALARMS if (with_mirror or not alarm.optional) and (door or not alarm.of_api)]
        self.alarms = {alarm.name: self._alarm(alarm) for alarm in alarms}
        self._dashboard()
        self._queries()
        self._budget(settings)

    def guards(self, name: str) -> list[cloudwatch.IAlarm]:
        """The alarms that take a new version of a function back."""
        return [self.alarms[alarm.name] for alarm in ALARMS if alarm.guards == name]

    # --- alarms -------------------------------------------------------------------------------------------------------

    def _topic(self, settings: Settings) -> sns.Topic:
        """With a key of its own: CloudWatch and Budgets can't use AWS's key for topics."""
        source = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        services = [iam.ServicePrincipal("cloudwatch.amazonaws.com"), iam.ServicePrincipal("budgets.amazonaws.com")]
        key = kms.Key(
            self,
            "Key",
            description="Burgee: what alarms say",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN if self._stage.keeps else RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], principals=services, resources=["*"], conditions=source
            )
        )
        topic = sns.Topic(self, "Alarms", master_key=key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(actions=["sns:Publish"], principals=services, resources=[topic.topic_arn], conditions=source)
        )
        if settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        return topic

    def _alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        above = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        made = cloudwatch.Alarm(
            self,
            "".join(part.capitalize() for part in alarm.name.split("-")),
            alarm_description=f"{alarm.what}. Runbook: {alarm.runbook}",
            metric=self._watched(alarm),
            threshold=alarm.limit,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD if alarm.beyond == "below" else above,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.needed,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING
            if alarm.missing == "breaching"
            else cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        told = actions.SnsAction(self.topic)
        made.add_alarm_action(told)
        made.add_ok_action(told)
        return made

    def _watched(self, alarm: Alarm) -> cloudwatch.IMetric:
        period = Duration.seconds(alarm.period_s)
        found: dict[str, cloudwatch.IMetric] = {letter: self._metric(each, period) for letter, each in alarm.metrics}
        if not alarm.expression:
            return found["m"]
        return cloudwatch.MathExpression(expression=alarm.expression, using_metrics=found, period=period, label=alarm.name)

    def _metric(self, metric: table.Metric, period: Duration) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=metric.namespace,
            metric_name=metric.name,
            dimensions_map=self._dimensions(metric),
            statistic=metric.statistic,
            period=period,
        )

    def _dimensions(self, metric: table.Metric) -> dict[str, str]:
        if metric.namespace == table.LAMBDA:
            return {"FunctionName": self._functions.functions[metric.of].function_name}
        if metric.namespace == table.SQS:
            return {"QueueName": self._stores.queues[metric.of].queue_name}
        if metric.namespace == table.KINESIS:
            return {"StreamName": self._stores.names[metric.of]}
        if metric.namespace == table.API:
            assert self._door is not None
            return {"ApiId": self._door.api.ref}
        return {"service": next(row.service for row in self._rows if row.name == metric.of)}

    # --- the dashboard ------------------------------------------------------------------------------------------------

    def _dashboard(self) -> None:
        board = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.hours(3))
        board.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", width=WIDTH, height=4, alarms=list(self.alarms.values()))
        )
        if self._door is not None:
            board.add_widgets(cloudwatch.TextWidget(markdown="## API\nbefore the functions", width=WIDTH, height=2))
            board.add_widgets(*self._of_api())
        for row in self._rows:
            board.add_widgets(cloudwatch.TextWidget(markdown=f"## {row.name}\n{row.what}", width=WIDTH, height=2))
            graphs = self._graphs(row)
            for start in range(0, len(graphs), 4):
                board.add_widgets(*graphs[start : start + 4])

    def _graphs(self, row: Function) -> list[cloudwatch.IWidget]:
        """Requirement MON-01: invocations, errors, duration, throttles, concurrency, age, depth, cost."""

        def of(name: str, statistic: str = "Sum", label: str = "") -> cloudwatch.IMetric:
            function = self._functions.functions[row.name].function_name
            return cloudwatch.Metric(
                namespace=table.LAMBDA,
                metric_name=name,
                dimensions_map={"FunctionName": function},
                statistic=statistic,
                period=FIVE_MINUTES,
                label=label or name,
            )

        graphs = [
            _graph("Invocations, errors, throttles", [of("Invocations"), of("Errors"), of("Throttles")]),
            _graph("Duration, ms", [of("Duration", "p50", "p50"), of("Duration", "p99", "p99")]),
            _graph("Concurrent executions", [of("ConcurrentExecutions", "Maximum")], self._settings.reserved(row, self._stage)),
            _graph("Cost, $ an hour", [_cost(row, of("Invocations"), of("Duration"))]),
        ]
        if row.sources:
            graphs.append(_graph("Iterator age, ms", [of("IteratorAge", "Maximum")]))
        mine = {source.failures for source in row.sources} | {need.store for need in row.needs} | {row.failures}
        depths = [
            queue.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum", label=name)
            for name, queue in self._stores.queues.items()
            if name in mine
        ]
        if depths:
            graphs.append(_graph("Queues, messages", depths))
        graphs += self._own(row)
        return graphs

    def _of_api(self) -> list[cloudwatch.IWidget]:
        """What API Gateway measures: requests it refused itself are among the 4xx."""

        def of(name: str, statistic: str = "Sum", label: str = "") -> cloudwatch.Metric:
            found = self._metric(table.Metric(table.API, name, table.HTTP_API, statistic), FIVE_MINUTES)
            return found.with_(label=label or name)

        asked = of("Count", "SampleCount", "requests")
        cost = cloudwatch.MathExpression(
            expression=f"asked * {prices().usd('http-api', 1):.7f} * 12",
            using_metrics={"asked": asked},
            period=FIVE_MINUTES,
            label="cost",
        )
        return [
            _graph("Requests, 4xx, 5xx", [asked, of("4xx"), of("5xx")]),
            _graph("Latency, ms", [of("Latency", "p50", "p50"), of("Latency", "p99", "p99")]),
            _graph(
                "Of it the functions', ms", [of("IntegrationLatency", "p50", "p50"), of("IntegrationLatency", "p99", "p99")]
            ),
            _graph("Cost, $ an hour", [cost]),
        ]

    def _own(self, row: Function) -> list[cloudwatch.IWidget]:
        """Our own metrics that there are alarms on."""
        names = {
            metric.name: metric
            for alarm in ALARMS
            for _, metric in alarm.metrics
            if metric.namespace == table.OURS and metric.of == row.name
        }
        found = [self._metric(metric, FIVE_MINUTES) for metric in names.values()]
        return [_graph("Burgee's own", found)] if found else []

    def _queries(self) -> None:
        """What docs/telemetry.md says to save, over all the functions' logs."""
        groups = [self._functions.functions[row.name].log_group.log_group_name for row in self._rows]
        for number, (name, text) in enumerate(saved().items(), 1):
            logs.CfnQueryDefinition(
                self,
                f"Query{number}",
                name=f"{Stack.of(self).stack_name}/{name}",
                query_string=text,
                log_group_names=groups,
            )

    # --- money --------------------------------------------------------------------------------------------------------

    def _budget(self, settings: Settings) -> None:
        """What is tagged as ours; told at 80 % spent, and when the month's forecast is above it (requirement CST-03)."""
        subscriber = budgets.CfnBudget.SubscriberProperty(address=self.topic.topic_arn, subscription_type="SNS")

        def told(kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[subscriber],
            )

        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=settings.budget_usd or self._stage.budget_usd, unit="USD"),
                cost_filters={"TagKeyValue": ["user:project$burgee"]},
            ),
            notifications_with_subscribers=[told("ACTUAL", 80), told("FORECASTED", 100)],
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric], most: int | None = None) -> cloudwatch.IWidget:
    """``most``: where a line says that there can't be more."""
    lines = None if most is None else [cloudwatch.HorizontalAnnotation(value=most, label="reserved")]
    return cloudwatch.GraphWidget(title=title, left=list(metrics), left_annotations=lines, width=6, height=6)


def _cost(row: Function, invocations: cloudwatch.IMetric, duration: cloudwatch.IMetric) -> cloudwatch.IMetric:
    """Of requests and duration at list prices (docs/cost.md); provisioned concurrency comes on top."""
    millisecond = prices().usd("lambda-arm64", row.memory_mb / 1024 / 1000)
    request = prices().usd("lambda-requests", 1)
    return cloudwatch.MathExpression(
        expression=f"(busy * {millisecond:.12f} + asked * {request:.7f}) * 12",
        using_metrics={"busy": duration, "asked": invocations},
        period=FIVE_MINUTES,
        label="cost",
    )
