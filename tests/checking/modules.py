"""Attention modules as students write them, right and wrong, and a check's findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import askattend
from askattend import CheckReport

REGION, QUESTION, HIDDEN, GLIMPSES = 12, 10, 7, 2


class Mine(nn.Module):
    """SAAA's attention as a student would write it; `change` spoils it."""

    def __init__(self, change: Callable[[Tensor], Any] = lambda scores: scores) -> None:
        super().__init__()
        self.first = nn.Linear(REGION, HIDDEN)
        self.query = nn.Linear(QUESTION, HIDDEN)
        self.last = nn.Linear(HIDDEN, GLIMPSES)
        self.change = change

    def forward(self, regions: Tensor, question: Tensor) -> Any:
        h = torch.relu(self.first(regions) + self.query(question)[:, None])
        return self.change(self.last(h).transpose(1, 2))


class Convolution(nn.Module):
    """The same as 1×1 convolutions over a grid."""

    def __init__(self, side: int | None = None) -> None:
        super().__init__()
        self.v_conv = nn.Conv2d(REGION, HIDDEN, 1, bias=False)
        self.q_lin = nn.Linear(QUESTION, HIDDEN)
        self.x_conv = nn.Conv2d(HIDDEN, GLIMPSES, 1)
        self.side = side

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        side = self.side or round(regions.shape[1] ** 0.5)
        v = self.v_conv(regions.transpose(1, 2).unflatten(2, (side, side)))
        h = F.relu(v + self.q_lin(question)[:, :, None, None])
        return self.x_conv(h).flatten(2)  # type: ignore[no-any-return]


class Joined(nn.Module):
    """The same with regions and question laid end to end."""

    def __init__(self, *, question_first: bool) -> None:
        super().__init__()
        self.first = nn.Conv1d(REGION + QUESTION, HIDDEN, 1)
        self.last = nn.Conv1d(HIDDEN, GLIMPSES, 1)
        self.question_first = question_first

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        parts = [regions, question[:, None].expand(-1, regions.shape[1], -1)]
        joined = torch.cat(parts[::-1] if self.question_first else parts, dim=2)
        return self.last(F.relu(self.first(joined.transpose(1, 2))))  # type: ignore[no-any-return]


class Matrices(nn.Module):
    """The same with matrices of one's own, in × out."""

    def __init__(self) -> None:
        super().__init__()
        shapes = {"V": (REGION, HIDDEN), "Q": (QUESTION, HIDDEN), "X": (HIDDEN, GLIMPSES)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape)))
        self.b_q, self.b_x = nn.Parameter(torch.zeros(HIDDEN)), nn.Parameter(torch.zeros(GLIMPSES))

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        m: Any = self
        h = torch.relu(regions @ m.V + (question @ m.Q + m.b_q)[:, None])
        return (h @ m.X + m.b_x).transpose(1, 2)  # type: ignore[no-any-return]


def with_forward(forward: Callable[[Any, Tensor, Tensor], Any]) -> nn.Module:
    """`Mine` with another forward."""
    return type("Changed", (Mine,), {"forward": forward})()  # type: ignore[no-any-return]


def relu_of(m: Any, regions: Tensor, question: Tensor) -> Tensor:
    return torch.relu(m.first(regions) + m.query(question)[:, None])


def check(module: nn.Module, **options: Any) -> CheckReport:
    return askattend.check(module, **options)


def failed(report: CheckReport) -> dict[str, str]:
    return {finding.name: finding.explanation for finding in report.failed}


def note(report: CheckReport, name: str) -> str:
    (finding,) = (f for f in report.findings if f.name == name)
    assert finding.passed is None
    return finding.explanation
