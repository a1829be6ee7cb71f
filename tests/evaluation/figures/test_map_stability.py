"""Attention when the words change, as it is measured, said and shown."""

from __future__ import annotations

import numpy as np
import pytest

from askattend.cli.evaluate import table
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures, map_stability
from askattend.evaluation.section import Note, Table
from askattend.metrics.map_stability import MapDistance, MapStability
from askattend.metrics.significance import Estimate
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

TEXTS = ("is it red", "red is it", "it", "is is red")


def estimate(value: float) -> Estimate:
    return Estimate(value, (value - 0.05, value + 0.05))


VALUE = MapStability(
    MapDistance(40, estimate(0.06), estimate(0.9)), MapDistance(38, estimate(0.5), estimate(0.1))
)


def test_wordings_of_one_meaning_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the first of them with the only other question about the image."""
    some = [
        question(10 * image + n, image=f"{image}", text=text, meaning="m" if n < 2 else None)
        for image in range(3)
        for n, text in enumerate(TEXTS[:3])
    ]
    found = evaluated(make_qaset(*some), ["yes"] * 9)
    value = map_stability.measure(found)
    assert value is not None
    maps = {}
    for batch in found.batches.in_order():
        output = found.predictor.model(
            batch.regions, batch.tokens, batch.lengths, batch.image_index
        )
        for position, map_ in zip(batch.question_index.tolist(), output.attention, strict=True):
            maps[some[position].id] = map_.mean(dim=0).detach().numpy()
    moved = [np.abs(maps[10 * i] - maps[10 * i + 1]).sum() / 2 for i in range(3)]
    assert value.reworded.pairs == 3
    assert value.reworded.moved.value == pytest.approx(np.mean(moved), abs=1e-6)
    assert value.another is not None
    choices = [
        [np.abs(maps[10 * i + n] - maps[10 * i + 2]).sum() / 2 for n in (0, 1)] for i in range(3)
    ]
    low, high = (np.mean([end(two) for two in choices]) for end in (min, max))
    assert low - 1e-6 <= value.another.moved.value <= high + 1e-6
    monkeypatch.setattr(map_stability, "MEANINGS", 2)
    fewer = map_stability.measure(found)
    assert fewer is not None
    assert fewer.reworded.pairs == 2


def test_without_paraphrases_or_attention_there_is_none() -> None:
    pair = [question(n, image="a", text=TEXTS[n], meaning="m") for n in range(2)]
    assert map_stability.measure(evaluated(make_qaset(*pair), ["yes"] * 2, attends=False)) is None
    assert (
        map_stability.measure(evaluated(make_qaset(question(0), question(1)), ["yes"] * 2)) is None
    )
    alone = map_stability.measure(evaluated(make_qaset(*pair), ["yes"] * 2))
    assert alone is not None
    assert alone.another is None
    shown, _ = map_stability.page_section(alone, CONTEXT).blocks
    assert isinstance(shown, Table)
    assert len(shown.rows) == 1
    assert map_stability.terminal_lines(alone)[0].note == ""


def test_it_is_said_and_shown_beside_another_question() -> None:
    figures = {**dict.fromkeys(all_figures()), "map_stability": VALUE}
    metrics = Metrics("scenes", "test", 200, "exact match", 0.5, (0.4, 0.6), figures=figures)
    assert table(metrics).splitlines()[-1] == (
        "attention that moves in other words      6.00%  (for another question 50.0%)"
    )
    shown, note = map_stability.page_section(VALUE, CONTEXT).blocks
    assert isinstance(shown, Table)
    assert shown.rows == (
        ("The same in other words", "40", "6.0% (1.0%–11.0%)", "0.90 (0.85 to 0.95)"),
        ("Another question", "38", "50.0% (45.0%–55.0%)", "0.10 (0.05 to 0.15)"),
    )
    assert isinstance(note, Note)
    assert "the glimpses' mean" in note.text
