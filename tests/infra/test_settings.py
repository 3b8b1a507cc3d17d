"""What a deployment's file may say of concurrency, keys and the network, and what is refused before AWS would refuse it."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.functions import FUNCTIONS, function
from infra.prices import prices
from infra.settings import Settings, SettingsError, read_settings
from infra.stages import DEV, PROD, STAGES
from scripts import scale as page

MIRROR = {
    "vpc-id": "vpc-1",
    "availability-zones": ["a"],
    "subnet-ids": ["subnet-1"],
    "security-group-id": "sg-1",
    "secret-arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-AbCdEf",
}


def read(place: Path, document: dict[str, Any], stage: str = "prod") -> Settings:
    path = place / "deployment.json"
    path.write_text(json.dumps(document))
    return read_settings(str(path), stage)


# --- concurrency ------------------------------------------------------------------------------------------------------


def test_prf_01_the_line_of_the_page_reaches_the_required_rates(tmp_path: Path) -> None:
    """As docs/scale.md has it, to be pasted; with one less of the quota it is refused."""
    document = json.loads(page.setting().removeprefix("```json\n").removesuffix("```\n"))
    settings = read(tmp_path, document)
    for name, rate in page.REQUIRED.items():
        assert settings.reserved(function(name), PROD) * prices().at_most("lambda-rate") >= rate
    document["stages"]["prod"]["mirror"] = MIRROR  # with everything that is optional
    read(tmp_path, document)
    assert page.setting() in page.PAGE.read_text(encoding="utf-8")
    document["stages"]["prod"]["account-concurrency"] -= 1
    with pytest.raises(
        SettingsError, match=r"reserves a concurrency of 3222, .* account's 3321 unreserved: it needs a quota of 3322"
    ):
        read(tmp_path, document)


def test_inf_07_without_settings_every_stage_fits_into_a_new_account() -> None:
    for stage in STAGES.values():
        for row in FUNCTIONS:
            assert Settings().reserved(row, stage) == stage.reserved(row.reserved)
            assert Settings().kept_warm(row, stage) == (stage.warm if row.start == "provisioned" else 0)


def test_inf_07_only_what_is_deployed_counts(tmp_path: Path) -> None:
    """The mirror's ten are needed only where there is a mirror."""
    quota = sum(row.reserved for row in FUNCTIONS if not row.optional) + 100
    read(tmp_path, {"account-concurrency": quota})
    with pytest.raises(SettingsError, match=f"it needs a quota of {quota + 10}"):
        read(tmp_path, {"account-concurrency": quota, "mirror": MIRROR})


def test_inf_10_more_may_be_kept_warm_of_one_function(tmp_path: Path) -> None:
    settings = read(tmp_path, {"warm": {"flags": 40, "ingest": 0}})
    assert [settings.kept_warm(function(name), PROD) for name in ("flags", "assignments", "ingest", "sync")] == [40, 5, 0, 0]


