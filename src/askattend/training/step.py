"""One step of gradient descent: what is minimised, what is clipped, and how far weights move."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.batching.batches import Batch
from askattend.devices import computing
from askattend.models import Model
from askattend.models.loss import answer_loss
from askattend.training.config import TrainConfig


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, out of `steps`.

    lr·0.5^(t / half_life) (SAAA section 4.2), times a cosine from 1 to `final_fraction`.
    """
    halved = 0.5 ** (step / config.half_life) if config.half_life else 1.0
    cosine = (1 + math.cos(math.pi * min(step / max(steps - 1, 1), 1))) / 2
    return config.learning_rate * halved * (cosine + (1 - cosine) * config.final_fraction)


def make_optimizer(model: Model, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam, or SGD with momentum (m ← μ·m + g, p ← p - lr·m); words have a rate of their own."""
    words, others = _words_and_others(model)
    groups = [{"params": others, "scale": 1.0}, {"params": words, "scale": config.embedding_rate}]
    groups = [group for group in groups if group["params"]]
    device, rate = others[0].device, config.learning_rate
    optimizer: torch.optim.Optimizer
    # Fused is one kernel for all parameters; it has no other effect on the arithmetic.
    if config.optimizer == "sgd":
        fused = device.type == "cuda"
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=config.momentum, fused=fused)
    else:
        optimizer = torch.optim.Adam(groups, lr=rate, fused=True)
    if device.type == "cuda":
        keep_rates_on(device, optimizer)
    return optimizer


def keep_rates_on(device: torch.device, optimizer: torch.optim.Optimizer) -> None:
    """Make learning rates tensors: in a CUDA graph a number would stay what it was."""
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(group["lr"], device=device)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of each group of parameters, as a multiple of `rate`."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate * group["scale"])
        else:
            group["lr"] = rate * group["scale"]


def train_step(
    model: Model,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: TrainConfig,
    *,
    rate: float,
) -> Float[Tensor, ""]:
    """One step of gradient descent at a learning rate; the answers' loss before it."""
    set_rate(optimizer, rate)
    return descend(model, optimizer, batch, config)


def descend(
    model: Model,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: TrainConfig,
    *,
    scale: Float[Tensor, ""] | float = 1.0,
) -> Float[Tensor, ""]:
    """One step at the learning rate that is set; the answers' loss before it, times `scale`.

    Nothing here waits for a GPU, nor do the networks.
    """
    answers, penalty = objective(model, batch, config)
    answers = answers * scale
    optimizer.zero_grad()
    (answers + penalty).backward()
    clip(model, config)
    optimizer.step()
    return answers.detach()


def objective(model: Model, batch: Batch, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """The two terms whose sum is minimised: the answers' loss and the penalty on large weights."""
    with computing(config.precision, model):
        output = model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
    index, weight = batch.answer_index, batch.answer_weight
    if config.targets == "drawn":
        drawn = _drawn(weight)
        index, weight = index.gather(1, drawn), (weight.gather(1, drawn) > 0).to(weight.dtype)
    return answer_loss(output.logits, index, weight), _penalty(model, config.penalty)


def _drawn(weight: Float[Tensor, "questions references"]) -> Int[Tensor, "questions 1"]:
    """A column of each row, with probability in proportion to its weight.

    The first of exponential waiting times, as `torch.multinomial` does it; but that checks the
    weights, for which the processor would have to wait for a GPU.
    """
    return (weight / torch.empty_like(weight).exponential_()).argmax(dim=1, keepdim=True)


def _penalty(model: Model, factor: float) -> Tensor:
    _, others = _words_and_others(model)
    if not factor:
        return others[0].new_zeros(())
    return factor * torch.stack([parameter.square().sum() for parameter in others]).sum()


def _words_and_others(model: Model) -> tuple[list[Tensor], list[nn.Parameter]]:
    """The word embedding, if the network reads words, and all other parameters."""
    words = model.word_embeddings()
    return words, [parameter for parameter in model.parameters() if parameter not in set(words)]


def clip(model: nn.Module, config: TrainConfig) -> None:
    """Shorten each gradient, or all together, to the norm that the settings allow."""
    if config.clip_each:
        for gradient in (p.grad for p in model.parameters() if p.grad is not None):
            norm = gradient.norm()
            gradient.mul_((config.clip_each / norm).clamp(max=1.0))
    if config.clip_norm:
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
