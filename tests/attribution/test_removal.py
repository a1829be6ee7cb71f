"""Removing regions, against asking again one by one, and of networks that hang on one region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from askattend.attribution.removal import RANDOM_ORDERS, remove_regions
from askattend.attribution.without_regions import region_remover
from askattend.batching.batches import Batch, Batches
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.metrics.removal import removal_counts
from askattend.models import SAAA, Network, SAAAConfig
from askattend.models.network import ImageEncoding, Output
from fake_features import FakeFeatures, random_features
from small_networks import build_small, small_batch, small_config, small_network
from small_questions import make_qaset, make_question

ANSWERS = AnswerVocab(("yes", "no"))


def batches(regions: int, questions: int = 30) -> Batches:
    """Questions about images of some regions, one of which stands out."""

    def features_of(image: str) -> Tensor:
        features = torch.tensor([1.0, 0.0, 0.0]).repeat(regions, 1)
        features[int(image) % regions] = torch.tensor([0.0, 1.0, 0.0])
        return features

    some = (make_question("what", ("yes", 1), id=i, image=str(i)) for i in range(questions))
    source = FakeFeatures(features_of)
    return Batches(make_qaset(*some), source, WordVocab.build(["what"]), ANSWERS, batch_size=8)


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


def test_an_attentive_network_has_the_curves_of_one_region() -> None:
    found = remove_regions(attentive(), batches(10))
    assert found is not None
    assert found.removed == tuple(range(11))
    yes = 1 / (1 + np.exp(-5.0))
    gone, there = np.full((11, 30), 0.5), np.full((11, 30), yes)
    gone[0], there[0] = yes, 0.5
    assert found.deletion[0] == pytest.approx(gone, abs=1e-6)
    assert found.insertion[0] == pytest.approx(there, abs=1e-6)
    value = found.over_all()
    assert value.mean is None
    assert value.maps[0].drop.value == pytest.approx(yes - 0.5, abs=1e-6)
    assert value.maps[0].deletion_area.value == pytest.approx(0.5 + 0.05 * (yes - 0.5), abs=1e-6)
    # Each of three random orders loses the one region at a step of its own.
    thirds = (found.deletion[1] - 0.5) / (yes - 0.5) * RANDOM_ORDERS
    assert thirds == pytest.approx(thirds.round(), abs=1e-4)
    assert (np.diff(thirds, axis=0) < 1e-4).all()
    assert found.insertion[1] == pytest.approx(found.deletion[1, ::-1])


def test_the_same_seed_removes_the_same() -> None:
    one, same, other = (remove_regions(attentive(), batches(10), seed=seed) for seed in (3, 3, 4))
    assert one is not None
    assert same is not None
    assert other is not None
    assert (one.deletion == same.deletion).all()
    assert (one.deletion[1] != other.deletion[1]).any()


def test_temperature_divides_the_logits() -> None:
    found = remove_regions(attentive(), batches(10, 2), temperature=5.0)
    assert found is not None
    assert found.deletion[0, 0] == pytest.approx(1 / (1 + np.exp(-1.0)))


def test_nothing_can_be_removed_from_a_single_region() -> None:
    assert remove_regions(attentive(), batches(1)) is None


NETWORKS = ("saaa", "san", "san-cnn", "san-published", "san-published-cnn")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("regions", [4, 12])
def test_curves_against_asking_again_one_by_one(name: str, regions: int) -> None:
    model = build_small(small_config(name), answers=2, region_dim=6).eval()
    texts = ["is it red", "is it", "red", "it is", "is red it"]
    some = [
        make_question(text, ("yes", 1), id=i, image=f"{i // 2}") for i, text in enumerate(texts)
    ]
    words, source = WordVocab.build(texts), random_features(regions, 6)
    split = Batches(make_qaset(*some), source, words, ANSWERS, batch_size=2)
    found = remove_regions(model, split)
    assert found is not None
    for position, question in enumerate(some):
        alone = Batches(make_qaset(question), source, words, ANSWERS, batch_size=1)
        (batch,) = alone.in_order()
        whole = ask(model, batch, list(range(regions)))
        answer = int(whole.logits.argmax())
        maps = [*whole.attention[0], whole.attention[0].mean(dim=0)]
        assert len(found.deletion) == len(maps) + 1
        for row, attention in enumerate(maps):
            order = np.argsort(-attention.numpy(), kind="stable").tolist()
            for step, count in enumerate(removal_counts(regions)):
                down = ask(model, batch, order[count:]).logits.softmax(dim=1)[0, answer]
                assert found.deletion[row, step, position] == pytest.approx(float(down), abs=1e-5)
            for step, count in enumerate(found.over_all().restored):
                up = ask(model, batch, order[:count]).logits.softmax(dim=1)[0, answer]
                assert found.insertion[row, step, position] == pytest.approx(float(up), abs=1e-5)


def ask(model: Network, batch: Batch, keep: list[int]) -> Output:
    """Answer one question with the features of only some regions, copied one by one."""
    features, changed = batch.regions.numpy(), np.zeros(batch.regions.shape, np.float32)
    for region in keep:
        changed[0, region] = features[0, region]
    with torch.no_grad():
        output: Output = model(torch.from_numpy(changed), batch.tokens, batch.lengths)
    return output


SIZES: dict[str, Any] = {"words": 14, "answers": 7, "region_dim": 6}


class Contrasting(SAAA):
    """Sees of each region how it differs from the mean of all."""

    def encode_image(self, regions: Tensor) -> ImageEncoding:
        return super().encode_image(regions - regions.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("name", [*NETWORKS, "image-only", "question-only", "contrasting"])
def test_what_is_removed_is_as_if_its_features_were_zero(name: str) -> None:
    model = Contrasting(**SIZES) if name == "contrasting" else small_network(name)
    regions = small_batch(torch.float32)[0]
    keep = torch.tensor([[True, False, True, True], [False] * 4, [True] * 4])
    encode = region_remover(model.eval(), regions, model.encode_image(regions))
    for row in range(len(regions)):
        expected = model.encode_image(regions[row] * keep[:, :, None])
        found = encode(row, keep)
        for one, other in zip(
            (found.regions, *found.projected), (expected.regions, *expected.projected), strict=True
        ):
            assert torch.allclose(one, other, atol=1e-6)
    assert encode.__name__ == ("encode_again" if name == "contrasting" else "substitute")


def test_attending_everywhere_alike_is_random_order() -> None:
    """Of equal regions any order is as good; of others, equal attention favours none."""
    model = build_small(small_config("image-only", dropout=0.5), answers=2, region_dim=3)
    found = remove_regions(model, batches(20))
    assert found is not None
    assert found.deletion[0, :, :].mean() == pytest.approx(found.deletion[1].mean(), abs=0.02)
    alike = FakeFeatures(lambda image: torch.ones(20, 3))
    found = remove_regions(model, batches(20).with_features(alike))
    assert found is not None
    assert found.deletion[0] == pytest.approx(found.deletion[1], abs=1e-6)
    value = found.over_all()
    assert value.maps[0].deletion_area.value == pytest.approx(value.random.deletion_area.value)


@pytest.mark.parametrize("name", ["saaa", "san"])
def test_regions_beside_a_padded_picture_stay_hidden(name: str) -> None:
    """Those taken away keep their share, as they do of other pictures."""
    network = small_network(name).double().eval()
    network.hides_blank = True
    regions, tokens, lengths, _ = small_batch()
    regions[:, 0] = 0
    image, question = network.encode_image(regions), network.encode_question(tokens, lengths)
    keep = torch.tensor([[True, True, False, True], [False] * 4])
    versions, asked = torch.arange(2), question[:1].expand(2, -1)
    encoded = region_remover(network, regions, image)(1, keep)
    attention = network.answer(encoded, asked, versions).attention
    assert not attention[..., 0].any()
    assert (attention[..., 1:] > 0).all()
