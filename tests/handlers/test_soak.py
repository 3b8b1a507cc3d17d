"""Many evaluations through the handler leave the process as it was. The whole million is ``benchmarks.bench_edge --soak``."""

import json

import pytest

from benchmarks import bench_edge
from evaluator import IMPLEMENTATION


@pytest.mark.skipif(IMPLEMENTATION != "fast", reason="the Cython core isn't built")
@pytest.mark.skipif(not bench_edge.STATM.exists(), reason="resident memory is read from /proc")
def test_prf_04_memory_does_not_grow_with_evaluations() -> None:
    found = bench_edge.in_process(bench_edge.HANDLER, 0, 60_000, "null")["soak"]
    assert found["evaluations"] == 60_000
    assert found["growth"] < 0.05, json.dumps(found)
