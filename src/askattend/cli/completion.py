"""``askattend completion``: a script by which a shell completes commands, options and values."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, make_dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, Union

import tyro
from tyro.conf import OmitSubcommandPrefixes, Positional

from askattend.cli.console import Form, parse, union_of
from askattend.cli.everywhere import with_everywhere

ABOUT = """\
Print a script by which a shell completes commands, options and values.

  bash  askattend completion bash > ~/.local/share/bash-completion/completions/askattend
  zsh   askattend completion zsh > ~/.zfunc/_askattend    (a folder of your $fpath)
  fish  askattend completion fish > ~/.config/fish/completions/askattend.fish

It takes effect in a new shell."""


@dataclass(frozen=True)
class Completion:
    """Print a script by which a shell completes commands, options and values."""

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """The shell."""


def run(argv: list[str]) -> None:
    """Parse the command's options, and print the script."""
    options: Completion = parse(Completion, argv, "completion", description=ABOUT)
    print(script(options.shell))


def script(shell: str) -> str:
    """Return the completion script for a shell."""
    printed = io.StringIO()
    # tyro prints it, and ends the program.
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(printed):
        tyro.cli(
            _all_commands(),
            args=["--tyro-print-completion", shell],
            prog="askattend",
            config=(OmitSubcommandPrefixes,),
        )
    return printed.getvalue()


def _all_commands() -> Any:
    """Return the type of all commands' options, as subcommands of one."""
    from askattend.cli import COMMANDS

    commands = tuple(
        Annotated[_options(name, module), tyro.conf.subcommand(name)]
        for name, module in COMMANDS.items()
    )
    return Union[commands]  # noqa: UP007


def _options(command: str, module: str) -> Any:
    """Return the type of a command's options, which its module names like the command."""
    found = import_module(f"askattend.cli.{module}")
    if hasattr(found, "forms"):
        forms = {name: _with_everywhere(form) for name, form in found.forms().items()}
        return make_dataclass(command.title(), [("form", union_of(forms))])
    own = getattr(found, command.title(), None) or make_dataclass(command.title(), [])
    return with_everywhere(own, {})[0]


def _with_everywhere(form: Form) -> Form:
    """Add to a form the options that every command has: they may stand behind its own."""
    kind, more = with_everywhere(form.options, form.defaults())
    return Form(kind, form.summary, (lambda: more["default"]) if more else None)
