"""Tar files and addresses of the tests' pictures."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry


def write_tar(file: Path, members: Mapping[str, bytes | tarfile.TarInfo], mode: str = "w") -> Path:
    """Write a tar file; a member is its bytes, or a description without any."""
    with tarfile.open(file, mode) as opened:  # type: ignore[call-overload]
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                opened.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return file


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """Describe a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


@contextmanager
def in_memory(files: Mapping[str, bytes]) -> Iterator[MemoryFileSystem]:
    """Put files into fsspec's store in memory, below ``memory://shop``."""
    system = fsspec.filesystem("memory")
    try:
        for name, content in files.items():
            system.pipe_file(f"/shop/{name}", content)
        yield system
    finally:
        system.rm("/shop", recursive=True)


@contextmanager
def file_system(protocol: str, **methods: Callable[..., Any]) -> Iterator[None]:
    """Have a file system, as that in memory but for some methods."""
    methods |= {"_strip_protocol": classmethod(lambda cls, path: _path(path))}  # type: ignore[dict-item]
    kind = type("Made", (MemoryFileSystem,), {"protocol": protocol, "cachable": False, **methods})
    fsspec.register_implementation(protocol, kind, clobber=True)
    try:
        yield
    finally:
        _registry.pop(protocol)


def _path(address: str) -> str:
    return f"/{address.rpartition('://')[2].strip('/')}"
