"""Gradient maps, against Captum's, against differences, and by what must hold of any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, LayerGradCam
from torch import Tensor, nn

from askattend.attribution.gradients import GradientMaps, gradient_maps
from askattend.models import SAAA, ImageEncoding, Network, Output
from small_networks import ANSWERS, ATTENDING, DIM, WORDS, small_batch, small_network

NETWORKS = (*ATTENDING, "image-only")


def asked(name: str, **changes: Any) -> tuple[Network, Tensor, Tensor, Tensor, Tensor]:
    """A network in double precision, each question's own image, question's words and answer."""
    model = small_network(name, **changes).double().eval()
    regions, tokens, lengths, image_index = small_batch()
    # Padding reaches the answers of the published CNN: each question is as long as the longest.
    answer = torch.tensor([0, 6, 3, 3, 1])
    return model, regions[image_index], tokens, lengths, answer


def maps(name: str, **changes: Any) -> GradientMaps:
    model, regions, tokens, lengths, answer = asked(name, **changes)
    return gradient_maps(model, regions, model.encode_question(tokens, lengths), answer)


class Backbone(nn.Module):
    """A network behind a layer whose output is a feature map, as Captum wants it."""

    def __init__(self, model: Network, tokens: Tensor, lengths: Tensor) -> None:
        super().__init__()
        self.features, self.model, self.tokens, self.lengths = nn.Identity(), model, tokens, lengths

    def forward(self, channels: Tensor) -> Tensor:
        regions = self.features(channels).flatten(2).transpose(1, 2)
        logits: Tensor = self.model(regions, self.tokens, self.lengths).logits
        return logits


@pytest.mark.parametrize("name", NETWORKS)
def test_grad_cam_is_captums(name: str) -> None:
    model, regions, tokens, lengths, answer = asked(name)
    channels = regions.transpose(1, 2).unflatten(2, (2, 2)).contiguous().requires_grad_()
    behind = Backbone(model, tokens, lengths)
    theirs = LayerGradCam(behind, behind.features).attribute(channels, target=answer)
    found = maps(name).grad_cam
    assert found.numpy() == pytest.approx(theirs.flatten(1).relu().detach().numpy(), abs=1e-12)
    assert found.max() > 1e-6


@pytest.mark.parametrize("name", ["saaa", "san", "san-cnn", "image-only"])
def test_gradient_times_input_is_captums_at_the_regions_as_encoded(name: str) -> None:
    """Of networks whose later projections are linear and without a bias: one input says all."""
    model, regions, tokens, lengths, answer = asked(name)

    def from_encoded(encoded: Tensor) -> Tensor:
        hops: Any = [model.attention] if name == "saaa" else getattr(model, "hops", [])
        projected = tuple(hop.project(encoded) for hop in hops)
        image = model.encode_image(regions)._replace(regions=encoded, projected=projected)
        rows = torch.arange(len(encoded))
        return model.answer(image, model.encode_question(tokens, lengths), rows).logits

    encoded = model.encode_image(regions).regions.detach().requires_grad_()
    theirs = InputXGradient(from_encoded).attribute(encoded, target=answer).sum(dim=2)
    found = maps(name).gradient_times_input
    assert found.numpy() == pytest.approx(theirs.detach().numpy(), abs=1e-12)
    assert found.abs().max() > 1e-6


def test_at_the_backbones_output_it_would_be_nothing_for_saaa() -> None:
    """Why it is taken where regions are encoded: a region's length does not reach the answer."""
    model, regions, tokens, lengths, answer = asked("saaa")

    def logits(inputs: Tensor) -> Tensor:
        output: Tensor = model(inputs, tokens, lengths).logits
        return output

    leaf = regions.clone().requires_grad_()
    there = InputXGradient(logits).attribute(leaf, target=answer).sum(dim=2)
    assert there.abs().max() < 1e-7
    assert maps("saaa").gradient_times_input.abs().max() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_differences(name: str) -> None:
    """Grad-CAM's weights, from central differences of each channel over all regions at once."""
    model, regions, tokens, lengths, answer = asked(name)
    step, weights = 1e-6, np.zeros((len(regions), regions.shape[2]))
    with torch.no_grad():
        for channel in range(regions.shape[2]):
            ends = []
            for sign in (1, -1):
                moved = regions.clone()
                moved[:, :, channel] += sign * step
                logits = model(moved, tokens, lengths).logits
                ends.append(logits.gather(1, answer[:, None])[:, 0].numpy())
            weights[:, channel] = (ends[0] - ends[1]) / (2 * step) / regions.shape[1]
    loop = [
        [max(0.0, float(region @ w)) for region in image]
        for image, w in zip(regions.numpy(), weights, strict=True)
    ]
    assert maps(name).grad_cam.numpy() == pytest.approx(np.array(loop), abs=1e-8)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_question_has_a_gradient_of_its_own(name: str) -> None:
    model, regions, tokens, lengths, answer = asked(name)
    question = model.encode_question(tokens, lengths)
    together = gradient_maps(model, regions, question, answer)
    for row in range(len(regions)):
        one = slice(row, row + 1)
        alone = gradient_maps(model, regions[one], question[one], answer[one])
        for a, b in zip(alone, together, strict=True):
            assert a[0].numpy() == pytest.approx(b[row].numpy(), abs=1e-12)


def test_channels_that_say_where_a_region_lies_are_left_out() -> None:
    model, regions, tokens, lengths, answer = asked("saaa")
    question = model.encode_question(tokens, lengths)
    leaf = regions.clone().requires_grad_()
    logits = model(leaf, tokens, lengths).logits.gather(1, answer[:, None]).sum()
    (gradient,) = torch.autograd.grad(logits, leaf)
    four = (regions[..., :4] * gradient[..., :4].mean(dim=1, keepdim=True)).sum(dim=2).relu()
    found = gradient_maps(model, regions, question, answer, channels=4).grad_cam
    assert found.numpy() == pytest.approx(four.detach().numpy(), abs=1e-12)


def test_it_works_within_inference_mode_and_leaves_no_gradient() -> None:
    model, regions, tokens, lengths, answer = asked("saaa")
    with torch.inference_mode():
        question = model.encode_question(tokens, lengths)
        found = gradient_maps(model, regions.clone(), question, answer.clone())
    outside = maps("saaa")
    assert torch.equal(found.grad_cam, outside.grad_cam)
    assert not found.grad_cam.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_answer_that_no_region_reaches_has_empty_maps() -> None:
    model, regions, tokens, lengths, answer = asked("question-only")
    question = model.encode_question(tokens, lengths)
    for found in gradient_maps(model, regions, question, answer):
        assert (found == 0).all()


class Frozen(SAAA):
    """Lets no gradient through to the regions."""

    @torch.no_grad()
    def encode_image(self, regions: Tensor) -> ImageEncoding:
        return super().encode_image(regions)


class Unmoved(SAAA):
    """Answers what does not depend on anything."""

    def answer(self, *arguments: Any) -> Output:
        output = super().answer(*arguments)
        return replace(output, logits=torch.zeros_like(output.logits))


@pytest.mark.parametrize(("kind", "beyond"), [(Frozen, False), (Unmoved, True)])
def test_what_no_region_reaches_has_no_gradient(kind: type[SAAA], beyond: bool) -> None:
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    model = kind(words=WORDS, answers=ANSWERS, region_dim=DIM).eval()
    question = model.encode_question(tokens, lengths)
    found = gradient_maps(model, regions[image_index], question, torch.zeros(5, dtype=torch.long))
    assert (found.grad_cam == 0).all()
    assert bool((found.gradient_times_input == 0).all()) is beyond
