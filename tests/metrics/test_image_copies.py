"""Pictures that splits share under different names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askattend.metrics import image_copies
from askattend.metrics.image_copies import copies_notes, find_copies


def picture(seed: int, *, side: int = 96) -> Image.Image:
    """A picture with broad shades, as photographs have them."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def drawing(x: int, colour: str) -> Image.Image:
    """A square on a white ground."""
    image = Image.new("RGB", (64, 64), "white")
    image.paste(colour, (x, 20, x + 16, 36))
    return image


def save(folder: Path, **images: Image.Image) -> dict[str, Path]:
    for name, image in images.items():
        image.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in images}


def test_the_same_bytes_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = save(tmp_path, a=picture(0), b=picture(1))
    (tmp_path / "c.png").write_bytes(train["b"].read_bytes())
    (tmp_path / "d.png").write_bytes(b"x" * train["b"].stat().st_size)  # of that size, no picture
    test = {"c": tmp_path / "c.png", "d": tmp_path / "d.png"}
    for near in (False, True):
        monkeypatch.setattr(image_copies, "MOST_OPENED", 4 if near else 3)
        (found,) = find_copies({"train": train, "test": test})
        assert (found.splits, found.identical) == (("train", "test"), 1)
        assert (found.near, found.examples) == (0 if near else None, (("c", "b"),))
    monkeypatch.setattr(image_copies, "MOST_READ", 3)
    assert find_copies({"train": train, "test": test}) == []
    assert len(find_copies({"train": train, "test": test}, every=True)) == 1
    # An image that both splits name is no copy, and is counted elsewhere.
    assert find_copies({"train": train, "test": {"a": train["a"]}}) == []


@pytest.mark.parametrize("way", ["smaller", "JPEG", "a little brighter", "cut by a hair"])
def test_nearly_the_same_pixels(tmp_path: Path, way: str) -> None:
    train = save(tmp_path, **{f"p{seed}": picture(seed) for seed in range(6)})
    image, file = picture(4), tmp_path / "copy.png"
    if way == "smaller":
        image = image.resize((50, 50))
    elif way == "JPEG":
        file = tmp_path / "copy.jpg"
    elif way == "a little brighter":
        image = image.point(lambda value: min(value + 4, 255))
    else:
        image = image.crop((1, 1, 95, 95))
    image.save(file)
    test = {"copy": file, **save(tmp_path, other=picture(9))}
    (found,) = find_copies({"train": train, "test": test})
    assert (found.identical, found.near, found.examples) == (0, 1, (("copy", "p4"),))


def test_drawings_that_differ_in_one_thing_are_others(tmp_path: Path) -> None:
    train = save(tmp_path, a=drawing(10, "red"), b=drawing(30, "blue"))
    test = save(tmp_path, c=drawing(10, "blue"), d=drawing(14, "red"), e=drawing(40, "blue"))
    assert find_copies({"train": train, "test": test}) == []


def test_every_two_splits_are_looked_at(tmp_path: Path) -> None:
    images = {
        split: save(tmp_path, **{split: picture(0, side=90 + n)})
        for n, split in enumerate(("train", "valid", "test"))
    }
    found = find_copies(images)
    pairs = [("train", "valid"), ("train", "test"), ("valid", "test")]
    assert [each.splits for each in found] == pairs
    assert copies_notes(found)[0] == (
        "1 image of 'valid' is in 'train' under another name (nearly the same pixels): "
        "valid = train. What is right about it says little about new pictures"
    )
