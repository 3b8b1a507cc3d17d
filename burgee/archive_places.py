"""Where an archive of events is, a folder or a bucket: its objects by name, and these as files, some at a time.

For ``burgee.archive_results``. The layout is that of ``handlers.events.archive``; what lies
under another name, such as the quarantine, isn't of the archive.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from burgee.trouble import Trouble, UsageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"
READERS = 16  # objects that are fetched at once
BATCH_OBJECTS, BATCH_BYTES = 1_000, 64 * 1024 * 1024
"""Of one batch. A bucket's objects lie on the disk for as long as their batch is read, and those of the next one with them."""
_KEY = re.compile(r"(year=\d{4}/month=\d\d/day=\d\d/hour=\d\d)/[^/]+\.json\.gz")


class Found(NamedTuple):
    """An object of the archive. ``key``: below the archive's place; ``size``: compressed bytes."""

    key: str
    size: int


class Place(Protocol):
    """An archive. Every method raises Trouble."""

    def find(self, since: datetime) -> list[Found]:
        """Its objects from the hour of ``since`` (UTC) on, by that hour."""

    def batches(self, found: Sequence[Found], folder: Path) -> Iterator[list[str]]:
        """The objects as files, in batches of patterns that match one file each; in ``folder``, if they must be fetched.

        The hour is in a file's name, as it is in the key. What was fetched is deleted when the next batch is asked for.
        """


def open_place(place: str) -> Place:
    """The archive at ``s3://bucket/prefix`` or in a folder. Raises UsageError for what is neither."""
    if place.startswith(SCHEME):
        bucket, _, prefix = place.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise UsageError(f"{place}: no bucket; an archive in S3 is s3://bucket/prefix")
        return Bucket(bucket, prefix)
    if not Path(place).is_dir():
        raise UsageError(f"{place} is no folder, and no s3://bucket/prefix")
    return Folder(Path(place))


def hour_of(since: datetime) -> str:
    """The beginning of the keys of an hour: in order of text they are in order of time."""
    return since.strftime("year=%Y/month=%m/day=%d/hour=%H")


def _hour_of(key: str) -> str | None:
    match = _KEY.fullmatch(key)
    return None if match is None else match[1]


class Folder:
    """An archive on this machine: what ``aws s3 sync`` leaves. Nothing is copied."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def find(self, since: datetime) -> list[Found]:
        first, found = hour_of(since), []
        try:
            for path in self._root.glob("year=*/month=*/day=*/hour=*/*.json.gz"):
                key = path.relative_to(self._root).as_posix()
                if (hour := _hour_of(key)) is not None and hour >= first:
                    found.append(Found(key, path.stat().st_size))
        except OSError as error:
            raise Trouble(f"the folder {self._root} can't be read: {error}") from error
        return sorted(found)

    def batches(self, found: Sequence[Found], folder: Path) -> Iterator[list[str]]:
        for batch in _batches(found):
            yield [glob.escape(str(self._root / one.key)) for one in batch]


class Bucket:
    """An archive in S3, read with this machine's AWS login; ``AWS_ENDPOINT_URL`` says where else S3 may be."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        """Raises Trouble without AWS's settings."""
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=READERS,
        )
        try:
            self._client: S3Client = boto3.client("s3", config=config)
        except (BotoCoreError, ValueError) as error:
            raise self._trouble(error) from error

    def find(self, since: datetime) -> list[Found]:
        found = []
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}year=", StartAfter=self._prefix + hour_of(since)
            )
            for page in pages:
                for each in page.get("Contents", []):
                    key = each["Key"].removeprefix(self._prefix)
                    if _hour_of(key) is not None:
                        found.append(Found(key, each["Size"]))
        except (BotoCoreError, ClientError) as error:
            raise self._trouble(error) from error
        return found

    def batches(self, found: Sequence[Found], folder: Path) -> Iterator[list[str]]:
        """The next batch is fetched while this one is read."""
        pool = ThreadPoolExecutor(READERS)
        try:
            before: list[Future[Path | None]] = []
            for number, batch in enumerate(_batches(found)):
                coming = [pool.submit(self._fetch, one, folder, f"{number}-{place}") for place, one in enumerate(batch)]
                yield from _yielded(before)
                before = coming
            yield from _yielded(before)
        finally:
            pool.shutdown(cancel_futures=True)

    def _fetch(self, one: Found, folder: Path, name: str) -> Path | None:
        """None for one that is gone: what an attempt left that was never counted, and its successor deletes."""
        path = folder / f"{(_hour_of(one.key) or '').replace('/', '~')}~{name}.json.gz"
        try:
            path.write_bytes(self._client.get_object(Bucket=self._bucket, Key=self._prefix + one.key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise self._trouble(error) from error
        except (BotoCoreError, OSError) as error:
            raise self._trouble(error) from error
        return path

    def _trouble(self, error: Exception) -> Trouble:
        return Trouble(f"the archive s3://{self._bucket}/{self._prefix} can't be read: {error}")


def _yielded(fetched: Sequence[Future[Path | None]]) -> Iterator[list[str]]:
    paths = [path for each in fetched if (path := each.result()) is not None]
    if paths:
        yield [glob.escape(str(path)) for path in paths]
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _batches(found: Sequence[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    size = 0
    for one in found:
        if batch and (len(batch) == BATCH_OBJECTS or size + one.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch
