"""Edited attention: networks pool with it as NumPy does, and with their own without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from askattend.errors import DataError
from askattend.models.edited_attention import EditedAttention, edit
from askattend.models.network import ImageEncoding
from small_networks import ATTENDING, DIM, REGIONS, small_batch, small_network

Array = npt.NDArray[np.float64]
Maps = list[list[list[float]] | None]

weight = st.one_of(st.just(0.0), st.floats(1e-3, 1e3))
grid = st.lists(st.lists(weight, min_size=2, max_size=2), min_size=2, max_size=2)
some_map = st.one_of(st.none(), grid.filter(lambda rows: any(map(any, rows))))


def softmax(scores: Array) -> Array:
    e: Array = np.exp(scores - scores.max())
    weights: Array = e / e.sum()
    return weights


def chosen(own: Array, edited: list[list[float]] | None) -> Array:
    if edited is None:
        return own
    flat = [value for row in edited for value in row]
    return np.array([value / sum(flat) for value in flat])


def saaa_by_hand(w: dict[str, Array], image: Array, s: Array, edited: Maps) -> Array:
    v = image / (np.linalg.norm(image, axis=1, keepdims=True) + 1e-8)
    query = w["attention.question.weight"] @ s + w["attention.question.bias"]
    hidden = np.maximum(v @ w["attention.region.weight"].T + query, 0)
    scores = hidden @ w["attention.score.weight"].T + w["attention.score.bias"]
    x = [chosen(softmax(scores[:, c]), drawn) @ v for c, drawn in enumerate(edited)]
    first = w["classifier.1.weight"] @ np.concatenate([*x, s]) + w["classifier.1.bias"]
    logits: Array = w["classifier.4.weight"] @ np.maximum(first, 0) + w["classifier.4.bias"]
    return logits


def san_by_hand(w: dict[str, Array], image: Array, u: Array, edited: Maps, name: str) -> Array:
    v = np.tanh(image @ w["image.weight"].T + w["image.bias"])
    for k, drawn in enumerate(edited):
        region = v @ w[f"hops.{k}.region.weight"].T
        query = w[f"hops.{k}.query.weight"] @ u + w[f"hops.{k}.query.bias"]
        score, bias = w[f"hops.{k}.score.weight"], w[f"hops.{k}.score.bias"]
        if "published" in name:
            hidden = np.tanh(region + w[f"hops.{k}.region.bias"]) + np.tanh(query)
            scores = np.tanh(hidden @ score[0] + bias)
        else:
            scores = np.tanh(region + query) @ score[0] + bias
        u = chosen(softmax(scores), drawn) @ v + u
    logits: Array = w["classifier.weight"] @ u + w["classifier.bias"]
    return logits


@pytest.mark.parametrize("name", ATTENDING)
@pytest.mark.parametrize("maps", [1, 2, 3])
@given(data=st.data())
def test_networks_pool_with_the_edited_maps(name: str, maps: int, data: st.DataObject) -> None:
    count = {"glimpses" if name == "saaa" else "hops": maps}
    model: Any = small_network(name, **count).double().eval()
    edited: Maps = data.draw(st.lists(some_map, min_size=maps, max_size=maps))
    regions, tokens, lengths, image_index = small_batch()
    image, question = model.encode_image(regions), model.encode_question(tokens, lengths)
    maps_given = EditedAttention.of(edited, rows=2, columns=2)
    with torch.no_grad():
        output = model.answer(image, question, image_index, maps_given)
    weights = {key: tensor.double().numpy() for key, tensor in model.state_dict().items()}
    for row, encoded in enumerate(question.detach().numpy()):
        seen = regions[image_index[row]].numpy()
        by_hand = (
            saaa_by_hand(weights, seen, encoded, edited)
            if name == "saaa"
            else san_by_hand(weights, seen, encoded, edited, name)
        )
        np.testing.assert_allclose(output.logits[row], by_hand, rtol=1e-9, atol=1e-12)
        for drawn, used in zip(edited, output.attention[row].numpy(), strict=True):
            np.testing.assert_allclose(used, chosen(used, drawn), rtol=1e-12)


@pytest.mark.parametrize("name", ATTENDING)
def test_maps_left_to_the_network_change_no_bit(name: str) -> None:
    model = small_network(name).eval()
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    image, question = model.encode_image(regions), model.encode_question(tokens, lengths)
    own = model.answer(image, question, image_index)
    left = model.answer(image, question, image_index, EditedAttention((None, None)))
    assert torch.equal(own.logits, left.logits)
    assert torch.equal(own.attention, left.attention)
    assert edit(own.attention, None) is own.attention


@pytest.mark.parametrize("name", ATTENDING)
def test_one_region_alone_reaches_the_answer(name: str) -> None:
    """With all attention on region 2, what the others hold says nothing any more."""
    model = small_network(name).double().eval()
    regions, tokens, lengths, _ = small_batch()
    other = regions.clone()
    other[:, [0, 1, 3]] = torch.rand(3, 3, DIM, dtype=torch.float64)
    alone = EditedAttention.of([[[0, 0], [7, 0]]] * 2, rows=2, columns=2)
    question, about = model.encode_question(tokens[:3], lengths[:3]), torch.arange(3)
    seen = [model.answer(model.encode_image(r), question, about, alone) for r in (regions, other)]
    torch.testing.assert_close(seen[0].logits, seen[1].logits)
    assert seen[0].attention[0].tolist() == [[0, 0, 1, 0]] * 2


@pytest.mark.parametrize("name", ["question-only", "image-only"])
def test_networks_that_do_not_attend_refuse(name: str) -> None:
    model = small_network(name).double().eval()
    regions, tokens, lengths, image_index = small_batch()
    image, question = model.encode_image(regions), model.encode_question(tokens, lengths)
    edited = EditedAttention.of([[[1, 0], [0, 0]]], rows=2, columns=2)
    with pytest.raises(DataError, match=f"the network {name} does not attend"):
        model.answer(image, question, image_index, edited)


def test_more_or_fewer_maps_or_regions_are_refused() -> None:
    image, question = ImageEncoding(torch.rand(1, REGIONS, DIM)), torch.zeros(1, 8)
    for name in ("saaa", "san"):
        model = small_network(name).eval()
        image = model.encode_image(torch.rand(1, REGIONS, DIM))
        for maps, rows, message in (
            (1, 2, "has 1 maps, where the network has 2"),
            (3, 2, "has 3 maps, where the network has 2"),
            (2, 3, "map 1: has 6 regions, where the image has 4"),
        ):
            edited = EditedAttention.of(np.ones((maps, rows, 2)), rows=rows, columns=2)
            with pytest.raises(DataError, match=message):
                model.answer(image, question, torch.tensor([0]), edited)


@given(rows=grid.filter(lambda rows: any(map(any, rows))), scale=st.floats(1e-300, 1e300))
def test_maps_are_scaled_whatever_their_size(rows: list[list[float]], scale: float) -> None:
    """Numbers so large that their sum is infinite, or so small that it is nearly 0, included."""
    scaled = np.clip(np.array(rows) * scale, 0, 1.7e308)
    assume(scaled.any())
    (found,) = EditedAttention.of([scaled], rows=2, columns=2).maps
    assert found is not None
    assert float(found.sum()) == pytest.approx(1)
    assert ((found > 0).numpy() <= (scaled.ravel() > 0)).all()


@pytest.mark.parametrize(
    "values",
    [
        [[[1, 2], [3, 4]], None],
        (np.array([[1, 2], [3, 4]], np.uint8), None),
        [torch.tensor([[1, 2], [3, 4]], dtype=torch.bfloat16, requires_grad=True), None],
    ],
)
def test_maps_come_in_any_form(values: Any) -> None:
    first, second = EditedAttention.of(values, rows=2, columns=2).maps
    assert second is None
    assert first is not None
    assert first.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
def test_all_maps_come_as_one_array(kind: Any) -> None:
    maps = EditedAttention.of(kind([[[1.0, 3.0]], [[1.0, 1.0]]]), rows=1, columns=2).maps
    assert [None if m is None else m.tolist() for m in maps] == [[0.25, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[[1, 1, 1], [1, 1, 1]]], "map 1: is 2 × 3, expected 2 × 2"),
        ([None, [1, 2, 3, 4]], "map 2: is 4, expected 2 × 2"),
        (np.array([3.0]), "map 1: is a single number"),
        (np.array(3.0), "is one ndarray, expected maps × 2 rows"),
        (torch.tensor(3.0), "is one Tensor"),
        ([[[1, 1], [1]]], "map 1: holds rows of different lengths"),
        ([[["a", "b"], ["c", "d"]]], "map 1: holds something that is no number"),
        ([[[1, None], [1, 1]]], "map 1: holds something that is no number"),
        ([[[0, 0], [0, 0]]], "map 1: holds nothing but zeros"),
        ([[[1, -0.5], [1, 1]]], r"map 1: holds -0\.5, which is no weight"),
        ([None, [[1, float("nan")], [1, 1]]], "map 2: holds nan, which is no weight"),
        ([[[1, float("inf")], [1, 1]]], "map 1: holds inf, which is no weight"),
        ("12", "is one str, expected maps × 2 rows × 2 columns"),
        (7, "is one int, expected maps × 2 rows × 2 columns"),
    ],
)
def test_what_is_no_map_is_refused(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"edited attention.*{message}"):
        EditedAttention.of(values, rows=2, columns=2)
