"""Signals that end a command: taken for its time alone, as Ctrl-C or as nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from askattend.cli.signals import ended_by_signals
from squares import write_squares


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("sigint", [signal.default_int_handler, signal.SIG_IGN])
def test_each_is_taken_as_ctrl_c(number: signal.Signals, sigint: object) -> None:
    signal.signal(signal.SIGINT, sigint)  # type: ignore[arg-type]
    with ended_by_signals() as ending:
        assert ending.status == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert ending.status == 128 + number
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_or_handled_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with ended_by_signals() as ending:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
    assert (heard, ending.status) == ([signal.SIGTERM], 130)


def test_a_process_told_to_end_says_what_it_keeps(tmp_path: Path) -> None:
    table = write_squares(tmp_path)
    words = ["extract", f"table:{table}", "--out", str(tmp_path / "store"), "--batch-size", "1"]
    command = [sys.executable, "-m", "askattend", *words, "--workers", "0", "--image-size", "640"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        while not (tmp_path / "store" / "plan.json").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "askattend: interrupted. Kept: " in err
    assert f"in {tmp_path / 'store'}. Go on with: askattend extract" in err


STARTED = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv[1]
sys.meta_path.insert(0, Interrupts())
sys.argv = ["askattend", "data", "easy-vqa"]
from askattend.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        ("askattend.cli", -signal.SIGINT, ""),
        ("askattend.cli.words", -signal.SIGINT, ""),
        ("askattend.cli.data", 130, "askattend: interrupted\n"),
        ("tyro", 130, "askattend: interrupted\n"),
        ("askattend.metrics.floors", 130, "askattend: interrupted\n"),
    ],
)
def test_ctrl_c_while_it_starts_is_no_traceback(module: str, status: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (status, said, "")
