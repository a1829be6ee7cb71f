"""What a training's pictures are like is learnt where enough of them are held back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from askattend.data.splits import Splits
from askattend.experiment.config import Config
from askattend.experiment.likeness import prepare_likeness
from askattend.models import NetworkConfig, QuestionOnlyConfig, SAAAConfig
from askattend.runs.image_likeness import LIKENESS, load_likeness
from small_networks import DIM, REGIONS, untrained_run
from small_questions import make_qaset, make_question


class Source:
    """Features of images whose number is in their name."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        generators = (torch.Generator().manual_seed(int(name)) for name in image_ids)
        return torch.stack([torch.rand(REGIONS, DIM + 2, generator=each) for each in generators])


def splits(learnt: range, held_back: range) -> Splits:
    train, valid = (
        make_qaset(*(make_question(image=str(n), id=n) for n in some))
        for some in (learnt, held_back)
    )
    return Splits(train, valid, ())


@pytest.mark.parametrize(
    ("learnt", "held_back", "config", "there"),
    [
        (range(60), range(60, 90), SAAAConfig(), True),
        (range(60), range(60, 70), SAAAConfig(), False),
        (range(60), range(60), SAAAConfig(), False),  # validated on itself
        (range(60), range(60, 90), QuestionOnlyConfig(), False),
    ],
)
def test_where_it_can_be_learnt(
    tmp_path: Path, learnt: range, held_back: range, config: NetworkConfig, there: bool
) -> None:
    run = untrained_run(tmp_path / "run")
    prepare_likeness(run, Config(model=config), splits(learnt, held_back), Source())
    assert (run.folder / LIKENESS).exists() == there
    if not there:
        return
    found = load_likeness(run.folder, DIM)  # without the two coordinates that are appended
    assert found is not None
    means = Source().read([str(n) for n in held_back]).mean(dim=1)[:, :DIM].numpy()
    assert not found.is_unlike(means).any()
    assert found.is_unlike(means + 5).all()
    before = (run.folder / LIKENESS).read_bytes()
    prepare_likeness(run, Config(model=config), splits(held_back, learnt), Source())
    assert (run.folder / LIKENESS).read_bytes() == before
