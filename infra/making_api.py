"""CDK's side of ``infra.routes``: the HTTP API, its routes to the functions' aliases, its stage with limits and access log."""

from __future__ import annotations

import json

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.functions import Function
from infra.making_functions import RETENTION, Functions
from infra.routes import Limit, Route, limit, routes
from infra.settings import Api, Settings
from infra.stages import Stage
from infra.suppressions import OF_KEY_ROUTES, OF_OPEN_ROUTES, acknowledge

MOST_MS = 30_000  # an HTTP API waits no longer
MARGIN_MS = 1_000
"""So much longer than the function's own timeout, so that it is Lambda that says what happened."""
LINE = {
    "requestId": "$context.requestId",
    "at": "$context.requestTimeEpoch",
    "route": "$context.routeKey",
    "method": "$context.httpMethod",
    "status": "$context.status",
    "lambdaStatus": "$context.integrationStatus",
    "functionStatus": "$context.integration.status",
    "error": "$context.error.responseType",
    "latencyMs": "$context.responseLatency",
    "functionMs": "$context.integrationLatency",
    "bytes": "$context.responseLength",
}
"""A line of the access log. The route as it is in the table: path, query, address, agent and principal would be somebody's;
messages of errors may name one (requirement SEC-08). The function's line has the same ``requestId``, and whose key it was."""


class FrontDoor(Construct):
    """One API with one stage. ``functions``: those that there are; routes of others aren't made."""

    def __init__(self, scope: Construct, name: str, stage: Stage, settings: Settings, functions: Functions) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self._asked = settings.api or Api()
        self._settings = settings
        self._functions = functions
        self.authorisation = self._asked.authorisation
        self.api = gateway.CfnApi(
            self,
            "Http",
            name=Stack.of(self).stack_name,
            description=f"Burgee, {stage.name}: one URL before the functions",
            protocol_type="HTTP",
            # No CORS of its own: it would answer preflights by a second list, and drop the functions' headers.
        )
        self.url = self.api.attr_api_endpoint
        self._rows = {row.name: row for row in functions.rows if row.url}
        integrations = {row.name: self._integration(row) for row in self._rows.values()}
        asked = {name: auth for name, row in self._rows.items() if (auth := settings.asks_for(row))}
        made = [(route, self._route(route, integrations[route.function])) for route in routes(asked)]
        self._open(made)

    def _integration(self, row: Function) -> gateway.CfnIntegration:
        """To the alias, so that a canary is one here too; and the permission for this API alone to invoke it."""
        stack, alias = Stack.of(self), self._functions.aliases[row.name]
        title = row.name.capitalize()
        lambda_.CfnPermission(
            self,
            f"{title}Permission",
            action="lambda:InvokeFunction",
            function_name=alias.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=f"arn:{stack.partition}:execute-api:{stack.region}:{stack.account}:{self.api.ref}/*",
        )
        return gateway.CfnIntegration(
            self,
            title,
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=alias.function_arn,
            payload_format_version="2.0",
            timeout_in_millis=min(MOST_MS, row.timeout_s * 1_000 + MARGIN_MS),
        )

    def _route(self, route: Route, integration: gateway.CfnIntegration) -> gateway.CfnRoute:
        made = gateway.CfnRoute(
            self,
            route.name,
            api_id=self.api.ref,
            route_key=route.key,
            target=f"integrations/{integration.ref}",
            authorization_type="AWS_IAM" if route.iam else "NONE",
        )
        if not route.iam:
            acknowledge(made, "APIG4", OF_OPEN_ROUTES if route.open else OF_KEY_ROUTES)
        return made

    def _open(self, made: list[tuple[Route, gateway.CfnRoute]]) -> None:
        """The stage. It has settings of routes, so they must be there first."""
        group = logs.LogGroup(
            self,
            "Log",
            retention=RETENTION[self._stage.log_days],
            removal_policy=RemovalPolicy.RETAIN if self._stage.keeps else RemovalPolicy.DESTROY,
        )
        most = self._most()
        limits = {route.key: self._limit(route, most) for route, _ in made}
        opened = gateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn, format=json.dumps(LINE, separators=(",", ":"))
            ),
            default_route_settings=_settings_of(most),
            # CloudFormation's own names: CDK doesn't look into a map of its type "any".
            route_settings={
                key: {"ThrottlingRateLimit": each.rate, "ThrottlingBurstLimit": each.burst} for key, each in limits.items()
            },
        )
        for _, route in made:
            opened.add_dependency(route)

    def _most(self) -> Limit:
        """Of any route."""
        return Limit(self._asked.rate or self._stage.api_rate, self._asked.burst or self._stage.api_burst)

    def _limit(self, route: Route, most: Limit) -> Limit:
        row = self._rows[route.function]
        return limit(route, row, self._settings.reserved(row, self._stage), most)


def _settings_of(most: Limit) -> gateway.CfnStage.RouteSettingsProperty:
    return gateway.CfnStage.RouteSettingsProperty(throttling_rate_limit=most.rate, throttling_burst_limit=most.burst)
