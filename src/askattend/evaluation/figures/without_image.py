"""Accuracy without the image: blank, or another one of the split in its place.

A blank image has zeros for features. That is what a ReLU backbone gives where it finds nothing, and
what SAAA's division by the norm leaves as it is; the training images' mean, which a network never
met in any region, would be as foreign and would have to be kept in the run. Blank images are
unlike all that was trained on; images swapped among questions are not, and so both are told.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.evaluation.answers import Array, answer_questions
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import PageContext, Prose, Section, Table, TerminalLine
from askattend.features.source import FeatureSource
from askattend.metrics.significance import difference_interval

# As many questions tell a drop to a point; a large split is not answered twice more.
MOST = 10_000


class Drop(msgspec.Struct, frozen=True):
    """Accuracy with something done to the images, and how far that is below the usual.

    Attributes:
        accuracy: 0 to 1.
        drop: the usual accuracy less this one, -1 to 1.
        interval: of the drop, 95 %, by bootstrap over images; see `difference_interval`.
    """

    accuracy: float
    drop: float
    interval: tuple[float, float]


class WithoutImage(msgspec.Struct, frozen=True):
    """The same network with its images taken away or swapped.

    Attributes:
        questions: how many were asked: all with an answer, or a sample of a large split.
        accuracy: on them, with their own images, 0 to 1.
        blank: with zeros for features.
        shuffled: with the features of another image of the split; None where there is but one.
    """

    questions: int
    accuracy: float
    blank: Drop
    shuffled: Drop | None


def measure(evaluated: Evaluated, *, most: int = MOST) -> WithoutImage | None:
    """Answer again; None where the network sees no image or the split has no answers."""
    if "image" not in evaluated.predictor.model.inputs or not evaluated.scored:
        return None
    positions = _sample(evaluated, most)
    questions = evaluated.questions.questions
    batches = _only(evaluated, positions)
    scores = np.array([evaluated.answers.answers[p].score for p in positions], dtype=np.float64)
    clusters = [questions[position].image for position in positions]
    others = shuffled_images(batches.images)

    def drop(source: FeatureSource) -> Drop:
        left = _scores(evaluated, batches.with_features(source))
        interval = difference_interval((scores - left).tolist(), clusters)
        return Drop(float(left.mean()), float((scores - left).mean()), interval)

    return WithoutImage(
        questions=len(positions),
        accuracy=float(scores.mean()),
        blank=drop(_Blank(batches.source)),
        shuffled=drop(_Shuffled(batches.source, others)) if others else None,
    )


def terminal_lines(value: WithoutImage) -> list[TerminalLine]:
    """Say both accuracies, and how far they are below the usual one."""
    lines = [TerminalLine("with blank images", value.blank.accuracy, _note(value.blank))]
    if value.shuffled is not None:
        note = _note(value.shuffled)
        lines.append(TerminalLine("with images shuffled", value.shuffled.accuracy, note))
    return lines


def page_section(value: WithoutImage, context: PageContext) -> Section:
    """Show how much of the accuracy needs the image, and a table of what was done."""
    rows = [("its own image", f"{value.accuracy:.1%}", "", "")]
    rows.append(_row("a blank image", value.blank))
    if value.shuffled is not None:
        rows.append(_row("another image of the split", value.shuffled))
    table = Table(("The network is shown", "Accuracy", "Drop in points", "95 %"), tuple(rows))
    text = _sentence(value)
    return Section("Does it need the image?", (Prose(text), table))


def image_verdict(value: WithoutImage) -> str | None:
    """Say plainly that nothing shows a need of the image; None where accuracy falls without it."""
    ways = {"with blank pictures": value.blank, "with other pictures": value.shuffled}
    for way, drop in ways.items():
        if drop is None or drop.interval[0] > 0:
            continue
        well = f"{drop.accuracy:.1%} right {way}, {value.accuracy:.1%} with their own"
        measured = f"({well}; {_note(drop).strip()}; {value.questions:,} questions)"
        if drop.drop > 0:
            return (
                f"Nothing shows that it uses the pictures {measured}: it may guess from questions."
            )
        return f"It answers as well without the pictures {measured}: what is right is guessed."
    return None


def shuffled_images(images: Sequence[str], *, seed: int = 0) -> dict[str, str]:
    """Give each image another one, and none to two; nothing where there are not two images.

    In a random order each takes the next, the last the first: no image keeps its place.
    """
    if len(images) < 2:
        return {}
    order = random.Random(seed).sample(list(images), len(images))
    return dict(zip(order, [*order[1:], order[0]], strict=True))


class _Blank:
    """Zeros in the shape and type of a source's features."""

    def __init__(self, source: FeatureSource) -> None:
        self._source = source

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        one = self._source.read(image_ids[:1])
        return torch.zeros(len(image_ids), *one.shape[1:], dtype=one.dtype, device=one.device)


