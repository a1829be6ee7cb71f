"""Comparing a module with another: is it the same function, given the other's weights?"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import islice
from types import MappingProxyType

import torch
from torch import Tensor, nn

from askattend.checking.module_under_test import ModuleUnderTest
from askattend.checking.report import Finding
from askattend.models.saaa import GlimpseAttention
from askattend.models.san import HopAttention

# Further ways to match parameters are not tried: their number grows like a factorial.
MOST_MATCHES = 256

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Comparison:
    """Two modules' scores, once the parameters of one were matched with the other's.

    Attributes:
        equal: True if the scores are, up to rounding.
        other: the other module, in words.
        difference: the largest of their scores.
        matched: our parameter → theirs.
        zeroed: our parameters that no other was left for.
    """

    equal: bool
    other: str
    difference: float
    matched: Mapping[str, str]
    zeroed: tuple[str, ...]

    def finding(self, *, wanted: bool) -> Finding:
        """Put it in words; a difference fails only where sameness was `wanted`."""
        pairs = ", ".join(f"{ours} ↔ {theirs}" for ours, theirs in self.matched.items())
        rest = f"; {', '.join(self.zeroed)} at 0" if self.zeroed else ""
        given = f"given its weights ({pairs}{rest})"
        if self.equal:
            apart = f"at most {self.difference:.0e} apart"
            close = f"scores {apart if self.difference else 'exactly equal'}"
            return Finding("likeness", True, f"equals {self.other}, {given}: {close}")
        problem = f"differs from {self.other} by up to {self.difference:.2g}, {given}"
        return Finding("likeness", False if wanted else None, problem)


def built_in(tested: ModuleUnderTest, glimpses: int) -> Iterator[tuple[str, nn.Module]]:
    """Yield the network's own attention, in every variant and width that the module has."""
    # The hidden layer's width is not known: any size that occurs may be it.
    widths = sorted({size for p in tested.module.parameters() for size in p.shape})
    question_dim = tested.question.shape[1]
    for width in widths:
        if tested.network == "saaa":
            region_dim = tested.regions.shape[2]
            yield (
                "the built-in GlimpseAttention",
                GlimpseAttention(
                    region_dim=region_dim,
                    question_dim=question_dim,
                    attention_dim=width,
                    glimpses=glimpses,
                ),
            )
        else:
            paper = HopAttention(question_dim=question_dim, attention_dim=width)
            yield "the built-in HopAttention", paper
            published = HopAttention(
                question_dim=question_dim, attention_dim=width, variant="published-code"
            )
            yield "the built-in HopAttention (published code)", published


def compare(tested: ModuleUnderTest, others: Iterator[tuple[str, nn.Module]]) -> Comparison | None:
    """Return the best of all matches with any of `others`; None if no parameters match."""
    best: Comparison | None = None
    for name, other in others:
        module = _with_random_weights(other, tested)
        reference = replace(tested, module=module, mend=None).cast(tested.regions.dtype)
        for found in _comparisons(tested, reference, name):
            if found.equal:
                return found
            if best is None or found.difference < best.difference:
                best = found
    return best


def unmatched(tested: ModuleUnderTest, like: nn.Module | None) -> str:
    """Say why no parameters match: list those of either side."""
    ours = _shapes(tested.module)
    if not ours:
        return "there are no parameters to match with the built-in ones"
    if like is None:
        region, question = tested.regions.shape[2], tested.question.shape[1]
        glimpses = "glimpses" if tested.network == "saaa" else "1"
        layer = "question" if tested.network == "saaa" else "query"
        theirs = f"region.weight k × {region}, {layer}.weight k × {question}, {layer}.bias k, "
        theirs += f"score.weight {glimpses} × k, score.bias {glimpses}"
    else:
        theirs = _shapes(like)
    owner = "the built-in's" if like is None else f"{type(like).__name__}'s"
    return f"an architecture of your own: your {ours} do not match {owner} {theirs}"


def _shapes(module: nn.Module) -> str:
    named = module.named_parameters()
    return ", ".join(f"{name} {' × '.join(map(str, p.shape))}" for name, p in named)


