"""``burgee shadow``: two evaluators, asked the same of the same users, must agree (requirement PIP-03). For ``burgee.cli``.

A side is an OFREP endpoint's URL (a Lambda, a backend, ``burgee serve``), or a project or snapshot. ``burgee diff`` is for two
projects: it says what a change does. This is for two programs that should answer alike, and counts every answer.
"""

import argparse
import json
import os
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, NamedTuple

from burgee.commands import checked_snapshot, plural, print_json
from burgee.contexts import Context, read_contexts
from burgee.project import add_dialect
from burgee.trouble import Trouble, UsageError
from evaluator import Evaluator
from handlers._ofrep import FLAGS_PATH

KEY = "BURGEE_API_KEY"
TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MOST_SHOWN = 20
WHOLE = "(all flags)"  # stands for a flag where the endpoint refuses the context
NO_FLAG = "(no flag)"

Answers = Mapping[str, str]  # flag -> what it is answered, as a line that can be compared and read
Side = Callable[[Context], Answers]


class Disagreement(NamedTuple):
    """A flag that the sides answer differently: how often, and the first time. ``number``: which context, from 1."""

    flag: str
    left: str
    right: str
    times: int
    number: int


class Report(NamedTuple):
    """``answers``: of all contexts and flags; ``agreed``: how many of them are the same on both sides."""

    contexts: int
    answers: int
    agreed: int
    disagreements: tuple[Disagreement, ...]


def shadow(options: argparse.Namespace) -> int:
    """Prints how far the sides agree; 1 unless they do in everything."""
    left, right = _side(options.left, options), _side(options.right, options)
    report = compare(left, right, read_contexts(options.contexts), frozenset(options.flag))
    if not report.answers:
        raise Trouble(f"{options.contexts} led to no answer: there is nothing to compare")
    if options.json:
        shown = {**report._asdict(), "disagreements": [each._asdict() for each in report.disagreements]}
        print_json(shown)
    else:
        print("\n".join(_lines(report)))
    return 0 if report.agreed == report.answers else 1


def compare(left: Side, right: Side, contexts: Iterable[Context], only: frozenset[str] = frozenset()) -> Report:
    """Asks both sides about every context. ``only``: these flags; none: all that either side has."""
    asked = answers = agreed = 0
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], int] = {}
    for asked, context in enumerate(contexts, 1):
        mine, theirs = left(context), right(context)
        for flag in sorted((mine.keys() | theirs.keys()) & only if only else mine.keys() | theirs.keys()):
            answers += 1
            found = (flag, mine.get(flag, NO_FLAG), theirs.get(flag, NO_FLAG))
            if found[1] == found[2]:
                agreed += 1
            else:
                counts[found] += 1
                first.setdefault(found, asked)
    found_all = (Disagreement(*found, count, first[found]) for found, count in counts.most_common())
    return Report(asked, answers, agreed, tuple(found_all))


def _lines(report: Report) -> Iterator[str]:
    share = f"{100 * report.agreed / report.answers:.4f}".rstrip("0").rstrip(".")
    if report.agreed < report.answers and share == "100":
        share = "less than 100"  # rounded it would be what it isn't
    yield f"{plural(report.contexts, 'context')}: {report.agreed:,} of {report.answers:,} answers agree ({share} %)"
    for each in report.disagreements[:MOST_SHOWN]:
        yield f"  {each.flag}: {each.left} | {each.right}  {each.times:,} times, first of context {each.number}"
    if len(report.disagreements) > MOST_SHOWN:
        yield f"  and {len(report.disagreements) - MOST_SHOWN} more: --json"


# --- sides ----------------------------------------------------------------------------------------------------------------


def _side(name: str, options: argparse.Namespace) -> Side:
    """Raises UsageError for what is neither a URL nor a path, Trouble for a project that doesn't compile."""
    if name.startswith(("http://", "https://")):
        url = name.rstrip("/") + FLAGS_PATH
        return lambda context: _of_url(url, context)
    if "://" in name:
        raise UsageError(f"{name} is no URL of http or https")
    evaluator = Evaluator(checked_snapshot(name, options.dialect))
    return lambda context: _read(evaluator.evaluate_all_json(context, options.now))


def _of_url(url: str, context: Context) -> Answers:
    key = os.environ.get(KEY)
    headers = {"Content-Type": "application/json", **({"X-Api-Key": key} if key else {})}
    body = json.dumps({"context": context}).encode()
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http or https, looked at in _side
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return _read(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 400:
                raise Trouble(f"{url} answers {error.code}") from error
            return {WHOLE: _refusal(error.read(MAX_ANSWER_BYTES))}
    except (OSError, HTTPException) as error:
        raise Trouble(f"{url} doesn't answer: {getattr(error, 'reason', None) or type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(f"{url}: the answer isn't OFREP's") from error


def _read(body: bytes) -> Answers:
    return {flag["key"]: _line(flag) for flag in json.loads(body)["flags"]}


def _line(flag: Mapping[str, Any]) -> str:
    """Variant and value, or the error; not the reason, for which every program has its own words."""
    if "errorCode" in flag:
        return f"({flag['errorCode']})"
    value = json.dumps(flag.get("value"), sort_keys=True, ensure_ascii=False)
    return f"{flag['variant']} = {value}" if flag.get("variant") is not None else value


def _refusal(body: bytes) -> str:
    try:
        return f"({json.loads(body).get('errorCode', 400)})"
    except (ValueError, AttributeError):
        return "(400)"


def add_command(add: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = add.add_parser("shadow", help="ask two evaluators the same, and count where they disagree")
    parser.add_argument("left", metavar="LEFT", help="an OFREP endpoint (http://host:port), or a project or snapshot")
    parser.add_argument("right", metavar="RIGHT", help="the same")
    parser.add_argument(
        "--contexts", metavar="FILE", required=True, help="recorded users: a JSON array of contexts, or one context a line"
    )
    parser.add_argument("--flag", metavar="KEY", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--now", metavar="MS", type=float, help="the time for a project or snapshot (default: the clock)")
    add_dialect(parser)
    parser.set_defaults(run=shadow)
