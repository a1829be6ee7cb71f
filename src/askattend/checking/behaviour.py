"""How a module behaves: types, what it leaves alone, and what may depend on what.

Every check takes a `Trial` and returns a `Finding`; one that raises has failed (`tried`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from askattend.checking.learning import finite, gradients, question_counts, regions_count
from askattend.checking.report import Finding
from askattend.checking.trial import Trial

Check = Callable[[Trial], Finding]


def tried(name: str, check: Check, trial: Trial) -> Finding:
    """What `check` finds; an exception of the module's is a failure."""
    try:
        return check(trial)
    except Exception as error:  # somebody else's code may raise anything
        text = " ".join(str(error).split())
        return Finding(name, False, f"raises {type(error).__name__}: {text}")


def single(trial: Trial) -> Finding:
    """As it was given, float32 comes out where float32 goes in."""
    kind = _type(trial.scores())
    if kind == "float32":
        return Finding("float32", True, "float32 in, float32 out")
    problem = f"gives {kind} scores for float32 inputs; the network computes in one type"
    return Finding("float32", False, f"{problem}: is there a .double() or a float64 constant?")


def double(trial: Trial) -> Finding:
    """It works in float64, where rounding hides nothing."""
    kind = _type(trial.cast(torch.float64).scores())
    if kind == "float64":
        return Finding("float64", True, "works in double precision too")
    problem = f"gives {kind} scores for float64 inputs"
    return Finding("float64", False, f"{problem}; make new tensors with question.new_zeros(…)")


def _type(scores: Tensor) -> str:
    return str(scores.dtype).removeprefix("torch.")


def inputs(trial: Trial) -> Finding:
    """What is handed over stays as it is: regions, question, and what `project` returned.

    The regions are needed again for the weighted sum, the question for the answer, and what
    `project` returned for the next question about the image.
    """
    module: Any = trial.module
    handed: dict[str, Any] = {
        "regions": trial.regions.clone(),
        "question": trial.question.clone(),
    }
    before = {name: _copies(value) for name, value in handed.items()}
    projects, index = hasattr(module, "project"), torch.arange(len(trial.question))
    if projects:
        handed["what project returned"] = module.project(handed["regions"])
        before["what project returned"] = _copies(handed["what project returned"])

    def ask() -> Tensor:
        with trial.same_draws():
            if projects:
                scores = module(handed["what project returned"], handed["question"], index)
            else:
                scores = module(handed["regions"], handed["question"])
            return scores.clone()  # type: ignore[no-any-return]

    first, second = ask(), ask()
    changed = [name for name, value in handed.items() if not _same(_copies(value), before[name])]
    if changed:
        problem = f"{' and '.join(changed)} changed in place, and may be needed afterwards"
        return Finding("inputs", False, f"{problem}; make a new tensor: x * 2, not x.mul_(2)")
    if not _same([first], [second]):
        problem = "asked twice about one image, it scores otherwise the second time"
        return Finding("inputs", False, f"{problem}; is something kept from the pass before?")
    return Finding("inputs", True, "left as they were")


def _copies(value: Any) -> list[Tensor]:
    """Copies of all tensors in what somebody's `project` returned, whatever holds them."""
    leaves = tree_leaves(value)
    return [leaf.detach().clone() for leaf in leaves if isinstance(leaf, Tensor)]


def _same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    """Whether tensors are the same to the last bit; NaN is the same as NaN."""
    return len(ours) == len(theirs) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def evaluation(trial: Trial) -> Finding:
    """In evaluation mode the same inputs give the same scores."""
    first, second = trial.scores(), trial.scores()
    if bool(first.isnan().any()):
        return Finding("evaluation", False, "the scores are NaN; is there a 0/0 or a log of 0?")
    if torch.equal(first, second):
        return Finding("evaluation", True, "the same inputs give the same scores")
    hint = "F.dropout needs training=self.training; nn.Dropout does it by itself"
    problem = "two passes differ after .eval(): something random in forward"
    return Finding("evaluation", False, f"{problem}; {hint}")


def training(trial: Trial) -> Finding:
    """In training mode it works; whether it drops anything is its own affair."""
    trial = trial.cast(trial.regions.dtype)
    trial.module.train()
    first, second = trial.scores(), trial.scores()
    if not bool(first.isfinite().all()):
        return Finding("training", False, "scores are not finite in training mode")
    if torch.equal(first, second):
        return Finding("training", None, "no dropout: two passes agree")
    return Finding("training", True, "random, as dropout is")


def independence(trial: Trial) -> Finding:
    """Another question or image in the batch changes only its own scores."""
    before = trial.scores()
    for name in ("question", "regions"):
        changed = getattr(trial, name).clone()
        changed[0] = changed[0].flip(-1) + 1
        after = trial.scores(**{name: changed})
        if not trial.same(after[1:], before[1:]):
            other = "question" if name == "question" else "image"
            problem = f"another {other} in the batch changes a question's scores"
            return Finding("independence", False, f"{problem}; is something taken over dim 0?")
    return Finding("independence", True, "each question sees its own image and nothing else")


