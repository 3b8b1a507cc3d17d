"""The gate: what it stops, what it never stops, and the figures it decides by."""

from typing import Any

import pytest

from config_sync.compile import compile_project
from config_sync.publish import Limits, decide
from evaluator import SnapshotError
from tests.config_sync.stores import T0, boolean

USERS = [{"targetingKey": f"user-{number}"} for number in range(200)]


def made(**flags: Any) -> bytes:
    snapshot = compile_project({"flags": flags}).snapshot
    assert snapshot is not None
    return snapshot


def many(count: int, on: int, **more: Any) -> bytes:
    """Flags of which the first ``on`` are on."""
    return made(**{f"f{number:03}": boolean(number < on) for number in range(count)}, **more)


def split(on: int) -> dict[str, Any]:
    return {**boolean(False), "rules": [{"id": "some", "split": {"variants": {"on": on, "off": 100 - on}}}]}


BROKEN = {"type": "boolean", "variants": {"yes": 1, "no": 2}, "default": "maybe"}


# --- nothing to stop --------------------------------------------------------------------------------------------------


def test_the_first_publish_has_nothing_to_compare_with() -> None:
    decision = decide(None, many(3, 0, broken=BROKEN))
    assert (decision.action, decision.reasons, decision.flags, decision.tombstones) == ("publish", (), 4, 1)


def test_the_same_bytes_are_unchanged() -> None:
    decision = decide(many(3, 1), many(3, 1))
    assert (decision.action, decision.flags) == ("unchanged", 3)


def test_new_flags_pass() -> None:
    decision = decide(many(3, 1), many(30, 30))
    assert (decision.action, decision.added, decision.removed, decision.dropped) == ("publish", 27, 0, ())


def test_what_does_not_load_is_an_error() -> None:
    with pytest.raises(SnapshotError):
        decide(None, many(3, 1)[:-1])


# --- dropped ----------------------------------------------------------------------------------------------------------


def test_a_live_flag_that_is_gone_is_stopped() -> None:
    decision = decide(many(20, 20), many(19, 19))
    assert decision.action == "refuse"
    assert decision.dropped == ("f019",)
    assert decision.reasons == ("1 live flag would be gone: f019",)


def test_many_that_are_gone_are_not_all_named() -> None:
    (reason,) = decide(many(20, 20), many(12, 12)).reasons
    assert reason == "8 live flags would be gone: f012, f013, f014, f015, f016 and 3 more"


def test_as_many_as_are_allowed_pass() -> None:
    assert decide(many(20, 20), many(18, 18), Limits(max_dropped=2)).action == "publish"
    assert decide(many(20, 20), many(17, 17), Limits(max_dropped=2)).action == "refuse"


def test_a_flag_that_was_off_or_broken_may_go() -> None:
    old = many(3, 3, off={**boolean(True), "enabled": False}, broken=BROKEN)
    decision = decide(old, many(3, 3))
    assert (decision.action, decision.removed, decision.dropped) == ("publish", 2, ())


def test_flg_10_a_flag_that_breaks_is_not_a_flag_that_is_gone() -> None:
    """A malformed item becomes a tombstone and must not hold up the others."""
    new = many(19, 19, f019=BROKEN)
    decision = decide(many(20, 20), new)
    assert (decision.action, decision.dropped, decision.tombstones) == ("publish", (), 1)


# --- shrunk -----------------------------------------------------------------------------------------------------------


def off(count: int) -> dict[str, Any]:
    return {f"off{number:03}": {**boolean(True), "enabled": False} for number in range(count)}


def test_half_of_the_flags_gone_is_stopped_even_if_none_was_live() -> None:
    decision = decide(made(live=boolean(True), **off(40)), made(live=boolean(True), **off(10)))
    assert decision.action == "refuse"
    assert decision.dropped == ()
    assert decision.reasons[0] == "73% of the flags would be gone (41 to 11; limit 50%)"


def test_a_few_flags_of_a_small_project_may_go() -> None:
    assert decide(made(live=boolean(True), **off(3)), made(live=boolean(True))).action == "publish"
    assert decide(made(live=boolean(True), **off(4)), made(live=boolean(True))).action == "refuse"
    strict = Limits(max_shrink=0.5, spare_removed=0)
    assert decide(made(live=boolean(True), **off(3)), made(live=boolean(True)), strict).action == "refuse"


def listing(items: int) -> dict[str, Any]:
    ids = [f"customer-with-a-long-name-{number:08}" for number in range(items)]
    rule = {"id": "them", "when": {"attribute": "customer", "operator": "in", "value": ids}, "variant": "on"}
    return {**boolean(False), "rules": [rule]}


def test_a_long_list_that_is_emptied_is_stopped() -> None:
    decision = decide(made(f=listing(3_000)), made(f=listing(3)), contexts=USERS)
    assert decision.action == "refuse"
    (reason,) = decision.reasons
    assert reason.startswith("the snapshot would lose 9") and "of its bytes" in reason
    assert decision.shrink > 0.9


def test_a_short_list_may_be_emptied() -> None:
    assert decide(made(f=listing(300)), made(f=listing(3))).action == "publish"


# --- moved ------------------------------------------------------------------------------------------------------------


def test_most_answers_changed_is_stopped() -> None:
    decision = decide(many(20, 0), many(20, 11))
    assert decision.action == "refuse"
    assert decision.moved == 0.55
    assert len(decision.moved_flags) == 11
    (reason,) = decision.reasons
    assert reason.startswith(f"55% of {decision.answers} sampled answers would be others (limit 50%), in 11 flags: f0")