def _with_random_weights(module: nn.Module, tested: ModuleUnderTest) -> nn.Module:
    """Copy a module, with random weights and biases: zeros would hide a difference."""
    module, generator = copy.deepcopy(module).eval(), tested.generator()
    with torch.no_grad():
        for parameter in module.parameters():
            # Scores should neither vanish nor saturate a tanh, whatever the width.
            scale = parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return module


def _comparisons(
    tested: ModuleUnderTest, reference: ModuleUnderTest, name: str
) -> Iterator[Comparison]:
    """Yield a comparison for every match of the two modules' parameters."""
    theirs = dict(reference.module.named_parameters())
    wanted = reference.scores().detach()
    ours = dict(tested.module.named_parameters())
    for weights in _layouts(theirs):
        for matched in islice(_matches(ours, weights), MOST_MATCHES):
            zeroed = tuple(own for own in ours if own not in matched)
            filled = _with_weights(tested, matched, weights)
            scores = filled.scores().detach()
            if scores.shape != wanted.shape:  # another number of maps, which no weights will mend
                return
            difference = float((scores - wanted).abs().max())
            yield Comparison(filled.close(scores, wanted), name, difference, matched, zeroed)


def _layouts(theirs: Weights) -> Iterator[Weights]:
    """Yield their weights as they are, and both first layers as one on [regions, question]."""
    yield theirs
    # W [r, q] is W_r r + W_q q: one matrix on both laid end to end is the two side by side.
    matrices = [name for name, tensor in theirs.items() if tensor.ndim == 2]
    for first, second in ((0, 1), (1, 0)):
        if len(matrices) < 2 or len(theirs[matrices[0]]) != len(theirs[matrices[1]]):
            return
        pair = [matrices[first], matrices[second]]
        rest = {name: tensor for name, tensor in theirs.items() if name not in pair}
        yield {f"[{', '.join(pair)}]": torch.cat([theirs[name] for name in pair], dim=1), **rest}


def _matches(
    ours: Weights, theirs: Weights, layers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[dict[str, str]]:
    """Yield every way to give all their tensors to ours by shape; only biases may be left over.

    The likeliest come first: a bias beside its weight (`layers`: theirs → ours), like names. A
    vector called a weight scales, as in a norm layer; it is no bias.
    """
    if not theirs:
        if all(_parts(name)[1].startswith("bias") for name in ours):
            yield {}
        return
    # Place their first tensor in each of ours that it fits, and the rest in what is left.
    (name, tensor), *rest = theirs.items()
    layer = _parts(name)[0]

    def unlike(own: str) -> tuple[bool, float]:
        return layers.get(layer) != _parts(own)[0], -SequenceMatcher(None, own, name).ratio()

    for own in sorted(ours, key=unlike):
        if _reshaped(tensor, ours[own]) is not None and _scales(own, ours) == _scales(name, theirs):
            others = {other: t for other, t in ours.items() if other != own}
            for match in _matches(others, dict(rest), {**layers, layer: _parts(own)[0]}):
                yield {own: name, **match}


def _parts(name: str) -> tuple[str, str]:
    """Divide a parameter's name into its layer's, and its own there."""
    layer, _, last = name.rpartition(".")
    return layer, last


def _scales(name: str, weights: Weights) -> bool:
    """Return True for a norm layer's scale."""
    return weights[name].ndim == 1 and _parts(name)[1] == "weight"


def _reshaped(tensor: Tensor, into: Tensor) -> Tensor | None:
    """Return `tensor` in the shape of `into`: as a 1×1 convolution's, or (in, out); or None."""
    for matrix in (tensor, tensor.mT) if tensor.ndim == 2 else (tensor,):
        if matrix.squeeze().shape == into.squeeze().shape:
            return matrix.reshape(into.shape)
    return None


def _with_weights(
    tested: ModuleUnderTest, matched: Mapping[str, str], theirs: Weights
) -> ModuleUnderTest:
    tested = tested.cast(tested.regions.dtype)
    with torch.no_grad():
        for own, parameter in tested.module.named_parameters():
            given = _reshaped(theirs[matched[own]], parameter) if own in matched else None
            parameter.copy_(torch.zeros_like(parameter) if given is None else given)
    return tested
