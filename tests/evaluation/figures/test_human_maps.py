"""Attention beside where people looked, as it is measured, said and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askattend.cli.evaluate import table
from askattend.evaluation.evaluate import Evaluated, Metrics
from askattend.evaluation.figures import all_figures, human_maps
from askattend.evaluation.human_maps import find_human_maps, read_human_map
from askattend.evaluation.section import Note, Table
from askattend.features.geometry import WHOLE
from askattend.metrics.human_maps import HumanAgreement, correlate
from askattend.metrics.significance import Estimate
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset


def estimate(value: float) -> Estimate:
    return Estimate(value, (value - 0.1, value + 0.1))


VALUE = HumanAgreement(
    50, 150, (estimate(0.2), estimate(0.3)), estimate(0.35), estimate(0.46), estimate(0.62), 49
)


@pytest.fixture
def looked(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("0_1", "0_2", "2_1", "3_1", "77_1"):
        grey = rng.integers(0, 256, (20, 30), dtype=np.uint8) * (name != "3_1")
        Image.fromarray(grey).save(tmp_path / f"{name}.png")
    return tmp_path


def with_maps(folder: Path, *, attends: bool = True) -> Evaluated:
    split = make_qaset(*(question(number) for number in range(5)))
    found = evaluated(split, ["yes"] * 5, attends=attends)
    return replace(found, human_maps=find_human_maps(folder))


def test_questions_that_people_looked_for_are_measured(looked: Path) -> None:
    found = with_maps(looked)
    value = human_maps.measure(found)
    assert value is not None
    # The map in which nothing was brought into focus has no ranks.
    assert (value.questions, value.people_maps, value.shared) == (2, 3, 1)
    (batch,) = (b for b in found.batches.in_order() if b.question_index.tolist()[0] == 0)
    output = found.predictor.model(batch.regions, batch.tokens, batch.lengths, batch.image_index)
    people = [read_human_map(looked / f"0_{n}.png", WHOLE) for n in (1, 2)]
    maps = output.attention.detach().double().unflatten(2, (2, 2)).numpy()
    first, among = correlate(maps[0], people)
    second, _ = correlate(maps[2], [read_human_map(looked / "2_1.png", WHOLE)])
    means = (first + second) / 2
    assert value.mean is not None
    assert [*(one.value for one in value.maps), value.mean.value, value.centre.value] == (
        pytest.approx(means.tolist(), abs=1e-6)
    )
    assert value.people is not None
    assert value.people.value == pytest.approx(among)


def test_nothing_is_measured_unasked_or_without_attention(looked: Path) -> None:
    found = with_maps(looked)
    assert human_maps.measure(replace(found, human_maps=None)) is None
    assert human_maps.measure(replace(found, human_maps={"77": (looked / "77_1.png",)})) is None
    assert human_maps.measure(replace(found, human_maps={"3": (looked / "3_1.png",)})) is None
    assert human_maps.measure(with_maps(looked, attends=False)) is None


def test_the_terminal_hears_of_the_mean_map() -> None:
    figures = {**dict.fromkeys(all_figures()), "human_maps": VALUE}
    metrics = Metrics("vqa", "valid", 200, "exact match", 0.5, (0.4, 0.6), figures=figures)
    assert table(metrics).splitlines()[-1] == (
        "rank correlation with people's maps     0.35  (the middle 0.46, people with one another "
        "0.62)"
    )


def test_the_page_has_a_row_a_map() -> None:
    shown, note = human_maps.page_section(VALUE, CONTEXT).blocks
    assert isinstance(shown, Table)
    assert shown.rows == (
        ("Glimpse 1", "0.20 (0.10 to 0.30)"),
        ("Glimpse 2", "0.30 (0.20 to 0.40)"),
        ("Mean map", "0.35 (0.25 to 0.45)"),
        ("Always the middle", "0.46 (0.36 to 0.56)"),
        ("People with one another", "0.62 (0.52 to 0.72)"),
    )
    assert isinstance(note, Note)
    assert "With 150 maps of where people looked to answer 50 questions; 49 have two" in note.text
