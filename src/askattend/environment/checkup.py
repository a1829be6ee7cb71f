"""A look at what this program runs on: versions, processor, memory, GPU, extras; what is slow."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

import msgspec
import torch

from askattend.devices import native_bfloat16
from askattend.environment.home import cache_folder
from askattend.environment.provenance import commit, version
from askattend.environment.waiting import describe_waiting
from askattend.installation import extras, required_by

# Less is too little for networks of the papers' size, and for a store of features.
LITTLE_MEMORY = 4 * 10**9
LITTLE_DISK = 2 * 10**9
# Instructions that make a difference here, as PyTorch names them.
FEATURES = ("avx2", "avx512_f", "avx512_bf16", "amx_tile", "amx_bf16", "neon", "bf16", "sve")


class Processor(msgspec.Struct, frozen=True):
    """A processor, as this process may use it.

    Attributes:
        name: its maker's name for it, or its architecture.
        cores: that this process may use; with fractions where a container limits its time.
        threads: that PyTorch computes with.
        waiting: how they wait for one another, see `describe_waiting`.
        load: processes at work during the last minute, on average; None where nothing tells it.
        features: instructions that make a difference here.
        precision: type of the products that ``auto`` chooses.
    """

    name: str
    cores: float
    threads: int
    waiting: str
    load: float | None
    features: tuple[str, ...]
    precision: str


class Advice(msgspec.Struct, frozen=True):
    """Something that is slow or missing here, and what to do.

    Attributes:
        serious: True where a command would fail.
    """

    problem: str
    remedy: str
    serious: bool = False


class Checkup(msgspec.Struct, frozen=True):
    """Machine and installation that this program runs on.

    Attributes:
        askattend, python, torch: versions.
        commit: of the source; None where it is not known.
        platform: the system.
        processor: see `Processor`.
        memory_free, memory: bytes, None where nothing tells it.
        gpus: names of those that PyTorch reaches.
        extras: extra → packages of it that are missing.
        no_kernels: why there are no kernels in C; None where there are.
        cache: the user's cache folder; None without a home folder.
        disk_free: bytes free there.
        advice: what is slow or missing.
    """

    askattend: str
    commit: str | None
    python: str
    torch: str
    platform: str
    processor: Processor
    memory_free: int | None
    memory: int | None
    gpus: tuple[str, ...]
    extras: dict[str, tuple[str, ...]]
    no_kernels: str | None
    cache: str | None
    disk_free: int | None
    advice: tuple[Advice, ...]

    @property
    def healthy(self) -> bool:
        """True where no command would fail for want of something here."""
        return not any(each.serious for each in self.advice)


def examine(*, no_kernels: str | None = None) -> Checkup:
    """Look at this machine and this installation; nothing is written or computed.

    Args:
        no_kernels: why there are no kernels in C, if there are none.
    """
    gpus = tuple(
        torch.cuda.get_device_name(number)
        for number in (range(torch.cuda.device_count()) if torch.cuda.is_available() else ())
    )
    cache = _cache()
    free, memory = _memory()
    found = Checkup(
        askattend=version(),
        commit=commit(),
        python=platform.python_version(),
        torch=str(torch.__version__),
        platform=platform.platform(),
        processor=_processor(),
        memory_free=free,
        memory=memory,
        gpus=gpus,
        extras={extra: _missing(extra) for extra in extras()},
        no_kernels=no_kernels,
        cache=None if cache is None else str(cache),
        disk_free=None if cache is None else shutil.disk_usage(_existing(cache)).free,
        advice=(),
    )
    return msgspec.structs.replace(found, advice=tuple(advise(found)))


def advise(found: Checkup) -> Iterator[Advice]:
    """Say what is slow or missing, and what to do about it."""
    yield from _about_processor(found.processor)
    if found.no_kernels is not None:
        yield Advice(
            f"no kernels in C ({found.no_kernels}): with them training takes half as long",
            "Install a C compiler, such as gcc or clang.",
        )
    if not found.gpus and shutil.which("nvidia-smi"):
        yield Advice(
            f"there is an NVIDIA driver, but this PyTorch ({found.torch}) reaches no GPU",
            "Install a PyTorch that was built for CUDA: https://pytorch.org/get-started.",
        )
    if found.memory_free is not None and found.memory_free < LITTLE_MEMORY:
        yield Advice(
            f"{found.memory_free / 1e9:.1f} GB of memory are free",
            "Close other programs, or train with a smaller --train.batch-size.",
        )
    if found.cache is None:
        remedy = "Name a folder for it in the environment variable ASKATTEND_CACHE."
        yield Advice("there is no home folder, and so no cache", remedy, serious=True)
    elif not os.access(_existing(Path(found.cache)), os.W_OK):
        remedy = "Name another in the environment variable ASKATTEND_CACHE."
        yield Advice(f"{found.cache} cannot be written to", remedy, serious=True)
    if found.disk_free is not None and found.disk_free < LITTLE_DISK:
        yield Advice(
            f"{found.disk_free / 1e9:.1f} GB are free on the cache's disk",
            "See what lies there: askattend cache.",
        )


def _about_processor(processor: Processor) -> Iterator[Advice]:
    load = processor.load or 0.0
    busy = load > processor.cores
    one_thread = busy and processor.threads > 1
    if busy:
        remedy = ", or compute with one thread: OMP_NUM_THREADS=1" if one_thread else ""
        yield Advice(
            f"{load:.0f} processes share {processor.cores:g} cores: threads wait for one another",
            f"Wait for the others{remedy}.",
        )
    if processor.threads > processor.cores and not one_thread:
        yield Advice(
            f"{processor.threads} threads compute on {processor.cores:g} cores",
            f"Set OMP_NUM_THREADS={max(1, int(processor.cores))}.",
        )
    elif not busy and processor.threads < int(processor.cores) and "OMP_NUM_THREADS" in os.environ:
        yield Advice(
            f"OMP_NUM_THREADS leaves {processor.threads} of {processor.cores:g} cores to PyTorch",
            "Unset it, unless other programs need them.",
        )
    if platform.machine().lower() in ("x86_64", "amd64") and "avx2" not in processor.features:
        yield Advice("the processor has no AVX2", "Expect a quarter of the speed that docs state.")


def _processor() -> Processor:
    told = torch.cpu.get_capabilities()
    return Processor(
        name=str(told.get("cpu_name") or platform.processor() or platform.machine()),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        waiting=describe_waiting(),
        load=round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        features=tuple(name for name in FEATURES if told.get(name)),
        precision="bfloat16" if native_bfloat16("cpu") else "float32",
    )


def usable_cores() -> float:
    """Count cores: those that the process is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = float(bound or 1)
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    return min(cores, int(quota) / int(period)) if quota.isdigit() else cores


def _memory() -> tuple[int | None, int | None]:
    """Return bytes of memory: free for programs, and in all."""
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE))
    free, whole = sizes.get("MemAvailable"), sizes.get("MemTotal")
    if free is None or whole is None:
        return None, None
    most = _read("/sys/fs/cgroup/memory.max").strip()
    if not most.isdigit():
        return int(free) * 1024, int(whole) * 1024
    return min(int(free) * 1024, max(int(most) - _taken(), 0)), min(int(whole) * 1024, int(most))


def _taken() -> int:
    """Return the bytes that a container has taken, but for files that it needs no longer."""
    stat = re.search(r"^inactive_file (\d+)$", _read("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
    taken = _read("/sys/fs/cgroup/memory.current").strip()
    return int(taken or 0) - int(stat[1] if stat else 0)


def _missing(extra: str) -> tuple[str, ...]:
    """List the packages of an extra that are not installed."""
    missing = []
    for required in required_by(extra):
        name = re.match(r"[\w.-]+", required)
        assert name, required
        try:
            version_of(name[0])
        except PackageNotFoundError:
            missing.append(name[0])
    return tuple(missing)


def _cache() -> Path | None:
    try:
        return cache_folder()
    except RuntimeError:
        return None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:  # another system
        return ""
