"""Runs with a name: the demo's, which comes with the package, and those of the model hub.

The hub is asked only where a name of it is given; what it has sent stays in the user's cache.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from askattend.environment.home import cache_folder
from askattend.environment.verbosity import print_details
from askattend.errors import RunError
from askattend.files import make_folder, whole_file, whole_folder
from askattend.installation import pip_install

# What the name of a run on the model hub starts with: ``hf:user/name``, ``hf:user/name@v1``.
PREFIX = "hf:"
DEMO = "demo"
# Suffixes of a run's files. No pickle is among them; code is run once its user has agreed to it.
SUFFIXES = (".json", ".toml", ".safetensors", ".md", ".py")
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
# A run has some twenty files, and four for each of its evaluations.
MOST_FILES = 4_000


def is_named(run: str | Path) -> bool:
    """Tell whether a run is meant by its name, since no file or folder is called so."""
    path = Path(run)
    named = path.as_posix() == DEMO or path.as_posix().startswith(PREFIX)
    return named and not path.exists()


def named_run(run: str | Path) -> Path:
    """Return where a run lies: a path as it is, the demo's packed run, a folder from the hub.

    Raises:
        RunError: the hub does not have it, or cannot be reached and it is not in the cache.
    """
    if not is_named(run):
        return Path(run)
    name = Path(run).as_posix()
    return _demo() if name == DEMO else fetch(name.removeprefix(PREFIX))


def fetch(name: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """Fetch a run of the model hub into the user's cache, unless it is there.

    Args:
        name: ``user/name`` or ``user/name@revision``.
        revision: branch, tag or commit; by default that of the name, or the main branch.
        token: the hub's, for private runs; by default that of ``hf auth login``.

    Returns:
        the folder, which goes by the commit.

    Raises:
        RunError: huggingface-hub is not installed, the hub does not have it, or cannot be reached
            and it is not in the cache.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        problem = "is no name of a run on the model hub"
        raise RunError(problem, where=name, remedy="Write user/name, or user/name@revision.")
    hub, repository = _huggingface_hub(), found["repository"]
    with _told(f"{PREFIX}{name}"):
        snapshot = Path(
            hub.snapshot_download(
                repository,
                revision=revision or found["revision"],
                token=token,
                endpoint=_endpoint(),
                allow_patterns=[f"*{suffix}" for suffix in SUFFIXES],
            )
        )
    # The hub's own cache is shared with other tools; what answers is kept as packed runs are.
    folder = cache_folder() / "packed" / snapshot.name / PurePosixPath(repository).name
    if not (folder / "config.toml").is_file():
        _copy(snapshot, folder, name)
    print_details(f"{PREFIX}{name} is in {folder}")
    return folder


def push(
    folder: Path, repository: str, *, private: bool, token: str | None, message: str | None
) -> str:
    """Write a folder's files to a repository of the model hub, which is made if need be.

    Returns:
        the address of its page.

    Raises:
        RunError: huggingface-hub is not installed, or the hub refuses.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        problem = "is no name of a repository"
        raise RunError(problem, where=repository, remedy="Write user/name.")
    api = _huggingface_hub().HfApi(endpoint=_endpoint(), token=token, library_name="askattend")
    with _told(f"{PREFIX}{repository}", pushing=True):
        url = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=message or "A run of askattend",
        )
    return str(url)


def _demo() -> Path:
    return Path(str(resources.files("askattend.presets") / "demo.zip"))


def _copy(snapshot: Path, folder: Path, name: str) -> None:
    """Copy what the hub sent out of its cache, where links stand for files."""
    files = [file for file in sorted(snapshot.rglob("*")) if file.is_file()]
    if not (snapshot / "config.toml").is_file():
        remedy = "Write one there with: askattend push RUN user/name."
        raise RunError("holds no run (no config.toml)", where=f"{PREFIX}{name}", remedy=remedy)
    if len(files) > MOST_FILES:
        raise RunError(f"holds {len(files):,} files, more than a run can", where=f"{PREFIX}{name}")
    try:
        with whole_folder(folder) as unfinished:
            for file in files:
                target = unfinished / file.relative_to(snapshot)
                make_folder(target.parent)
                with file.open("rb") as source, whole_file(target) as opened:
                    shutil.copyfileobj(source, opened)
    except OSError:
        if not (folder / "config.toml").is_file():  # else another process was quicker
            raise


def _endpoint() -> str | None:
    """Return the address of the hub that the environment names, if it names one."""
    return os.environ.get("HF_ENDPOINT") or None


def _huggingface_hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        remedy = f"Install it: {pip_install('hub')}"
        problem = "runs on the model hub need the package huggingface-hub"
        raise RunError(problem, remedy=remedy) from None
    return huggingface_hub


@contextmanager
def _told(where: str, *, pushing: bool = False) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into an error of our own."""
    try:
        yield
    except Exception as error:
        if not _is_of_the_hub(error):
            raise
        raise _refused(error, where, pushing=pushing) from None


def _is_of_the_hub(error: Exception) -> bool:
    """Tell errors of the connection, and of the hub's package: its versions use other clients."""
    if isinstance(error, OSError):
        return error.errno not in _OF_THE_DISK
    clients = ("huggingface_hub", "httpx", "httpcore", "requests", "urllib3")
    return type(error).__module__.startswith(clients)


def _refused(error: Exception, where: str, *, pushing: bool) -> RunError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
    kind = type(error).__name__
    if "NotFound" in kind and "LocalEntry" not in kind:
        problem = "the model hub does not have it, or not for you"
        remedy = "Check the name; for what is private, log in with: hf auth login."
    elif "GatedRepo" in kind or getattr(error, "response", None) is not None:
        problem, remedy = "the model hub refuses", "Log in with: hf auth login."
    elif pushing:
        problem = "the model hub could not be reached"
        remedy = "Try again with network access; askattend pack makes a file of the run without."
    else:
        problem = "the model hub could not be reached, and it is not on this machine"
        remedy = "Try again with network access, or name a run's folder."
    return RunError(f"{problem} ({said})", where=where, remedy=remedy)
