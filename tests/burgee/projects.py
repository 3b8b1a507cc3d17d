"""Projects that the command line is tried on, and the command itself in its own process."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

GOOD = """\
flags:
  banner:
    type: string
    variants: {blue: "#00f", red: "#f00"}
    default: blue
    rules:
      - {id: professionals, when: {attribute: plan, operator: eq, value: pro}, variant: red}
  checkout:
    type: boolean
    variants: {"on": true, "off": false}
    default: "off"
    rules:
      - {id: half, split: {variants: {"on": 50, "off": 50}}}
  limits:
    type: object
    variants: {small: {seats: 3, tags: [a, b]}}
    default: small
  ratio:
    type: number
    variants: {half: 0.5, whole: 1.0}
    default: half
    rules:
      - {id: everything, when: {attribute: plan, operator: eq, value: pro}, variant: whole}
  seats:
    type: integer
    variants: {few: 3}
    default: few
"""
WITH_A_BROKEN_FLAG = GOOD + "  broken:\n    type: boolean\n    variants: {yes: 1, no: 2}\n    default: maybe\n"
NOT_YAML = "flags: {"
FLAGD = '{"flags": {"a": {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}}}'


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "burgee", *arguments]


def burgee(*arguments: str, stdin: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, as a person would."""
    return subprocess.run(
        command(*arguments), input=stdin, capture_output=True, text=True, check=False, cwd=cwd, timeout=60, encoding="utf-8"
    )
