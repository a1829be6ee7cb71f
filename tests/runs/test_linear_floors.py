"""Fitted floors in a run folder: what was saved is loaded, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from askattend.errors import RunError
from askattend.metrics.linear_floor import LinearFloor, fit_linear_floors
from askattend.runs.linear_floors import LINEAR_FLOORS, load_linear_floors, save_linear_floors
from fake_features import random_features
from small_questions import make_question

SOURCE = random_features(3, 4)
QUESTIONS = [
    make_question(text, (answer, 1), image=str(number))
    for number, (text, answer) in enumerate([("is it red", "yes"), ("ハチ?", "蜂"), ("who", "no")])
]


@pytest.fixture
def floors(tmp_path: Path) -> tuple[LinearFloor, ...]:
    found = fit_linear_floors(QUESTIONS, SOURCE)
    save_linear_floors(tmp_path, found)
    return found


def test_what_was_saved_is_loaded(floors: tuple[LinearFloor, ...], tmp_path: Path) -> None:
    loaded = load_linear_floors(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [LINEAR_FLOORS]
    for one, other in zip(loaded, floors, strict=True):
        for name in ("key", "name", "ngrams", "answers", "fitted_with", "questions"):
            assert getattr(one, name) == getattr(other, name)
        assert np.array_equal(one.weights, other.weights)
        assert np.array_equal(one.bias, other.bias)
        assert (one.image is None) == (other.image is None)
        assert one.answer(QUESTIONS, SOURCE) == other.answer(QUESTIONS, SOURCE)
    save_linear_floors(tmp_path, ())
    assert load_linear_floors(tmp_path) == ()


def drop(tensors: dict[str, Tensor], text: str) -> str:
    del tensors["bag_of_words.bias"]
    return text


def add(tensors: dict[str, Tensor], text: str) -> str:
    tensors["bag_of_words.more"] = torch.zeros(1)
    return text


def widen(tensors: dict[str, Tensor], text: str) -> str:
    tensors["bag_of_words.weights"] = torch.zeros(3, 99, dtype=torch.float16)
    return text


def retype(tensors: dict[str, Tensor], text: str) -> str:
    tensors["bag_of_words.bias"] = tensors["bag_of_words.bias"].double()
    return text


def unknown(tensors: dict[str, Tensor], text: str) -> str:
    return text.replace('"fitted_with"', '"taught_by"')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop, r"lacks the tensor 'bag_of_words\.bias'"),
        (add, r"'bag_of_words\.more', or has it left over"),
        (widen, r"'bag_of_words\.weights' is not torch\.float16 of shape \[3, "),
        (retype, r"'bag_of_words\.bias' is not torch\.float32"),
        (unknown, r"unreadable .*taught_by"),
        (lambda tensors, text: "", "unreadable"),
    ],
)
def test_a_spoilt_file_is_refused(
    floors: tuple[LinearFloor, ...],
    tmp_path: Path,
    spoil: Callable[[dict[str, Tensor], str], str],
    message: str,
) -> None:
    file = tmp_path / LINEAR_FLOORS
    with safe_open(file, "pt") as opened:
        text = opened.metadata()["floors"]
    tensors = load_file(file)
    text = spoil(tensors, text)
    save_file(tensors, file, {"floors": text})
    with pytest.raises(RunError, match=rf"floors\.safetensors: .*{message}"):
        load_linear_floors(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"floors\.safetensors: missing"):
        load_linear_floors(tmp_path)
