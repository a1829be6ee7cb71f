"""Train SAAA at full size on random data as large as VQA v2, on a GPU.

python -m benchmarks.gpu [--scale F] [--device cuda] [--steps N] [--no-graphs] [--out FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from askattend.batching.batches import Batch, Batches
from askattend.batching.device_placement import (
    GIBIBYTE,
    DeviceFeatures,
    fits,
    prefetch_to_device,
    reserved,
)
from askattend.batching.encoded_questions import EncodedQuestions
from askattend.devices import pick_precision
from askattend.models import SAAA, SAAAConfig
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import Step, make_step
from askattend.training.losses import Losses
from askattend.training.step import make_optimizer
from benchmarks import data
from benchmarks.data import Shape
from benchmarks.floor import Rates, covered, least_bytes, operations, rates_of, wait_for

RESULTS = Path(__file__).with_name("gpu.json")
IMAGES, QUESTIONS = 82_783, 443_757  # the training split of VQA v2
BATCH_SIZES = (128, 512)
# Distinct questions that are made; the others are the same about other images.
DISTINCT = 20_000
# Steps before timing, so that batches of all usual sizes have been met (see
# `askattend.training.cuda_graphs`).
WARM_UP = 60
PROFILED = 20


class Row(msgspec.Struct, frozen=True):
    """Training at one batch size.

    Attributes:
        batch_size: questions a step.
        questions_per_second: over the steps timed, batching and all.
        step_ms: a step's share of that time.
        epoch_s: what an epoch of VQA v2 would take.
        idle: share of a step in which the GPU does nothing; None on a processor.
        images: that a batch's questions are about, on average.
        operations_ms, bytes_ms: the least that a step's matrix products, and the bytes it must
            move, take at the measured rates; the larger is the floor.
        loss: mean of the steps timed; says only that it is a number.
    """

    batch_size: int
    questions_per_second: float
    step_ms: float
    epoch_s: float
    idle: float | None
    images: float
    operations_ms: float
    bytes_ms: float
    loss: float


class Results(msgspec.Struct, frozen=True):
    """Results of a run of the benchmark, as the file holds them.

    Attributes:
        device: its name.
        torch: version.
        precision: of products.
        graphs: True if steps were CUDA graphs.
        scale: share of VQA v2's images and questions.
        matmul_tflops: of a large square product in that precision.
        copy_gigabytes: moved in a second by a large copy, read and written ones both counted.
        rows: one a batch size.
    """

    device: str
    torch: str
    precision: str
    graphs: bool
    scale: float
    matmul_tflops: float
    copy_gigabytes: float
    rows: tuple[Row, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; a device or memory that is not there ends it with one line."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    shape = _shape(options.scale)
    problem = _problem(device, shape)
    if problem:
        print(f"bench-gpu: {problem}", file=sys.stderr)
        sys.exit(2)
    config = TrainConfig(cuda_graphs=not options.no_graphs)
    dtype = pick_precision(config.precision, device)
    rates = rates_of(device, dtype)
    batches = _batches(shape, device)
    rows = [_row(batches, replace(config, batch_size=b), rates, options) for b in BATCH_SIZES]
    # All are timed before any is profiled: a profiler may slow whatever follows it in a process.
    rows = [_profiled(row, batches, config, device) for row in rows]
    results = Results(
        device=_name(device),
        torch=str(torch.__version__),
        precision=str(dtype).removeprefix("torch."),
        graphs=device.type == "cuda" and config.cuda_graphs,
        scale=options.scale,
        matmul_tflops=rates.operations / 1e12,
        copy_gigabytes=rates.bytes / 1e9,
        rows=tuple(rows),
    )
    options.out.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    _print(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench-gpu", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of VQA v2's data")
    parser.add_argument(
        "--device", default="cuda", choices=("cuda", "cpu"), help="cpu only to see that it runs"
    )
    parser.add_argument("--steps", type=int, default=200, help="steps timed at each batch size")
    parser.add_argument("--no-graphs", action="store_true", help="without CUDA graphs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    return parser


def _shape(scale: float) -> Shape:
    return Shape(questions=max(1, round(QUESTIONS * scale)), images=max(1, round(IMAGES * scale)))


def _problem(device: torch.device, shape: Shape) -> str:
    """Say why it cannot run here; empty if it can."""
    if device.type != "cuda":
        return ""
    if not torch.cuda.is_available():
        return "no CUDA device here. To see that it runs: --device cpu --scale 0.0001 --steps 2"
    needed = 2 * shape.images * shape.side**2 * shape.region_dim
    free, total = torch.cuda.mem_get_info(device)
    if fits(needed, free=free, total=total):
        return ""
    most = (free - reserved(total)) / (needed / shape.images * IMAGES)
    return (
        f"features of {needed / GIBIBYTE:.0f} GiB do not fit into {free / GIBIBYTE:.0f} GiB free "
        f"on {_name(device)}. Use --scale {max(most - 0.005, 0):.2f}"
    )


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def _batches(shape: Shape, device: torch.device) -> Batches:
    """Make the questions, and features where they are to be."""
    few = replace(shape, questions=min(shape.questions, DISTINCT), images=1)
    asked, words, answers = data.question_set(few), data.words(shape), data.answers(shape)
    return Batches(
        asked,
        DeviceFeatures([_regions(shape, device)], data.image_ids(shape)),
        words,
        answers,
        batch_size=BATCH_SIZES[0],
        encoded=_repeated(EncodedQuestions.encode(asked, words, answers), shape),
    )


def _repeated(few: EncodedQuestions, shape: Shape) -> EncodedQuestions:
    """Draw as many questions as asked for from a few, each about an image."""
    rng, ids = np.random.default_rng(shape.seed), data.image_ids(shape)
    row = {image: number for number, image in enumerate(ids)}
    rows = rng.integers(len(few.tokens), size=shape.questions)
    return EncodedQuestions(
        images=tuple(ids),
        image=np.array([row[image] for image in data.images_asked(shape, ids, rng)]),
        tokens=few.tokens[rows],
        lengths=few.lengths[rows],
        answer_index=few.answer_index[rows],
        answer_weight=few.answer_weight[rows],
        answer_score=few.answer_score[rows],
    )


def _regions(shape: Shape, device: torch.device) -> Float[Tensor, "images regions dim"]:
    """Draw noise and apply a ReLU to it, in float16 and in place: it may fill the memory."""
    size = (shape.images, shape.side**2, shape.region_dim)
    generator = torch.Generator(device).manual_seed(shape.seed)
    regions = torch.empty(size, dtype=torch.float16, device=device)
    for part in regions.split(1024):
        part.normal_(generator=generator).clamp_(min=0)
    return regions


def _row(batches: Batches, config: TrainConfig, rates: Rates, options: argparse.Namespace) -> Row:
    device = torch.device(options.device)
    model, step, there = _started(batches, config, device, steps=options.steps)
    timed = _train(step, there, config, device)
    return _figures(config.batch_size, model, batches, timed, rates)


def _profiled(row: Row, batches: Batches, config: TrainConfig, device: torch.device) -> Row:
    """Add to a row the share of a step in which the GPU does nothing."""
    if device.type != "cuda":
        return row
    config = replace(config, batch_size=row.batch_size)
    _, step, there = _started(batches, config, device, steps=PROFILED)
    busy = _busy(step, there, config, device) / PROFILED
    return msgspec.structs.replace(row, idle=max(0.0, 1 - 1e3 * busy / row.step_ms))


def _started(
    batches: Batches, config: TrainConfig, device: torch.device, *, steps: int
) -> tuple[SAAA, Step, Iterator[Batch]]:
    """Make a network and train it a little; yield batches for so many further steps."""
    torch.manual_seed(0)
    sizes = Shape()
    model = SAAA(
        SAAAConfig(), words=sizes.words, answers=sizes.answers, region_dim=sizes.region_dim
    )
    model.to(device).train()
    step = make_step(model, make_optimizer(model, config), config)
    warm_up = WARM_UP if device.type == "cuda" else 1
    batches.batch_size = config.batch_size
    there = prefetch_to_device(device, batches.shuffled(0, at_least=warm_up + steps))
    _train(step, islice(there, warm_up), config, device)
    return model, step, islice(there, steps)


def _figures(
    batch_size: int,
    model: SAAA,
    batches: Batches,
    timed: Timed,
    rates: Rates,
) -> Row:
    """Make a row from what was timed."""
    sizes, per_step = Shape(), timed.seconds / timed.steps
    words = float(np.mean([len(question.text.split()) for question in batches.questions]))
    products = operations(model, sizes, questions=timed.questions, images=timed.images, words=words)
    moved = least_bytes(model, sizes, steps=timed.steps, images=timed.images)
    return Row(
        batch_size=batch_size,
        questions_per_second=timed.questions / timed.seconds,
        step_ms=1e3 * per_step,
        epoch_s=QUESTIONS * timed.seconds / timed.questions,
        idle=None,
        images=timed.images / timed.steps,
        operations_ms=1e3 * products / timed.steps / rates.operations,
        bytes_ms=1e3 * moved / timed.steps / rates.bytes,
        loss=timed.loss,
    )


@dataclass(frozen=True)
class Timed:
    """Time that some steps took together, and the contents of their batches."""

    seconds: float
    steps: int
    questions: int
    images: int
    loss: float


def _train(
    step: Step, batches: Iterator[Batch], config: TrainConfig, device: torch.device
) -> Timed:
    """Time steps as training makes them, a look at the losses included."""
    losses = Losses(before=0, device=device)
    wait_for(device)
    started, images, steps = time.perf_counter(), 0, 0
    for batch in batches:
        loss = step(batch, rate=config.learning_rate)
        assert loss is not None  # whole batches
        losses.add(loss, len(batch))
        images, steps = images + batch.images, steps + 1
    mean = losses.mean()
    wait_for(device)
    return Timed(time.perf_counter() - started, steps, losses.questions, images, mean)


def _busy(step: Step, batches: Iterator[Batch], config: TrainConfig, device: torch.device) -> float:
    """Measure the seconds of the GPU's work; profiling slows the steps, but not its kernels."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        _train(step, batches, config, device)
    events = [event for event in profiler.events() or () if event.device_type.name == "CUDA"]
    busy = covered([(event.time_range.start, event.time_range.end) for event in events])
    return busy / 1e6  # from microseconds


def _print(results: Results) -> None:
    console = Console()
    console.print(
        f"{results.device}, PyTorch {results.torch}, {results.precision}, CUDA graphs "
        f"{'on' if results.graphs else 'off'}, scale {results.scale:g}; "
        f"{results.matmul_tflops:.3g} TFLOP/s, {results.copy_gigabytes:.3g} GB/s",
        highlight=False,
    )
    table = Table("batch", "questions/s", "ms a step", "idle", "s an epoch of VQA v2", "floor, ms")
    for row in results.rows:
        idle = "" if row.idle is None else f"{row.idle:.0%}"
        floor = f"operations {row.operations_ms:.3g}, bytes {row.bytes_ms:.3g}"
        figures = (f"{row.questions_per_second:,.0f}", f"{row.step_ms:,.2f}", idle)
        table.add_row(str(row.batch_size), *figures, f"{row.epoch_s:,.1f}", floor)
    console.print(table)


if __name__ == "__main__":
    main()
