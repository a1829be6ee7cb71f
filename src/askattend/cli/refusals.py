"""Mistakes in a command's options, told as all others are: what, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from askattend.cli.telling import WORDS
from askattend.errors import MOST_NAMED, ConfigError, closest, did_you_mean

_OPTION = re.compile(r"--[a-z][\w.-]*\w")
# What Python says of a text that is no number → what it should be.
_KINDS = {"invalid literal for int": "a whole number", "could not convert": "a number"}
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@contextmanager
def in_our_words(command: str, argv: Sequence[str], help_text: Callable[[], str]) -> Iterator[None]:
    """Raise what tyro would print in a frame.

    Args:
        command: the command's name, or those of a command and its form.
        argv: the words after it.
        help_text: makes the command's help, which names all of its options.

    Raises:
        ConfigError: says what is wrong, and names the nearest option or value.
    """

    try:
        from tyro._errors import ParseErrorEvent, on_parse_error
    except ImportError:  # no public part of tyro: without it, its own frame has to do
        yield
        return

    def raise_error(event: ParseErrorEvent) -> None:
        where = f"askattend {command}"
        problem, hint = _told(event, argv, help_text)
        more = f"All options: {where} --help."
        raise ConfigError(problem, where=where, remedy=f"{hint} {more}" if hint else more)

    with on_parse_error(raise_error):
        yield


def _told(event: Any, argv: Sequence[str], help_text: Callable[[], str]) -> tuple[str, str]:
    """Return what is wrong, and a hint if there is one."""
    from tyro import _errors as refused

    match event:
        case refused.UnrecognizedArgs(tokens=tokens):
            return _unknown(tokens, help_text)
        case refused.MissingArgs(missing_arguments=missing):
            return _missing([each.arg for each in missing], argv, help_text)
        case refused.BadValue(argument=argument, offending_value=None) if argument.is_positional():
            return _missing([argument], argv, help_text)
        case refused.MissingSubcommand(subcommand_spec=spec):
            return f"missing: one of {', '.join(spec.parser_from_name)}", ""
        case refused.InvalidChoice(argument=argument, value=value, choices=choices):
            return f"{_name(argument)}: unknown value '{value}'", did_you_mean(value, choices)
        case refused.InstantiationFailure(argument=argument, message=message):
            return _bad_value(argument, message), ""
        case refused.BadValue(argument=argument, offending_value=None):
            return f"{_name(argument)} lacks its value", ""
        case refused.BadValue(argument=argument, offending_value=value):
            return f"{_name(argument)} cannot be '{value}'", ""
    # Forms of options that exclude each other, which no command has.
    return "the options do not go together", ""


def _missing(
    arguments: Sequence[Any], argv: Sequence[str], help_text: Callable[[], str]
) -> tuple[str, str]:
    """Name what is missing; or an unknown option, which may be that very one, misspelt."""
    known = _OPTION.findall(help_text())
    named = [word for word in argv if word.startswith("--")]
    unknown = [word for word in named if word.partition("=")[0].replace("_", "-") not in known]
    if unknown:
        return _unknown(unknown, help_text)
    return f"missing: {', '.join(map(_name, arguments))}", ""


def _unknown(tokens: Sequence[str], help_text: Callable[[], str]) -> tuple[str, str]:
    """Name the first word that is not known, and the nearest options."""
    options = [token for token in tokens if token.startswith("-")]
    if not options:
        words = " ".join(f"'{token}'" for token in tokens)
        quotes = "Put what has spaces in quotes." if len(tokens) > 1 else "Leave it out."
        return f"does not know what to do with {words}", quotes
    known = sorted(
        {*_OPTION.findall(help_text()), *(word for word in WORDS if word.startswith("--"))}
    )
    word = options[0].partition("=")[0]
    near = nearest_options(word, known)
    hint = f"Did you mean {' or '.join(near)}?" if near else ""
    return f"unknown option '{word}'", hint


def nearest_options(word: str, known: Sequence[str]) -> list[str]:
    """Find the options that a word may have been meant as.

    They may be known by their last part alone: ``--epochs`` is ``--train.epochs``.

    >>> nearest_options("--epoch", ["--train.epochs", "--out"])
    ['--train.epochs']
    """
    bare = word.lstrip("-").replace("_", "-").lower()
    last = {option: option.lstrip("-").rpartition(".")[2] for option in known}
    if same := [option for option, name in last.items() if name == bare]:
        return same
    if whole := closest(f"--{bare}", known, likeness=0.75):
        return [whole]
    part = closest(bare, last.values(), likeness=0.75)
    begun = [option for option, name in last.items() if len(bare) > 2 and name.startswith(bare)]
    return [option for option, name in last.items() if name == part] or begun[:MOST_NAMED]


def _bad_value(argument: Any, message: str) -> str:
    """Say which value is none of an option's."""
    if argument is None:
        return message.rstrip(".")
    kind = next((kind for start, kind in _KINDS.items() if message.startswith(start)), None)
    quoted = _QUOTED.search(message)
    if kind is None or quoted is None:
        return f"{_name(argument)}: {message.rstrip('.')}"
    return f"{_name(argument)}: '{quoted[1] or quoted[2] or ''}' is not {kind}"


def _name(argument: Any) -> str:
    """Name an option with its value, or a word by its place."""
    lowered = argument.lowered
    value = str(lowered.metavar or "")
    if argument.is_positional():
        return value
    option = max(lowered.name_or_flags, key=len)
    return str(option)
