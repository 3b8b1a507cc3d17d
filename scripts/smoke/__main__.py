"""``python -m scripts.smoke --url URL``: one line a check; exit 1 when one fails, 2 when it can't begin.

Against ``burgee up examples/``::

    python -m scripts.smoke --url http://127.0.0.1:8080 --experiment checkout-button \\
        --context '{"platform": "web", "cart": {"items": 2}}' --counted

Against AWS: ``--outputs FILE``, what ``cdk deploy --outputs-file FILE`` wrote, has the API's URL, or else every function's.
The API key may be in the variable ``BURGEE_SMOKE_KEY``, which keeps it out of the list of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from scripts.smoke.asking import FUNCTIONS, Platform, Skipped, Wrong, is_aws
from scripts.smoke.checks import AGE_MS, CHECKS, Asked

SECONDS = 60.0
KEY = "BURGEE_SMOKE_KEY"


@dataclass(frozen=True, slots=True)
class Result:
    """One check. ``found``: in a few words."""

    check: str
    outcome: Literal["ok", "FAILED", "skipped"]
    found: str
    ms: int


def run(platform: Platform, asked: Asked, names: Collection[str] = CHECKS.keys()) -> list[Result]:
    """The checks, each once, whatever the others find."""
    results = []
    for name, check in CHECKS.items():
        if name not in names:
            continue
        started = time.monotonic()
        try:
            result: tuple[Literal["ok", "FAILED", "skipped"], str] = ("ok", check(platform, asked))
        except Skipped as why:
            result = ("skipped", str(why))
        except Wrong as what:
            result = ("FAILED", str(what))
        except Exception as error:  # an answer of a shape that nobody thought of fails its check, not the smoke test
            result = ("FAILED", f"an answer of an unexpected shape: {type(error).__name__}: {error}")
        results.append(Result(name, *result, round((time.monotonic() - started) * 1000)))
    return results


def outputs_of(outputs: Path, stack: str) -> dict[str, str]:
    """One stack's, in CDK's file of outputs; ``stack`` may be empty if there is only one. Raises ValueError without it."""
    stacks = json.loads(outputs.read_text())
    names = [stack] if stack else sorted(stacks)
    if len(names) != 1 or names[0] not in stacks:
        raise ValueError(f"{outputs.name} has the stacks {', '.join(sorted(stacks))}; name one with --stack")
    return dict(stacks[names[0]])


def urls_of(outputs: Path, stack: str) -> dict[str, str]:
    """The functions' URLs; where there is an API, its URL stands for all of them.

    Raises ValueError without that stack, or without either.
    """
    told = outputs_of(outputs, stack)
    if api := told.get("ApiUrl"):
        return {"flags": api}
    found = {name: told.get(f"{name.capitalize()}Url", "") for name in FUNCTIONS}
    if not found["flags"]:
        raise ValueError(f"{outputs.name} has neither ApiUrl nor FlagsUrl for the stack")
    return {name: url for name, url in found.items() if url}


def platform_of(options: argparse.Namespace) -> Platform:
    """Whom to ask. Raises ValueError."""
    if bool(options.url) == bool(options.outputs):
        raise ValueError("give either --url or --outputs")
    urls = {"flags": options.url} if options.url else urls_of(options.outputs, options.stack)
    for url in urls.values():
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"{url!r} is no URL of http or https")
    # On AWS the results are IAM's (infra/functions.py), at their own URL and at an API's; on this machine they aren't.
    everything = options.iam or (
        options.outputs and outputs_of(options.outputs, options.stack).get("ApiAuthorisation") == "iam"
    )
    of_iam = FUNCTIONS if everything else ("results",) if is_aws(urls.get("results", urls["flags"])) else ()
    key = options.key or os.environ.get(KEY, "")
    return Platform(urls, key, time.monotonic() + options.seconds, frozenset(of_iam))


def asked_of(options: argparse.Namespace) -> Asked:
    """What to ask about. Raises ValueError."""
    context = json.loads(options.context)
    if not isinstance(context, dict):
        raise ValueError("--context must be a JSON object")
    if options.counted and not options.experiment:
        raise ValueError("--counted needs --experiment: results are an experiment's")
    return Asked(options.flag, options.experiment, context, options.expect_version, options.counted, options.max_age_ms)


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, parsed. argparse exits with 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.smoke", description="Whether a platform that runs does what it should."
    )
    parser.add_argument("--url", default="", help="one URL for everything, as of burgee up or of one API")
    parser.add_argument("--outputs", type=Path, metavar="FILE", help="instead: what cdk deploy --outputs-file wrote")
    parser.add_argument("--stack", default="", help="which stack of the outputs, if there are several")
    parser.add_argument("--key", default="", help=f"an API key; better in {KEY}")
    parser.add_argument(
        "--iam", action="store_true", help="sign every question, as an API's --url asks whose authorisation is iam"
    )
    parser.add_argument("--flag", default="", help="the flag to ask for (the first of all)")
    parser.add_argument("--experiment", default="", help="the experiment to assign a user of; without it none is")
    parser.add_argument("--context", default="{}", metavar="JSON", help="of that user, so that the experiment takes them")
    parser.add_argument("--expect-version", type=int, metavar="N", help="the store's version that must be served")
    parser.add_argument("--max-age-ms", type=int, default=AGE_MS, help=f"the oldest confirmation of a snapshot ({AGE_MS})")
    parser.add_argument("--counted", action="store_true", help="wait until the results count the events")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"the time for everything ({SECONDS:.0f})")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Gives its exit status."""
    options = options_of(arguments)
    try:
        platform, asked = platform_of(options), asked_of(options)
    except (ValueError, OSError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 2
    results = run(platform, asked)
    failed = [result for result in results if result.outcome == "FAILED"]
    if options.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(result) for result in results]}, indent=1))
    else:
        for result in results:
            print(f"{result.outcome:<8} {result.check:<17} {result.ms:>6} ms  {result.found}")
        print(f"{len(failed)} of {len(results)} checks failed" if failed else "everything that was asked is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
