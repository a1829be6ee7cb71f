"""Deletion, against Quantus, which is not installed with other tools: it brings 200 MB along."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from askattend.attribution.maps import METHODS, maps_of
from askattend.attribution.removal import removal_curves
from askattend.batching.batches import Batch
from askattend.models import Network
from small_networks import DIM, REGIONS, small_batch, small_network

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    quantus = pytest.importorskip("quantus", reason="pip install quantus", exc_type=ImportError)


class Pictured(nn.Module):
    """A network that takes an image's regions as pixels, and is always asked the same."""

    def __init__(self, model: Network, tokens: Tensor) -> None:
        super().__init__()
        self.model, self.tokens = model, tokens

    def forward(self, pixels: Tensor) -> Tensor:
        regions = pixels.flatten(2).transpose(1, 2)
        tokens = self.tokens.expand(len(regions), -1)
        lengths = torch.full((len(regions),), tokens.shape[1])
        logits: Tensor = self.model(regions, tokens, lengths).logits
        return logits


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["saaa", "san", "san-cnn"])
def test_deletion_is_pixel_flipping(name: str) -> None:
    model = small_network(name).eval()
    regions, tokens, *_ = small_batch(torch.float32)
    batch = Batch.of(regions[:1], tokens[:1], torch.tensor([3]), torch.tensor([0]))
    asked, maps = maps_of(model, batch)
    # Of equal regions, as Grad-CAM leaves some at 0, either may go first.
    maps = {method: values + 1e-9 * np.arange(REGIONS) for method, values in maps.items()}
    stacked = torch.from_numpy(np.stack(list(maps.values()), axis=1))
    with torch.inference_mode():
        steps = tuple(range(REGIONS + 1))
        (deletion, _) = removal_curves(asked, stacked, steps, torch.Generator())
    flipping = quantus.PixelFlipping(
        features_in_step=1,
        normalise=False,
        abs=False,
        perturb_baseline=0.0,
        disable_warnings=True,
    )
    pixels = regions[:1].transpose(1, 2).unflatten(2, (2, 2)).numpy()
    for row, method in enumerate(METHODS):
        (theirs,) = flipping(
            model=Pictured(model, tokens[:1]).eval(),
            x_batch=pixels,
            y_batch=asked.answer.numpy(),
            a_batch=maps[method].reshape(1, 1, 2, 2),
            channel_first=True,
            softmax=True,
            device="cpu",
        )
        # It takes away number by number, and those of a region have one value of the map.
        whole = np.array(theirs)[DIM - 1 :: DIM]
        assert deletion[row, 1:, 0].numpy() == pytest.approx(whole, abs=1e-6), method
