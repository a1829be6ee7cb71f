"""Opened shards of a store: mapped where the file is this user's own, read where it is another's.

A mapped file that becomes shorter ends the process by a signal (SIGBUS), without a word, as soon as
what is gone is looked at. Askattend itself never shortens a shard; what others do is theirs.
"""

from __future__ import annotations

import math
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from torch import Tensor

from askattend.errors import FeatureError
from askattend.features.levels import StoredLevels, levels_layout
from askattend.features.spec import FeatureSpec
from askattend.features.storage import digest_of_tensors
from askattend.features.store_files import damaged, description_of, open_tensors
from askattend.features.store_index import WrittenShard
from askattend.files import decode_json

_LENGTH = 8  # bytes that say how long a file's header is
_ROOT = 0


class OpenedShard:
    """A shard of a store, once it is known to be what the store's index says.

    Args:
        file: the shard's.
        written: what the index says of it.
        spec: the store's.

    Raises:
        FeatureError: it is damaged, or another one.
    """

    def __init__(self, file: Path, written: WrittenShard, spec: FeatureSpec) -> None:
        self._file, self._spec = file, spec
        tensors = _checked(file, written, spec)
        self._status = os.stat(file)
        self._mapped = None
        if is_own(self._status):
            self._mapped = StoredLevels.from_tensors(tensors, spec.grids, spec.dtype)
        else:
            self._places = _places(file)

    def holding(self, slot: int) -> tuple[StoredLevels, int]:
        """Return features among which are those of a slot's image, and at which place.

        Raises:
            FeatureError: the file has become shorter since it was opened.
        """
        if self._mapped is None:
            tensors = {name: self._read(name, slot) for name in self._places}
            return StoredLevels.from_tensors(tensors, self._spec.grids, self._spec.dtype), 0
        # Asked for each image anew: what is not there must not be looked at.
        if _shortened(self._file, self._status):
            raise self._gone()
        return self._mapped, slot

    def _read(self, name: str, slot: int) -> Tensor:
        """Read one image's part of a tensor: the first axis is that of the images."""
        shape, dtype = levels_layout(1, self._spec.grids, self._spec.dtype)[name]
        size = math.prod(shape) * dtype.itemsize
        with self._file.open("rb", buffering=0) as opened:
            opened.seek(self._places[name] + slot * size)
            content = bytearray(size)
            if opened.readinto(content) != size:
                raise self._gone()
        return torch.frombuffer(content, dtype=dtype).view(shape)

    def _gone(self) -> FeatureError:
        reason = "it has become shorter since it was opened"
        return damaged(self._file, reason, imported=self._spec.imported)


def is_own(status: os.stat_result) -> bool:
    """Return True for a file that nobody else but this user and root may write to."""
    if not hasattr(os, "geteuid"):
        return True  # Windows, which keeps a mapped file from being shortened
    others = stat.S_IWOTH if status.st_gid == os.getegid() else stat.S_IWOTH | stat.S_IWGRP
    return status.st_uid in (_ROOT, os.geteuid()) and not status.st_mode & others


def _shortened(file: Path, before: os.stat_result) -> bool:
    try:
        now = os.stat(file)
    except OSError:
        return False  # what is mapped stays, whatever becomes of its name
    same = (now.st_dev, now.st_ino) == (before.st_dev, before.st_ino)
    return same and now.st_size < before.st_size


def _checked(file: Path, written: WrittenShard, spec: FeatureSpec) -> dict[str, Tensor]:
    """Map a shard's tensors, whose bytes are read when they are looked at."""
    broken = partial(damaged, file, imported=spec.imported)
    expected = levels_layout(len(written.shard.images), spec.grids, spec.dtype)
    try:
        with open_tensors(file) as opened:
            tensors: dict[str, Tensor] = {name: opened.get_tensor(name) for name in expected}
            own = description_of(opened)
    except (SafetensorError, OSError) as error:
        raise broken(str(error)) from error
    for name, tensor in tensors.items():
        if (tensor.shape, tensor.dtype) != expected[name]:
            raise broken(f"its {name} are {tensor.dtype} of shape {tuple(tensor.shape)}")
    # Each names its images, too: another store's, or an index exchanged, gives itself up.
    if own != written:
        raise broken("it holds other images than the store's index says")
    # Read as a whole for that, once in a process: as much as the first epoch reads anyway.
    if written.content and digest_of_tensors(tensors) != written.content:
        raise broken("its features are not those that were extracted")
    return tensors


class _Tensor(msgspec.Struct):
    """Description of a tensor in a header of safetensors, as far as it is needed."""

    data_offsets: tuple[int, int]


def _places(file: Path) -> dict[str, int]:
    """Return the byte at which each tensor of a file begins; its header has been read before."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH), "little")
        header: dict[str, Any] = decode_json(opened.read(length))
    header.pop("__metadata__", None)
    begins = _LENGTH + length
    return {
        name: begins + msgspec.convert(tensor, _Tensor).data_offsets[0]
        for name, tensor in header.items()
    }
