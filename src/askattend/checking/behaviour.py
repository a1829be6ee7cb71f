"""How a module behaves: numbers, gradients, and what may depend on what.

Every check takes a `Trial` and returns a `Finding`; one that raises has failed (`tried`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from askattend.checking.report import Finding
from askattend.checking.trial import Trial

Check = Callable[[Trial], Finding]

# What inputs are multiplied by: black images, faint ones, and states far from the usual.
SCALES = (0.0, 1e-4, 100.0)
_AT_MOST = 3


def tried(name: str, check: Check, trial: Trial) -> Finding:
    """What `check` finds; an exception of the module's is a failure."""
    try:
        return check(trial)
    except Exception as error:  # somebody else's code may raise anything
        text = " ".join(str(error).split())
        return Finding(name, False, f"raises {type(error).__name__}: {text}")


def double(trial: Trial) -> Finding:
    """It works in float64, where rounding hides nothing."""
    scores = trial.cast(torch.float64).scores()
    if scores.dtype == torch.float64:
        return Finding("float64", True, "works in double precision too")
    problem = f"gives {str(scores.dtype).removeprefix('torch.')} scores for float64 inputs"
    return Finding("float64", False, f"{problem}; make new tensors with question.new_zeros(…)")


def inputs(trial: Trial) -> Finding:
    """The regions are needed again for the weighted sum, the question for the answer."""
    regions, question = trial.regions.clone(), trial.question.clone()
    trial.scores(regions, question)
    changed = [
        name
        for name, ours, theirs in (
            ("regions", regions, trial.regions),
            ("question", question, trial.question),
        )
        if not torch.equal(ours, theirs)
    ]
    if not changed:
        return Finding("inputs", True, "left as they were")
    names = " and ".join(changed)
    return Finding("inputs", False, f"{names} changed in place; the network needs them afterwards")


def evaluation(trial: Trial) -> Finding:
    """In evaluation mode the same inputs give the same scores."""
    if torch.equal(trial.scores(), trial.scores()):
        return Finding("evaluation", True, "the same inputs give the same scores")
    hint = "F.dropout needs training=self.training; nn.Dropout does it by itself"
    return Finding("evaluation", False, f"two passes differ after .eval(); {hint}")


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


def finite(trial: Trial) -> Finding:
    """Attention and its gradients are finite in float32 for zeros, small and large inputs."""
    trial = trial.cast(torch.float32)
    for scale in SCALES:
        regions = (trial.regions * scale).requires_grad_()
        question = (trial.question * scale).requires_grad_()
        attention = trial.scores(regions, question).softmax(dim=-1)
        if not bool(attention.isfinite().all()):
            problem = f"inputs × {scale:g} give scores that have no softmax (NaN or infinite)"
            return Finding("finite", False, problem)
        wanted = [p for p in (*trial.module.parameters(), regions, question) if p.requires_grad]
        for gradient in _gradients(attention.square().sum(), wanted):
            if gradient is not None and not bool(gradient.isfinite().all()):
                problem = f"inputs × {scale:g} give gradients that are NaN or infinite"
                return Finding("finite", False, f"{problem}; is there a root or a norm at zero?")
    scales = ", ".join(f"{scale:g}" for scale in SCALES)
    return Finding("finite", True, f"scores and gradients, for inputs × {scales}")


def _gradients(value: Tensor, wanted: list[Tensor]) -> list[Tensor | None]:
    if not value.requires_grad:
        return [None] * len(wanted)
    return list(torch.autograd.grad(value, wanted, allow_unused=True, retain_graph=True))


def _mixed(scores: Tensor, trial: Trial) -> Tensor:
    """Σ of the scores with random weights, so that no gradient vanishes by chance."""
    weights = torch.randn(scores.shape, generator=trial.generator(), dtype=torch.float64)
    return (scores * weights.to(scores.dtype)).sum()


def gradients(trial: Trial) -> Finding:
    """Every parameter that may learn gets a finite gradient that is not zero."""
    named = [(name, p) for name, p in trial.module.named_parameters() if p.requires_grad]
    if not named:
        return Finding("gradients", None, "no parameters to learn")
    names = [name for name, _ in named]
    found = _gradients(_mixed(trial.scores(), trial), [p for _, p in named])
    problems: tuple[tuple[str, Callable[[Tensor | None], bool]], ...] = (
        ("get none (unused, or cut off by detach, no_grad or .data)", lambda g: g is None),
        ("get one that is not finite", lambda g: g is not None and not bool(g.isfinite().all())),
        ("get nothing but zeros", lambda g: g is not None and not bool(g.any())),
    )
    for problem, wrong in problems:
        at_fault = [name for name, gradient in zip(names, found, strict=True) if wrong(gradient)]
        if at_fault:
            return Finding("gradients", False, f"{_listed(at_fault)} {problem}")
    return Finding("gradients", True, f"reach {_listed(names)}")


def _listed(names: list[str]) -> str:
    if len(names) > 2 * _AT_MOST:
        return f"{', '.join(names[:_AT_MOST])} and {len(names) - _AT_MOST} others"
    return ", ".join(names)


def regions_count(trial: Trial) -> Finding:
    """The gradient reaches the regions."""
    regions = trial.regions.clone().requires_grad_()
    (gradient,) = _gradients(_mixed(trial.scores(regions), trial), [regions])
    if gradient is None or not bool(gradient.any()):
        return Finding("regions", False, "the scores do not depend on the regions")
    return Finding("regions", True, "what is there moves the scores")


def question_counts(trial: Trial) -> Finding:
    """The gradient reaches the question, by more than what a softmax takes away again."""
    question = trial.question.clone().requires_grad_()
    scores = trial.scores(question=question)
    (full,) = _gradients(_mixed(scores, trial), [question])
    if full is None or not bool(full.any()):
        return Finding("question", False, "the scores do not depend on the question")
    centred = scores - scores.mean(dim=-1, keepdim=True)
    (left,) = _gradients(_mixed(centred, trial), [question])
    if left is None or left.norm() <= trial.tolerance * full.norm():
        problem = "it adds the same to every region, which softmax ignores"
        return Finding("question", False, f"{problem}; is a ReLU or tanh missing before the last?")
    return Finding("question", True, "what is asked moves the attention")


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
    seen = "where a region is counts, unlike with 1×1 convolutions"
    return Finding("region order", None, f"{seen}; right if you meant it")


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
    "grid": any_grid,
}


def precise(trial: Trial, findings: list[Finding]) -> Trial:
    """The trial in float64, if that was found to work."""
    works = any(finding.name == "float64" and finding.passed for finding in findings)
    return trial.cast(torch.float64) if works else trial
