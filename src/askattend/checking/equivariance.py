"""Checks that compare two passes: what the scores may depend on, and what must move them along.

They tell something only of a module whose passes can be repeated.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from askattend.checking.module_under_test import ModuleUnderTest
from askattend.checking.report import Finding


def batch_independence(tested: ModuleUnderTest) -> Finding:
    """Check that another question or image in the batch changes only its own scores."""
    before = tested.scores()
    for name in ("question", "regions"):
        changed = getattr(tested, name).clone()
        changed[0] = changed[0].flip(-1) + 1  # differs even where all elements are alike
        after = tested.scores(**{name: changed})
        if not tested.close(after[1:], before[1:]):
            other = "question" if name == "question" else "image"
            problem = f"another {other} in the batch changes a question's scores"
            return Finding("independence", False, f"{problem}; is something taken over dim 0?")
    return Finding("independence", True, "each question sees its own image and nothing else")


def batch_of_one(tested: ModuleUnderTest) -> Finding:
    """Check that a question alone gets the scores that it gets among others."""
    together = tested.scores()[:1]
    scores = tested.scores(tested.regions[:1], tested.question[:1])
    if scores.shape != together.shape:
        found, wanted = (" × ".join(map(str, t.shape)) for t in (scores, together))
        problem = f"a batch of one gives {found}, expected {wanted}"
        return Finding("batch of one", False, f"{problem}; name the dimension in .squeeze(…)")
    if not tested.close(scores, together):
        return Finding("batch of one", False, "a question alone scores otherwise than in a batch")
    return Finding("batch of one", True, "a question alone scores as in a batch")


def batch_order(tested: ModuleUnderTest) -> Finding:
    """Check that questions in another order get the same scores in that order."""
    order = torch.arange(len(tested.question)).roll(1)
    scores = tested.scores(tested.regions[order], tested.question[order])
    if tested.close(scores, tested.scores()[order]):
        return Finding("batch order", True, "of no consequence")
    return Finding("batch order", False, "a question's scores depend on its row in the batch")


def shared_images(tested: ModuleUnderTest) -> Finding:
    """Check that an image which several questions share gives the scores of its copies."""
    if not hasattr(tested.module, "project"):
        hint = "with a method project(regions), each image would be projected once"
        return Finding("shared images", None, f"copied for each question; {hint}")
    images = len(tested.regions)
    # More questions than images, neither in the images' order.
    image_index = torch.arange(images + 2).mul(2) % images
    question = tested.question[torch.arange(images + 2) % images]
    shared = tested.scores(question=question, image_index=image_index)
    if tested.close(shared, tested.scores(tested.regions[image_index], question)):
        return Finding("shared images", True, "score as their copies do")
    return Finding("shared images", False, "score unlike copies of them; is image_index used?")


def region_order(tested: ModuleUnderTest) -> Finding:
    """Check that moving the regions moves their scores, as a 1×1 convolution has it."""
    order = torch.randperm(tested.regions.shape[1], generator=tested.generator())
    if tested.close(tested.scores(tested.regions[:, order]), tested.scores()[..., order]):
        return Finding("region order", True, "every region is scored alike, wherever it is")
    if tested.close(_region_major(tested, order), _region_major(tested)[..., order]):
        seen = "the scores come region by region, as if by .reshape(…) or .view(…)"
        return Finding("region order", None, f"{seen}; did you mean .transpose(1, 2)?")
    seen = "where a region is counts, unlike with 1×1 convolutions"
    hint = "right if you meant it; a .reshape(…) instead of a .transpose(…) does it too"
    return Finding("region order", None, f"{seen}; {hint}")


def _region_major(tested: ModuleUnderTest, order: Tensor | None = None) -> Tensor:
    """Return the scores read as regions × glimpses, which they are where only the shape was set."""
    scores: Tensor = tested.scores(tested.regions if order is None else tested.regions[:, order])
    questions, glimpses, regions = scores.shape
    return scores.reshape(questions, regions, glimpses).transpose(1, 2)


def distinct_glimpses(tested: ModuleUnderTest) -> Finding:
    """Check that each glimpse is a map of its own."""
    attention = tested.scores().softmax(dim=-1)
    count = attention.shape[1]
    for one, other in combinations(range(count), 2):
        if tested.close(attention[:, one], attention[:, other]):
            problem = f"numbers {one + 1} and {other + 1} are the same map"
            return Finding("glimpses", None, f"{problem}, so that one of them adds nothing")
    return Finding("glimpses", True, "a single map" if count == 1 else "each a map of its own")


def any_grid(tested: ModuleUnderTest) -> Finding:
    """Check that it takes other numbers of regions."""
    count = tested.regions.shape[1]
    # 9 regions are a square, too, as a module that lays them out as a grid needs.
    other = tested.regions[:, :9] if count > 9 else tested.regions.repeat(1, 4, 1)
    try:
        works = tested.scores(other).shape[-1] == other.shape[1]
    except Exception:  # somebody else's code may raise anything
        works = False
    if works:
        return Finding("grid", True, "takes any number of regions")
    return Finding("grid", None, f"takes {count} regions only; features must have that many")
