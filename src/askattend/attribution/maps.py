"""All maps of an answer, by the network's attention and by what it hangs on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.attribution.gradients import gradient_maps
from askattend.attribution.occlusion import occlusion_maps
from askattend.attribution.without_regions import WithoutRegions
from askattend.batching.batches import Batch
from askattend.models import Network

# The ways to make a map, and what they are called where people read.
METHODS: Mapping[str, str] = {
    "attention": "Attention",
    "grad_cam": "Grad-CAM",
    "gradient_times_input": "Gradient × input",
    "occlusion": "Occlusion",
}

Maps = dict[str, Float[np.ndarray, "questions regions"]]


def maps_of(
    model: Network,
    batch: Batch,
    *,
    temperature: float = 1.0,
    answer: Int[Tensor, " questions"] | None = None,
    channels: int | None = None,
) -> tuple[WithoutRegions, Maps]:
    """Make a map of each question's answer by every method of `METHODS`.

    Args:
        model: in evaluation mode, with weights of float32 or float64.
        batch: the questions, on the network's device.
        temperature: what logits are divided by.
        answer: whose maps to make; by default the most probable one.
        channels: see `gradient_maps`.

    Returns:
        the questions, to be asked again; and the maps by method: attention is the mean of all
        glimpses or hops.
    """
    with torch.inference_mode():
        asked = WithoutRegions.of(model, batch, temperature, answer)
        occluded = occlusion_maps(asked)
    # Each question has a copy of its image, or gradients of several would add up.
    rows = torch.arange(len(asked.images)).split(asked.chunk)
    images = torch.tensor(asked.images)
    by_gradient = [
        gradient_maps(
            model,
            batch.regions[images[some]],
            asked.question[some],
            asked.answer[some],
            channels=channels,
        )
        for some in rows
    ]
    grad_cam, times_input = (torch.cat(parts) for parts in zip(*by_gradient, strict=True))
    found = (asked.attention.mean(dim=1), grad_cam, times_input, occluded)
    named = zip(METHODS, found, strict=True)
    return asked, {name: values.cpu().double().numpy() for name, values in named}
