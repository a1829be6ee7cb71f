"""Questions asked again while regions of their image are missing.

A region that is taken away has features of zero, and passes through the network's own attention and
pooling like any other: its share of the attention stays, and brings nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.models import Network
from askattend.models.network import ImageEncoding

# Numbers of encoded images computed with at once: some tens of MiB.
_NUMBERS = 2**22

Keep = Bool[Tensor, "versions regions"]
# The row of an image, and which of its regions are there in each version → the encoded versions.
Encoder = Callable[[int, Keep], ImageEncoding]


@dataclass(frozen=True)
class WithoutRegions:
    """Questions of a batch, answered once with the whole image, to be asked without parts of it.

    Attributes:
        model: that answered.
        encode: encodes images some of whose regions are gone.
        images: the row of each question's image.
        question: encoded.
        attention: to the whole image.
        answer: whose probability is followed.
        log_odds: of that answer, with all regions; see `answer_log_odds`.
        temperature: what logits are divided by.
        chunk: versions of an image that are answered at once.
    """

    model: Network
    encode: Encoder
    images: tuple[int, ...]
    question: Float[Tensor, "questions question_dim"]
    attention: Float[Tensor, "questions maps regions"]
    answer: Int[Tensor, " questions"]
    log_odds: Float[Tensor, " questions"]
    temperature: float
    chunk: int

    @classmethod
    def of(
        cls,
        model: Network,
        batch: Batch,
        temperature: float,
        answer: Int[Tensor, " questions"] | None = None,
    ) -> WithoutRegions:
        """Answer with the whole image.

        Args:
            model: of any kind, in evaluation mode.
            batch: the questions.
            temperature: what logits are divided by.
            answer: whose probability to follow; by default the most probable one.
        """
        image = model.encode_image(batch.regions)
        question = model.encode_question(batch.tokens, batch.lengths)
        output = model.answer(image, question, batch.image_index)
        logits = output.logits.float()
        answer = logits.argmax(dim=1) if answer is None else answer
        encode = region_remover(model, batch.regions, image)
        chunk = max(1, _NUMBERS // sum(part[0].numel() for part in _parts(image)))
        log_odds = answer_log_odds(logits / temperature, answer)
        asked = (tuple(batch.image_index.tolist()), question, output.attention.float())
        return cls(model, encode, *asked, answer, log_odds, temperature, chunk)

    @property
    def probability(self) -> Float[Tensor, " questions"]:
        """Probability of the answer, with all regions."""
        return self.log_odds.sigmoid()

    def probabilities(
        self, *keep: Bool[Tensor, "questions _ _ regions"]
    ) -> tuple[Float[Tensor, "questions _ _"], ...]:
        """Give the answers' probabilities with only some regions, for each mask."""
        return tuple(found.sigmoid() for found in self.log_odds_with(*keep))

    def log_odds_with(
        self, *keep: Bool[Tensor, "questions _ _ regions"]
    ) -> tuple[Float[Tensor, "questions _ _"], ...]:
        """Give the answers' log-odds with only some regions, for each mask."""
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
        return answer_log_odds(logits / self.temperature, self.answer[row].expand(len(keep)))


def answer_log_odds(
    logits: Float[Tensor, "questions answers"], answer: Int[Tensor, " questions"]
) -> Float[Tensor, " questions"]:
    """Return log p / (1 - p) of one answer to each question, whose sigmoid is its probability p.

    Near 0 and 1 they tell apart what probabilities in single precision cannot. Infinite where there
    is no other answer.
    """
    chosen = answer[:, None]
    others = logits.scatter(1, chosen, -torch.inf).logsumexp(dim=1)
    return logits.gather(1, chosen)[:, 0] - others


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
