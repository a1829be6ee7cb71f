"""The logs that pytorch-vqa trains into, read and checked.

A log is a dictionary that ``torch.save`` wrote: ``weights`` (the state of its network, each name
prefixed ``module.``), ``vocab`` (word → index from 1, answer → index from 0) and ``config`` (its
settings), beside results that are not needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.files import readable
from askattend.importing.preprocessing import CENTRAL_FRACTION
from askattend.importing.torch_file import ORIGIN, load_plain
from askattend.settings import NaturalFloat, Positive, PositiveFloat

PARALLEL = "module."  # what torch's DataParallel prefixes names with


class Settings(msgspec.Struct, frozen=True):
    """Settings in a log's ``config`` that are used here, under its names."""

    image_size: Positive | None = None
    output_size: Positive | None = None
    central_fraction: Annotated[float, msgspec.Meta(gt=0, le=1)] = CENTRAL_FRACTION
    epochs: Positive | None = None
    batch_size: Positive | None = None
    initial_lr: PositiveFloat | None = None
    lr_halflife: NaturalFloat | None = None
    max_answers: Positive | None = None


@dataclass(frozen=True)
class Widths:
    """Widths of a log's network, by the shapes of its weights."""

    words: int
    embedding: int
    question: int
    region: int
    attention: int
    glimpses: int
    hidden: int
    answers: int


@dataclass(frozen=True)
class Log:
    """A log, checked.

    Attributes:
        weights: its tensors in float32, under its names without ``module.``.
        widths: of its network.
        words: its words, of which the first has index 1.
        answers: its answers, of which the first has index 0.
        settings: its settings.
    """

    weights: Mapping[str, Tensor]
    widths: Widths
    words: tuple[str, ...]
    answers: tuple[str, ...]
    settings: Settings


def read_log(file: Path) -> Log:
    """Read and check a log.

    Raises:
        RunError: it cannot be read safely, lacks something, or something in it does not fit; names
            the key or the tensor, and what was expected.
    """
    content = load_plain(file)
    if not isinstance(content, Mapping):
        problem = f"not a log of pytorch-vqa: holds a {type(content).__name__}, not a dictionary"
        raise RunError(problem, where=file, remedy=ORIGIN)
    weights = _unprefixed(_mapping(content, "weights", where=file), where=f"{file} weights")
    vocab = _mapping(content, "vocab", where=file)
    where = f"{file} vocab"
    words = _listed(_mapping(vocab, "question", where=where), first=1, where=f"{where}.question")
    answers = _listed(_mapping(vocab, "answer", where=where), first=0, where=f"{where}.answer")
    where = f"{file} weights"
    widths = _widths(weights, where=where)
    _check_vocabulary(widths, words=len(words), answers=len(answers), where=where)
    tensors = {name: tensor.float() for name, tensor in weights.items()}
    return Log(tensors, widths, words, answers, _settings(content, where=f"{file} config"))


def _unprefixed(weights: Mapping[Any, Any], *, where: str) -> dict[str, Any]:
    """Return the weights under their names without ``module.``."""
    unprefixed: dict[str, Any] = {}
    for name, tensor in weights.items():
        short = str(name).removeprefix(PARALLEL)
        # A log of two trainings, with and without DataParallel, would be ambiguous.
        if short in unprefixed:
            problem = f"'{short}' is there twice, with '{PARALLEL}' before its name and without"
            raise RunError(problem, where=where, remedy="Leave one of the two out.")
        unprefixed[short] = tensor
    return unprefixed


def _mapping(parent: Mapping[Any, Any], key: str, *, where: object) -> Mapping[Any, Any]:
    if key not in parent:
        found = ", ".join(sorted(map(str, parent))[:8]) or "nothing"
        raise RunError(f"lacks '{key}'; it holds {found}", where=where, remedy=ORIGIN)
    value = parent[key]
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise RunError(f"'{key}' is a {kind}, not a dictionary", where=where, remedy=ORIGIN)
    return value


def _listed(index: Mapping[Any, Any], *, first: int, where: str) -> tuple[str, ...]:
    """Sort the words or answers of a vocabulary by their indices, which have no gap."""
    # Without a gap, the indices of so many words end here.
    last = first + len(index) - 1
    if not index:
        raise RunError("is empty", where=where, remedy=ORIGIN)
    found: dict[int, str] = {}
    for word, number in index.items():
        if not isinstance(word, str) or type(number) is not int:
            raise RunError(
                f"maps {word!r} to {number!r}, where a text and its whole number were expected",
                where=where,
                remedy=ORIGIN,
            )
        if readable(word) != word:
            problem = f"{word!r} holds half a character, which no file can"
            raise RunError(problem, where=where, remedy=ORIGIN)
        if not first <= number <= last or number in found:
            again = f", as that of {found[number]!r}" if number in found else ""
            raise RunError(
                f"the index of {word!r} is {number}{again}; expected were {first} to {last}, each "
                "once",
                where=where,
                remedy=ORIGIN,
            )
        found[number] = word
    return tuple(found[number] for number in range(first, last + 1))