def test_half_of_the_answers_may_change() -> None:
    decision = decide(many(20, 0), many(20, 10))
    assert (decision.action, decision.moved) == ("publish", 0.5)


def test_a_few_flags_are_somebodys_edit() -> None:
    """A launch from nobody to everybody is a change of 100 % in a project of one flag."""
    assert decide(many(1, 0), many(1, 1)).action == "publish"
    assert decide(many(3, 0), many(3, 3)).action == "publish"
    assert decide(many(4, 0), many(4, 4)).action == "refuse"
    assert decide(many(1, 0), many(1, 1), Limits(max_moved=0.5, spare_flags=0)).action == "refuse"


def test_flg_21_a_kill_switch_always_passes() -> None:
    """Everything off at once: nobody is asked to force it."""
    dead = made(**{f"f{number:03}": {**boolean(True), "enabled": False} for number in range(50)})
    decision = decide(many(50, 50), dead, Limits(max_moved=0.0, spare_flags=0))
    assert (decision.action, decision.moved, decision.dropped) == ("publish", 0.0, ())


def test_a_repair_is_not_counted() -> None:
    """Whoever asked a broken flag got their own default."""
    old = made(**{f"f{number}": BROKEN for number in range(10)}, one=boolean(True))
    new = made(**{f"f{number}": boolean(True) for number in range(10)}, one=boolean(True))
    assert decide(old, new).moved == 0.0


def test_whoever_had_no_answer_has_none_to_lose() -> None:
    """A split can't answer without a targeting key."""
    splits, constants = (made(**{f"f{number}": flag for number in range(10)}) for flag in (split(50), boolean(True)))
    assert decide(splits, constants, contexts=[{}]).moved == 0.0
    assert decide(constants, splits, contexts=[{}]).moved == 1.0


def test_everything_breaking_at_once_is_stopped() -> None:
    broken = made(**{f"f{number:03}": BROKEN for number in range(10)}, one=boolean(True))
    decision = decide(many(10, 10, one=boolean(True)), broken)
    assert decision.action == "refuse"
    assert decision.tombstones == 10


def test_another_value_under_the_same_name_is_another_answer() -> None:
    def texts(ending: str) -> bytes:
        variants = {"it": f"text {ending}"}
        return made(**{f"f{number}": {"type": "string", "variants": variants, "default": "it"} for number in range(5)})

    decision = decide(texts("one"), texts("two"))
    assert (decision.action, decision.moved) == ("refuse", 1.0)


def test_the_share_is_that_of_the_users_who_move() -> None:
    old, new = made(**{f"f{n}": split(20) for n in range(10)}), made(**{f"f{n}": split(45) for n in range(10)})
    decision = decide(old, new, contexts=[{"targetingKey": f"user-{number}"} for number in range(2_000)])
    assert decision.action == "publish"
    assert decision.answers == 20_000
    assert abs(decision.moved - 0.25) < 0.02


def test_users_may_be_given() -> None:
    """What the sample doesn't reach can be asked about."""
    old = many(10, 10)
    flags = {f"f{number:03}": boolean(True, rules=[_for("rare")]) for number in range(10)}
    assert decide(old, made(**flags), contexts=[{"plan": "common"}]).moved == 0.0
    assert decide(old, made(**flags), contexts=[{"plan": "rare"}]).action == "refuse"


def _for(plan: str) -> dict[str, Any]:
    return {"id": "them", "when": {"attribute": "plan", "operator": "eq", "value": plan}, "variant": "off"}


def test_the_sample_reaches_what_rules_ask_for() -> None:
    """Also what only the published snapshot asks for: it shows what is lost."""
    with_rules = made(**{f"f{number:03}": boolean(True, rules=[_for("rare")]) for number in range(10)})
    for old, new in ((with_rules, many(10, 10)), (many(10, 10), with_rules)):
        assert decide(old, new).moved > 0.2


def test_the_sample_is_the_same_every_time() -> None:
    old, new = made(**{f"f{n}": split(20) for n in range(10)}), made(**{f"f{n}": split(45) for n in range(10)})
    assert decide(old, new, now=T0) == decide(old, new, now=T0)


def test_the_instant_is_the_one_given() -> None:
    scheduled = {f"f{n}": {**boolean(True), "schedule": {"start": "2030-01-01T00:00:00Z"}} for n in range(10)}
    start = 1_893_456_000_000
    old, new = many(0, 0, **scheduled), many(0, 0, **{key: boolean(False) for key in scheduled})
    assert decide(old, new, now=start).action == "refuse"
    assert decide(new, old, now=start - 1).moved == 0.0  # not scheduled yet: switched off


def test_the_number_of_questions_is_bounded() -> None:
    limits = Limits(samples=1_000, max_answers=2_000)
    assert decide(many(100, 0), many(100, 1), limits).answers == 2_000
    assert decide(many(2, 0), many(2, 1), limits).answers == 2_000
    assert decide(many(10, 0), many(10, 1), Limits(samples=30)).answers == 300


def test_several_reasons_are_all_told() -> None:
    new = made(**{f"f{number:03}": boolean(number >= 20) for number in range(8)})
    assert len(decide(many(20, 20), new).reasons) == 3  # dropped, shrunk, moved
