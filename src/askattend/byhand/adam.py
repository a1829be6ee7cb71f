"""Adam (Kingma & Ba 2015, arXiv 1412.6980, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from askattend.byhand.arrays import FloatArray, Weights, expect_array, expect_names, expect_shape


class Adam:
    """An optimizer that gives each weight a step size of its own.

    Args:
        weights: the dict to be trained. A step puts new arrays into it and leaves the old ones as
            they were, so that arrays which share their memory with a tensor leave it alone.
        beta1: β₁, the share of the past in the mean of the gradients.
        beta2: β₂, the share of the past in the mean of their squares.
        epsilon: ε, which keeps a weight without gradient from dividing by 0.

    Raises:
        ShapeError: a weight is no NumPy array.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        for name, weight in weights.items():
            expect_array(name, weight)
        self.weights = weights
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.steps = 0
        self.m = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self.v = {name: np.zeros_like(weight) for name, weight in weights.items()}

    def step(self, gradients: Mapping[str, FloatArray], learning_rate: float) -> None:
        """Take one step.

        SAAA's learning rate at step t is 0.001 · 0.5^(t/50000) (section 4.2).

        Args:
            gradients: ∂L/∂θ of every weight θ, under its name.
            learning_rate: about how far a weight moves in one step.

        Raises:
            ShapeError: a gradient is missing, unknown, or not of its weight's shape.
        """
        expect_names(gradients, self.weights)
        self.steps += 1
        # Both means start from 0 and so are too small at first; this is their weights' sum so far.
        sum1, sum2 = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        for name, gradient in gradients.items():
            expect_shape(name, gradient, self.weights[name].shape, "those of the weight")
            # m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², means that forget the past
            self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * gradient
            self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * gradient**2
            m_hat, v_hat = self.m[name] / sum1, self.v[name] / sum2
            # θ ← θ - η m̂/(√v̂ + ε): the step's size depends on the gradients' consistency alone
            step = learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
            self.weights[name] = self.weights[name] - step
