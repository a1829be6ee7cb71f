"""The loss that both networks are trained with."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def answer_loss(
    logits: Float[Tensor, "questions answers"],
    answer_index: Int[Tensor, "questions references"],
    answer_weight: Float[Tensor, "questions references"],
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Σ_a (count_a / K)·(-log P(a)), averaged over the batch (SAAA eq. 7).

    K is the number of a question's human answers. Answers outside the vocabulary have no term and
    the others are not renormalised, so a question's weights may sum to less than 1.

    Args:
        logits: the networks' output; their log-softmax is taken in float32 at least.
        answer_index: the distinct reference answers of each question, padded with any index.
        answer_weight: count_a / K of each, 0 where padded.
        smoothing: the share of the weights that is spread over all answers (Szegedy et al. 2016,
            arXiv 1512.00567, section 7); the paper's is 0.
    """
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = precise.log_softmax(dim=-1)
    given = (log_p.gather(1, answer_index) * answer_weight).sum(dim=1)
    if smoothing:
        spread = log_p.mean(dim=1) * answer_weight.sum(dim=1)
        given = (1 - smoothing) * given + smoothing * spread
    return -given.mean()
