"""The predictor: an image is the same however it comes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askattend import Predictor
from askattend.features.store import FeatureStore


def test_an_image_is_the_same_however_it_comes(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    file = trained / "square 1.png"
    with Image.open(file) as image:
        image.load()
    sources: Sequence[Any] = (file, str(file), file.read_bytes(), image, np.asarray(image))
    answers = [predictor.look(source).ask("is it red?") for source in sources]
    assert len({(answer.text, answer.probability) for answer in answers}) == 1


def test_looking_at_a_file_is_reading_the_store(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    (cache,) = (f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    look = predictor.look_at(FeatureStore.open(cache).read(["square 4.png"]))
    (stored,) = predictor.answer(look, [0], ["what colour is it?"])
    seen = predictor.look(trained / "square 4.png").ask("what colour is it?")
    # Batches of another size are summed in another order; float16 rounds what is left.
    assert dict(stored.top) == pytest.approx(dict(seen.top), abs=1e-3)
