"""A network asked again while regions of the image are taken away or put back.

A region that is taken away has features of zero, and passes through the network's own attention and
pooling like any other: its share of the attention stays, and brings nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.metrics.removal import RemovalPerQuestion, removal_counts
from askattend.models import Network
from askattend.models.network import ImageEncoding

RANDOM_ORDERS = 3
# Numbers of encoded images computed with at once: some tens of MiB.
_NUMBERS = 2**22

Keep = Bool[Tensor, "versions regions"]
# The row of an image, and which of its regions are there in each version → the encoded versions.
Encoder = Callable[[int, Keep], ImageEncoding]


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
        asked = _Asked.of(model, batch.to(device), temperature, generator)
        curves.append(asked.curves(removed).cpu().double().numpy())
        questions = batches.questions.questions
        images += [questions[position].image for position in batch.question_index.tolist()]
    deletion, insertion = np.concatenate(curves, axis=3)
    return RemovalPerQuestion(deletion, insertion, removed, tuple(images))


@dataclass(frozen=True)
class _Asked:
    """Questions of a batch, answered once with the whole image.

    Attributes:
        model: that answered.
        encode: encodes images some of whose regions are gone.
        images: the row of each question's image.
        question: encoded.
        answer: the one given.
        probability: of that answer, with all regions.
        temperature: what logits are divided by.
        chunk: versions of an image that are answered at once.
        ranks: place of each region in each order, 0 for the one that goes first; the last
            `RANDOM_ORDERS` are random.
    """

    model: Network
    encode: Encoder
    images: tuple[int, ...]
    question: Float[Tensor, "questions question_dim"]
    answer: Int[Tensor, " questions"]
    probability: Float[Tensor, " questions"]
    temperature: float
    chunk: int
    ranks: Int[Tensor, "questions orders regions"]

    @classmethod
    def of(
        cls, model: Network, batch: Batch, temperature: float, generator: torch.Generator
    ) -> _Asked:
        """Answer with the whole image, and put its regions in order."""
        image = model.encode_image(batch.regions)
        question = model.encode_question(batch.tokens, batch.lengths)
        output = model.answer(image, question, batch.image_index)
        best = (output.logits.float() / temperature).softmax(dim=1).max(dim=1)
        ranks = _ranks(output.attention.float(), generator)
        encode = region_remover(model, batch.regions, image)
        numbers = sum(part[0].numel() for part in _parts(image))
        told = (best.indices, best.values, temperature, max(1, _NUMBERS // numbers), ranks)
        return cls(model, encode, tuple(batch.image_index.tolist()), question, *told)

    def curves(self, removed: tuple[int, ...]) -> Float[Tensor, "2 orders steps questions"]:
        """Follow the answers' probabilities along deletion and insertion.

        The random orders' mean comes last. A random order backwards is random, too: its insertion
        is its deletion, run backwards.

        Args:
            removed: how many regions are gone at each step of the deletion, from 0 to all.
        """
        regions, attended = self.ranks.shape[2], self.ranks.shape[1] - RANDOM_ORDERS
        gone = torch.tensor(removed[1:-1], device=self.ranks.device)[:, None]
        ranks = self.ranks[:, :, None]
        deleted = ranks >= gone  # questions × orders × steps × regions
        inserted = ranks[:, :attended] < regions - gone.flip(0)
        found = self._probabilities(deleted, inserted, torch.zeros_like(deleted[:, :1, :1]))
        deleted, inserted, blank = found
        random = deleted[:, attended:].mean(dim=1, keepdim=True)
        ends = (self.probability[:, None, None], blank)
        whole, blank = (end.expand(-1, attended + 1, 1) for end in ends)
        deletion = torch.cat([whole, torch.cat([deleted[:, :attended], random], 1), blank], 2)
        insertion = torch.cat([blank, torch.cat([inserted, random.flip(2)], 1), whole], 2)
        return torch.stack([deletion, insertion]).permute(0, 2, 3, 1)

    def _probabilities(
        self, *keep: Bool[Tensor, "questions _ _ regions"]
    ) -> tuple[Float[Tensor, "questions _ _"], ...]:
        """Give the answers' probabilities with only some regions, for each mask."""
        shapes = [some.shape[1:3] for some in keep]
        masks = torch.cat([some.flatten(1, 2) for some in keep], dim=1)
        found = [
            torch.cat([self._answer(row, image, some) for some in rows.split(self.chunk)])
            for row, (image, rows) in enumerate(zip(self.images, masks, strict=True))
        ]
        parts = torch.stack(found).split([shape.numel() for shape in shapes], dim=1)
        return tuple(p.unflatten(1, shape) for p, shape in zip(parts, shapes, strict=True))

    def _answer(self, row: int, image: int, keep: Keep) -> Float[Tensor, " versions"]:
        """Answer one question about as many versions of its image."""
        versions = torch.arange(len(keep), device=keep.device)
        question = self.question[row].expand(len(keep), -1)
        logits = self.model.answer(self.encode(image, keep), question, versions).logits.float()
        return (logits / self.temperature).softmax(dim=1)[:, self.answer[row]]


