"""The arithmetic that both papers' attention shares: images looked at once, asked many times."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def weighted_sum(
    attention: Float[Tensor, "questions maps regions"],
    regions: Float[Tensor, "images regions dim"],
    image_index: Int[Tensor, " questions"],
) -> Float[Tensor, "questions maps dim"]:
    """Σ_l α_{c,l} φ_l for every question, over the regions of its own image.

    SAAA eq. 4, SAN eq. 17. The questions of one image are laid side by side, so that one matrix
    product an image serves them all and no image's regions are copied once a question.
    """
    slot, slots = _slots(image_index, len(regions))
    side_by_side = attention.new_zeros(len(regions), slots, *attention.shape[1:])
    side_by_side = side_by_side.index_put((image_index, slot), attention)
    pooled = side_by_side.flatten(1, 2) @ regions  # images × (slots · maps) × dim
    answered: Tensor = pooled.unflatten(1, (slots, -1))[image_index, slot]
    return answered


def _slots(image_index: Tensor, images: int) -> tuple[Tensor, int]:
    """Each question's rank among the questions of its image, and the most that any image has."""
    counts = torch.bincount(image_index, minlength=images)
    order = image_index.argsort(stable=True)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(order), device=order.device) - first[image_index[order]]
    return torch.empty_like(rank).scatter_(0, order, rank), int(counts.max())


def initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases for every linear layer below `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
