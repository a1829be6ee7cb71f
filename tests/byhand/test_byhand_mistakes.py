"""Arrays that do not fit are named; nothing but NumPy is imported."""

from __future__ import annotations

import ast
import inspect
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
from byhand.byhand_cases import NETWORKS, USUAL, Arrays, Network, both


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
    weights, batch = USUAL.weights(network), USUAL.asked() | USUAL.answered()
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
        byhand.san(weights, **USUAL.asked())


# In a process of its own: here the tests' type checker would refuse the arguments first.
WRONG_TYPES = """
import sys
import numpy as np
sys.path.insert(0, "tests")
from byhand.byhand_cases import NETWORKS, USUAL
from askattend import byhand
import torch
for network in NETWORKS.values():
    weights, batch = USUAL.weights(network), USUAL.asked() | USUAL.answered()
    for kind in (torch.tensor, np.ndarray.tolist):
        trials = [lambda name=name: network.gradients(weights, **{**batch, name: kind(batch[name])})
                  for name in batch]
        trials += [lambda name=name: network.forward({**weights, name: kind(w)}, **USUAL.asked())
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
    names = USUAL.asked().keys() | USUAL.answered().keys()
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


@both
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"hidden": 3}, "hidden: this network has no such size"),
        ({"attention_dims": 3}, r"attention_dims: .*\. Did you mean 'attention_dim'\?"),
        ({"words": 0}, "words: 0 is not a whole number from 1 up"),
        ({"answers": None}, "answers: this size is missing"),
    ],
)
def test_sizes_are_known_and_positive(network: Network, sizes: dict[str, Any], said: str) -> None:
    given = {"words": 7, "answers": 5, "region_dim": 6, **sizes}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(byhand.ShapeError, match=f"^{said}"):
        network.weights(np.random.default_rng(0), **given)


def test_indices_are_integers() -> None:
    with pytest.raises(byhand.ShapeError, match=r"^tokens: indices must be integers, not float64"):
        expect_indices("tokens", np.zeros(3), 0, 5)


ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(Path(inspect.getfile(byhand)).parent.glob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_only_numpy_and_the_standard_library_are_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.module
            assert node.level == 0
            modules = [node.module]
        for module in modules:
            ours = module == "askattend.errors" or module.startswith("askattend.byhand.")
            assert ours or module.split(".")[0] in {"numpy", *sys.stdlib_module_names}, module
