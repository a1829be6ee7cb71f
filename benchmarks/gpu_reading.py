"""Images on a GPU: extraction beside decoding and the network alone, and the predictor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from askattend import Predictor
from askattend.devices import Precision, pick_precision
from askattend.features.backbones import load_backbone
from askattend.features.decoding import decode_ahead
from askattend.features.extraction import ExtractConfig, extract
from askattend.features.image_places import PackedReader, Place
from askattend.features.spec import Backbone
from askattend.runs.run_folder import Run
from benchmarks import data
from benchmarks.data import Shape
from benchmarks.floor import wait_for
from benchmarks.networks import QUICK_WIDTHS, ours
from benchmarks.reading import _resnet

Measured = tuple[float, float | None, str]
QUESTION = "what color is the cat on the left"


def rows(device: torch.device, *, quick: bool) -> Iterator[tuple[str, str, Callable[[], Measured]]]:
    """Yield the rows: name, unit, and what measures it."""
    for name in ("lite2", "resnet152"):
        images = partial(_extraction, device, name, quick=quick)
        yield f"extraction-{name}", "images/s", images
        for which in ("first", "next"):
            yield f"{which}-question-{name}", "ms", partial(_question, device, name, which, quick)


def _extraction(device: torch.device, name: str, *, quick: bool) -> Measured:
    """Measure `extract`; as plain, the slower of the network and of decoding alone."""
    count, batch, workers = (6, 2, 1) if quick else (1024, 64, os.cpu_count() or 1)
    with _backbone(name, device, quick=quick) as backbone, TemporaryDirectory() as folder:
        images = _photographs(Path(folder), count)
        config = ExtractConfig(batch_size=batch, workers=workers, device=str(device))
        network = _images_per_second(backbone, device, batch)
        started = time.perf_counter()
        places = [(image, Place.of(file)) for image, file in images.items()]
        plain = PackedReader()
        for _ in decode_ahead(places, plain, spec=backbone.spec, workers=workers, ahead=2 * batch):
            pass
        decoding = count / (time.perf_counter() - started)
        started = time.perf_counter()
        extract(
            images,
            Path(folder) / "store",
            config,
            backbone=backbone,
            console=Console(file=open(os.devnull, "w")),  # noqa: SIM115
        )
        rate = count / (time.perf_counter() - started)
    note = f"network {network:,.0f}, decoding {decoding:,.0f} with {workers} workers"
    return rate, min(network, decoding), f"{note}, {backbone.spec.precision}"


def _images_per_second(backbone: Backbone, device: torch.device, batch: int) -> float:
    side = backbone.spec.image_size
    pixels = torch.randint(256, (batch, 3, side, side), dtype=torch.uint8).to(device)
    for _ in range(3):
        backbone.compute(pixels)
    wait_for(device)
    started, turns = time.perf_counter(), 8
    for _ in range(turns):
        backbone.compute(pixels)
    wait_for(device)
    return turns * batch / (time.perf_counter() - started)


def _question(device: torch.device, name: str, which: str, quick: bool) -> Measured:
    """Measure a question about a picture never seen, or one more about the same."""
    with _backbone(name, device, quick=quick) as backbone:
        spec = backbone.spec
        shape = Shape(side=spec.rows, region_dim=spec.region_dim)
        run = Run(Path("no-such-run"), {}, data.words(shape), data.answers(shape), None, spec)
        network = ours("saaa", shape, QUICK_WIDTHS if quick else {})
        predictor = Predictor(run, network.to(device, pick_precision("auto", device)))
        predictor.__dict__["backbone"] = backbone
        picture = Image.fromarray(_picture(0))
        scene = predictor.look(picture)
        ask = scene.ask if which == "next" else lambda text: predictor.look(picture).ask(text)
        times = []
        for _ in range(3 if quick else 30):
            started = time.perf_counter()
            ask(QUESTION)
            times.append(time.perf_counter() - started)
    return 1e3 * float(np.median(times)), None, f"{spec.image_size} px, 90 % {_ninth(times):.2f} ms"


def _ninth(times: list[float]) -> float:
    return 1e3 * float(np.quantile(times, 0.9))


@contextmanager
def _backbone(name: str, device: torch.device, *, quick: bool) -> Iterator[Backbone]:
    if name == "lite2":
        yield load_backbone(image_size=64 if quick else 224).to(device)
        return
    precision: Precision = "bfloat16" if device.type == "cuda" else "float32"
    with _resnet(quick=quick) as folder:
        side = 64 if quick else 448
        yield load_backbone(f"hf:{folder}", image_size=side, precision=precision).to(device)


def _photographs(folder: Path, count: int) -> dict[str, Path]:
    """Write some JPEG files of 640 × 480; more names than files, since the files are read anew."""
    files = []
    for number in range(min(count, 16)):
        files.append(folder / f"{number}.jpg")
        Image.fromarray(_picture(number)).save(files[-1], quality=90)
    return {f"image {i}": files[i % len(files)] for i in range(count)}


def _picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(256, size=(48, 64, 3), dtype=np.uint8))
    return np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC))
