"""Workers are let in once they are known to run this very program, and to see the same folder."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from rich.console import Console

from askattend.cluster.places import is_seen
from askattend.cluster.worker import Hello, Unseen, describe_processor, describe_program
from askattend.environment.console import print_line
from askattend.errors import ConfigError

_TOKEN = ".shared-"


class Admission:
    """Questions that the driver asks of workers.

    Args:
        folder: that results go to.
        console: where notes go.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder, self._console = folder.absolute(), console
        self._token = f"{_TOKEN}{secrets.token_hex(8)}"
        # By which the next driver tells a living one's file from a killed one's.
        self._lock = FileLock(self._folder / self._token)
        self._processors = {describe_processor()}

    def __enter__(self) -> Admission:
        self._sweep()
        self._lock.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()
        self._remove(self._token)

    def _sweep(self) -> None:
        """Remove what killed drivers left."""
        for file in self._folder.glob(f"{_TOKEN}*"):
            if not file.suffix:
                with suppress(Timeout), FileLock(file, timeout=0):
                    self._remove(file.name)

    def _remove(self, token: str) -> None:
        for file in self._folder.glob(f"{token}*"):
            file.unlink(missing_ok=True)

    @property
    def question(self) -> tuple[str, str]:
        """The folder, and the name of a file in it."""
        return str(self._folder), self._token

    def admit(self, hello: Hello) -> None:
        """Let a worker in.

        Raises:
            ConfigError: it runs other versions, or sees another folder, or may not write there.
        """
        own = {"askattend": describe_program(), "torch": str(torch.__version__)}
        for name, here in own.items():
            if (there := getattr(hello, name)) != here:
                raise ConfigError(
                    f"runs {name} {there}, but here it is {here}",
                    where=f"host {hello.host}",
                    remedy="Install the same versions on every host.",
                )
        if hello.refused:
            raise ConfigError(
                f"cannot write to {self._folder} ({hello.refused})",
                where=f"host {hello.host}",
                remedy="Let this user write there on every host.",
            )
        if not hello.sees or not any(self._folder.glob(f"{self._token}.*")):
            raise ConfigError(
                f"does not see {self._folder} as this host does",
                where=f"host {hello.host}",
                remedy="Name a folder that all hosts share, at the same path (NFS and the like).",
            )
        if hello.processor not in self._processors:
            self._processors.add(hello.processor)
            text = "whose last bits may differ from those computed here"
            note = f"note: {hello.host} computes by {hello.processor}, {text}"
            print_line(self._console, note)

    def require_gone(self, unseen: Unseen, host: str) -> None:
        """Make sure that a file which a worker does not see is not seen here either.

        Raises:
            ConfigError: it is here, or is another one here.
        """
        if not is_seen(unseen.place):
            return
        seen = "does not see" if unseen.size is None else f"sees {unseen.size:,} bytes of what is"
        where = "which this host sees" if unseen.size is None else "larger or smaller here"
        raise ConfigError(
            f"{seen} {unseen.place}, {where}",
            where=host,
            remedy="Put images into a folder that all hosts share, or name their address (s3://…).",
        )
