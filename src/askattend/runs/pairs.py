"""Pairs of an image and a question, answered batch by batch as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from askattend.errors import AskAttendError
from askattend.features.geometry import crop_of, shown_regions, square
from askattend.features.images import Source, open_image
from askattend.features.spec import Backbone
from askattend.runs.answer import Answer
from askattend.runs.answerer import Answerer
from askattend.runs.asking import one_question
from askattend.runs.several_images import QUESTIONS_PER_PASS, answer_images


def answer_pairs(
    answerer: Answerer,
    backbone: Callable[[], Backbone],
    pairs: Iterable[tuple[Source, str]],
    *,
    top: int,
    batch_size: int,
) -> Iterator[Answer]:
    """Answer pairs in their order; see `Predictor.answer_many`."""
    images: list[Image.Image] = []
    asked: list[list[str]] = []
    last: Source | None = None
    for image, question in pairs:
        try:
            answerer.need_words([one_question(question)])
            opened = None if _same_file(last, image) else open_image(image)
        except AskAttendError:
            yield from _answers(answerer, backbone(), images, asked, top=top)
            raise
        last = image
        # A caller may draw into the same array again and again: what it holds now counts.
        following = bool(images) and (opened is None or opened == images[-1])
        full = len(images) >= batch_size and not following
        if full or sum(map(len, asked)) >= QUESTIONS_PER_PASS:
            yield from _answers(answerer, backbone(), images, asked, top=top)
            images, asked = images[-1:] if following else [], [[]] if following else []
        if not following and opened is not None:
            images.append(opened)
            asked.append([])
        asked[-1].append(question)
    yield from _answers(answerer, backbone(), images, asked, top=top)


def _same_file(last: Source | None, image: Source) -> bool:
    return isinstance(image, str | Path | bytes) and type(last) is type(image) and last == image


@torch.inference_mode()
def _answers(
    answerer: Answerer,
    backbone: Backbone,
    images: list[Image.Image],
    asked: list[list[str]],
    *,
    top: int,
) -> list[Answer]:
    """Look at images together and answer what is asked of each."""
    if not images:
        return []
    spec, run_spec = backbone.spec, answerer.run.features
    shown = [mask for image in images if (mask := shown_regions(image.size, spec)) is not None]
    pixels = torch.stack([square(image, spec) for image in images])
    regions = backbone.regions(pixels, torch.stack(shown) if shown else None)
    # An imported run may not know the side of its square, which its backbone then tells.
    seen = [crop_of(image.size, run_spec if run_spec.image_size else spec) for image in images]
    answered = answer_images(answerer, regions, asked, top=top)
    return [
        replace(answer, seen=crop, maps_name=answerer.maps_name)
        for crop, answers in zip(seen, answered, strict=True)
        for answer in answers
    ]
