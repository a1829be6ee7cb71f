"""Networks by hand and their likes in PyTorch, and batches to hold them against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from askattend import byhand
from askattend.models import SAAA, SAN, Model, SAAAConfig, SANConfig

Arrays = dict[str, Any]

SMALL = {
    "words": 7,
    "answers": 5,
    "region_dim": 6,
    "embedding_dim": 3,
    "question_dim": 4,
    "attention_dim": 5,
    "hidden_dim": 6,
    "glimpses": 2,
    "hops": 2,
}


@dataclass(frozen=True)
class Network:
    """One of the two networks by hand, and its like in PyTorch."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    gradients: Callable[..., Any]
    weights: Callable[..., Arrays]
    network: Callable[..., Model]
    config: Callable[..., Any]
    lacks: set[str]

    def sizes(self, sizes: dict[str, int]) -> dict[str, int]:
        """Those of `sizes` that this network has."""
        return {name: size for name, size in sizes.items() if name not in self.lacks}

    def torch(self, sizes: dict[str, int], weights: Arrays | None = None) -> Model:
        """The PyTorch network, with the given weights."""
        outer = {name: sizes[name] for name in ("words", "answers", "region_dim")}
        inner = {name: size for name, size in self.sizes(sizes).items() if name not in outer}
        model: Model = self.network(self.config(**inner), **outer).double().eval()
        if weights:
            model.load_state_dict({name: torch.tensor(weight) for name, weight in weights.items()})
        return model


NETWORKS = {
    "saaa": Network(
        byhand.saaa,
        byhand.saaa_backward,
        byhand.saaa_gradients,
        byhand.saaa_weights,
        SAAA,
        SAAAConfig,
        lacks={"hops"},
    ),
    "san": Network(
        byhand.san,
        byhand.san_backward,
        byhand.san_gradients,
        byhand.san_weights,
        SAN,
        SANConfig,
        lacks={"glimpses", "hidden_dim"},
    ),
}
both = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


@dataclass(frozen=True)
class Case:
    """Sizes of a network and of a batch."""

    sizes: dict[str, int]
    images: int
    regions: int
    questions: int
    longest: int
    most_references: int
    shared: bool
    seed: int

    def weights(self, network: Network) -> Arrays:
        """Random weights, biases too, so that none is in the dark."""
        rng = np.random.default_rng(self.seed)
        weights = network.weights(rng, **network.sizes(self.sizes))
        return {
            name: weight + rng.normal(size=weight.shape) / 3 for name, weight in weights.items()
        }

    def batch(self) -> Arrays:
        """Images and questions."""
        rng = np.random.default_rng(self.seed + 1)
        images = self.images if self.shared else self.questions
        # As after a ReLU: many zeros, and regions that are all zero. Where a question has ended,
        # any word may follow: it must not be read.
        return {
            "regions": rng.normal(size=(images, self.regions, self.sizes["region_dim"])).clip(0),
            "tokens": rng.integers(self.sizes["words"], size=(self.questions, self.longest)),
            "lengths": rng.integers(1, self.longest + 1, size=self.questions),
            "image_index": rng.integers(images, size=self.questions) if self.shared else None,
        }

    def references(self) -> Arrays:
        """Reference answers to the questions."""
        rng = np.random.default_rng(self.seed + 2)
        shape = self.questions, self.most_references
        weight = rng.random(shape) * (rng.random(shape) < 0.7)
        index = rng.integers(self.sizes["answers"], size=shape)
        return {"answer_index": index, "answer_weight": weight / self.most_references}


USUAL = Case(
    SMALL, images=3, regions=4, questions=8, longest=5, most_references=2, shared=True, seed=0
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = {name: draw(st.integers(1, 5), label=name) for name in SMALL}
    sizes |= {"words": sizes["words"] + 1, "glimpses": draw(st.integers(1, 3))}
    sizes |= {"hops": draw(st.integers(1, 3))}
    small = st.integers(1, 5)
    return Case(
        sizes,
        images=draw(small),
        regions=draw(small),
        questions=draw(small),
        longest=draw(small),
        most_references=draw(st.integers(1, 3)),
        shared=draw(st.booleans()),
        seed=draw(st.integers(0, 1000)),
    )


def tensors(arrays: Arrays) -> dict[str, Any]:
    """Copies, which share no memory with the arrays."""
    return {name: None if x is None else torch.tensor(x) for name, x in arrays.items()}


def loss64(logits: Tensor, answer_index: Tensor, answer_weight: Tensor) -> Tensor:
    """`answer_loss`, which rounds to float32, without the rounding."""
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.gather(1, answer_index) * answer_weight).sum(dim=1).mean()
