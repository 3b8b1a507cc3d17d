"""The signer against AWS's published examples, and against botocore's on generated requests."""

import datetime
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from handlers._credentials import Credentials
from handlers._s3 import S3
from handlers._sigv4 import EMPTY_SHA256, Signer, encode_path
from tests.handlers.test_s3 import Fixed

S3_EXAMPLES = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SUITE_EXAMPLES = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    ("path", "query", "extra", "signature"),
    [
        ("/test.txt", "", {"range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/", "lifecycle=", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/", "max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_examples_of_the_s3_manual(path: str, query: str, extra: dict[str, str], signature: str) -> None:
    headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"}
    headers |= {"x-amz-content-sha256": EMPTY_SHA256, **extra}
    signed = Signer("us-east-1").authorization(*S3_EXAMPLES, "GET", path, query, headers)
    assert signed == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )


@pytest.mark.parametrize(
    ("extra", "signature"),
    [
        ({}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            {"my-header1": "value1", "my-header2": '"a   b   c"'},
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
    ids=["get-vanilla", "get-header-value-trim"],
)
def test_the_examples_of_the_signature_test_suite(extra: dict[str, str], signature: str) -> None:
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **extra}
    signed = Signer("us-east-1", "service").authorization(*SUITE_EXAMPLES, "GET", "/", "", headers)
    assert signed.endswith(f"Signature={signature}")


def _botocore_s(request: AWSRequest, credentials: Credentials, region: str, moment: datetime.datetime) -> str:
    keys = BotoCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    with mock.patch.object(auth, "get_current_datetime", lambda: moment):
        auth.S3SigV4Auth(keys, "s3", region).add_auth(request)
    signed: str = request.headers["Authorization"]
    return signed


_KEY = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
_NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_ETAG = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
_MOMENT = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2100, 1, 1))


def _sent(request: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = request.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    return target, dict(line.split(": ", 1) for line in lines)


@given(
    access_key=_KEY,
    secret_key=_KEY,
    token=st.none() | _KEY,
    prefix=_NAME | st.just(""),
    name=_NAME,
    etag=st.none() | _ETAG,
    start=st.sampled_from([0, 1, 12345678901]),
    place=st.sampled_from([("eu-central-1", None), ("us-gov-west-1", "http://127.0.0.1:9000"), ("x", "https://host.example")]),
    moment=_MOMENT,
)
def test_a_request_is_signed_as_botocore_signs_it(
    access_key: str, secret_key: str, token: str | None, prefix: str, name: str, etag: str | None, start: int,
    place: tuple[str, str | None], moment: datetime.datetime,
) -> None:  # fmt: skip
    credentials = Credentials(access_key, secret_key, token)
    moment = moment.replace(tzinfo=datetime.UTC, microsecond=0)
    region, endpoint = place
    s3 = S3("bucket", prefix, region, endpoint, Fixed(), wall=moment.timestamp)
    target, headers = _sent(s3._request(encode_path(name), etag, start, credentials))
    signed, unsigned = headers.pop("authorization"), headers.pop("accept-encoding")
    assert unsigned == "identity"
    theirs = AWSRequest("GET", f"http{'s' if endpoint is None else ''}://{headers['host']}{target}", headers=dict(headers))
    assert signed == _botocore_s(theirs, credentials, region, moment)
    assert {key.lower(): value for key, value in theirs.headers.items() if key != "Authorization"} == headers


@given(prefix=_NAME, name=_NAME)
def test_a_name_is_the_path_that_botocore_asks_for(prefix: str, name: str) -> None:
    wanted = f"{prefix.strip('/')}/{name}" if prefix.strip("/") else name
    ours, _ = _sent(
        S3("b1", prefix, "eu-central-1", "http://h", Fixed())._request(encode_path(name), None, 0, Fixed().credentials)
    )
    assert ours == _botocore_path("b1", wanted)


def _botocore_path(bucket: str, key: str) -> str:
    """What botocore's serializer makes of a key in a path."""
    from botocore.serialize import create_serializer

    model = _model()
    path: str = create_serializer("rest-xml").serialize_to_request({"Bucket": bucket, "Key": key}, model)["url_path"]
    return path if path.startswith("/" + bucket) else f"/{bucket}{path}"


def _model(_known: list[Any] = []) -> Any:  # noqa: B006
    if not _known:
        import botocore.session

        _known.append(botocore.session.Session().get_service_model("s3").operation_model("GetObject"))
    return _known[0]


def test_the_derived_key_follows_the_day_and_the_secret() -> None:
    """The key is kept; what is signed on another day or with another key must not be signed with it."""
    kept = Signer("eu-central-1")

    def sign(signer: Signer, secret: str, day: str) -> str:
        headers = {"host": "h", "x-amz-date": f"{day}T000000Z"}
        return signer.authorization("A", secret, "GET", "/", "", headers)

    for secret, day in (
        ("one", "20260101"),
        ("one", "20260102"),
        ("two", "20260102"),
        ("two", "20260101"),
        ("one", "20260101"),
    ):
        assert sign(kept, secret, day) == sign(Signer("eu-central-1"), secret, day)
        assert sign(kept, secret, day) == sign(Signer("eu-central-1"), secret, day), "with the key that is kept now"
    kept.forget()
    assert sign(kept, "one", "20260101") == sign(Signer("eu-central-1"), "one", "20260101")


def test_half_a_surrogate_is_no_name() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_path("\ud800")
