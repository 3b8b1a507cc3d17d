"""What reading one small object from S3 costs a process that has never done it: five clients, in fresh processes.

Each child holds what a Lambda's runtime client and the reader's manifest have imported anyway, and then measures itself: making
the client (its imports included), the first GET, a warm conditional GET (304), and how long a read takes that was given 100 ms
while the server sends a byte every 5 ms for two seconds. Plain HTTP and TLS, against a server that plays S3. Decision 0010 has
the figures. ``python -m benchmarks.bench_s3_client [ROUNDS] [DIRECTORY_WITH_AWSCRT]``
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.s3_player import make_certificate

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ("make", "first", "warm", "fastest", "drip", "modules", "threads", "resident")
HEADINGS = ("make the client", "first GET", "304, median", "304, fastest", "drip, 100 ms given", "modules", "threads", "RSS MB")

CHILD = """
import sys, time, os
sys.path[:0] = {paths!r}
import json, logging, hashlib, contextlib, threading, decimal, traceback
TLS, PORT, PEM = {tls!r}, {port!r}, {pem!r}
ENDPOINT = f"http{{'s' if TLS else ''}}://127.0.0.1:{{PORT}}"
def resident():
    with open("/proc/self/status") as file:
        return {{line.split(":")[0]: line.split()[1] for line in file if line.startswith(("VmRSS", "Threads"))}}
{make}
clock, modules, memory = time.perf_counter, len(sys.modules), resident()
a = clock()
get = make()
b = clock()
etag = get("manifest.json", None, 5)
c = clock()
assert etag
warm = []
for _ in range(230):
    d = clock()
    assert get("manifest.json", etag, 5) == etag
    warm.append(clock() - d)
modules, after = len(sys.modules) - modules, resident()
e = clock()
try:
    get("drip", None, 0.1)
except BaseException as error:
    assert not isinstance(error, AssertionError), error
f = clock()
warm = sorted(warm[30:])
print(json.dumps([
    (b - a) * 1e3, (c - b) * 1e3, warm[len(warm) // 2] * 1e3, warm[0] * 1e3, (f - e) * 1e3, modules, int(after["Threads"]),
    (int(after["VmRSS"]) - int(memory["VmRSS"])) / 1024,
]), flush=True)
os._exit(0)
"""

OWN = """
def make():
    from handlers._s3 import S3
    s3 = S3("bucket", "prod", "eu-central-1", ENDPOINT)
    return lambda name, etag, seconds: s3.get(name, etag, until=time.monotonic() + seconds, limit=65536).etag
"""

HTTP_CLIENT = """
def make():
    import http.client
    from handlers._sigv4 import EMPTY_SHA256, Signer
    signer = Signer("eu-central-1")
    if TLS:
        import ssl
        context = ssl.create_default_context(cafile=PEM)
        connection = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=0.1, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=0.1)
    def get(name, etag, seconds):
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {"host": f"127.0.0.1:{PORT}", "x-amz-date": now, "x-amz-content-sha256": EMPTY_SHA256}
        if etag:
            headers["if-none-match"] = etag
        path = "/bucket/prod/" + name
        headers["authorization"] = signer.authorization("testing", "testing", "GET", path, "", headers)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.headers["etag"]
    return get
"""

BOTO = """
def make():
    from botocore.config import Config
    from botocore.exceptions import ClientError
    config = Config(connect_timeout=0.1, read_timeout=0.1, retries={"total_max_attempts": 1})
    IMPORT
    client = session.NEW("s3", region_name="eu-central-1", endpoint_url=ENDPOINT, verify=PEM, config=config)
    def get(name, etag, seconds):
        try:
            answer = client.get_object(Bucket="bucket", Key="prod/" + name, **({"IfNoneMatch": etag} if etag else {}))
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 304
            return etag
        answer["Body"].read()
        return answer["ETag"]
    return get
