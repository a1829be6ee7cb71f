"""The work of one process, as stages of a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from askattend.errors import ConfigError
from askattend.features.lite import CHANNELS, LITE, STRIDE
from askattend.features.storage import Dtype, layout
from askattend.planning.rates import Rate, Rates, for_backbone
from askattend.planning.simulation import Stage, bound

Work = Literal["predict", "extract", "train"]
CORE, GPU = "core", "gpu"
BATCH = 32
# A shard's file is named, flushed and renamed; not measured, and little beside its images.
SHARD_SECONDS = 0.05
# Images of the largest shard that is simulated; larger ones would take as long as their images.
LARGEST_SHARD = 4096
STORED: tuple[Dtype, ...] = ("float16", "float32", "int8")


@dataclass(frozen=True)
class Job:
    """A job: its work, and with how much it is done.

    Attributes:
        work: ``"predict"`` answers, ``"extract"`` stores features, ``"train"`` does so and trains.
        images: that there are.
        questions_per_image: on average.
        hosts: alike.
        gpus: a host.
        backbone: its name.
        image_size: side of its square in pixels.
        grid: rows, columns and numbers a region of what it makes.
        dtype: that features are stored in.
        store: True where features are written.
        epochs: of training.
        image_bytes: a file, on average.
        answer_bytes: a question's row of the results.
        attention: maps of 8 bits that are written for each question.
        shard_images: images a shard.
        startup: seconds before a process has its first image.
    """

    work: Work
    images: int
    questions_per_image: float
    hosts: int
    gpus: int
    backbone: str
    image_size: int
    grid: tuple[int, int, int]
    dtype: Dtype
    store: bool
    epochs: int
    image_bytes: float
    answer_bytes: float
    attention: int
    shard_images: int
    startup: float

    def feature_bytes(self, dtype: Dtype) -> int:
        """Return the bytes of one image's features, as a store holds them."""
        rows, columns, dim = self.grid
        total = 0
        for shape, kind in layout((1, rows * columns, dim), dtype).values():
            images, regions, width = shape
            total += images * regions * width * kind.itemsize
        return total

    @property
    def simulated_shard(self) -> int:
        """Images that are written together in the simulation."""
        return min(self.shard_images, LARGEST_SHARD)

    @property
    def result_bytes(self) -> float:
        """Bytes of one image's answers."""
        if self.work != "predict":
            return 0.0
        maps = self.attention * self.grid[0] * self.grid[1]
        return self.questions_per_image * (self.answer_bytes + maps)


def grid_of(backbone: str, image_size: int, grid: str | None) -> tuple[int, int, int]:
    """Return rows, columns and numbers a region: as given, else the own backbone's.

    Raises:
        ConfigError: it is malformed, or that of another backbone, which is not known.
    """
    if grid is None:
        if backbone != LITE:
            remedy = "Give it as --grid 14x14x2048: rows, columns, numbers a region."
            raise ConfigError(f"the grid of {backbone} is not known", remedy=remedy)
        if image_size % STRIDE:
            problem = f"must be a multiple of {STRIDE}, as {LITE} takes it"
            raise ConfigError(problem, where=f"--image-size {image_size}", remedy="Such as 224.")
        return image_size // STRIDE, image_size // STRIDE, CHANNELS
    parts = grid.lower().replace("×", "x").split("x")
    sizes = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 7]
    if len(parts) != 3 or len(sizes) != 3 or min(sizes) < 1:
        remedy = "Write rows, columns and numbers a region: 14x14x2048."
        raise ConfigError("not a grid", where=f"--grid {grid}", remedy=remedy)
    return sizes[0], sizes[1], sizes[2]


@dataclass(frozen=True)
class Pipeline:
    """One process's stages, as many processes as a host has, and what each stage's rate is from.

    Attributes:
        name: of the phase.
        stages: of one process.
        sources: stage → source of its rate.
        shared: what stages of one process share.
        processes: a host.
        passes: how often each image goes through.
    """

    name: str
    stages: tuple[Stage, ...]
    sources: Mapping[str, str]
    shared: Mapping[str, int]
    processes: int
    passes: int = 1

    def bound(self) -> float:
        """Return the most images a second of one process."""
        return bound(self.stages, shared=self.shared)

    def quicker(self, name: str, times: float) -> Pipeline:
        """Return the same with one stage so many times as quick."""
        stages = tuple(
            replace(s, seconds=s.seconds / times, overhead=s.overhead / times)
            if s.name == name
            else s
            for s in self.stages
        )
        return replace(self, stages=stages)

    def bottleneck(self) -> str:
        """Return the stage that, twice as quick, would make the whole quickest."""
        names = [stage.name for stage in self.stages]
        return max(names, key=lambda name: self.quicker(name, 2.0).bound())


def pipelines(job: Job, rates: Rates) -> Sequence[Pipeline]:
    """Make the phases of a job: reading images, and for training the epochs after it.

    Raises:
        ConfigError: a rate that it needs is not known; says which option gives it.
    """
    processes = job.gpus if rates.gpu else rates.cores
    if rates.gpu and rates.cores < processes:
        remedy = "Give at least one core a GPU: --cores."
        raise ConfigError("fewer cores than GPUs", where=f"--cores {rates.cores}", remedy=remedy)
    phases = [_images(job, rates, processes)]
    if job.work == "train":
        phases.append(_epochs(job, rates, processes))
    return phases


def _images(job: Job, rates: Rates, processes: int) -> Pipeline:
    decoders = rates.cores // processes
    device = GPU if rates.gpu else CORE
    decode = _known(rates.decode, "decode")
    backbone = for_backbone(_known(rates.backbone, "backbone"), job.backbone, job.image_size)
    room = 2 * BATCH
    stages = [
        Stage("read", job.image_bytes * processes / rates.read.value),
        Stage("decode", 1 / decode.value, decoders, room=room, on="" if rates.gpu else CORE),
        Stage("backbone", 1 / backbone.value, batch=BATCH, room=room, on=device),
    ]
    sources = {"read": rates.read.source, "decode": decode.source, "backbone": backbone.source}
    if job.work == "predict" and job.questions_per_image:
        answer = _known(rates.answer, "answer")
        seconds = job.questions_per_image / answer.value
        stages.append(Stage("answer", seconds, batch=BATCH, room=room, on=device))
        sources["answer"] = answer.source
    written = job.result_bytes + (job.feature_bytes(job.dtype) if job.store else 0)
    shard = job.simulated_shard
    seconds = written * processes / rates.write.value
    overhead = SHARD_SECONDS * shard / job.shard_images
    stages.append(Stage("write", seconds, 1, shard, 2 * shard, overhead))
    sources["write"] = rates.write.source
    shared = {device: 1}
    name = "extract" if job.work == "train" else job.work
    return Pipeline(name, tuple(stages), sources, shared, processes)


def _epochs(job: Job, rates: Rates, processes: int) -> Pipeline:
    train, size = _known(rates.train, "train"), job.feature_bytes(job.dtype)
    stages = (
        Stage("read", size * processes / rates.read.value),
        Stage("train", job.questions_per_image / train.value, batch=BATCH, room=2 * BATCH),
    )
    sources = {"read": rates.read.source, "train": train.source}
    return Pipeline("train", stages, sources, {}, processes, job.epochs)


def _known(rate: Rate | None, step: str) -> Rate:
    if rate is None:
        raise ConfigError(
            f"the rate of '{step}' is not known",
            remedy=f"Give --{step}-rate, or --measure on such a machine, or --gpu h100.",
        )
    return rate
