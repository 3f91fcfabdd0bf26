"""A prefix in object storage that speaks S3, by s3fs."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.asyn import sync
from s3fs import S3FileSystem
from s3fs.core import S3_RETRYABLE_ERRORS

from core.errors import StorageError
from core.storage.explain import explain, explained
from core.storage.folder import Entry, Folder

SCHEME = "s3://"

ATTEMPTS = 4
"""At a request that failed for a reason that may pass: throttling, a connection that dropped."""

PAUSE_S = 0.2
"""Before the second attempt; doubled before each further one."""

CONNECT_S, READ_S = 5, 30
"""Waiting for a connection, and for the next bytes of an answer."""

AT_ONCE = 32
"""Objects that are read at the same time."""

PART_BYTES, PARTS_AT_ONCE = 2**23, 4
"""Of a large object that is written; S3 takes no parts below 5 MiB but the last."""

AHEAD = 2**20
"""Bytes that are read at once of an object that is read in parts."""

PAGE = 1000
"""Keys in one answer to a listing, the most that S3 gives."""


class ObjectFolder(Folder):
    """A prefix in object storage."""

    def __init__(self, url: str) -> None:
        """Take a URL, `s3://bucket` or `s3://bucket/prefix`."""
        self.url = url.rstrip("/")
        self._root = self.url.removeprefix(SCHEME)

    @property
    def _system(self) -> Any:
        """The file system; fsspec keeps one for each process, with its connections, so that a fork shares none."""
        system = S3FileSystem(
            use_listings_cache=False,
            config_kwargs={
                "connect_timeout": CONNECT_S,
                "read_timeout": READ_S,
                "max_pool_connections": AT_ONCE,
                "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
            },
        )
        system.retries = 1  # botocore asks again, which knows more reasons to
        return system

    def place(self, name: str = "") -> str:
        """Return the URL."""
        return f"{self.url}/{name}" if name else self.url

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def entries(self) -> Iterator[Entry]:
        """Yield the objects below the prefix in the order of their keys, page by page."""
        bucket, _, prefix = self._root.partition("/")
        start = f"{prefix}/" if prefix else ""
        asked = {"Bucket": bucket, "Prefix": start, "MaxKeys": PAGE}
        while True:
            with explained(self.place()):
                page = self._system.call_s3("list_objects_v2", **asked)
            for found in page.get("Contents", ()):
                name = found["Key"][len(start) :]
                if not name.endswith("/") and not any(part.startswith(".") for part in name.split("/")):
                    yield Entry(name, found["Size"], found["ETag"])
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def entry(self, name: str) -> Entry:
        """Return what a listing tells of one object."""
        with explained(self.place(name)):
            found = self._system.info(self._path(name))
            return Entry(name, found["size"], found["ETag"])

    def open(self, name: str) -> BinaryIO:
        """Open an object; every part must be of what it was when it was opened."""
        with explained(self.place(name)):
            stream = self._system.open(self._path(name), "rb", block_size=AHEAD, cache_type="readahead")
        return cast("BinaryIO", stream)

    def read(self, name: str) -> bytes:
        """Return an object's bytes."""
        with explained(self.place(name)):
            data: bytes = sync(self._system.loop, self._read, name)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write an object; stores show it when all of it has arrived."""
        with explained(self.place(name)):
            self._system.pipe_file(self._path(name), data)

    def put(self, name: str, path: Path) -> None:
        """Write an object part by part; stores show it when all parts have arrived."""
        with explained(self.place(name)):
            self._system.put_file(path, self._path(name), chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def exists(self, name: str) -> bool:
        """Tell whether there is such an object."""
        with explained(self.place(name)):
            try:
                return bool(self._system.info(self._path(name))["type"] == "file")
            except FileNotFoundError:
                return False

    def remove(self, name: str) -> None:
        """Remove an object; S3 does not mind one that is not there."""
        with explained(self.place(name)):
            self._system.rm_file(self._path(name))

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | StorageError]:
        """Return the bytes of objects, many read at once; each must still be what was listed."""
        with explained(self.place()):
            found: list[bytes | BaseException] = sync(self._system.loop, self._read_all, entries)
        return [
            explain(self.place(entry.name), data) if isinstance(data, BaseException) else data
            for entry, data in zip(entries, found, strict=True)
        ]

    async def _read_all(self, entries: Sequence[Entry]) -> list[bytes | BaseException]:
        free = asyncio.Semaphore(AT_ONCE)

        async def read(entry: Entry) -> bytes:
            async with free:
                return await self._read(entry.name, IfMatch=entry.tag)

        return await asyncio.gather(*map(read, entries), return_exceptions=True)

    async def _read(self, name: str, **condition: str) -> bytes:
        """Read an object; a connection that drops in mid-read is not botocore's to mend."""
        client = await self._system.set_session()
        bucket, _, key = self._path(name).partition("/")
        for pause in range(ATTEMPTS - 1):
            try:
                return await _get(client, Bucket=bucket, Key=key, **condition)
            except S3_RETRYABLE_ERRORS:
                await asyncio.sleep(PAUSE_S * 2**pause)
        return await _get(client, Bucket=bucket, Key=key, **condition)


async def _get(client: Any, **asked: str) -> bytes:
    answer = await client.get_object(**asked)
    async with answer["Body"] as body:
        data: bytes = await body.read()
    return data
