"""Arrays that do not fit are named."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askattend import byhand
from askattend.byhand.arrays import expect_indices
from askattend.errors import AskAttendError
from byhand.cases import NETWORKS, USUAL, Arrays, Network, both


def _without(name: str) -> Callable[[Arrays, Arrays], None]:
    def change(weights: Arrays, batch: Arrays) -> None:
        del weights[name]

    return change


def _turned(name: str) -> Callable[[Arrays, Arrays], None]:
    return lambda weights, batch: weights.update({name: weights[name].T})


def _given(**changed: Any) -> Callable[[Arrays, Arrays], None]:
    return lambda weights, batch: batch.update(changed)


def _grown(weights: Arrays, batch: Arrays) -> None:
    weights["encoder.lstm.weight_hh"] = np.zeros((1, 1))


ROOT = Path(__file__).resolve().parents[2]
EIGHT = np.zeros(8, dtype=np.int64)
MISTAKES = {
    "encoder.embedding.weight: this weight is missing": _without("encoder.embedding.weight"),
    "encoder.lstm.bias_hh_l0: this weight is missing": _without("encoder.lstm.bias_hh_l0"),
    "encoder.lstm.weight_ih_l0: the shape is 3 × 16, which does not fit the other weights. "
    "Give it 16 × 3.": _turned("encoder.lstm.weight_ih_l0"),
    "encoder.lstm.weight_hh: this network has no such weight. Did you mean": _grown,
    "regions: the shape is 3 × 6, not any × any × 6. Its axes are images × regions": _given(
        regions=np.zeros((3, 6))
    ),
    "regions: the shape is 3 × 4 × 7, not any × any × 6": _given(regions=np.zeros((3, 4, 7))),
    "tokens: the shape is 8, not any × any. Its axes are questions × words": _given(tokens=EIGHT),
    "tokens: 7 is not from 0 to 6": _given(tokens=np.full((8, 5), 7)),
    "lengths: the shape is 7, not 8": _given(lengths=EIGHT[1:] + 1),
    "lengths: 0 is not from 1 to 5": _given(lengths=EIGHT),
    "lengths: 6 is not from 1 to 5": _given(lengths=EIGHT + 6),
    "image_index: -1 is not from 0 to 2": _given(image_index=EIGHT - 1),
    "image_index: 3 images for 8 questions. Say which image each is about": _given(
        image_index=None
    ),
    "answer_index: 5 is not from 0 to 4": _given(answer_index=np.full((8, 2), 5)),
    "answer_index: the shape is 7 × 2, not 8 × any": _given(answer_index=np.zeros((7, 2), int)),
    "answer_weight: the shape is 8 × 3, not 8 × 2": _given(answer_weight=np.zeros((8, 3))),
}


@both
@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_name_the_array(network: Network, message: str) -> None:
    weights, batch = USUAL.weights(network), USUAL.batch() | USUAL.references()
    MISTAKES[message](weights, batch)
    with pytest.raises(byhand.ShapeError, match="^" + re.escape(message)) as caught:
        network.gradients(weights, **batch)
    assert isinstance(caught.value, AskAttendError)
    assert isinstance(caught.value, ValueError)


def test_missing_hops_and_wrong_gradients_are_named() -> None:
    weights = USUAL.weights(NETWORKS["san"])
    adam = byhand.Adam(dict(weights))
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    with pytest.raises(byhand.ShapeError, match=r"^image\.bias: the shape is 3, not 4"):
        adam.step({**gradients, "image.bias": np.zeros(3)}, 0.1)
    with pytest.raises(byhand.ShapeError, match=r"^image\.bias: this weight is missing"):
        adam.step({name: g for name, g in gradients.items() if name != "image.bias"}, 0.1)
    for name in [name for name in weights if name.startswith("hops.0.")]:
        del weights[name]
    with pytest.raises(
        byhand.ShapeError, match=r"^hops\.0\.region\.weight: this weight is missing"
    ):
        byhand.san(weights, **USUAL.batch())


# In a process of its own: here the tests' type checker would refuse the arguments first.
WRONG_TYPES = """
import sys
import numpy as np
sys.path.insert(0, "tests")
from byhand.cases import NETWORKS, USUAL
from askattend import byhand
import torch
for network in NETWORKS.values():
    weights, batch = USUAL.weights(network), USUAL.batch() | USUAL.references()
    for kind in (torch.tensor, np.ndarray.tolist):
        trials = [lambda name=name: network.gradients(weights, **{**batch, name: kind(batch[name])})
                  for name in batch]
        trials += [lambda name=name: network.forward({**weights, name: kind(w)}, **USUAL.batch())
                   for name, w in weights.items()]
        trials += [lambda: byhand.Adam({"image.bias": kind(batch["lengths"])})]
        for name, trial in zip([*batch, *weights, "image.bias"], trials, strict=True):
            try:
                trial()
            except byhand.ShapeError as error:
                print(name, "|", error)
    for sizes in ({"encoder": "cnn"}, {"words": 2.0}):
        try:
            sizes = {"words": 7, "answers": 5, "region_dim": 6, **sizes}
            network.weights(np.random.default_rng(0), **sizes)
        except byhand.ShapeError as error:
            print(error.where, "|", error)
"""


def test_only_arrays_go_in() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, check=True, cwd=ROOT
    )
    lines = [line.split(" | ") for line in done.stdout.splitlines()]
    names = USUAL.batch().keys() | USUAL.references().keys()
    wanted = sum(2 * (len(names) + len(USUAL.weights(n)) + 1) + 2 for n in NETWORKS.values())
    assert len(lines) == wanted
    for name, said in lines:
        if name == "encoder":
            assert said == (
                "encoder: this network has no such size. Only the papers' LSTM is here: neither "
                "SAN's CNN nor its published code."
            )
        elif "whole number" in said:
            assert said == "words: 2.0 is not a whole number from 1 up."
        else:
            kinds = r"is a (torch\.Tensor|list), not a NumPy array\. Give tensor\.numpy\(\)"
            assert re.match(f"{re.escape(name)}: {kinds}", said), said


def test_indices_are_integers() -> None:
    with pytest.raises(byhand.ShapeError, match=r"^tokens: indices must be integers, not float64"):
        expect_indices("tokens", np.zeros(3), 0, 5)
