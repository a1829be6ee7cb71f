"""Checks of a single forward pass: its types, its inputs, its modes.

Each check takes a `ModuleUnderTest` and returns a `Finding`; one that raises has failed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from askattend.checking.module_under_test import ModuleUnderTest
from askattend.checking.report import Finding


def float32(tested: ModuleUnderTest) -> Finding:
    """Check that float32 comes out where float32 goes in."""
    kind = _dtype(tested.scores())
    if kind == "float32":
        return Finding("float32", True, "float32 in, float32 out")
    problem = f"gives {kind} scores for float32 inputs; the network computes in one type"
    return Finding("float32", False, f"{problem}: is there a .double() or a float64 constant?")


def float64(tested: ModuleUnderTest) -> Finding:
    """Check that it works in float64, where rounding hides nothing."""
    kind = _dtype(tested.cast(torch.float64).scores())
    if kind == "float64":
        return Finding("float64", True, "works in double precision too")
    problem = f"gives {kind} scores for float64 inputs"
    return Finding("float64", False, f"{problem}; make new tensors with question.new_zeros(…)")


def _dtype(scores: Tensor) -> str:
    return str(scores.dtype).removeprefix("torch.")


def inputs_unchanged(tested: ModuleUnderTest) -> Finding:
    """Check that regions, question and the result of `project` are left as they were.

    The regions are needed again for the weighted sum, the question for the answer, and the result
    of `project` for the next question about the image.
    """
    module: Any = tested.module
    handed: dict[str, Any] = {
        "regions": tested.regions.clone(),
        "question": tested.question.clone(),
    }
    before = {name: _copies(value) for name, value in handed.items()}
    projects, index = hasattr(module, "project"), torch.arange(len(tested.question))
    if projects:
        handed["what project returned"] = module.project(handed["regions"])
        before["what project returned"] = _copies(handed["what project returned"])

    def ask() -> Tensor:
        # Dropout that is never off is for another check to find.
        with tested.fixed_randomness():
            if projects:
                scores = module(handed["what project returned"], handed["question"], index)
            else:
                scores = module(handed["regions"], handed["question"])
            return tested.mended(scores).clone()  # type: ignore[no-any-return]

    first, second = ask(), ask()
    changed = [
        name for name, value in handed.items() if not _identical(_copies(value), before[name])
    ]
    if changed:
        problem = f"{' and '.join(changed)} changed in place, and may be needed afterwards"
        return Finding("inputs", False, f"{problem}; make a new tensor: x * 2, not x.mul_(2)")
    if not _identical([first], [second]):
        problem = "asked twice about one image, it scores otherwise the second time"
        return Finding("inputs", False, f"{problem}; is something kept from the pass before?")
    return Finding("inputs", True, "left as they were")


def _copies(value: Any) -> list[Tensor]:
    """Copy all tensors in the result of somebody's `project`, whatever holds them."""
    leaves = tree_leaves(value)
    return [leaf.detach().clone() for leaf in leaves if isinstance(leaf, Tensor)]


def _identical(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    """Return True where tensors are the same to the last bit; NaN is the same as NaN."""
    return len(ours) == len(theirs) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def evaluation_mode(tested: ModuleUnderTest) -> Finding:
    """Check that in evaluation mode the same inputs give the same scores."""
    first, second = tested.scores(), tested.scores()
    if bool(first.isnan().any()):
        return Finding("evaluation", False, "the scores are NaN; is there a 0/0 or a log of 0?")
    if torch.equal(first, second):
        return Finding("evaluation", True, "the same inputs give the same scores")
    hint = "F.dropout needs training=self.training; nn.Dropout does it by itself"
    problem = "two passes differ after .eval(): something random in forward"
    return Finding("evaluation", False, f"{problem}; {hint}")


def training_mode(tested: ModuleUnderTest) -> Finding:
    """Check that it works in training mode; dropout, or none, is its own affair."""
    tested = tested.cast(tested.regions.dtype)  # a copy: the others need evaluation mode
    tested.module.train()
    first, second = tested.scores(), tested.scores()
    if not bool(first.isfinite().all()):
        return Finding("training", False, "scores are not finite in training mode")
    if torch.equal(first, second):
        return Finding("training", None, "no dropout: two passes agree")
    return Finding("training", True, "random, as dropout is")
