"""Moves the alias ``live`` of functions: a canary by hand, and the way back after a deployment (docs/deployment.md).

``python -m scripts.canary COMMAND``; a deployment itself goes through CodeDeploy, which moves the same weights:

- ``record --stack S --file F``: writes down which version each function's users have, before a deployment; none without the
  stack, which is so before the first one;
- ``back --file F``: gives all users that version again, of every function, at once;
- ``shift --function F --version V --stack S``: gives V a growing share of the users; the first alarm, or anything else that
  goes wrong meanwhile, gives all of them the old version again.

Exit 1: something was taken back, or couldn't be done. 2: nothing was begun.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ALIAS = "live"  # as in infra.making_functions
WEIGHTS = "0.1,0.5"
MINUTES = 10.0
"""Of each step. An alarm looks at five minutes, and CloudWatch needs some to know them: in less, none would come."""
POLL_SECONDS = 15.0
FUNCTION = "AWS::Lambda::Function"


class Refused(Exception):
    """Nothing was begun. The text says why."""


class TakenBack(Exception):
    """The new version lost its users. The text says why."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Both in seconds; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Aws:
    """The clients."""

    functions: Any
    alarms: Any
    stacks: Any

    @classmethod
    def of_environment(cls) -> Aws:
        """With this process's credentials and region. Every call is tried five times."""
        config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
        return cls(*(boto3.client(name, config=config) for name in ("lambda", "cloudwatch", "cloudformation")))


# --- what there is --------------------------------------------------------------------------------------------------------


def functions_of(aws: Aws, stack: str) -> list[str]:
    """The names of a stack's functions."""
    pages = aws.stacks.get_paginator("list_stack_resources").paginate(StackName=stack)
    found = (resource for page in pages for resource in page["StackResourceSummaries"])
    return sorted(resource["PhysicalResourceId"] for resource in found if resource["ResourceType"] == FUNCTION)


def _alias(aws: Aws, function: str) -> tuple[str, dict[str, float]]:
    """The version that its users have, and the shares of others."""
    found = aws.functions.get_alias(FunctionName=function, Name=ALIAS)
    return found["FunctionVersion"], dict(found.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {})


def record(aws: Aws, stack: str) -> dict[str, str]:
    """Which version the users of each function have; none without the stack. Raises Refused in the middle of a canary."""
    versions = {}
    for function in functions_of(aws, stack) if _is_there(aws, stack) else ():
        try:
            version, shares = _alias(aws, function)
        except aws.functions.exceptions.ResourceNotFoundException:
            continue  # a function without users, such as one of CDK's own
        if shares:
            raise Refused(f"{function} is in the middle of a canary: {_shown(version, shares)}")
        versions[function] = version
    return versions


def _is_there(aws: Aws, stack: str) -> bool:
    try:
        aws.stacks.describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def alarms_of(aws: Aws, prefix: str, without: Sequence[str] = ()) -> dict[str, str]:
    """The states of the alarms whose names begin so."""
    pages = aws.alarms.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    found = {alarm["AlarmName"]: alarm["StateValue"] for page in pages for alarm in page.get("MetricAlarms", [])}
    return {name: state for name, state in found.items() if not any(part in name for part in without)}


# --- the way back ---------------------------------------------------------------------------------------------------------


def back(aws: Aws, versions: Mapping[str, str]) -> Iterator[str]:
    """Gives the users of each function its version; a line for each. Raises TakenBack at the end, if one couldn't be given."""
    failed = []
    for function, version in versions.items():
        try:
            now, shares = _alias(aws, function)
            if (now, shares) == (version, {}):
                yield f"{function}: version {version}, as it was"
                continue
            _point(aws, function, version, {})
            yield f"{function}: back to version {version}, from {_shown(now, shares)}"
        except (ClientError, BotoCoreError) as error:
            failed.append(function)
            yield f"{function}: NOT back to version {version}: {error}"
    if failed:
        raise TakenBack(f"not everything is back: {', '.join(failed)}")


def _point(aws: Aws, function: str, version: str, shares: Mapping[str, float]) -> None:
    aws.functions.update_alias(
        FunctionName=function, Name=ALIAS, FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": dict(shares)}
    )


def _shown(version: str, shares: Mapping[str, float]) -> str:
    return f"version {version}" + "".join(f", {share:.0%} version {other}" for other, share in shares.items())


# --- a canary -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """``weights``: the new version's shares, one step each. ``prefix``, ``without``: of the alarms that are watched."""

    function: str
    version: str
    weights: tuple[float, ...]
    step_s: float
    prefix: str
    without: tuple[str, ...] = ()


