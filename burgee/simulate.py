"""``burgee simulate``: made-up traffic with a known truth, and what a running platform says of it. For ``burgee.cli``.

Two truths can be planted. An *effect*: users of the other variants buy more often than those of the control. A *sample ratio
mismatch*: a page that evaluates the experiment by itself breaks for a share of one variant's users before it has shown
anything, so that their exposures never come; that is how a mismatch usually comes about. Repeated and invalid events are sent
along, for they come too.
"""

import argparse
import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from burgee.contexts import read_context
from burgee.traffic import EXPOSURE, PURCHASE, Client, Event, Habits, Ledger, Traffic
from burgee.trouble import Trouble, UsageError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

URL = "http://127.0.0.1:8080"
CONTEXT = '{"platform": "web", "cart": {"items": 2}, "account": {"orders": 3}}'  # in every experiment of examples/
POLL_SECONDS = 0.5
_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def add_command(add: "_Commands[argparse.ArgumentParser]") -> None:
    """Tells argparse about it."""
    made = add.add_parser("simulate", help="send made-up users through an experiment of a running platform")
    made.add_argument("experiment", metavar="KEY", nargs="?", default="checkout-button", help="default: %(default)s")
    made.add_argument("--url", default=URL, help="of the platform (default: %(default)s)")
    made.add_argument("--users", metavar="N", type=_count, default=4_000, help="users in the experiment (default: %(default)s)")
    made.add_argument("--rate", type=_share, default=0.3, help="share of a control's users who buy (default: %(default)s)")
    made.add_argument(
        "--effect", type=_effect, default=0.25, help="by which share more do in the other variants (default: %(default)s)"
    )
    made.add_argument(
        "--srm", metavar="SHARE", type=_share, default=0.0,
        help="share of the last variant's users whose page breaks before it shows anything; the page evaluates by itself then",
    )  # fmt: skip
    made.add_argument(
        "--duplicates", type=_share, default=0.02, help="share of events that are sent twice (default: %(default)s)"
    )
    made.add_argument(
        "--invalid", metavar="N", type=int, default=5, help="events that are sent and invalid (default: %(default)s)"
    )
    made.add_argument(
        "--poison", metavar="N", type=int, default=0,
        help="invalid records that are put into the stream itself, by this environment's AWS settings (default: %(default)s)",
    )  # fmt: skip
    made.add_argument("--stream", metavar="NAME", default="events", help="that stream (default: %(default)s)")
    made.add_argument("-c", "--context", metavar="JSON", default=CONTEXT, help="every user's attributes; @FILE reads a file")
    made.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default: %(default)s)")
    made.add_argument("--name", type=_name, help="the run's, in its users' and events' ids (default: another one each time)")
    made.add_argument("--wait", metavar="S", type=float, default=60.0, help="for the results (default: %(default)s seconds)")
    made.add_argument("--json", action="store_true", help="print one JSON document")
    made.set_defaults(run=simulate)


def simulate(options: argparse.Namespace) -> int:
    """Sends the traffic and says what was planted and what was found; 1 if the results aren't those that were planted."""
    context = read_context(options.context)
    if not isinstance(context, dict):
        raise UsageError("the context must be a JSON object")
    client = Client(options.url)
    before = results(client, options.experiment)
    control = before["control"]
    variants = [one["variant"] for one in before["variants"]]
    if control is None or len(variants) < 2:
        raise Trouble(f"{options.experiment} has no two variants")
    lossy = [name for name in variants if name != control][-1]
    habits = Habits(options.rate, options.effect, options.srm, lossy)
    run_id = options.name or secrets.token_hex(4)
    traffic = Traffic(client, options.experiment, dict(context), habits, options.seed, run_id)
    started = time.monotonic()
    events: list[Event] = []
    if options.srm:
        events += traffic.exposures(traffic.render(options.users))
    else:
        users = traffic.assign(options.users)
        traffic.exposed(users)
        events += traffic.purchases(users, control)
    events += traffic.invalid(options.invalid)
    traffic.send(events, options.duplicates)
    if options.poison:
        put_poison(_kinesis(), options.stream, options.poison, run_id)
    sent = Sent(traffic.ledger, habits, control, time.monotonic() - started, options.poison)
    found = wait_for(client, options.experiment, before, sent, options.wait)
    told = report(sent, before, found)
    print(json.dumps(told, indent=2) if options.json else in_words(options.experiment, told))
    return 0 if told["counted"] else 1


@dataclass(frozen=True)
class Sent:
    """What a run has done. ``seconds``: how long it took; ``poison``: invalid records in the stream."""

    ledger: Ledger
    habits: Habits
    control: str
    seconds: float
    poison: int = 0

    def count(self, variant: str, event_type: str) -> int:
        found = self.ledger.variants.get(variant, {}).get(event_type)
        return 0 if found is None else found.events


def results(client: Client, experiment: str) -> dict[str, Any]:
    """What the platform says of an experiment. Raises Trouble."""
    answer = client.ask("GET", f"/experiments/{quote(experiment, safe='')}/results")
    if answer.status != 200 or not isinstance(answer.body, dict):
        said = answer.body.get("error", "") if isinstance(answer.body, dict) else ""
        raise Trouble(f"the results of {experiment} are answered {answer.status}: {said}")
    return answer.body


