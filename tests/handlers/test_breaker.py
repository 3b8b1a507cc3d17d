"""The circuit breaker, and the bounded cache: their clocks are played."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._breaker import Breaker
from handlers._sticky import Sticky


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock, failures: int = 3) -> Breaker:
    breaker = Breaker(failures, 5_000, clock)
    for _ in range(failures):
        assert breaker.allows()
        breaker.did_fail()
    return breaker


def test_asg_14_failures_in_a_row_open_it(clock: Clock) -> None:
    breaker = Breaker(3, 5_000, clock)
    assert [breaker.did_fail(), breaker.did_fail()] == [False, False]
    assert (breaker.state, breaker.failed) == ("closed", 2)
    breaker.succeeded()
    assert [breaker.did_fail(), breaker.did_fail(), breaker.did_fail()] == [False, False, True]
    assert (breaker.state, breaker.opened) == ("open", 1)
    assert not breaker.allows()


def test_asg_14_after_the_cool_down_one_call_goes_through(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 4.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.state == "half-open"
    assert [breaker.allows(), breaker.allows(), breaker.allows()] == [True, False, False]


def test_asg_14_the_trial_closes_it_or_opens_it_again(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 5.1
    assert breaker.allows()
    assert breaker.did_fail(), "one failure is enough while it is half-open"
    assert (breaker.state, breaker.opened) == ("open", 2)
    clock.now += 5.1
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.failed) == ("closed", 0)
    assert breaker.allows()


def test_asg_14_a_trial_that_is_never_heard_of_again_does_not_keep_it_open(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 5.1
    assert breaker.allows()
    clock.now += 5.1
    assert breaker.allows()


def test_a_clock_that_was_set_back_ends_the_cool_down(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now -= 3_600
    assert breaker.allows()


# --- the cache ---------------------------------------------------------------------------------------------------------


def test_asg_20_one_miss_and_two_hits_are_two_thirds(clock: Clock) -> None:
    cache = Sticky(10, 60_000, clock)
    assert cache.get("user") is None
    cache.put("user", "treatment")
    assert [cache.get("user"), cache.get("user")] == ["treatment"] * 2
    assert (cache.hits, cache.misses) == (2, 1)
    assert cache.hits / (cache.hits + cache.misses) == pytest.approx(2 / 3)


def test_asg_20_what_is_older_than_its_ttl_is_stale(clock: Clock) -> None:
    cache = Sticky(10, 60_000, clock)
    cache.put("user", "treatment")
    clock.now += 59.9
    assert cache.get("user") == "treatment"
    clock.now += 0.2
    assert cache.get("user") is None
    assert cache.stale("user") == "treatment"


def test_a_clock_that_was_set_back_makes_an_entry_stale(clock: Clock) -> None:
    cache = Sticky(10, 60_000, clock)
    cache.put("user", "treatment")
    clock.now -= 1
    assert cache.get("user") is None


def test_asg_23_random_keys_cannot_exhaust_memory(clock: Clock) -> None:
    cache = Sticky(100, 60_000, clock)
    for number in range(10_000):
        cache.put(f"user-{number}", "treatment")
        assert len(cache) <= 100
    assert cache.get("user-9999") == "treatment"
    assert cache.get("user-9899") is None


def test_asg_23_the_one_not_asked_for_longest_goes_first(clock: Clock) -> None:
    cache = Sticky(2, 60_000, clock)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert [cache.get("a"), cache.get("b"), cache.get("c")] == [1, None, 3]


def test_a_ttl_of_zero_keeps_nothing(clock: Clock) -> None:
    cache = Sticky(10, 0, clock)
    cache.put("a", 1)
    assert (cache.get("a"), cache.stale("a"), len(cache)) == (None, None, 0)


@given(st.lists(st.tuples(st.sampled_from("pgd"), st.integers(0, 6)), max_size=60), st.integers(1, 4))
def test_asg_23_it_behaves_as_an_ordered_list_would(steps: list[tuple[str, int]], entries: int) -> None:
    cache, model = Sticky(entries, 60_000, Clock()), list[int]()
    act: dict[str, Callable[[int], object]] = {"p": lambda key: cache.put(key, key), "g": cache.get, "d": cache.drop}
    for what, key in steps:
        found = act[what](key)
        if what == "g":
            assert found == (key if key in model else None)
        if what == "d" or key in model:
            model = [other for other in model if other != key] + [key] * (what != "d")
        elif what == "p":
            model = [*model, key][-entries:]
    assert len(cache) == len(model)
