"""The format of the log: one line per record. Text from requests is escaped, so that it cannot forge a line."""

import logging
import re
from types import TracebackType
from typing import Any

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, Unicode line separators, and marks that change the direction of text."""
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def escaped(text: str) -> str:
    """The text, with characters that end a line, control a terminal or reverse text replaced by escape sequences."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Formatter(logging.Formatter):
    """Formats a log record as one line of time, level, logger and message.

    Tracebacks are indented, so that none of their lines looks like a log record.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The record as one escaped line."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        """The traceback, escaped and indented."""
        return "\n".join("    " + escaped(line) for line in super().formatException(ei).split("\n"))


def configuration(level: str) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`, which uvicorn applies in each worker process."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "app.logs.Formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        # psycopg need not log each failed connection: `app/db/availability.py` logs once that the database is unavailable.
        "loggers": {"psycopg": {"level": "CRITICAL"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
