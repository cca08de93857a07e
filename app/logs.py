"""The format of the log: one line per record. Text from requests is escaped, so that it cannot forge a line."""

import logging
import re
from types import TracebackType
from typing import Any

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, further line separators, and marks that turn the direction of writing."""
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def escaped(text: str) -> str:
    """Text in which characters that move a terminal's cursor, or end a line, are shown as escapes."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Formatter(logging.Formatter):
    """Time, level, logger, message; the lines of a traceback are indented, so that none of them looks like a record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The record's line."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        """The traceback."""
        return "\n".join("    " + escaped(line) for line in super().formatException(ei).split("\n"))


def configuration(level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: uvicorn applies it in each worker process."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "app.logs.Formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # What happens to single connections is told by what it means for the database, once (`app/db/availability.py`).
        "loggers": {"psycopg": {"level": "CRITICAL"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
