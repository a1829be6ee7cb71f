"""Names, symbols and shapes of the weights, and where training starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from itertools import count, takewhile
from types import SimpleNamespace

import numpy as np

from askattend.byhand.arrays import FloatArray, Shapes, Weights, expect_sizes, size
from askattend.byhand.word_term import word_term_shapes

# Symbol in the equations → name in `state_dict()`. Both networks encode questions alike.
ENCODER = {
    "E": "encoder.embedding.weight",  # words × embedding_dim: a row a word
    "W": "encoder.lstm.weight_ih_l0",  # the LSTM's four gates i, f, g, o, stacked
    "U": "encoder.lstm.weight_hh_l0",
    "b_W": "encoder.lstm.bias_ih_l0",  # PyTorch has two biases where one would do
    "b_U": "encoder.lstm.bias_hh_l0",
}


def by_symbol(weights: Mapping[str, FloatArray], symbols: Mapping[str, str]) -> SimpleNamespace:
    """Return the weights as attributes under the equations' symbols: ``weights.W_q``."""
    return SimpleNamespace(**{symbol: weights[name] for symbol, name in symbols.items()})


def by_name(weights: SimpleNamespace, symbols: Mapping[str, str]) -> Weights:
    """Return a dict under the names of `state_dict()`, the way back from `by_symbol`."""
    return {name: getattr(weights, symbol) for symbol, name in symbols.items()}


def saaa_weights(rng: np.random.Generator, **sizes: int) -> Weights:
    """Draw initial weights in float64 from `rng`; for the sizes, see `saaa_shapes`.

    Raises:
        ShapeError: a size is missing, unknown or below 1.
    """
    _expect_sizes(saaa_shapes, sizes)
    return _initialise(rng, saaa_shapes(**sizes))


def san_weights(rng: np.random.Generator, **sizes: int) -> Weights:
    """Draw initial weights in float64 from `rng`; for the sizes, see `san_shapes`.

    Raises:
        ShapeError: a size is missing, unknown or below 1.
    """
    _expect_sizes(san_shapes, sizes)
    return _initialise(rng, san_shapes(**sizes))


def _expect_sizes(shapes: Callable[..., Shapes], sizes: Mapping[str, int]) -> None:
    parameters = signature(shapes).parameters
    needed = [name for name, size in parameters.items() if size.default is Parameter.empty]
    expect_sizes(sizes, list(parameters), needed)


def saaa_shapes(
    *,
    words: int,
    answers: int,
    region_dim: int,
    embedding_dim: int = 300,
    question_dim: int = 1024,
    attention_dim: int = 512,
    glimpses: int = 2,
    hidden_dim: int = 1024,
) -> Shapes:
    """Return the shape of every weight, by name; the widths are the paper's by default.

    Args:
        words: the size of the word vocabulary, padding (word 0) included.
        answers: M, the size of the answer vocabulary.
        region_dim: the width of φ at one region.
        embedding_dim: the width of a word's embedding.
        question_dim: the width of s.
        attention_dim: the width of h.
        glimpses: C, the number of attention maps.
        hidden_dim: the width of the classifier's hidden layer.
    """
    encoder = _encoder_shapes(words=words, embedding_dim=embedding_dim, question_dim=question_dim)
    return encoder | {
        "attention.region.weight": (attention_dim, region_dim),
        "attention.question.weight": (attention_dim, question_dim),
        "attention.question.bias": (attention_dim,),
        "attention.score.weight": (glimpses, attention_dim),
        "attention.score.bias": (glimpses,),
        "classifier.1.weight": (hidden_dim, glimpses * region_dim + question_dim),
        "classifier.1.bias": (hidden_dim,),
        "classifier.4.weight": (answers, hidden_dim),
        "classifier.4.bias": (answers,),
    }


