"""The page of an explanation: a single file of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from askattend.attribution.maps import METHODS
from askattend.drawing.overlay import drawn_as_cells, fit_long_side, tinted_map
from askattend.evaluation.figures.removal import removal_charts
from askattend.evaluation.section import (
    Block,
    Chart,
    Note,
    Section,
    Table,
)
from askattend.explaining.explanation import AnswerEvidence, Explanation
from askattend.explaining.wording import (
    change,
    method_name,
    number,
    numbers,
    on_image,
    points,
    tenth,
    where_it_lies,
)
from askattend.features.geometry import WHOLE, Crop
from askattend.metrics.shares import percent
from askattend.report.gallery import Tile, make_tile, scale_of
from askattend.report.page import environment, grouped

SIDE = 640  # long side of a picture in pixels: sharp when it is enlarged
BLANK = "#d9dce2"  # where there is no picture to draw on


@dataclass(frozen=True)
class Evidence:
    """A card of maps.

    Attributes:
        title: whose maps they are.
        tiles: the maps over the picture.
    """

    title: str
    tiles: tuple[Tile, ...]


def page_of(explanation: Explanation) -> str:
    """Lay out an explanation as a page that needs neither network nor other files."""
    best, second = explanation.best, explanation.second
    photo = _photo(explanation)
    evidences = [Evidence(_title(best), tuple(_tiles(explanation, photo)))]
    if second is not None:
        maps = {name: m for name, m in second.maps.items() if name != "attention"}
        title = f"Next best: {_title(second)}"
        evidences.append(Evidence(title, tuple(_map_tiles(maps, explanation, photo))))
    page = environment().get_template("explanation.html")
    return page.render(
        title=f"{explanation.question} {explanation.answer.said}",
        question=explanation.question,
        said=explanation.answer.said,
        top=explanation.answer.top,
        notes=(*explanation.unjudged, *explanation.notes),
        scale=scale_of(explanation.removed[-1]),
        evidences=evidences,
        sections=grouped(_sections(explanation)),
    )


def _title(evidence: AnswerEvidence) -> str:
    return f"“{evidence.text}”, {percent(evidence.probability)}"


def _photo(explanation: Explanation) -> Image.Image:
    """Return the picture, of a size to be shown; a blank one where it is not at hand."""
    picture = explanation.answer.image
    if picture is not None:
        return fit_long_side(picture.convert("RGB"), SIDE)
    rows, columns = explanation.best.maps["attention"].shape
    return fit_long_side(Image.new("RGB", (columns, rows), BLANK), SIDE)


def _tiles(explanation: Explanation, photo: Image.Image) -> Iterator[Tile]:
    """Draw the picture, each glimpse or hop, and the maps of the answer."""
    answer = explanation.answer
    if answer.image is not None:
        yield make_tile(photo, "The picture", "Picture")
    maps = answer.attention.double().numpy()
    if len(maps) > 1:
        own = {f"{answer.maps_name.capitalize()} {n}": m for n, m in enumerate(maps, 1)}
        yield from _map_tiles(own, explanation, photo)
    yield from _map_tiles(explanation.best.maps, explanation, photo)


def _map_tiles(
    maps: Mapping[str, Float[np.ndarray, "rows columns"]],
    explanation: Explanation,
    photo: Image.Image,
) -> Iterator[Tile]:
    several = len(explanation.answer.attention) > 1
    for key, values in maps.items():
        name = method_name(key) if key in METHODS else key
        name = f"{name}, mean" if key == "attention" and several else name
        said = where_it_lies(values)
        drawn = _drawn(values, photo, explanation.answer.seen or WHOLE)
        yield make_tile(drawn, f"{name}: {said}", name, said[:1].upper() + said[1:])


def _drawn(
    values: Float[np.ndarray, "rows columns"], photo: Image.Image, seen: Crop
) -> Image.Image:
    """Tint the picture by what of a map is above 0; leave it as it is where nothing is."""
    found = on_image(values)
    if found is None:
        return photo
    attention = torch.from_numpy(found)
    return tinted_map(photo, attention, photo.size, seen=seen, cells=drawn_as_cells(attention))


def _sections(explanation: Explanation) -> Iterator[Section]:
    yield Section("Do the maps agree?", tuple(_agreement(explanation)))
    yield Section("Does the answer hang on it?", tuple(_removal(explanation)))
    yield Section("Which words count?", tuple(_words(explanation)))
    if explanation.rewordings:
        yield Section("The same in other words", tuple(_rewordings(explanation)))
    yield Section("Without what training taught", tuple(_lost_layers(explanation)))


def _agreement(explanation: Explanation) -> Iterator[Block]:
    rows = tuple(
        (
            f"{method_name(one.first)} and {method_name(one.second)}",
            number(one.rank_correlation),
            f"{one.top_tenth:.0%}",
        )
        for one in explanation.agreement
    )
    yield Table(("Maps of the answer", "Rank correlation", "Same top tenth"), rows)
    note = (
        "How alike two maps rank the regions (Spearman, -1 to 1), and how much of one's top tenth "
        f"({tenth(explanation.removed)}) is in the other's; two random maps have 0.00 and "
        f"{explanation.chance:.0%}."
    )
    if explanation.second is not None:
        alike = zip(METHODS, numbers(explanation.second_agreement), strict=True)
        listed = ", ".join(f"{METHODS[m]} {value}" for m, value in alike if m != "attention")
        note += (
            f" With its own map of the next best answer each has a rank correlation of: {listed}."
        )
    yield Note(note)


def _removal(explanation: Explanation) -> Iterator[Block]:
    rows = tuple(
        (
            method_name(one.order),
            change(one.drop),
            f"{one.deletion_area:.3f}",
            f"{one.insertion_area:.3f}",
        )
        for one in explanation.removal
    )
    columns = ("Greatest first, by", "Without a tenth, it", "Deletion area", "Insertion area")
    yield Table(columns, rows)
    yield from _charts(explanation)
    yield Note(
        f"The probability of “{explanation.best.text}” when regions lose their features "
        f"({tenth(explanation.removed)} are a tenth), or get them back. Areas: under the curves of "
        "deletion (less is better) and insertion (more is better). The charts follow the attention."
    )


def _charts(explanation: Explanation) -> list[Chart]:
    by = {one.order: one for one in explanation.removal}
    attended, random = by["attention"], by["random"]
    deletion, insertion = (
        (attended.deletion, random.deletion),
        (attended.insertion, random.insertion),
    )
    return removal_charts(explanation.removed, deletion, insertion)


def _words(explanation: Explanation) -> Iterator[Block]:
    evidences = [one for one in (explanation.best, explanation.second) if one is not None]
    rows = tuple(
        (words[0].text, *(points(word.drop) for word in words))
        for words in zip(*(one.words for one in evidences), strict=True)
    )
    yield Table(("Without the word", *(f"“{one.text}”" for one in evidences)), rows)
    yield Note(
        "By how many percentage points each answer's probability changes when the word is left "
        "out; a lone word becomes the unknown one. Two words that say the same are missing in "
        "neither's effect."
    )


def _rewordings(explanation: Explanation) -> Iterator[Block]:
    rows = tuple(
        (one.question, f"{one.answer} {percent(one.probability)}", *numbers(one.distance))
        for one in explanation.rewordings
    )
    yield Table(("In other words", "Answer", *METHODS.values()), rows)
    yield Note(
        f"How much of each map of “{explanation.best.text}” lies elsewhere than for the question "
        "as it was asked first (total variation): 0 where nothing moved, 1 where all did."
    )


def _lost_layers(explanation: Explanation) -> Iterator[Block]:
    rows = tuple((one.layer, *numbers(one.rank_correlation)) for one in explanation.lost_layers)
    yield Table(("Untrained down to", *METHODS.values()), rows)
    yield Note(
        "Rank correlation of each map with the trained network's, once the layers from the "
        "answers down to this one are as they were before training; the mean over a few draws. A "
        "map that stays as it was does not show what training taught those layers. A dash: the "
        "map has become the same everywhere."
    )
