"""Every command that a page shows is one that there is, with options that it has."""

from __future__ import annotations

import re
from functools import cache

import pytest

from askattend.cli import COMMANDS
from askattend.models import networks
from documentation.pages import PAGES, ROOT, blocks, commands, read
from tools.command_help import FORMS, pages, printed, taken_apart

OPTION = re.compile(r"--[a-z][\w.-]*")
# Settings that were renamed are named in the changelog alone.
SHOWN = [page for page in PAGES if page != "CHANGELOG.md"]


@cache
def options(*words: str) -> frozenset[str]:
    frames = taken_apart(printed(*words)).frames
    return frozenset(
        name for frame in frames for term, _ in frame.rows for name in OPTION.findall(term)
    )


def form_of(name: str, words: list[str]) -> tuple[str, ...]:
    """The words before --help that list a command's options: ``train saaa``."""
    first = words[0] if words else ""
    if name == "trace" and first.startswith("-"):
        return (name, "--run", "x")
    if name not in FORMS:
        return (name,)
    known = (*networks(), *FORMS[name])
    return (name, first if first in known else "saaa" if name != "import" else "hdf5")


@pytest.mark.parametrize("page", SHOWN)
def test_commands_and_options_are_there(page: str) -> None:
    for name, *words in commands(page):
        if name == "COMMAND":
            continue
        assert name in COMMANDS, f"{page}: askattend {name}"
        there = options(*form_of(name, words))
        for option in OPTION.findall(" ".join(words)):
            spelt = {option, option.replace("_", "-"), option.rstrip(".")}
            assert spelt & there or option == "--help", f"{page}: askattend {name} {option}"


def test_what_is_not_there_would_be_noticed() -> None:
    assert "--overlay" in options("ask")
    assert {"--train.epochs", "--model.glimpses", "--out"} <= options("train", "saaa")
    assert "--train.epoch" not in options("train", "saaa")
    assert form_of("train", ["any"]) == form_of("train", ["NETWORK"]) == ("train", "saaa")


def test_many_commands_are_shown() -> None:
    shown = [words for page in SHOWN for words in commands(page)]
    assert len(shown) > 100
    assert {words[0] for words in shown} >= COMMANDS.keys()


def test_every_command_has_a_row() -> None:
    rows = re.findall(r"^\| `askattend ([a-z]+)", read("docs/commands.md"), re.MULTILINE)
    assert set(rows) == COMMANDS.keys()


def test_every_target_of_make_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        code = [*blocks(page, "console", "sh", ""), *re.findall(r"`([^`\n]+)`", read(page))]
        for target in re.findall(r"^make ([a-z-]+)", "\n".join(code), re.MULTILINE):
            assert target in targets, f"{page}: make {target}"


def test_help_is_taken_apart_as_it_is_printed() -> None:
    found = taken_apart(
        "usage: askattend bake [-h] --heat INT\n\nBake it.\n\n- slow: all day\n\nExamples:\n"
        "  askattend bake --heat 3\n\n"
        "╭─ options ────────╮\n"
        "│ All of heat.  │\n"
        "│ ──────────── │\n"
        "│ -h, --help  show this  │\n"
        "│ --heat INT  How hot: a | b,  │\n"
        "│             and no more. (required)  │\n"
        "│ --a-long-option FILE.py:NAME  │\n"
        "│             What it reads.  │\n"
        "╰──────────────────╯\n"
    )
    assert found.usage == "askattend bake [-h] --heat INT"
    assert found.about == "Bake it.\n\n- slow: all day"
    assert found.examples == ("askattend bake --heat 3",)
    (frame,) = found.frames
    *_, forms = taken_apart(printed("train")).frames
    assert {name for name, _ in forms.rows} == networks().keys()
    assert (frame.title, frame.about) == ("options", "All of heat.")
    assert frame.rows == (
        ("--heat INT", "How hot: a | b,\nand no more. (required)"),
        ("--a-long-option FILE.py:NAME", "What it reads."),
    )


@pytest.mark.parametrize("words", list(pages()), ids=" ".join)
def test_the_reference_has_every_option_that_help_prints(words: tuple[str, ...]) -> None:
    text = printed(*words)
    found = taken_apart(text)
    listed = {
        name for frame in found.frames for term, _ in frame.rows for name in OPTION.findall(term)
    }
    begun = set(re.findall(r"^│ (--[\w.-]+)", text, re.MULTILINE))
    assert begun <= listed
    assert found.usage.startswith("askattend " + words[0])
    assert found.about
    assert found.examples
    assert all(told for frame in found.frames for _, told in frame.rows)
