"""The maps of a batch are those of each question by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from askattend.attribution.gradients import gradient_maps, in_float32
from askattend.attribution.maps import METHODS, maps_of
from askattend.attribution.removal import drops_without_tenth
from askattend.batching.batches import Batch
from small_networks import small_batch, small_network


def batch(dtype: torch.dtype = torch.float32) -> Batch:
    regions, tokens, lengths, image_index = small_batch(dtype)
    labels = torch.zeros(len(tokens), dtype=torch.long)
    return Batch.of(regions, tokens, lengths, labels, image_index=image_index)


@pytest.mark.parametrize("name", ["saaa", "san"])
def test_questions_of_one_image_have_maps_of_their_own(name: str) -> None:
    model, some = small_network(name).eval(), batch()
    asked, maps = maps_of(model, some)
    assert list(maps) == list(METHODS)
    with torch.no_grad():
        output = model(some.regions, some.tokens, some.lengths, some.image_index)
        question = model.encode_question(some.tokens, some.lengths)
    assert torch.equal(asked.answer, output.logits.argmax(dim=1))
    mean = output.attention.mean(dim=1).numpy()
    assert maps["attention"] == pytest.approx(mean, abs=1e-7)
    alone = gradient_maps(model, some.regions[some.image_index], question, asked.answer)
    assert maps["grad_cam"] == pytest.approx(alone.grad_cam.numpy(), abs=1e-6)
    assert maps["gradient_times_input"] == pytest.approx(
        alone.gradient_times_input.numpy(), abs=1e-6
    )
    assert np.abs(maps["occlusion"]).max() > 1e-4


def test_maps_are_of_the_answer_that_is_named() -> None:
    model, some = small_network("saaa").eval(), batch()
    _, best = maps_of(model, some)
    asked, other = maps_of(model, some, answer=torch.full((5,), 2))
    assert asked.answer.tolist() == [2] * 5
    assert other["attention"] == pytest.approx(best["attention"])
    for name in ("grad_cam", "gradient_times_input", "occlusion"):
        assert np.abs(other[name] - best[name]).max() > 1e-4


def test_without_a_tenth_is_without_the_greatest_of_four_regions() -> None:
    model, some = small_network("saaa").eval(), batch()
    with torch.inference_mode():
        asked, maps = maps_of(model, some)
        stacked = torch.from_numpy(np.stack([maps["attention"], -maps["attention"]], axis=1))
        drops = drops_without_tenth(asked, stacked, torch.Generator())
        for row, image in enumerate(some.image_index.tolist()):
            for order, sign in enumerate((1, -1)):
                changed = some.regions.clone()
                changed[image, int((sign * maps["attention"][row]).argmax())] = 0
                logits = model(changed, some.tokens, some.lengths, some.image_index).logits
                left = logits.softmax(dim=1)[row, asked.answer[row]]
                fall = float(asked.probability[row] - left)
                assert drops[row, order].item() == pytest.approx(fall, abs=1e-6)


def test_gradients_are_in_float32_at_least() -> None:
    model = small_network("saaa")
    assert in_float32(model) is model
    assert in_float32(model.double()) is model
    half = small_network("saaa").bfloat16()
    exact = in_float32(half)
    assert {parameter.dtype for parameter in exact.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
