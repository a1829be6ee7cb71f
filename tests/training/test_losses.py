"""The losses of an epoch, fetched some at a time."""

from __future__ import annotations

import pytest
import torch

from askattend.errors import RunError
from askattend.training.losses import FETCH_EVERY, Losses


def test_a_loss_that_is_not_finite_is_found_late_but_named_rightly() -> None:
    losses = Losses(before=1000, device=torch.device("cuda"))
    for number in range(1, FETCH_EVERY):
        losses.add(torch.tensor(float("nan") if number in (7, 9) else 1.0), 2)
    with pytest.raises(RunError, match="the loss is nan at step 1007"):
        losses.add(torch.tensor(1.0), 2)
    losses = Losses(before=0, device=torch.device("cuda"))
    for value in (1.0, 4.0):
        losses.add(torch.tensor(value), int(value))
    assert losses.mean() == pytest.approx(17 / 5)
    losses.add(torch.tensor(float("inf")), 1)
    with pytest.raises(RunError, match="the loss is inf at step 3"):
        losses.mean()
    at_once = Losses(before=0, device=torch.device("cpu"))
    with pytest.raises(RunError, match="step 1"):
        at_once.add(torch.tensor(float("nan")), 1)
