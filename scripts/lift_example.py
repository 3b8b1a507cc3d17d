"""Prints the picture of docs/results.md: an experiment of two weeks, looked at every six hours.

Usage: ``python -m scripts.lift_example > docs/pictures/lift.svg``. Everything in it is made up, and the same every time.
"""

import random

from handlers import _sketches as sketches
from handlers._contract import EXPOSURE
from handlers._counters import Phase, Totals
from handlers._experiments import Experiment
from handlers._lift_picture import draw
from handlers._results import document
from handlers._results_store import look_at

START_MS = 1_788_220_800_000  # 2026-09-01
SIX_HOURS_MS = 6 * 3_600_000
LOOKS = 56
USERS = 640  # in each variant, from look to look
RATES = {"control": 0.1, "one page": 0.117, "two pages": 0.101}
PURCHASE = "purchase"


def picture() -> str:
    """The SVG."""
    dice = random.Random(3)
    shares = dict.fromkeys(RATES, 1 / len(RATES))
    experiment = Experiment("exp_checkout", "checkout", "Checkout", "active", shares)
    phase = Phase(1, START_MS, shares, 1)
    users = {(variant, kind): sketches.new() for variant in RATES for kind in (EXPOSURE, PURCHASE)}
    counts = dict.fromkeys(users, 0)
    looks, found, number = [], {}, 0
    for at in range(1, LOOKS + 1):
        for variant, rate in RATES.items():
            for _ in range(USERS + dice.randrange(-60, 61)):
                number += 1
                for kind in (EXPOSURE, PURCHASE) if dice.random() < rate else (EXPOSURE,):
                    users[variant, kind].update(number)
                    counts[variant, kind] += 1
        totals = {
            variant: {kind: Totals(counts[variant, kind], users[variant, kind], {}) for kind in (EXPOSURE, PURCHASE)}
            for variant in RATES
        }
        now_ms = START_MS + at * SIX_HOURS_MS
        found = document(experiment, [phase], phase, totals, now_ms)
        looks.append(look_at(found, now_ms))
    return draw(found, looks, PURCHASE)


if __name__ == "__main__":
    print(picture(), end="")
