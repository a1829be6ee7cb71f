"""One step of gradient descent: what is minimised, what is clipped, and how far weights move."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.batching.batches import Batch
from askattend.data.vocab import PADDING, UNK
from askattend.devices import autocast
from askattend.models import Network
from askattend.models.loss import answer_loss
from askattend.training.config import TrainConfig
from askattend.training.divergence import require_finite_loss

KeptRegions = Int[Tensor, " kept"]


def train_step(
    model: Network,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: TrainConfig,
    *,
    rate: float,
) -> Float[Tensor, ""]:
    """Make one step of gradient descent; return the answers' loss before it.

    Nothing here waits for a GPU, nor do the networks.

    Args:
        model: in training mode, for dropout.
        optimizer: see `make_optimizer`.
        batch: on the model's device.
        config: what is minimised and clipped.
        rate: the learning rate of the step, see `learning_rate`.

    Raises:
        NotFinite: the loss is no number; the weights are as they were. On a GPU nobody looks.
    """
    set_learning_rate(optimizer, rate)
    answers, penalty = compute_loss(model, batch, config)
    require_finite_loss(answers)
    optimizer_step(model, optimizer, answers + penalty, config)
    return answers.detach()


def compute_loss(
    model: Network, batch: Batch, config: TrainConfig, kept: KeptRegions | None = None
) -> tuple[Tensor, Tensor]:
    """Compute the two terms whose sum is minimised: the answers' loss and the L2 penalty.

    Args:
        model: in training mode, for dropout.
        batch: on the model's device.
        config: what is minimised.
        kept: the regions that are not left out, see `draw_regions`; drawn here by default.

    Returns:
        `answer_loss` (SAAA eq. 7), and `l2_penalty`·Σp² over all parameters but word embeddings.
    """
    with autocast(config.precision, model):
        regions = batch.gathered(model.casts_regions_to)
        if model.training and config.region_dropout:
            regions = regions[:, draw_regions(batch, config) if kept is None else kept]
        tokens = drop_words(batch.tokens, config.word_dropout) if model.training else batch.tokens
        output = model(regions, tokens, batch.lengths, batch.image_index)
    index, weight = batch.answer_index, batch.answer_weight
    if config.targets == "sampled":
        column = _sample(weight)
        index, weight = index.gather(1, column), (weight.gather(1, column) > 0).to(weight.dtype)
    loss = answer_loss(output.logits, index, weight, config.label_smoothing)
    return loss, _l2_penalty(model, config.l2_penalty)


def draw_regions(batch: Batch, config: TrainConfig) -> KeptRegions:
    """Draw the regions that a step keeps: attention is over those that are left.

    All images of the step lose the same ones, so that less is computed.
    """
    count = batch.regions.shape[1]
    # No `randperm`, for which a processor may wait for a GPU.
    order = torch.rand(count, device=batch.regions.device).argsort()
    return order[: max(round(count * (1 - config.region_dropout)), 1)]


def drop_words(tokens: Int[Tensor, "questions words"], p: float) -> Int[Tensor, "questions words"]:
    """Replace each word, with probability `p`, by the unknown one, which so learns to stand for it.

    Without it, or words left out by ``--vocab.min-count``, that word's embedding is never trained.
    """
    if not p:
        return tokens
    dropped = torch.rand(tokens.shape, device=tokens.device) < p
    return tokens.masked_fill(dropped & (tokens != PADDING), UNK)


def optimizer_step(
    model: Network, optimizer: torch.optim.Optimizer, loss: Float[Tensor, ""], config: TrainConfig
) -> None:
    """Move the weights down the gradient of a loss, clipped, at the learning rate that is set."""
    optimizer.zero_grad()
    loss.backward()
    clip_gradients(model, config)
    optimizer.step()


def clip_gradients(model: nn.Module, config: TrainConfig) -> None:
    """Shorten each gradient, or all together, to the norm that the settings allow."""
    if config.clip_norm_per_parameter:
        for gradient in (p.grad for p in model.parameters() if p.grad is not None):
            scale = config.clip_norm_per_parameter / gradient.norm()
            gradient.mul_(scale.clamp(max=1.0))
    if config.clip_norm:
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)


def make_optimizer(model: Network, config: TrainConfig) -> torch.optim.Optimizer:
    """Make Adam, or SGD with momentum (m ← μ·m + g, p ← p - lr·m).

    Its groups of parameters each have a ``"scale"``: word embeddings learn at a rate of their own.
    """
    words, linear, others = _split_parameters(model)
    decay = {"weight_decay": config.weight_decay}
    groups: list[dict[str, Any]] = [
        {"params": others, "scale": 1.0, **decay},
        {"params": words, "scale": config.embedding_lr_scale, "weight_decay": 0.0},
        {"params": linear, "scale": config.linear_lr_scale, **decay},
    ]
    groups = [group for group in groups if group["params"]]
    device, rate = others[0].device, config.learning_rate
    optimizer: torch.optim.Optimizer
    # Fused is one kernel for all parameters; it has no other effect on the arithmetic.
    if config.optimizer == "sgd":
        fused = device.type == "cuda"
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=config.momentum, fused=fused)
    else:
        # Without decay, AdamW is Adam to the last bit.
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    if device.type == "cuda":
        learning_rates_to(device, optimizer)
    return optimizer


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0, out of `steps`.

    lr·0.5^(t / lr_half_life) (SAAA section 4.2), times a cosine from 1 to `final_lr_fraction`. In
    the share `warmup` of the steps it rises in a line before the cosine begins.
    """
    rising = round(config.warmup * steps)
    if step < rising:
        return config.learning_rate * (step + 1) / (rising + 1)
    step, steps = step - rising, steps - rising
    halved = 0.5 ** (step / config.lr_half_life) if config.lr_half_life else 1.0
    cosine = (1 + math.cos(math.pi * min(step / max(steps - 1, 1), 1))) / 2
    return config.learning_rate * halved * (cosine + (1 - cosine) * config.final_lr_fraction)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of each group of parameters: `rate` times the group's scale."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate * group["scale"])
        else:
            group["lr"] = rate * group["scale"]


def learning_rates_to(device: torch.device, optimizer: torch.optim.Optimizer) -> None:
    """Make learning rates tensors on a device: in a CUDA graph a number would stay what it was."""
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(group["lr"], device=device)


def _sample(weight: Float[Tensor, "questions references"]) -> Int[Tensor, "questions 1"]:
    """Draw a column of each row, with probability in proportion to its weight.

    The first of exponential waiting times, as `torch.multinomial` does it; but that checks the
    weights, for which the processor would have to wait for a GPU.
    """
    return (weight / torch.empty_like(weight).exponential_()).argmax(dim=1, keepdim=True)


def _l2_penalty(model: Network, factor: float) -> Float[Tensor, ""]:
    _, linear, others = _split_parameters(model)
    learnt: list[Tensor] = [*others, *linear]
    if not factor:
        return learnt[0].new_zeros(())
    return factor * torch.stack([parameter.square().sum() for parameter in learnt]).sum()


def _split_parameters(
    model: Network,
) -> tuple[list[Tensor], list[Tensor], list[nn.Parameter]]:
    """Return the word embeddings, the linear terms, if there are any, and all other parameters."""
    words, linear = model.word_embeddings(), model.linear_terms()
    apart = {*words, *linear}
    return words, linear, [parameter for parameter in model.parameters() if parameter not in apart]
