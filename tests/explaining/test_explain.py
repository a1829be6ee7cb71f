"""An answer explained, each part against what makes it by another road."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

import askattend
from askattend.attribution.maps import METHODS, maps_of
from askattend.batching.batches import Batch
from askattend.errors import ConfigError, DataError, FeatureError, ImageError, RunError
from askattend.explaining.explain import explain, explain_stored
from askattend.explaining.explanation import Explanation
from askattend.explaining.requirements import exact_predictor
from askattend.features.store import FeatureStore
from askattend.runs.predictor import Predictor
from small_networks import small_network

QUESTION, OTHER = "What colour is it?", "is it red?"


@pytest.fixture(scope="module", params=["saaa", "san"])
def predictor(request: pytest.FixtureRequest, trained: Path) -> Predictor:
    return Predictor.load(trained / "runs" / request.param, precision="float32")


@pytest.fixture(scope="module")
def explanation(predictor: Predictor, trained: Path) -> Explanation:
    return explain(predictor, trained / "square 3.png", QUESTION, reworded=[OTHER, QUESTION])


def test_the_answer_is_the_predictors(
    explanation: Explanation, predictor: Predictor, trained: Path
) -> None:
    scene = predictor.look(trained / "square 3.png")
    answer = scene.ask(QUESTION)
    assert explanation.question == QUESTION
    assert explanation.answer.top == answer.top
    assert torch.equal(explanation.answer.attention, answer.attention)
    best, second = explanation.best, explanation.second
    assert second is not None
    assert [(one.text, one.probability) for one in (best, second)] == list(answer.top[:2])
    mean = answer.attention.mean(dim=0).numpy()
    for evidence in (best, second):
        assert list(evidence.maps) == list(METHODS)
        assert evidence.maps["attention"] == pytest.approx(mean, abs=1e-6)
        assert all(one.shape == (2, 2) for one in evidence.maps.values())
    assert list(best.words) == scene.word_effects(QUESTION)
    assert best.maps["grad_cam"].min() >= 0


def test_words_of_the_next_best_answer_are_its_own(
    explanation: Explanation, predictor: Predictor, trained: Path
) -> None:
    second = explanation.second
    assert second is not None
    scene = predictor.look(trained / "square 3.png")
    for word in second.words:
        without = QUESTION[: word.start] + QUESTION[word.end :]
        left = dict(scene.ask(without, top=10).top)[second.text]
        assert word.drop == pytest.approx(second.probability - left, abs=1e-5)


def test_maps_agree_as_scipy_says(explanation: Explanation) -> None:
    assert explanation.chance == 0.25
    pairs = [(one.first, one.second) for one in explanation.agreement]
    assert len(pairs) == len(set(pairs)) == 6
    for one in explanation.agreement:
        a, b = (explanation.best.maps[name].ravel() for name in (one.first, one.second))
        if one.rank_correlation is not None:
            assert one.rank_correlation == pytest.approx(spearmanr(a, b).statistic)
        # A tenth of four is one region.
        assert one.top_tenth == float(a.argmax() == b.argmax()) or len({*a, *b}) < 8


def test_deletion_begins_with_the_answer_and_ends_without_the_image(
    explanation: Explanation, predictor: Predictor
) -> None:
    orders = [one.order for one in explanation.removal]
    assert orders == [*METHODS, "random"]
    probability = explanation.answer.probability
    blank = predictor.answer(predictor.look_at(torch.zeros(1, 4, 1280)), [0], [QUESTION], top=10)
    nothing = dict(blank[0].top)[explanation.best.text]
    for one in explanation.removal:
        assert one.deletion[0] == one.insertion[-1] == pytest.approx(probability, abs=1e-6)
        assert one.deletion[-1] == one.insertion[0] == pytest.approx(nothing, abs=1e-5)
        assert one.drop == pytest.approx(one.deletion[0] - one.deletion[1])
        steps = np.array(one.deletion)
        assert one.deletion_area == pytest.approx(((steps[1:] + steps[:-1]) / 2).mean())
    by = {one.order: one for one in explanation.removal}
    # With the most important region gone, no other order of a single one loses more.
    assert by["occlusion"].drop >= max(one.drop for one in explanation.removal) - 1e-6


def test_rewordings_are_compared_with_the_first_wording(
    explanation: Explanation, predictor: Predictor, trained: Path
) -> None:
    other, same = explanation.rewordings
    answer = predictor.look(trained / "square 3.png").ask(OTHER)
    assert (other.question, other.answer) == (OTHER, answer.text)
    assert other.probability == pytest.approx(answer.probability)
    attention = explanation.answer.attention.mean(dim=0), answer.attention.mean(dim=0)
    assert other.distance["attention"] == pytest.approx(
        float((attention[0] - attention[1]).abs().sum() / 2), abs=1e-6
    )
    assert same.question == QUESTION
    assert set(same.distance.values()) <= {0.0, None}
    assert all(one is None or one == pytest.approx(1) for one in same.rank_correlation.values())


def test_layers_are_lost_until_an_untrained_network_is_left(
    explanation: Explanation, predictor: Predictor, trained: Path
) -> None:
    layers = [one.layer for one in explanation.lost_layers]
    assert layers[0] in ("word_logits", "classifier.4", "classifier")
    assert layers[-1] == "encoder.embedding"
    # The attention knows nothing of what answers.
    assert explanation.lost_layers[0].rank_correlation["attention"] == pytest.approx(1)
    batch = batch_of(predictor, trained / "square 3.png")
    answers = predictor.run.answers.answers
    answer = torch.tensor([answers.index(explanation.best.text)])
    ranks = []
    for draw in range(3):
        with torch.random.fork_rng():
            torch.manual_seed(draw)
            fresh = predictor.run.new_model().eval()
        _, maps = maps_of(fresh, batch, answer=answer)
        ranks.append(spearmanr(maps["occlusion"][0], explanation.best.maps["occlusion"].ravel()))
    found = explanation.lost_layers[-1].rank_correlation["occlusion"]
    assert found == pytest.approx(np.mean([one.statistic for one in ranks]), abs=1e-6)


def batch_of(predictor: Predictor, image: Path) -> Batch:
    words = torch.tensor([predictor.run.words.encode(QUESTION)])
    regions = predictor.regions(Image.open(image).convert("RGB"))
    return Batch.of(regions, words, torch.tensor([words.shape[1]]), torch.tensor([0]))


def test_it_is_all_in_its_json(explanation: Explanation) -> None:
    told = json.loads(explanation.to_json())
    assert told == json.loads(json.dumps(explanation.to_dict()))
    assert told["answer"]["answer"] == told["best"]["answer"] == explanation.best.text
    assert told["best"]["maps"]["grad_cam"] == explanation.best.maps["grad_cam"].tolist()
    assert told["second"]["words"][0]["text"] == "What"
    assert [one["order"] for one in told["removal"]] == [*METHODS, "random"]
    assert len(told["rewordings"]) == 2


def test_a_store_explains_without_a_picture(
    trained: Path, predictor: Predictor, explanation: Explanation
) -> None:
    stores = (FeatureStore.open(index.parent) for index in trained.rglob("index.json"))
    store = next(store for store in stores if "square 3.png" in store)
    found = explain_stored(predictor, store, "square 3.png", QUESTION)
    assert found.answer.image is None
    for name, values in explanation.best.maps.items():
        assert found.best.maps[name] == pytest.approx(values, abs=1e-3)
    with pytest.raises(FeatureError, match="nowhere"):
        explain_stored(predictor, store, "nowhere", QUESTION)


def test_half_precision_is_explained_in_float32(trained: Path) -> None:
    half = Predictor.load(trained / "runs" / "saaa", precision="bfloat16")
    exact = exact_predictor(half)
    assert {parameter.dtype for parameter in exact.model.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.bfloat16}


def test_what_is_explained_is_what_ask_answers(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where answers in bfloat16 are equal, float32 may give another: it is not explained."""
    half = Predictor.load(trained / "runs" / "saaa", precision="bfloat16")
    network = type(half.model)
    plain = network.answer

    def tipped(self: Any, *given: Any) -> Any:
        output = plain(self, *given)
        best = output.logits.argmin(dim=1, keepdim=True)
        # In bfloat16, and there alone, the least answer becomes the greatest.
        more = 99.0 if output.logits.dtype is torch.bfloat16 else 0.0
        output.logits.scatter_add_(1, best, torch.full_like(output.logits, more)[:, :1])
        return output

    image = trained / "square 3.png"
    monkeypatch.setattr(network, "answer", tipped)
    asked = half.look(image).ask(QUESTION)
    assert Predictor.load(half.run.folder, precision="float32").look(image).ask(QUESTION) != asked
    explained = explain(half, image, QUESTION)
    assert explained.answer == asked
    assert (explained.best.text, explained.best.probability) == (asked.text, asked.probability)
    (note,) = (note for note in explained.notes if "float32" in note)
    assert "the answer is the one that ask gives, in bfloat16" in note


