"""Deploys one stage: ``python -m scripts.deploy staging``. What the workflow ``deploy.yml`` does, and people in the same way.

What users have is written down; ``cdk deploy`` makes the new versions, to which CodeDeploy moves users as a canary, and back
when an alarm comes; the smoke test asks the result, and when it fails everybody gets the old versions again. What comes after
``--`` is the smoke test's. docs/deployment.md.

Exit 1: it isn't deployed, or was taken back. 2: it couldn't begin.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.stages import STAGES
from scripts.smoke.__main__ import asked_of, options_of

ROOT = Path(__file__).resolve().parent.parent
CDK = "aws-cdk@2.1148.0"
"""The program, from npm. 3.0.0 doesn't know the schema of the Python package that pyproject.toml has."""
OK, FAILED, NOT_BEGUN = 0, 1, 2

Run = Callable[[Sequence[str]], int]


def _run(command: Sequence[str]) -> int:
    """Runs it where the project is, with its output where ours is; its exit status."""
    print("+", *(part if len(part) < 200 else "…" for part in command), file=sys.stderr, flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def deploy(stage: str, settings: str, smoke: Sequence[str], place: Path, run: Run = _run) -> int:
    """The deployment; its exit status. ``smoke``: more arguments of the smoke test; ``place``: where notes are kept."""
    try:
        asked_of(options_of(["--url", "https://example", *smoke]))  # now, and not when a mistake there would take it all back
    except ValueError as error:
        print(f"deploy: the smoke test: {error}", file=sys.stderr)
        return NOT_BEGUN
    stack, python = f"burgee-{stage}", sys.executable
    versions, outputs = place / "versions.json", place / "outputs.json"
    if run([python, "-m", "scripts.canary", "record", "--stack", stack, "--file", str(versions)]):
        return NOT_BEGUN
    made = ["npx", "--yes", CDK, "deploy", stack, "--app", f"{python} -m infra.app", "--require-approval", "never"]
    made += ["--outputs-file", str(outputs), *(["-c", f"settings={settings}"] if settings else [])]
    if run(made):
        print("deploy: CloudFormation and CodeDeploy take back by themselves what they had begun", file=sys.stderr)
        return FAILED
    if run([python, "-m", "scripts.smoke", "--outputs", str(outputs), "--stack", stack, *smoke]) == 0:
        print(f"deploy: {stack} is deployed, and does what it should")
        return OK
    print("deploy: the smoke test failed: everybody gets the versions from before", file=sys.stderr)
    if run([python, "-m", "scripts.canary", "back", "--file", str(versions)]):
        print(
            f"deploy: NOT EVERYTHING IS BACK: see docs/deployment.md, rollback; the versions are in {versions}", file=sys.stderr
        )
    return FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, smoke = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = argparse.ArgumentParser(prog="python -m scripts.deploy", description="Deploys a stage, asks it, takes it back.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--settings", default="", metavar="FILE", help="what docs/deployment.md lists")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="where versions.json and outputs.json are left")
    options = parser.parse_args(own)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return deploy(options.stage, options.settings, smoke, options.keep.resolve())
    with tempfile.TemporaryDirectory() as place:
        return deploy(options.stage, options.settings, smoke, Path(place))


if __name__ == "__main__":
    sys.exit(main())
