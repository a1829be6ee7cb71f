"""The weights of SAN's published code under their own names, in and out.

There, matrices are (in, out); word 0 has no row in the embedding; the hops count from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.models.san import SAN, SANConfig

_GRAMS = ("unigram", "bigram", "trigram")
# The matrices that sizes are read off, and what their two dimensions are.
_MATRICES = {
    "w_emb": "words × embedding",
    "image_mlp_w": "region × d",
    "image_att_mlp_1_w": "d × attention",
    "sent_lstm_w_h": "d × 4·d",
    "conv_unigram_w": "embedding × filters",
    "conv_bigram_w": "2·embedding × filters",
    "conv_trigram_w": "3·embedding × filters",
    "combined_mlp_0_w": "d × answers",
}
WHERE = "published weights"


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our weights, or their gradients, as the published code names and lays them out.

    Args:
        tensors: under our names: a network's ``state_dict()``, or the gradients of its
            ``named_parameters()``.

    Raises:
        RunError: they are not those of a SAN of the published variant.
    """
    found = {}
    for ours, theirs in _names(tensors):
        if not isinstance(tensors.get(ours), Tensor):
            raise RunError(
                f"lacks the tensor '{ours}'; only a SAN of variant published-code has these names",
                where="published_names",
                remedy="Make one with san_from_published or SANConfig(variant='published-code').",
            )
        found[theirs] = _their_layout(tensors[ours], theirs)
    return found


def san_from_published(weights: Mapping[str, np.ndarray | Tensor], *, dropout: float = 0.5) -> SAN:
    """Make a SAN of the published variant with the weights of the published code.

    Its sizes, encoder and number of hops are those of the weights; its floating type is the widest
    of theirs. It is in evaluation mode.

    Args:
        weights: by the published code's names: ``w_emb``, ``image_mlp_w``, ….
        dropout: of u^K while training.

    Raises:
        RunError: a tensor is missing, left over, not of floats or does not fit; names it.
    """
    tensors = {name: _tensor(value, name) for name, value in weights.items()}
    config = _config(tensors, dropout=dropout)
    region_dim, _ = _sizes(tensors, "image_mlp_w")
    words, _ = _sizes(tensors, "w_emb")
    _, answers = _sizes(tensors, "combined_mlp_0_w")
    model = SAN(config, words=words + 1, answers=answers, region_dim=region_dim)
    model = model.to(reduce(torch.promote_types, (t.dtype for t in tensors.values())))
    parameters = dict(model.named_parameters())
    names = dict(_names(parameters))
    if left_over := sorted(tensors.keys() - set(names.values())):
        raise RunError(f"the network has no tensor '{left_over[0]}'", where=WHERE)
    with torch.no_grad():
        for ours, theirs in names.items():
            _put(parameters[ours], _need(tensors, theirs), theirs)
    return model.eval()


def _names(ours: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Our name, the published code's name."""
    yield "encoder.embedding.weight", "w_emb"
    if "encoder.word.weight" in ours:
        yield "encoder.word.weight", "sent_lstm_w_x"
        yield "encoder.state.weight", "sent_lstm_w_h"
        yield "encoder.word.bias", "sent_lstm_b_h"
    else:
        for number, gram in enumerate(_GRAMS):
            yield f"encoder.filters.{number}.weight", f"conv_{gram}_w"
            yield f"encoder.filters.{number}.bias", f"conv_{gram}_b"
    layers = [("image", "image_mlp")]
    for k in range(sum(name.endswith("score.weight") for name in ours)):
        layers += [
            (f"hops.{k}.region", f"image_att_mlp_{k + 1}"),
            (f"hops.{k}.query", f"sent_att_mlp_{k + 1}"),
            (f"hops.{k}.score", f"combined_att_mlp_{k + 1}"),
        ]
    for layer, theirs in (*layers, ("classifier", "combined_mlp_0")):
        yield f"{layer}.weight", f"{theirs}_w"
        yield f"{layer}.bias", f"{theirs}_b"


def _config(tensors: Mapping[str, Tensor], *, dropout: float) -> SANConfig:
    hops = sum(name.startswith("combined_att_mlp_") and name.endswith("_w") for name in tensors)
    if not hops:
        _need(tensors, "combined_att_mlp_1_w")
    config = SANConfig(
        variant="published-code",
        encoder="lstm" if "sent_lstm_w_h" in tensors else "cnn",
        embedding_dim=_sizes(tensors, "w_emb")[1],
        attention_dim=_sizes(tensors, "image_att_mlp_1_w")[1],
        hops=hops,
        dropout=dropout,
        initial="published-code",
    )
    if config.encoder == "lstm":
        return replace(config, question_dim=_sizes(tensors, "sent_lstm_w_h")[0])
    one, two, three = (_sizes(tensors, f"conv_{gram}_w")[1] for gram in _GRAMS)
    return replace(config, unigram_filters=one, bigram_filters=two, trigram_filters=three)


def _need(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise RunError(f"lacks the tensor '{name}'", where=WHERE)
    return tensors[name]


def _sizes(tensors: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    """Rows and columns of a matrix."""
    shape = _need(tensors, name).shape
    if len(shape) != 2 or 0 in shape:
        expected = f"two dimensions ({_MATRICES[name]})"
        raise RunError(f"'{name}' has shape {list(shape)}, expected {expected}", where=WHERE)
    return shape[0], shape[1]


def _tensor(value: Any, name: str) -> Tensor:
    """Make a tensor of an array, however it lies in memory, or of a tensor; both of floats."""
    if not isinstance(value, Tensor):
        try:
            value = np.array(value, order="C")
        except ValueError:  # rows of different lengths
            raise _not_floats(name, type(value).__name__) from None
        if value.dtype.kind != "f" or value.dtype.itemsize > 8:
            raise _not_floats(name, value.dtype)
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("="), copy=False))
    if not value.is_floating_point() or value.layout != torch.strided:
        raise _not_floats(name, value.dtype if value.layout == torch.strided else value.layout)
    return value.detach()  # type: ignore[no-any-return]


def _not_floats(name: str, found: object) -> RunError:
    expected = "an array or a dense tensor of floats (float16, float32 or float64)"
    return RunError(f"'{name}' is of {found}, expected {expected}", where=WHERE)


def _their_layout(ours: Tensor, name: str) -> Tensor:
    """Return a view of our tensor: matrices as (in, out), the embedding without padding's row."""
    if name == "w_emb":
        return ours[1:]
    return ours.T if ours.ndim == 2 else ours


def _put(parameter: Tensor, tensor: Tensor, name: str) -> None:
    """Copy their tensor into our parameter; a vector may stand for a matrix of one column."""
    target = _their_layout(parameter, name)
    if tensor.squeeze().shape != target.squeeze().shape:
        found, wanted = list(tensor.shape), list(target.shape)
        raise RunError(f"'{name}' has shape {found}, expected {wanted}", where=WHERE)
    target.copy_(tensor.reshape(target.shape))
