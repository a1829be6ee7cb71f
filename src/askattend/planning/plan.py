"""A plan: hours, GPUs, disk, network and money, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from askattend.features.storage import Dtype
from askattend.planning.pipeline import STORED, Job, Pipeline, pipelines
from askattend.planning.rates import Rates
from askattend.planning.simulation import Stage, simulate

HOUR = 3600.0
GIGABYTE = 1e9
# Images of one process that are simulated; the others go on at the pace of the last of them.
SIMULATED = 1024


@dataclass(frozen=True)
class Prices:
    """Prices, in one currency; 0 for what is free or not known.

    Attributes:
        gpu_hour: a GPU.
        host_hour: a host, beside its GPUs.
        gb_month: a gigabyte (10⁹ bytes) that lies on disk for a month.
        months: that it lies there.
    """

    gpu_hour: float = 0.0
    host_hour: float = 0.0
    gb_month: float = 0.0
    months: float = 1.0


@dataclass(frozen=True)
class Step:
    """One stage of all hosts.

    Attributes:
        name: of the stage.
        rate: images a second, if it were alone.
        busy: share of the time that its workers work.
        source: where the rate is from.
    """

    name: str
    rate: float
    busy: float
    source: str


@dataclass(frozen=True)
class Phase:
    """One pass over the images, or several alike.

    Attributes:
        name: of the work.
        seconds: it takes.
        rate: images a second, all hosts and start-up included.
        steps: in order.
        bottleneck: the step that limits it.
        doubled_seconds: it would take with that step twice as quick.
        moves_to: the step that limits it once that one is quick enough; None if none other does.
        moves_at: how many times as quick that is; None if it always limits.
    """

    name: str
    seconds: float
    rate: float
    steps: tuple[Step, ...]
    bottleneck: str
    doubled_seconds: float
    moves_to: str | None
    moves_at: float | None


@dataclass(frozen=True)
class Plan:
    """The cost of a job: time, disk, network and money.

    Attributes:
        phases: one after the other.
        hours: of all phases.
        gpu_hours: of all GPUs; 0 without any.
        results_bytes: of answers.
        stored_bytes: of features; 0 where none are stored.
        features_bytes: what they would be, by dtype.
        read_bytes: image files and, in training, features that hosts read.
        money: kind → amount; empty without prices.
    """

    phases: tuple[Phase, ...]
    hours: float
    gpu_hours: float
    results_bytes: float
    stored_bytes: float
    features_bytes: Mapping[Dtype, float]
    read_bytes: float
    money: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        found = msgspec.to_builtins(self)
        assert isinstance(found, dict)
        return found


def make_plan(job: Job, rates: Rates, prices: Prices) -> Plan:
    """Simulate one process of each phase, and multiply.

    Raises:
        ConfigError: a rate that the job needs is not known.
    """
    phases = tuple(_phase(job, pipeline) for pipeline in pipelines(job, rates))
    hours = sum(phase.seconds for phase in phases) / HOUR
    gpu_hours = hours * job.hosts * job.gpus if rates.gpu else 0.0
    features = {dtype: float(job.images * job.feature_bytes(dtype)) for dtype in STORED}
    stored = features[job.dtype] if job.store else 0.0
    results = job.images * job.result_bytes
    read = job.images * job.image_bytes
    if job.work == "train":
        read += job.epochs * features[job.dtype]
    money = {
        "gpus": gpu_hours * prices.gpu_hour,
        "hosts": hours * job.hosts * prices.host_hour,
        "disk": (stored + results) / GIGABYTE * prices.gb_month * prices.months,
    }
    money = {kind: amount for kind, amount in money.items() if amount}
    return Plan(phases, hours, gpu_hours, results, stored, features, read, money)


def _phase(job: Job, pipeline: Pipeline) -> Phase:
    processes = job.hosts * pipeline.processes
    images = math.ceil(job.images / processes)
    seconds, busy = _seconds(job, pipeline, images)
    limit = pipeline.bottleneck()
    steps = tuple(
        Step(stage.name, _alone(stage) * processes, busy[stage.name], pipeline.sources[stage.name])
        for stage in pipeline.stages
    )
    endless = pipeline.quicker(limit, math.inf)
    moves_to = endless.bottleneck() if endless.bound() > pipeline.bound() else None
    return Phase(
        name=pipeline.name,
        seconds=seconds,
        rate=job.images * pipeline.passes / seconds,
        steps=steps,
        bottleneck=limit,
        doubled_seconds=_seconds(job, pipeline.quicker(limit, 2.0), images)[0],
        moves_to=None if moves_to == limit else moves_to,
        moves_at=_enough(pipeline, limit),
    )


def _enough(pipeline: Pipeline, limit: str) -> float | None:
    """Return how many times as quick a step must be until another limits the whole; None never."""
    low, high = 1.0, 1e6
    if pipeline.quicker(limit, high).bottleneck() == limit:
        return None
    for _ in range(50):
        middle = math.sqrt(low * high)
        still = pipeline.quicker(limit, middle).bottleneck() == limit
        low, high = (middle, high) if still else (low, middle)
    return high


def _alone(stage: Stage) -> float:
    seconds = stage.seconds + stage.overhead / stage.batch
    return stage.workers / seconds if seconds else math.inf


def _seconds(job: Job, pipeline: Pipeline, images: int) -> tuple[float, dict[str, float]]:
    """Return the seconds of one process, start-up included, and each stage's busy share."""
    stages, shared = pipeline.stages, pipeline.shared
    sample = max(SIMULATED, 2 * job.simulated_shard)
    sample -= sample % job.simulated_shard  # whole shards, so that the next ones take as long again
    once = simulate(stages, min(images, 2 * sample), shared=shared)
    seconds = once.seconds
    if images > 2 * sample:
        first = simulate(stages, sample, shared=shared)
        # The sample may end in a quick spell: no long run is quicker than the stages allow.
        pace = max((once.seconds - first.seconds) / sample, 1 / pipeline.bound())
        seconds += (images - 2 * sample) * pace
    workers = {stage.name: stage.workers for stage in stages}
    share = min(images, 2 * sample) / images
    busy = {n: min(1.0, b / share / seconds / workers[n]) for n, b in once.busy.items()}
    return pipeline.passes * seconds + job.startup, busy
