"""A gallery of the page: some questions with their answers, and where the network looked."""

from __future__ import annotations

import base64
import io
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from askattend.data.questions import Question
from askattend.drawing.overlay import (
    drawn_as_cells,
    fit_long_side,
    map_caption,
    peak,
    tinted_map,
)
from askattend.drawing.scale import SCALE_SAYS, legend, scale_ticks, strongest
from askattend.features.geometry import WHOLE, Crop
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.shares import percent
from askattend.runs.predictor import Answer

THUMBNAIL = 256  # long side in pixels: sharp on a dense screen, and some 8 kB
QUALITY = 72
STOPS = 25  # colours of the scale, between which a browser blends
VERDICTS = ("wrong", "partly", "right")  # in the order of the gallery
_WORDS = {"wrong": "wrong", "partly": "partly right", "right": "right"}


@dataclass(frozen=True)
class Tile:
    """A picture of a card.

    Attributes:
        data: its JPEG in base 64.
        width: in pixels.
        height: in pixels.
        alt: what it shows, for those who do not see it.
        caption: lines below it.
    """

    data: str
    width: int
    height: int
    alt: str
    caption: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """The scale of the tints, as the gallery shows it.

    Attributes:
        strongest: the multiple of an even share that is tinted strongest.
        stops: colours at even steps along it, as CSS has them.
        ticks: how far along it each lies, 0 to 1, and its label.
        unit: what the ticks count.
    """

    strongest: int
    stops: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    unit: str = SCALE_SAYS


@dataclass(frozen=True)
class Card:
    """An example as it is shown.

    Attributes:
        kind: what cards can be filtered by beside the verdict.
        verdict: see `verdict`.
        badge: the verdict as it is read.
        tiles: the image, and its attention maps.
        question: its text.
        answer: the network's.
        probability: of the answer, 0 to 1.
        references: the human answers; empty if there are none.
        next_best: the two next answers with their probabilities.
    """

    kind: str
    verdict: str | None
    badge: str
    tiles: tuple[Tile, ...]
    question: str
    answer: str
    probability: float
    references: str
    next_best: str


@dataclass(frozen=True)
class Gallery:
    """Cards with what stands above them.

    Attributes:
        title: of the section.
        counts: how many answers were right, and how many of which verdict are shown.
        carried: what the maps carry, by the run's own figures; empty where none was measured.
        field: what a region has seen, drawn; None where it was not measured.
        scale: of the maps' tints; None where the network attends nowhere.
        verdicts: of the cards: verdict, its name and how many have it.
        kinds: of the cards, and how many are of each.
        cards: wrong answers first, the surest on top.
    """

    title: str
    counts: str
    carried: str
    field: Tile | None
    scale: Scale | None
    verdicts: tuple[tuple[str, str, int], ...]
    kinds: tuple[tuple[str, int], ...]
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Example:
    """A question of the gallery.

    Attributes:
        question: with its reference answers, if it has any.
        image: the image that it is about.
        answer: the network's, with its attention.
        score: how right the answer is, 0 to 1; None if there is nothing to compare it with.
        seen: the part of the image that the maps lie over.
    """

    question: Question
    image: Image.Image
    answer: Answer
    score: float | None
    seen: Crop = WHOLE


def verdict(score: float | None) -> str | None:
    """Put a score in a word: ``"wrong"`` (0), ``"partly"``, ``"right"`` (1); None for none."""
    if score is None:
        return None
    return "wrong" if score <= 0 else "right" if score > 0.999 else "partly"


