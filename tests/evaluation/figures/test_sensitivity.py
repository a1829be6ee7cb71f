"""Removing regions from networks whose answer is known to hang on one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.evaluation.figures.sensitivity import (
    measure,
    page_section,
    sensitivity,
    terminal_lines,
)
from askattend.evaluation.section import Prose
from askattend.models import SAAA, SAAAConfig
from evaluation.evaluations import CONTEXT, evaluated, question
from fake_features import FakeFeatures
from small_networks import build_small, small_config
from small_questions import make_qaset, make_question


def batches(regions: int) -> Batches:
    """Questions about images of some regions, one of which stands out."""

    def features_of(image: str) -> Tensor:
        features = torch.tensor([1.0, 0.0, 0.0]).repeat(regions, 1)
        features[int(image) % regions] = torch.tensor([0.0, 1.0, 0.0])
        return features

    some = (make_question("what", ("yes", 1), id=i, image=str(i)) for i in range(30))
    words, answers = WordVocab.build(["what"]), AnswerVocab(("yes", "no"))
    return Batches(make_qaset(*some), FakeFeatures(features_of), words, answers, batch_size=8)


def attentive() -> SAAA:
    """Looks for the odd region, and says yes if it is there."""
    model = SAAA(
        SAAAConfig(embedding_dim=2, question_dim=2, attention_dim=2, glimpses=1, hidden_dim=2),
        words=3, answers=2, region_dim=3,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.attention.region.weight[0, 1] = 20.0
        model.attention.score.weight[0, 0] = 1.0
        model.get_parameter("classifier.1.weight")[0, 1] = 5.0
        model.get_parameter("classifier.4.weight")[0, 0] = 1.0
    return model.eval()


def test_an_attentive_network_needs_what_it_attends_to() -> None:
    found = sensitivity(attentive(), batches(10))
    assert found is not None
    assert (found.questions, found.regions) == (30, 1)
    yes = 1 / (1 + torch.tensor(-5.0).exp().item())
    assert found.attended == pytest.approx(yes - 0.5, abs=1e-3)
    assert 0 <= found.random < 0.3
    assert sensitivity(attentive(), batches(10)) == found


def test_nothing_can_be_removed_from_a_single_region() -> None:
    assert sensitivity(attentive(), batches(1)) is None


def test_a_network_that_attends_to_nothing_falls_as_by_chance() -> None:
    model = build_small(small_config("image-only", dropout=0.5), answers=2, region_dim=3)
    found = sensitivity(model.eval(), batches(20))
    assert found is not None
    assert found.attended == pytest.approx(found.random, abs=0.1)


def test_a_figure_is_measured_of_networks_that_attend() -> None:
    split = make_qaset(question(0), question(1))
    value = measure(evaluated(split, ["yes", "yes"]))
    assert value is not None
    assert (value.questions, value.regions) == (2, 1)
    assert terminal_lines(value) == []
    (prose,) = page_section(value, CONTEXT).blocks
    assert isinstance(prose, Prose)
    assert prose.text.startswith("When the most attended region is taken away, the probability")
    assert measure(evaluated(split, ["yes", "yes"], attends=False)) is None
