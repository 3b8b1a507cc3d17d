"""Running schedules, and making those that fail smaller."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.model.services import Services
from tests.model.world import Operation, Setting, World, plan

MOST_TRIES = 400  # of a schedule that is made smaller


class Failure(NamedTuple):
    """A schedule after which something is wrong, made as small as it gets."""

    seed: int | None
    setting: Setting
    operations: list[Operation]
    wrong: list[str]
    log: list[str]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.setting}", *(f"    {operation}," for operation in self.operations)]
        return "\n".join([*lines, "what happened:", *self.log, "what is wrong:", *self.wrong])


def run(services: Services, setting: Setting, operations: Sequence[Operation]) -> World:
    """The world in which it has run; its ``wrong`` is what is wrong in the end."""
    world = World(services, setting)
    try:
        world.wrong = world.run(operations)
    except Exception as error:  # of the model itself, or of what it reads: a finding like any other
        world.wrong = [f"{type(error).__name__}: {error}"]
    return world


def check(services: Services, seed: int) -> Failure | None:
    """Runs the schedule of a seed."""
    setting, operations = plan(seed)
    world = run(services, setting, operations)
    return smaller(services, seed, setting, operations) if world.wrong else None


def smaller(services: Services, seed: int | None, setting: Setting, operations: list[Operation]) -> Failure:
    """Leaves out operations, then faults, as long as something is wrong in the end."""
    tries = 0

    def is_wrong(some: list[Operation]) -> bool:
        nonlocal tries
        tries += 1
        return tries <= MOST_TRIES and bool(run(services, setting, some).wrong)

    size = max(1, len(operations) // 2)
    while size:
        start = 0
        while start < len(operations):
            fewer = operations[:start] + operations[start + size :]
            if is_wrong(fewer):
                operations = fewer
            else:
                start += size
        size //= 2
    for place, operation in enumerate(operations):
        if operation[0] == "deliver":
            for fault in operation[-1]:
                calmer = (*operations[place][:-1], tuple(other for other in operations[place][-1] if other != fault))
                fewer = [*operations[:place], calmer, *operations[place + 1 :]]
                if is_wrong(fewer):
                    operations = fewer
    world = run(services, setting, operations)
    return Failure(seed, setting, operations, world.wrong, world.log)
