"""Mistakes in an attention's forward, by the module whose checks find them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from checking.modules import (
    HIDDEN,
    QUESTION,
    REGION,
    check,
    failed,
    relu_of,
    with_forward,
)

# The check that finds it, the module's forward, and a part of the explanation.
Mistake = tuple[str, Callable[[Any, Tensor, Tensor], Any], str]


def assert_found(mistake: Mistake) -> None:
    """Check a module that makes the mistake: the report must say so, under the check's name."""
    name, forward, said = mistake
    report = check(with_forward(forward), region_dim=REGION, question_dim=QUESTION)
    assert said in failed(report)[name]
    assert f"✗ {name}: " in str(report)


FORWARD_PASS: dict[str, Mistake] = {
    "dropout never off": (
        "evaluation",
        lambda m, r, q: m.last(F.dropout(relu_of(m, r, q))).mT,
        "training=self.training",
    ),
    "in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r, q.mul_(2))).mT,
        "question changed in place",
    ),
    "regions in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r.mul_(2), q)).mT,
        "regions changed in place",
    ),
    "reshaped in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r, q.unsqueeze_(1)[:, 0])).mT,
        "question changed in place",
    ),
    "always random": (
        "evaluation",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT + torch.rand(()).to(r),
        "something random in forward",
    ),
    "not a number": (
        "evaluation",
        lambda m, r, q: m.last(relu_of(m, r, q) * (r - r).norm() / 0).mT,
        "the scores are NaN",
    ),
    "double precision": (
        "float32",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.double(),
        "float64 scores for float32 inputs",
    ),
    "single precision": (
        "float64",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.float(),
        "float32 scores for float64 inputs",
    ),
    "float32 constant": (
        "float64",
        lambda m, r, q: m.last(relu_of(m, r @ torch.eye(REGION), q)).mT,
        "raises RuntimeError",
    ),
}


GRADIENTS: dict[str, Mistake] = {
    "no activation": (
        "question",
        lambda m, r, q: m.last(m.first(r) + m.query(q)[:, None]).mT,
        "ReLU or tanh missing",
    ),
    "question unused": (
        "question",
        lambda m, r, q: m.last(torch.relu(m.first(r))).mT,
        "do not depend on the question",
    ),
    "regions unused": (
        "regions",
        lambda m, r, q: m.last(torch.relu(m.query(q)))[..., None].expand(-1, -1, r.shape[1]),
        "do not depend on the regions",
    ),
    "parameter unused": (
        "gradients",
        lambda m, r, q: m.last(torch.relu(m.first(r) + q[:, None, :HIDDEN])).mT,
        "query.weight, query.bias get none",
    ),
    "detached": (
        "gradients",
        lambda m, r, q: m.last(relu_of(m, r, q).detach()).mT,
        "first.weight, first.bias, query.weight, query.bias get none",
    ),
    "rounded": (
        "gradients",
        lambda m, r, q: m.last(relu_of(m, r, q).round()).mT,
        "get nothing but zeros",
    ),
    "overflow": (
        "finite",
        lambda m, r, q: m.last((relu_of(m, r, q) * 20).exp()).mT,
        "inputs × 100",
    ),
    "norm at zero": (
        "finite",
        lambda m, r, q: m.last(relu_of(m, r / r.square().sum(-1, keepdim=True).sqrt(), q)).mT,
        "inputs × 0",
    ),
    "root at zero": (
        "finite",
        lambda m, r, q: m.last(relu_of(m, r * (1 + r.square().sum(-1, keepdim=True).sqrt()), q)).mT,
        "gradients that are NaN",
    ),
    "question cut off": (
        "question",
        lambda m, r, q: m.last(relu_of(m, r, q.detach())).mT,
        "the question moves the scores, but no gradient comes back; is there a detach",
    ),
    "regions cut off": (
        "regions",
        lambda m, r, q: m.last(relu_of(m, r.detach(), q)).mT,
        "regions move the scores, but no gradient comes back",
    ),
}


EQUIVARIANCE: dict[str, Mistake] = {
    "normalised over the batch": (
        "independence",
        lambda m, r, q: m.last(relu_of(m, r, q - q.mean(dim=0))).mT,
        "another question in the batch",
    ),
    "images mixed": (
        "independence",
        lambda m, r, q: m.last(relu_of(m, r - r.mean(dim=0), q)).mT,
        "another image in the batch",
    ),
    "squeezed": (
        "batch of one",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.squeeze(),
        "gives 2 × 16, expected 1 × 2 × 16",
    ),
    "rows differ": (
        "batch order",
        lambda m, r, q: m.last(relu_of(m, r, q + torch.arange(len(q)).to(q)[:, None])).mT,
        "row in the batch",
    ),
}