def shift(aws: Aws, plan: Plan, clock: Clock | None = None) -> Iterator[str]:
    """Step by step; a line for each. Raises Refused before the first step, TakenBack when all users have the old version again.

    Whatever ends it before its end (an alarm, an error of AWS's, Ctrl-C) takes the new version's users away. So does
    somebody else who moves the alias; then it is theirs, and left as it is.
    """
    clock = clock or Clock()
    old = _begin(aws, plan)
    try:
        for weight in plan.weights:
            _point(aws, plan.function, old, {plan.version: weight})
            yield f"{plan.function}: {_shown(old, {plan.version: weight})}"
            _watch(aws, plan, old, weight, clock)
        _point(aws, plan.function, plan.version, {})
    except _Moved as moved:
        raise TakenBack(str(moved)) from None
    except BaseException as error:  # Ctrl-C too; and GeneratorExit, when nobody asks for the next step
        _point(aws, plan.function, old, {})
        if isinstance(error, TakenBack | ClientError | BotoCoreError):
            raise TakenBack(f"{error}; everybody has version {old} of {plan.function} again") from None
        raise
    yield f"{plan.function}: version {plan.version} for everybody; it was {old}"


class _Moved(Exception):
    """Somebody else has moved the alias."""


def _begin(aws: Aws, plan: Plan) -> str:
    """The version that all users have. Raises Refused."""
    old, shares = _alias(aws, plan.function)
    if shares:
        raise Refused(f"{plan.function} is in the middle of a canary: {_shown(old, shares)}")
    if old == plan.version:
        raise Refused(f"everybody has version {old} of {plan.function} already")
    try:
        aws.functions.get_function_configuration(FunctionName=plan.function, Qualifier=plan.version)
    except aws.functions.exceptions.ResourceNotFoundException:
        raise Refused(f"{plan.function} has no version {plan.version}") from None
    states = alarms_of(aws, plan.prefix, plan.without)
    if not states:
        raise Refused(f"no alarm's name begins with {plan.prefix!r}: nothing would take the version back")
    if loud := sorted(name for name, state in states.items() if state == "ALARM"):
        raise Refused(f"in alarm before anything has begun: {', '.join(loud)}")
    return old


def _watch(aws: Aws, plan: Plan, old: str, weight: float, clock: Clock) -> None:
    """For the time of a step. Raises TakenBack for an alarm, _Moved when the alias isn't what it was set to."""
    until = clock.now() + plan.step_s
    while True:
        if loud := sorted(name for name, state in alarms_of(aws, plan.prefix, plan.without).items() if state == "ALARM"):
            raise TakenBack(f"in alarm: {', '.join(loud)}")
        found = _alias(aws, plan.function)
        if found != (old, {plan.version: weight}):
            raise _Moved(f"somebody else has moved {plan.function}: {_shown(*found)}; it was left so")
        left = until - clock.now()
        if left <= 0:
            return
        clock.sleep(min(POLL_SECONDS, left))


# --- the command ----------------------------------------------------------------------------------------------------------


def _weights(text: str) -> tuple[float, ...]:
    weights = tuple(float(part) for part in text.split(","))
    if not all(0 < weight < 1 for weight in weights) or list(weights) != sorted(set(weights)):
        raise argparse.ArgumentTypeError("shares between 0 and 1 that grow, such as 0.1,0.5")
    return weights


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.canary", description="Moves users between versions of functions.")
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write down which versions users have")
    recording.add_argument("--stack", required=True)
    recording.add_argument("--file", required=True, type=Path)
    returning = commands.add_parser("back", help="give users the versions that were written down")
    returning.add_argument("--file", required=True, type=Path)
    shifting = commands.add_parser("shift", help="give a version a growing share of the users")
    shifting.add_argument("--function", required=True)
    shifting.add_argument("--version", required=True)
    shifting.add_argument("--stack", required=True, help="whose alarms are watched: those whose names begin so")
    shifting.add_argument("--without", action="append", default=[], metavar="TEXT", help="not alarms with this in their name")
    shifting.add_argument("--weights", type=_weights, default=_weights(WEIGHTS), help=f"the shares, step by step ({WEIGHTS})")
    shifting.add_argument("--minutes", type=float, default=MINUTES, help=f"of each step ({MINUTES:.0f})")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, aws: Aws) -> Iterator[str]:
    if options.command == "record":
        versions = record(aws, options.stack)
        options.file.write_text(json.dumps(versions, indent=1) + "\n")
        yield from (f"{function}: version {version}" for function, version in versions.items())
    elif options.command == "back":
        yield from back(aws, json.loads(options.file.read_text()))
    else:
        plan = Plan(
            options.function,
            options.version,
            options.weights,
            options.minutes * 60,
            f"{options.stack}-",
            tuple(options.without),
        )
        yield from shift(aws, plan)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives its exit status."""
    options = _options(arguments)
    try:
        for line in _run(options, Aws.of_environment()):
            print(line, flush=True)
    except Refused as why:
        print(f"canary: {why}", file=sys.stderr)
        return 2
    except TakenBack as why:
        print(f"canary: {why}", file=sys.stderr)
        return 1
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        print(f"canary: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
