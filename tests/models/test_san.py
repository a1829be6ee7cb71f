"""SAN, both variants and encoders, against loops over words and regions, gradients included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.errors import ConfigError, DataError, RunError
from askattend.models import SAN, SANConfig
from askattend.models.kernels.input_checks import require_in_range
from askattend.models.published_san import published_names, san_from_published
from askattend.models.symbols import record
from askattend.training.config import TrainConfig
from askattend.training.step import compute_loss, make_optimizer, train_step
from small_networks import CONFIGS, small_batch, small_network

WORDS, ANSWERS, DIM, REGIONS, EMBEDDING, ATTENTION = 11, 5, 6, 4, 3, 7
FILTERS = (2, 3, 4)
STATE = 5
exactly = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-12)
Weights = dict[str, Tensor]


def published_weights(encoder: str, *, hops: int = 2, seed: int = 0) -> Weights:
    """Random float64 weights under the published code's names."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    d = STATE if encoder == "lstm" else sum(FILTERS)
    weights = {"w_emb": drawn(WORDS - 1, EMBEDDING)}
    weights |= {"image_mlp_w": drawn(DIM, d), "image_mlp_b": drawn(d)}
    if encoder == "lstm":
        weights |= {
            "sent_lstm_w_x": drawn(EMBEDDING, 4 * d),
            "sent_lstm_w_h": drawn(d, 4 * d),
            "sent_lstm_b_h": drawn(4 * d),
        }
    else:
        for n, (gram, count) in enumerate(
            zip(("unigram", "bigram", "trigram"), FILTERS, strict=True), 1
        ):
            weights[f"conv_{gram}_w"] = drawn(n * EMBEDDING, count)
            weights[f"conv_{gram}_b"] = drawn(count)
    for k in range(1, hops + 1):
        weights[f"image_att_mlp_{k}_w"] = drawn(d, ATTENTION)
        weights[f"image_att_mlp_{k}_b"] = drawn(ATTENTION)
        weights[f"sent_att_mlp_{k}_w"] = drawn(d, ATTENTION)
        weights[f"sent_att_mlp_{k}_b"] = drawn(ATTENTION)
        weights[f"combined_att_mlp_{k}_w"] = drawn(ATTENTION, 1)
        weights[f"combined_att_mlp_{k}_b"] = drawn(1)
    return weights | {"combined_mlp_0_w": drawn(d, ANSWERS), "combined_mlp_0_b": drawn(ANSWERS)}


