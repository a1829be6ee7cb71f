"""Logs, a line an event: JSON, or text on a terminal; no picture, question or answer is in them."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from askattend.environment.terminal import visible, visible_json
from askattend.environment.verbosity import is_quiet

REQUESTS, SERVICE = "askattend.serving.requests", "askattend.serving"
_FIELDS = "fields"


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: time, level, event, and the fields given with it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= _exception(record.exc_info[1])
        return visible_json(json.dumps(line, ensure_ascii=False, default=str))


class TextLines(logging.Formatter):
    """Writes a record as one line for people: time of day, event, fields, without the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {**getattr(record, _FIELDS, {})}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _exception(record.exc_info[1])
        told = " ".join(f"{name}={value}" for name, value in line.items())
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno < logging.WARNING else f"{record.levelname}: "
        # A line end within it would begin another event.
        return visible(f"{time} {level}{record.getMessage()} {told}".rstrip()).replace("\n", " ")


def log(logger: str, event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields."""
    logging.getLogger(logger).log(level, event, extra={_FIELDS: fields})


def log_failure(event: str, error: BaseException, **fields: Any) -> None:
    """Log an error that nobody expected: its type and where it was raised."""
    log(SERVICE, event, level=logging.ERROR, **fields, **_exception(error))


def set_up_logs() -> None:
    """Send all that this process logs to standard error; of others' loggers what is a warning."""
    handler = logging.StreamHandler(sys.stderr)
    # Programs read what is redirected; a person before a terminal reads the lines beside it.
    handler.setFormatter(TextLines() if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in (SERVICE, "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING if is_quiet() else logging.INFO)
    # It warns of each malformed form, which the client is told of.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _exception(error: BaseException) -> dict[str, Any]:
    # An error's message may quote what a client sent: the places in the code say enough.
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "exception": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
