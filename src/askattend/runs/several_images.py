"""Questions about several images, answered together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from jaxtyping import Float
from torch import Tensor

from askattend.runs.answer import Answer
from askattend.runs.answerer import Answerer

# Questions in one pass: of many, the maps alone would fill the memory.
QUESTIONS_PER_PASS = 1024


def answer_images(
    answerer: Answerer,
    regions: Float[Tensor, "images regions region_dim"],
    questions: Sequence[Sequence[str]],
    *,
    top: int = 5,
) -> list[list[Answer]]:
    """Answer the questions of each image, which is encoded once.

    A network whose answers depend on padding is asked image by image, as `Scene.ask_all` asks it.

    Args:
        answerer: the network.
        regions: of the images.
        questions: of each image, maybe none.
        top: how many answers to list.
    """
    if answerer.model.depends_on_padding:
        return [
            answerer.answer(answerer.look_at(own), [0] * len(asked), asked, top=top)
            for own, asked in zip(regions.split(1), questions, strict=True)
        ]
    encoding = answerer.look_at(regions)
    index = [row for row, asked in enumerate(questions) for _ in asked]
    texts = list(chain.from_iterable(questions))
    passes = (slice(at, at + QUESTIONS_PER_PASS) for at in range(0, len(texts), QUESTIONS_PER_PASS))
    answers = chain.from_iterable(
        answerer.answer(encoding, index[part], texts[part], top=top) for part in passes
    )
    return [[next(answers) for _ in asked] for asked in questions]
