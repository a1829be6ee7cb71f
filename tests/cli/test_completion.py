"""Completion scripts: what they know, and Tab in the shells themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from askattend.cli import COMMANDS, completion
from askattend.cli.completer import FILES, RUNS, completions, joined
from askattend.data.readers.registry import READERS
from askattend.errors import ConfigError
from cli.shells import ALL, in_bash, in_fish, in_zsh
from commands import Call
from tools.command_help import pages, printed

# A line as far as the cursor → what it may go on with.
LINES = {
    "tr": {"train", "trace"},
    "train s": {"saaa", "san"},
    "train saaa --model.gl": {"--model.glimpses"},
    "train san --recipe ": {"auto", "small", "medium", "large", "paper"},
    "train san --recipe=s": {"--recipe=small"},
    "ask --over": {"--overlay"},
    "ask --verb": {"--verbose"},
    "--qui": {"--quiet"},
    "train san --qui": {"--quiet"},
    "import h": {"hdf5"},
    "trace --ru": {"--run"},
    "export demo --format ": {"onnx", "web"},
    "completion ": {"bash", "zsh", "fish"},
    "completion z": {"zsh"},
    "--vers": {"--version"},
    "ask d": {"demo"},
    "data ea": {"easy-vqa"},
    "train saaa --data tab": {"table:"},
    "ask runs/a a.png --top ": set(),
}
BLANK = "\\ "  # as shells write one in a name
# A folder's files → what is offered of them behind a line, and what else.
FILES_THERE = ("runs/a/", "runs/b/", "shelves.zip", "shelves.csv", "my shelves/")
LOOKED_FOR = {
    "ask runs/": ["runs/a/", "runs/b/"],
    "ask sh": ["shelves.zip"],
    "ask my": ["my shelves/"],
    "ask runs/a sh": ["shelves.csv", "shelves.zip"],
    "ask --overlay my": ["my shelves/"],
    "train saaa --out ru": ["runs/"],
    "train saaa --data table:shelves.c": ["table:shelves.csv"],
    "train saaa --out=run": ["--out=runs/"],
    "compare runs/a shelves.c": ["shelves.csv"],
}


@pytest.fixture(scope="module")
def command() -> dict[str, Any]:
    return completion.all_commands()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES_THERE:
        file = tmp_path / name
        if name.endswith("/"):
            file.mkdir(parents=True)
        else:
            file.touch()
    return tmp_path


def offered(line: str, command: dict[str, Any]) -> set[str]:
    return {word for word, _ in completions(line.split(" "), command)}


@pytest.mark.parametrize("line", LINES)
def test_what_is_offered(line: str, command: dict[str, Any]) -> None:
    assert offered(line, command) - {FILES, RUNS} == LINES[line]


@pytest.mark.parametrize(
    ("line", "looked_for"),
    [
        ("ask ", (RUNS, "")),
        ("ask runs/a ", (FILES, "")),
        ("serve runs/a ", (RUNS, "")),
        ("serve runs/a runs/b r", (RUNS, "")),
        ("compare runs/a ", (FILES, "")),
        ("score ", (FILES, "")),
        ("cache ", (FILES, "")),
        ("extract ", (FILES, "")),
        ("import hdf5 ", (FILES, "")),
        ("ask --overlay ", (FILES, "")),
        ("ask --overlay=", (FILES, "--overlay=")),
        ("train saaa --out ", (RUNS, "")),
        ("trace --run ", (RUNS, "")),
        ("data table:", (FILES, "table:")),
        ("train saaa --data table:s", (FILES, "table:")),
        ("train saaa --data=table:s", (FILES, "--data=table:")),
    ],
)
def test_what_the_shell_looks_for(
    line: str, looked_for: tuple[str, str], command: dict[str, Any]
) -> None:
    assert looked_for in list(completions(line.split(" "), command))


@pytest.mark.parametrize(
    "line", ["ask runs/a a.png ", "ask r a.png 'is it?' ", "data hf:", "doctor -- x "]
)
def test_no_files_where_none_are_due(line: str, command: dict[str, Any]) -> None:
    assert not offered(line, command) & {FILES, RUNS}


def test_every_command_and_source_is_known(command: dict[str, Any]) -> None:
    assert command["forms"].keys() == COMMANDS.keys()
    assert all(form["about"] for form in command["forms"].values())
    assert {name.rstrip(":") for name in command["sources"]} == set(READERS.names())


@pytest.mark.parametrize("words", list(pages()), ids=" ".join)
def test_every_option_that_help_tells_is_known(
    words: tuple[str, ...], command: dict[str, Any]
) -> None:
    told = set(re.findall(r"^│ (?:-\w, )?(--[\w.-]+)", printed(*words), re.MULTILINE))
    line = "trace --" if "--run" in words else " ".join((*words, "--"))
    assert told - {"--help"} <= offered(line, command)
    assert told


def test_bash_takes_words_apart_at_colons() -> None:
    assert joined(["train", "--data", "table", ":", "a.csv"]) == ["train", "--data", "table:a.csv"]
    assert joined(["--out", "=", ""]) == ["--out="]
    assert joined(["data", "vqa", ":"]) == ["data", "vqa:"]
    assert joined(["a", "", "b"]) == ["a", "", "b"]


def shown(lines: Iterable[str]) -> list[str]:
    return [f"askattend {line}" for line in lines]


@pytest.fixture
def script(
    call: Call, command: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    monkeypatch.setattr(completion, "all_commands", lambda: command)  # made once, since it is slow

    def print_it(shell: str) -> str:
        status, printed, err = call("completion", shell)
        assert (status, err) == (0, "")
        return printed

    return print_it


# One of each kind, since each Tab starts Python.
KINDS = ("tr", "train saaa --model.gl", "train san --recipe ", "train san --recipe=s", "ask d")
MORE = ("train saaa --data tab", "ask runs/a a.png --top ")
EVERY = {**{line: sorted(LINES[line]) for line in (*KINDS, *MORE)}, **LOOKED_FOR}


def after_tab(line: str, words: list[str]) -> str:
    """A line after Tab: what all its completions begin with, and a blank if that is all of one."""
    before, _, typed = line.rpartition(" ")
    word = os.path.commonprefix(words) or typed  # noqa: RUF071 (letters, as shells do)
    end = " " if len(words) == 1 and word[-1] not in "/:" else ""
    return f"{before} {word.replace(' ', BLANK)}{end}"


def names(words: Iterable[str]) -> list[str]:
    """The last parts of paths, which are all that a shell tells of files among completions."""
    return sorted(re.split(r"[=:/]", word.rstrip("/"))[-1] or word for word in words)


def test_tab_in_bash(folder: Path, script: Callable[[str], str]) -> None:
    printed, lines = script("bash"), shown(EVERY)
    assert in_bash(printed, lines, folder) == [*map(after_tab, lines, EVERY.values())]
    several = [line for line, words in EVERY.items() if len(words) > 1]
    found = in_bash(printed, shown(several), folder, ALL)
    for line, all_inserted in zip(several, found, strict=True):
        start = "askattend " + line[: line.rfind(" ") + 1]
        words = all_inserted.removeprefix(start).split()
        assert names(words) == names(EVERY[line]), line


def test_tab_in_zsh(folder: Path, script: Callable[[str], str]) -> None:
    lines = shown(EVERY)
    found = in_zsh(script("zsh"), lines, folder)
    assert [line for line, _ in found] == [*map(after_tab, lines, EVERY.values())]
    for line, (_, words) in zip(EVERY, found, strict=True):
        assert names(word.replace(BLANK, " ") for word in words) == names(EVERY[line]), line


def test_tab_in_fish(folder: Path, script: Callable[[str], str]) -> None:
    found = in_fish(script("fish"), shown(EVERY), folder)
    assert dict(zip(EVERY, map(sorted, found), strict=True)) == EVERY


def test_a_shell_that_is_not_known(call: Call) -> None:
    status, _, err = call("completion", "csh")
    assert status == 2
    assert "csh" in err


def test_another_tyro_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askattend.cli.completion.tyro.cli", lambda *given, **more: print("new"))
    with pytest.raises(ConfigError, match=r"another way.*tyro==1\.0\.17"):
        completion.script("bash")
