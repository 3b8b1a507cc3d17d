"""A publisher that is killed, as a process: ``python -m tests.config_sync.killed DIRECTORY``. For ``test_release_crash``.

For every operation of a publish over version 1 it makes a store of its own below DIRECTORY, and a child that ends without a
word (``os._exit``) right before, or right after, that operation. Prints how many operations there are.
"""

import os
import sys
from pathlib import Path

from config_sync.release import publish
from config_sync.store import DirectoryStore
from tests.config_sync.stores import Failing, build, published

NEVER = -1


def main(root: Path) -> int:
    """Makes the stores ``<operation>-before`` and ``<operation>-after``."""
    whole = Failing(published(DirectoryStore(root / "whole"), 1), NEVER)
    publish(whole, build(2))
    count = len(whole.operations)
    for at in range(count):
        for after in (False, True):
            _kill(root / f"{at}-{'after' if after else 'before'}", at, after)
    return count


def _kill(place: Path, at: int, after: bool) -> None:
    store = published(DirectoryStore(place), 1)
    child = os.fork()
    if child == 0:
        publish(Failing(store, at, after, lambda: os._exit(9)), build(2))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 9:
        raise RuntimeError(f"the publisher of {place} wasn't killed")


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
