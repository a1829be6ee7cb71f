"""Whether a module can learn: finite numbers, and gradients that reach what they should."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from askattend.checking.report import Finding
from askattend.checking.trial import Trial

# What inputs are multiplied by: black images, faint ones, and states far from the usual.
SCALES = (0.0, 1e-4, 100.0)
_AT_MOST = 3


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
        return Finding("regions", False, _without_gradient(trial, "regions"))
    return Finding("regions", True, "what is there moves the scores")


def question_counts(trial: Trial) -> Finding:
    """The gradient reaches the question, by more than what a softmax takes away again."""
    question = trial.question.clone().requires_grad_()
    scores = trial.scores(question=question)
    (full,) = _gradients(_mixed(scores, trial), [question])
    if full is None or not bool(full.any()):
        return Finding("question", False, _without_gradient(trial, "question"))
    centred = scores - scores.mean(dim=-1, keepdim=True)
    (left,) = _gradients(_mixed(centred, trial), [question])
    if left is None or left.norm() <= trial.tolerance * full.norm():
        problem = "it adds the same to every region, which softmax ignores"
        return Finding("question", False, f"{problem}; is a ReLU or tanh missing before the last?")
    return Finding("question", True, "what is asked moves the attention")


def _without_gradient(trial: Trial, name: str) -> str:
    """Whether an input that gets no gradient has no say, or is only cut off from learning."""
    tensor: Tensor = getattr(trial, name)
    noise = torch.randn(tensor.shape, generator=trial.generator()).to(tensor.dtype)
    with torch.no_grad():
        with trial.same_draws():
            before = trial.scores()
        with trial.same_draws():
            after = trial.scores(**{name: tensor + noise})
    if trial.same(after, before):
        return f"the scores do not depend on the {name}"
    problem = f"the {name} moves the scores" if name == "question" else f"{name} move the scores"
    return f"{problem}, but no gradient comes back; is there a detach, no_grad, .data or round?"