def alone(trial: Trial) -> Finding:
    """A batch of one gives what the question got among others."""
    together = trial.scores()[:1]
    scores = trial.scores(trial.regions[:1], trial.question[:1])
    if scores.shape != together.shape:
        found, wanted = (" × ".join(map(str, t.shape)) for t in (scores, together))
        problem = f"a batch of one gives {found}, expected {wanted}"
        return Finding("batch of one", False, f"{problem}; name the dimension in .squeeze(…)")
    if not trial.same(scores, together):
        return Finding("batch of one", False, "a question alone scores otherwise than in a batch")
    return Finding("batch of one", True, "a question alone scores as in a batch")


def batch_order(trial: Trial) -> Finding:
    """Questions in another order get the same scores in that order."""
    order = torch.arange(len(trial.question)).roll(1)
    scores = trial.scores(trial.regions[order], trial.question[order])
    if trial.same(scores, trial.scores()[order]):
        return Finding("batch order", True, "of no consequence")
    return Finding("batch order", False, "a question's scores depend on its row in the batch")


def shared_images(trial: Trial) -> Finding:
    """An image that several questions share gives what copies of it give."""
    if not hasattr(trial.module, "project"):
        hint = "with a method project(regions), each image would be projected once"
        return Finding("shared images", None, f"copied for each question; {hint}")
    images = len(trial.regions)
    image_index = torch.arange(images + 2).mul(2) % images
    question = trial.question[torch.arange(images + 2) % images]
    shared = trial.scores(question=question, image_index=image_index)
    if trial.same(shared, trial.scores(trial.regions[image_index], question)):
        return Finding("shared images", True, "score as their copies do")
    return Finding("shared images", False, "score unlike copies of them; is image_index used?")


def region_order(trial: Trial) -> Finding:
    """Moving the regions moves their scores, as a 1×1 convolution has it."""
    order = torch.randperm(trial.regions.shape[1], generator=trial.generator())
    if trial.same(trial.scores(trial.regions[:, order]), trial.scores()[..., order]):
        return Finding("region order", True, "every region is scored alike, wherever it is")
    if trial.same(_rows_first(trial, order), _rows_first(trial)[..., order]):
        seen = "the scores come region by region, as if by .reshape(…) or .view(…)"
        return Finding("region order", None, f"{seen}; did you mean .transpose(1, 2)?")
    seen = "where a region is counts, unlike with 1×1 convolutions"
    hint = "right if you meant it; a .reshape(…) instead of a .transpose(…) does it too"
    return Finding("region order", None, f"{seen}; {hint}")


def _rows_first(trial: Trial, order: Tensor | None = None) -> Tensor:
    """The scores, read as regions × glimpses: what they are where that was only renamed."""
    scores: Tensor = trial.scores(trial.regions if order is None else trial.regions[:, order])
    questions, glimpses, regions = scores.shape
    return scores.reshape(questions, regions, glimpses).transpose(1, 2)


def glimpses_differ(trial: Trial) -> Finding:
    """Each glimpse is a map of its own."""
    attention = trial.scores().softmax(dim=-1)
    count = attention.shape[1]
    for one, other in combinations(range(count), 2):
        if trial.same(attention[:, one], attention[:, other]):
            problem = f"numbers {one + 1} and {other + 1} are the same map"
            return Finding("glimpses", None, f"{problem}, so that one of them adds nothing")
    return Finding("glimpses", True, "a single map" if count == 1 else "each a map of its own")


def any_grid(trial: Trial) -> Finding:
    """It takes other numbers of regions."""
    count = trial.regions.shape[1]
    other = trial.regions[:, :9] if count > 9 else trial.regions.repeat(1, 4, 1)
    try:
        works = trial.scores(other).shape[-1] == other.shape[1]
    except Exception:  # somebody else's code may raise anything
        works = False
    if works:
        return Finding("grid", True, "takes any number of regions")
    return Finding("grid", None, f"takes {count} regions only; features must have that many")


BEFORE: dict[str, Check] = {
    "float32": single,
    "float64": double,
    "inputs": inputs,
    "training": training,
    "finite": finite,
    "gradients": gradients,
    "regions": regions_count,
    "question": question_counts,
}
# These compare two passes, which only tells something if a pass can be repeated.
COMPARING: dict[str, Check] = {
    "independence": independence,
    "batch of one": alone,
    "batch order": batch_order,
    "shared images": shared_images,
    "region order": region_order,
    "glimpses": glimpses_differ,
    "grid": any_grid,
}


def precise(trial: Trial, findings: list[Finding]) -> Trial:
    """The trial in float64, if that was found to work."""
    works = any(finding.name == "float64" and finding.passed for finding in findings)
    return trial.cast(torch.float64) if works else trial
