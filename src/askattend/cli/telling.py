"""How much a command tells beside its results, by ``--quiet`` and ``--verbose``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as version_of

from askattend.environment.verbosity import Verbosity, is_verbose, print_details
from askattend.errors import ConfigError

WORDS: Mapping[str, Verbosity] = {
    "-q": Verbosity.QUIET,
    "--quiet": Verbosity.QUIET,
    "-v": Verbosity.VERBOSE,
    "--verbose": Verbosity.VERBOSE,
}


def take_verbosity(words: Sequence[str]) -> tuple[Verbosity, list[str]]:
    """Take ``-q`` and ``-v`` out of a command's words, wherever they stand.

    Raises:
        ConfigError: both are among them.
    """
    found = {WORDS[word] for word in words if word in WORDS}
    if len(found) > 1:
        remedy = "Leave one of them out."
        raise ConfigError("cannot be quiet and verbose at once", where="-q -v", remedy=remedy)
    return next(iter(found), Verbosity.NORMAL), [word for word in words if word not in WORDS]


@contextmanager
def telling_surroundings() -> Iterator[None]:
    """Say, where details are wanted, what a command runs on, and when it is done, how long it took.

    To be entered once the command's modules are imported: whether it computes is known by then.
    """
    if not is_verbose():
        yield
        return
    began = time.monotonic()
    print_details(*_surroundings())
    try:
        yield
    finally:
        print_details(f"took {time.monotonic() - began:.1f} s")


def _surroundings() -> Iterator[str]:
    # Here alone: without --verbose nobody waits for it.
    from askattend.environment.home import cache_folder
    from askattend.environment.provenance import commit, short, version
    from askattend.environment.waiting import describe_waiting

    python = ".".join(map(str, sys.version_info[:3]))
    of_commit = f" ({short(known)})" if (known := commit()) else ""
    yield f"askattend {version()}{of_commit}, Python {python}, PyTorch {version_of('torch')}"
    if torch := sys.modules.get("torch"):
        yield f"threads: {torch.get_num_threads()} ({describe_waiting()})"
    try:
        yield f"cache: {cache_folder()}"
    except RuntimeError:
        yield "cache: none, as there is no home folder"
