"""The compiled kernels: found in the user's cache, or compiled into it by the system's compiler."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
from torch import Tensor

from askattend.environment.home import cache_folder
from askattend.files import digest, make_folder, scratch_folder, write_whole

# Set to 0, it leaves these kernels out.
NATIVE = "ASKATTEND_NATIVE"
SOURCE = Path(__file__).with_name("source")
MAIN = SOURCE / "kernels.c"
_DIGEST_LENGTH = len(digest(b""))
_PATIENCE = 120  # seconds for a compiler

# What makes loops vectors; no sum is reordered but where the source says so.
_FLAGS: tuple[str, ...] = (
    "-O3",
    "-std=gnu11",
    "-shared",
    "-fPIC",
    "-fno-math-errno",
    "-fno-trapping-math",
)
_FLAGS += ("-fno-signed-zeros", "-ffp-contract=fast")
# The best first; what a compiler or a system lacks is left out in turn.
_VARIANTS: tuple[tuple[str, ...], ...] = (
    ("-march=native", "-mprefer-vector-width=512", "-fopenmp"),
    ("-march=native", "-fopenmp"),
    ("-mcpu=native", "-fopenmp"),
    ("-march=native", "-fopenmp-simd"),
    ("-mcpu=native", "-fopenmp-simd"),
)


class _Unavailable(Exception):
    """There are no such kernels here; the message says why."""


_NO_COMPILER = _Unavailable("no C compiler was found")


@cache
def library() -> ctypes.CDLL | None:
    """Load the kernels, compiling them first if nobody has; None where that cannot be done."""
    with suppress(_Unavailable):
        return _load()
    return None


def missing_library() -> str | None:
    """Say why there are no kernels here, without compiling any; None where there are, or can be."""
    try:
        if not _is_whole(_place()) and next(_compilers(), None) is None:
            raise _NO_COMPILER
    except _Unavailable as reason:
        return str(reason)
    return None


def call(name: str, dtype: torch.dtype, *arguments: Tensor | int | float | None) -> None:
    """Call a kernel for a type of numbers.

    Args:
        name: of the function in C.
        dtype: that it is compiled for, float32 or bfloat16.
        arguments: contiguous tensors, whole numbers, and fractions as C takes them: addresses (none
            for None), int64_t and float.
    """
    kernels = library()
    assert kernels is not None, "there are kernels"
    kernels[f"{name}_{_NAMES[dtype]}"](*map(_as_c, arguments))


_NAMES = {torch.bfloat16: "bf16", torch.float32: "f32", torch.float16: "f16"}


def _as_c(argument: Tensor | int | float | None) -> Any:
    if argument is None:
        return ctypes.c_void_p(None)
    if isinstance(argument, Tensor):
        assert argument.is_contiguous(), "kernels go over memory in a row"
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


def _load() -> ctypes.CDLL:
    file = _place()
    try:
        if not _is_whole(file):
            content = _compile()
            make_folder(file.parent)
            write_whole(file, content + digest(content).encode())
        return ctypes.CDLL(str(file))
    except OSError as error:  # a full disk, or one that no program may be loaded from
        raise _Unavailable(f"they cannot be loaded from the cache ({error})") from None


def _place() -> Path:
    if os.environ.get(NATIVE) == "0":
        raise _Unavailable(f"switched off by {NATIVE}=0")
    try:
        return cache_folder() / "kernels" / _key() / "kernels.so"
    except RuntimeError:
        raise _Unavailable("there is no home folder, and so no cache") from None


def _key() -> str:
    """Compute what the kernels depend on: their sources, and what this processor can do."""
    content = hashlib.blake2b(digest_size=16)
    for file in sorted(SOURCE.iterdir()):
        content.update(file.read_bytes())
    content.update(repr((_FLAGS, _VARIANTS, platform.machine(), _features())).encode())
    return content.hexdigest()


def _features() -> str:
    """Read which instructions the processor has: a home folder may be many machines'."""
    with suppress(OSError):
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^(?:flags|Features)\s*:.*$", told, re.MULTILINE):
            return found[0]
    return platform.processor()


def _is_whole(file: Path) -> bool:
    """Return True for a file of this user's that ends with the digest of its content."""
    try:
        status = file.stat()
        content = file.read_bytes()
    except OSError:
        return False
    # Where umask lets the group write, it may write all that a user has, this program included.
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o002):
        return False
    content, told = content[:-_DIGEST_LENGTH], content[-_DIGEST_LENGTH:]
    return digest(content).encode() == told


def _compile() -> bytes:
    compiler = next(_compilers(), None)
    if compiler is None:
        raise _NO_COMPILER
    problem = ""
    with scratch_folder(Path(gettempdir()) / "askattend-kernels") as folder:
        made = folder / "kernels.so"
        for variant in _VARIANTS:
            command = [compiler, *_FLAGS, *variant, str(MAIN), "-o", str(made), "-lm"]
            try:
                done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
            except (OSError, subprocess.SubprocessError) as error:
                problem = str(error)
                continue
            if done.returncode == 0:
                return made.read_bytes()
            problem = problem or done.stderr.decode(errors="replace").strip()
    first = problem.splitlines()[0] if problem else "without a message"
    raise _Unavailable(f"{compiler} cannot compile them ({first})")


def _compilers() -> Iterator[str]:
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            yield found
