"""From a strategy to the condition under which it is on. Used by the Unleash front end only."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.unleash.constraints import ALWAYS, NEVER, condition_of, in_list, in_networks
from config_sync.frontends.unleash.contexts import HOST_NAME, USER_ID, attribute, unit
from config_sync.frontends.unleash.reading import AlwaysOff, Notes, unsigned
from config_sync.frontends.unleash.variants import bucketing_of, random_stickiness
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

Segments = Mapping[int, ir.Condition | AlwaysOff]


class Parameters:
    """A strategy's parameters, which are texts."""

    def __init__(self, data: Any, toggle: str, origin: Origin, notes: Notes) -> None:
        self._data = notes.mapping(data, "'parameters'", origin)
        self.toggle = toggle
        self.origin = origin
        self.notes = notes

    def get(self, name: str) -> str | None:
        return self.notes.optional_text(self._data.get(name), f"the parameter {name!r}", self.origin.child(name))

    def listed(self, name: str) -> list[str] | None:
        """Texts between commas, without the blanks around them."""
        text = self.get(name)
        return None if text is None else [item.strip() for item in text.split(",")]

    def never(self, message: str) -> ir.Condition:
        self.notes.warning("NEVER-MATCHES", f"this strategy is never on: {message}", self.origin)
        return NEVER


class Strategy(NamedTuple):
    """``condition``: when it is on; ``rolls``: whether a bucket decides about that; ``parameters`` for its variants."""

    condition: ir.Condition
    rolls: bool
    parameters: Parameters


def read_strategy(data: dict[str, Any], toggle: str, segments: Segments, origin: Origin, notes: Notes) -> Strategy:
    """One strategy. Raises AlwaysOff and Malformed."""
    name = notes.text(data.get("name"), "a strategy's 'name'", origin.child("name"))
    parameters = Parameters(data.get("parameters"), toggle, origin.child("parameters"), notes)
    constraints = notes.items(data.get("constraints"), "'constraints'", origin.child("constraints"))
    conditions = [condition_of(item, place, notes) for item, place in constraints]
    for number, place in notes.items(data.get("segments"), "'segments'", origin.child("segments")):
        conditions.append(_segment(number, segments, place))
    read = _STRATEGIES.get(name)
    if read is None:
        message = f"there is no strategy {name!r:.80} here; it is never on"
        notes.warning("UNKNOWN-STRATEGY", message, origin.child("name"), "use flexibleRollout with constraints")
    own = NEVER if read is None else read(parameters)
    condition = own if not conditions else ir.All((*conditions, own))
    return Strategy(condition, isinstance(own, ir.InBucket), parameters)


def _segment(number: Any, segments: Segments, origin: Origin) -> ir.Condition:
    found = segments.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if found is None:
        raise AlwaysOff(f"there is no segment {number!r:.80}", origin)
    if isinstance(found, AlwaysOff):
        raise found
    return found


# --- the strategies' own conditions -----------------------------------------------------------------------------------


def _default(parameters: Parameters) -> ir.Condition:
    return ALWAYS


def _user_with_id(parameters: Parameters) -> ir.Condition:
    users = parameters.listed("userIds")
    if users is None:
        return parameters.never("it has no 'userIds'")
    return in_list(USER_ID, users, parameters.origin)


def _remote_address(parameters: Parameters) -> ir.Condition:
    networks, address = parameters.listed("IPs"), attribute("remoteAddress")
    if networks is None or address is None:
        return parameters.never("it has no 'IPs'")
    return in_networks(networks, address, parameters.origin.child("IPs"), parameters.notes)


def _host_name(parameters: Parameters) -> ir.Condition:
    """Unleash asks the machine for its name; here the context has to say it."""
    names = "|".join(map(re.escape, dict.fromkeys(parameters.listed("hostNames") or [""])))
    return ir.Test("matches", HOST_NAME, f"^(?:{names})$", mode=codes.MODE_CASEFOLD, origin=parameters.origin)


def _flexible_rollout(parameters: Parameters) -> ir.Condition:
    group = parameters.get("groupId")
    stickiness = parameters.get("stickiness")
    return _rollout(parameters, "rollout", "default" if stickiness is None else stickiness, group)


def _gradual(stickiness: str) -> Callable[[Parameters], ir.Condition]:
    """The older rollouts, which have no group unless they name one."""

    def read(parameters: Parameters) -> ir.Condition:
        group = parameters.get("groupId")
        if group is None:
            return parameters.never("it has no 'groupId'")
        return _rollout(parameters, "percentage", stickiness, group)

    return read


def _gradual_random(parameters: Parameters) -> ir.Condition:
    return _rollout(parameters, "percentage", "random", None, most=2**64)


def _rollout(parameters: Parameters, name: str, stickiness: str, group: str | None, most: int = 100) -> ir.Condition:
    """On for a percentage. All of them are on only if they have a unit, unless Unleash would draw lots without one."""
    percentage = unsigned(parameters.get(name))
    if percentage is None:
        return parameters.never(f"{name!r} is no whole number")
    if percentage > most:
        raise AlwaysOff(f"{name!r} is {percentage}, more than 100", parameters.origin.child(name))
    hashed = unit(stickiness)
    if percentage == 0 or (hashed is None and stickiness != "random"):
        return NEVER
    if hashed is None or stickiness in ("default", "currentTime"):  # without a unit, Unleash draws lots, or takes the clock
        if percentage >= 100:
            return ALWAYS
        if hashed is None:
            random_stickiness(parameters.notes, "this strategy is never on", parameters.origin)
            return NEVER
    elif percentage == 100:
        return ir.Test("exists", hashed, origin=parameters.origin)
    group = parameters.toggle if group is None else group
    return ir.InBucket(bucketing_of(hashed, group, 100), ((0, percentage - 1),))


_STRATEGIES: dict[str, Callable[[Parameters], ir.Condition]] = {
    "default": _default,
    "userWithId": _user_with_id,
    "gradualRolloutUserId": _gradual("userId"),
    "gradualRolloutSessionId": _gradual("sessionId"),
    "gradualRolloutRandom": _gradual_random,
    "flexibleRollout": _flexible_rollout,
    "remoteAddress": _remote_address,
    "applicationHostname": _host_name,
}
