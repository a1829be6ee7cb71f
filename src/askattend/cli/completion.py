"""``askattend completion``: a script by which a shell completes commands, options and values."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Union

import tyro
from tyro.conf import OmitSubcommandPrefixes, Positional

from askattend.cli import COMMANDS, completer
from askattend.cli.console import Form, parse, union_of
from askattend.cli.everywhere import with_everywhere
from askattend.cli.needs import NEEDS
from askattend.data.readers.registry import READERS
from askattend.errors import ConfigError

ABOUT = """\
Print a script by which a shell completes commands, options and values.

  bash  askattend completion bash > ~/.local/share/bash-completion/completions/askattend
  zsh   askattend completion zsh > ~/.zfunc/_askattend    (a folder of your $fpath)
  fish  askattend completion fish > ~/.config/fish/completions/askattend.fish

It takes effect in a new shell."""
# A word of the usage → the kind of its values, of which `completer` knows.
_KINDS = {
    r"\bRUN\b": "runs",
    r"\bSOURCE\b": "sources",
    r"PATH|FILE|FOLDER|IMAGE|LOG|PAGE|RESULTS|STORE": "files",
}
# Commands that take more than the words that they need.
_WORDS = {
    "cache": ("FOLDER",),
    "compare": ("RUN or RESULTS.json",),
    "completion": ("{bash,zsh,fish}",),
}
# Options whose word of the usage is less than is known of their values.
_OPTIONS = {"--data": "SOURCE", "--run": "RUN", "--image": "IMAGE"}
# The form of `trace` that has no name of its own.
_TRACE_RUN = "trace-run"
_EVERYWHERE = ("-q", "--quiet", "-v", "--verbose")  # before a command or its form, too
_MOST = 100  # letters that are told of an option


@dataclass(frozen=True)
class Completion:
    """Print a script by which a shell completes commands, options and values."""

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """The shell."""


def run(argv: list[str]) -> None:
    """Parse the command's options, and print the script."""
    options: Completion = parse(Completion, argv, "completion", description=ABOUT)
    print(script(options.shell), end="")


def script(shell: str) -> str:
    """Return the completion script for a shell: its own part, and the program that completes."""
    template = (Path(__file__).parent / "shells" / shell).read_text(encoding="utf-8")
    program = Path(completer.__file__).read_text(encoding="utf-8")
    main = 'if __name__ == "__main__":'
    program = program.replace(main, f"COMMAND = {all_commands()!r}\n\n{main}")
    if shell == "fish":
        quoted = program.replace("\\", "\\\\").replace("'", "\\'")
    else:
        quoted = program.replace("'", "'\\''")
    return template.replace("PROGRAM", quoted)


def all_commands() -> dict[str, Any]:
    """Describe the command line as `completer` takes it.

    A command, and each of its forms, has ``about``, ``words`` (the kinds of what is given by its
    place), ``options`` (``value``: a kind, a list of choices, None for a flag; ``many``: takes
    several; ``about``) and ``forms``. The whole has ``sources``, too, each with the kind of what
    stands behind its name.

    Raises:
        ConfigError: tyro tells its options in a way that is not known.
    """
    found = _described(_options_of_tyro())
    commands = found["forms"]
    for name, module in COMMANDS.items():
        commands[name]["about"] = _summary(import_module(f"askattend.cli.{module}"))
        _add_words(commands[name], _WORDS.get(name, NEEDS[name].words))
    commands["trace"]["options"] |= commands.pop(_TRACE_RUN)["options"]
    everywhere = {name: commands["doctor"]["options"][name] for name in _EVERYWHERE}
    for each in (found, *(form for form in commands.values() if form["forms"])):
        each["options"] |= everywhere
    found["options"]["--version"] = {"value": None, "many": False, "about": "the version of this"}
    return {**found, "sources": _sources()}


