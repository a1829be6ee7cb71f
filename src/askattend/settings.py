"""Frozen dataclasses of settings: checked when made, read from and written to TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import tomli_w

from askattend.errors import AskAttendError, ConfigError, did_you_mean
from askattend.files import read_whole

T = TypeVar("T")
# Of dotted parts; the time that tomllib needs grows with their square. Looked for where a part
# begins alone, or the time that this needs would grow with the square of a part's length.
_ENDLESS_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){100}")

# What files, tensors and TensorBoard hold; Python itself counts further.
_LARGEST = 2**63 - 1
# The range of a setting stands in its type: one place for the command line, TOML and Python.
Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
# Threads that compute; processes or threads beside them, or none. More do not start.
Threads = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Workers = Annotated[int, msgspec.Meta(ge=0, le=1024)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
NaturalFloat = Annotated[float, msgspec.Meta(ge=0)]
Probability = Annotated[float, msgspec.Meta(ge=0, lt=1)]
ClosedFraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]


def check(settings: Any, *names: str) -> None:
    """Hold the fields of a dataclass to their types and ranges; for use in ``__post_init__``.

    Args:
        settings: of the dataclass.
        names: the fields; by default all.

    Raises:
        ConfigError: names the field, its value and what was expected.
    """
    for name, hint in get_type_hints(type(settings), include_extras=True).items():
        if not names or name in names:
            _check_value(name, getattr(settings, name), hint)


def _check_value(name: str, value: Any, hint: Any) -> None:
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ConfigError("expected a number below 2⁶³", where=f"{name} = {value!r}")
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        if get_origin(hint) is Literal:
            choices = ", ".join(map(str, get_args(hint)))
            raise ConfigError(f"must be one of {choices}", where=f"{name} = {value!r}") from None
        problem = str(error).partition(" - at ")[0].replace("`", "").lower()
        out_of_range = "<" in problem or ">" in problem
        expected = (_both_ends(hint) if out_of_range else None) or problem
        raise ConfigError(expected, where=f"{name} = {value!r}") from None


def _both_ends(hint: Any) -> str | None:
    """Describe a type with both a least and a greatest value; one bound alone says half of it."""
    for part in get_args(hint):
        if isinstance(part, msgspec.Meta):
            low, high = (part.ge, part.gt), (part.le, part.lt)
            if low == (None, None) or high == (None, None):
                return None
            ends = [(closed if closed is not None else open_) for closed, open_ in (low, high)]
            without = [f"{e:g}" for e, (c, _) in zip(ends, (low, high), strict=True) if c is None]
            excluded = f", {' and '.join(without)} excluded" if without else ""
            return f"expected a number between {ends[0]:g} and {ends[1]:.10g}{excluded}"
        if (found := _both_ends(part)) is not None:
            return found
    return None


def from_mapping(kind: type[T], mapping: Mapping[str, Any], *, where: str) -> T:
    """Make a dataclass from a table, as TOML gives it; what is left out keeps its default.

    Raises:
        ConfigError: a key is unknown (names the nearest), of the wrong type or out of range.
    """
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    try:
        for key, value in mapping.items():
            name = key.replace("-", "_")
            if name not in hints:
                raise ConfigError(f"unknown setting '{key}'", remedy=did_you_mean(name, hints))
            _check_value(name, value, hints[name])
            values[name] = value
        return kind(**values)
    except AskAttendError as error:  # a backbone's name is checked by the features' own error
        key = "" if error.where is None else f"{error.where}: "
        raise ConfigError(f"{key}{error.problem}", where=where, remedy=error.remedy) from None


def to_mapping(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as TOML has them, without those that are None."""
    fields = msgspec.to_builtins(settings)
    assert isinstance(fields, dict)
    return {key: value for key, value in fields.items() if value is not None}


def read_toml(file: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises:
        ConfigError: the file is missing or malformed; names the line.
    """
    try:
        text = read_whole(file).decode()
        if _ENDLESS_KEY.search(text):
            raise tomllib.TOMLDecodeError("a key of too many parts")
        return tomllib.loads(text.replace("\r\n", "\n"))
    except FileNotFoundError:
        raise ConfigError("no such file", where=file) from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror or error})", where=file) from None
    except RecursionError:
        raise ConfigError("not a readable TOML file (nested too deeply)", where=file) from None
    except (UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"not a readable TOML file ({error})", where=file) from None


def toml_bytes(tables: Mapping[str, Any]) -> bytes:
    """Write `tables` as a TOML file's content."""
    return tomli_w.dumps(tables).encode()