"""
BOTO3 = BOTO.replace("IMPORT", "import boto3 as session").replace("NEW", "client")
BOTOCORE = BOTO.replace("IMPORT", "import botocore.session; session = botocore.session.Session()").replace(
    "NEW", "create_client"
)

AWSCRT = """
def make():
    from awscrt import auth, http, io
    loops = io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(loops, io.DefaultHostResolver(loops))
    provider = auth.AwsCredentialsProvider.new_static("testing", "testing")
    tls = None
    if TLS:
        options = io.TlsContextOptions()
        options.override_default_trust_store_from_path(None, PEM)
        tls = io.ClientTlsContext(options).new_connection_options()
        tls.set_server_name("127.0.0.1")
    connection = None
    def get(name, etag, seconds):
        nonlocal connection
        if connection is None:
            opening = http.HttpClientConnection.new("127.0.0.1", PORT, bootstrap, tls_connection_options=tls)
            connection = opening.result(seconds)
        headers = http.HttpHeaders([("host", f"127.0.0.1:{PORT}")] + ([("if-none-match", etag)] if etag else []))
        request = http.HttpRequest("GET", "/bucket/prod/" + name, headers)
        config = auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4, signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider, region="eu-central-1", service="s3", use_double_uri_encode=False,
            should_normalize_uri_path=False, signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256)
        auth.aws_sign_request(request, config).result(seconds)
        found = {}
        stream = connection.request(
            request, lambda http_stream, status_code, headers, **rest: found.update({k.lower(): v for k, v in headers}),
            lambda http_stream, chunk, **rest: None)
        stream.activate()
        stream.completion_future.result(seconds)
        return found["etag"]
    return get
"""

CLIENTS = {"handlers._s3": OWN, "http.client": HTTP_CLIENT, "botocore": BOTOCORE, "boto3": BOTO3, "awscrt": AWSCRT}

PARTS = """
import sys, time
import json, logging, hashlib, contextlib, threading, decimal, traceback
clock = time.perf_counter
a = clock()
import socket
b = clock()
import ssl
c = clock()
ssl.create_default_context()
d = clock()
context = ssl.create_default_context(cafile={pem!r})
e = clock()
def once():
    plain = socket.create_connection(("127.0.0.1", {port!r}))
    start = clock()
    secure = context.wrap_socket(plain, server_hostname="127.0.0.1")
    took = clock() - start
    secure.close()
    return took
first, later = once(), min(once() for _ in range(20))
print(json.dumps([(b - a) * 1e3, (c - b) * 1e3, (d - c) * 1e3, (e - d) * 1e3, first * 1e3, later * 1e3]))
"""
PART_NAMES = (
    "import socket",
    "import ssl",
    "context, system's authorities",
    "context, one file",
    "handshake, first",
    "handshake, fastest",
)


@contextmanager
def player(*arguments: str) -> Iterator[int]:
    """The port of a running S3 player."""
    command = [sys.executable, "-m", "benchmarks.s3_player", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        assert process.stdin
        process.stdin.close()


def run(program: str, pem: str) -> list[float] | None:
    """A fresh interpreter's figures; None when the client isn't installed."""
    environment = {
        "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_CA_BUNDLE": pem,
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, env=environment, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    done.check_returncode()
    found: list[float] = json.loads(done.stdout)
    return found


def measure(rounds: int, extra: list[str]) -> dict[str, dict[str, list[list[float]]]]:
    """Scheme -> client -> the figures of every run, clients in random order in each round."""
    chance = random.Random(0)
    found: dict[str, dict[str, list[list[float]]]] = {"http": {}, "https": {}, "parts": {"": []}}
    with tempfile.TemporaryDirectory() as place:
        pem = Path(place) / "pem"
        make_certificate(pem)
        with player() as plain, player(str(pem)) as secure:
            for _ in range(rounds):
                for scheme, port in (("http", plain), ("https", secure)):
                    for name in chance.sample(sorted(CLIENTS), len(CLIENTS)):
                        program = CHILD.format(
                            paths=[str(ROOT), *extra], tls=scheme == "https", port=port, pem=str(pem), make=CLIENTS[name]
                        )
                        if figures := run(program, str(pem)):
                            found[scheme].setdefault(name, []).append(figures)
                if figures := run(PARTS.format(port=secure, pem=str(pem)), str(pem)):
                    found["parts"][""].append(figures)
    return found


def _row(runs: list[list[float]]) -> list[str]:
    """Minimum / median of each figure over the processes."""
    return [f"{min(column):.4g} / {statistics.median(column):.4g}" for column in zip(*runs, strict=True)]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    found: Any = measure(rounds, sys.argv[2:3])
    print(f"minimum / median of {rounds} processes; times in ms\n")
    for scheme in ("http", "https"):
        print(f"| {scheme} | {' | '.join(HEADINGS)} |\n|---{'|---' * len(HEADINGS)}|")
        for name in CLIENTS:
            row = _row(found[scheme][name]) if name in found[scheme] else ["not installed"]
            print(f"| `{name}` | {' | '.join(row)} |")
        print()
    for name, figure in zip(PART_NAMES, _row(found["parts"][""]), strict=True):
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
