"""Checks of a module's result: the right shape, and no softmax yet."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from askattend.checking.module_under_test import Mend, ModuleUnderTest
from askattend.checking.report import Finding

_AXES = ("questions", "glimpses", "regions")


def shape(tested: ModuleUnderTest, scores: Any) -> Finding:
    """Check that scores are questions × glimpses × regions; name the dimension that is wrong."""
    if not isinstance(scores, Tensor):
        kind = type(scores).__name__
        return Finding("shape", False, f"forward returned a {kind}; return the scores alone")
    questions, regions = tested.regions.shape[:2]
    found = tuple(scores.shape)
    glimpses = tested.glimpses or _remaining_size(found, questions, regions)
    wanted = (questions, glimpses, regions)
    if found == wanted:
        return Finding("shape", True, _dimensions(_AXES, found))
    problem = _shape_problem(found, wanted)
    shown = " × ".join(map(str, found)) or "a single number"
    expected = _dimensions(_AXES, wanted)
    return Finding("shape", False, f"the scores are {shown}, expected {expected}; {problem}")


def _remaining_size(found: tuple[int, ...], questions: int, regions: int) -> int:
    """Guess the number of glimpses: the size of the dimension that is nothing else."""
    if _is_grid(found, questions, regions):
        return found[1]
    rest = list(found)
    for size in (questions, regions):
        if size in rest:
            rest.remove(size)
    return rest[0] if len(found) == 3 and len(rest) == 1 else 1


def _is_grid(found: tuple[int, ...], questions: int, regions: int) -> bool:
    return len(found) == 4 and found[0] == questions and found[2] * found[3] == regions


def _dimensions(names: tuple[str, ...], sizes: tuple[int, ...]) -> str:
    return " × ".join(
        f"{size} {name.removesuffix('s') if size == 1 else name}"
        for name, size in zip(names, sizes, strict=True)
    )


def _shape_problem(found: tuple[int, ...], wanted: tuple[int, int, int]) -> str:
    questions, glimpses, regions = wanted
    if found == (questions, regions):
        return "the dimension of the glimpses is missing: .unsqueeze(1)"
    if _is_grid(found, questions, regions) and found[1] == glimpses:
        return "rows and columns must be laid end to end: .flatten(2)"
    if len(found) != 3:
        return f"they have {len(found)} dimension{'' if len(found) == 1 else 's'} instead of 3"
    if sorted(found) == sorted(wanted):
        return _order_problem(found, wanted)
    wrong = [
        f"dimension {axis} should be the {wanted[axis]} {name}, and is {found[axis]}"
        for axis, name in enumerate(_AXES)
        if found[axis] != wanted[axis]
    ]
    return "; ".join(wrong)


def _order_problem(found: tuple[int, ...], wanted: tuple[int, int, int]) -> str:
    # The axes are few: try every order of them.
    order = next(
        order for order in permutations(range(3)) if tuple(found[i] for i in order) == wanted
    )
    moved = [axis for axis in range(3) if order[axis] != axis]
    if len(moved) == 2:
        first, second = moved
        names = f"{_AXES[first]} and {_AXES[second]}"
        return f"{names} are swapped: .transpose({first}, {second})"
    return f"the dimensions are out of order: .permute{order}"


def known_mend(tested: ModuleUnderTest, scores: Any) -> Mend | None:
    """Find what turns scores of a wrong shape into the right one, as the messages advise it."""
    if isinstance(scores, tuple | list) and scores:  # the scores first, and more
        inner = known_mend(tested, scores[0])
        return None if inner is None else lambda several: inner(several[0])
    if not isinstance(scores, Tensor):
        return None
    questions, regions = tested.regions.shape[:2]
    found = tuple(scores.shape)
    if found == (questions, regions):
        return lambda two: two.unsqueeze(1)
    if _is_grid(found, questions, regions):
        return lambda grid: grid.flatten(2)
    if len(found) != 3:
        return None
    wanted = questions, tested.glimpses or _remaining_size(found, questions, regions), regions
    if found[0] == questions and found[2] == regions:  # another number of glimpses
        return lambda scores: scores
    for order in permutations(range(3)):
        if tuple(found[axis] for axis in order) == wanted:
            return partial(torch.permute, dims=order)
    return None


def softmax(scores: Tensor) -> Finding:
    """Check that there is no softmax yet: the network's own would follow it."""
    exact = scores.detach().double()
    axes: tuple[tuple[tuple[int, ...], str], ...] = (
        ((2,), "regions"),
        ((1, 2), "glimpses and regions together"),
        ((0,), "questions of the batch"),
        ((1,), "glimpses"),
    )
    for dims, over in axes:
        if bool((exact >= 0).all()) and torch.allclose(
            total := exact.sum(dim=dims), torch.ones_like(total), atol=1e-5
        ):
            problem = f"they already sum to 1 over the {over}; return them before any softmax"
            return Finding("softmax", False, f"{problem}, which is the network's work")
    return Finding("softmax", True, "the scores are as they come, before any softmax")
