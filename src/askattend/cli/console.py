"""Reading options and writing results, as all commands do it."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Union

import tyro
from rich.console import Console

from askattend.cli.everywhere import with_everywhere
from askattend.cli.help import colours, shown_defaults, with_examples
from askattend.cli.refusals import in_our_words
from askattend.cli.terminal import json_text, visible_output
from askattend.environment.console import notes_console
from askattend.environment.verbosity import is_quiet
from askattend.errors import ConfigError, did_you_mean

# A table names no more types of question than this; --json has them all.
MOST_TYPES = 12
FLOORS = {
    "majority": "floor: most common answer",
    "prefix": "floor: by the question's first words",
}


@dataclass(frozen=True)
class Form:
    """One form of a command that has several, such as ``train saaa``.

    Attributes:
        options: the dataclass of its options.
        summary: a line of help.
        default: makes the options' defaults, where they are not those of the class.
    """

    options: Any
    summary: str
    default: Callable[[], Any] | None = None

    def defaults(self) -> dict[str, Any]:
        """Return the argument ``default``, if there is any."""
        return {} if self.default is None else {"default": self.default()}


def parse(
    kind: Any,
    argv: list[str],
    name: str,
    *,
    description: str | None = None,
    arguments: Mapping[str, Any] = MappingProxyType({}),
    **more: Any,
) -> Any:
    """Read a command's options.

    Args:
        kind: the dataclass of its options.
        argv: the words after the command.
        name: the command's.
        description: the help's first lines; by default the docstring of `kind`.
        arguments: an option's name → what `tyro.conf.arg` says of it, where that is not its type's.
        more: as `tyro.cli` takes it.

    Raises:
        ConfigError: an option is unknown, missing, or has a value that it cannot have.
    """
    text = inspect.cleandoc(kind.__doc__ or "") if description is None else description
    told: dict[str, Any] = {"prog": f"askattend {name}", "description": with_examples(text, name)}
    told["registry"] = shown_defaults(arguments)
    if {"-h", "--help"} & set(argv):
        kind, more = with_everywhere(kind, more)

    def help_text() -> str:
        with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
            tyro.cli(kind, args=["--help"], **told, **more)
        return printed.getvalue()

    with colours(), visible_output(colours=True), in_our_words(name, argv, help_text):
        return tyro.cli(kind, args=argv, **told, **more)


def parse_form(
    forms: Mapping[str, Form],
    argv: list[str],
    command: str,
    *,
    noun: str,
    about: str,
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Read the options of the form that the first word names; without one, print help and exit.

    Args:
        forms: a form's name → the form.
        argv: the words after the command.
        command: the command's name.
        noun: the word for a form: ``"network"``.
        about: the help above the list of forms.
        arguments: as of `parse`.

    Raises:
        ConfigError: there is no such form; names the nearest.
    """
    name, *rest = argv or ["--help"]
    if name in forms:
        form, full_name = forms[name], f"{command} {name}"
        return parse(
            form.options,
            rest,
            full_name,
            description=form.summary,
            arguments=arguments,
            **form.defaults(),
        )
    if not name.startswith("-"):
        raise ConfigError(f"unknown {noun} '{name}'", remedy=did_you_mean(name.lower(), forms))
    if not {"-h", "--help"} & set(argv) and argv:
        hint = f"Name it first: {', '.join(forms)}. All options: askattend {command} --help."
        raise ConfigError(f"no {noun} named", where=f"askattend {command}", remedy=hint)
    # A form by itself is parsed above: only so do tyro's messages call it by its full name.
    return parse(union_of(forms), argv or ["--help"], command, description=about)


def union_of(forms: Mapping[str, Form]) -> Any:
    """Return the type of several forms' options, of which the first word chooses one."""
    subcommands = tuple(
        Annotated[
            form.options,
            tyro.conf.subcommand(name, description=form.summary, **form.defaults()),
        ]
        for name, form in forms.items()
    )
    return Union[subcommands]  # noqa: UP007


def progress() -> Console:
    """Make the console for notes and progress; see `notes_console`."""
    return notes_console()


def print_notes(notes: Iterable[str]) -> None:
    """Print what was decided on the user's behalf, apart from the results."""
    if is_quiet():
        return
    with suppress(OSError):
        for note in notes:
            print(f"note: {note}", file=sys.stderr)


def interval_text(ends: tuple[float, float]) -> str:
    """Write a 95 % interval of an accuracy: ``[46.23%, 53.71%] (95 %)``."""
    low, high = ends
    return f"[{low:.2%}, {high:.2%}] (95 %)"


def print_json(value: Any) -> None:
    """Print one JSON value."""
    print(json_text(value, sys.stdout.encoding or "utf-8"))
