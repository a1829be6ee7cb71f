"""Both networks against their papers' equations, written out one region at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from askattend.checking import check
from askattend.models import SAAA
from askattend.models.loss import answer_loss
from small_networks import ANSWERS, CONFIGS, DIM, REGIONS, WORDS, small_batch, small_network


def double(name: str, **changes: Any) -> Any:
    return small_network(name, **changes).double()


def lstm(model: Any, words: list[int], *, squash: bool) -> tuple[Tensor, Tensor]:
    """(h, c) after the words, gate by gate."""
    cell = model.encoder.lstm
    h = c = cell.weight_hh_l0.new_zeros(cell.hidden_size)
    for word in words:
        x = model.encoder.embedding.weight[word]
        x = torch.tanh(x) if squash else x
        gates = cell.weight_ih_l0 @ x + cell.bias_ih_l0 + cell.weight_hh_l0 @ h + cell.bias_hh_l0
        i, f, g, o = gates.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h, c


def naive_saaa(model: Any, image: Tensor, words: list[int]) -> tuple[Tensor, Tensor]:
    a, (_, first, _, _, second) = model.attention, model.classifier
    _, s = lstm(model, words, squash=True)
    v = [region / (region.pow(2).sum().sqrt() + 1e-8) for region in image]
    h = [torch.relu(a.region.weight @ x + a.question.weight @ s + a.question.bias) for x in v]
    attention = []
    pooled = []
    for glimpse in range(model.config.glimpses):
        e = [(a.score.weight[glimpse] @ x + a.score.bias[glimpse]).exp() for x in h]
        attention.append(torch.stack([x / sum(e) for x in e]))
        pooled.append(sum(p * x for p, x in zip(attention[-1], v, strict=True)))
    hidden = torch.relu(first.weight @ torch.cat([*pooled, s]) + first.bias)
    return second.weight @ hidden + second.bias, torch.stack(attention)


def naive_san(model: Any, image: Tensor, words: list[int]) -> tuple[Tensor, Tensor]:
    u, _ = lstm(model, words, squash=False)
    v = [torch.tanh(model.image.weight @ region + model.image.bias) for region in image]
    attention = []
    for hop in model.hops:
        query = hop.query.weight @ u + hop.query.bias
        h = [torch.tanh(hop.region.weight @ x + query) for x in v]
        e = torch.stack([(hop.score.weight @ x + hop.score.bias).exp().squeeze() for x in h])
        attention.append(e / e.sum())
        u = sum(p * x for p, x in zip(attention[-1], v, strict=True)) + u
    return model.classifier.weight @ u + model.classifier.bias, torch.stack(attention)


@pytest.mark.parametrize("glimpses", [1, 2, 3])
def test_saaa_is_its_equations(glimpses: int) -> None:
    model = double("saaa", glimpses=glimpses).eval()
    regions, tokens, lengths, image_index = small_batch()
    output = model(regions, tokens, lengths, image_index)
    for row, (words, length, image) in enumerate(zip(tokens, lengths, image_index, strict=True)):
        logits, attention = naive_saaa(model, regions[image], words[:length].tolist())
        torch.testing.assert_close(output.logits[row], logits)
        torch.testing.assert_close(output.attention[row], attention)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_san_is_its_equations(hops: int) -> None:
    model = double("san", hops=hops).eval()
    regions, tokens, lengths, image_index = small_batch()
    output = model(regions, tokens, lengths, image_index)
    for row, (words, length, image) in enumerate(zip(tokens, lengths, image_index, strict=True)):
        logits, attention = naive_san(model, regions[image], words[:length].tolist())
        torch.testing.assert_close(output.logits[row], logits)
        torch.testing.assert_close(output.attention[row], attention)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shared_image_answers_as_its_copies_do(name: str) -> None:
    model = double(name).eval()
    regions, tokens, lengths, image_index = small_batch()
    shared = model(regions, tokens, lengths, image_index)
    copied = model(regions[image_index], tokens, lengths)
    torch.testing.assert_close(shared.logits, copied.logits)
    gradients = [
        torch.autograd.grad(output.logits.square().sum(), list(model.parameters()))
        for output in (shared, copied)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", ["saaa", "san", "san-cnn", "question-only"])
def test_padding_changes_nothing_and_learns_nothing(name: str) -> None:
    model = double(name).eval()
    regions, tokens, lengths, image_index = small_batch()
    longer = torch.cat([tokens, tokens.new_zeros(len(tokens), 4)], dim=1)
    wide = model(regions, longer, lengths, image_index)
    assert torch.equal(model(regions, tokens, lengths, image_index).logits, wide.logits)
    wide.logits.sum().backward()
    gradient = model.get_parameter("encoder.embedding.weight").grad
    assert gradient is not None
    assert not gradient[0].any()
    assert gradient[2].any()


@pytest.mark.parametrize("name", CONFIGS)
def test_attention_maps_sum_to_one(name: str) -> None:
    attention = double(name, dropout=0.5)(*small_batch()).attention
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]).double())


@pytest.mark.parametrize("name", ["saaa", "san", "san-cnn", "san-published"])
def test_a_region_that_is_hidden_is_as_good_as_none(name: str) -> None:
    network = small_network(name).double().eval()
    regions, tokens, lengths, image_index = small_batch()
    regions[:, 1] = 0
    without = network(regions[:, [0, 2, 3]], tokens, lengths, image_index)
    seen = network(regions, tokens, lengths, image_index)
    assert (seen.attention[..., 1] > 0).all()
    network.hides_blank = True
    hidden = network(regions, tokens, lengths, image_index)
    assert not hidden.attention[..., 1].any()
    torch.testing.assert_close(hidden.attention[..., [0, 2, 3]], without.attention)
    torch.testing.assert_close(hidden.logits, without.logits)
    torch.testing.assert_close(hidden.scores.softmax(dim=-1), hidden.attention)
    nothing = network(torch.zeros_like(regions), tokens, lengths, image_index)
    torch.testing.assert_close(nothing.attention, torch.full_like(nothing.attention, 1 / REGIONS))


@pytest.mark.parametrize("name", CONFIGS)
def test_dropout_is_random_in_training_alone(name: str) -> None:
    model = double(name, dropout=0.5)
    assert not torch.equal(model(*small_batch()).logits, model(*small_batch()).logits)
    model.eval()
    assert torch.equal(model(*small_batch()).logits, model(*small_batch()).logits)


def test_each_baseline_is_blind_to_its_half() -> None:
    regions, tokens, lengths, image_index = small_batch()
    other_regions, other_tokens = regions.flip(0) + 1, (tokens + 1) * (tokens > 0)
    for model, blind_to_image in (
        (double("question-only").eval(), True),
        (double("image-only").eval(), False),
    ):
        logits = model(regions, tokens, lengths, image_index).logits
        other_image = model(other_regions, tokens, lengths, image_index).logits
        other_question = model(regions, other_tokens, lengths, image_index).logits
        assert torch.equal(logits, other_image) == blind_to_image
        assert torch.equal(logits, other_question) != blind_to_image


def test_baselines_are_their_equations() -> None:
    regions, tokens, lengths, image_index = small_batch()
    model = double("question-only").eval()
    for row, (words, length) in enumerate(zip(tokens, lengths, strict=True)):
        _, s = lstm(model, words[:length].tolist(), squash=True)
        expected = model.classifier(s)
        found = model(regions, tokens, lengths, image_index).logits[row]
        torch.testing.assert_close(found, expected)
    blind = double("image-only").eval()
    v = regions / (regions.norm(dim=2, keepdim=True) + 1e-8)
    expected = blind.classifier(v.mean(dim=1)[image_index])
    torch.testing.assert_close(blind(regions, tokens, lengths, image_index).logits, expected)


def test_loss_is_the_soft_cross_entropy_of_the_annotators() -> None:
    logits = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    # Of ten annotators, seven said answer 3 and two answer 1; one is not in the vocabulary.
    index, weight = torch.tensor([[3, 1], [2, 0]]), torch.tensor([[0.7, 0.2], [1.0, 0.0]])
    p = logits.softmax(1)
    expected = -(0.7 * p[0, 3].log() + 0.2 * p[0, 1].log() + p[1, 2].log()) / 2
    torch.testing.assert_close(answer_loss(logits, index, weight), expected)


def test_the_papers_sizes_are_the_defaults() -> None:
    model = SAAA(words=100, answers=3000, region_dim=2048)
    assert model.classifier[1].in_features == 2 * 2048 + 1024
    assert model.attention.region.weight.shape == (512, 2048)
    assert model.encoder.embedding.weight.shape == (100, 300)
    assert not model.encoder.embedding.weight[0].any()


class Placed(nn.Module):
    """An attention of somebody's own that knows where each region is."""

    def __init__(self, question_dim: int) -> None:
        super().__init__()
        self.position = nn.Embedding(REGIONS, DIM)
        self.question = nn.Linear(question_dim, DIM)
        self.score = nn.Linear(DIM, 2)

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        h = torch.tanh(regions + self.position.weight + self.question(question)[:, None])
        scores: Tensor = self.score(h).transpose(1, 2)
        return scores


def test_words_are_the_only_word_embedding() -> None:
    config: Any = CONFIGS["saaa"]
    attention = Placed(config.question_dim)
    model = SAAA(config, words=WORDS, answers=ANSWERS, region_dim=DIM, attention=attention)
    assert [tuple(table.shape) for table in model.word_embeddings()] == [(WORDS, 3)]
    report = check(attention, region_dim=DIM, question_dim=config.question_dim, regions=REGIONS)
    assert report.ok
    assert next(found for found in report.findings if found.name == "padding").passed


class Empty(nn.Sequential):
    """An attention of somebody's own that holds no module, so that its length is 0."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return inputs[0][..., :2].transpose(1, 2)


def test_ones_own_attention_is_taken_whatever_its_length() -> None:
    config: Any = CONFIGS["saaa"]
    model = SAAA(config, words=WORDS, answers=ANSWERS, region_dim=DIM, attention=Empty())
    assert isinstance(model.attention.attention, Empty)
