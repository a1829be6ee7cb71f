"""Temperatures that logits are divided by, so that probabilities are as often right as they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.metrics.shares import effective_size

Array = np.ndarray[Any, np.dtype[np.float64]]

# Deviation of the logarithm of a temperature before any question was asked.
SPREAD = 0.5
# Half the quantile of χ² with one degree of freedom that leaves 5 % above it.
TOLD = 1.92
# The steepest rise of the temperature that is tried.
STEEPEST = 50.0


def fit_temperature(
    logits: Float[Tensor, "questions answers"], score: Array, *, spread: float = math.inf
) -> float:
    """Fit the temperature at which "the best answer is right" is least surprising.

    It minimises the log loss of the best answer's probability p(T) = max softmax(logits / T)
    against how right it is, -Σ score·log p + (1-score)·log(1-p). Unlike the answers' own log loss,
    it counts questions whose answer is not in the vocabulary: they make a network too sure.

    A few questions that are all right would ask for a temperature of 0, and so for certainty. With
    a `spread`, the logarithm of T counts as drawn around 0, T = 1, with that deviation (a Gaussian
    prior), which hundreds of questions outweigh.

    Args:
        logits: of validation questions.
        score: how right each question's best answer is, 0 to 1.
        spread: see above; by default nothing is known beforehand.
    """
    loss, questions = _log_loss(logits, score), max(len(score), 1)

    def surprise(x: float) -> float:
        return loss(float(np.exp(x))) + (x / spread) ** 2 / (2 * questions)

    return float(np.exp(_least(surprise, 3, -3)))


def tell_temperature(
    logits: Float[Tensor, "questions answers"], score: Array, images: Sequence[Hashable]
) -> float:
    """Fit a temperature, and keep 1 unless these questions can tell it from 1.

    They can where the mean log loss falls, from T = 1 to the fitted one, by more than the standard
    error of that fall, and where the fall over all questions, as many as they are worth, passes the
    likelihood-ratio test (Wilks 1938) at 5 %. With many questions the two agree: the fall is half
    the square of the fit's distance from 1 in standard errors, its own error that distance. With
    few of them the error itself is too uncertain to go by.

    Args:
        logits: of validation questions.
        score: how right each question's best answer is, 0 to 1.
        images: the image of each; questions of one count as a single piece of evidence.
    """
    temperature = fit_temperature(logits, score, spread=SPREAD)
    losses = _log_losses(logits, score)
    falls = losses(1.0) - losses(temperature)
    enough = max(_standard_error(falls, images), TOLD / effective_size(score, images))
    return temperature if falls.mean() > enough else 1.0


def _standard_error(values: Array, images: Sequence[Hashable]) -> float:
    """Return the standard error of a mean, by images; infinite for a single one."""
    index: dict[Hashable, int] = {}
    of_image = [index.setdefault(image, len(index)) for image in images]
    if len(index) < 2:
        return math.inf
    sums = np.bincount(of_image, weights=values - values.mean())
    squares = float((sums**2).sum()) * len(index) / (len(index) - 1)
    return math.sqrt(squares) / len(values)


def fit_unknown_slope(
    logits: Float[Tensor, "questions answers"], score: Array, unknown: Array, temperature: float
) -> float:
    """Fit how the temperature rises with the share of a question's words that are unknown.

    A question of which a share u is unknown has the temperature T · (1 + slope · u). The loss is
    that of `fit_temperature`; the slope is not below 0: an unknown word makes nobody surer.

    Args:
        logits: of questions some of whose words were made unknown.
        score: how right each question's best answer is, 0 to 1.
        unknown: the share of each question's words that are unknown.
        temperature: T.
    """
    loss = _log_loss(logits, score)
    slope = _least(lambda x: loss(temperature * (1 + np.expm1(x) * unknown)), np.log1p(STEEPEST))
    return float(np.expm1(slope)) if slope > 1e-3 else 0.0


def _log_loss(
    logits: Float[Tensor, "questions answers"], score: Array
) -> Callable[[Array | float], float]:
    """Return the mean log loss of "the best answer is right", by the temperatures."""
    losses = _log_losses(logits, score)
    return lambda temperature: float(losses(temperature).mean())


def _log_losses(
    logits: Float[Tensor, "questions answers"], score: Array
) -> Callable[[Array | float], Array]:
    """Return each question's log loss of "the best answer is right", by the temperatures."""
    gap = (logits.double() - logits.double().max(dim=1, keepdim=True).values).numpy()

    def losses(temperature: Array | float) -> Array:
        p = 1 / np.exp(gap / np.reshape(temperature, (-1, 1))).sum(axis=1)
        p = np.clip(p, 1e-9, 1 - 1e-9)
        found: Array = -(score * np.log(p) + (1 - score) * np.log(1 - p))
        return found

    return losses


def _least(loss: Callable[[float], float], high: float, low: float = 0.0) -> float:
    from scipy.optimize import minimize_scalar  # which answering a question does not need

    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-5})
    return float(found.x)


def best_probability(
    logits: Float[Tensor, "questions answers"], temperature: float
) -> Float[Tensor, " questions"]:
    """Compute the probability of the most probable answer to each question."""
    return torch.softmax(logits.float() / temperature, dim=1).max(dim=1).values
