"""One HTML page of results: accuracy beside its floors, learning curves, and where it looked."""

from __future__ import annotations

import base64
import io
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from PIL import Image

from askattend.charts import Curve, chart
from askattend.data.questions import Question
from askattend.drawing import fit, heat, peak, range_text
from askattend.evaluation import Evaluation, Metrics, Prediction
from askattend.features.geometry import WHOLE, Box
from askattend.files import write_whole
from askattend.predictor import Answer
from askattend.progression import Progression

THUMBNAIL = 256  # long side in pixels: sharp on a dense screen, and some 8 kB
QUALITY = 72
VERDICTS = ("wrong", "partly", "right")  # in the order of the gallery
_WORDS = {"wrong": "wrong", "partly": "partly right", "right": "right"}
FLOORS = {
    "majority": ("Always the same answer", "the most common one in training: a floor"),
    "prefix": (
        "First words of the question",
        "the most common training answer to questions that start so: a floor",
    ),
}


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
    seen: Box = WHOLE


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
    positions: Iterable[int], predictions: Sequence[Prediction], generator: random.Random
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


def write_report(
    file: Path,
    *,
    title: str,
    evaluation: Evaluation,
    progression: Progression | None,
    examples: Sequence[Example],
    details: Mapping[str, str],
    maps_name: str = "glimpse",
) -> None:
    """Write the page: a single file that needs neither network nor other files.

    Args:
        file: where it goes.
        title: its heading.
        evaluation: the figures; a split without answers has none, and the page says so.
        progression: of training, if it is known.
        examples: the gallery; wrong ones are put first, the surest of them on top.
        details: what the network is and how it came about: name → value.
        maps_name: what an attention map is called: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN).

    Raises:
        OSError: the file cannot be written.
    """
    template = files("askattend").joinpath("report.html.template").read_text("utf-8")
    page = Template(template).substitute(
        title=escape(title),
        headline=_headline(evaluation.metrics),
        types=_types(evaluation.metrics),
        curves=_curves(progression),
        gallery=_gallery(examples, evaluation, maps_name),
        details=_details(details),
    )
    # A lone surrogate, which a question read from JSON may hold, has no place in UTF-8.
    write_whole(file, page.encode("utf-8", errors="replace"))


def _headline(metrics: Metrics) -> str:
    questions = f"{metrics.questions:,} {escape(metrics.split)} questions"
    if metrics.accuracy is None:
        text = (
            f"<p><b>{questions}</b> answered. The split has no answers: there is no accuracy.</p>"
        )
        return f'<div class="card hero alone"><div>{text}</div></div>'
    rows = [("own", "This network", "sees image and question", metrics.accuracy)]
    for name, value in sorted((metrics.floors or {}).items(), key=lambda floor: -floor[1]):
        rows.append(("floor", *FLOORS.get(name, (name, "a floor")), value))
    if metrics.coverage is not None:
        why = "the share of the questions whose most common answer it can give"
        rows.append(("ceiling", "Answers it knows", why, metrics.coverage))
    return f"""<div class="card hero">
<div><p class="score">{metrics.accuracy:.1%}</p>
<p class="metric"><b>{escape(metrics.metric or "accuracy")}</b><br>
<span class="muted">on {questions}<br>of {escape(metrics.source)}</span></p></div>
<ul class="bars">{"".join(_bar(*row) for row in rows)}</ul>
</div>"""


def _bar(kind: str, name: str, why: str, value: float) -> str:
    return f"""<li class="bar {kind}"><b>{escape(name)}</b><b>{value:.1%}</b>
{_track(value)}<span class="muted">{escape(why)}</span></li>"""


def _track(value: float) -> str:
    width = f"{100 * min(max(value, 0.0), 1.0):.1f}%"
    fill = f'<span class="fill" style="width:{width}"></span>'
    return f'<span class="track" aria-hidden="true">{fill}</span>'


def _types(metrics: Metrics) -> str:
    if not metrics.by_answer_type:
        return ""
    rows = "".join(
        f'<tr class="own"><th scope="row">{escape(name)}</th>'
        f'<td class="number">{share.questions:,}</td><td class="number">{share.accuracy:.1%}</td>'
        f'<td class="wide">{_track(share.accuracy)}</td></tr>'
        for name, share in metrics.by_answer_type.items()
    )
    return f"""<section><h2>By type of answer</h2><div class="card table"><table>
<thead><tr><th scope="col">Answers</th><th scope="col" class="number">Questions</th>
<th scope="col" class="number">Accuracy</th><th class="wide" aria-hidden="true"></th></tr></thead>
<tbody>{rows}</tbody></table></div></section>"""


