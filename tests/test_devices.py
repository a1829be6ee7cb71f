"""What is computed in bfloat16, on a processor that has it and on one that has not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

import askattend
from askattend import Batch, TrainConfig
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import AnsweringPrecision, PrecisionChoice, autocast, require_precision
from askattend.errors import ConfigError, RunError
from askattend.features.spec import FeatureSpec
from askattend.models import NetworkConfig, SAAAConfig, SANConfig, build_model
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run

NETWORKS: dict[str, NetworkConfig] = {
    "saaa": SAAAConfig(embedding_dim=8, question_dim=8, attention_dim=8, hidden_dim=8),
    "san": SANConfig(embedding_dim=8, question_dim=8, attention_dim=8),
}


@pytest.fixture(params=[False, True], ids=["without", "with bfloat16"])
def has_bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("askattend.devices.native_bfloat16", lambda kind: request.param)
    return bool(request.param)


def product(name: PrecisionChoice, dtype: torch.dtype) -> torch.dtype:
    layer = torch.nn.Linear(4, 2, dtype=dtype)
    with autocast(name, layer):
        made: Tensor = layer(torch.zeros(1, 4, dtype=dtype))
    return made.dtype


def test_auto_is_bfloat16_where_there_is_such(has_bfloat16: bool) -> None:
    low = torch.bfloat16 if has_bfloat16 else torch.float32
    assert product("auto", torch.float32) == low
    assert product("float32", torch.float32) == torch.float32
    assert product("bfloat16", torch.float32) == torch.bfloat16


def test_weights_in_float64_are_computed_in_float64(has_bfloat16: bool) -> None:
    assert product("auto", torch.float64) == product("float32", torch.float64) == torch.float64
    with pytest.raises(ConfigError, match=r"float64 weights .*model\.float\(\)"):
        product("bfloat16", torch.float64)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_in_float64_is_exact_everywhere(name: str, has_bfloat16: bool) -> None:
    torch.manual_seed(0)
    model = build_model(NETWORKS[name], words=12, answers=7, region_dim=16).double().eval()
    regions, lengths = torch.rand(3, 9, 16, dtype=torch.float64), torch.tensor([5, 3, 1])
    tokens = torch.randint(2, 12, (3, 5)) * (torch.arange(5) < lengths[:, None])
    batch = Batch.of(regions, tokens, lengths, torch.tensor([1, 0, 6]))
    answers, _ = askattend.compute_loss(model, batch, TrainConfig())
    logits: Tensor = model(batch.regions, batch.tokens, batch.lengths, batch.image_index).logits
    assert answers.dtype == torch.float64
    expected = torch.nn.functional.cross_entropy(logits, batch.answer_index[:, 0])
    torch.testing.assert_close(answers, expected, rtol=1e-12, atol=0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    network = asdict(NETWORKS["saaa"])
    spec = FeatureSpec("made", "0" * 16, 64, (0.5,) * 3, (0.5,) * 3, 2, 2, 8, "float32")
    tables = {"network": "saaa", "model": network}
    words, answers = WordVocab.build(["what is it"]), AnswerVocab(("a", "b"))
    made = Run(tmp_path / "run", tables, words, answers, None, spec)
    made.save()
    made.save_weights(made.new_model())
    return made


def test_a_run_answers_in_what_it_was_trained_in(run: Run, has_bfloat16: bool) -> None:
    def weights(precision: PrecisionChoice | None = None) -> torch.dtype:
        model = Predictor.load(run.folder, precision=precision).model
        return next(model.parameters()).dtype

    assert weights() == (torch.bfloat16 if has_bfloat16 else torch.float32)
    assert weights("bfloat16") == torch.bfloat16
    replace(run, config={**run.config, "train": {"precision": "float32"}}).save()
    assert weights() == torch.float32
    assert weights("auto") == (torch.bfloat16 if has_bfloat16 else torch.float32)


def test_a_run_can_answer_with_weights_of_8_bits(run: Run) -> None:
    regions = torch.rand(1, 4, 8)

    def probability(precision: AnsweringPrecision) -> float:
        predictor = Predictor.load(run.folder, precision=precision)
        (answer,) = predictor.answer(predictor.look_at(regions), [0], ["what is it"])
        return answer.probability

    exact, rounded = probability("float32"), probability("int8")
    assert rounded == pytest.approx(exact, abs=0.01)
    assert rounded != exact
    with pytest.raises(ConfigError, match=r"8 bits are multiplied on a processor, not on meta"):
        Predictor.load(run.folder, precision="int8", device="meta")


def test_a_precision_that_is_asked_for_but_unknown_is_named(run: Run) -> None:
    # Under the tests the types refuse it before; elsewhere nobody looks at them.
    for precision in ("half", ""):
        code = f"askattend.Predictor.load({str(run.folder)!r}, precision={precision!r})"
        command = [sys.executable, "-c", f"import askattend; {code}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert f"'{precision}' is not a precision. Use one of auto, float32, " in done.stderr
    with pytest.raises(
        ConfigError, match=r"'int8' is not a precision\. Use one of auto, float32, "
    ):
        require_precision("int8", get_args(PrecisionChoice))


def test_weights_of_8_bits_are_on_the_processor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    predictor = Predictor.load(run.folder, precision="int8")
    assert {parameter.device.type for parameter in predictor.model.parameters()} == {"cpu"}


@pytest.mark.parametrize("train", [{"precision": "int4"}, "fast"])
def test_a_precision_that_there_is_not_is_named(run: Run, train: object) -> None:
    replace(run, config={**run.config, "train": train}).save()
    with pytest.raises(RunError, match=r"config\.toml: \[train\] precision must be one of auto"):
        Predictor.load(run.folder)
