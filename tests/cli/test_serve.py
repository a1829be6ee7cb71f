"""``askattend serve``: mistakes that are told before anything is served."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from askattend.cli.serve import read_token
from askattend.errors import ConfigError
from commands import Call


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no run named"),
        (("nowhere",), "nowhere: no such folder"),
        (("nowhere", "--queue", "0"), "queue = 0"),
        (("nowhere", "--timeout", "-1"), "timeout = -1"),
        (("nowhere", "--port", "-1"), "port = -1: expected a number between 0 and 65535"),
        (("nowhere", "--cors-origin", "example.org"), "'example.org' is not the origin of a site"),
        (("nowhere", "--cors-origin", "https://example.org/"), "Write it as https://example.org"),
        (("nowhere", "--allowed-host", "https://vqa.example.org"), "is not the name of a host"),
        (("nowhere", "--token-file", "no-such-file"), "no-such-file: cannot be read"),
    ],
)
def test_mistakes(call: Call, words: tuple[str, ...], message: str) -> None:
    status, out, err = call("serve", *words, *(() if "--port" in words else ("--port", "0")))
    assert (status, out) == (2, "")
    assert message in err


def test_a_risk_that_is_not_known_is_refused(call: Call, run: Path) -> None:
    status, _, err = call("serve", run, "--port", "0", "--abstain-above-risk", "0.1")
    assert status == 2
    assert "its risk is not known" in err


def test_a_token_is_what_a_file_holds(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  s3cret-_.\n")
    assert read_token(file) == "s3cret-_."
    for content in ("", " \n", "two words", "tökén", "two\nlines"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="holds no token"):
            read_token(file)


def test_the_description_tells_of_the_token(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret")
    status, out, _ = call("serve", "--openapi", "--token-file", file)
    assert status == 0
    described = json.loads(out)
    assert described["security"] == [{"token": []}]
    assert "s3cret" not in out


def test_without_its_packages_it_names_the_extra(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    status, _, err = call("serve", "--openapi")
    assert status == 2
    assert "pip install 'fastapi>=" in err
