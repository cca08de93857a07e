"""The names under which browsers save lists: they say what was asked for, and the position of the change log."""

import re
from collections.abc import Mapping, Sequence

from anyascii import anyascii

MOST_LETTERS = 100
"""The maximum length of the part of a name that says what was asked for."""
_UNSAFE = re.compile(r"[^A-Za-z0-9.]+")


def file_name(plural: str, filters: Mapping[str, Sequence[str]], language: str | None, seq: int, suffix: str) -> str:
    """Return a file name of safe ASCII characters, such as `meetings-country-CN-2025-907.csv`.

    `filters`: the values of the filters, by name. `seq`: the place of the newest change in the log.
    """
    window = _window(filters.get("date_from", ("",))[0], filters.get("date_to", ("",))[0])
    words = [plural]
    for name, values in filters.items():
        if name not in ("date_from", "date_to"):
            words += [name, *values]
    asked = _UNSAFE.sub("-", anyascii("-".join([*words, *window, *([language] if language else [])])))
    return f"{asked[:MOST_LETTERS].strip('-.')}-{seq}.{suffix}"


def disposition(name: str) -> tuple[bytes, bytes]:
    """Return the header that makes a browser save an answer under this name of ASCII characters."""
    return b"content-disposition", f'attachment; filename="{name}"'.encode()


def _window(first: str, last: str) -> list[str]:
    """Return the words for a range of days: one for the days of one year or month, otherwise both ends."""
    if first[:4] == last[:4] and first.endswith("-01-01") and last.endswith("-12-31"):
        return [first[:4]]
    return [*(["from", first] if first else []), *(["to", last] if last else [])]
