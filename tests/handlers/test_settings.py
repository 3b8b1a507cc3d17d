"""The environment as settings: what is read, and what a wrong value says."""

import sys
from base64 import b64encode

import pytest

from handlers._settings import Settings, read_settings
from handlers._snapshots import origin_of

STORE = {"BURGEE_STORE": "s3://bucket/prefix"}


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = read_settings(STORE)
    assert (settings.store, settings.bundle) == ("s3://bucket/prefix", None)
    assert (settings.refresh_ms, settings.budget_ms, settings.first_budget_ms) == (5_000, 100, 2_000)
    assert (settings.stale_ms, settings.max_bytes, settings.public_keys) == (60_000, 64 * 1024 * 1024, ())
    assert settings.scratch == "/" + "tmp/burgee"


def test_everything_can_be_set() -> None:
    keys = [bytes([number]) * 32 for number in (1, 2)]
    settings = read_settings(
        {
            "BURGEE_STORE": "flags",
            "BURGEE_BUNDLE": "bundle.burgee",
            "BURGEE_SCRATCH": "disk",
            "BURGEE_REFRESH_MS": "1000",
            "BURGEE_BUDGET_MS": "20",
            "BURGEE_FIRST_BUDGET_MS": "500",
            "BURGEE_STALE_MS": "9000",
            "BURGEE_MAX_BYTES": "1000000",
            "BURGEE_PUBLIC_KEYS": ", ".join(b64encode(key).decode() for key in keys) + ",",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2",
        }
    )
    assert (settings.store, settings.bundle, settings.scratch) == ("flags", "bundle.burgee", "disk")
    assert (settings.refresh_ms, settings.budget_ms, settings.first_budget_ms) == (1_000, 20, 500)
    assert (settings.stale_ms, settings.max_bytes) == (9_000, 1_000_000)
    assert settings.public_keys == tuple(keys)
    assert (settings.region, settings.endpoint) == ("eu-central-1", "http://127.0.0.1:2")


def test_an_empty_value_is_none_given_and_an_empty_scratch_is_no_scratch() -> None:
    settings = read_settings(STORE | {"BURGEE_SCRATCH": "", "BURGEE_REFRESH_MS": "", "BURGEE_BUNDLE": "", "AWS_REGION": ""})
    assert (settings.scratch, settings.refresh_ms, settings.bundle, settings.region) == (None, 5_000, None, None)


@pytest.mark.parametrize("name", ["BURGEE_REFRESH_MS", "BURGEE_BUDGET_MS", "BURGEE_FIRST_BUDGET_MS", "BURGEE_STALE_MS"])
@pytest.mark.parametrize("value", ["0", "-1", "5s", "1.5", "1e3", " 5", "٥", "99999999999", "1_000"])
def test_a_wrong_number_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*a number of milliseconds from 1 to 86400000$"):
        read_settings(STORE | {name: value})


@pytest.mark.parametrize("store", ["s3://", "s3:///prefix", "https://bucket/prefix", "file://x"])
def test_a_wrong_store_names_its_variable(store: str) -> None:
    with pytest.raises(ValueError, match=r"^BURGEE_STORE is .*s3://bucket/prefix or a directory$"):
        read_settings({"BURGEE_STORE": store})


def test_no_store_and_no_bundle_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"^BURGEE_STORE isn't set"):
        read_settings({})


@pytest.mark.parametrize("keys", ["x", b64encode(b"short").decode(), b64encode(bytes(33)).decode(), "AAAA AAAA"])
def test_a_wrong_key_says_what_a_key_is(keys: str) -> None:
    with pytest.raises(ValueError, match=r"^BURGEE_PUBLIC_KEYS holds .* 32 raw bytes"):
        read_settings(STORE | {"BURGEE_PUBLIC_KEYS": keys})


def test_public_keys_where_nothing_checks_signatures_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hot bundles are built without cryptography: no version could be taken, and every look would find out anew."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ValueError, match=r"cryptography.* is not installed"):
        read_settings(STORE | {"BURGEE_PUBLIC_KEYS": b64encode(bytes(32)).decode()})
    assert read_settings(STORE).public_keys == ()


def test_a_bucket_without_a_region_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="AWS_REGION"):
        origin_of(Settings("s3://bucket/prefix"))
    assert origin_of(Settings("s3://bucket/prefix", endpoint="http://127.0.0.1:1")) is not None
    assert origin_of(Settings(bundle="bundle")) is None


def test_a_bucket_that_cannot_be_one_names_the_variables() -> None:
    with pytest.raises(ValueError, match=r"^BURGEE_STORE, AWS_REGION or AWS_ENDPOINT_URL_S3: "):
        origin_of(Settings("s3://bu cket/prefix", region="us-east-1"))
