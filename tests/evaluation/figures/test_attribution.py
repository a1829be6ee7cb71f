"""Attention beside other maps, as it is measured, said and shown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from askattend.attribution.maps import METHODS, maps_of
from askattend.cli.evaluate import table
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures, attribution
from askattend.evaluation.section import Note, Table
from askattend.metrics.attribution import Attribution, MethodScores
from askattend.metrics.significance import Estimate
from askattend.models.kernels.int8 import round_to_eight_bits
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

LEFT = (0.0, 0.0, 0.5, 1.0)
QUESTIONS = make_qaset(*(question(n, boxes=(LEFT,) * (n < 3)) for n in range(9)))


def estimate(value: float) -> Estimate:
    return Estimate(value, (value - 0.1, value + 0.1))


OTHER = MethodScores(estimate(-0.25), estimate(0.5), estimate(0.2), estimate(0.75))
VALUE = Attribution(
    100, 40, 49, 5,
    {
        "attention": MethodScores(None, None, estimate(0.3), estimate(0.5)),
        "grad_cam": OTHER, "gradient_times_input": OTHER, "occlusion": OTHER,
    },
)  # fmt: skip


def test_it_is_measured_of_the_sample() -> None:
    found = evaluated(QUESTIONS, ["yes"] * 9)
    value = attribution.measure(found)
    assert value is not None
    assert (value.questions, value.boxed, value.regions, value.tenth) == (9, 3, 4, 1)
    assert list(value.methods) == list(METHODS)
    ranks = []
    for batch in found.sample.in_order():
        _, maps = maps_of(found.predictor.model, batch)
        pairs = zip(maps["attention"], maps["occlusion"], strict=True)
        ranks += [spearmanr(a, b).statistic for a, b in pairs]
    occlusion = value.methods["occlusion"].rank_correlation
    assert occlusion is not None
    assert occlusion.value == pytest.approx(np.mean(ranks))


def test_it_takes_few_questions_where_regions_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "OCCLUSIONS", 20)
    value = attribution.measure(evaluated(QUESTIONS, ["yes"] * 9))
    assert value is not None
    assert value.questions == 5
    assert attribution.measure(evaluated(QUESTIONS, ["yes"] * 9)) == value


def test_a_network_without_attention_or_gradient_has_none() -> None:
    assert attribution.measure(evaluated(QUESTIONS, ["yes"] * 9, attends=False)) is None
    rounded = evaluated(QUESTIONS, ["yes"] * 9)
    round_to_eight_bits(rounded.predictor.model)
    assert attribution.measure(rounded) is None


def test_half_precision_is_no_hindrance() -> None:
    half = evaluated(QUESTIONS, ["yes"] * 9)
    half.predictor.model.bfloat16()
    value = attribution.measure(half)
    assert value is not None
    assert value.questions == 9


def test_the_terminal_hears_how_like_the_attention_they_are() -> None:
    figures = {**dict.fromkeys(all_figures()), "attribution": VALUE}
    metrics = Metrics("easy-vqa", "test", 200, "exact match", 0.5, (0.4, 0.6), figures=figures)
    assert table(metrics).splitlines()[-2:] == [
        "attention's ranks and other maps'       "
        "Grad-CAM -0.25, Gradient × input -0.25, Occlusion -0.25",
        "  same top tenth, by chance 10%         Grad-CAM 50%, Gradient × input 50%, Occlusion 50%",
    ]


def test_the_page_has_a_row_a_method() -> None:
    shown, note = attribution.page_section(VALUE, CONTEXT).blocks
    assert isinstance(shown, Table)
    other = (
        *("-0.25 (-0.35 to -0.15)", "50.0% (40.0%–60.0%)"),
        *("falls by 20.0 points (95 %: 10.0 to 30.0)", "75.0% (65.0%–85.0%)"),
    )
    assert shown.rows == (
        ("Attention, mean", "–", "–", "falls by 30.0 points (95 %: 20.0 to 40.0)",
         "50.0% (40.0%–60.0%)"),
        ("Grad-CAM", *other),
        ("Gradient × input", *other),
        ("Occlusion", *other),
    )  # fmt: skip
    assert isinstance(note, Note)
    assert "10% of the same top tenth (5 of 49 regions)" in note.text
    assert "the glimpses' mean" in note.text
    assert note.text.endswith(" 40 of the questions have boxes.")


def test_without_boxes_the_page_has_no_column_of_hits() -> None:
    methods = {"attention": MethodScores(None, None, estimate(0.3), None)}
    shown, note = attribution.page_section(Attribution(9, 0, 4, 1, methods), CONTEXT).blocks
    assert isinstance(shown, Table)
    assert "Peak is a hit" not in shown.columns
    assert len(shown.rows[0]) == len(shown.columns)
    assert isinstance(note, Note)
    assert "boxes" not in note.text