def san_shapes(
    *,
    words: int,
    answers: int,
    region_dim: int,
    embedding_dim: int = 500,
    question_dim: int = 500,
    attention_dim: int = 512,
    hops: int = 2,
) -> Shapes:
    """Return the shape of every weight, by name; the widths are the paper's by default.

    Args:
        words: the size of the word vocabulary, padding (word 0) included.
        answers: the size of the answer vocabulary.
        region_dim: the width of f_I at one region.
        embedding_dim: the width of a word's embedding.
        question_dim: d, the width of v_Q, v_I and u.
        attention_dim: the width of h_A.
        hops: K, the number of attention layers.
    """
    shapes = _encoder_shapes(words=words, embedding_dim=embedding_dim, question_dim=question_dim)
    shapes |= {"image.weight": (question_dim, region_dim), "image.bias": (question_dim,)}
    for k in range(hops):
        shapes |= {
            f"hops.{k}.region.weight": (attention_dim, question_dim),
            f"hops.{k}.query.weight": (attention_dim, question_dim),
            f"hops.{k}.query.bias": (attention_dim,),
            f"hops.{k}.score.weight": (1, attention_dim),
            f"hops.{k}.score.bias": (1,),
        }
    return shapes | {"classifier.weight": (answers, question_dim), "classifier.bias": (answers,)}


def _encoder_shapes(*, words: int, embedding_dim: int, question_dim: int) -> Shapes:
    """Return the shapes of the question encoder's weights, by name."""
    return {
        "encoder.embedding.weight": (words, embedding_dim),
        "encoder.lstm.weight_ih_l0": (4 * question_dim, embedding_dim),
        "encoder.lstm.weight_hh_l0": (4 * question_dim, question_dim),
        "encoder.lstm.bias_ih_l0": (4 * question_dim,),
        "encoder.lstm.bias_hh_l0": (4 * question_dim,),
    }


def saaa_shapes_of(weights: Mapping[str, FloatArray]) -> Shapes:
    """Return the shape that each weight should have, given one matrix for each width."""
    shapes = saaa_shapes(
        words=size(weights, "encoder.embedding.weight", 0),
        embedding_dim=size(weights, "encoder.embedding.weight", 1),
        question_dim=size(weights, "encoder.lstm.weight_hh_l0", 1),
        attention_dim=size(weights, "attention.region.weight", 0),
        region_dim=size(weights, "attention.region.weight", 1),
        glimpses=size(weights, "attention.score.weight", 0),
        hidden_dim=size(weights, "classifier.4.weight", 1),
        answers=size(weights, "classifier.4.weight", 0),
    )
    return shapes | _word_term_shapes(weights, shapes, "classifier.4.weight")


def san_shapes_of(weights: Mapping[str, FloatArray]) -> Shapes:
    """Return the shape that each weight should have, given one matrix for each width."""
    shapes = san_shapes(
        words=size(weights, "encoder.embedding.weight", 0),
        embedding_dim=size(weights, "encoder.embedding.weight", 1),
        question_dim=size(weights, "encoder.lstm.weight_hh_l0", 1),
        attention_dim=size(weights, "hops.0.region.weight", 0),
        region_dim=size(weights, "image.weight", 1),
        hops=hops_of(weights),
        answers=size(weights, "classifier.weight", 0),
    )
    return shapes | _word_term_shapes(weights, shapes, "classifier.weight")


def _word_term_shapes(weights: Mapping[str, FloatArray], shapes: Shapes, classifier: str) -> Shapes:
    words, answers = shapes["encoder.embedding.weight"][0], shapes[classifier][0]
    return word_term_shapes(weights, words=words, answers=answers)


def hops_of(weights: Mapping[str, FloatArray]) -> int:
    """Count the hops that there are weights for; the first is always one of them."""
    hops = takewhile(lambda k: any(name.startswith(f"hops.{k}.") for name in weights), count())
    return max(1, len(list(hops)))


def _initialise(rng: np.random.Generator, shapes: Shapes) -> Weights:
    """Draw Glorot-uniform matrices, and zero biases, in float64.

    Row 0 of the embedding is padding and zero; each of the LSTM's four gates is a matrix of its
    own.
    """
    weights: Weights = {}
    for name, shape in shapes.items():
        if name.endswith("embedding.weight"):
            words, dim = shape
            weights[name] = np.concatenate([np.zeros((1, dim)), _glorot(rng, words - 1, dim)])
        elif ".lstm.weight" in name:
            gate = shape[0] // 4, shape[1]
            weights[name] = np.concatenate([_glorot(rng, *gate) for _ in range(4)])
        elif name.endswith("weight"):
            weights[name] = _glorot(rng, *shape)
        else:
            weights[name] = np.zeros(shape)
    return weights


def _glorot(rng: np.random.Generator, rows: int, columns: int) -> FloatArray:
    """Draw within ±√(6/(rows + columns)), which keeps the size of signals both ways through."""
    bound = np.sqrt(6 / (rows + columns))
    return rng.uniform(-bound, bound, size=(rows, columns))
