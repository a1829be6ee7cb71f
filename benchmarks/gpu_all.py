"""Every figure of a GPU beside its plain counterpart in the same run; a row that fails says why.

python -m benchmarks.gpu_all [--seconds-limit 210] [--out FILE] [--quick]
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.batching.device_placement import DeviceFeatures, PinnedSource, prefetch_to_device
from askattend.batching.encoded_questions import EncodedQuestions
from askattend.batching.inference import outputs
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import make_step
from askattend.training.step import make_optimizer
from benchmarks import data, gpu, gpu_reading
from benchmarks.data import Shape
from benchmarks.floor import rates_of, wait_for
from benchmarks.networks import QUICK_WIDTHS, Network, Widths, ours, plain
from benchmarks.plain import PlainBatch, plain_step, plain_validate

RESULTS = Path(__file__).with_name("gpu_all.json")
# How plain networks may multiply; the quickest of the three is what ours is measured against.
PLAIN_PRECISIONS = ("float32", "tf32", "bfloat16")


class Row(msgspec.Struct, frozen=True):
    """A figure.

    Attributes:
        name: of the row.
        unit: of `ours` and `plain`; whatever it is, more is better, but of ms.
        ours: None where the row failed.
        plain: the plain implementation's; None where there is none.
        ratio: how many times quicker ours is.
        seconds: that the row took, all in all.
        note: what else to know.
        error: the traceback of what went wrong.
    """

    name: str
    unit: str
    ours: float | None = None
    plain: float | None = None
    ratio: float | None = None
    seconds: float = 0.0
    note: str = ""
    error: str = ""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Attributes:
        device: where.
        shape: of all questions and images together.
        widths: of the networks, where they are not the papers'.
        warm_up: batches before timing.
        timed: batches timed.
        plain: plain steps timed, in each precision.
        batches: the larger and the smaller batch size.
        quick: True to cut all down to almost nothing.
    """

    device: torch.device
    shape: Shape
    widths: Widths
    warm_up: int
    timed: int
    plain: int
    batches: tuple[int, int]
    quick: bool


QUICK_SHAPE = replace(data.QUICK, questions=240, images=30)
FULL_SHAPE = Shape(questions=64_000, images=12_000)

