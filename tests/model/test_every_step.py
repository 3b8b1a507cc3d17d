"""A small scope, all of it: one batch of four records, a fault at every step of its invocation, every way to cut it again.

Then the same with a second fault at every step of the next invocation. ``BURGEE_MODEL`` says how many of the steps that is:
with many schedules all of them (``make model``), with few every fourth. The four are an event, a poison record, the event
again, and an event of another hour; in the end all of them come once more.
"""

import os
from collections.abc import Iterator

import pytest

from tests.model.faults import KILLED, LOST, REFUSED
from tests.model.schedules import run
from tests.model.services import Services
from tests.model.world import MODES, Fault, Operation, Setting, World

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")

RECORDS: list[Operation] = [("put", 0, 0, 0, 0, 3), ("poison", 0, 0), ("again", 0), ("put", 0, 1, 4, 0, 3)]
MOST_STEPS = 40
SCHEDULES = int(os.environ.get("BURGEE_MODEL", "200"))
FIRST_EVERY = 1 if SCHEDULES >= 200 else 4  # at which steps the first fault is
SECOND_EVERY = 1 if SCHEDULES >= 1_000 else 5
LEAST_STEPS = 8  # of an invocation: what is known to be called; fewer would mean that the faults miss it

# How what failed comes again: (mode, size of the next batch)
CUTS = {"whole": ("same", 4), "halves": ("halves", 4), "one": ("anew", 1), "two": ("anew", 2), "three": ("anew", 3)}


def _runs(services: Services, kind: str, cut: str, more: tuple[Fault, ...] = ()) -> Iterator[World]:
    """A run for each step of the first invocation, which the fault befalls; killed before a step is killed after the last."""
    mode, size = CUTS[cut]
    for step in range(0, MOST_STEPS, FIRST_EVERY):
        first = ("deliver", 0, 3, 0, MODES.index(mode), (Fault("", step, 1, kind),))
        then = ("deliver", 0, size - 1, 1, MODES.index(mode), more)
        world = run(services, Setting(), [*RECORDS, first, then, ("deliver", 0, 3, 2, 0, ()), ("horizon",)])
        assert world.wrong == [], f"{kind} at step {step}, then {cut} {more}:\n" + "\n".join(world.log)
        yield world
        if not world.log[0].count(kind):  # it had ended before
            assert step >= LEAST_STEPS
            return
    pytest.fail(f"an invocation of four records took {MOST_STEPS} steps")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", [KILLED, LOST, REFUSED])
def test_evb_07_one_fault_at_any_step(services: Services, kind: str, cut: str) -> None:
    assert len(list(_runs(services, kind, cut))) > LEAST_STEPS // FIRST_EVERY


@pytest.mark.parametrize("cut", CUTS)
def test_evb_07_two_kills_at_any_two_steps(services: Services, cut: str) -> None:
    for second in range(0, MOST_STEPS, SECOND_EVERY):
        worlds = list(_runs(services, KILLED, cut, (Fault("", second, 1, KILLED),)))
        if not any(len(world.faults) > 1 for world in worlds):
            assert second > 3
            return
