"""Checkpoints: what is malformed is named before a training goes on from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from accepted import accept_run
from askattend.errors import RunError
from askattend.models import Network
from askattend.runs.run_folder import Run
from askattend.training.checkpoint import load_checkpoint, save_checkpoint
from askattend.training.config import TrainConfig
from askattend.training.history import Progress, TrainingHistory, WithinEpoch
from askattend.training.step import make_optimizer
from askattend.training.weight_averaging import keep_average

WITHIN = WithinEpoch(1, 0.5, 2, 1.0)
Tensors = dict[str, Tensor]
MOMENT = "optimizer.attention.region.weight.exp_avg"


def begun(run: Run, config: TrainConfig) -> tuple[Network, torch.optim.Optimizer]:
    model = run.new_model()
    optimizer = make_optimizer(model, config)
    keep_average(optimizer, config.average_epochs * 10)
    return model, optimizer


def learnt(run: Run, config: TrainConfig, *, unused: str = "") -> None:
    """Make a step, and a checkpoint within the first epoch."""
    model, optimizer = begun(run, config)
    for name, parameter in model.named_parameters():
        if name != unused:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    save_checkpoint(run, model, optimizer, TrainingHistory(), WITHIN)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(optimizer="sgd", momentum=0.9),
        TrainConfig(average_epochs=0.5),
        TrainConfig(optimizer="sgd", average_epochs=0.5),
    ],
)
@pytest.mark.parametrize("unused", ["", "attention.region.weight"])
def test_what_is_saved_is_loaded(untrained: Run, config: TrainConfig, unused: str) -> None:
    learnt(untrained, config, unused=unused)
    model, optimizer = begun(untrained, config)
    checkpoint = load_checkpoint(untrained, model, optimizer)
    assert checkpoint.within == WITHIN
    assert set(checkpoint.random) == {"cpu"}
    without = {n for n, p in model.named_parameters() if not optimizer.state[p]}
    assert without == {unused} - {""}


def test_without_momentum_nothing_is_kept_and_nothing_missed(untrained: Run) -> None:
    config = TrainConfig(optimizer="sgd", momentum=0.0)
    learnt(untrained, config)
    assert load_checkpoint(untrained, *begun(untrained, config)).within == WITHIN


def first_of(tensors: Tensors, prefix: str) -> str:
    return next(name for name in sorted(tensors) if name.startswith(prefix))


def without(name: str) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.pop(name)


def changed(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.update({name: change(tensors[name])})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without(MOMENT), rf"lacks the tensor '{MOMENT}'"),
        (lambda t: [t.pop(n) for n in list(t) if n.startswith("optimizer.")], "lacks the tensor"),
        (lambda t: t.update({"optimizer.nobody.step": torch.ones(1)}), "holds the tensor 'opt"),
        (lambda t: t.update({"extra": torch.ones(1)}), "holds the tensor 'extra'"),
        (lambda t: t.update({f"{MOMENT}_of": torch.ones(1)}), "holds the tensor"),
        (changed(MOMENT, lambda m: m[:1]), r"is not torch\.float32 of shape \[5, 6\]"),
        (changed(MOMENT, torch.Tensor.double), r"is not torch\.float32 of shape"),
        (changed(MOMENT, lambda m: m * math.nan), "holds values that are not finite"),
        (without("random.cpu"), "holds no states of random numbers"),
        (lambda t: t.update({"random.tpu": torch.ones(1)}), "holds no states of random numbers"),
        (changed("random.cpu", lambda s: s[:9]), "'random.cpu' is no state of random numbers"),
        (changed("random.cpu", torch.Tensor.float), "'random.cpu' is no state of random numbers"),
    ],
)
def test_malformed_tensors_are_named(
    untrained: Run, spoil: Callable[[Tensors], object], message: str
) -> None:
    learnt(untrained, TrainConfig())
    file = untrained.folder / "last.safetensors"
    tensors, metadata = read(file)
    spoil(tensors)
    save_file(tensors, file, metadata=metadata)
    accept_run(untrained.folder)
    with pytest.raises(RunError, match=rf"last\.safetensors: .*{message}"):
        load_checkpoint(untrained, *begun(untrained, TrainConfig()))


@pytest.mark.parametrize(
    "state",
    [
        b"{",
        b'{"history": {}, "more": 1}',
        b'{"history": {"epochs": [1]}}',
        msgspec.json.encode(Progress(TrainingHistory(), WITHIN)).replace(b'"step":1', b'"step":-1'),
    ],
)
def test_a_malformed_state_is_named(untrained: Run, state: bytes) -> None:
    learnt(untrained, TrainConfig())
    file = untrained.folder / "last.safetensors"
    tensors, _ = read(file)
    save_file(tensors, file, metadata={"state": state.decode()})
    accept_run(untrained.folder)
    with pytest.raises(RunError, match=r"last\.safetensors: its state is unreadable"):
        load_checkpoint(untrained, *begun(untrained, TrainConfig()))


def read(file: Path) -> tuple[Tensors, dict[str, str]]:
    with safe_open(file, "pt") as opened:
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
        return tensors, opened.metadata()


def test_averages_that_are_missing_or_not_wanted_are_named(untrained: Run) -> None:
    averaging, plain = TrainConfig(average_epochs=0.5), TrainConfig()
    learnt(untrained, plain)
    with pytest.raises(RunError, match=r"lacks the tensor 'optimizer.*\.average'"):
        load_checkpoint(untrained, *begun(untrained, averaging))
    learnt(untrained, averaging)
    with pytest.raises(RunError, match=r"holds the tensor 'optimizer.*\.average'"):
        load_checkpoint(untrained, *begun(untrained, plain))
