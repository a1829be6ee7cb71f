"""The tensors that go into every network, and the encoding of its questions."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

# φ (SAAA), f_I (SAN): each distinct image once, of any floating type.
Regions = Float[Tensor, "images regions region_dim"]
# q: word indices, padded with 0.
Tokens = Int[Tensor, "questions words"]
# How many words of each question are real, at least 1.
Lengths = Int[Tensor, " questions"]
# The row of the images that each question is about.
ImageIndex = Int[Tensor, " questions"]
# s (SAAA), v_Q = u⁰ (SAN).
QuestionEncoding = Float[Tensor, "questions question_dim"]
