"""Training that comes to no number stops, and names the questions; what is odd but whole works."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import Precision
from askattend.errors import RunError
from askattend.features.none import NoFeatures
from askattend.metrics.floors import Floors
from askattend.models import SAAAConfig, SANConfig
from askattend.runs.run_folder import Run
from askattend.training import step as steps
from askattend.training.config import TrainConfig
from askattend.training.loop import fit
from askattend.training.processes import ALONE, Processes
from training.thread_processes import together

DIM = 6
CONFIGS: dict[str, Any] = {
    "saaa": SAAAConfig(embedding_dim=4, question_dim=6, attention_dim=5, hidden_dim=7),
    "san": SANConfig(embedding_dim=4, question_dim=6, attention_dim=5),
}


class Features:
    """Features of each image: random ones, unless some are given."""

    def __init__(self, **given: Tensor) -> None:
        self.given = given

    def read(self, image_ids: Sequence[str]) -> Tensor:
        torch.manual_seed(7)
        usual = torch.rand(4, DIM)
        return torch.stack([self.given.get(image, usual) for image in image_ids])


def questions(*texts: str) -> QASet:
    asked = tuple(
        Question(f"q{n}", f"i{n}", text, (("yes" if n % 2 else "no", 1),), "train")
        for n, text in enumerate(texts)
    )
    return QASet("made", asked, {f"i{n}": Path("none.png") for n in range(len(texts))})


TEXTS = ("is it red?", "is it blue?", "what is it?", "is it there?")


def trained(
    folder: Path,
    asked: QASet,
    features: Features,
    network: str = "saaa",
    processes: Processes = ALONE,
    **config: Any,
) -> Run:
    words, answers = WordVocab.build(q.text for q in asked), AnswerVocab.build(asked)
    spec = replace(NoFeatures().spec, rows=2, columns=2, region_dim=DIM)
    tables = {"network": network, "model": msgspec_table(CONFIGS[network])}
    run = Run(folder, tables, words, answers, Floors.build(asked), spec)
    run.save()
    batches = Batches(asked, features, words, answers, batch_size=2)
    settings = TrainConfig(
        **{"epochs": 2, "batch_size": 2, "min_steps": 1, "device": "cpu", **config}
    )
    fit(run, batches, batches, settings, console=Console(quiet=True), processes=processes)
    return run


def msgspec_table(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("network", CONFIGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_that_are_no_numbers(
    bad: float, network: str, precision: Precision, tmp_path: Path
) -> None:
    regions = torch.rand(4, DIM)
    regions[2, 3] = bad
    with pytest.raises(RunError) as caught:
        trained(tmp_path, questions(*TEXTS), Features(i2=regions), network, precision=precision)
    assert "the features of 1 images are not all finite (i2): questions q2 (1 in all)" in str(
        caught.value
    )


def test_processes_that_train_together_name_the_questions_of_all(tmp_path: Path) -> None:
    regions = torch.full((4, DIM), math.nan)

    def train(processes: Processes) -> str:
        out = tmp_path / str(processes.rank)
        with pytest.raises(RunError) as caught:
            trained(out, questions(*TEXTS), Features(i2=regions), processes=processes)
        return caught.value.problem

    told = together(2, train)
    assert told == ["the features of 1 images are not all finite (i2): questions q2 (1 in all)"] * 2


def test_a_loss_that_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = steps.compute_loss

    def broken(model: Any, batch: Any, *more: Any) -> tuple[Tensor, Tensor]:
        answers, penalty = usual(model, batch, *more)
        return answers * (math.nan if 3 in batch.question_index else 1.0), penalty

    monkeypatch.setattr(steps, "compute_loss", broken)
    with pytest.raises(
        RunError, match=r"the loss is nan at step [12]: questions .*q3.*another --out"
    ):
        trained(tmp_path, questions(*TEXTS), Features())


@pytest.mark.parametrize("when", [1, 2])
def test_a_gradient_that_is_no_number(
    when: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first step, or in the last one of the epoch, after which it is validated."""
    usual, seen = steps.optimizer_step, []

    def broken(model: Any, optimizer: Any, loss: Tensor, config: TrainConfig) -> None:
        seen.append(loss)
        usual(model, optimizer, loss * math.inf if len(seen) == when else loss, config)

    monkeypatch.setattr(steps, "optimizer_step", broken)
    expected = rf"the gradient of step {when} is not finite: questions q\d, q\d \(2 in all\)"
    with pytest.raises(RunError, match=expected):
        trained(tmp_path, questions(*TEXTS), Features())


@pytest.mark.parametrize("network", CONFIGS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_odd_but_whole_is_learnt(
    network: str, precision: Precision, tmp_path: Path
) -> None:
    odd = Features(
        i0=torch.zeros(4, DIM), i1=torch.full((4, DIM), 6e4), i2=torch.full((4, DIM), 6e-8)
    )
    asked = questions("???", "is it " * 200, "", "is it?")
    run = trained(tmp_path, asked, odd, network, precision=precision, learning_rate=1e-3)
    model = run.load_model("last")
    assert all(bool(torch.isfinite(weight).all()) for weight in model.parameters())
    assert re.search(r"\d", (tmp_path / "log.csv").read_text())
