"""``python -m tests.config_sync.convert_suites MODULE``: a dialect's conformance suite, every document of it converted first.

In a process of its own, since suites keep what they have compiled. Prints one JSON object.
"""

import importlib
import json
import sys

from tests.config_sync import converting


def main(name: str) -> None:
    """Runs the suite of a test module on the core in use."""
    stand_in = converting.install()
    suite = importlib.import_module(name).SUITE
    core = importlib.import_module(f"evaluator._{sys.argv[2]}.evaluator")
    tally = suite.tally(core)
    counted = {"cases": tally.cases, "passed": tally.passed, "failures": tally.failures[:5]}
    print(json.dumps(counted | {"projects": stand_in.projects, "differing": stand_in.differing[:5]}))


if __name__ == "__main__":
    main(sys.argv[1])