def test_what_cannot_be_explained_is_refused(trained: Path, tmp_path: Path) -> None:
    image = trained / "square 3.png"
    rounded = Predictor.load(trained / "runs" / "saaa", precision="int8")
    with pytest.raises(ConfigError, match="weights of 8 bits have no gradient"):
        explain(rounded, image, QUESTION)
    whole = Predictor.load(trained / "runs" / "saaa")
    with pytest.raises(ImageError, match=r"nowhere\.png: no such file"):
        explain(whole, trained / "nowhere.png", QUESTION)
    with pytest.raises(DataError, match=r"question 'zebra'.*knows none of its words"):
        explain(whole, image, "zebra")
    with pytest.raises(DataError, match=r"question '斑马'.*knows none of its words"):
        explain(whole, image, QUESTION, reworded=["斑马"])
    with pytest.raises(DataError, match="has no word in it"):
        explain(whole, image, "?")
    with pytest.raises(DataError, match="list of them was expected"):
        explain(whole, image, QUESTION, reworded="is it red?")


@pytest.mark.parametrize(
    ("network", "problem"),
    [("question-only", "does not see the image"), ("image-only", "does not attend")],
)
def test_networks_without_evidence_are_refused(network: str, problem: str, trained: Path) -> None:
    run = replace(Predictor.load(trained / "runs" / "saaa").run, config={"network": network})
    with pytest.raises(RunError, match=f"the network {network} {problem}"):
        explain(Predictor(run, small_network(network)), trained / "square 3.png", QUESTION)


def test_it_is_public(trained: Path, predictor: Predictor) -> None:
    assert askattend.explain is explain
    assert askattend.Explanation is Explanation
