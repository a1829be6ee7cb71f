"""A network asked again while regions of the image are taken away or put back, in some order."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.attribution.without_regions import WithoutRegions
from askattend.batching.batches import Batches
from askattend.metrics.removal import RemovalPerQuestion, removal_counts
from askattend.models import Network

RANDOM_ORDERS = 3


@torch.inference_mode()
def remove_regions(
    model: Network, batches: Batches, *, temperature: float = 1.0, seed: int = 0
) -> RemovalPerQuestion | None:
    """Take regions away, and put them back, by each map, by their mean and at random.

    Args:
        model: of any kind.
        batches: the questions to try.
        temperature: what logits are divided by.
        seed: chooses random orders, and which of equally attended regions goes first.

    Returns:
        None where an image is a single region.
    """
    model.eval()
    device, generator = next(model.parameters()).device, torch.Generator().manual_seed(seed)
    curves, images = [], []
    for batch in batches.in_order():
        removed = removal_counts(batch.regions.shape[1])
        if len(removed) < 3:
            return None
        asked = WithoutRegions.of(model, batch.to(device), temperature)
        maps = with_mean(asked.attention)
        curves.append(removal_curves(asked, maps, removed, generator).cpu().double().numpy())
        questions = batches.questions.questions
        images += [questions[position].image for position in batch.question_index.tolist()]
    deletion, insertion = np.concatenate(curves, axis=3)
    return RemovalPerQuestion(deletion, insertion, removed, tuple(images))


def with_mean(
    attention: Float[Tensor, "questions maps regions"],
) -> Float[Tensor, "questions _ regions"]:
    """Append the mean of all maps, where there are several."""
    if attention.shape[1] == 1:
        return attention
    return torch.cat([attention, attention.mean(dim=1, keepdim=True)], dim=1)


def removal_curves(
    asked: WithoutRegions,
    maps: Float[Tensor, "questions maps regions"],
    removed: tuple[int, ...],
    generator: torch.Generator,
    *,
    random_orders: int = RANDOM_ORDERS,
) -> Float[Tensor, "2 orders steps questions"]:
    """Follow the answers' probabilities along deletion and insertion in the order of each map.

    The random orders' mean comes last. A random order backwards is random, too: its insertion is
    its deletion, run backwards.

    Args:
        asked: the questions.
        maps: regions of the greatest value go first.
        removed: how many regions are gone at each step of the deletion, from 0 to all.
        generator: draws random orders, and which of equal regions goes first.
        random_orders: how many of them to average.
    """
    regions, mapped = maps.shape[2], maps.shape[1]
    gone = torch.tensor(removed[1:-1], device=maps.device)[:, None]
    ranks = _ranks(maps, random_orders, generator)[:, :, None]
    deleted = ranks >= gone  # questions × orders × steps × regions
    inserted = ranks[:, :mapped] < regions - gone.flip(0)
    found = asked.probabilities(deleted, inserted, torch.zeros_like(deleted[:, :1, :1]))
    deleted, inserted, blank = found
    random = deleted[:, mapped:].mean(dim=1, keepdim=True)
    ends = (asked.probability[:, None, None], blank)
    whole, blank = (end.expand(-1, mapped + 1, 1) for end in ends)
    deletion = torch.cat([whole, torch.cat([deleted[:, :mapped], random], 1), blank], 2)
    insertion = torch.cat([blank, torch.cat([inserted, random.flip(2)], 1), whole], 2)
    return torch.stack([deletion, insertion]).permute(0, 2, 3, 1)


def drops_without_tenth(
    asked: WithoutRegions, maps: Float[Tensor, "questions maps regions"], generator: torch.Generator
) -> Float[Tensor, "questions maps"]:
    """Return how much the answers' probabilities fall without the first tenth of each map."""
    ranks = _ranks(maps, 0, generator)
    (left,) = asked.probabilities((ranks >= removal_counts(maps.shape[2])[1])[:, :, None])
    return asked.probability[:, None] - left[:, :, 0]


def _ranks(
    maps: Float[Tensor, "questions maps regions"], random_orders: int, generator: torch.Generator
) -> Int[Tensor, "questions orders regions"]:
    """Rank regions by each map, and at random: 0 for the region that goes first.

    Equal values, as of a uniform map, are ranked at random: any other rule would favour a side.
    """
    questions, mapped, regions = maps.shape
    noise = torch.rand(questions, mapped + random_orders, regions, generator=generator)
    mixed = noise.argsort(dim=2).to(maps.device)
    ordered, random = mixed.split([mapped, random_orders], dim=1)
    falling = maps.gather(2, ordered).argsort(dim=2, descending=True, stable=True)
    return torch.cat([ordered.gather(2, falling), random], dim=1).argsort(dim=2)