def _add_words(command: dict[str, Any], words: Sequence[str]) -> None:
    """Tell a command the kinds of the words that it takes, and its forms those behind theirs."""
    if command["forms"]:
        for form in command["forms"].values():
            _add_words(form, words[1:])
        return
    command["words"] = [_kind(word) for word in words]


def _options_of_tyro() -> dict[str, Any]:
    """Return what tyro's own script knows of all options; positional words it does not know."""
    printed = io.StringIO()
    # tyro prints it, and ends the program.
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(printed):
        tyro.cli(
            _every_type(),
            args=["--tyro-print-completion", "bash"],
            prog="askattend",
            config=(OmitSubcommandPrefixes,),
        )
    spec = re.search(r"^COMPLETION_SPEC = (.*)$", printed.getvalue(), re.MULTILINE)
    if spec is None:
        remedy = "pip install 'tyro==1.0.17' is a version of which this is known."
        raise ConfigError("this version of tyro tells its options in another way", remedy=remedy)
    found: dict[str, Any] = ast.literal_eval(spec[1])
    return found


def _described(spec: dict[str, Any]) -> dict[str, Any]:
    options = {flag: _option(flag, each) for each in spec["options"] for flag in each["flags"]}
    forms = {name: _described(form) for name, form in spec["subcommands"].items()}
    return {"about": "", "words": [], "options": options, "forms": forms}


def _option(flag: str, option: dict[str, Any]) -> dict[str, Any]:
    if option["type"] in ("flag", "boolean"):
        return {"value": None, "many": False, "about": _shortened(option["description"])}
    metavar, _, about = option["description"].partition(" • ")
    value = option.get("choices") or _kind(_OPTIONS.get(flag, metavar))
    many = option.get("nargs") not in (None, 1, "?")
    return {"value": value, "many": many, "about": _shortened(about)}


def _shortened(text: str) -> str:
    return textwrap.shorten(text, _MOST, placeholder=" …")


def _kind(metavar: str) -> str | list[str]:
    """Return the kinds of values that a word of the usage stands for, or the choices in braces."""
    braces = re.findall(r"\{(.*?)\}", metavar)
    choices = [each for part in braces for each in part.split(",") if each != "None"]
    return choices or " ".join(kind for word, kind in _KINDS.items() if re.search(word, metavar))


def _sources() -> dict[str, dict[str, str]]:
    """Return each source's name, with a colon where a place follows, and what it is."""
    found = {}
    for name, reader in READERS.items():
        has_place = reader.place is not None and reader.canonical is None
        kind = "files" if has_place and reader.is_path else ""
        found[name + ":" * has_place] = {"value": kind, "about": _shortened(reader.about)}
    return found


def _every_type() -> Any:
    """Return the type of all commands' options, as subcommands of one."""
    kinds = {name: _options(name, module) for name, module in COMMANDS.items()}
    trace = import_module(f"askattend.cli.{COMMANDS['trace']}")
    kinds[_TRACE_RUN] = with_everywhere(trace.TraceRun, {})[0]
    commands = tuple(Annotated[kind, tyro.conf.subcommand(name)] for name, kind in kinds.items())
    return Union[commands]  # noqa: UP007


def _options(command: str, module: str) -> Any:
    """Return the type of a command's options, which its module names like the command."""
    found = import_module(f"askattend.cli.{module}")
    if hasattr(found, "forms"):
        forms = {name: _with_everywhere(form) for name, form in found.forms().items()}
        return make_dataclass(command.title(), [("form", union_of(forms))])
    return with_everywhere(getattr(found, command.title()), {})[0]


def _with_everywhere(form: Form) -> Form:
    """Add to a form the options that every command has: they may stand behind its own."""
    kind, more = with_everywhere(form.options, form.defaults())
    return Form(kind, form.summary, (lambda: more["default"]) if more else None)


def _summary(module: ModuleType) -> str:
    """Return what a command does, as its module's first line says behind the command's name."""
    first, *_ = (module.__doc__ or "").splitlines()
    return first.partition(": ")[2].rstrip(".")
