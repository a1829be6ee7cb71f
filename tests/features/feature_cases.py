"""Pictures, small backbones and extractions that several tests of features share."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from askattend.features.extraction import ExtractConfig, ExtractionReport, extract
from askattend.features.image_places import Place
from askattend.features.spec import Backbone

CONFIG = ExtractConfig(image_size=64, batch_size=4, shard_images=6)
IMAGES = 17
ORIENTATION = 0x0112


class Stop(Exception):
    """What interrupts an extraction in these tests."""


class Colours(nn.Module):
    """A backbone small enough to follow: the mean red, green and blue of each quarter."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, pixels: Tensor) -> Tensor:
        quarters = nn.functional.adaptive_avg_pool2d(pixels, 2)
        return self.scale * quarters.flatten(2).transpose(1, 2)


class Unused(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        raise AssertionError("the backbone was used")


def tiny(lite: Backbone, network: nn.Module | None = None, **changes: Any) -> Backbone:
    spec = replace(lite.spec, backbone="colours", region_dim=3, **changes)
    return Backbone(spec=spec, network=network or Colours())


BROKEN = {"05", "07", "16"}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(
    images: Mapping[str, Path] | Mapping[str, Place],
    store: Path,
    backbone: Backbone,
    config: ExtractConfig = CONFIG,
    **arguments: Any,
) -> ExtractionReport:
    return extract(images, store, config, backbone=backbone, **{"console": quiet(), **arguments})


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def stop_after(batches: int) -> Callable[[int, int], None]:
    left = iter(range(batches))

    def progress(done: int, total: int) -> None:
        if next(left, None) is None:
            raise Stop

    return progress


def picture(size: int, *, seed: int = 0, images: int = 1) -> Tensor:
    shape = (images, 3, size, size)
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
