"""Which region of a picture each output describes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from askattend.errors import FeatureError
from askattend.features import hub
from features.feature_cases import picture
from features.hub_cases import load, raw


@pytest.mark.parametrize(
    ("kind", "leading"), [("vit", 1), ("deit", 2), ("dinov2", 1), ("registers", 4), ("siglip", 0)]
)
@pytest.mark.parametrize("size", [64, 112])
def test_patches_come_without_the_tokens_before_them(
    saved: Callable[[str], Path], kind: str, leading: int, size: int
) -> None:
    backbone, pixels, rows = load(saved(kind), image_size=size), picture(size, images=2), size // 16
    interpolates = size != 64 and kind in ("vit", "deit", "siglip")
    extra = {"interpolate_pos_encoding": True} if interpolates else {}
    tokens, regions = raw(saved(kind), pixels, **extra), backbone.regions(pixels)
    assert (backbone.spec.rows, backbone.spec.columns) == (rows, rows)
    assert tokens.shape[1] == leading + rows * rows
    for row, column in itertools.product(range(rows), range(rows)):
        place = rows * row + column
        torch.testing.assert_close(regions[:, place], tokens[:, leading + place])


def test_swin_s_reduced_grid(saved: Callable[[str], Path]) -> None:
    backbone, pixels = load(saved("swin"), image_size=64), picture(64)
    assert (backbone.spec.rows, backbone.spec.region_dim) == (2, 128)
    torch.testing.assert_close(backbone.regions(pixels), raw(saved("swin"), pixels))
    with pytest.raises(FeatureError, match=r"not a multiple of 32\. The nearest valid one is 128"):
        load(saved("swin"), image_size=112)


@pytest.mark.parametrize("kind", ["resnet", "convnext", "vit", "deit", "registers", "swin"])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_changed_corner_changes_its_region_most(
    saved: Callable[[str], Path], kind: str, corner: tuple[int, int]
) -> None:
    size = 256
    backbone = load(saved(kind), image_size=size)
    rows = backbone.spec.rows
    side = size // rows
    before = picture(size)
    after = before.clone()
    top, left = (index * (size - side) for index in corner)
    area = (..., slice(top, top + side), slice(left, left + side))
    after[area] = picture(size, seed=1)[area]
    change = (backbone.regions(after) - backbone.regions(before))[0].norm(dim=-1)
    row, column = divmod(int(change.argmax()), rows)
    reach = 1 if kind == "resnet" else 0  # its 3 × 3 convolutions may pass a change on, enlarged
    assert abs(row - corner[0] * (rows - 1)) <= reach
    assert abs(column - corner[1] * (rows - 1)) <= reach


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bert", "'bert' does not read images"),
        ("mae", "hides or reorders patches"),
        ("yolos", "detects objects"),
        ("clip", "joins images with text"),
    ],
)
def test_models_without_a_grid_are_refused(
    saved: Callable[[str], Path], kind: str, reason: str
) -> None:
    with pytest.raises(FeatureError, match=reason) as caught:
        load(saved(kind))
    assert str(caught.value).startswith(f"hf:{saved(kind)}: not usable as a backbone")


SHUFFLES: dict[str, tuple[str, Callable[[Tensor], Tensor], str]] = {
    "transposed map": ("resnet", lambda h: h.transpose(2, 3), "a change of the picture"),
    "mirrored map": ("convnext", lambda h: h.flip(3), "a change of the picture"),
    "upside down": ("resnet", lambda h: h.flip(2), "a change of the picture"),
    "random": ("convnext", lambda h: h + torch.randn_like(h), "two passes"),
    "not finite": ("resnet", lambda h: h / 0, "not finite"),
    "pooled": ("resnet", lambda h: h.mean((2, 3), keepdim=True), "one region"),
    "oblong": ("resnet", lambda h: h[..., :2], "no square grid"),
    "one token more": ("vit", lambda h: torch.cat([h, h[:, :1]], 1), "not 1 special ones"),
    "one token less": ("deit", lambda h: h[:, 1:], "not 2 special ones"),
    "a vector": ("vit", lambda h: h[:, 0], "neither a map nor a row"),
}


@pytest.mark.parametrize("case", SHUFFLES)
def test_a_grid_that_is_not_what_it_seems_is_refused(
    saved: Callable[[str], Path], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a model whose output is tampered with in the place of the one loaded."""
    kind, tamper, reason = SHUFFLES[case]

    class Tampered(nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model, self.config = model, model.config

        def forward(self, pixel_values: Tensor, **arguments: Any) -> Any:
            output = self.model(pixel_values=pixel_values, **arguments)
            output.last_hidden_state = tamper(output.last_hidden_state)
            return output

    load_model = hub._load_model

    def tampered(source: str, label: str) -> Any:
        model, state = load_model(source, label)
        return Tampered(model), state

    monkeypatch.setattr(hub, "_load_model", tampered)
    with pytest.raises(FeatureError, match=reason):
        load(saved(kind), image_size=64 if kind in ("vit", "deit") else 128)


def test_sizes_that_a_model_cannot_take(saved: Callable[[str], Path]) -> None:
    with pytest.raises(FeatureError, match=r"100 is not a multiple of 16\. .* 96"):
        load(saved("vit"), image_size=100)
    with pytest.raises(FeatureError, match=r"100 is not a multiple of 32\. .* 96"):
        load(saved("resnet"), image_size=100)
