"""Graphs against the networks that they were made of, as onnxruntime runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend.errors import RunError
from askattend.exporting.graphs import BackboneGraph, Graph, ImageGraph, QuestionGraph
from askattend.exporting.onnx_graphs import to_onnx
from askattend.exporting.runtime import Session, require_equal
from askattend.features.spec import Backbone
from askattend.features.storage import Dtype
from askattend.metrics.calibration import Calibration
from askattend.metrics.image_likeness import ImageLikeness
from askattend.models import Network, NetworkConfig, QuestionOnly, QuestionOnlyConfig
from askattend.models.edited_attention import EditedAttention
from askattend.models.symbols import record
from askattend.models.word_embedding import give_word_vectors
from small_networks import DIM, SPEC, WORDS, build_small, small_config

NEAR = 1e-4
CALIBRATION = Calibration(0.7, 100, (), unknown_slope=3.0)
_NUMBERS = np.random.default_rng(1).random((4, DIM)).astype(np.float32)
LIKENESS = ImageLikeness(_NUMBERS[0], _NUMBERS[1:3].T, _NUMBERS[3], rest=0.4, threshold=1.2)
# Between them each encoder, each variant, each linear term, padded pictures and coordinates.
KINDS: dict[str, Callable[[], NetworkConfig]] = {
    "saaa": lambda: small_config("saaa", word_logits="pairs", glimpses=3),
    "san": lambda: small_config("san", word_logits="words"),
    "san-published": lambda: small_config("san-published", hops=1),
    "san-published-cnn": lambda: small_config("san-published-cnn", hops=1),
    "question-only": lambda: small_config("question-only"),
}
HIDING, WITH_VECTORS, EDITABLE = "saaa", "san", "san"


@cache
def network(kind: str) -> Network:
    made = build_small(KINDS[kind]())
    if kind == WITH_VECTORS:
        generator = torch.Generator().manual_seed(2)
        give_word_vectors(made, torch.rand(WORDS, 5, generator=generator))
    for number, weights in enumerate(made.parameters()):  # biases and linear terms begin at 0
        generator = torch.Generator().manual_seed(number)
        weights.data += 0.3 * torch.randn(weights.shape, generator=generator)
    made.hides_blank = kind == HIDING
    return made.eval()


@cache
def question_side(kind: str) -> Session:
    editable = kind == EDITABLE
    graph = QuestionGraph(network(kind), SPEC, CALIBRATION, 1, editable=editable, ranges=True)
    return Session(content_of(graph), threads=1)


@cache
def image_side() -> tuple[bytes, Session]:
    content = content_of(ImageGraph(network(HIDING), SPEC, LIKENESS, ranges=True))
    return content, Session(content, threads=1)


def content_of(graph: Graph) -> bytes:
    with TemporaryDirectory() as scratch:
        return to_onnx(graph, Path(scratch))


def encode(kind: str, regions: Tensor) -> dict[str, Any]:
    """The image side of a network; making its graph takes a second, so that most are modules."""
    if kind == HIDING:
        return image_side()[1].run({"regions": regions.numpy()})
    graph = ImageGraph(network(kind), SPEC, LIKENESS, ranges=True)
    names = (port.name for port in graph.outputs)
    with torch.no_grad():
        return {name: part.numpy() for name, part in zip(names, graph(regions), strict=True)}


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images of any number of regions, and a padded batch of questions about them."""
    images, regions = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    questions, words = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    pixels = torch.rand(images, regions, DIM, generator=generator)
    if draw(st.booleans()):  # some show nothing
        pixels[:, ::2] = 0
    lengths = torch.randint(1, words + 1, (questions,), generator=generator)
    tokens = torch.randint(1, WORDS, (questions, words), generator=generator)
    tokens[torch.arange(words) >= lengths[:, None]] = 0
    about = torch.randint(0, images, (questions,), generator=generator)
    return pixels, tokens, lengths, about


