"""``python -m tests.differential DIALECT --cases N --seed S``: asks a vendor's own engine and ours, and prints what differs.

Disagreements are printed as JSON, a line each: the question and both answers, ready to become a golden case; ``--again FILE``
asks such lines anew. What is explained in the dialect's page is counted only (``--all`` prints it). The last line sums up.
Exit code 1 if anything disagrees. It needs the vendor's package: ``make differential DIALECT=…`` makes an environment for it.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.differential.harness import Disagreement, Question, Run, module_of


def main(arguments: list[str] | None = None) -> int:
    """Runs, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("dialect")
    parser.add_argument("--cases", type=int, default=100_000, help="how many questions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other questions (default: %(default)s)")
    parser.add_argument("--most", type=int, default=20, help="print so many unexplained disagreements (default: %(default)s)")
    parser.add_argument("--core", choices=("fast", "pure"), default="fast", help="which of our cores (default: %(default)s)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="ask the questions of these printed lines instead")
    parser.add_argument("--all", action="store_true", help="print explained disagreements as well")
    parser.add_argument("--requirements", action="store_true", help="print what their engine is installed from")
    options = parser.parse_args(arguments)
    if options.requirements:
        print("\n".join(module_of(options.dialect).REQUIRES[options.dialect]))
        return 0
    run = Run(options.dialect, importlib.import_module(f"evaluator._{options.core}.evaluator"))
    found = again(run, options.again) if options.again else run.random(options.cases, options.seed)
    printed = 0
    for disagreement in found:
        if options.all or (disagreement.why is None and printed < options.most):
            printed += disagreement.why is None
            print(disagreement.line(), flush=True)
    print(run.tally.summary(options.dialect))
    return 1 if run.tally.unexplained else 0


def again(run: Run, path: Path) -> Iterator[Disagreement]:
    for line in path.read_text().splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            yield from run.ask([Question(told["document"], told["key"], told["context"], told["kind"], told.get("now"))])


if __name__ == "__main__":
    sys.exit(main())
