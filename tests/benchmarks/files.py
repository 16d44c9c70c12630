"""Files in and out: real ones by the thousand, byte for byte; and a large one beside the store's own bare client.

    python -m tests.benchmarks.files many --files 10000 /usr/share /usr/lib/python3
    python -m tests.benchmarks.files large --mebibytes 1024 --repeats 3

The store is a MinIO in a container, or the local disk with ``--store disk``, which has no bare client. The scratch
folder needs room for everything that is put.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import aiohttp
import urllib3
from minio import Minio as BareClient

from adapters.minio.settings import MinioSettings
from tests.e2e.buckets import bucket_of, settings_of_bucket
from tests.e2e.service import Service
from tests.servers import Minio

ADDRESS = "/api/v1/storage/files"
MIB = 1024 * 1024
PIECE = os.urandom(MIB)
AT_ONCE = 12
PATIENT = aiohttp.ClientTimeout(total=None)


def real_files(roots: Sequence[Path], count: int) -> list[Path]:
    """Files below some folders, links left out; each once."""

    def below() -> Iterator[Path]:
        for root in roots:
            for folder, folders, names in os.walk(root):
                folders.sort()
                for path in (Path(folder, name) for name in sorted(names)):
                    if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                        yield path

    return list(islice(below(), count))


async def many(service: Service, files: Sequence[Path]) -> None:
    """Put every file, get every file; print how long that took, and how many are not what they were."""
    async with aiohttp.ClientSession(service.url, timeout=PATIENT) as session:
        begun = time.perf_counter()
        await side_by_side(put_real(session, number, path) for number, path in enumerate(files))
        between = time.perf_counter()
        sizes = await side_by_side(got_same(session, number, path) for number, path in enumerate(files))
        ended = time.perf_counter()
    wrong = sizes.count(None)
    total = sum(size or 0 for size in sizes)
    print(f"| {len(files):,} files, {total / MIB:,.1f} MiB | seconds | files/s |\n|---|---|---|")
    print(f"| in | {between - begun:,.1f} | {len(files) / (between - begun):,.0f} |")
    print(f"| out, compared | {ended - between:,.1f} | {len(files) / (ended - between):,.0f} |")
    print(f"{wrong} of them differ.")
    if wrong:
        raise SystemExit(1)


async def side_by_side(jobs: Iterator) -> list:  # type: ignore[type-arg]  # of whatever the jobs give
    """The results of jobs of which some run at once."""
    results, lock = [], asyncio.Lock()

    async def worker() -> None:
        while True:
            async with lock:
                job = next(jobs, None)
            if job is None:
                return
            results.append(await job)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return results


async def put_real(session: aiohttp.ClientSession, number: int, path: Path) -> None:
    """Keep a file under its number."""
    content = await asyncio.to_thread(path.read_bytes)
    async with session.put(f"{ADDRESS}/{number}", data=io.BytesIO(content)) as response:
        assert response.status == 201, await response.text()


async def got_same(session: aiohttp.ClientSession, number: int, path: Path) -> int | None:
    """How large a file is; None where what comes back is not what is on the disk."""
    async with session.get(f"{ADDRESS}/{number}") as response:
        content = await response.read()
        same = response.status == 200 and content == await asyncio.to_thread(path.read_bytes)
        return len(content) if same else None


class Repeated(io.RawIOBase):
    """A stream of one piece again and again, as a bare client reads it."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        taken = min(len(PIECE), self._left, size if size >= 0 else len(PIECE))
        self._left -= taken
        return PIECE[:taken]


def large(service: Service, bucket: MinioSettings | None, mebibytes: int, repeats: int) -> None:
    """Put and get one file, the service and the bare client in turn; print rates, ratios and memory."""
    size, rows = mebibytes * MIB, []
    served(service, 32 * MIB)
    before = service.peak_kib()
    for _ in range(repeats):
        row = served(service, size) + (bare(bucket, size) if bucket is not None else [])
        rows.append([size / MIB / seconds for seconds in row])
    grown = (service.peak_kib() - before) / 1024
    median = [statistics.median(column) for column in zip(*rows, strict=True)]
    print(f"| {mebibytes} MiB, median of {repeats} | in, MiB/s | out, MiB/s |\n|---|---|---|")
    print(f"| the service | {median[0]:,.0f} | {median[1]:,.0f} |")
    if bucket is not None:
        print(f"| the bare client | {median[2]:,.0f} | {median[3]:,.0f} |")
        print(f"| ratio | {median[0] / median[2]:.2f} | {median[1] / median[3]:.2f} |")
    print(f"The service's memory grew by {grown:.1f} MiB at most.")


def served(service: Service, size: int) -> list[float]:
    """Seconds of the service, in and out, by the library that the store's own client stands on."""
    pool = urllib3.PoolManager(blocksize=MIB)
    begun = time.perf_counter()
    headers = {"Content-Length": str(size)}
    stored = pool.request("PUT", f"{service.url}{ADDRESS}/large", body=Repeated(size), headers=headers)
    assert stored.status in (200, 201), stored.data
    between = time.perf_counter()
    answer = pool.request("GET", f"{service.url}{ADDRESS}/large", preload_content=False)
    assert sum(len(piece) for piece in answer.stream(MIB)) == size
    ended = time.perf_counter()
    pool.clear()
    return [between - begun, ended - between]


def bare(bucket: MinioSettings, size: int) -> list[float]:
    """Seconds of the store's own client, in and out."""
    client = BareClient(
        bucket.endpoint, bucket.access_key.reveal(), bucket.secret_key.reveal(), secure=False, region=bucket.region
    )
    begun = time.perf_counter()
    client.put_object(bucket.bucket, "bare", Repeated(size), size)  # type: ignore[arg-type]  # it reads, as asked
    between = time.perf_counter()
    answer = client.get_object(bucket.bucket, "bare")
    assert sum(len(piece) for piece in answer.stream(MIB)) == size
    answer.close()
    ended = time.perf_counter()
    client.remove_object(bucket.bucket, "bare")
    return [between - begun, ended - between]


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """Start what is needed, and run what was asked for."""
    with ExitStack() as stack:
        bucket = bucket_of(stack.enter_context(Minio())) if options.store == "bucket" else None
        service = Service(folder, settings=settings_of_bucket(bucket) if bucket else {})
        async with service:
            if options.what == "many":
                await many(service, real_files(options.roots, options.files))
            else:
                await asyncio.to_thread(large, service, bucket, options.mebibytes, options.repeats)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("many", "large"))
    parser.add_argument("roots", nargs="*", type=Path, default=[Path(sysconfig.get_path("purelib"))])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--store", choices=("bucket", "disk"), default="bucket")
    parser.add_argument("--scratch", type=Path, help="where the service keeps its data meanwhile")
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory(dir=options.scratch, prefix="files-") as folder:
        asyncio.run(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
