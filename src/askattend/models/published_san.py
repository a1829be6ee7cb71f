"""The weights of SAN's published code under their own names, in and out.

There, matrices are (in, out); word 0 has no row in the embedding; the hops count from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.models.san import SAN, SANConfig

_GRAMS = ("unigram", "bigram", "trigram")


def published_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our weights, or their gradients, as the published code names and lays them out.

    Args:
        tensors: under our names: a network's ``state_dict()``, or the gradients of its
            ``named_parameters()``.

    Raises:
        KeyError: a name is not one of a SAN's of the published variant.
    """
    return {theirs: _their_layout(tensors[ours], theirs) for ours, theirs in _names(tensors)}


def san_from_published(weights: Mapping[str, np.ndarray | Tensor], *, dropout: float = 0.5) -> SAN:
    """A SAN of the published variant with the weights of the published code.

    Its sizes, encoder and number of hops are those of the weights; its floating type theirs. It is
    in evaluation mode.

    Args:
        weights: by the published code's names: ``w_emb``, ``image_mlp_w``, ….
        dropout: of u^K while training.

    Raises:
        RunError: a tensor is missing, left over or does not fit; names it.
    """
    tensors = {name: torch.as_tensor(value) for name, value in weights.items()}
    config = _config(tensors, dropout=dropout)
    shape = _need(tensors, "image_mlp_w").shape
    words = len(_need(tensors, "w_emb")) + 1
    answers = _need(tensors, "combined_mlp_0_w").shape[-1]
    model = SAN(config, words=words, answers=answers, region_dim=shape[0])
    model = model.to(tensors["w_emb"].dtype)
    parameters = dict(model.named_parameters())
    names = dict(_names(parameters))
    if left_over := sorted(tensors.keys() - set(names.values())):
        raise RunError(f"the network has no tensor '{left_over[0]}'", where="published weights")
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
    for layer, theirs in (*layers, ("answer", "combined_mlp_0")):
        yield f"{layer}.weight", f"{theirs}_w"
        yield f"{layer}.bias", f"{theirs}_b"


def _config(tensors: Mapping[str, Tensor], *, dropout: float) -> SANConfig:
    hops = sum(name.startswith("combined_att_mlp_") and name.endswith("_w") for name in tensors)
    if not hops:
        _need(tensors, "combined_att_mlp_1_w")
    config = SANConfig(
        variant="published-code",
        encoder="lstm" if "sent_lstm_w_h" in tensors else "cnn",
        embedding_dim=_need(tensors, "w_emb").shape[1],
        attention_dim=_need(tensors, "image_att_mlp_1_w").shape[1],
        hops=hops,
        dropout=dropout,
        initial="published-code",
    )
    if config.encoder == "lstm":
        return replace(config, question_dim=len(tensors["sent_lstm_w_h"]))
    one, two, three = (_need(tensors, f"conv_{gram}_w").shape[1] for gram in _GRAMS)
    return replace(config, unigram_filters=one, bigram_filters=two, trigram_filters=three)


def _need(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise RunError(f"lacks the tensor '{name}'", where="published weights")
    return tensors[name]


def _their_layout(ours: Tensor, name: str) -> Tensor:
    """A view of our tensor: matrices as (in, out), the embedding without padding's row."""
    if name == "w_emb":
        return ours[1:]
    return ours.T if ours.ndim == 2 else ours


def _put(parameter: Tensor, tensor: Tensor, name: str) -> None:
    """Copy their tensor into our parameter; a vector may stand for a matrix of one column."""
    target = _their_layout(parameter, name)
    if tensor.squeeze().shape != target.squeeze().shape:
        found, wanted = list(tensor.shape), list(target.shape)
        raise RunError(f"'{name}' has shape {found}, expected {wanted}", where="published weights")
    target.copy_(tensor.reshape(target.shape))
