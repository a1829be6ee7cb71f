"""Training on a GPU, as far as a processor can tell: the same numbers, and nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from askattend.batching.batches import Batch, Batches
from askattend.batching.device_placement import (
    GIBIBYTE,
    DeviceFeatures,
    PinnedSource,
    cache_on_gpu_if_it_fits,
    dtype_on_gpu,
    fits,
    made_ahead,
    prefetch_to_device,
)
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import all_to_device
from askattend.models.word_embedding import give_word_vectors
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import GraphedStep, make_step
from askattend.training.step import learning_rates_to, make_optimizer, train_step
from fake_features import random_features
from small_networks import ANSWERS, CONFIGS, DIM, REGIONS, WORDS, small_network
from small_questions import make_qaset, make_question

TRAINED: dict[str, TrainConfig] = {
    "adam": TrainConfig(
        batch_size=8, learning_rate=1e-2, clip_norm=1.0, embedding_lr_scale=3.0, precision="float32"
    ),
    "published": TrainConfig(
        batch_size=8,
        optimizer="sgd",
        l2_penalty=5e-4,
        clip_norm_per_parameter=0.1,
        embedding_lr_scale=8.0,
        targets="sampled",
        precision="float32",
    ),
}


# The published CNN's answers depend on padding, so its steps are no graphs.
GRAPHED = [name for name in CONFIGS if name != "san-published-cnn"]
FEATURES = random_features(REGIONS, DIM, torch.float16)


def questions(count: int = 37, images: int = 9) -> QASet:
    """Of one to six words, some images with many, and some with none."""
    some = (
        make_question(
            " ".join(f"w{(i * 7 + k) % 11}" for k in range(1 + i * 5 % 6)),
            (f"a{i % 3}", 2),
            (f"a{(i + 1) % 4}", 1),
            id=i,
            image=str(i * i % images),
            split="train",
        )
        for i in range(count)
    )
    return make_qaset(*some, images={str(i): Path(str(i)) for i in range(images)})


def batches(*, sampling: str = "by-image") -> Batches:
    some = questions()
    words, answers = WordVocab.build(q.text for q in some), AnswerVocab.build(some)
    assert len(words) <= WORDS
    assert len(answers) <= ANSWERS
    return Batches(some, FEATURES, words, answers, batch_size=8, sampling=sampling)


def on_device(some: Batches, device: str = "cpu") -> DeviceFeatures:
    return DeviceFeatures.copy_of(FEATURES, some.images, torch.device(device), torch.float16)


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks compute as they do on a GPU."""
    monkeypatch.setattr("askattend.models.kernels.choice.on_gpu", lambda *_: True)
    # Which looks at tensors of the processor alone.
    for encoders in ("encoders", "san_encoders"):
        name = f"askattend.models.{encoders}.require_in_range"
        monkeypatch.setattr(name, lambda *_, **__: None)


WAITING_CALLS = {
    "item", "tolist", "cpu", "numpy", "nonzero", "unique", "unique_consecutive", "bincount",
    "masked_select", "equal", "allclose", "__bool__", "__int__", "__float__", "__index__",
    "__contains__", "multinomial", "repeat_interleave",
}  # fmt: skip
WAITING_OPERATIONS = {
    "_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "bincount", "masked_select",
    "equal", "_pack_padded_sequence", "multinomial", "repeat_interleave", "is_nonzero",
}  # fmt: skip


class WaitError(AssertionError):
    """A GPU would have been waited for."""


