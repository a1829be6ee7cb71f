"""Making features, and reading them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from askattend.devices import Precision, native_bfloat16
from askattend.features.backbones import load_backbone
from askattend.features.extraction import ExtractConfig, extract
from askattend.features.hub_preprocessing import IMAGENET_MEAN, IMAGENET_STD
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore
from benchmarks.data import Shape
from benchmarks.measure import Row, Target, interleaved, row
from benchmarks.networks import Size

EXTRACTED = 4  # images a batch
BATCH = 24  # images a batch of questions needs
BATCHES = 20  # read in one measurement


def resnet_extraction(size: Size) -> Row:
    """Measure the images a second through ResNet-152 at 448 px."""
    from transformers import ResNetModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    side, count = (64, 2) if size.quick else (448, EXTRACTED)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, side, side), generator=generator, dtype=torch.uint8)
    precision: Precision = "bfloat16" if native_bfloat16("cpu") else "float32"
    with _resnet(quick=size.quick) as folder:
        backbone = load_backbone(f"hf:{folder}", image_size=side, precision=precision)
        model = ResNetModel.from_pretrained(folder).eval()
    times = interleaved(
        lambda: backbone.regions(pixels),
        lambda: _eager(model, pixels).half().contiguous(),
        rounds=size.rounds,
    )
    error = _relative_error(backbone.compute(pixels), _eager(model, pixels))
    return row(
        "resnet152-extraction",
        "images/s",
        *(count / time for time in times),
        # Without bfloat16 instructions there is nothing to gain that much by.
        target=Target("ratio", "at least", 2.6) if precision == "bfloat16" else None,
        note=f"ours: {precision}, relative error {error:.1%}; plain: eager float32",
    )


def _relative_error(ours: Tensor, exact: Tensor) -> float:
    return float((ours.float() - exact).norm() / exact.norm())


@contextmanager
def _resnet(*, quick: bool) -> Iterator[str]:
    """Write a folder with ResNet-152 as the hub has it, but with random weights."""
    from transformers import ResNetConfig, ResNetModel

    depths = [1, 1, 1, 1] if quick else [3, 8, 36, 3]
    widths = [16, 24, 32, 64] if quick else [256, 512, 1024, 2048]
    torch.manual_seed(0)
    model = ResNetModel(ResNetConfig(depths=depths, hidden_sizes=widths))
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        yield folder


@torch.no_grad()
def _eager(model: Any, pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (IMAGENET_MEAN, IMAGENET_STD))
    hidden: Tensor = model(pixel_values=(pixels.float() / 255 - mean) / std).last_hidden_state
    return hidden.flatten(2).transpose(1, 2)


def feature_store(size: Size) -> Row:
    """Measure the MiB a second of random batches, beside the same bytes of mapped files."""
    images = 48 if size.quick else 384
    with TemporaryDirectory() as folder:
        store = _store(Path(folder), images, size.shape)
        raw = _Raw(store)
        rng = np.random.default_rng(0)
        batches = [rng.choice(images, BATCH, replace=False).tolist() for _ in range(BATCHES)]
        names = [[store.ids[i] for i in batch] for batch in batches]
        assert torch.equal(store.read(names[0]), torch.from_numpy(raw.read(batches[0])))
        times = interleaved(
            lambda: [store.read(batch) for batch in names],
            lambda: [raw.read(batch) for batch in batches],
            rounds=2 * size.rounds,
        )
    amount = BATCHES * BATCH * store.spec.image_bytes / 2**20
    return row(
        "feature-store",
        "MiB/s",
        *(amount / time for time in times),
        target=Target("ratio", "at least", 0.8),
        note=f"random batches of {BATCH} images out of {images}, in the page cache",
    )


class _Raw:
    """The store's shards as NumPy maps them, read image by image."""

    def __init__(self, store: FeatureStore) -> None:
        spec = store.spec
        self._shape = (spec.regions, spec.region_dim)
        self._maps = [self._map(file) for file in sorted(store.path.glob("*.safetensors"))]
        self._slots = [(map_, slot) for map_ in self._maps for slot in range(len(map_))]

    def _map(self, file: Path) -> Any:
        header = int.from_bytes(file.read_bytes()[:8], "little")
        mapped = np.memmap(file, dtype=np.float16, mode="r", offset=8 + header)
        return mapped.reshape(-1, *self._shape)

    def read(self, images: Sequence[int]) -> Any:
        """Copy some images' features."""
        batch = np.empty((len(images), *self._shape), dtype=np.float16)
        for row_, image in zip(batch, images, strict=True):
            map_, slot = self._slots[image]
            row_[...] = map_[slot]
        return batch


def _store(folder: Path, images: int, shape: Shape) -> FeatureStore:
    """Make a store with as many features as ResNet-152's, by a network of one layer."""
    pictures = folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(shape.seed)
    size = (shape.side, shape.side, 3)
    files = {f"{number:04}": pictures / f"{number:04}.png" for number in range(images)}
    for file in files.values():
        Image.fromarray(rng.integers(256, size=size, dtype=np.uint8)).save(file)
    config = ExtractConfig(shard_images=images // 2)
    console = Console(quiet=True)
    return extract(
        files, folder / "store", config, backbone=_one_layer(shape), console=console
    ).store


def _one_layer(shape: Shape) -> Backbone:
    torch.manual_seed(shape.seed)
    layer = nn.Conv2d(3, shape.region_dim, 1)
    spec = FeatureSpec(
        backbone="one-layer",
        fingerprint="random",
        image_size=shape.side,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        rows=shape.side,
        columns=shape.side,
        region_dim=shape.region_dim,
        dtype="float16",
    )
    return Backbone(spec=spec, network=nn.Sequential(layer, _Rows()))


class _Rows(nn.Module):
    def forward(self, grid: Tensor) -> Tensor:
        return grid.flatten(2).transpose(1, 2)
