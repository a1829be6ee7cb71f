"""The client of the model hub: asked only where a name of the hub is given; its errors are ours."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from askattend.errors import AskAttendError, RunError
from askattend.installation import pip_install

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def split_name(
    name: str, *, what: str = "a run", raises: type[AskAttendError] = RunError
) -> tuple[str, str | None]:
    """Divide ``user/name@revision`` into the repository and the revision, None if none is named.

    Raises:
        RunError: it is no such name; or an error of the kind `raises`.
    """
    found = _NAME.fullmatch(name)
    if found is None or ".." in name:
        problem = f"is no name of {what} on the model hub"
        raise raises(problem, where=name, remedy="Write user/name, or user/name@revision.")
    return found["repository"], found["revision"]


def hub_client(*, what: str = "runs", raises: type[AskAttendError] = RunError) -> Any:
    """Import huggingface-hub.

    Raises:
        RunError: it is not installed; or an error of the kind `raises`.
    """
    try:
        import huggingface_hub
    except ImportError:
        remedy = f"Install it: {pip_install('hub')}"
        problem = f"{what} on the model hub need the package huggingface-hub"
        raise raises(problem, remedy=remedy) from None
    return huggingface_hub


def endpoint() -> str | None:
    """Return the address of the hub that the environment names, if it names one."""
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def told(
    where: str,
    *,
    pushing: bool = False,
    instead: str = "a run's folder",
    raises: type[AskAttendError] = RunError,
) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into an error of our own.

    Args:
        where: what is fetched or written, as the user named it.
        pushing: True while something is written.
        instead: what can be named in its place.
        raises: the kind of error.
    """
    try:
        yield
    except Exception as error:
        if not is_of_the_hub(error):
            raise
        problem, remedy = _refused(error, pushing=pushing, instead=instead)
        raise raises(problem, where=where, remedy=remedy) from None


def is_of_the_hub(error: Exception) -> bool:
    """Tell errors of the connection, and of the hub's package: its versions use other clients."""
    if isinstance(error, OSError):
        return error.errno not in _OF_THE_DISK
    clients = ("huggingface_hub", "httpx", "httpcore", "requests", "urllib3")
    return type(error).__module__.startswith(clients)


def was_answered(error: Exception) -> bool:
    """Tell errors by which the hub said no from those of a hub that was not reached."""
    kind = type(error).__name__
    absent = "NotFound" in kind and "LocalEntry" not in kind
    return absent or "GatedRepo" in kind or getattr(error, "response", None) is not None


def _refused(error: Exception, *, pushing: bool, instead: str) -> tuple[str, str]:
    """Say what went wrong, and what to do."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
    kind = type(error).__name__
    if "NotFound" in kind and "LocalEntry" not in kind:
        problem = "the model hub does not have it, or not for you"
        remedy = "Check the name; for what is private, log in with: hf auth login."
    elif was_answered(error):
        problem, remedy = "the model hub refuses", "Log in with: hf auth login."
    elif pushing:
        problem = "the model hub could not be reached"
        remedy = "Try again with network access; askattend pack makes a file of the run without."
    else:
        problem = "the model hub could not be reached, and it is not on this machine"
        remedy = f"Try again with network access, or name {instead}."
    return f"{problem} ({said})", remedy
