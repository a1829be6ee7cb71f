"""Answers as they are sent: numbers, words, and pictures of maps."""

from __future__ import annotations

import base64
from io import BytesIO

from jaxtyping import Float
from torch import Tensor

from askattend.drawing.overlay import tinted_map
from askattend.drawing.scale import strongest
from askattend.features.geometry import Crop, crop_of
from askattend.runs.map_description import describe_map
from askattend.runs.word_effects import WordEffect as Effect
from askattend.serving.image_cache import CachedImage
from askattend.serving.jobs import Answered
from askattend.serving.runs import ServedRun
from askattend.serving.schemas import (
    Answer,
    Answers,
    Attention,
    AttentionForm,
    Options,
    Peak,
    RankedAnswer,
    WordEffect,
)
from askattend.serving.service import AskedAbout


def present(asked: AskedAbout, options: Options, seconds: float) -> Answers:
    """Write answers as the client wants them.

    Args:
        asked: what was asked and answered.
        options: how they are wanted.
        seconds: what the answers took.
    """
    seen = crop_of(asked.image.picture.size, asked.run.spec)
    return Answers(
        run=asked.run.id,
        answers=[_answer(each, asked, options, seen) for each in asked.answered],
        seen=seen,
        milliseconds=round(1000 * seconds, 1),
    )


def _answer(answered: Answered, asked: AskedAbout, options: Options, seen: Crop) -> Answer:
    answer = answered.answer
    return Answer(
        question=answer.question,
        answer=answer.text,
        probability=answer.probability,
        sure=answer.sure,
        threshold=asked.run.predictor.threshold,
        unknown_words=list(answer.unknown_words),
        unlike_training=answer.unlike_training,
        notes=answered.notes,
        top=[RankedAnswer(answer=text, probability=p) for text, p in answer.top],
        attention=_attention(answer.attention, asked.run, asked.image, options.attention, seen),
        words=_words(answered.words),
    )


def _attention(
    maps: Float[Tensor, "maps rows columns"],
    run: ServedRun,
    image: CachedImage,
    form: AttentionForm,
    seen: Crop,
) -> Attention | None:
    if form == "none":
        return None
    _, rows, columns = maps.shape
    return Attention(
        maps_name=run.predictor.maps_name,
        rows=rows,
        columns=columns,
        values=maps.tolist() if form == "array" else None,
        png=[_png(image, each, seen) for each in maps] if form == "png" else None,
        descriptions=[describe_map(each) for each in maps],
        peaks=[peak(each) for each in maps],
        uniform=1 / (rows * columns),
        strongest=strongest(rows * columns),
    )


def peak(attention: Float[Tensor, "rows columns"]) -> Peak:
    """Find the greatest value of a map; the first of several, row by row."""
    row, column = divmod(int(attention.argmax()), attention.shape[1])
    return Peak(row=row, column=column, value=float(attention[row, column]))


def _words(effects: list[Effect] | None) -> list[WordEffect] | None:
    if effects is None:
        return None
    return [WordEffect(text=e.text, start=e.start, end=e.end, drop=e.drop) for e in effects]


def _png(image: CachedImage, attention: Tensor, seen: Crop) -> str:
    thumbnail, encoded = image.picture.thumbnail, BytesIO()
    tinted_map(thumbnail, attention, thumbnail.size, seen=seen).save(encoded, "PNG")
    return base64.b64encode(encoded.getvalue()).decode()