def _ranks(
    attention: Float[Tensor, "questions maps regions"], generator: torch.Generator
) -> Int[Tensor, "questions orders regions"]:
    """Rank regions by each map, by their mean where there are several, and at random.

    Equal attention, as of a uniform map, is ranked at random: any other rule would favour a side.
    """
    questions, maps, regions = attention.shape
    if maps > 1:
        attention = torch.cat([attention, attention.mean(dim=1, keepdim=True)], dim=1)
    orders = attention.shape[1] + RANDOM_ORDERS
    noise = torch.rand(questions, orders, regions, generator=generator)
    mixed = noise.argsort(dim=2).to(attention.device)
    attended, random = mixed.split([attention.shape[1], RANDOM_ORDERS], dim=1)
    falling = attention.gather(2, attended).argsort(dim=2, descending=True, stable=True)
    return torch.cat([attended.gather(2, falling), random], dim=1).argsort(dim=2)


def region_remover(
    model: Network, regions: Float[Tensor, "images regions region_dim"], image: ImageEncoding
) -> Encoder:
    """Return what encodes images without some of their regions.

    Where a network encodes each region by itself, as those of this package do, what it makes of a
    blank region takes the place of a removed one: nothing is encoded twice. A network whose regions
    know of each other encodes each changed image anew.

    Args:
        model: of any kind.
        regions: of the images.
        image: all of them, encoded.
    """
    blank = model.encode_image(torch.zeros_like(regions[:1]))
    # The blank regions stand below the image's own: each version copies whole rows of the table.
    tables = [
        torch.cat([own, zero.expand_as(own)], dim=1)
        for own, zero in zip(_parts(image), _parts(blank), strict=True)
    ]
    own_rows = torch.arange(regions.shape[1], device=regions.device)

    def substitute(row: int, keep: Keep) -> ImageEncoding:
        rows = torch.where(keep, own_rows, own_rows + len(own_rows)).flatten()
        first, *others = (table[row].index_select(0, rows) for table in tables)
        versions = tuple(part.unflatten(0, keep.shape) for part in others)
        return ImageEncoding(first.unflatten(0, keep.shape), versions, beside(row, keep))

    def encode_again(row: int, keep: Keep) -> ImageEncoding:
        again = model.encode_image(torch.where(keep[:, :, None], regions[row], 0))
        return again._replace(blank=beside(row, keep))

    def beside(row: int, keep: Keep) -> Keep | None:
        # Regions beside a padded picture stay hidden; those taken away keep their share.
        return None if image.blank is None else image.blank[row].expand_as(keep)

    every_other = own_rows[None] % 2 == 0
    pairs = zip(
        _parts(substitute(0, every_other)), _parts(encode_again(0, every_other)), strict=True
    )
    alone = all(torch.allclose(a.float(), b.float(), rtol=1e-2, atol=1e-3) for a, b in pairs)
    return substitute if alone else encode_again


def _parts(image: ImageEncoding) -> tuple[Tensor, ...]:
    return (image.regions, *image.projected)
