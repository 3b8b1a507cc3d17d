"""docs/deployment.md says what is deployed: its tables and the picture are those of the tables of ``infra``."""

import re

import pytest

from infra.alarms import ALARMS
from infra.functions import FUNCTIONS
from infra.settings import KNOWN, Settings, SettingsError, read_settings
from infra.stages import STAGES
from scripts.deployment import PAGE, PICTURE, page_text
from tests.architecture.imports import ROOT


def test_doc_05_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page_text(PAGE.read_text()), "python -m scripts.deployment"


def test_doc_03_the_picture_is_up_to_date() -> None:
    from infra.picture import draw

    assert PICTURE.read_text() == draw(), "python -m scripts.deployment"


def test_doc_05_the_page_has_every_row() -> None:
    text = PAGE.read_text()
    assert all(f"| `{alarm.name}` |" in text for alarm in ALARMS)
    assert all(f"`{row.handler}`" in text for row in FUNCTIONS)
    assert all(f"| `{stage}` |" in text for stage in STAGES)
    with pytest.raises(ValueError, match="no place for stages"):
        page_text("nothing")


def test_doc_05_links_to_the_runbook_lead_to_headings() -> None:
    from scripts.deployment import _anchor

    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    anchors = set(re.findall(r"runbook\.md#([^)]+)", PAGE.read_text()))
    assert anchors <= {_anchor(heading) for heading in headings}
    assert _anchor("The processor can't finish a batch") == "the-processor-cant-finish-a-batch"


def test_doc_05_every_setting_is_on_the_page() -> None:
    text = PAGE.read_text()
    for name in sorted(KNOWN):
        assert f"| `{name}` |" in text


# --- the settings' file -----------------------------------------------------------------------------------------------


def test_inf_07_settings_of_a_stage_come_over_the_common_ones(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "deployment.json"
    path.write_text('{"log-salt": "a", "budget-usd": 5, "stages": {"prod": {"log-salt": "b"}}}')
    assert read_settings(str(path), "prod").given == {"log-salt": "b"}
    assert read_settings(str(path), "dev").given == {"log-salt": "a"}
    assert read_settings(str(path), "dev").budget_usd == 5
    assert read_settings(None, "dev") == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no JSON object"),
        ('{"log_salt": "a"}', "'log_salt' is unknown"),
        ('{"budget-usd": "much"}', "budget-usd must be"),
        ('{"mirror": {"vpc-id": "vpc-1"}}', "mirror needs availability-zones"),
        ('{"api": true}', "api must be an object"),
        ('{"api": {"cors": "*"}}', "api must be an object"),
        ('{"api": {"authorisation": "none"}}', "must be api-key or iam"),
        ('{"api": {"function-urls": "no"}}', "must be true or false"),
        ('{"api": {"rate": 0}}', "whole numbers of requests"),
        ('{"api": {"burst": true}}', "whole numbers of requests"),
        ('{"api": {"authorisation": "iam"}, "api-key-digests": "a:b"}', "nobody would be asked for a key"),
        ('{"api": {}, "allow-origins": "https://a.example,*"}', "name the pages"),
    ],
)
def test_inf_07_settings_that_make_no_sense_are_refused(tmp_path, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "deployment.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_settings(str(path), "prod")


def test_doc_03_every_function_and_store_is_in_the_picture() -> None:
    """A function or a store without a place, or an arrow that the table doesn't have, would be a wrong picture."""
    from infra.picture import FUNCTION_PLACES, STORES, arrows, draw

    assert FUNCTION_PLACES.keys() == {row.name for row in FUNCTIONS}
    assert {store for _, store in arrows()} == STORES.keys()
    told = arrows()
    assert told["sync", "flags"] == told["events", "events"] == told["mirror", "assignments"] == "wakes"
    assert (told["flags", "events"], told["flags", "snapshots"]) == ("writes", "reads")
    assert told["assignments", "assignments"] == told["results", "counters"] == "both"
    assert ("ingest", "snapshots") not in told
    assert all(f">{row.name}</text>" in draw() for row in FUNCTIONS)
