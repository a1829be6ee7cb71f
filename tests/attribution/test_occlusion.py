"""Maps by occlusion, against asking again without each region in turn."""

from __future__ import annotations

import math

import pytest
import torch
from captum.attr import FeatureAblation
from torch import Tensor

from askattend.attribution.occlusion import occlusion_maps
from askattend.attribution.without_regions import WithoutRegions, answer_log_odds
from askattend.batching.batches import Batch
from small_networks import ATTENDING, REGIONS, build_small, small_batch, small_config, small_network


def batch() -> Batch:
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    labels = torch.zeros(len(tokens), dtype=torch.long)
    return Batch.of(regions, tokens, lengths, labels, image_index=image_index)


@pytest.mark.parametrize("name", [*ATTENDING, "image-only"])
@pytest.mark.parametrize("answer", [None, [4, 0, 6, 1, 1]])
@torch.inference_mode()
def test_a_fall_is_that_of_the_answers_log_odds(name: str, answer: list[int] | None) -> None:
    model, some = small_network(name).eval(), batch()
    followed = None if answer is None else torch.tensor(answer)
    asked = WithoutRegions.of(model, some, 2.0, followed)
    found = occlusion_maps(asked)
    whole = model(some.regions, some.tokens, some.lengths, some.image_index).logits
    for row, image in enumerate(some.image_index.tolist()):
        best = int(whole[row].argmax()) if answer is None else answer[row]
        for region in range(REGIONS):
            changed = some.regions.clone()
            changed[image, region] = 0
            left = model(changed, some.tokens, some.lengths, some.image_index).logits[row]
            before, after = (
                math.log(p / (1 - p))
                for p in ((z.double() / 2).softmax(dim=0)[best].item() for z in (whole[row], left))
            )
            assert found[row, region].item() == pytest.approx(before - after, abs=1e-5)
        assert asked.probability[row].item() == pytest.approx(
            (whole[row] / 2).softmax(dim=0)[best].item(), abs=1e-6
        )
    assert found.abs().max() > 1e-4


@pytest.mark.parametrize("name", ["saaa", "san"])
def test_it_is_captums_ablation_of_each_region(name: str) -> None:
    model, some = small_network(name).eval(), batch()
    asked = WithoutRegions.of(model, some, 1.0)
    answer = asked.answer

    def log_odds(regions: Tensor) -> Tensor:
        logits = model(regions, some.tokens, some.lengths).logits
        return answer_log_odds(logits, answer)

    regions = some.regions[some.image_index]
    number = torch.arange(REGIONS)[None, :, None].expand_as(regions)
    theirs = FeatureAblation(log_odds).attribute(regions, feature_mask=number)
    # Each number of a region has the fall without all of them.
    assert occlusion_maps(asked).detach().numpy() == pytest.approx(
        theirs[..., 0].detach().numpy(), abs=1e-5
    )


def test_near_one_it_tells_what_probabilities_cannot() -> None:
    logits = torch.tensor([[60.0, 0.0, 1.0], [40.0, 0.0, 1.0]])
    assert logits.softmax(dim=1)[:, 0].tolist() == [1, 1]
    first, second = answer_log_odds(logits, torch.tensor([0, 0])).tolist()
    assert first - second == pytest.approx(20)


@torch.inference_mode()
def test_a_network_with_one_answer_hangs_on_no_region() -> None:
    model = build_small(small_config("saaa"), answers=1).eval()
    asked = WithoutRegions.of(model, batch(), 1.0)
    assert (asked.probability == 1).all()
    assert (occlusion_maps(asked) == 0).all()
