"""Short measurements of this machine's rates: decoding, backbone, answering, the disk."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import torch
from PIL import Image

from askattend.devices import computing_threads, describe_device, pick_device
from askattend.environment.checkup import usable_cores
from askattend.features.backbones import load_backbone
from askattend.features.decoding import decode
from askattend.features.image_places import Place
from askattend.features.spec import Backbone
from askattend.files import scratch_folder, write_whole
from askattend.models import SAAAConfig, build_model
from askattend.planning.rates import READ, Rate, Rates

PICTURE = (640, 480)
BATCH, QUESTIONS, WORDS = 8, 128, 8
VOCABULARY, ANSWERS = 10_000, 3_000
WRITTEN = 64 * 2**20
TURNS = 5


def measured_rates(
    backbone: str, image_size: int, *, folder: Path | None = None, turns: int = TURNS
) -> Rates:
    """Measure this machine, a thread at a time; on a GPU backbone and network run there.

    Args:
        backbone: its name, as for extraction.
        image_size: side of its square in pixels.
        folder: where the disk's rate is measured; by default that for temporary files.
        turns: of each measurement, whose mean time counts.

    Raises:
        FeatureError: the backbone is not to be had.
    """
    device = pick_device("auto")
    beside = Path(gettempdir()) if folder is None else folder
    with computing_threads(1), scratch_folder(beside / "askattend-plan") as kept:
        loaded = load_backbone(backbone, image_size=image_size).to(device)
        here = f"measured here, load {os.getloadavg()[0]:.1f}"
        image = f"{here}: a {PICTURE[0]} × {PICTURE[1]} JPEG squared to {image_size} px, 1 thread"
        own = describe_device(device)
        return Rates(
            title=f"this machine: {own}" if device.type == "cuda" else "this machine",
            cores=max(int(usable_cores()), 1),
            gpu=device.type == "cuda",
            read=READ,
            write=Rate(_write(kept, turns), f"{here}: {WRITTEN >> 20} MiB with fsync"),
            decode=Rate(_decode(kept, loaded, turns), image),
            backbone=Rate(_backbone(loaded, turns), f"{here}: {BATCH} images at a time, {own}"),
            answer=Rate(_answer(loaded, device, turns), f"{here}: SAAA, {QUESTIONS} questions"),
        )


def _per_second(count: int, work: Callable[[], object], turns: int) -> float:
    """Return the rate over all turns; the first call is not measured.

    A long job pays for slow moments as well, which a median would leave out.
    """
    work()
    started = time.perf_counter()
    for _ in range(turns):
        work()
    return count * turns / (time.perf_counter() - started)


def picture_bytes(number: int) -> bytes:
    """Return a JPEG of smooth shapes and fine grain, as large as photos of its size are."""
    generator = np.random.default_rng(number)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize(PICTURE, Image.Resampling.BICUBIC), np.int16)
    grain = generator.normal(0, 12, smooth.shape).astype(np.int16)
    written = io.BytesIO()
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(written, "JPEG")
    return written.getvalue()


def _decode(folder: Path, backbone: Backbone, turns: int) -> float:
    files = [folder / f"{number}.jpg" for number in range(BATCH)]
    for number, file in enumerate(files):
        write_whole(file, picture_bytes(number))

    def read_all() -> None:
        for file in files:
            decode(file.name, Place.of(file), spec=backbone.spec)

    return _per_second(len(files), read_all, turns)


def _backbone(backbone: Backbone, turns: int) -> float:
    side = backbone.spec.image_size
    pixels = torch.randint(0, 256, (BATCH, 3, side, side), dtype=torch.uint8)
    return _per_second(
        BATCH, lambda: [level.cpu() for level in backbone.compute_levels(pixels)], turns
    )


def _answer(backbone: Backbone, device: torch.device, turns: int) -> float:
    spec = backbone.spec
    model = build_model(SAAAConfig(), words=VOCABULARY, answers=ANSWERS, region_dim=spec.input_dim)
    model.to(device).eval()
    regions = torch.rand(QUESTIONS // 4, spec.regions, spec.input_dim, device=device)
    tokens = torch.randint(2, VOCABULARY, (QUESTIONS, WORDS), device=device)
    lengths = torch.full((QUESTIONS,), WORDS, device=device)
    image_index = torch.arange(QUESTIONS, device=device) // 4

    @torch.inference_mode()
    def answer() -> None:
        image, question = model.encode_image(regions), model.encode_question(tokens, lengths)
        model.answer(image, question, image_index).logits.cpu()

    return _per_second(QUESTIONS, answer, turns)


def _write(folder: Path, turns: int) -> float:
    content = os.urandom(2**20)

    def write() -> None:
        write_whole(folder / "written", [content] * (WRITTEN >> 20))

    return _per_second(WRITTEN, write, turns)
