"""Maps by gradient: how an answer's score would change with the features of each region."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.models import Network


class GradientMaps(NamedTuple):
    """Maps of an answer's score, its logit before the softmax, by its gradient.

    Attributes:
        grad_cam: ReLU(Σ_k w_k φ_{l,k}) with w_k = (1/L) Σ_l ∂y/∂φ_{l,k}: each channel k of the
            backbone's regions φ, weighted by its mean gradient (Selvaraju et al. 2017, eqs. 1 and
            2). The regions are the backbone's last feature map, where that paper takes it, too.
        gradient_times_input: Σ_k e_{l,k} ∂y/∂e_{l,k}, of either sign (Shrikumar et al. 2016), with
            the regions e as the network has encoded them. At φ itself it would tell nothing of
            SAAA: that divides each region by its length, so that y does not change with the
            length, and the sum is 0 for every region (Euler's theorem).
    """

    grad_cam: Float[Tensor, "questions regions"]
    gradient_times_input: Float[Tensor, "questions regions"]


def gradient_maps(
    model: Network,
    regions: Float[Tensor, "questions regions region_dim"],
    question: Float[Tensor, "questions question_dim"],
    answer: Int[Tensor, " questions"],
    *,
    channels: int | None = None,
) -> GradientMaps:
    """Follow each question's answer back to the regions of its image.

    Args:
        model: of any kind, in evaluation mode, with weights of float32 or float64.
        regions: of each question's image, which questions of one image do not share here: each has
            a gradient of its own.
        question: what `encode_question` gave.
        answer: whose score to follow.
        channels: how many of a region's numbers are the backbone's, the first ones; what follows
            says where the region lies. By default all are.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = regions.to(next(model.parameters()).dtype).clone().requires_grad_()
        image = model.encode_image(leaf)
        made = (image.regions, *image.projected)
        # Cut here, so that nothing counts twice: what is projected may follow from the regions.
        encoded = [part.detach().requires_grad_() for part in made]
        cut = image._replace(regions=encoded[0], projected=tuple(encoded[1:]))
        # What was computed in inference mode cannot take part in a gradient.
        logits = model.answer(
            cut, question.clone(), torch.arange(len(leaf), device=leaf.device)
        ).logits
        score = logits.gather(1, answer.clone()[:, None]).sum()
        back = _gradients([score], encoded)
        (gradient,) = _gradients(made, [leaf], back)
    times = [(e.detach() * d).sum(dim=2) for e, d in zip(encoded, back, strict=True)]
    return GradientMaps(_grad_cam(leaf.detach(), gradient, channels), torch.stack(times).sum(dim=0))


def _gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], along: Sequence[Tensor] | None = None
) -> tuple[Tensor, ...]:
    """Differentiate; what no input reaches, as behind frozen code of somebody's own, gives 0."""
    reached = [number for number, output in enumerate(outputs) if output.requires_grad]
    if not reached:
        return tuple(map(torch.zeros_like, inputs))
    weights = None if along is None else [along[number] for number in reached]
    some = [outputs[number] for number in reached]
    return torch.autograd.grad(some, inputs, weights, materialize_grads=True)


def in_float32(model: Network) -> Network:
    """Return a network whose gradients have digits enough: itself, or a copy in float32."""
    if all(p.dtype in (torch.float32, torch.float64) for p in model.parameters()):
        return model
    return deepcopy(model).float()


def _grad_cam(
    regions: Float[Tensor, "questions regions region_dim"],
    gradient: Float[Tensor, "questions regions region_dim"],
    channels: int | None,
) -> Float[Tensor, "questions regions"]:
    """Weigh each channel by its mean gradient, and keep what speaks for the answer."""
    features, weights = regions[..., :channels], gradient[..., :channels].mean(dim=1)
    return torch.einsum("qlk,qk->ql", features, weights).relu()
