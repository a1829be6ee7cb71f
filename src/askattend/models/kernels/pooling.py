"""The sum of an image's regions, weighted by attention, for each question about it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.models.kernels import choice


def reference(attention: Tensor, regions: Tensor, image_index: Tensor) -> Tensor:
    """Σ_l α_{c,l} φ_l, as the papers write it; see `weighted_sum`."""
    return attention @ expand_to_questions(regions, image_index)


def softmax(
    scores: Float[Tensor, "questions maps regions"],
) -> Float[Tensor, "questions maps regions"]:
    """exp(scores), divided by their sum over the regions; in float32 at least."""
    precise = torch.promote_types(scores.dtype, torch.float32)
    return torch.softmax(scores, dim=-1, dtype=precise)


def weighted_sum(
    attention: Float[Tensor, "questions maps regions"],
    regions: Float[Tensor, "images regions dim"],
    image_index: Int[Tensor, " questions"],
) -> Float[Tensor, "questions maps dim"]:
    """Σ_l α_{c,l} φ_l for every question, over the regions of its own image.

    SAAA eq. 5, SAN eq. 17. The reference copies an image's regions once for each question. The
    quick way lays the questions of an image side by side, so that one matrix product for each image
    serves them all. How many lie side by side depends on the data: a GPU has a kernel that reads
    the regions where they are, or else takes the reference, as does a graph for ONNX.

    Args:
        attention: of each question, in any floating type.
        regions: of each image; products are in their type.
        image_index: the row of `regions` that each question is about.
    """
    attention = attention.to(regions.dtype)
    if choice.triton_runs(regions):
        from askattend.models.kernels.gpu import pooling as quick

        return quick.weighted_sum(attention, regions, image_index)
    if choice.on_gpu(regions) or choice.as_onnx():
        return reference(attention, regions, image_index)
    if len(regions) == 1:
        return attention @ regions[0]
    return _side_by_side(attention, regions, image_index)


def expand_to_questions(
    per_image: Float[Tensor, "images regions dim"], image_index: Int[Tensor, " questions"]
) -> Float[Tensor, "questions regions dim"]:
    """Copy what belongs to an image once for each question about it: ``per_image[image_index]``.

    On a processor it is `index_select`: the gradient of indexing is summed in the order that
    threads come by, and its last bits differ from time to time.

    On a GPU it is a product with the table of which question is about which image. It is exact,
    each row having a single 1, and so is its gradient's sum over an image's questions: in float32,
    and always in the same order, where indexing would sort or add in the order that threads finish.
    Without a gradient it selects there, too: the product's 0 · ∞ of another image is not a number.
    """
    if not (choice.on_gpu(per_image) and per_image.requires_grad):
        return per_image.index_select(0, image_index)
    images = torch.arange(len(per_image), device=image_index.device)
    about = (image_index[:, None] == images).to(per_image.dtype)  # questions × images
    copies: Tensor = (about @ per_image.flatten(1)).unflatten(1, per_image.shape[1:])
    return copies


def _side_by_side(attention: Tensor, regions: Tensor, image_index: Tensor) -> Tensor:
    """One product an image: images × (slots · maps) × regions by images × regions × dim."""
    slot, slots = _slots(image_index, len(regions))
    by_image = attention.new_zeros(len(regions), slots, *attention.shape[1:])
    by_image = by_image.index_put((image_index, slot), attention)
    pooled = by_image.flatten(1, 2) @ regions
    answered: Tensor = pooled.unflatten(1, (slots, -1))[image_index, slot]
    return answered


def _slots(image_index: Tensor, images: int) -> tuple[Tensor, int]:
    """Rank each question among those of its image; the most that any image has."""
    counts = torch.bincount(image_index, minlength=images)
    order = image_index.argsort(stable=True)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(order), device=order.device) - first[image_index[order]]
    return torch.empty_like(rank).scatter_(0, order, rank), int(counts.max())
