"""Attention modules in a file of their own, as a run keeps them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class HalfOfIt(nn.Module):
    """A dot product, for either network."""

    def __init__(self, region_dim: int, question_dim: int, width: int, glimpses: int) -> None:
        super().__init__()
        self.key = nn.Linear(region_dim, width, bias=False)
        self.queries = nn.Linear(question_dim, glimpses * width)
        self.glimpses, self.width = glimpses, width

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        queries = self.queries(question).unflatten(1, (self.glimpses, self.width))
        scores: Tensor = F.relu(queries) @ self.key(regions).transpose(1, 2)
        return scores


class Flattened(HalfOfIt):
    """Gives one row of numbers a question, where a map a glimpse is wanted."""

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        return super().forward(regions, question).flatten(1)
