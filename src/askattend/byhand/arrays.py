"""The arrays that go in: their types, and errors that name the one that does not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askattend.errors import AskAttendError, did_you_mean

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
Weights = dict[str, NDArray[Any]]  # of one floating type; Any, so that any one will do
Shapes = dict[str, tuple[int, ...]]


class ShapeError(AskAttendError, ValueError):
    """An array that is missing, of the wrong shape, or out of range."""


def expect_array(name: str, value: object) -> None:
    """Raise unless `value` is an array: a list has no shape, a tensor has other methods.

    Raises:
        ShapeError: it is not.
    """
    if not isinstance(value, np.ndarray):
        kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
        raise ShapeError(
            f"is a {kind}, not a NumPy array",
            where=name,
            remedy="Give tensor.numpy(), or np.array(…) of a list.",
        )


def expect_shape(name: str, array: NDArray[Any], shape: tuple[int | None, ...], axes: str) -> None:
    """Raise unless `array` has this shape; None stands for any length.

    Raises:
        ShapeError: it has not; the message names the array, both shapes and the axes.
    """
    expect_array(name, array)
    fits = array.ndim == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " × ".join("any" if length is None else str(length) for length in shape)
        raise ShapeError(
            f"the shape is {_shape_text(array.shape)}, not {wanted}",
            where=name,
            remedy=f"Its axes are {axes}.",
        )


def expect_indices(name: str, array: NDArray[Any], low: int, high: int) -> None:
    """Raise unless all of `array` are integers from `low` to `high`, both included.

    NumPy would take -1 for the last row and go on.

    Raises:
        ShapeError: one is not.
    """
    expect_array(name, array)
    if not np.issubdtype(array.dtype, np.integer):
        raise ShapeError(f"indices must be integers, not {array.dtype}", where=name)
    wrong = array[(array < low) | (array > high)]
    if wrong.size:
        raise ShapeError(f"{wrong[0]} is not from {low} to {high}", where=name)


def expect_weights(weights: Mapping[str, FloatArray], shapes: Shapes) -> None:
    """Raise unless `weights` have exactly the names and shapes of `shapes`.

    Raises:
        ShapeError: one is missing, unknown or of another shape.
    """
    expect_names(weights, shapes)
    for name, shape in shapes.items():
        expect_array(name, weights[name])
        if weights[name].shape != shape:
            given = _shape_text(weights[name].shape)
            raise ShapeError(
                f"the shape is {given}, which does not fit the other weights",
                where=name,
                remedy=f"Give it {_shape_text(shape)}.",
            )


def expect_names(given: Mapping[str, object], known: Mapping[str, object]) -> None:
    """Raise unless both have the same keys.

    Raises:
        ShapeError: one is missing or unknown.
    """
    for name in known:
        if name not in given:
            raise ShapeError("this weight is missing", where=name)
    for name in given:
        if name not in known:
            raise ShapeError(
                "this network has no such weight", where=name, remedy=did_you_mean(name, known)
            )


def expect_sizes(
    sizes: Mapping[str, object], known: Collection[str], needed: Collection[str]
) -> None:
    """Raise unless a network's sizes are all known, whole numbers from 1 up, and none is missing.

    Raises:
        ShapeError: one is not.
    """
    for name, value in sizes.items():
        if name not in known:
            lstm = "Only the papers' LSTM is here: neither SAN's CNN nor its published code."
            remedy = lstm if name in ("encoder", "variant") else did_you_mean(name, known)
            raise ShapeError("this network has no such size", where=name, remedy=remedy)
        if not isinstance(value, int) or value < 1:
            raise ShapeError(f"{value!r} is not a whole number from 1 up", where=name)
    for name in needed:
        if name not in sizes:
            raise ShapeError("this size is missing", where=name)


def size(weights: Mapping[str, FloatArray], name: str, axis: int) -> int:
    """Return the length of a matrix's axis, from which the network's other shapes follow.

    Raises:
        ShapeError: there is no such matrix.
    """
    if name not in weights:
        raise ShapeError("this weight is missing", where=name)
    expect_shape(name, weights[name], (None, None), "out × in")
    return int(weights[name].shape[axis])


def expect_batch(
    regions: FloatArray,
    tokens: IntArray,
    lengths: IntArray,
    image_index: IntArray | None,
    *,
    region_dim: int,
    words: int,
) -> IntArray:
    """Raise unless the four fit together and the weights; return `image_index`, or its default.

    Raises:
        ShapeError: one does not fit.
    """
    expect_shape("regions", regions, (None, None, region_dim), "images × regions × region_dim")
    expect_shape("tokens", tokens, (None, None), "questions × words")
    expect_indices("tokens", tokens, 0, words - 1)
    questions, longest = tokens.shape
    expect_shape("lengths", lengths, (questions,), "questions")
    expect_indices("lengths", lengths, 1, longest)
    if image_index is None:
        return _default_image_index(len(regions), questions)
    expect_shape("image_index", image_index, (questions,), "questions")
    expect_indices("image_index", image_index, 0, len(regions) - 1)
    return image_index


def _default_image_index(images: int, questions: int) -> IntArray:
    """Return the rows in order: each question is about the image in its own row."""
    if images < questions:
        raise ShapeError(
            f"{images} images for {questions} questions",
            where="image_index",
            remedy="Say which image each is about.",
        )
    return np.arange(questions)


def expect_answers(
    answer_index: IntArray, answer_weight: FloatArray, *, questions: int, answers: int
) -> None:
    """Raise unless the reference answers fit the questions and the weights.

    Raises:
        ShapeError: they do not.
    """
    expect_shape("answer_index", answer_index, (questions, None), "questions × references")
    expect_indices("answer_index", answer_index, 0, answers - 1)
    expect_shape("answer_weight", answer_weight, answer_index.shape, "questions × references")


def _shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"
