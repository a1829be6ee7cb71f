"""Logs: a JSON object a line, or text, and nothing of what an error quotes."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from askattend.environment.verbosity import Verbosity, telling
from askattend.serving.logs import REQUESTS, JsonLines, TextLines, log, set_up_logs


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


def test_a_line_for_people() -> None:
    told = record("request\nfor \x1b[2J%s", "x", fields={"status": 200, "route": "/api\n"})
    line = TextLines().format(told)
    assert line.split(" ", 1)[1] == "WARNING: request for \\x1b[2Jx status=200 route=/api"
    told.levelno = logging.INFO
    assert "WARNING" not in TextLines().format(told)
    try:
        raise ValueError("SECRET")
    except ValueError:
        line = TextLines().format(record("failed", exc_info=sys.exc_info()))
    assert "ValueError" in line
    assert "SECRET" not in line


@pytest.mark.parametrize(("terminal", "kind"), [(True, TextLines), (False, JsonLines)])
def test_programs_read_json_and_terminals_show_text(
    terminal: bool, kind: type[logging.Formatter], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    set_up_logs()
    assert [type(each.formatter) for each in root.handlers] == [kind]


def test_quietly_what_went_wrong_is_logged_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    for verbosity, events in ((Verbosity.QUIET, ["bad"]), (Verbosity.NORMAL, ["good", "bad"])):
        with telling(verbosity):
            set_up_logs()
        log(REQUESTS, "good")
        log(REQUESTS, "bad", level=logging.ERROR)
        lines = capsys.readouterr().err.splitlines()
        assert [json.loads(line)["event"] for line in lines] == events