Measured = tuple[float, float | None, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure row by row until the time is up; the file is written after each."""
    options = _parser().parse_args(arguments)
    started, sizes = time.perf_counter(), _sizes(options.quick)
    rows: list[Row] = []
    for name, unit, measure in _rows(sizes):
        left = options.seconds_limit - (time.perf_counter() - started)
        row = _row(name, unit, measure) if left > 0 else Row(name, unit, error="no time was left")
        rows.append(row)
        print(_line(row), flush=True)
        _write(options.out, sizes.device, rows)
    print("\n" + "\n".join(_line(row) for row in rows))
    for row in rows:
        if row.error:
            print(f"\n{row.name}: {row.error[-700:]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu-all", description=__doc__)
    parser.add_argument("--seconds-limit", type=float, default=210.0, help="no row begins after it")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    parser.add_argument("--quick", action="store_true", help="small, on whatever there is")
    return parser


def _sizes(quick: bool) -> Sizes:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if quick:
        return Sizes(device, QUICK_SHAPE, QUICK_WIDTHS, 3, 2, 1, (16, 8), quick)
    return Sizes(device, FULL_SHAPE, {}, 150, 300, 8, (512, 128), quick)


def _rows(sizes: Sizes) -> Iterator[tuple[str, str, Callable[[], Measured]]]:
    """Yield the rows, the most wanted first."""
    large, small = sizes.batches
    made = _Made(sizes)
    yield "device", "TFLOP/s", lambda: _rates(sizes)
    networks: tuple[Network, ...] = ("saaa", "san")
    for network, size in product(networks, (large, small)):
        yield f"{network}-training-{size}", "questions/s", _training(made, network, size)
        if size == large:
            yield f"{network}-evaluation-{size}", "questions/s", _evaluation(made, network, size)
    yield "saaa-streamed-share-of-link", "share", lambda: _streamed(made, large)
    yield from gpu_reading.rows(sizes.device, quick=sizes.quick)


def _row(name: str, unit: str, measure: Callable[[], Measured]) -> Row:
    started = time.perf_counter()
    try:
        found, other, note = measure()
    except Exception:
        failed = traceback.format_exc()[-4000:]
        return Row(name, unit, seconds=time.perf_counter() - started, error=failed)
    ratio = None if other is None else (other / found if unit == "ms" else found / other)
    return Row(name, unit, found, other, ratio, time.perf_counter() - started, note)


def _line(row: Row) -> str:
    if row.error:
        return f"{row.name:32} FAILED {row.error.strip().splitlines()[-1][:120]}"
    other = "" if row.plain is None else f"plain {row.plain:,.4g}, {row.ratio:.2f} times"
    figures = f"{row.ours:,.5g} {row.unit} {other}"
    return f"{row.name:32} {figures} [{row.seconds:.0f} s] {row.note}"


def _write(out: Path, device: torch.device, rows: Sequence[Row]) -> None:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    results = {"device": name, "torch": str(torch.__version__), "rows": rows}
    out.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")


def _rates(sizes: Sizes) -> Measured:
    rates = rates_of(sizes.device, torch.bfloat16)
    return rates.operations / 1e12, None, f"bfloat16 product; a copy {rates.bytes / 1e9:,.0f} GB/s"


class _Made:
    """Questions and features, made when the first row needs them."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._batches: Batches | None = None

    def batches(self, batch_size: int) -> Batches:
        """Return all questions in batches of a size, features on the device."""
        shape, device = self.sizes.shape, self.sizes.device
        if self._batches is None:
            few = replace(shape, questions=min(shape.questions, 4_000), images=1)
            words, answers = data.words(shape), data.answers(shape)
            asked = data.question_set(few)
            self._batches = Batches(
                asked,
                DeviceFeatures([gpu._regions(shape, device)], data.image_ids(shape)),
                words,
                answers,
                batch_size=batch_size,
                encoded=gpu._repeated(EncodedQuestions.encode(asked, words, answers), shape),
            )
        self._batches.batch_size = batch_size
        return self._batches

    def shuffled(self, batches: Batches) -> Iterator[Batch]:
        """Yield batches on the device, for as long as they are asked for."""
        return prefetch_to_device(self.sizes.device, batches.shuffled(0, at_least=10**6))


def _training(made: _Made, network: Network, size: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        sizes = made.sizes
        timed = sizes.timed * (2 if size < sizes.batches[0] else 1)
        batches = made.shuffled(made.batches(size))
        rate, note = _steps_per_second(network, sizes, size, batches, timed)
        some = [_plain_batch(batch, sizes.shape) for batch in islice(batches, 3)]
        other, how = _plain_training(network, sizes, some)
        return rate, other, f"{note}; plain in {how}"

    return measure


def _steps_per_second(
    network: Network, sizes: Sizes, size: int, batches: Iterator[Batch], timed: int
) -> tuple[float, str]:
    config = TrainConfig(batch_size=size)
    model = ours(network, sizes.shape, sizes.widths).to(sizes.device).train()
    step = make_step(model, make_optimizer(model, config), config)
    for batch in islice(batches, sizes.warm_up):
        loss = step(batch, rate=1e-4)
    wait_for(sizes.device)
    started, questions, waited = time.perf_counter(), 0, 0.0
    for batch in islice(batches, timed):
        asked = time.perf_counter()
        loss = step(batch, rate=1e-4)
        questions, waited = questions + len(batch), waited + time.perf_counter() - asked
    issued = time.perf_counter() - started
    wait_for(sizes.device)
    spent = time.perf_counter() - started
    assert loss is not None  # whole batches
    assert loss.isfinite(), "the loss is no number"
    note = (
        f"{1e3 * spent / timed:.2f} ms a step, processor {1e3 * issued / timed:.2f}, of which the "
        f"step {1e3 * waited / timed:.2f}; loss {loss.item():.3f}"
    )
    return questions / spent, note


def _plain_training(
    network: Network, sizes: Sizes, batches: Sequence[PlainBatch]
) -> tuple[float, str]:
    model = plain(network, sizes.shape, sizes.widths).to(sizes.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    return _best_plain(sizes, batches, lambda batch: plain_step(model, optimizer, batch))


def _best_plain(
    sizes: Sizes, batches: Sequence[PlainBatch], run: Callable[[PlainBatch], object]
) -> tuple[float, str]:
    """Return questions a second in the quickest precision, and which it is."""
    found = {}
    for precision in PLAIN_PRECISIONS:
        with _plain_precision(precision, sizes.device):
            for batch in batches[:2]:
                run(batch)
            wait_for(sizes.device)
            started, questions = time.perf_counter(), 0
            for batch in islice(cycle(batches), sizes.plain):
                run(batch)
                questions += len(batch.tokens)
            wait_for(sizes.device)
            found[precision] = questions / (time.perf_counter() - started)
    best = max(found, key=lambda name: found[name])
    return found[best], f"{best} ({', '.join(f'{n} {v:,.0f}' for n, v in found.items())})"


@contextmanager
def _plain_precision(name: str, device: torch.device) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=name == "bfloat16"):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _plain_batch(batch: Batch, shape: Shape) -> PlainBatch:
    return PlainBatch.of(batch, answers=shape.answers, side=shape.side)


def _evaluation(made: _Made, network: Network, size: int) -> Callable[[], Measured]:
    def measure() -> Measured:
        sizes = made.sizes
        model = ours(network, sizes.shape, sizes.widths).to(sizes.device).eval()
        batches = made.batches(size)
        endless = (batch for _ in range(10**6) for batch in batches.in_order())
        found: Any = outputs(model, endless, sizes.device, "auto")
        for _ in islice(found, sizes.warm_up):
            pass
        wait_for(sizes.device)
        started, questions = time.perf_counter(), 0
        for batch, output in islice(found, sizes.timed):
            right = (output.logits.argmax(dim=1) == batch.answer_index[:, 0]).sum()
            questions += len(batch)
        issued = time.perf_counter() - started
        wait_for(sizes.device)
        spent = time.perf_counter() - started
        assert output.logits.isfinite().all()
        assert right.item() >= 0
        some = [
            _plain_batch(b.to(sizes.device), sizes.shape) for b in islice(batches.in_order(), 3)
        ]
        found.close()
        other = plain(network, sizes.shape, sizes.widths).to(sizes.device)
        rate, how = _best_plain(sizes, some, lambda b: plain_validate(other, b))
        note = f"{1e3 * spent / sizes.timed:.2f} ms a batch, processor "
        return questions / spent, rate, f"{note}{1e3 * issued / sizes.timed:.2f}; plain in {how}"

    return measure


def _streamed(made: _Made, size: int) -> Measured:
    """Train from features in the processor's memory: bytes a second, as a share of the link's."""
    sizes = made.sizes
    shape = replace(sizes.shape, images=min(sizes.shape.images, 1_500), questions=8 * size)
    usual = made.batches(size)
    few = replace(shape, questions=min(shape.questions, 2_000), images=1)
    encoded = gpu._repeated(
        EncodedQuestions.encode(data.question_set(few), data.words(shape), data.answers(shape)),
        shape,
    )
    source = _HostFeatures(gpu._regions(shape, sizes.device).cpu(), data.image_ids(shape))
    streamed = Batches(
        usual.questions,
        PinnedSource(source) if sizes.device.type == "cuda" else source,
        data.words(shape),
        data.answers(shape),
        batch_size=size,
        encoded=encoded,
    )
    link, batches = _link(sizes), made.shuffled(streamed)
    timed = max(2, sizes.timed // 10)
    config = TrainConfig(batch_size=size)
    model = ours("saaa", sizes.shape, sizes.widths).to(sizes.device).train()
    step = make_step(model, make_optimizer(model, config), config)
    for batch in islice(batches, max(2, sizes.warm_up // 10)):
        step(batch, rate=1e-4)
    wait_for(sizes.device)
    started, moved = time.perf_counter(), 0
    for batch in islice(batches, timed):
        step(batch, rate=1e-4)
        moved += batch.regions.nbytes
    wait_for(sizes.device)
    spent = time.perf_counter() - started
    note = f"{moved / spent / 1e9:.2f} of {link / 1e9:.1f} GB/s, {timed * size / spent:,.0f} q/s"
    return moved / spent / link, None, note


class _HostFeatures(data.InMemory):
    """Features in memory, which a thread copies alone, as a feature store does."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        """Gather the features of some images."""
        rows = [self._row[image] for image in image_ids]
        return torch.from_numpy(self._regions.numpy().take(rows, axis=0))


def _link(sizes: Sizes) -> float:
    """Measure the bytes a second of a copy from pinned memory to the device."""
    pinned = torch.empty(2**22 if sizes.quick else 2**28, dtype=torch.uint8)
    if sizes.device.type == "cuda":
        pinned = pinned.pin_memory()
    there = torch.empty_like(pinned, device=sizes.device)
    for turn in range(4):
        if turn == 1:
            wait_for(sizes.device)
            started = time.perf_counter()
        there.copy_(pinned, non_blocking=True)
    wait_for(sizes.device)
    return 3 * pinned.nbytes / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