def _widths(weights: Mapping[str, Any], *, where: str) -> Widths:
    """Find all widths; every tensor must be there and of the shape that they imply."""
    words, embedding = _shape(weights, "text.embedding.weight", 2, where=where)
    _, question = _shape(weights, "text.lstm.weight_hh_l0", 2, where=where)
    attention, region, *_ = _shape(weights, "attention.v_conv.weight", 4, where=where)
    glimpses, *_ = _shape(weights, "attention.x_conv.weight", 4, where=where)
    answers, hidden = _shape(weights, "classifier.lin2.weight", 2, where=where)
    widths = Widths(words, embedding, question, region, attention, glimpses, hidden, answers)
    expected = expected_shapes(widths)
    for name, shape in expected.items():
        found = _shape(weights, name, len(shape), where=where)
        if found != shape:
            raise RunError(
                f"'{name}' has shape {list(found)}; beside the other tensors, {list(shape)} was "
                "expected",
                where=where,
            )
    if left_over := sorted(weights.keys() - expected.keys()):
        raise RunError(f"pytorch-vqa's network has no tensor '{left_over[0]}'", where=where)
    return widths


def expected_shapes(widths: Widths) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the original's network."""
    w = widths
    return {
        "text.embedding.weight": (w.words, w.embedding),
        "text.lstm.weight_ih_l0": (4 * w.question, w.embedding),
        "text.lstm.weight_hh_l0": (4 * w.question, w.question),
        "text.lstm.bias_ih_l0": (4 * w.question,),
        "text.lstm.bias_hh_l0": (4 * w.question,),
        "attention.v_conv.weight": (w.attention, w.region, 1, 1),
        "attention.q_lin.weight": (w.attention, w.question),
        "attention.q_lin.bias": (w.attention,),
        "attention.x_conv.weight": (w.glimpses, w.attention, 1, 1),
        "attention.x_conv.bias": (w.glimpses,),
        "classifier.lin1.weight": (w.hidden, w.glimpses * w.region + w.question),
        "classifier.lin1.bias": (w.hidden,),
        "classifier.lin2.weight": (w.answers, w.hidden),
        "classifier.lin2.bias": (w.answers,),
    }


def _shape(weights: Mapping[str, Any], name: str, rank: int, *, where: str) -> tuple[int, ...]:
    """Return the shape of a tensor that must be there, sound, and of so many dimensions."""
    if name not in weights:
        raise RunError(f"lacks the tensor '{name}'", where=where, remedy=ORIGIN)
    tensor = weights[name]
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise RunError(f"'{name}' is of {kind}, expected was a tensor of floats", where=where)
    if tensor.layout != torch.strided or tensor.is_meta:
        kind = "without values" if tensor.is_meta else f"of layout {tensor.layout}"
        raise RunError(f"'{name}' is {kind}, expected was a dense tensor", where=where)
    # Before it is looked at as a whole: a tensor of any size may be one number, repeated.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        problem = f"'{name}' has shape {list(tensor.shape)}, but fewer values than that"
        raise RunError(problem, where=where, remedy=ORIGIN)
    if tensor.ndim != rank or 0 in tensor.shape:
        problem = f"'{name}' has shape {list(tensor.shape)}; expected were {rank} dimensions"
        raise RunError(problem, where=where, remedy=ORIGIN)
    # A training that diverged: its answers would be the same for all questions.
    if not torch.isfinite(tensor).all():
        raise RunError(f"'{name}' holds values that are not finite", where=where)
    return tuple(tensor.shape)


def _check_vocabulary(widths: Widths, *, words: int, answers: int, where: str) -> None:
    # Index 0 is padding and every unknown word.
    if widths.words != words + 1:
        raise RunError(
            f"'text.embedding.weight' has {widths.words:,} rows; for the {words:,} words in "
            f"vocab.question and one for unknown words, {words + 1:,} were expected",
            where=where,
        )
    if widths.answers != answers:
        raise RunError(
            f"'classifier.lin2.weight' has {widths.answers:,} rows; for the answers in "
            f"vocab.answer, {answers:,} were expected",
            where=where,
        )


def _settings(content: Mapping[Any, Any], *, where: str) -> Settings:
    if "config" not in content:
        return Settings()
    try:
        return msgspec.convert(content["config"], Settings)
    except msgspec.ValidationError as error:
        problem = str(error).replace("`", "").replace("$.", "")
        raise RunError(problem, where=where, remedy=ORIGIN) from None
