"""The arithmetic that both papers' attention shares: images looked at once, asked many times."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.kernels.buffer_pool import converted
from askattend.models.symbols import heard


def written_out(*tensors: Tensor) -> bool:
    """Whether to compute each step as the paper writes it, and not the quick way.

    So where steps are recorded or the network is compiled, and on a GPU, whose own kernels are
    quick. Both ways give the same numbers, up to rounding.
    """
    return heard() or torch.compiler.is_compiling() or on_gpu(*tensors)


def on_gpu(*tensors: Tensor) -> bool:
    """Whether sizes may not depend on data: to know them, the processor would wait for the GPU."""
    return any(t.is_cuda for t in tensors)


def softmax(
    scores: Float[Tensor, "questions maps regions"],
) -> Float[Tensor, "questions maps regions"]:
    """exp(scores), divided by their sum over the regions; in float32 at least."""
    precise = torch.promote_types(scores.dtype, torch.float32)
    return torch.softmax(scores, dim=-1, dtype=precise)


def unit(
    regions: Float[Tensor, "images regions dim"], dtype: torch.dtype
) -> Float[Tensor, "images regions dim"]:
    """v / (‖v‖₂ + ε) at each region (SAAA section 3.1); the norm is in float32 at least."""
    units = converted(regions, dtype)
    precise = torch.promote_types(dtype, torch.float32)
    norm = (torch.linalg.vector_norm(units, dim=-1, keepdim=True, dtype=precise) + 1e-8).to(dtype)
    # Nobody else has these; where no gradient needs what they were, their memory serves again.
    return units / norm if units.requires_grad else units.div_(norm)


def product_type(weight: Tensor) -> torch.dtype:
    """What products with `weight` are computed in: autocast's type where it is on."""
    if torch.is_autocast_enabled(weight.device.type):
        return torch.get_autocast_dtype(weight.device.type)
    return weight.dtype


def own_rows(tokens: Tensor, image_index: Tensor | None) -> Tensor:
    """`image_index`, or where it is left out the rows in order: each question has its own image."""
    if image_index is None:
        return torch.arange(len(tokens), device=tokens.device)
    return image_index


def weighted_sum(
    attention: Float[Tensor, "questions maps regions"],
    regions: Float[Tensor, "images regions dim"],
    image_index: Int[Tensor, " questions"],
) -> Float[Tensor, "questions maps dim"]:
    """Σ_l α_{c,l} φ_l for every question, over the regions of its own image.

    SAAA eq. 5, SAN eq. 17. The questions of one image are laid side by side, so that one matrix
    product an image serves them all and no image's regions are copied once a question. How many lie
    side by side depends on the data; so on a GPU the regions are copied.
    """
    if on_gpu(regions):
        return torch.bmm(attention.to(regions.dtype), spread(regions, image_index))
    if len(regions) == 1:
        return attention.to(regions.dtype) @ regions[0]
    slot, slots = _slots(image_index, len(regions))
    attention = attention.to(regions.dtype)
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


def spread(
    per_image: Float[Tensor, "images regions dim"], image_index: Int[Tensor, " questions"]
) -> Float[Tensor, "questions regions dim"]:
    """What belongs to each question's image, copied once a question.

    On a GPU by a product with the table of which question is about which image. It is exact, each
    row having a single 1, and so is its gradient's sum over an image's questions: in float32, and
    always in the same order, where indexing would sort or add in the order that threads finish.
    Where there is no gradient it is indexing: the product's 0 · ∞ of another image is not a number.
    """
    if not (on_gpu(per_image) and per_image.requires_grad):
        return per_image[image_index]
    images = torch.arange(len(per_image), device=image_index.device)
    about = (image_index[:, None] == images).to(per_image.dtype)  # questions × images
    copies: Tensor = (about @ per_image.flatten(1)).unflatten(1, per_image.shape[1:])
    return copies


class PerQuestion(nn.Module):
    """An attention of one's own that takes each question with its regions, fitted into a network.

    Args:
        attention: a module whose ``forward(regions, question)`` turns questions × regions × dim and
            questions × question_dim into scores, questions × maps × regions.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def project(self, regions: Tensor) -> Tensor:
        """The regions as they are: nothing is known of what could be done before the question."""
        return regions

    def forward(
        self,
        projected: Float[Tensor, "images regions dim"],
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Any:  # whose scores are for its author to get right: `askattend.check` tells
        """Copy an image's regions once a question, and score them."""
        return self.attention(spread(projected, image_index), question)


def fitted(attention: nn.Module) -> Any:
    """`attention` as a network calls it.

    A module with a method ``project(regions)`` is asked as the built-in ones are:
    ``forward(project(regions), question, image_index)``, where `project` runs once an image. Any
    other is asked ``forward(regions, question)``, with regions of its own for each question.
    """
    return attention if hasattr(attention, "project") else PerQuestion(attention)
