"""The picture of the lift: what is in it, whatever names people chose and however little is known."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from handlers._lift_picture import MINUS, draw, percent
from handlers._results_store import Look
from scripts.lift_example import picture
from tests.conftest import ROOT

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
SVG = "{http://www.w3.org/2000/svg}"
LIFTS = [(0.5, None, None), (0.3, -0.4, 1.9), (0.1, -0.1, 0.4), (0.12, -0.02, 0.3), (0.11, 0.02, 0.2)]


def compared(variant: str = "treatment", **fields: Any) -> dict[str, Any]:
    lift = {"lift": 0.11, "lift_interval": [0.02, 0.2], "direction": "up", "verdict": f"{variant} is ahead"}
    return {"variant": variant, **lift, **fields}


def document(*comparisons: dict[str, Any], metric: str = "purchase", name: str = "Checkout", mismatch: bool = False) -> Any:
    return {
        "experiment": {"name": name},
        "phase": {"number": 2, "started_at": "2027-01-15T08:00:00Z", "allocation": {"control": 0.5, "treatment": 0.5}},
        "sample_ratio": {"mismatch": mismatch, "observed": {"control": 1_200, "treatment": 1_234}},
        "metrics": [{"metric": metric, "kind": "conversion", "comparisons": list(comparisons)}],
    }


def looks(variant: str = "treatment", metric: str = "purchase", lifts: Any = LIFTS) -> list[Look]:
    return [Look(START_MS + at * HOUR_MS, 100, 1.0, {metric: {variant: list(lift)}}) for at, lift in enumerate(lifts, 1)]


def parsed(text: str) -> ElementTree.Element:
    for coordinate in re.findall(r'[xy12drw]="([^"]*)"', text):
        assert "nan" not in coordinate
        assert "inf" not in coordinate
    return ElementTree.fromstring(text)


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_line_band_zero_and_phase_are_there() -> None:
    root = parsed(draw(document(compared()), looks(), "purchase"))
    said = words(root)
    assert "Checkout: lift of purchase" in said
    assert "phase 2 since 2027-01-15 08:00 · 2,434 users · control 50 %, treatment 50 %" in said
    assert {"+11.0 %", "+2.0 % to +20.0 %", "treatment is ahead"} <= set(said)
    (line,) = root.iterfind(f".//{SVG}path[@class='lift']")
    assert len(line.attrib["d"].split(" ")) == 5, "a point for each look"
    (band,) = root.iterfind(f".//{SVG}path[@class='band']")
    assert len(band.attrib["d"].split(" ")) == 2 * 4 + 1, "from the first look that had bounds"
    zeros = [line for line in root.iterfind(f".//{SVG}line[@class='zero']") if line.attrib["y1"] == line.attrib["y2"]]
    assert len(zeros) == 1
    assert root.find(f".//{SVG}text[@class='up figure']") is not None


def test_each_variant_has_a_panel_on_the_same_time_axis() -> None:
    both = [
        Look(a.at_ms, 100, 1.0, {"purchase": a.lifts["purchase"] | b.lifts["purchase"]})
        for a, b in zip(looks("b"), looks("c"), strict=True)
    ]
    root = parsed(draw(document(compared("b"), compared("c", direction="down")), both, "purchase"))
    ends = {dot.attrib["cx"] for dot in root.iter(f"{SVG}circle")}
    assert len(list(root.iter(f"{SVG}circle"))) == 2
    assert len(ends) == 1
    assert {"b", "c"} <= set(words(root))
    assert root.find(f".//{SVG}text[@class='down figure']") is not None


def test_what_people_chose_is_text_and_nothing_else() -> None:
    hostile = '</text><script>alert("x")</script>&amp;\x1b\x00\ud800' + "x" * 500
    data = document(compared(hostile, verdict=f"{hostile} is ahead"), metric=hostile, name=hostile)
    data["phase"]["allocation"] = {hostile: 1.0}
    text = draw(data, looks(hostile, hostile), hostile)
    root = parsed(text)
    assert text.encode()
    assert "<script" not in text
    assert root.find(f".//{SVG}script") is None
    assert any(said.startswith('</text><script>alert("x")') for said in words(root))
    assert max(map(len, words(root))) < 200, "cut to what there is room for"


def test_a_wrong_ratio_is_written_large() -> None:
    said = words(parsed(draw(document(compared(), mismatch=True), looks(), "purchase")))
    assert "sample ratio mismatch: not to be trusted" in said


@pytest.mark.parametrize(
    "lifts", [[], LIFTS[:1], LIFTS[4:], [(0.0, 0.0, 0.0)] * 3, [(1e9, -1.0, 1e12)] * 2, [(-1.0, -1.0, -1.0)]]
)
def test_however_little_or_much_is_known(lifts: Any) -> None:
    last = lifts[-1] if lifts else (None, None, None)
    interval = None if last[1] is None else list(last[1:])
    parsed(draw(document(compared(lift=last[0], lift_interval=interval)), looks(lifts=lifts), "purchase"))


def test_an_experiment_without_a_phase_or_an_event() -> None:
    empty = document() | {"phase": None, "metrics": []}
    said = words(parsed(draw(empty, [], None)))
    assert "Checkout: nothing to compare yet" in said
    assert "no phase has begun" in said


def test_too_few_users_are_said_with_the_number_that_is_needed() -> None:
    few = compared(lift_interval=None, direction=None, verdict="too few to say")
    said = words(parsed(draw(document(few), looks(lifts=LIFTS[:1]), "purchase")))
    assert {"too few to say", "at least 100 users each"} <= set(said)


def test_early_bands_do_not_flatten_the_rest() -> None:
    """A first band of 400 points wide is cut off, so that one of 2 can be read."""
    wide = [(0.5, -2.0, 2.0)] * 10 + [(0.05, 0.04, 0.06)] * 30
    root = parsed(draw(document(compared()), looks(lifts=wide), "purchase"))
    labels = [float(text[:-2].replace(MINUS, "-")) for text in words(root) if re.fullmatch(rf"[+{MINUS}]?[0-9.]+ %", text)]
    assert max(labels[:-1]) <= 20


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.042, 1, "+4.2 %"), (-0.5, 0, f"{MINUS}50 %"), (0.0, 0, "0 %"), (-0.0001, 1, "0.0 %"), (12.5, 0, "+1,250 %")],
)
def test_percents_have_a_sign_and_real_minuses(value: float, digits: int, text: str) -> None:
    assert percent(value, digits) == text


def test_the_picture_of_the_docs_is_what_is_drawn() -> None:
    committed = (ROOT / "docs" / "pictures" / "lift.svg").read_text(encoding="utf-8")
    assert committed == picture(), "make it anew: python -m scripts.lift_example > docs/pictures/lift.svg"
