"""What every network returns: the answer's logits, and each step that led to them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Output:
    """The result of a forward pass, intermediates included.

    "maps" are SAAA's glimpses or SAN's hops.

    Attributes:
        logits: unnormalised log-probabilities of the answers; softmax is the loss's work.
        attention: α_{c,l} (SAAA) or p_I^k (SAN); each map sums to 1 over the regions.
        scores: what the attention is the softmax of.
        attended: x_c (SAAA) or ṽ_I^k (SAN), the attention-weighted sum of the regions.
        question: s (SAAA) or v_Q = u⁰ (SAN), the question's encoding.
    """

    logits: Float[Tensor, "questions answers"]
    attention: Float[Tensor, "questions maps regions"]
    scores: Float[Tensor, "questions maps regions"]
    attended: Float[Tensor, "questions maps dim"]
    question: Float[Tensor, "questions question_dim"]
