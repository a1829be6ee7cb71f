"""What the networks have in common: images and questions apart, and then together."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.attention import own_rows
from askattend.models.output import Output


class Network(nn.Module):
    """A network in three parts, of which the first two do not need each other.

    Attributes:
        look: regions → a `Look` of its own, once an image, however many questions follow.
        encode: tokens, lengths → the questions' encodings.
        attend: that `Look`, encodings and each question's image → `Output`.
        inputs: what reaches its answers.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image", "question"})
    look: Any
    encode: Any
    attend: Any

    def ask(
        self,
        look: Any,
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions about images already looked at."""
        output: Output = self.attend(look, self.encode(tokens, lengths), image_index)
        return output

    def forward(
        self,
        regions: Float[Tensor, "images regions region_dim"],
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        image_index: Int[Tensor, " questions"] | None = None,
    ) -> Output:
        """Look and ask in one pass.

        Args:
            regions: φ (SAAA), f_I (SAN), of any floating type.
            tokens: word indices, padded with 0.
            lengths: the number of real words of each question.
            image_index: the row of `regions` each question is about; by default, its own row.
        """
        return self.ask(self.look(regions), tokens, lengths, own_rows(tokens, image_index))
