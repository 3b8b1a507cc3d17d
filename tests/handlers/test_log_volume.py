"""How much a request leaves in the log (requirement CST-07): what the cost model reckons with is measured here."""

import pytest

from benchmarks import bench_log_volume
from evaluator import IMPLEMENTATION
from infra.prices import prices

REQUESTS = 600

pytestmark = pytest.mark.skipif(IMPLEMENTATION != "fast", reason="the Cython core isn't built")


@pytest.mark.parametrize("kind", bench_log_volume.KINDS)
def test_cst_07_a_request_writes_one_line_of_bounded_size(kind: str) -> None:
    lines, size = bench_log_volume.measure(kind, 1.0, REQUESTS)
    most = prices().given("line-bytes")
    assert lines == pytest.approx(1 + 1 / REQUESTS)  # the other one is about the snapshot that was loaded
    assert size <= most
    assert kind != "POST one flag" or size > 0.9 * most, "the cost model's figure is out of date"


@pytest.mark.parametrize("kind", bench_log_volume.KINDS)
def test_cst_07_at_a_rate_of_one_in_a_hundred_lines_are_few(kind: str) -> None:
    lines, size = bench_log_volume.measure(kind, 0.01, REQUESTS)
    assert 1 / 100 <= lines <= 2 * prices().given("lines-a-request")
    assert size / lines <= prices().given("held-line-bytes")
    assert size <= 45
