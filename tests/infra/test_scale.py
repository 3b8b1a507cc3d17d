"""The arithmetic of docs/scale.md, and that the page shows it."""

from collections import Counter
from math import ceil

import pytest

from handlers._counters import WRITE_SHARDS, write_shard
from infra import scale
from infra.functions import function
from infra.prices import prices
from scripts import scale as page


def test_prf_01_concurrency_is_rate_times_duration_and_a_tenth_of_the_rate() -> None:
    short, long = scale.concurrency(100_000, 2), scale.concurrency(100_000, 250)
    assert (short.busy, short.quota) == (200, 10_000)
    assert (long.busy, long.quota) == (25_000, 25_000)
    assert short.ramp_s == pytest.approx(100)


def test_prf_01_the_required_rates_need_what_the_page_says() -> None:
    shown = page.reserved()
    for name, rate in page.REQUIRED.items():
        needed = ceil(rate / prices().at_most("lambda-rate"))
        assert f"| {needed:,} |" in shown
        assert scale.most_requests(function(name)) == function(name).reserved * 10


def test_prf_01_shards_follow_records_and_bytes() -> None:
    assert scale.stream(1_000).shards == 1
    assert scale.stream(1_001).shards == 2
    assert scale.stream(100_000).shards == 100
    assert scale.stream(100_000).units > prices().at_most("table-writes"), "the page says that the quota must be raised"


def test_agg_11_the_fullest_write_shard_is_the_codes_own() -> None:
    found = Counter(write_shard(f"events/shardId-{number:012d}") for number in range(64))
    assert len(found) == WRITE_SHARDS
    assert scale.lanes_of_hottest(64) == max(found.values()) < 64 / WRITE_SHARDS * 2
    most = scale.most_shards()
    per_lane = 1_000 / prices().given("events-a-batch") * scale.counter_units()
    assert scale.lanes_of_hottest(most) * per_lane <= 1_000 < scale.lanes_of_hottest(most + 1) * per_lane


def test_prf_01_a_billion_users_are_stored_in_partitions() -> None:
    found = scale.assigned(1_000_000_000)
    assert found.stored == pytest.approx(400e9)
    assert found.partitions == 40
    assert found.usd_written == pytest.approx(625)


def test_agg_06_a_sketch_is_as_exact_for_many_as_for_few() -> None:
    assert scale.sketch_error() < 0.01


def test_prf_01_looks_at_the_store_follow_the_interval() -> None:
    found = scale.followed(10_000)
    assert found.gets == pytest.approx(10_000 / 4.5)
    assert scale.followed(10_000, 30.0).gets == pytest.approx(found.gets / 6)
    assert found.usd > 10 * found.usd_express
    assert scale.most_lambdas("s3-gets", 2) == scale.most_lambdas("s3-gets") / 2
    assert scale.most_lambdas("s3-gets") == 24_750


def test_doc_10_the_page_of_scale_shows_the_figures_of_now() -> None:
    shown = page.PAGE.read_text(encoding="utf-8")
    assert page.page_text(shown) == shown, "python -m scripts.scale"
