"""``make audit``: are there known vulnerabilities in what is locked?

pip-audit asks the advisory services. Where neither answers (no network, an index without advisories), nothing was looked up,
and that is what is said: NOT AUDITED, and exit status 2, which is neither "nothing found" (0) nor "something found" (1).
"""

import json
import subprocess
import sys
from typing import Any

from scripts.bundle.core import ROOT

SERVICES = ("pypi", "osv")
NOT_AUDITED = 2


def audit(lock: str) -> tuple[int, list[str]]:
    """(exit status, words) about one lock file: asks one service after the other until one has looked everything up."""
    reasons = []
    for service in SERVICES:
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "locks" / lock), "--disable-pip", "--no-deps"]
        command += ["--require-hashes", "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            reasons.append(f"{service}: {(done.stderr.strip().splitlines() or ['no answer'])[-1]:.200}")
            continue
        status, words = verdict(lock, found)
        if status != NOT_AUDITED:
            return status, words
        reasons.append(f"{service}: {words[0]}")
    return NOT_AUDITED, [f"locks/{lock}: NOT AUDITED", *(f"  {reason}" for reason in reasons)]


def verdict(lock: str, found: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """What pip-audit's answer comes to. A distribution that was skipped hasn't been looked up."""
    bad = [each for each in found if each.get("vulns")]
    if bad:
        lines = (f"  {each['name']} {each['version']}: {', '.join(sorted(one['id'] for one in each['vulns']))}" for each in bad)
        return 1, [f"locks/{lock}: {len(bad)} distributions with known vulnerabilities", *lines]
    skipped = [each for each in found if "skip_reason" in each]
    if skipped or not found:
        why = f", the first of them because: {skipped[0]['skip_reason']:.120}" if skipped else ""
        return NOT_AUDITED, [f"{len(skipped)} of {len(found)} distributions weren't looked up{why}"]
    return 0, [f"locks/{lock}: {len(found)} distributions looked up, nothing known against them"]


def main() -> int:
    """Gives the exit status: 1 for something found, 2 for nothing looked up."""
    worst = 0
    for status, words in (audit(path.name) for path in sorted((ROOT / "locks").glob("*.txt"))):
        print("\n".join(words))
        worst = status if status == 1 else worst or status
    return worst


if __name__ == "__main__":
    sys.exit(main())
