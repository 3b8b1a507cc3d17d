"""Random schedules of what Lambda, Kinesis, producers and the services can do: nothing is lost and nothing is counted twice.

``BURGEE_MODEL`` says how many schedules, ``BURGEE_MODEL_SEED`` where they begin (``make model``).
"""

import os

import pytest

from handlers._counters import Counters
from tests.model.certain import CERTAIN, certain
from tests.model.schedules import check, run
from tests.model.services import TABLE, Services
from tests.model.world import LIMITS, Operation, Setting, plan

SCHEDULES = int(os.environ.get("BURGEE_MODEL", "200"))
FIRST = int(os.environ.get("BURGEE_MODEL_SEED", "0"))
CHUNKS = 20  # so that processes can share them

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_agg_10_whatever_lambda_delivers_each_event_is_counted_and_archived_once(services: Services, chunk: int) -> None:
    """AGG-10, EVB-03, EVB-04, EVB-07, ARC-07, ARC-08, VAL-04: see ``World.check``."""
    for seed in range(FIRST + chunk, FIRST + SCHEDULES, CHUNKS):
        failure = check(services, seed)
        assert failure is None, str(failure)


def test_tst_08_the_schedules_go_everywhere() -> None:
    """What a schedule can do is done by enough of them; without this a change of ``plan`` could quietly make them tame."""
    told = [(setting, {operation[0] for operation in operations}, operations) for setting, operations in map(plan, range(300))]
    for name in (
        "put",
        "again",
        "deliver",
        "poison",
        "rewind",
        "restart",
        "split",
        "merge",
        "horizon",
        "stray",
        "give_up",
        "redrive",
    ):
        assert sum(name in names for _, names, _ in told) > 15, name
    faults = [
        fault for _, _, operations in told for operation in operations if operation[0] == "deliver" for fault in operation[-1]
    ]
    assert {fault.kind for fault in faults} == {
        "killed",
        "killed_after",
        "lost",
        "unreachable",
        "refused",
        "slow",
        "meanwhile",
        "overtaken",
    }
    assert {setting.limits for setting, _, _ in told} == {
        (items, events, ids, counters)
        for items in LIMITS["items"]
        for events in LIMITS["events"]
        for ids in LIMITS["ids"]
        for counters in LIMITS["counters"]
    }


def test_agg_13_the_reading_side_says_what_the_ledger_says(services: Services) -> None:
    """``Counters.window`` over lanes of a stream that was split, which the schedules don't ask: it takes eight queries."""
    puts: list[Operation] = [
        ("put", kind, user, back, user % 2, 2 + user) for kind in (0, 3, 5, 6) for user in range(4) for back in (0, 5)
    ]
    world = run(services, Setting(), [*puts[:9], ("deliver", 0, 5, 0, 0, ()), ("split", 0), *puts[9:]])
    assert world.wrong == []
    counters = Counters(services.dynamodb, TABLE)
    expected = world.ledger.counters()
    assert len(expected) > 20
    for (experiment, variant, window, start, event_type), (events, users, n, total, squares) in expected.items():
        unescaped = experiment.replace("%23", "#")
        totals = counters.window(f"exp_{unescaped}", variant, window, start)[event_type]
        assert (totals.events, round(totals.users, 6)) == (events, users)
        if n:
            assert totals.metrics["revenue"] == (n, total, squares)


# --- certain schedules: those that once failed, and those that chance seldom finds ----------------------------------------


@pytest.mark.parametrize("name", CERTAIN)
def test_agg_10_certain_schedules(services: Services, name: str) -> None:
    failure = certain(services, name)
    assert failure is None, str(failure)
