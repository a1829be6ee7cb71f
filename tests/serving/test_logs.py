"""Logs: a JSON object a line, and nothing of what an error quotes."""

from __future__ import annotations

import json
import logging
import sys

from askattend.serving.logs import JsonLines


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("name", logging.WARNING, __file__, 1, message, arguments, None)
    made.__dict__.update(more)
    return made


def test_a_record_is_one_line_of_json() -> None:
    line = JsonLines().format(record("got %s\n现", 7, fields={"status": 503, "other": object}))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["event"], told["level"], told["status"]) == ("got 7\n现", "warning", 503)
    assert told["time"].endswith("+00:00")


def test_an_exception_is_its_type_and_places_alone() -> None:
    try:
        raise ValueError("SECRET")
    except ValueError:
        line = JsonLines().format(record("failed", exc_info=sys.exc_info()))
    told = json.loads(line)
    assert told["exception"] == "ValueError"
    assert "test_logs.py" in told["frames"][-1]
    assert "SECRET" not in line
