"""The template as it should be, so that any change of the infrastructure is a difference that a reviewer sees.

``python -m infra.golden`` (``make synth``) synthesises, looks with cdk-nag and cfn-lint, and writes ``burgee-prod.json``:
production with everything that is optional, without what changes with every build (hashes of code and versions). The HTTP API
alone isn't in it: what it adds to a stage is ``burgee-dev-api.json``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = Path(__file__).resolve().parent / "burgee-prod.json"
GOLDEN_API = GOLDEN.with_name("burgee-dev-api.json")
OF_API = re.compile(r"(Watch)?Api[A-Z]")  # how what infra.making_api makes is called, and the alarms on it
SETTINGS = Path("tests") / "infra" / "settings.json"  # below the root: made-up values for everything optional
STAGES = ("burgee-dev", "burgee-staging", "burgee-prod")
# CDK writes a dependency on the role beside the reference to it, which cfn-lint finds once too often.
LINT_EXCEPTIONS = ("W3005",)
LINT = "from cfnlint.runner import main; main()"


def synthesise(out: Path) -> str:
    """The assembly of all stages into ``out``, with cdk-nag's verdict; what was said if that failed, else empty."""
    command = [sys.executable, "-m", "infra.app", "--code", "sources", "--settings", str(SETTINGS), "--out", str(out), "--nag"]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _environment() -> dict[str, str]:
    """Without AWS: what is made must not depend on whose account this machine knows."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return kept | {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}


def lint(out: Path) -> str:
    """What cfn-lint finds in the least and the largest template; empty if nothing."""
    templates = [str(out / f"{stage}.template.json") for stage in (STAGES[0], STAGES[-1])]
    command = [sys.executable, "-c", LINT, "--ignore-checks", *LINT_EXCEPTIONS, "--", *templates]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def template(out: Path, stage: str) -> dict[str, Any]:
    """A stage's template."""
    found: dict[str, Any] = json.loads((out / f"{stage}.template.json").read_text())
    return found


def normal(document: dict[str, Any]) -> str:
    """The template's text without what another build would change."""
    text = json.dumps(document, indent=1, sort_keys=True)
    text = re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1", text)
    return re.sub(r'"[0-9a-f]{64}\.zip"', '"code.zip"', text) + "\n"


def of_api(document: dict[str, Any]) -> dict[str, Any]:
    """The part of a template that is there because of the API."""
    parts = ("Resources", "Outputs")
    return {part: {name: each for name, each in document[part].items() if OF_API.match(name)} for part in parts}


def main() -> int:
    if shutil.which("node") is None:
        print("burgee: CDK runs in Node.js, and there is no node on the path: apt-get install nodejs", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        said = synthesise(out) or lint(out)
        if said:
            print(said, file=sys.stderr)
            return 1
        GOLDEN.write_text(normal(template(out, STAGES[-1])))
        GOLDEN_API.write_text(normal(of_api(template(out, STAGES[0]))))
    print(f"{GOLDEN.parent.relative_to(ROOT)} is written: git diff shows what has changed")
    return 0
