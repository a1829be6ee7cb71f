"""The gallery: some questions with their answers, and where the network looked."""

from __future__ import annotations

import base64
import io
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from askattend.data.questions import Question
from askattend.evaluation.evaluate import Evaluation
from askattend.features.geometry import WHOLE, Crop
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.report.overlay import fit, heat, peak, range_text
from askattend.runs.predictor import Answer

THUMBNAIL = 256  # long side in pixels: sharp on a dense screen, and some 8 kB
QUALITY = 72
VERDICTS = ("wrong", "partly", "right")  # in the order of the gallery
_MAPS = """ Brighter is more attention. Each map is scaled from its least to its greatest value;
they stand below it, beside the value of uniform attention."""
_WORDS = {"wrong": "wrong", "partly": "partly right", "right": "right"}


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
    """A score in a word: ``"wrong"`` (0), ``"partly"``, ``"right"`` (1); None for none."""
    if score is None:
        return None
    return "wrong" if score <= 0 else "right" if score > 0.999 else "partly"


def choose(evaluation: Evaluation, *, count: int = 48, seed: int = 0) -> list[int]:
    """Positions of predictions to show: half of them wrong, spread over the types of answers.

    Where fewer than half are wrong, or fewer than half are not, the others fill their places.

    Args:
        evaluation: whose predictions.
        count: how many to choose, at most.
        seed: the same predictions and seed give the same choice.

    Returns:
        Positions in `evaluation.predictions`, rising.
    """
    wrong: list[int] = []
    others: list[int] = []
    for position, prediction in enumerate(evaluation.predictions):
        (wrong if verdict(prediction.score) == "wrong" else others).append(position)
    generator = random.Random(seed)
    wrong = _spread(wrong, evaluation.predictions, generator)
    others = _spread(others, evaluation.predictions, generator)
    wrongs = min(len(wrong), max(count // 2, count - len(others)))
    return sorted(wrong[:wrongs] + others[: count - wrongs])


def _spread(
    positions: Iterable[int], predictions: Sequence[ScoredAnswer], generator: random.Random
) -> list[int]:
    """The positions in random order, the types of answers taking turns."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position in positions:
        groups[predictions[position].answer_type or ""].append(position)
    turns = []
    for name in sorted(groups):
        generator.shuffle(groups[name])
        turns += [(turn, name, position) for turn, position in enumerate(groups[name])]
    return [position for _, _, position in sorted(turns)]


def gallery(examples: Sequence[Example], evaluation: Evaluation, maps_name: str | None) -> str:
    """The section, its wrong answers first, the surest on top; nothing without examples."""
    if not examples:
        return ""
    ranks = {name: rank for rank, name in enumerate(VERDICTS)}
    ordered = sorted(
        examples,
        key=lambda e: (ranks.get(verdict(e.score) or "", len(VERDICTS)), -e.answer.probability),
    )
    shown = Counter(verdict(example.score) for example in examples)
    cards = "".join(_example(example, maps_name) for example in ordered)
    title, maps = "Its answers", ""
    if maps_name is not None:
        title, maps = "Where it looked", _MAPS
    return f"""<section><h2>{title}</h2>
<p class="muted">{_counts(shown, evaluation)}{maps}</p>
{_filters(shown, examples)}<div class="gallery">{cards}</div>
<p class="muted none" hidden>None of those shown is of that kind.</p></section>"""


def _counts(shown: Counter[str | None], evaluation: Evaluation) -> str:
    """How many answers were right, and how many of which kind the gallery shows."""
    of_all = Counter(verdict(prediction.score) for prediction in evaluation.predictions)
    counts = [f"{of_all[v]:,} {_WORDS[v]}" for v in reversed(VERDICTS) if of_all[v]]
    text = f"{len(evaluation.predictions):,} answers{': ' * bool(counts)}{', '.join(counts)}. "
    if shown["wrong"]:
        return f"{text}Of the {shown.total()} shown, {shown['wrong']} are wrong; they come first."
    return f"{text}{shown.total()} are shown."


def _kind(question: Question) -> str:
    """What the gallery can be filtered by: the type of the question, or else of its answer."""
    return question.question_type or question.answer_type or ""


def _chooser(examples: Sequence[Example]) -> str:
    counts = Counter(_kind(example.question) for example in examples)
    if len(counts) < 2:
        return ""
    options = "".join(
        f'<option value="{escape(name)}">{escape(name or "no type")} {count}</option>'
        for name, count in sorted(counts.items())
    )
    return (
        '<select aria-label="Type of question"><option value="*">All types</option>'
        f"{options}</select>"
    )


def _filters(shown: Counter[str | None], examples: Sequence[Example]) -> str:
    total = len(examples)
    kinds, chooser = [v for v in reversed(VERDICTS) if shown[v]], _chooser(examples)
    if not kinds and not chooser:
        return ""
    buttons = [f'<button type="button" data-filter="all" aria-pressed="true">All {total}</button>']
    buttons += [
        f'<button type="button" data-filter="{v}" aria-pressed="false">'
        f"{_WORDS[v].capitalize()} {shown[v]}</button>"
        for v in kinds
    ]
    inside = "".join(buttons) + chooser
    return f'<div class="filters" role="group" aria-label="Show" hidden>{inside}</div>'


def _example(example: Example, maps_name: str | None) -> str:
    return f"""<article class="card example" data-verdict="{verdict(example.score) or "none"}" \
data-kind="{escape(_kind(example.question))}">
<div class="tiles">{_tiles(example, maps_name)}</div>
<div class="said">{_said(example)}</div></article>"""


def _tiles(example: Example, maps_name: str | None) -> str:
    photo = fit(example.image.convert("RGB"), THUMBNAIL)
    tiles = [_tile(photo, f"Image {example.question.image}", "image")]
    for number, attention in enumerate(example.answer.attention if maps_name else (), 1):
        name = f"{escape(str(maps_name))} {number}"
        alt = f"{maps_name} {number}: attention is greatest {peak(attention)}"
        caption = f"{name}<br>{range_text(attention).replace(', ', '<br>')}"
        picture = heat(photo, attention, photo.size, seen=example.seen)
        tiles.append(_tile(picture, alt, caption))
    return "".join(tiles)


def _said(example: Example) -> str:
    """The question, the answer with its badge and probability, and what else might be said."""
    question, answer = example.question, example.answer
    lines = [
        f'<h3 dir="auto">{escape(question.text)}</h3><p class="answer">{_badge(example.score)}'
        f'<strong dir="auto">{escape(answer.text)}</strong> {answer.probability:.1%}</p>'
    ]
    if question.answers:
        lines.append(f'<p class="muted">Reference: {_references(question.answers)}</p>')
    if others := ", ".join(f"{text} {p:.1%}" for text, p in answer.top[1:3]):
        lines.append(f'<p class="muted">Next best: <span dir="auto">{escape(others)}</span></p>')
    return "".join(lines)


def _tile(picture: Image.Image, alt: str, caption: str) -> str:
    """A picture inside the page; the caption is HTML."""
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=QUALITY, optimize=True)
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" width="{picture.width}" '
        f'height="{picture.height}" alt="{escape(alt)}"><figcaption>{caption}</figcaption></figure>'
    )


def _badge(score: float | None) -> str:
    judged = verdict(score)
    if judged is None or score is None:
        return ""
    text = {"right": "✓ right", "wrong": "✗ wrong"}.get(judged, f"{score:.0%} right")
    return f'<span class="badge {judged}">{text}</span>'


def _references(answers: Sequence[tuple[str, int]]) -> str:
    """The human answers, each with how many people gave it where more than one did."""
    several = sum(count for _, count in answers) > 1
    named = [f"{text} × {count}" if several else text for text, count in answers[:5]]
    more = ", …" if len(answers) > 5 else ""
    return f'<span dir="auto">{escape(", ".join(named))}{more}</span>'
