"""Runs with a name: the demo's, which comes with the package, and those of the model hub.

The hub is asked only where a name of it is given; what it has sent stays in the user's cache.
"""

from __future__ import annotations

import re
import shutil
from importlib import resources
from pathlib import Path, PurePosixPath

from askattend.environment.home import cache_folder
from askattend.environment.hub_client import endpoint, hub_client, split_name, told
from askattend.environment.verbosity import print_details
from askattend.errors import RunError
from askattend.files import make_folder, whole_file, whole_folder

# What the name of a run on the model hub starts with: ``hf:user/name``, ``hf:user/name@v1``.
PREFIX = "hf:"
DEMO = "demo"
# Suffixes of a run's files. No pickle is among them; code is run once its user has agreed to it.
SUFFIXES = (".json", ".toml", ".safetensors", ".md", ".py")
# A run has some twenty files, and four for each of its evaluations.
MOST_FILES = 4_000
# By which of these a repository has, what it holds is told: a run, or a model of transformers'.
OF_A_RUN, OF_A_MODEL = "config.toml", "config.json"


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
    patterns = [f"*{suffix}" for suffix in SUFFIXES]
    snapshot = fetch_files(name, patterns, revision=revision, token=token)
    # The hub's own cache is shared with other tools; what answers is kept as packed runs are.
    repository = split_name(name)[0]
    folder = cache_folder() / "packed" / snapshot.name / PurePosixPath(repository).name
    if not (folder / OF_A_RUN).is_file():
        _copy(snapshot, folder, name)
    print_details(f"{PREFIX}{name} is in {folder}")
    return folder


def fetch_files(
    name: str,
    patterns: list[str],
    ignored: list[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    instead: str = "a run's folder",
) -> Path:
    """Fetch those files of a repository of models that match a pattern, unless they are there.

    Args:
        name: ``user/name`` or ``user/name@revision``.
        patterns: as the shell has them: ``"*.json"``.
        ignored: patterns of files that are left out all the same.
        revision: see `fetch`.
        token: see `fetch`.
        instead: what can be named in its place.

    Returns:
        the folder of the hub's own cache that holds them.

    Raises:
        RunError: see `fetch`.
    """
    repository, named = split_name(name)
    hub = hub_client()
    with told(f"{PREFIX}{name}", instead=instead):
        return Path(
            hub.snapshot_download(
                repository,
                revision=revision or named,
                token=token,
                endpoint=endpoint(),
                allow_patterns=patterns,
                ignore_patterns=ignored,
            )
        )


def holds_a_model(name: str) -> bool:
    """Tell whether a repository of the hub holds a model of transformers', and no run.

    Args:
        name: ``user/name`` or ``user/name@revision``.

    Raises:
        RunError: see `fetch`.
    """
    folder = fetch_files(name, [OF_A_RUN, OF_A_MODEL], instead="a run's or a model's folder")
    return is_model_folder(folder)


def is_foreign(named: Path) -> bool:
    """Tell by its ``config.json`` whether a folder, or a name of the hub, is a model's, no run's.

    Raises:
        RunError: the hub does not have it, or cannot be reached and it is not on this machine.
    """
    if not is_named(named):
        return named.is_dir() and is_model_folder(named)
    name = named.as_posix()
    return name != DEMO and holds_a_model(name.removeprefix(PREFIX))


def is_model_folder(folder: Path) -> bool:
    """Tell whether a folder holds what transformers' save_pretrained writes, and no run."""
    return (folder / OF_A_MODEL).is_file() and not (folder / OF_A_RUN).is_file()


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
    api = hub_client().HfApi(endpoint=endpoint(), token=token, library_name="askattend")
    with told(f"{PREFIX}{repository}", pushing=True):
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
    if not (snapshot / OF_A_RUN).is_file():
        remedy = "Write one there with: askattend push RUN user/name."
        if is_model_folder(snapshot):
            remedy = f"It is a model of transformers': askattend evaluate {PREFIX}{name} takes it."
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
        if not (folder / OF_A_RUN).is_file():  # else another process was quicker
            raise
