"""Runs a job in a worker process, and compresses its file for the transfer if the client takes compressed bodies."""

import zlib
from pathlib import Path

from app.files.listing import Job, Listing

_LEVEL = 6
_GZIP_WINDOW = 31
_CHUNK = 262_144


def plain(job: Job, lines: Path, result: Path, listing: Listing) -> None:
    """Run the job."""
    job(lines, result, listing)


def packed(job: Job, lines: Path, result: Path, listing: Listing) -> None:
    """Run the job, and replace its file by one that is compressed with gzip, without a time in it."""
    job(lines, result, listing)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    smaller = result.with_name(f"{result.name}.gz")
    with result.open("rb") as file, smaller.open("wb") as compressed:
        while chunk := file.read(_CHUNK):
            compressed.write(packer.compress(chunk))
        compressed.write(packer.flush())
    smaller.replace(result)
