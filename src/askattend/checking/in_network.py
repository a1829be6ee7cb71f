"""Checks of a module inside its network: sums of the attention, and padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from askattend.checking.module_under_test import ModuleUnderTest
from askattend.checking.report import Finding
from askattend.models import SAAA, SAN, Network, Output, SAAAConfig, SANConfig
from askattend.models.encoders import PADDING

# SAN's regions have a width of their own, which its image layer brings to the question's.
WORDS, ANSWERS, REGION_DIM = 9, 4, 6


class Mended(nn.Module):
    """A module whose scores are brought into the right shape on their way into the network."""

    def __init__(self, tested: ModuleUnderTest) -> None:
        super().__init__()
        self.module, self.mended = tested.module, tested.mended

    def forward(self, *inputs: Any) -> Any:
        """Return the scores in the right shape."""
        return self.mended(self.module(*inputs))


class MendedProjecting(Mended):
    """The same of a module that has `project`."""

    def project(self, regions: Tensor) -> Any:
        """Return what the module makes of the regions."""
        module: Any = self.module
        return module.project(regions)


def network_with(tested: ModuleUnderTest, glimpses: int) -> Network:
    """Build a small network around the module, in evaluation mode."""
    count, width = {"words": WORDS, "answers": ANSWERS}, tested.question.shape[1]
    model: Network
    attention = tested.module
    if tested.mend is not None:
        attention = (MendedProjecting if hasattr(attention, "project") else Mended)(tested)
    if tested.network == "saaa":
        saaa = SAAAConfig(embedding_dim=4, question_dim=width, hidden_dim=8, glimpses=glimpses)
        region_dim = tested.regions.shape[2]
        model = SAAA(saaa, **count, region_dim=region_dim, attention=attention)
    else:
        san = SANConfig(embedding_dim=4, question_dim=width)
        model = SAN(san, **count, region_dim=REGION_DIM, attention=attention)
    return model.to(tested.regions.dtype).eval()


def _answer(model: Network, tested: ModuleUnderTest, *, padding: int = 0) -> Output:
    """Ask three questions about two images, with so much more padding."""
    region_dim = tested.regions.shape[2] if tested.network == "saaa" else REGION_DIM
    shape = (2, tested.regions.shape[1], region_dim)
    regions = torch.rand(shape, generator=tested.generator(), dtype=tested.regions.dtype)
    tokens = torch.tensor([[2, 3, 4], [5, 6, PADDING], [7, PADDING, PADDING]])
    tokens = torch.nn.functional.pad(tokens, (0, padding), value=PADDING)
    output: Output = model(regions, tokens, torch.tensor([3, 2, 1]), torch.tensor([1, 0, 1]))
    return output


def attention_sums(model: Network, tested: ModuleUnderTest) -> Finding:
    """Check that the network's attention sums to 1 over the regions."""
    attention = _answer(model, tested).attention
    total = attention.sum(dim=-1)
    name = tested.network.upper()
    if tested.close(total, torch.ones_like(total)):
        return Finding("sums", True, f"in {name}, each attention map sums to 1 over the regions")
    worst = float((total - 1).abs().max())
    return Finding("sums", False, f"in {name}, an attention map's sum is {worst:.2g} off 1")


def ignores_padding(model: Network, tested: ModuleUnderTest) -> Finding:
    """Check that longer padding changes no answer, and that its own embedding learns nothing."""
    output, padded = _answer(model, tested), _answer(model, tested, padding=4)
    if not tested.close(padded.logits, output.logits):
        return Finding("padding", False, "longer padding of the questions changes the answers")
    (gradient,) = torch.autograd.grad(padded.logits.square().sum(), model.word_embeddings())
    if bool(gradient[PADDING].any()):
        return Finding("padding", False, "the embedding of padding gets a gradient")
    if not bool(gradient[PADDING + 1 :].any()):
        return Finding("padding", False, "no gradient reaches the embedding of the words")
    return Finding("padding", True, "changes no answer and learns nothing")