def temperatures(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Each question's, one after the other."""
    shares = [
        float((row[:length] == 1).sum()) / int(length)
        for row, length in zip(tokens, lengths, strict=True)
    ]
    return torch.tensor(CALIBRATION.temperature_of(np.array(shares)))[:, None]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(batch=batches())
def test_answers_are_those_of_pytorch(
    kind: str, batch: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    regions, tokens, lengths, about = batch
    with torch.no_grad():
        wanted = network(kind)(regions, tokens, lengths, about)
    encoded = encode(kind, regions)
    asked = {"tokens": tokens.numpy(), "lengths": lengths.numpy(), "image_index": about.numpy()}
    maps = wanted.attention.shape[1:]
    asked |= {"edited": np.zeros(maps[0], bool), "edited_maps": np.zeros(maps, np.float32)}
    found = question_side(kind).run({**encoded, **asked})
    probabilities = (wanted.logits / temperatures(tokens, lengths)).softmax(dim=1)
    for name, tensor in (
        ("logits", wanted.logits),
        ("attention", wanted.attention),
        ("probabilities", probabilities),
    ):
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=0, atol=NEAR, err_msg=name)
    unlike = LIKENESS.distance(regions.mean(dim=1).numpy())
    certain = np.abs(unlike - LIKENESS.threshold) > NEAR
    assert ((unlike > LIKENESS.threshold) == encoded["unlike"])[certain].all()


@settings(max_examples=10)
@given(batch=batches(), chosen=st.sampled_from([(True, False), (False, True), (True, True)]))
def test_edited_maps_take_the_place_of_the_networks(
    batch: tuple[Tensor, Tensor, Tensor, Tensor], chosen: tuple[bool, bool]
) -> None:
    regions, tokens, lengths, about = batch
    made, count = network(EDITABLE), regions.shape[1]
    drawn = torch.arange(1.0, 2 * count + 1).view(2, 1, count)
    maps = [map_ if use else None for map_, use in zip(drawn, chosen, strict=True)]
    edited = EditedAttention.of(maps, rows=1, columns=count)
    with torch.no_grad():
        image, question = made.encode_image(regions), made.encode_question(tokens, lengths)
        wanted = made.answer(image, question, about, edited)
    encoded = encode(EDITABLE, regions)
    asked = {"tokens": tokens.numpy(), "lengths": lengths.numpy(), "image_index": about.numpy()}
    given_maps = (drawn / drawn.sum(dim=-1, keepdim=True)).squeeze(1).numpy()
    asked |= {"edited": np.array(chosen), "edited_maps": given_maps}
    found = question_side(EDITABLE).run({**encoded, **asked})
    np.testing.assert_allclose(found["logits"], wanted.logits.numpy(), rtol=0, atol=NEAR)
    np.testing.assert_allclose(found["attention"], wanted.attention.numpy(), rtol=0, atol=NEAR)


@pytest.mark.parametrize("words", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_range_of_each_step_is_told(kind: str, words: int) -> None:
    """But of the states within an LSTM, which is a single operation of ONNX's."""
    generator = torch.Generator().manual_seed(words)
    regions = torch.rand(1, SPEC.regions, DIM, generator=generator)
    tokens, lengths = torch.arange(1, words + 1)[None], torch.tensor([words])
    with torch.no_grad(), record() as steps:
        network(kind)(regions, tokens, lengths)
    wanted = [
        [float(step.tensor[step.tensor != -torch.inf].min()), float(step.tensor.max())]
        for step in steps.steps
        if step.tensor.is_floating_point() and step.name != "states"
    ]
    encoded = encode(kind, regions)
    asked = {"tokens": tokens.numpy(), "lengths": lengths.numpy(), "image_index": np.zeros(1, int)}
    edits = {"edited": np.zeros(2, bool), "edited_maps": np.zeros((2, 4), np.float32)}
    found = question_side(kind).run({**encoded, **asked, **edits})
    ranges = np.concatenate([encoded["ranges"], found["ranges"]])
    np.testing.assert_allclose(ranges, wanted, rtol=1e-5, atol=NEAR)


def test_where_a_run_knows_nothing_of_its_pictures_the_graph_tells_nothing_of_them() -> None:
    graph = ImageGraph(network(HIDING), SPEC, None)
    assert "unlike" not in {port.name for port in graph.outputs}
    with torch.no_grad():
        assert len(graph(torch.rand(1, 4, DIM))) == len(graph.outputs)


def test_a_graph_tells_nothing_of_this_machine() -> None:
    content, _ = image_side()
    root = str(Path(__file__).parents[2]).encode()
    for trace in (b"site-packages", b".py", b"torch", root):
        assert trace not in content


class Training(QuestionOnly):
    """A network that computes something else while its graph is made."""

    def encode_question(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return super().encode_question(tokens, lengths) + torch.onnx.is_in_onnx_export()


def training() -> QuestionGraph:
    config = QuestionOnlyConfig(embedding_dim=2, question_dim=3, hidden_dim=4)
    made = Training(config, words=WORDS, answers=2, region_dim=DIM)
    return QuestionGraph(made.eval(), SPEC, None, 1)


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    graph = training()
    made = Session(to_onnx(graph, tmp_path), threads=1)
    with pytest.raises(RunError, match="question-only: onnxruntime computes another 'logits'"):
        require_equal(graph, made, words=WORDS)


def test_what_cannot_be_traced_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise ValueError("a size depends on numbers\nand more of it")

    monkeypatch.setattr("torch.onnx.export", fail)
    told = r"question-only: no graph can be made of its question side \(a size depends on numbers\)"
    with pytest.raises(RunError, match=told):
        to_onnx(training(), tmp_path)


class TwoMaps(nn.Module):
    """A backbone of two maps, of 3 channels and, half as fine, of 5."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.fine, self.coarse = nn.Conv2d(3, 3, 2, stride=2), nn.Conv2d(3, 5, 4, stride=4)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        fine, coarse = self.fine(pixels), self.coarse(pixels)
        return fine.flatten(2).transpose(1, 2), coarse.flatten(2).transpose(1, 2)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_pixels_become_the_regions_that_a_store_gives_back(dtype: Dtype, tmp_path: Path) -> None:
    """Two maps joined, regions beside the picture blank, places appended, numbers rounded."""
    grid = replace(SPEC, image_size=8, rows=4, columns=4, region_dim=8, coarse_dim=5)
    spec = replace(grid, dtype=dtype, geometry="pad", coordinates=True, strides="16+32")
    backbone = Backbone(spec=spec, network=TwoMaps())
    graph = BackboneGraph(backbone.network, spec)
    made = Session(to_onnx(graph, tmp_path), threads=1)
    require_equal(graph, made, words=WORDS)
    for images in (1, 3):
        generator = torch.Generator().manual_seed(images)
        pixels = torch.randint(0, 256, (images, 3, 8, 8), dtype=torch.uint8, generator=generator)
        shown = torch.rand(images, 16, generator=generator) < 0.7
        wanted = backbone.regions(pixels, shown).float().numpy()
        found = made.run({"pixels": pixels.numpy(), "shown": shown.numpy()})["regions"]
        off = np.abs(wanted - found)
        step = np.ptp(wanted) / 255 if dtype == "int8" else 2.0**-10 * np.abs(wanted).max()
        assert off.max() <= 1.01 * step
        assert (off < NEAR).mean() > 0.95  # a number beside the middle of two may go either way
        assert (found[~shown.numpy()] == 0).all()
