"""One HTML page of results: accuracy beside its floors, what it hides, and where it looked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from askattend.evaluation.evaluate import Evaluation, Figure, Metrics
from askattend.evaluation.figures.removal import change_text
from askattend.evaluation.section import Block, PageContext, Section
from askattend.files import atomic_write
from askattend.metrics.accuracy import accuracy_label
from askattend.metrics.grounding import Grounding
from askattend.metrics.removal import Removal
from askattend.metrics.shares import percent
from askattend.report.charts import draw, line_kind
from askattend.report.details import portable
from askattend.report.gallery import Example, Tile, gallery_of
from askattend.report.learning_curves import learning_curves
from askattend.training.history import TrainingHistory

_FLOORS = {
    "majority": ("Always the same answer", "the most common one in training: a floor"),
    "prefix": (
        "First words of the question",
        "the most common training answer to questions that start so: a floor",
    ),
    "bag_of_words": ("", "logistic regression on words and word pairs: a floor"),
    "bag_of_words_and_image": (
        "",
        "logistic regression on words, word pairs and the image's mean feature: a floor",
    ),
}


@dataclass(frozen=True)
class Bar:
    """A bar of the headline.

    Attributes:
        kind: its class in the style sheet: ``"own"``, ``"floor"`` or ``"ceiling"``.
        name: what it is.
        why: what it means.
        value: its length, 0 to 1.
        interval: of the value, 95 %, if it is known.
    """

    kind: str
    name: str
    why: str
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Grouped:
    """A section with its blocks in runs of one kind, which are laid out together."""

    title: str
    groups: tuple[tuple[str, tuple[Block, ...]], ...]


def write_report(
    file: Path,
    *,
    title: str,
    evaluation: Evaluation,
    figures: Mapping[str, Figure],
    history: TrainingHistory | None,
    examples: Sequence[Example],
    details: Mapping[str, str],
    maps_name: str | None = "glimpse",
    sees: str = "image and question",
    field: Tile | None = None,
) -> None:
    """Write the page: a single file that needs neither network nor other files.

    Args:
        file: where it goes.
        title: its heading.
        evaluation: the figures; a split without answers has no accuracy, and the page says so.
        figures: the figures that were measured, which show themselves.
        history: of training, if it is known.
        examples: the gallery; wrong ones are put first, the surest of them on top.
        details: what the network is and how it came about: name → value.
        maps_name: what an attention map is called: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN); None of
            a network that attends nowhere, of whose attention nothing is shown.
        sees: what the network answers from.
        field: what a region of an example has seen, drawn, if it was measured.

    Raises:
        OSError: the file cannot be written.
    """
    metrics = evaluation.metrics
    context = PageContext(metrics.figures, maps_name or "map", "abstention" in figures)
    sections = [*_figure_sections(figures, context), learning_curves(history)]
    answered, carried = evaluation.predictions, _carried(metrics.figures)
    gallery = gallery_of(examples, answered, maps_name, carried, field) if examples else None
    page = (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            metrics=metrics,
            bars=_bars(metrics, sees),
            sections=grouped(section for section in sections if section is not None),
            gallery=gallery,
            details=details,
        )
    )
    # A lone surrogate, which a question read from JSON may hold, has no place in UTF-8.
    atomic_write(file, page.encode("utf-8", errors="replace"))


@cache
def environment() -> Environment:
    """Return what fills in the templates of pages; it is made once."""
    environment = Environment(
        loader=PackageLoader("askattend.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "share": "{:.1%}".format,
        "percent": percent,
        "count": "{:,}".format,
        "clamp": _clamp,
        "width": lambda share: f"{100 * _clamp(share):.1f}%",
        "accuracy": accuracy_label,
        "capitalise": lambda text: f"{text[:1].upper()}{text[1:]}",
        "marked": _marked,
        "breakable": _breakable,
        "draw": draw,
        "line_kind": line_kind,
    }
    environment.filters.update(filters)
    return environment


def _clamp(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _marked(text: str) -> Markup:
    """Escape a block's text; then what stands between ``**`` is bold, between backticks code."""
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", bold))


def _breakable(source: str) -> Markup:
    """Escape a source without its folders; a line may end behind each of its options."""
    return Markup(str(escape(portable(source))).replace(",", ",<wbr>"))


def _carried(figures: Mapping[str, Any]) -> str:
    """Say how much of an answer the maps carry, as far as it was measured."""
    grounding: Grounding | None = figures.get("grounding")
    removal: Removal | None = figures.get("removal")
    said = []
    if grounding is not None:
        inside = (grounding.mean or grounding.maps[0]).inside.value
        uniform = grounding.uniform.inside.value
        said.append(f"{inside:.1%} of the attention lies in the boxes of what is asked about")
        said.append(f"of a uniform map {uniform:.1%}")
    if removal is not None:
        drop = (removal.mean or removal.maps[0]).drop
        said.append(
            "without the most attended tenth of the regions the answer's probability "
            f"{change_text(drop)}, without a random tenth it {change_text(removal.random.drop)}"
        )
    return f"Here {'; '.join(said)}." if said else ""


def _bars(metrics: Metrics, sees: str) -> list[Bar]:
    """List the network between its floors and its ceiling."""
    if metrics.accuracy is None:
        return []
    bars = [Bar("own", "This network", f"sees {sees}", metrics.accuracy, metrics.interval)]
    for key, floor in sorted((metrics.floors or {}).items(), key=lambda pair: -pair[1].accuracy):
        name, why = _FLOORS.get(key, ("", "a floor"))
        name = name or f"{floor.name[0].upper()}{floor.name[1:]}"
        bars.append(Bar("floor", name, why, floor.accuracy, floor.interval))
    if metrics.coverage is not None:
        why = "the share of the questions whose most common answer it can give"
        bars.append(Bar("ceiling", "Answers it knows", why, metrics.coverage))
    if metrics.ceiling is not None:
        why = "what always choosing the best answer that it can give would score"
        bars.append(Bar("ceiling", "Ceiling", why, metrics.ceiling))
    return bars


def _figure_sections(
    figures: Mapping[str, Figure], context: PageContext
) -> Iterable[Section | None]:
    for name, figure in figures.items():
        if (value := context.figures.get(name)) is not None:
            yield figure.page_section(value, context)


def grouped(sections: Iterable[Section]) -> list[Grouped]:
    """Join sections of one title in a row, and put their blocks of one kind in a row together."""
    joined = []
    for title, same in groupby(sections, key=lambda section: section.title):
        blocks = [block for section in same for block in section.blocks]
        runs = groupby(blocks, key=lambda block: type(block).__name__)
        joined.append(Grouped(title, tuple((kind, tuple(run)) for kind, run in runs)))
    return joined