def test_inf_07_a_stage_has_its_own_concurrency(tmp_path: Path) -> None:
    document = {"stages": {"prod": {"concurrency": {"ingest": 150}}}}
    assert read(tmp_path, document).reserved(function("ingest"), PROD) == 150
    assert read(tmp_path, document, "dev").reserved(function("ingest"), DEV) == DEV.reserved(100)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"concurrency": {"flag": 5}}, "concurrency has 'flag'; there are flags, assignments"),
        ({"concurrency": {"flags": "5"}}, "concurrency of flags is '5'; it must be a whole number from 2"),
        ({"concurrency": {"flags": True}}, "concurrency of flags is True"),
        ({"concurrency": {"flags": 1}}, "it must be a whole number from 2"),
        ({"concurrency": 300}, "concurrency must be an object with a number by function"),
        ({"concurrency": {"flags": 2_000}}, "it needs a quota of 2612"),
        ({"account-concurrency": "many"}, "account-concurrency is 'many'"),
        ({"account-concurrency": 0}, "account-concurrency is 0"),
        ({"warm": {"sync": 1}}, "warm has 'sync'; there are flags, assignments, ingest"),
        ({"warm": {"flags": -1}}, "warm of flags is -1; it must be a whole number from 0"),
        ({"warm": {"flags": 301}}, "301 sandboxes of flags are kept warm, and a concurrency of 300 is its own"),
        ({"concurrency": {"ingest": 4}}, "5 sandboxes of ingest are kept warm, and a concurrency of 4 is its own"),
    ],
)
def test_inf_07_a_concurrency_that_aws_would_refuse_is_said_at_synthesis(
    tmp_path: Path, document: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        read(tmp_path, document)


# --- signatures -------------------------------------------------------------------------------------------------------

KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:signing-key-AbCdEf"


def test_sec_03_public_keys_are_one_or_a_list(tmp_path: Path) -> None:
    """As readers take them: with commas between."""
    assert read(tmp_path, {"public-keys": KEY}).given["public-keys"] == KEY
    assert read(tmp_path, {"public-keys": [KEY, KEY]}).given["public-keys"] == f"{KEY},{KEY}"
    assert read(tmp_path, {"signing-secret-arn": SECRET}).signing_secret_arn == SECRET


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"public-keys": "MCowBQYDK2VwAyEA"}, "public-keys: .*each the base64 of its 32 raw bytes"),
        ({"public-keys": [KEY, "?"]}, "public-keys: "),
        ({"signing-secret-arn": "signing-key"}, "signing-secret-arn must be the whole ARN"),
        ({"signing-secret-arn": SECRET.removesuffix("-AbCdEf")}, "with the six characters at its end"),
    ],
)
def test_sec_03_keys_that_readers_or_iam_would_not_take_are_said_at_synthesis(
    tmp_path: Path, document: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        read(tmp_path, document)


@pytest.mark.parametrize("name", ["flags", "events"])
def test_sec_03_a_bundle_that_cannot_check_signatures_is_not_deployed_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It would answer 500 to everybody. What isn't hot always can."""
    from infra import code

    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "BUNDLES", tmp_path)
    row = function(name)
    (tmp_path / f"{name}.zip").write_bytes(b"PK")
    left_out = {"cryptography": "signatures are not checked"} if row.hot else {}
    (tmp_path / f"{name}.json").write_text(json.dumps({"left_out": left_out}))
    bundles = code.Code("bundles")
    bundles.of(row)
    if row.hot:
        with pytest.raises(ValueError, match=r"flags.zip can't check signatures.*make bundle ARGS=--signed"):
            bundles.of(row, signed=True)
    else:
        bundles.of(row, signed=True)


# --- the network ------------------------------------------------------------------------------------------------------


def test_inf_09_endpoints_are_made_only_where_they_are_asked_for(tmp_path: Path) -> None:
    mirror = read(tmp_path, {"mirror": MIRROR}).mirror
    assert mirror is not None and not mirror.endpoints and mirror.route_table_ids == ()
    mirror = read(tmp_path, {"mirror": {**MIRROR, "endpoints": True, "route-table-ids": ["rtb-1"]}}).mirror
    assert mirror is not None and mirror.endpoints and mirror.route_table_ids == ("rtb-1",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"endpoint": True}, "mirror has 'endpoint'; it may have vpc-id"),
        ({"endpoints": "yes", "route-table-ids": ["rtb-1"]}, "endpoints must be true or false"),
        ({"endpoints": True}, "endpoints and route-table-ids go together"),
        ({"route-table-ids": ["rtb-1"]}, "endpoints and route-table-ids go together"),
        ({"secret-arn": "database"}, "mirror's secret-arn must be the whole ARN"),
    ],
)
def test_inf_09_a_network_that_makes_no_sense_is_said_at_synthesis(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(tmp_path, {"mirror": {**MIRROR, **more}})
