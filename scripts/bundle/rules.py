"""What a bundle may weigh, what it must never hold, and what of wheels is left out. Data, and the checks of it."""

import re
from collections.abc import Iterable, Mapping

PYTHON = (3, 13)
MACHINE = "aarch64"
GLIBC = (2, 34)  # Amazon Linux 2023, which Lambda's Python 3.13 runs on
EXTENSION = f".cpython-{PYTHON[0]}{PYTHON[1]}-{MACHINE}-linux-gnu.so"

MEGABYTE = 1_000_000
MOST = 50 * MEGABYTE  # of any zip; Lambda's own limits are 50 MB sent directly and 250 MB unpacked
MOST_HOT = 5 * MEGABYTE  # of one whose cold start somebody waits for
MOST_UNPACKED = 250 * MEGABYTE

# What is imported under another name than its distribution's. The rest is the same with - for _.
DISTRIBUTION = {"yaml": "pyyaml", "psycopg": "psycopg[binary]"}
# The signature of a snapshot is checked with it, where BURGEE_PUBLIC_KEYS asks so. It weighs as much as a hot bundle may.
FOR_SIGNATURES = "cryptography"

# Top-level packages. Nothing that builds, tests, serves on a desk or analyses belongs into a function.
_FORBIDDEN = """
burgee tests benchmarks scripts infra pytest _pytest hypothesis moto werkzeug pandas scipy statsmodels matplotlib pyarrow cython
Cython setuptools pip wheel uvicorn gunicorn rich mypy ruff duckdb awslambdaric openfeature pydantic
"""
_FORBIDDEN_HOT = """
config_sync yaml tzdata boto3 botocore s3transfer jmespath aws_lambda_powertools numpy datasketches psycopg
"""
FORBIDDEN = frozenset(_FORBIDDEN.split())
FORBIDDEN_HOT = FORBIDDEN | frozenset(_FORBIDDEN_HOT.split())

# What nobody imports: tests, headers and sources, stubs, programs, records that no longer hold, numpy's build tools.
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|__pycache__|examples|include)/"
    r"|\.(pyc|pyo|pyi|pyx|pxd|pxi|c|cc|cpp|h|hpp|a|lib|typed)$"
    r"|^[^/]+\.dist-info/(RECORD|WHEEL|INSTALLER|REQUESTED|top_level\.txt|entry_points\.txt|sboms/.*|direct_url\.json)$"
    r"|^[^/]+\.data/(scripts|data|headers)/"
    r"|^numpy/(f2py|_pyinstaller|typing|distutils)/"
)
_SERVICE_DATA = re.compile(r"^botocore/data/([^/]+)/")


def is_left_out(path: str, services: Iterable[str]) -> bool:
    """Whether this file of a wheel stays out. Of botocore's descriptions only those of the services used are kept."""
    service = _SERVICE_DATA.match(path)
    if service:
        return service[1] not in services
    return bool(_LEFT_OUT.search(path))


def complaints(files: Mapping[str, bytes], zipped: int, hot: bool) -> list[str]:
    """What is wrong with a bundle of these files whose zip has so many bytes."""
    found = []
    tops = {path.split("/")[0].split(".")[0] for path in files}
    forbidden = sorted(tops & (FORBIDDEN_HOT if hot else FORBIDDEN))
    if forbidden:
        found.append(f"it holds {', '.join(forbidden)}")
    stray = sorted(path for path in files if re.search(r"(^|/)tests?/|\.py[o]$", path))
    if stray:
        found.append(f"it holds {stray[0]} and {len(stray) - 1} more of its kind")
    most = MOST_HOT if hot else MOST
    if zipped >= most:
        found.append(f"its zip has {zipped:,} bytes; fewer than {most:,} are allowed")
    unpacked = sum(map(len, files.values()))
    if unpacked >= MOST_UNPACKED:
        found.append(f"it has {unpacked:,} bytes unpacked; fewer than {MOST_UNPACKED:,} are allowed")
    return found
