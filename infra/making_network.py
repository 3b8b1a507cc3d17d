"""CDK's side of a function in a network: the VPC that is there, and, if the settings ask for them, ways from it to AWS.

An endpoint for each service that the function itself calls, as the table of functions says; what Lambda does for it (polling
its mapping, logs, what was given up) goes on outside of the VPC. Requirement INF-09.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.functions import Function, Needs
from infra.making_stores import Stores
from infra.settings import Mirror

HTTPS = 443
GATEWAYS = {"dynamodb": ec2.GatewayVpcEndpointAwsService.DYNAMODB, "s3": ec2.GatewayVpcEndpointAwsService.S3}
"""Services that are reached by a route, which costs nothing."""
INTERFACES = {
    "secretsmanager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
}
"""Services that get an address in each zone, which costs by the hour (docs/cost.md)."""


class Network(Construct):
    """The VPC, the subnets and the group that the settings name; nothing of them is made or changed."""

    def __init__(self, scope: Construct, name: str, mirror: Mirror) -> None:
        super().__init__(scope, name)
        self._mirror = mirror
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=mirror.vpc_id,
            availability_zones=list(mirror.availability_zones),
            private_subnet_ids=list(mirror.subnet_ids),
        )
        self.group = ec2.SecurityGroup.from_security_group_id(self, "Group", mirror.security_group_id, mutable=False)
        self.subnets = ec2.SubnetSelection(subnets=self.vpc.private_subnets)

    def reach(self, row: Function, role: iam.Role, stores: Stores) -> None:
        """Makes the endpoints that the settings ask for. Only this function's group gets to them, only this role gets
        through, and only with what the table permits it. Raises KeyError for a service that has no endpoint here."""
        if not self._mirror.endpoints:
            return
        group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="Burgee: the ways to AWS", allow_all_outbound=False
        )
        peer = ec2.Peer.security_group_id(self._mirror.security_group_id)
        group.add_ingress_rule(peer, ec2.Port.tcp(HTTPS), f"Burgee's {row.name}")
        for service, needs in _by_service(row.needs).items():
            policy = _policy(needs, role, stores)
            if service in GATEWAYS:
                self._gateway(service, policy)
            else:
                self._interface(service, policy, group)

    def _gateway(self, service: str, policy: iam.PolicyDocument) -> None:
        ec2.CfnVPCEndpoint(
            self,
            service.capitalize(),
            vpc_id=self._mirror.vpc_id,
            service_name=GATEWAYS[service].name,
            vpc_endpoint_type="Gateway",
            route_table_ids=list(self._mirror.route_table_ids),
            policy_document=policy,
        )

    def _interface(self, service: str, policy: iam.PolicyDocument, group: ec2.ISecurityGroup) -> None:
        zones: dict[str, str] = {}  # AWS takes one subnet of each
        for subnet in self.vpc.private_subnets:
            zones.setdefault(subnet.availability_zone, subnet.subnet_id)
        ec2.CfnVPCEndpoint(
            self,
            service.capitalize(),
            vpc_id=self._mirror.vpc_id,
            service_name=INTERFACES[service].name,
            vpc_endpoint_type="Interface",
            subnet_ids=list(zones.values()),
            security_group_ids=[group.security_group_id],
            private_dns_enabled=True,  # so that clients need not be told of it
            policy_document=policy,
        )


def _by_service(needs: Iterable[Needs]) -> dict[str, list[Needs]]:
    """service -> what is needed of it, by the first part of its actions."""
    found: dict[str, list[Needs]] = {}
    for need in needs:
        found.setdefault(need.actions[0].partition(":")[0], []).append(need)
    return found


def _policy(needs: Iterable[Needs], role: iam.Role, stores: Stores) -> iam.PolicyDocument:
    """The role's own permissions once more. It is named in a condition: as a principal, gateways don't take it."""
    statements = [
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=list(need.actions),
            resources=[stores.arn(need)],
            conditions={"ArnEquals": {"aws:PrincipalArn": role.role_arn}},
        )
        for need in needs
    ]
    return iam.PolicyDocument(statements=statements, minimize=False)
