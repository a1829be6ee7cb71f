"""Attention modules in a file of their own, as a run keeps them."""

from __future__ import annotations

import torch
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


class Tied(nn.Module):
    """Two layers of one weight, and a table whose rows are not in the order of memory."""

    def __init__(self, region_dim: int, question_dim: int, glimpses: int) -> None:
        super().__init__()
        self.region, self.question = nn.Linear(region_dim, 8), nn.Linear(question_dim, 8)
        self.first, self.second = nn.Linear(8, glimpses), nn.Linear(8, glimpses)
        self.second.weight = self.first.weight
        self.register_buffer("table", torch.arange(8.0).view(2, 4).t())

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        hidden = F.relu(self.region(regions) + self.question(question)[:, None])
        scores: Tensor = self.first(hidden) + self.second(hidden)
        return scores.transpose(1, 2)


class Lazy(nn.Module):
    """Layers that learn their sizes from the first input."""

    def __init__(self, glimpses: int) -> None:
        super().__init__()
        self.region, self.question = nn.LazyLinear(8), nn.LazyLinear(8)
        self.norm, self.score = nn.LazyBatchNorm1d(), nn.LazyLinear(glimpses)

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        hidden = F.relu(self.region(regions) + self.question(question)[:, None])
        scores: Tensor = self.score(self.norm(hidden.transpose(1, 2)).transpose(1, 2))
        return scores.transpose(1, 2)


class OtherWidth(nn.Module):
    """Takes no region of the width that the features have."""

    def __init__(self, glimpses: int) -> None:
        super().__init__()
        self.region, self.question = nn.Linear(3, glimpses), nn.Linear(3, glimpses)

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        scores: Tensor = self.region(regions) + self.question(question)[:, None]
        return scores.transpose(1, 2)


class OtherGrid(HalfOfIt):
    """Lays the regions out as a grid that the features do not have."""

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        return super().forward(regions.unflatten(1, (14, 14)).flatten(1, 2), question)