class _Shuffled:
    """Features of other images in the place of those asked for."""

    def __init__(self, source: FeatureSource, others: dict[str, str]) -> None:
        self._source, self._others = source, others

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        return self._source.read([self._others[image] for image in image_ids])


def _sample(evaluated: Evaluated, most: int) -> list[int]:
    """Choose the positions of answered questions to ask again, in their order."""
    answered = [p for p, one in enumerate(evaluated.answers.answers) if one.score is not None]
    if len(answered) <= most:
        return answered
    return sorted(random.Random(0).sample(answered, most))


def _only(evaluated: Evaluated, positions: Sequence[int]) -> Batches:
    """Batch some of the questions, in their order."""
    chosen = tuple(evaluated.questions.questions[position] for position in positions)
    images = {q.image: evaluated.questions.images[q.image] for q in chosen}
    run, batches = evaluated.predictor.run, evaluated.batches
    return Batches(
        replace(evaluated.questions, questions=chosen, images=images),
        batches.source,
        run.words,
        run.answers,
        batch_size=batches.batch_size,
    )


def _scores(evaluated: Evaluated, batches: Batches) -> Array:
    quiet = Console(quiet=True)
    answers = answer_questions(evaluated.predictor, batches, console=quiet).answers
    return np.array([one.score for one in answers], dtype=np.float64)


def _sentence(value: WithoutImage) -> str:
    """Say which share of the accuracy needs the image: what is lost with another one."""
    drop = value.blank if value.shuffled is None else value.shuffled
    shown = "Without an image" if value.shuffled is None else "Shown another image of the split"
    low, high = _ends(drop)
    points = f"**{100 * abs(drop.drop):.1f} points** (95 %: {low:.1f} to {high:.1f})"
    whole = f"its {value.accuracy:.1%} on {value.questions:,} questions"
    lost = f"{shown}, it loses {points} of {whole}."
    if drop.drop < 0:
        lost = f"{shown}, it gains {points} on {whole}."
    if drop.interval[0] <= 0:
        return f"{lost} None of its accuracy is known to need the image."
    return f"{lost} **{drop.drop / value.accuracy:.0%}** of its accuracy needs the image."


def _note(drop: Drop) -> str:
    less = "less" if drop.drop >= 0 else "more"
    low, high = _ends(drop)
    return f"  {100 * abs(drop.drop):.1f} points {less}, {low} to {high} (95 %)"


def _ends(drop: Drop) -> tuple[float, float]:
    """Return the interval in the direction that the accuracy goes, in points, as it is written."""
    sign = 1 if drop.drop >= 0 else -1
    low, high = sorted(round(100 * sign * end, 1) + 0.0 for end in drop.interval)
    return low, high


def _row(name: str, drop: Drop) -> tuple[str, str, str, str]:
    low, high = _ends(drop)
    points = f"{100 * abs(drop.drop):.1f}"
    gained = " more" if drop.drop < 0 and float(points) else ""
    return name, f"{drop.accuracy:.1%}", f"{points}{gained}", f"{low} to {high}"