def put_poison(kinesis: "KinesisClient", stream: str, count: int, run_id: str) -> None:
    """Records that no repetition can help, as a producer writes them that doesn't go through /events."""
    wrong = (b"no JSON", b"[]", b"\xff\xfe", b'{"event_id": "x"}', b'{"event_id": 1, "event_type": "purchase", "user_id": "u"}')
    records: list[Any] = [
        {"Data": wrong[number % len(wrong)], "PartitionKey": f"sim-{run_id}-{number}"} for number in range(count)
    ]
    for start in range(0, count, 500):
        done = kinesis.put_records(StreamName=stream, Records=records[start : start + 500])
        if done["FailedRecordCount"]:
            raise Trouble(f"the stream {stream} didn't take {done['FailedRecordCount']} records")


def wait_for(client: Client, experiment: str, before: dict[str, Any], sent: Sent, seconds: float) -> dict[str, Any]:
    """The results as soon as everything is counted; else those at the end of the time."""
    deadline = time.monotonic() + seconds
    while True:
        found = results(client, experiment)
        if is_counted(before, found, sent) or time.monotonic() >= deadline:
            return found
        time.sleep(POLL_SECONDS)


def is_counted(before: dict[str, Any], found: dict[str, Any], sent: Sent) -> bool:
    """Whether the counts have grown by exactly what was sent."""
    old, new = counts(before), counts(found)
    wanted = {(variant, kind): tally.events for variant, kinds in sent.ledger.variants.items() for kind, tally in kinds.items()}
    return all(new.get(key, 0) - old.get(key, 0) == number for key, number in wanted.items()) and all(
        new[key] == old.get(key, 0) for key in new if key not in wanted
    )


def counts(found: dict[str, Any]) -> dict[tuple[str, str], int]:
    """(variant, event type) -> how many events the results have."""
    counted = {(one["variant"], EXPOSURE): int(one["exposures"]) for one in found["variants"]}
    for one in found["variants"]:
        counted |= {(one["variant"], kind): int(event["events"]) for kind, event in one["events"].items()}
    return counted


def report(sent: Sent, before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What was planted beside what was found, for JSON."""
    metric = next((one for one in found["metrics"] if one["metric"] == PURCHASE), None)
    return {
        "planted": {
            "rate": sent.habits.rate,
            "effect": 0.0 if sent.habits.loss else sent.habits.effect,
            "srm": sent.habits.loss,
            "srm_variant": sent.habits.lossy if sent.habits.loss else None,
            "poison": sent.poison,
            "control": sent.control,
        },
        "sent": sent.ledger.document() | {"seconds": round(sent.seconds, 3)},
        "counted": is_counted(before, found, sent),
        "sample_ratio": found["sample_ratio"],
        "comparisons": [] if metric is None else metric["comparisons"],
        "variants": found["variants"],
    }


def in_words(experiment: str, told: dict[str, Any]) -> str:
    """The report as lines."""
    planted, sent, ratio = told["planted"], told["sent"], told["sample_ratio"]
    number = sum(kind["events"] for kinds in sent["variants"].values() for kind in kinds.values())
    lines = [f"{experiment}: {number} events in {sent['seconds']:.1f} s, {sent['repeated']} of them sent twice"]
    lines.append(f"  refused at the door: {sent['refused']}; put into the stream and invalid: {planted['poison']}")
    if sent["unstored"]:
        lines.append(f"  {sent['unstored']} assignments couldn't be stored; these users buy nothing")
    if planted["srm"]:
        lines.append(
            f"  planted: {planted['srm']:.0%} of {planted['srm_variant']}'s pages break ({sent['lost']} users never exposed)"
        )
    else:
        lines.append(f"  planted: {planted['rate']:.1%} of {planted['control']} buy, {planted['effect']:+.0%} elsewhere")
    lines.append("  counted: " + ("exactly what was sent" if told["counted"] else "NOT what was sent"))
    alarm = "a mismatch" if ratio["mismatch"] else "no mismatch"
    lines.append(f"  sample ratio: {alarm} (p = {ratio['p_value']:.2g}; {ratio['observed']})")
    for one in told["comparisons"]:
        lines.append(f"  {one['variant']}: lift {_percent(one['lift'])} {_interval(one['lift_interval'])}: {one['verdict']}")
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.1%}"


def _interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f"({bounds[0]:+.1%} to {bounds[1]:+.1%}, valid at every look)"


def _kinesis() -> "KinesisClient":
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError as error:
        raise Trouble(f"--poison needs the package {error.name}: pip install 'burgee[events]'") from error
    try:
        made: KinesisClient = boto3.client("kinesis", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
    except BotoCoreError as error:
        raise Trouble(f"--poison needs AWS's settings in the environment: {error}") from error
    return made


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError("between 1 and 10000000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < 1.0:
        raise argparse.ArgumentTypeError("a share: from 0 to less than 1")
    return value


def _name(text: str) -> str:
    if not (text.isascii() and text.isalnum() and len(text) <= 32):
        raise argparse.ArgumentTypeError("at most 32 letters and digits")
    return text


def _effect(text: str) -> float:
    value = float(text)
    if not -1.0 <= value <= 10.0:
        raise argparse.ArgumentTypeError("from -1 to 10")
    return value
