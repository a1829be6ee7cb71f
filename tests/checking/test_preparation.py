"""Sizes are found out; a module that cannot be called or copied is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models.san import HopAttention
from checking.modules import (
    QUESTION,
    REGION,
    Convolution,
    Mine,
    check,
    failed,
    note,
)


def test_sizes_are_found_out() -> None:
    assert f"region_dim {REGION}, question_dim {QUESTION}" in check(Convolution()).title
    assert "2 glimpses" in str(check(Convolution()))
    # The grid, too, where a module takes one only.
    report = check(Convolution(side=14))
    assert report.ok
    assert report.equal
    assert "196" in note(report, "grid")


def test_the_module_is_left_as_it_was() -> None:
    module = Convolution().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    check(module)
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in module.parameters())


def test_uncallable_modules_say_how_they_are_called() -> None:
    class Backwards(Mine):
        def forward(self, question: Tensor, regions: Tensor) -> Any:  # type: ignore[override]
            return super().forward(regions, question)

    class Three(Mine):
        def forward(  # type: ignore[override]
            self, regions: Tensor, question: Tensor, mask: Tensor
        ) -> Any:
            return super().forward(regions, question)

    for module in (Backwards(), Three()):
        report = check(module)
        said = failed(report)["call"]
        assert "called as forward(regions, question)" in said
        assert f"region_dim {REGION}, question_dim {QUESTION}" in said
        assert (report.ok, report.equal, report.findings[-1].passed) == (False, None, None)
        assert str(report).endswith("1 of 1 checks failed.")
    assert "mask" in said


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        (Mine(), {"region_dim": 0}, "region_dim = 0"),
        (Mine(), {"network": "san", "region_dim": 3, "question_dim": 4}, "differ"),
    ],
)
def test_wrong_arguments(module: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(module, **options)


def test_wrong_types() -> None:
    """In a process of its own: here the tests' type checker would refuse them first."""
    code = """
import torch, askattend
for arguments in ([torch.nn.Linear], [torch.relu], [torch.nn.Identity(), "rnn"]):
    try:
        askattend.check(arguments[0], **dict(zip(["network"], arguments[1:])))
    except askattend.AskAttendError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, two, three = done.stdout.splitlines()
    assert "Linear is a class. Give an attention of that class: Linear(…)." in one
    assert "not a torch.nn.Module" in two
    assert "network = 'rnn': must be one of saaa, san." in three


def test_what_cannot_be_copied_or_has_no_size() -> None:
    module = Mine()
    module.kept = module.last.weight * 2
    assert "register_buffer" in failed(check(module))["call"]
    assert "'weight' has no size yet" in failed(check(nn.LazyLinear(3)))["call"]


def test_another_that_cannot_be_called_hides_nothing() -> None:
    other = HopAttention(question_dim=4, attention_dim=3)
    found = failed(check(Mine(lambda s: s.softmax(dim=2)), like=other))
    assert "HopAttention cannot" in found["likeness"]
    assert "softmax" in found
