"""Maps of a network that loses its training, as they are measured, said and shown."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from askattend.attribution.maps import METHODS, maps_of
from askattend.attribution.randomising import trained_run, untrained
from askattend.cli.evaluate import table
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures, lost_training
from askattend.evaluation.section import Note, Table
from askattend.metrics.lost_training import LostLayer, LostTraining
from askattend.metrics.significance import Estimate
from askattend.models.kernels.int8 import round_to_eight_bits
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

QUESTIONS = make_qaset(*(question(n) for n in range(9)))


@pytest.fixture(autouse=True)
def _draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are for users, whatever other tests do with."""
    monkeypatch.setattr(lost_training, "DRAWS", 2)


def estimates(value: float) -> dict[str, Estimate]:
    return dict.fromkeys(METHODS, Estimate(value, (value - 0.1, value + 0.1)))


VALUE = LostTraining(
    8, 2, (LostLayer("classifier", estimates(1.0)), LostLayer("embedding", estimates(0.25)))
)


def test_the_last_row_is_of_networks_that_were_never_trained() -> None:
    found = evaluated(QUESTIONS, ["yes"] * 9)
    value = lost_training.measure(found)
    assert value is not None
    assert (value.questions, value.draws) == (9, 2)
    assert [layer.layer for layer in value.layers][0::6] == ["classifier.4", "encoder.embedding"]
    run, model, ranks = trained_run(found.predictor), found.predictor.model, []
    for seed in range(2):
        fresh = untrained(run, seed).eval()
        for batch in found.sample.in_order():
            asked, maps = maps_of(model, batch)
            _, theirs = maps_of(fresh, batch, answer=asked.answer)
            pairs = zip(maps["occlusion"], theirs["occlusion"], strict=True)
            ranks += [spearmanr(a, b).statistic for a, b in pairs]
    last = value.layers[-1].rank_correlation["occlusion"]
    assert last.value == pytest.approx(np.nan_to_num(ranks).mean())


def test_attention_stays_until_its_own_layers_are_lost() -> None:
    value = lost_training.measure(evaluated(QUESTIONS, ["yes"] * 9))
    assert value is not None
    attention = {layer.layer: layer.rank_correlation["attention"].value for layer in value.layers}
    kept = [layer for layer, ranks in attention.items() if ranks == pytest.approx(1)]
    assert kept == ["classifier.4", "classifier.1"]


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [("QUESTIONS", 4, 4), ("OCCLUSIONS", 4 * 14 * 3, 3), ("OCCLUSIONS", 1, 1)],
)
def test_it_takes_few_questions_the_same_each_time_and_leaves_the_network_as_it_is(
    name: str, value: int, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_training, name, value)
    found = evaluated(QUESTIONS, ["yes"] * 9)
    before = copy.deepcopy(found.predictor.model.state_dict())
    measured = lost_training.measure(found)
    assert measured is not None
    assert measured.questions == taken
    assert lost_training.measure(found) == measured
    after = found.predictor.model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_network_without_attention_or_gradient_has_none() -> None:
    assert lost_training.measure(evaluated(QUESTIONS, ["yes"] * 9, attends=False)) is None
    rounded = evaluated(QUESTIONS, ["yes"] * 9)
    round_to_eight_bits(rounded.predictor.model)
    assert lost_training.measure(rounded) is None


def test_the_terminal_hears_what_is_left_without_training() -> None:
    figures = {**dict.fromkeys(all_figures()), "lost_training": VALUE}
    metrics = Metrics("easy-vqa", "test", 200, "exact match", 0.5, (0.4, 0.6), figures=figures)
    assert table(metrics).splitlines()[-1] == (
        "maps' ranks without any training        "
        "Attention 0.25, Grad-CAM 0.25, Gradient × input 0.25, Occlusion 0.25"
    )


def test_the_page_has_a_row_a_layer_and_intervals_in_the_last() -> None:
    shown, note = lost_training.page_section(VALUE, CONTEXT).blocks
    assert isinstance(shown, Table)
    assert shown.rows == (
        ("classifier", *["1.00"] * 4),
        ("embedding", *["0.25 (0.15 to 0.35)"] * 4),
    )
    assert isinstance(note, Note)
    assert "8 questions drawn from the split and 2 untrained networks" in note.text
    assert "does not make it right" in note.text
