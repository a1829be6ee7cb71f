"""Checks of a module's gradients: finite, and reaching all that should learn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from askattend.checking.module_under_test import ModuleUnderTest
from askattend.checking.report import Finding

# Inputs are multiplied by these: black images, faint ones, and states far from the usual.
SCALES = (0.0, 1e-4, 100.0)
_NAMED = 3  # parameters, where a message would list too many


def finite(tested: ModuleUnderTest) -> Finding:
    """Check that attention and its gradients are finite in float32, whatever the inputs' size."""
    tested = tested.cast(torch.float32)
    for scale in SCALES:
        regions = (tested.regions * scale).requires_grad_()
        question = (tested.question * scale).requires_grad_()
        attention = tested.scores(regions, question).softmax(dim=-1)
        if not bool(attention.isfinite().all()):
            problem = f"inputs × {scale:g} give scores that have no softmax (NaN or infinite)"
            return Finding("finite", False, problem)
        wanted = [p for p in (*tested.module.parameters(), regions, question) if p.requires_grad]
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


def _weighted_total(scores: Tensor, tested: ModuleUnderTest) -> Tensor:
    """Sum the scores with random weights, so that no gradient vanishes by chance."""
    weights = torch.randn(scores.shape, generator=tested.generator(), dtype=torch.float64)
    return (scores * weights.to(scores.dtype)).sum()


def parameter_gradients(tested: ModuleUnderTest) -> Finding:
    """Check that every parameter that may learn gets a finite gradient that is not zero."""
    named = [(name, p) for name, p in tested.module.named_parameters() if p.requires_grad]
    if not named:
        return Finding("gradients", None, "no parameters to learn")
    names = [name for name, _ in named]
    found = _gradients(_weighted_total(tested.scores(), tested), [p for _, p in named])
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
    if len(names) > 2 * _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"
    return ", ".join(names)


def regions_gradient(tested: ModuleUnderTest) -> Finding:
    """Check that the gradient reaches the regions."""
    regions = tested.regions.clone().requires_grad_()
    (gradient,) = _gradients(_weighted_total(tested.scores(regions), tested), [regions])
    if gradient is None or not bool(gradient.any()):
        return Finding("regions", False, _without_gradient(tested, "regions"))
    return Finding("regions", True, "what is there moves the scores")


def question_gradient(tested: ModuleUnderTest) -> Finding:
    """Check that the gradient reaches the question by more than a softmax takes away again."""
    question = tested.question.clone().requires_grad_()
    scores = tested.scores(question=question)
    (full,) = _gradients(_weighted_total(scores, tested), [question])
    if full is None or not bool(full.any()):
        return Finding("question", False, _without_gradient(tested, "question"))
    # Softmax ignores what is added to every region: taking out the mean leaves what it sees.
    centred = scores - scores.mean(dim=-1, keepdim=True)
    (left,) = _gradients(_weighted_total(centred, tested), [question])
    if left is None or left.norm() <= tested.tolerance * full.norm():
        problem = "it adds the same to every region, which softmax ignores"
        return Finding("question", False, f"{problem}; is a ReLU or tanh missing before the last?")
    return Finding("question", True, "what is asked moves the attention")


def _without_gradient(tested: ModuleUnderTest, name: str) -> str:
    """Say of an input without gradient that it has no effect, or that it is cut off."""
    tensor: Tensor = getattr(tested, name)
    noise = torch.randn(tensor.shape, generator=tested.generator()).to(tensor.dtype)
    with torch.no_grad():
        with tested.fixed_randomness():
            before = tested.scores()
        with tested.fixed_randomness():
            after = tested.scores(**{name: tensor + noise})
    if tested.close(after, before):
        return f"the scores do not depend on the {name}"
    problem = f"the {name} moves the scores" if name == "question" else f"{name} move the scores"
    return f"{problem}, but no gradient comes back; is there a detach, no_grad, .data or round?"
