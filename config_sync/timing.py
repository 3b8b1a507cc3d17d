"""How long the steps of one run take. For ``config_sync.release``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Adds up time by step; a step that is done twice counts twice."""

    def __init__(self) -> None:
        self.taken_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            taken_ms = (time.perf_counter() - start) * 1_000
            self.taken_ms[step] = round(self.taken_ms.get(step, 0.0) + taken_ms, 3)
