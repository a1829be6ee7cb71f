"""Backbones, photos and a store that several tests of features share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from askattend.features.backbones import load_backbone
from askattend.features.spec import Backbone
from features.feature_cases import (
    IMAGES,
    ORIENTATION,
    run,
    tiny,
)
from features.hub_cases import CONFIGS


@pytest.fixture(scope="session")
def lite() -> Backbone:
    return load_backbone(image_size=64)


@pytest.fixture(scope="session")
def colours(lite: Backbone) -> Backbone:
    return tiny(lite)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Images of several sizes and formats, three of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        shape = (40 + number, 90 - number, 3)
        exif = Image.Exif()
        exif[ORIENTATION] = 6 if number == 2 else 1
        suffix = ("png", "jpg")[number % 2]
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        image.save(folder / f"{number:02d}.{suffix}", exif=exif)
    torn = folder / "05.jpg"
    torn.write_bytes(torn.read_bytes()[:-200])
    (folder / "07.jpg").write_text("no image")
    images = {file.stem: file for file in sorted(folder.iterdir())}
    (folder / "16.png").unlink()
    return images


@pytest.fixture(scope="session")
def whole(
    photos: dict[str, Path], lite: Backbone, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A store made without interruption."""
    store = tmp_path_factory.mktemp("whole") / "store"
    run(photos, store, lite)
    return store


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small, randomly initialised model as a folder."""
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    made: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(0)
            name, settings = CONFIGS[kind]
            folder = tmp_path_factory.mktemp(kind)
            model = transformers.AutoModel.from_config(getattr(transformers, name)(**settings))
            model.save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return save
