"""The errors that a user's mistake raises: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable
from typing import Any

# Of many cases at fault, a message names no more than this.
MOST_NAMED = 3


class AskAttendError(Exception):
    """A mistake that the user can mend.

    The message reads ``where: problem. remedy``; the command line prints it without a traceback
    and exits with status 2.

    Args:
        problem: what is wrong, without a final full stop.
        where: the file, row or key at fault.
        remedy: what the user can do, as a full sentence.
    """

    def __init__(self, problem: str, *, where: object = None, remedy: str = "") -> None:
        self.problem, self.where, self.remedy = problem, where, remedy
        prefix = "" if where is None else f"{where}: "
        super().__init__(f"{prefix}{problem}.{' ' if remedy else ''}{remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        # From another process it comes as it was; by default its whole message is its problem.
        return _as_it_was, (type(self), self.args, vars(self))


def _as_it_was(
    kind: type[AskAttendError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> AskAttendError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class DataError(AskAttendError):
    """A data source that cannot be read or does not hold what was asked of it."""


class ImageError(AskAttendError):
    """An image that is missing, truncated or not an image."""


class FeatureError(AskAttendError):
    """A feature store or backbone that cannot be used as asked."""


class ConfigError(AskAttendError):
    """A setting that does not exist or has a value out of range."""


class RunError(AskAttendError):
    """A run folder that is incomplete or does not fit."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what is kept and how to go on.

    Args:
        kept: what is kept, and where: ``"3 epochs in runs/saaa"``.
        command: the words that go on from there, the program's name aside.
    """

    def __init__(self, kept: str, command: Iterable[str]) -> None:
        words = shlex.join(["askattend", *command])
        super().__init__(f"interrupted. Kept: {kept}. Go on with: {words}")


class UntrustedCodeError(RunError):
    """A run that brings Python of somebody's own, which this user has not agreed to run.

    Args:
        file: the code.
        name: of the class in it.
        digest: by which `askattend.runs.own_code.trust` remembers that the user agrees.
    """

    def __init__(self, file: object, name: str, digest: str) -> None:
        super().__init__(
            "the run brings code of somebody's own, which can do whatever you can",
            where=file,
            remedy=f"Read it; then agree once, by ask or evaluate with --attention {file}:{name}.",
        )
        self.digest = digest


class ServiceError(AskAttendError):
    """A service that refuses a request, or cannot be reached.

    Args:
        problem, where, remedy: as for any.
        status: the HTTP status; 0 where there was no response.
        request_id: by which the service's log names the request; ``""`` where it is not known.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: object = None,
        remedy: str = "",
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.status, self.request_id = status, request_id


def reason_of(error: BaseException) -> str:
    """Say what an error is about, without the system's number for it and the file's name.

    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.json"))
    'No such file or directory'
    """
    told = getattr(error, "strerror", None) or getattr(error, "problem", None) or str(error)
    return str(told).rstrip(".") or type(error).__name__


def name_few(cases: Iterable[object]) -> str:
    """Name the first few of many cases: ``"1, 2, 3, …"``."""
    listed = list(cases)
    return ", ".join(map(str, listed[:MOST_NAMED])) + (", …" if len(listed) > MOST_NAMED else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Make a hint: ``Did you mean 'x'?``, or a list of the valid words if none is similar."""
    known = list(known)
    close = closest(word, known)
    return f"Did you mean '{close}'?" if close else f"Choose from: {', '.join(known)}."


def closest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Find the word most like another, at least so much from 0 to 1; None if there is none."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)), None)
