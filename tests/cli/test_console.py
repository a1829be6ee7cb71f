"""Forms of a command: named by its first word, listed by its help."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from askattend.cli.console import Form, parse_form
from askattend.errors import ConfigError


@dataclass(frozen=True)
class Circle:
    radius: int = 1


@dataclass(frozen=True)
class Square:
    side: int = 1


FORMS = {
    "circle": Form(Circle, "A round thing."),
    "square": Form(Square, "A thing with corners.", lambda: Square(side=7)),
}


def parsed(*argv: str) -> object:
    return parse_form(FORMS, list(argv), "draw", noun="shape", about="Draws shapes.")


def test_the_first_word_chooses_options_and_defaults() -> None:
    assert parsed("circle") == Circle(1)
    assert parsed("square") == Square(7)
    assert parsed("square", "--side", "2") == Square(2)
    with pytest.raises(ConfigError, match=r"^unknown shape 'Sqare'\. Did you mean 'square'\?$"):
        parsed("Sqare")


@pytest.mark.parametrize("argv", [(), ("-h",), ("--help",)])
def test_help_lists_the_forms(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parsed(*argv)
    assert not stop.value.code
    out = capsys.readouterr().out
    for said in ("usage: askattend draw", "Draws shapes.", "circle", "A thing with corners."):
        assert said in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("circle", "--side", "2"), "askattend draw circle --help"),
        (("circle", "--radius", "x"), "askattend draw circle --help"),
        (("--radius", "2"), "askattend draw --help"),
    ],
)
def test_a_wrong_option_is_answered_with_the_help_to_call(argv: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=f"All options: {said}"):
        parsed(*argv)
