"""The cache of features beside the runs: one store for each way of making them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from askattend.errors import FeatureError
from askattend.experiment.config import Config
from askattend.experiment.features import features_for
from askattend.features.extraction import ExtractConfig
from askattend.features.spec import FeatureSpec
from askattend.features.store import FeatureStore
from askattend.models import SAAAConfig

QUIET = Console(quiet=True)


def test_every_precision_and_dtype_has_a_store_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "red.png"
    Image.new("RGB", (80, 60), "red").save(file)
    images = {"red": file}
    plain = Config(
        SAAAConfig(), data=f"table:{tmp_path}/t.csv", extract=ExtractConfig(image_size=64)
    )
    others = (
        plain,
        replace(plain, extract=replace(plain.extract, precision="bfloat16")),
        replace(plain, extract=replace(plain.extract, dtype="int8")),
    )

    def store_for(config: Config[SAAAConfig], spec: FeatureSpec | None = None) -> FeatureStore:
        store = features_for(config, images, tmp_path, console=QUIET, spec=spec)
        assert isinstance(store, FeatureStore)
        return store

    stores = [store_for(config) for config in others]
    assert [(s.spec.precision, s.spec.dtype) for s in stores] == [
        ("float32", "float16"),
        ("bfloat16", "float16"),
        ("float32", "int8"),
    ]
    assert len({store.path for store in stores}) == 3
    for store in stores:  # a run finds its own again, whatever the settings are now
        again = store_for(plain, store.spec)
        assert again.path == store.path
        assert torch.equal(again.read(["red"]), store.read(["red"]))
    named = replace(plain, features=stores[1].path)
    with pytest.raises(FeatureError, match="precision 'float32' against 'bfloat16'"):
        store_for(named, stores[0].spec)


def test_features_of_pictures_that_were_replaced_are_refused(tmp_path: Path) -> None:
    images = {colour: tmp_path / f"{colour}.bmp" for colour in ("red", "blue")}
    for colour, file in images.items():
        Image.new("RGB", (8, 8), colour).save(file)
    config = Config(
        SAAAConfig(), data=f"table:{tmp_path}/t.csv", extract=ExtractConfig(image_size=64)
    )
    store = features_for(config, images, tmp_path, console=QUIET)
    assert isinstance(store, FeatureStore)
    Image.new("RGB", (8, 8), "lime").save(images["red"])
    named = replace(config, features=store.path)
    with pytest.raises(FeatureError, match=r"1 of the 2 images have changed .*: red\. Extract"):
        features_for(named, images, tmp_path, console=QUIET)
    again = features_for(config, images, tmp_path, console=QUIET)  # a cache is mended at once
    assert not torch.equal(again.read(["red"]), store.read(["red"]))
    assert features_for(named, images, tmp_path, console=QUIET).spec == store.spec