class NoWaitingCalls(TorchFunctionMode):
    """Refuses what in Python fetches a number from a tensor."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in WAITING_CALLS:
            raise WaitError(func.__name__)
        return func(*args, **(kwargs or {}))


class NoWaitingOperations(TorchDispatchMode):
    """Refuses operations the size of whose result depends on data, the gradient's included."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        chosen = any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices)
        if name in WAITING_OPERATIONS or chosen:
            raise WaitError(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def nobody_waits() -> Iterator[None]:
    with NoWaitingCalls(), NoWaitingOperations():  # type: ignore[no-untyped-call]
        yield


def test_waiting_is_noticed() -> None:
    x = torch.rand(3)
    waits = (
        lambda: x.sum().item(),
        lambda: x.tolist(),
        lambda: int(x.sum()),
        lambda: x[x > 0.5],
        lambda: x.unique(),
        lambda: bool(x.sum() > 0),
    )
    for wait in waits:
        with pytest.raises(WaitError), nobody_waits():
            wait()


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("name", GRAPHED)
def test_no_step_waits(name: str, trained: str) -> None:
    model, config = small_network(name), TRAINED[trained]
    step = GraphedStep(model, make_optimizer(model, config), config)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for batch in batches().shuffled(0):
        with nobody_waits():
            loss = step(batch, rate=1e-2)
        assert loss.isfinite()
    assert any(not torch.equal(p, before[n]) for n, p in model.named_parameters())


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("name", ["saaa", "san-cnn", "san-published"])
def test_word_vectors_and_dropped_words_wait_for_nobody(name: str) -> None:
    model, config = small_network(name), replace(TRAINED["adam"], word_dropout=0.3)
    give_word_vectors(model, torch.eye(WORDS)[:, 2:])  # all but padding and the unknown word
    step = GraphedStep(model, make_optimizer(model, config), config)
    for batch in batches().shuffled(0):
        with nobody_waits():
            loss = step(batch, rate=1e-2)
        assert loss.isfinite()


@pytest.mark.parametrize("name", GRAPHED)
@pytest.mark.parametrize("sampling", ["by-image", "uniform"])
def test_graphed_steps_are_the_plain_ones(name: str, sampling: str) -> None:
    """Those from a table of features, too."""
    config = TRAINED["adam"]
    model = small_network(name).double()
    other = deepcopy(model)
    optimizer = make_optimizer(other, config)
    learning_rates_to(torch.device("cpu"), optimizer)  # as a graph needs them
    step = GraphedStep(other, optimizer, config)
    plain = make_step(model, make_optimizer(model, config), config)
    sizes = set()
    usual = batches(sampling=sampling)
    if sampling == "uniform":
        usual = usual.with_features(on_device(usual))
    for number, batch in enumerate(usual.shuffled(0, at_least=12)):
        sizes.add((len(batch), *batch.tokens.shape, batch.images))
        rate = 1e-2 / (1 + number)
        torch.testing.assert_close(step(batch, rate=rate), plain(batch, rate=rate))
    assert len(sizes) > 3, "batches of several sizes, the last one smaller"
    torch.testing.assert_close(
        dict(other.named_parameters()), dict(model.named_parameters()), rtol=1e-5, atol=1e-7
    )


def test_sampled_targets_are_answers_that_people_gave() -> None:
    """A sampled answer counts whole; a question that only fills up, not at all."""
    model, config = small_network("saaa"), TRAINED["published"]
    optimizer = make_optimizer(model, config)
    batch = next(batches().in_order())
    weight = batch.answer_weight.clone()
    weight[3:] = 0
    torch.manual_seed(0)
    few = Batch(
        **{f.name: getattr(batch, f.name) for f in fields(batch)} | {"answer_weight": weight}
    )
    output = model(few.regions, few.tokens, few.lengths, few.image_index)
    log_p = output.logits.log_softmax(1)
    possible = {
        round(-(log_p[0, a] + log_p[1, b] + log_p[2, c]).item() / len(batch), 5)
        for a in given(few, 0)
        for b in given(few, 1)
        for c in given(few, 2)
    }
    found = {
        round(train_step(model, optimizer, few, config, rate=0.0).item(), 5) for _ in range(200)
    }
    assert found == possible


def given(batch: Batch, question: int) -> list[int]:
    index, weight = batch.answer_index[question], batch.answer_weight[question]
    return [int(index[k]) for k in range(len(index)) if weight[k] > 0]


def test_features_on_the_device_make_the_same_batches() -> None:
    usual = batches()
    ids = usual.images
    assert set(ids) == {question.image for question in usual.questions}
    cached = DeviceFeatures.copy_of(FEATURES, ids, torch.device("cpu"), torch.float16)
    for ours, theirs in zip(
        usual.with_features(cached).shuffled(3), usual.shuffled(3), strict=True
    ):
        assert ours.images == len(theirs.regions)
        assert torch.equal(ours.gathered(), theirs.regions)
        for name, tensor in theirs.tensors().items():
            assert name == "regions" or torch.equal(ours.tensors()[name], tensor), name
    assert usual.source is FEATURES


def test_a_processor_reads_features_where_they_are() -> None:
    usual, device = batches(), torch.device("cpu")
    assert cache_on_gpu_if_it_fits(usual, device, "auto", Console(quiet=True)) is usual
    batch = next(usual.in_order())
    (same,) = prefetch_to_device(device, iter([batch]))
    assert same.regions is batch.regions


def test_features_are_cached_only_if_they_leave_room() -> None:
    assert fits(62 * GIBIBYTE, free=79 * GIBIBYTE, total=80 * GIBIBYTE)
    assert not fits(70 * GIBIBYTE, free=79 * GIBIBYTE, total=80 * GIBIBYTE)
    assert not fits(62 * GIBIBYTE, free=70 * GIBIBYTE, total=80 * GIBIBYTE)
    assert fits(1 * GIBIBYTE, free=8 * GIBIBYTE, total=8 * GIBIBYTE)
    assert not fits(3 * GIBIBYTE, free=8 * GIBIBYTE, total=8 * GIBIBYTE)
    assert dtype_on_gpu(torch.float32, torch.bfloat16) is torch.bfloat16
    assert dtype_on_gpu(torch.float32, torch.float32) is torch.float32
    assert dtype_on_gpu(torch.float16, torch.bfloat16) is torch.float16
    assert dtype_on_gpu(torch.float16, torch.float32) is torch.float16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", GRAPHED)
def test_graphs_learn_what_plain_steps_learn(name: str) -> None:
    config, device = TRAINED["adam"], torch.device("cuda")
    model = small_network(name).to(device)
    other = deepcopy(model)
    step = make_step(other, make_optimizer(other, config), config)
    optimizer = make_optimizer(model, config)
    some = batches().with_features(on_device(batches(), "cuda"))
    for number, batch in enumerate(prefetch_to_device(device, some.shuffled(0, at_least=25))):
        rate = 1e-2 / (1 + number)
        expected = train_step(model, optimizer, batch, config, rate=rate)
        torch.testing.assert_close(step(batch, rate=rate), expected, rtol=1e-2, atol=1e-3)
    assert isinstance(step, GraphedStep)
    assert any(buffers.graph is not None for buffers in step._buffers)


def test_batches_made_ahead_are_the_same_and_their_errors_arrive() -> None:
    usual = batches()
    ahead = list(made_ahead(usual.in_order(), 2))
    for ours, theirs in zip(ahead, usual.in_order(), strict=True):
        assert torch.equal(ours.tokens, theirs.tokens)

    def broken() -> Iterator[Batch]:
        yield ahead[0]
        raise ValueError("no more")

    found = made_ahead(broken(), 2)
    assert next(found) is ahead[0]
    with pytest.raises(ValueError, match="no more"):
        next(found)


def test_nobody_makes_batches_that_nobody_wants() -> None:
    made = made_ahead(batches().shuffled(0, at_least=10**6), 2)
    next(made)
    made.close()
    assert not any(thread.name == "batches" for thread in threading.enumerate())


def test_small_tensors_travel_together() -> None:
    tensors = {
        "bytes": torch.arange(5, dtype=torch.uint8),
        "floats": torch.randn(3, 4),
        "none": torch.zeros(0, 2, dtype=torch.int64),
        "rows": torch.arange(12).view(3, 4)[:, :3],
        "large": torch.zeros(2**18 + 1),
    }
    moved = all_to_device(tensors, torch.device("cpu"))
    for name, tensor in tensors.items():
        assert torch.equal(moved[name], tensor), name
    assert moved["large"] is tensors["large"]
    shared = {moved[name].untyped_storage().data_ptr() for name in ("bytes", "floats", "rows")}
    assert len(shared) == 1


def test_features_read_by_several_threads_are_the_same() -> None:
    ids = [str(i) for i in range(9)]
    assert torch.equal(PinnedSource(FEATURES, workers=4).read(ids), FEATURES.read(ids))
