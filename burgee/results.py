"""``burgee results``: how an experiment does, as tables and pictures in a terminal. For ``burgee.cli``.

Asks the results function by its URL, or reads the table of counters itself; with ``--archive`` that only says which experiment
and phase it is about, and every event is counted. boto3, DuckDB and rich are imported when they are needed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import date
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burgee.commands import print_json, write_file
from burgee.trouble import Trouble, UsageError

if TYPE_CHECKING:
    from evaluator import Evaluator
    from handlers._results_store import Look

URL, API_KEY = "BURGEE_RESULTS_URL", "BURGEE_API_KEY"
TABLE, STORE, HORIZON = "DYNAMODB_TABLE", "BURGEE_STORE", "BURGEE_RESULTS_HORIZON"
DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_SECONDS = 30
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def add_command(add: _Commands[argparse.ArgumentParser]) -> None:
    """Tells argparse about it."""
    made = add.add_parser("results", help="say how an experiment does: exposures, conversions, lift, sample ratio")
    made.add_argument("key", metavar="KEY", help="the experiment")
    place = made.add_mutually_exclusive_group()
    place.add_argument("--url", metavar="URL", help=f"of the results function (default: {URL}, or {DEFAULT_URL})")
    place.add_argument("--table", metavar="NAME", help="read the table of counters instead, with this machine's AWS login")
    made.add_argument("--store", metavar="URL", help=f"with --table: the store of the experiments (default: {STORE})")
    made.add_argument(
        "--archive",
        metavar="PLACE",
        help="count every event of the archive, a folder or s3://bucket/prefix, instead of estimating",
    )
    made.add_argument(
        "--since", metavar="DATE", type=_date, help="with --archive: where to begin reading (default: the phase's start)"
    )
    made.add_argument("--phase", metavar="N", type=_phase, help="a phase (default: the newest)")
    made.add_argument("--metric", metavar="NAME", help="whose lift is drawn (default: the one with most events)")
    made.add_argument("--svg", metavar="FILE", help="write the picture of the lift over time as well")
    made.add_argument("--json", action="store_true", help="print the document as JSON")
    made.set_defaults(run=results)


def results(options: argparse.Namespace) -> int:
    """Prints what is known; 1 if the sample ratio is wrong, so that a script hears of it."""
    if options.store and not options.table:
        raise UsageError("--store goes with --table")
    if options.since and not options.archive:
        raise UsageError("--since goes with --archive")
    if options.archive:
        document, picture = _from_archive(options)
    else:
        document, picture = _from_table(options) if options.table else _from_url(options)
    if options.svg:
        write_file(Path(options.svg), picture.encode())
    if options.json:
        print_json(document)
    else:
        try:
            from burgee.results_view import show
        except ModuleNotFoundError as error:
            hint = "pip install 'burgee[up]', or use --json"
            raise Trouble(f"results needs the package {error.name}: {hint}") from error
        show(document, options.metric)
    return 1 if document["sample_ratio"]["mismatch"] else 0


def _from_archive(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Every event counted; the experiment and its phases are who keeps the counters'. Raises Trouble."""
    try:
        from burgee.archive_results import from_archive
    except ModuleNotFoundError as error:
        raise Trouble(f"results --archive needs the package {error.name}: pip install 'burgee[archive]'") from error
    from handlers._lift_picture import draw

    plain = argparse.Namespace(**vars(options) | {"metric": None, "svg": None})
    known, _ = _from_table(plain) if options.table else _from_url(plain)
    document, looks = from_archive(known, time.time_ns() // 1_000_000, options.archive, options.since)
    document["history"] = [look._asdict() for look in looks]
    metric = _check_metric(document, options.metric)
    return document, draw(document, looks, metric)


# --- by its URL -----------------------------------------------------------------------------------------------------------


def _from_url(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The document with its history, and the picture if it is wanted. Raises Trouble."""
    base = (options.url or os.environ.get(URL) or DEFAULT_URL).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"{base} is no URL of http or https")
    place = f"{base}/experiments/{urllib.parse.quote(options.key, safe='')}/results"
    asked = {"phase": str(options.phase)} if options.phase else {}
    try:
        document: dict[str, Any] = json.loads(_get(place, asked | {"history": "1"}))
        _check_metric(document, options.metric)
    except (ValueError, LookupError, TypeError) as error:
        raise Trouble(f"{place}: the answer isn't that of the results function") from error
    if not options.svg:
        return document, ""
    return document, _get(f"{place}.svg", asked | ({"metric": options.metric} if options.metric else {})).decode()


def _get(place: str, query: dict[str, str]) -> bytes:
    url = f"{place}?{urllib.parse.urlencode(query)}" if query else place
    key = os.environ.get(API_KEY)
    request = urllib.request.Request(url, headers={"x-api-key": key} if key else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            found: bytes = answer.read(MAX_ANSWER_BYTES)
            return found
    except urllib.error.HTTPError as error:
        raise Trouble(f"{url}: {error.code}: {_said(error)}") from error
    except urllib.error.URLError as error:
        raise Trouble(f"{url} can't be reached: {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise Trouble(f"{url} doesn't answer: {type(error).__name__}") from error


def _said(error: urllib.error.HTTPError) -> str:
    """The refusal's own words."""
    try:
        found = json.loads(error.read(MAX_ANSWER_BYTES))
        return str(found.get("error") or found.get("errorDetails") or error.reason)
    except (ValueError, AttributeError, OSError, HTTPException):
        return str(error.reason)


# --- from the table -------------------------------------------------------------------------------------------------------


def _from_table(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The same, read here. Raises Trouble."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError

        from handlers.results import results_of
    except ModuleNotFoundError as error:
        raise Trouble(f"results --table needs the package {error.name}: pip install 'burgee[events]'") from error
    from handlers._experiments import experiments_of
    from handlers._lift_picture import draw
    from handlers._results_store import NoSuchPhase, look_at

    experiment = experiments_of(_evaluator(options.store or os.environ.get(STORE))).get(options.key)
    if experiment is None:
        raise Trouble(f"the store has no experiment {options.key!r}")
    now_ms = time.time_ns() // 1_000_000
    looks: list[Look] = []
    try:
        table = results_of({TABLE: options.table, HORIZON: os.environ.get(HORIZON, "")})
        document = table.read(experiment, now_ms, options.phase)
        if document["phase"] is not None:
            looks = table.looks(experiment, document["phase"]["number"])
    except (NoSuchPhase, ValueError) as error:
        raise Trouble(str(error)) from error
    except (ClientError, BotoCoreError) as error:
        raise Trouble(f"the table {options.table} can't be read: {error}") from error
    looks.append(look_at(document, now_ms))
    document["history"] = [look._asdict() for look in looks]
    metric = _check_metric(document, options.metric)
    return document, draw(document, looks, metric)


def _evaluator(url: str | None) -> Evaluator:
    """Of the store's newest version. Raises Trouble."""
    from config_sync.release import fetch
    from config_sync.store import open_store
    from evaluator import Evaluator
    from evaluator.errors import BurgeeError

    if not url:
        raise UsageError(f"results --table needs --store, or {STORE} in the environment: it names the experiments")
    try:
        return Evaluator(fetch(open_store(url), None)[1])
    except BurgeeError as error:
        raise Trouble(str(error)) from error


def _check_metric(document: dict[str, Any], metric: str | None) -> str | None:
    """The metric to draw; None if there is none. Raises Trouble for one that isn't there."""
    known = [str(each["metric"]) for each in document["metrics"]]
    if metric is not None and metric not in known:
        raise Trouble(f"there is no metric {metric!r}; there are: {', '.join(known) or 'none yet'}")
    return metric or next(iter(known), None)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a date, such as 2026-01-31") from None


def _phase(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
