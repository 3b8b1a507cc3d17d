"""What cdk-nag's AwsSolutions find and we do all the same, each with its reason. Anything else it finds fails the synthesis.

A wildcard is acknowledged by the very resource that has it, so that another one in the same role is found.
"""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

PACK = "AwsSolutions"
OF_ALL = {
    "L1": "Python 3.13 is what the compiled core and all wheels are built and tested for; Lambda supports it until 2029",
}
OF_QUEUES = {"SQS3": "it is where failures end: a person or `burgee redrive` takes them out"}
OF_BUCKETS = {
    "S1": "only functions and CloudTrail see it: data events of CloudTrail say more than access logs, where they are wanted"
}
OF_KEY_ROUTES = "an HTTP API knows no API keys: the function asks for one, as it does behind its own URL (docs/security.md)"
OF_OPEN_ROUTES = (
    "health and preflights can bring neither key nor signature; they tell nothing of flags, and few are let through"
)
OF_OBJECTS = "objects below a prefix of one bucket: their names are made from what they hold"
OF_LOGS = "streams of its own log group: Lambda names them when it starts a sandbox"
OF_NOTHING = "these actions know no resource: IAM takes no other"


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """One finding of one construct and what is below it."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def acknowledge_all(constructs: Iterable[IConstruct], rules: dict[str, str]) -> None:
    """The same findings of several constructs."""
    for construct in constructs:
        for rule, reason in rules.items():
            acknowledge(construct, rule, reason)


def acknowledge_resource(role: iam.Role, resource: str, reason: str) -> None:
    """A wildcard in a role: ``resource`` as cdk-nag writes it."""
    acknowledge(role, f"IAM5[Resource::{resource}]", reason)


def logical(construct: IConstruct) -> str:
    """What cdk-nag calls a construct in a resource."""
    resource = construct.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    name = cdk.Stack.of(construct).resolve(resource.logical_id)
    assert isinstance(name, str)
    return name
