"""Data sets of the hub: what files one has, and the fetching of some of them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from askattend.environment.hub_client import (
    endpoint,
    hub_client,
    is_of_the_hub,
    split_name,
    told,
    was_answered,
)
from askattend.errors import DataError

# Where the hub itself keeps every public data set as Parquet.
CONVERTED = "refs/convert/parquet"
_KIND = "dataset"


@dataclass(frozen=True)
class HubDataSet:
    """A data set of the hub, at a revision.

    Attributes:
        repository: ``user/name``.
        revision: branch, tag or commit; None for the main branch.
    """

    repository: str
    revision: str | None = None

    @classmethod
    def of(cls, name: str) -> HubDataSet:
        """Return the data set ``user/name`` or ``user/name@revision``.

        Raises:
            DataError: it is no such name.
        """
        return cls(*split_name(name, what="a data set", raises=DataError))

    def files(self) -> list[str]:
        """List its files; where the hub is not to be reached, those that are on this machine.

        Raises:
            DataError: the hub does not have it, or cannot be reached and nothing of it is here.
        """
        hub = hub_client(what="data sets", raises=DataError)
        with self._told():
            try:
                api = hub.HfApi(endpoint=endpoint(), library_name="askattend")
                info = api.repo_info(self.repository, repo_type=_KIND, revision=self.revision)
                return [f.rfilename for f in info.siblings or () if _is_within(f.rfilename)]
            except Exception as error:
                if not is_of_the_hub(error) or was_answered(error):
                    raise
            folder = self._snapshot(local_files_only=True)
        found = (file for file in folder.rglob("*") if file.is_file())
        return sorted(file.relative_to(folder).as_posix() for file in found)

    def fetch(self, files: Sequence[str]) -> Path:
        """Fetch some of its files, unless they are on this machine; return the folder above them.

        Raises:
            DataError: see `files`.
        """
        with self._told():
            # Names are no patterns here: a bracket stands for itself.
            return self._snapshot(allow_patterns=[glob.escape(file) for file in files])

    def _told(self) -> AbstractContextManager[None]:
        instead = "files on this machine: parquet:PATH"
        return told(f"hf:{self.repository}", instead=instead, raises=DataError)

    def _snapshot(self, **more: object) -> Path:
        hub = hub_client(what="data sets", raises=DataError)
        place = {"repo_type": _KIND, "revision": self.revision, "endpoint": endpoint()}
        return Path(hub.snapshot_download(self.repository, **place, **more))


def _is_within(file: str) -> bool:
    """Tell a path that does not lead out of the data set, whatever a hub says that it has."""
    pure = PurePosixPath(file)
    return not pure.is_absolute() and ".." not in pure.parts