def _curves(progression: Progression | None) -> str:
    if progression is None or progression.best is None:
        return ""
    history, best = progression.history, progression.best
    epochs = [epoch.epoch for epoch in history]
    loss = [
        Curve("training", "train", [epoch.train_loss for epoch in history]),
        Curve("validation", "valid", [epoch.valid_loss for epoch in history]),
    ]
    accuracy = [Curve("validation", "valid", [100 * epoch.valid_accuracy for epoch in history])]
    return f"""<section><h2>Learning curves</h2><div class="pair">
{chart("Loss", loss, epochs=epochs, best=best.epoch, label="{:.3g}".format)}
{chart("Accuracy", accuracy, epochs=epochs, best=best.epoch, label="{:.4g}%".format, most=100.0)}
</div><p class="muted note">Best: epoch {best.epoch} of {epochs[-1]}, with a validation accuracy of
{best.valid_accuracy:.1%}. Its weights are the ones evaluated here.</p></section>"""


def _gallery(examples: Sequence[Example], evaluation: Evaluation, maps_name: str) -> str:
    if not examples:
        return ""
    ranks = {name: rank for rank, name in enumerate(VERDICTS)}
    ordered = sorted(
        examples,
        key=lambda e: (ranks.get(verdict(e.score) or "", len(VERDICTS)), -e.answer.probability),
    )
    shown = Counter(verdict(example.score) for example in examples)
    cards = "".join(_example(example, maps_name) for example in ordered)
    return f"""<section><h2>Where it looked</h2>
<p class="muted">{_counts(shown, evaluation)} Brighter is more attention. Each map is scaled from
its least to its greatest value; they stand below it, beside the value of uniform attention.</p>
{_filters(shown, len(examples))}<div class="gallery">{cards}</div></section>"""


def _counts(shown: Counter[str | None], evaluation: Evaluation) -> str:
    """How many answers were right, and how many of which kind the gallery shows."""
    of_all = Counter(verdict(prediction.score) for prediction in evaluation.predictions)
    counts = [f"{of_all[v]:,} {_WORDS[v]}" for v in reversed(VERDICTS) if of_all[v]]
    text = f"{len(evaluation.predictions):,} answers{': ' * bool(counts)}{', '.join(counts)}. "
    if shown["wrong"]:
        return f"{text}Of the {shown.total()} shown, {shown['wrong']} are wrong; they come first."
    return f"{text}{shown.total()} are shown."


def _filters(shown: Counter[str | None], total: int) -> str:
    kinds = [v for v in reversed(VERDICTS) if shown[v]]
    if not kinds:
        return ""
    buttons = [f'<button type="button" data-filter="all" aria-pressed="true">All {total}</button>']
    buttons += [
        f'<button type="button" data-filter="{v}" aria-pressed="false">'
        f"{_WORDS[v].capitalize()} {shown[v]}</button>"
        for v in kinds
    ]
    return f'<div class="filters" role="group" aria-label="Show" hidden>{"".join(buttons)}</div>'


def _example(example: Example, maps_name: str) -> str:
    return f"""<article class="card example" data-verdict="{verdict(example.score) or "none"}">
<div class="tiles">{_tiles(example, maps_name)}</div>
<div class="said">{_said(example)}</div></article>"""


def _tiles(example: Example, maps_name: str) -> str:
    photo = fit(example.image.convert("RGB"), THUMBNAIL)
    tiles = [_tile(photo, f"Image {example.question.image}", "image")]
    for number, attention in enumerate(example.answer.attention, 1):
        name = f"{escape(maps_name)} {number}"
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


def _details(details: Mapping[str, str]) -> str:
    if not details:
        return ""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_value(value)}</dd>" for name, value in details.items()
    )
    return f'<section><h2>Details</h2><dl class="card details">{rows}</dl></section>'


def _value(value: str) -> str:
    text = escape(value)
    return f"<code>{text}</code>" if value.startswith("askattend ") else text