def data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two images, four questions of one to four words; the second image is asked about thrice."""
    generator = torch.Generator().manual_seed(1)
    regions = torch.rand(2, REGIONS, DIM, generator=generator, dtype=torch.float64)
    tokens = torch.tensor([[2, 3, 4, 9], [5, 6, 0, 0], [7, 0, 0, 0], [1, 1, 8, 0]])
    return regions, tokens, torch.tensor([4, 2, 1, 3]), torch.tensor([1, 0, 1, 1])


def word(w: Weights, index: int) -> Tensor:
    """Word 0 is a zero vector without a parameter."""
    return w["w_emb"][index - 1] if index else w["w_emb"].new_zeros(EMBEDDING)


def published_lstm(w: Weights, words: list[int], length: int) -> Tensor:
    h = c = torch.zeros(STATE, dtype=torch.float64)
    for index in reversed(words[:length]):
        gates = word(w, index) @ w["sent_lstm_w_x"] + h @ w["sent_lstm_w_h"] + w["sent_lstm_b_h"]
        i, f, o, g = (gates[block * STATE : (block + 1) * STATE] for block in range(4))
        c = torch.sigmoid(i) * torch.tanh(g) + torch.sigmoid(f) * c
        h = torch.sigmoid(o) * c
    return h


def cnn(w: Weights, words: list[int], length: int, *, over_padding: bool) -> Tensor:
    """Over the padded question, or over the question alone."""
    found = []
    for n, gram in enumerate(("unigram", "bigram", "trigram"), 1):
        read = words if over_padding else words[:length]
        read = read + [0] * (n - len(read))
        y = [
            torch.tanh(
                torch.cat([word(w, index) for index in read[t : t + n]]) @ w[f"conv_{gram}_w"]
                + w[f"conv_{gram}_b"]
            )
            for t in range(len(read) - n + 1)
        ]
        found += [torch.stack([filtered[f] for filtered in y]).max() for f in range(len(y[0]))]
    return torch.stack(found)


def published_answer(w: Weights, image: Tensor, u: Tensor, hops: int = 2) -> dict[str, Tensor]:
    steps = {"question": u}
    V = [torch.tanh(row @ w["image_mlp_w"] + w["image_mlp_b"]) for row in image]
    for k in range(1, hops + 1):
        A, a = w[f"image_att_mlp_{k}_w"], w[f"image_att_mlp_{k}_b"]
        Q, q = w[f"sent_att_mlp_{k}_w"], w[f"sent_att_mlp_{k}_b"]
        out, b = w[f"combined_att_mlp_{k}_w"], w[f"combined_att_mlp_{k}_b"]
        s = [torch.tanh(v @ A + a) + torch.tanh(u @ Q + q) for v in V]
        e = torch.stack([torch.tanh(row @ out + b).squeeze() for row in s])
        p = e.exp() / e.exp().sum()
        attended = sum(p[r] * V[r] for r in range(len(V)))
        u = attended + u
        steps |= {
            f"hidden.{k}": torch.stack(s),
            f"scores.{k}": e,
            f"attention.{k}": p,
            f"query.{k}": u,
        }
    return steps | {"logits": u @ w["combined_mlp_0_w"] + w["combined_mlp_0_b"]}


def naive_published(w: Weights, encoder: str) -> dict[str, Tensor]:
    """Every step for every question, one at a time."""
    regions, tokens, lengths, image_index = data()
    rows = []
    for words, length, image in zip(tokens.tolist(), lengths.tolist(), image_index, strict=True):
        u = (
            published_lstm(w, words, length)
            if encoder == "lstm"
            else cnn(w, words, length, over_padding=True)
        )
        rows.append(published_answer(w, regions[image], u))
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def batch() -> Batch:
    regions, tokens, lengths, image_index = data()
    labels = torch.tensor([3, 0, 0, 4])
    return Batch.of(regions, tokens, lengths, labels, image_index=image_index)


def naive_loss(w: Weights, encoder: str, factor: float) -> tuple[Tensor, Tensor]:
    log_p = naive_published(w, encoder)["logits"].log_softmax(dim=1)
    loss = -torch.stack([log_p[row, label] for row, label in enumerate((3, 0, 0, 4))]).mean()
    penalty = sum((p**2).sum() for name, p in w.items() if name != "w_emb")
    return loss, factor * torch.as_tensor(penalty)


@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_published_code_step_by_step(encoder: str) -> None:
    weights = published_weights(encoder)
    model = san_from_published({name: w.detach() for name, w in weights.items()})
    with record() as steps:
        model(*data())
    for name, expected in naive_published(weights, encoder).items():
        found = (
            steps[name].squeeze(1) if name.split(".")[0] in ("scores", "attention") else steps[name]
        )
        exactly(found, expected)


@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_published_loss_and_gradients(encoder: str) -> None:
    weights = published_weights(encoder)
    config = TrainConfig(optimizer="sgd", l2_penalty=0.0005, targets="sampled")
    model = san_from_published({name: w.detach() for name, w in weights.items()})
    terms = compute_loss(model, batch(), config)
    sum(terms).backward()  # type: ignore[union-attr]
    expected = naive_loss(weights, encoder, 0.0005)
    for found, wanted in zip(terms, expected, strict=True):
        exactly(found, wanted)
    (expected[0] + expected[1]).backward()
    gradients = published_names(
        {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    )
    assert gradients.keys() == weights.keys()
    for name, gradient in gradients.items():
        exactly(gradient, weights[name].grad)


@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_published_steps(encoder: str) -> None:
    """Per tensor g ← g·0.1/‖g‖ where ‖g‖ > 0.1; m ← 0.9 m + g; p ← p - lr·m, ×80 for words."""
    weights = published_weights(encoder)
    config = TrainConfig(
        optimizer="sgd",
        momentum=0.9,
        l2_penalty=0.0005,
        clip_norm_per_parameter=0.1,
        embedding_lr_scale=80,
        learning_rate=0.05,
        lr_half_life=0,
        targets="sampled",
    )
    model = san_from_published({name: w.detach() for name, w in weights.items()}, dropout=0.0)
    optimizer = make_optimizer(model.train(), config)
    moved = {name: torch.zeros_like(w) for name, w in weights.items()}
    for _ in range(3):
        train_step(model, optimizer, batch(), config, rate=0.05)
        gradients = torch.autograd.grad(
            sum(naive_loss(weights, encoder, 0.0005)),  # type: ignore[arg-type]
            list(weights.values()),
        )
        with torch.no_grad():
            for (name, p), g in zip(weights.items(), gradients, strict=True):
                g = g * 0.1 / g.norm() if g.norm() > 0.1 else g
                moved[name] = 0.9 * moved[name] + g
                p -= 0.05 * (80 if name == "w_emb" else 1) * moved[name]
        for name, found in published_names(dict(model.named_parameters())).items():
            exactly(found, weights[name], rtol=1e-8)


def test_labels_are_drawn_from_what_people_said() -> None:
    weights = {n: w.detach() for n, w in published_weights("lstm").items()}
    model = san_from_published(weights)
    index, weight = torch.tensor([[3, 1]]), torch.tensor([[0.25, 0.75]])
    one = replace(
        batch(), tokens=torch.tensor([[2]]), lengths=torch.tensor([1]),
        image_index=torch.tensor([0]), answer_index=index, answer_weight=weight,
        answer_score=weight, question_index=torch.tensor([0]),
    )  # fmt: skip
    torch.manual_seed(0)
    config = TrainConfig(targets="sampled")
    with torch.no_grad():
        losses = torch.stack([compute_loss(model, one, config)[0] for _ in range(400)])
        log_p = model(one.regions, one.tokens, one.lengths, one.image_index).logits.log_softmax(1)
    rare, common = -log_p[0, 3], -log_p[0, 1]
    assert set(losses.tolist()) == {rare.item(), common.item()}
    assert 60 < (losses == rare).sum() < 140  # 100 expected, with a deviation of 8.7


# --- the paper's variant ----------------------------------------------------------------------


def paper_san(**options: Any) -> SAN:
    torch.manual_seed(0)
    one, two, three = FILTERS
    config = SANConfig(
        embedding_dim=EMBEDDING, question_dim=STATE, attention_dim=ATTENTION,
        unigram_filters=one, bigram_filters=two, trigram_filters=three, **options,
    )  # fmt: skip
    return SAN(config, words=WORDS, answers=ANSWERS, region_dim=DIM).double().eval()


def by_their_names(model: SAN) -> Weights:
    """The encoder's weights of a paper's CNN under names that the naive one knows."""
    names = {"w_emb": model.encoder.embedding.weight[1:]}
    for gram, layer in zip(("unigram", "bigram", "trigram"), model.encoder.filters, strict=True):  # type: ignore[arg-type]
        names |= {f"conv_{gram}_w": layer.weight.T, f"conv_{gram}_b": layer.bias}
    return names


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_the_papers_cnn_and_its_gradients(hops: int) -> None:
    model = paper_san(encoder="cnn", hops=hops)
    regions, tokens, lengths, image_index = data()
    output = model(regions, tokens, lengths, image_index)
    rows = []
    for words, length, image in zip(tokens.tolist(), lengths.tolist(), image_index, strict=True):
        u = cnn(by_their_names(model), words, length, over_padding=False)
        v = [torch.tanh(model.image.weight @ row + model.image.bias) for row in regions[image]]
        for hop in model.hops:
            asked = hop.query.weight @ u + hop.query.bias
            h = [torch.tanh(hop.region.weight @ x + asked) for x in v]
            e = torch.stack([(hop.score.weight @ x + hop.score.bias).squeeze() for x in h])
            p = e.exp() / e.exp().sum()
            u = torch.stack([p[r] * v[r] for r in range(len(v))]).sum(0) + u
        rows.append(model.classifier.weight @ u + model.classifier.bias)
    naive = torch.stack(rows)
    exactly(output.logits, naive)
    parameters = list(model.parameters())
    pairs = zip(
        torch.autograd.grad(output.logits.square().sum(), parameters),
        torch.autograd.grad(naive.square().sum(), parameters),
        strict=True,
    )
    for found, expected in pairs:
        exactly(found, expected)


def padded(tokens: Tensor, more: int) -> Tensor:
    return torch.cat([tokens, torch.zeros(len(tokens), more, dtype=torch.long)], dim=1)


@given(st.lists(st.integers(1, WORDS - 1), min_size=1, max_size=5), st.integers(0, 4))
def test_padding_never_leaks_into_the_papers_cnn(words: list[int], more: int) -> None:
    model = paper_san(encoder="cnn")
    regions, lengths = data()[0][:1], torch.tensor([len(words)])
    alone = model(regions, torch.tensor([words]), lengths).logits
    exactly(model(regions, padded(torch.tensor([words]), more), lengths).logits, alone)


def test_padding_counts_in_the_published_cnn_and_not_in_its_lstm() -> None:
    regions, tokens, lengths, image_index = data()
    for encoder, counts in (("cnn", True), ("lstm", False)):
        weights = {n: w.detach() for n, w in published_weights(encoder).items()}
        model = san_from_published(weights)
        short = model(regions, tokens[2:3, :1], lengths[2:3], image_index[2:3]).logits
        long = model(regions, tokens[2:3, :4], lengths[2:3], image_index[2:3]).logits
        assert torch.equal(short, long) != counts


@pytest.mark.parametrize("variant", ["paper", "published-code"])
@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_a_batch_of_one_word_can_be_learnt_from(variant: str, encoder: str) -> None:
    model = paper_san(variant=variant, encoder=encoder)
    regions = data()[0]
    logits = model(regions, torch.tensor([[3], [4]]), torch.tensor([1, 1])).logits
    gradients = torch.autograd.grad(logits.sum(), list(model.parameters()), allow_unused=True)
    assert logits.isfinite().all()
    assert all(g is None or g.isfinite().all() for g in gradients)


def test_published_initialisation() -> None:
    model = SAN(
        SANConfig(variant="published-code", initial="published-code"),
        words=50, answers=9, region_dim=12,
    )  # fmt: skip
    for name, parameter in model.named_parameters():
        values = parameter.detach()
        if name == "encoder.embedding.weight":
            assert not values[0].any()
            assert 0.4 < values.abs().max() <= 0.5
        elif name == "encoder.word.bias":
            i, f, o, c = values.chunk(4)
            assert not torch.cat([i, o, c]).any()
            assert (f == 1).all()
        elif "bias" in name:
            assert not values.any()
        else:
            assert 0.008 < values.abs().max() <= 0.01


@given(st.lists(st.integers(1, WORDS - 1), min_size=1, max_size=5), st.integers(0, 4))
def test_the_papers_windows_are_recorded_without_padding(words: list[int], more: int) -> None:
    """Eqs. 13 and 14 from what eq. 11 gave; windows over padding are masked."""
    model = paper_san(encoder="cnn")
    regions, lengths = data()[0][:1], torch.tensor([len(words)])
    with record() as steps:
        model(regions, padded(torch.tensor([words]), more), lengths)
    with record() as alone:
        model(regions, torch.tensor([words]), lengths)
    for name in ("unigrams", "bigrams", "trigrams"):
        count = alone[name].shape[1]
        exactly(steps[name][:, :count], alone[name])
        assert (steps[name][:, count:] == -torch.inf).all()
        exactly(steps[f"largest_{name}"], alone[name].amax(dim=1))
    found = [steps[f"largest_{name}"] for name in ("unigrams", "bigrams", "trigrams")]
    assert torch.equal(torch.cat(found, dim=1), steps["question"])


@pytest.mark.parametrize("variant", ["paper", "published-code"])
def test_the_cnns_steps_are_named_as_their_variant_has_them(variant: str) -> None:
    with record() as steps:
        paper_san(encoder="cnn", variant=variant)(*data())
    what = {step.name: step.what for step in steps.steps}
    assert [what[name].equation for name in ("embedded", "bigrams", "question")] == [
        *("10", "11", "14"),
    ]
    for name in ("bigrams", "projected.1", "question_projected.1", "hidden.1", "scores.2"):
        assert ("published code" in what[name].meaning) == (variant == "published-code")
    assert (steps["trigrams"] == -torch.inf).any() == (variant == "paper")


@pytest.mark.parametrize("variant", ["paper", "published-code"])
def test_the_lstms_states_are_those_of_ever_longer_questions(variant: str) -> None:
    """After t words the state is what a question of these words alone is encoded as."""
    model = paper_san(variant=variant)
    regions, tokens, lengths, image_index = data()
    with record() as steps:
        model(regions, tokens, lengths, image_index)
    assert steps["states"].shape == (4, 4, STATE)
    for row, length in enumerate(lengths.tolist()):
        words = tokens[row, :length]
        for t in range(1, length + 1):
            read = words[:t] if variant == "paper" else words[length - t :]
            alone = model.encoder(read[None], torch.tensor([t]))
            exactly(steps["states"][row, t - 1 : t], alone)


def test_saaas_states_are_the_lstms_own() -> None:
    model: Any = small_network("saaa").double().eval()
    batch = small_batch()
    with record() as steps:
        model(*batch)
    for row, length in enumerate(batch[2].tolist()):
        each, (_, cell) = model.encoder.lstm(steps["embedded"][row : row + 1, :length])
        exactly(steps["states"][row, :length], each[0])
        assert not steps["states"][row, length:].any()
        exactly(steps["question"][row], cell[0, 0])


# --- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("w_emb"), "lacks the tensor 'w_emb'"),
        (lambda w: w.pop("combined_att_mlp_1_b"), "lacks the tensor 'combined_att_mlp_1_b'"),
        (lambda w: w.update(extra=torch.zeros(1)), "has no tensor 'extra'"),
        (
            lambda w: w.update(sent_lstm_b_h=torch.zeros(3)),
            r"'sent_lstm_b_h' has shape \[3\], expected \[20\]",
        ),
        (
            lambda w: w.update(w_emb=torch.zeros(9)),
            r"'w_emb' has shape \[9\], expected two dimensions \(words × embedding\)",
        ),
        (
            lambda w: w.update(image_att_mlp_1_w=np.zeros(3)),
            r"'image_att_mlp_1_w' has shape \[3\], expected two .* \(d × attention\)",
        ),
        (
            lambda w: w.update(combined_mlp_0_w=np.float64(1)),
            r"'combined_mlp_0_w' has shape \[\], expected two .* \(d × answers\)",
        ),
        (
            lambda w: w.update(sent_lstm_w_h=np.zeros((0, 0))),
            r"'sent_lstm_w_h' has shape \[0, 0\], expected two",
        ),
        (lambda w: w.update(image_mlp_b=np.zeros(5, "int32")), "'image_mlp_b' is of int32"),
        (lambda w: w.update(image_mlp_b=torch.ones(5).int()), r"'image_mlp_b' is of torch\.int32"),
        (lambda w: w.update(image_mlp_b=torch.eye(5).to_sparse()), "is of torch.sparse_coo"),
        (lambda w: w.update(image_mlp_b="0.5"), "'image_mlp_b' is of <U3, expected an array"),
        (lambda w: w.update(image_mlp_b=[[1.0], [2.0, 3.0]]), "'image_mlp_b' is of list"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: Callable[[Mapping[str, Any]], None], message: str
) -> None:
    weights = {n: w.detach() for n, w in published_weights("lstm").items()}
    change(weights)
    with pytest.raises(RunError, match=message):
        san_from_published(weights)


@pytest.mark.parametrize("name", ["conv_unigram_w", "conv_bigram_w", "conv_trigram_w"])
def test_filters_that_do_not_fit_are_named(name: str) -> None:
    weights = {n: w.detach() for n, w in published_weights("cnn").items()}
    with pytest.raises(RunError, match=rf"'{name}' has shape \[4\], expected two dimensions"):
        san_from_published({**weights, name: torch.zeros(4)})


@given(st.sets(st.sampled_from(sorted(published_weights("lstm")))))
def test_the_widest_floating_type_is_kept(narrow: set[str]) -> None:
    """No weight is rounded because another is of fewer digits."""
    weights = {
        n: w.detach().numpy().astype("float32" if n in narrow else "float64")
        for n, w in published_weights("lstm").items()
    }
    model = san_from_published(weights)
    widest = torch.float32 if len(narrow) == len(weights) else torch.float64
    for name, tensor in published_names(model.state_dict()).items():
        assert tensor.dtype == widest
        assert np.array_equal(tensor.numpy(), weights[name])


@pytest.mark.parametrize("turned", [
    lambda a: np.flip(np.flip(a).copy()),
    lambda a: np.asfortranarray(a),
    lambda a: a.astype(">f8"),
])  # fmt: skip
def test_arrays_may_lie_in_memory_as_they_like(turned: Callable[[Any], Any]) -> None:
    weights = {n: w.detach().numpy() for n, w in published_weights("lstm").items()}
    model = san_from_published({name: turned(array) for name, array in weights.items()})
    for name, tensor in published_names(model.state_dict()).items():
        assert np.array_equal(tensor.numpy(), weights[name])


@pytest.mark.parametrize("encoder", ["lstm", "cnn"])
def test_only_the_published_variant_has_the_published_names(encoder: str) -> None:
    with pytest.raises(RunError, match="only a SAN of variant published-code has these names"):
        published_names(paper_san(encoder=encoder).state_dict())


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "image-only"])
@pytest.mark.parametrize("listened", [True, False])
@pytest.mark.parametrize(
    ("tokens", "lengths", "message"),
    [
        ([[1, 2], [3, 0]], [2, 0], r"^lengths\[1\]: 0 is out of range, expected were 1 to 2\."),
        ([[1, 2], [3, 0]], [3, 1], r"^lengths\[0\]: 3 is out of range, expected were 1 to 2\."),
        ([[1, 2], [3, 14]], [2, 2], r"^tokens\[1, 1\]: 14 is out of range, .* 0 to 13\."),
        ([[1, -1], [3, 0]], [2, 1], r"^tokens\[0, 1\]: -1 is out of range"),
    ],
)
def test_lengths_and_words_out_of_range_are_named_by_every_network(
    name: str, listened: bool, tokens: list[list[int]], lengths: list[int], message: str
) -> None:
    model = small_network(name)
    with pytest.raises(DataError, match=message), record() if listened else nullcontext():
        model(small_batch(torch.float32)[0][:2], torch.tensor(tokens), torch.tensor(lengths))


def test_attention_modules_must_be_as_many_as_hops() -> None:
    with pytest.raises(ConfigError, match="1 attention modules for 2 hops"):
        SAN(words=5, answers=3, region_dim=4, attention=[torch.nn.Identity()])


def test_what_is_not_on_the_processor_is_not_looked_at() -> None:
    tokens, lengths = torch.tensor([[99]]), torch.tensor([9])
    with pytest.raises(DataError):
        require_in_range(tokens, lengths, words=5)
    for there in ((tokens.to("meta"), lengths), (tokens, lengths.to("meta"))):
        require_in_range(*there, words=5)
