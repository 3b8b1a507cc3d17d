"""A sync in a process of its own that dies at a chosen step. Run by tests in a child process."""

import os
from typing import Any

from config_sync.store import Store, Stored, open_store
from handlers import sync

KILLED = 9


class Dying:
    """A store that ends the process without any farewell right after its n-th operation."""

    def __init__(self, store: Store, step: int) -> None:
        self._store = store
        self._left = step

    @property
    def url(self) -> str:
        return self._store.url

    def _operate(self, name: str, *arguments: Any) -> Any:
        answer = getattr(self._store, name)(*arguments)
        self._left -= 1
        if self._left == 0:
            os._exit(KILLED)
        return answer

    def get(self, name: str, limit: int | None = None) -> Stored | None:
        found: Stored | None = self._operate("get", name, limit)
        return found

    def create(self, name: str, data: bytes) -> bool:
        return bool(self._operate("create", name, data))

    def replace(self, name: str, data: bytes, etag: str | None) -> bool:
        return bool(self._operate("replace", name, data, etag))

    def names(self, prefix: str = "") -> list[str]:
        return list(self._operate("names", prefix))


def run(environment: dict[str, str], step: int) -> None:
    """One sync; ends with code KILLED if it came to that step, with 0 if there are fewer."""
    os.environ.update(environment)
    url = environment["BURGEE_STORE"]
    dying = Dying(open_store(url), step)
    sync._store = lambda url: dying  # type: ignore[assignment]
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    sync.handler({}, None)
