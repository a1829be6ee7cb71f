"""A module in its place: attention and padding in the whole network."""

from __future__ import annotations

import torch

from askattend.checking.report import Finding
from askattend.checking.trial import Trial
from askattend.models import SAAA, SAN, Model, Output, SAAAConfig, SANConfig
from askattend.models.encoders import PADDING

WORDS, ANSWERS, REGION_DIM = 9, 4, 6


def network_with(trial: Trial, glimpses: int) -> Model:
    """A small network of the trial's kind around its module, in evaluation mode."""
    count, width = {"words": WORDS, "answers": ANSWERS}, trial.question.shape[1]
    model: Model
    if trial.network == "saaa":
        saaa = SAAAConfig(embedding_dim=4, question_dim=width, hidden_dim=8, glimpses=glimpses)
        region_dim = trial.regions.shape[2]
        model = SAAA(saaa, **count, region_dim=region_dim, attention=trial.module)
    else:
        san = SANConfig(embedding_dim=4, question_dim=width)
        model = SAN(san, **count, region_dim=REGION_DIM, attention=trial.module)
    return model.to(trial.regions.dtype).eval()


def answered(model: Model, trial: Trial, *, longer: int = 0) -> Output:
    """What the network says to three questions about two images, with so much padding."""
    region_dim = trial.regions.shape[2] if trial.network == "saaa" else REGION_DIM
    shape = (2, trial.regions.shape[1], region_dim)
    regions = torch.rand(shape, generator=trial.generator(), dtype=trial.regions.dtype)
    tokens = torch.tensor([[2, 3, 4], [5, 6, PADDING], [7, PADDING, PADDING]])
    tokens = torch.nn.functional.pad(tokens, (0, longer), value=PADDING)
    output: Output = model(regions, tokens, torch.tensor([3, 2, 1]), torch.tensor([1, 0, 1]))
    return output


def sums(model: Model, trial: Trial) -> Finding:
    """The network's attention sums to 1 over the regions."""
    attention = answered(model, trial).attention
    total = attention.sum(dim=-1)
    name = trial.network.upper()
    if trial.same(total, torch.ones_like(total)):
        return Finding("sums", True, f"in {name}, each attention map sums to 1 over the regions")
    worst = float((total - 1).abs().max())
    return Finding("sums", False, f"in {name}, an attention map's sum is {worst:.2g} off 1")


def padding(model: Model, trial: Trial) -> Finding:
    """Longer padding changes no answer, and padding's own embedding learns nothing."""
    output, padded = answered(model, trial), answered(model, trial, longer=4)
    if not trial.same(padded.logits, output.logits):
        return Finding("padding", False, "longer padding of the questions changes the answers")
    weight = model.get_parameter("encoder.embedding.weight")
    (gradient,) = torch.autograd.grad(padded.logits.square().sum(), [weight])
    if bool(gradient[PADDING].any()):
        return Finding("padding", False, "the embedding of padding gets a gradient")
    if not bool(gradient[PADDING + 1 :].any()):
        return Finding("padding", False, "no gradient reaches the embedding of the words")
    return Finding("padding", True, "changes no answer and learns nothing")