def choose(predictions: Sequence[ScoredAnswer], *, count: int = 48, seed: int = 0) -> list[int]:
    """Choose predictions to show: half of them wrong, spread over the types of answers.

    Where fewer than half are wrong, or fewer than half are not, the others fill their places.

    Args:
        predictions: to choose from.
        count: how many to choose, at most.
        seed: the same predictions and seed give the same choice.

    Returns:
        Positions in `predictions`, rising.
    """
    wrong: list[int] = []
    others: list[int] = []
    for position, prediction in enumerate(predictions):
        (wrong if verdict(prediction.score) == "wrong" else others).append(position)
    generator = random.Random(seed)
    wrong = _spread(wrong, predictions, generator)
    others = _spread(others, predictions, generator)
    wrongs = min(len(wrong), max(count // 2, count - len(others)))
    return sorted(wrong[:wrongs] + others[: count - wrongs])


def _spread(
    positions: Iterable[int], predictions: Sequence[ScoredAnswer], generator: random.Random
) -> list[int]:
    """Put the positions in random order, the types of answers taking turns."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position in positions:
        groups[predictions[position].answer_type or ""].append(position)
    turns = []
    for name in sorted(groups):
        generator.shuffle(groups[name])
        turns += [(turn, name, position) for turn, position in enumerate(groups[name])]
    return [position for _, _, position in sorted(turns)]


def gallery_of(
    examples: Sequence[Example],
    predictions: Sequence[ScoredAnswer],
    maps_name: str | None,
    carried: str = "",
    field: Tile | None = None,
) -> Gallery:
    """Lay out examples, wrong answers first, the surest on top.

    Args:
        examples: at least one.
        predictions: those that they were chosen from.
        maps_name: what an attention map is called; None of a network that attends nowhere.
        carried: see `Gallery`.
        field: likewise.
    """
    ranks = {name: rank for rank, name in enumerate(VERDICTS)}
    ordered = sorted(
        examples,
        key=lambda e: (ranks.get(verdict(e.score) or "", len(VERDICTS)), -e.answer.probability),
    )
    shown = Counter(verdict(example.score) for example in examples)
    kinds = Counter(_kind(example.question) for example in examples)
    return Gallery(
        "Its answers" if maps_name is None else "Where it looked",
        _counts(shown, predictions),
        carried,
        field,
        None if maps_name is None else scale_of(examples[0].answer.attention[0].numel()),
        tuple((v, _WORDS[v], shown[v]) for v in reversed(VERDICTS) if shown[v]),
        tuple(sorted(kinds.items())),
        tuple(_card(example, maps_name) for example in ordered),
    )


def scale_of(regions: int) -> Scale:
    """Return the scale of the maps of a grid of so many regions."""
    row = np.asarray(legend(STOPS, 1))[0]
    stops = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in row.tolist())
    return Scale(strongest(regions), stops, tuple(scale_ticks(regions)))


def _counts(shown: Counter[str | None], predictions: Sequence[ScoredAnswer]) -> str:
    """Say how many answers were right, and how many of which kind the gallery shows."""
    of_all = Counter(verdict(prediction.score) for prediction in predictions)
    counts = [f"{of_all[v]:,} {_WORDS[v]}" for v in reversed(VERDICTS) if of_all[v]]
    text = f"{len(predictions):,} answers{': ' * bool(counts)}{', '.join(counts)}. "
    if shown["wrong"]:
        return f"{text}Of the {shown.total()} shown, {shown['wrong']} are wrong; they come first."
    return f"{text}{shown.total()} are shown."


def _kind(question: Question) -> str:
    """Give the type of a question, or else of its answer; empty where neither is known."""
    return question.question_type or question.answer_type or ""


def _card(example: Example, maps_name: str | None) -> Card:
    question, answer = example.question, example.answer
    return Card(
        _kind(question),
        verdict(example.score),
        _badge(example.score),
        tuple(_tiles(example, maps_name)),
        question.text,
        answer.text,
        answer.probability,
        _references(question.answers),
        ", ".join(f"{text} {percent(p)}" for text, p in answer.top[1:3]),
    )


def _tiles(example: Example, maps_name: str | None) -> Iterator[Tile]:
    photo = fit_long_side(example.image.convert("RGB"), THUMBNAIL)
    yield make_tile(photo, f"Image {example.question.image}", "image")
    for number, attention in enumerate(example.answer.attention if maps_name else (), 1):
        name = f"{maps_name} {number}"
        picture = tinted_map(
            photo,
            attention,
            photo.size,
            seen=example.seen,
            cells=drawn_as_cells(attention),
        )
        alt = f"{name}: attention is greatest {peak(attention)}"
        yield make_tile(picture, alt, name, map_caption(attention))


def make_tile(picture: Image.Image, alt: str, *caption: str) -> Tile:
    """Make a tile of a picture, as a JPEG within the page."""
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=QUALITY, optimize=True)
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    return Tile(data, picture.width, picture.height, alt, caption)


def _badge(score: float | None) -> str:
    judged = verdict(score)
    return {"right": "✓ right", "wrong": "✗ wrong"}.get(judged or "", f"{score or 0:.0%} right")


def _references(answers: Sequence[tuple[str, int]]) -> str:
    """List human answers, each with how many people gave it where more than one did."""
    several = sum(count for _, count in answers) > 1
    named = [f"{text} × {count}" if several else text for text, count in answers[:5]]
    return ", ".join(named) + ", …" * (len(answers) > 5)
