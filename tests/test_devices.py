"""What is computed in bfloat16, on a processor that has it and on one that has not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor

import askattend
from askattend import Batch, TrainConfig
from askattend.devices import AnsweringPrecision, PrecisionChoice, autocast, require_precision
from askattend.errors import ConfigError, RunError
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from small_networks import CONFIGS, DIM, REGIONS, small_batch, small_network


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


@pytest.mark.parametrize("name", CONFIGS)
def test_a_step_in_float64_is_exact_everywhere(name: str, has_bfloat16: bool) -> None:
    model = small_network(name, dropout=0.5).double().eval()
    regions, tokens, lengths, image_index = small_batch()
    answers = torch.tensor([1, 0, 6, 3, 0])
    batch = Batch.of(regions, tokens, lengths, answers, image_index=image_index)
    loss, _ = askattend.compute_loss(model, batch, TrainConfig())
    logits: Tensor = model(regions, tokens, lengths, image_index).logits
    assert loss.dtype == torch.float64
    expected = torch.nn.functional.cross_entropy(logits, answers)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)


def test_a_run_answers_in_what_it_was_trained_in(untrained: Run, has_bfloat16: bool) -> None:
    def weights(precision: PrecisionChoice | None = None) -> torch.dtype:
        model = Predictor.load(untrained.folder, precision=precision).model
        return next(model.parameters()).dtype

    assert weights() == (torch.bfloat16 if has_bfloat16 else torch.float32)
    assert weights("bfloat16") == torch.bfloat16
    replace(untrained, config={**untrained.config, "train": {"precision": "float32"}}).save()
    assert weights() == torch.float32
    assert weights("auto") == (torch.bfloat16 if has_bfloat16 else torch.float32)


def test_a_run_can_answer_with_weights_of_8_bits(untrained: Run) -> None:
    regions = torch.rand(1, REGIONS, DIM)

    def probability(precision: AnsweringPrecision) -> float:
        predictor = Predictor.load(untrained.folder, precision=precision)
        (answer,) = predictor.answer(predictor.look_at(regions), [0], ["what is it"])
        return answer.probability

    exact, rounded = probability("float32"), probability("int8")
    assert rounded == pytest.approx(exact, abs=0.01)
    assert rounded != exact
    with pytest.raises(ConfigError, match=r"8 bits are multiplied on a processor, not on meta"):
        Predictor.load(untrained.folder, precision="int8", device="meta")


def test_a_precision_that_is_asked_for_but_unknown_is_named(untrained: Run) -> None:
    # Under the tests the types refuse it before; elsewhere nobody looks at them.
    for precision in ("half", ""):
        code = f"askattend.Predictor.load({str(untrained.folder)!r}, precision={precision!r})"
        command = [sys.executable, "-c", f"import askattend; {code}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert f"'{precision}' is not a precision. Use one of auto, float32, " in done.stderr
    with pytest.raises(
        ConfigError, match=r"'int8' is not a precision\. Use one of auto, float32, "
    ):
        require_precision("int8", get_args(PrecisionChoice))


def test_weights_of_8_bits_are_on_the_processor(
    untrained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    predictor = Predictor.load(untrained.folder, precision="int8")
    assert {parameter.device.type for parameter in predictor.model.parameters()} == {"cpu"}


@pytest.mark.parametrize("train", [{"precision": "int4"}, "fast"])
def test_a_precision_that_there_is_not_is_named(untrained: Run, train: object) -> None:
    replace(untrained, config={**untrained.config, "train": train}).save()
    with pytest.raises(RunError, match=r"config\.toml: \[train\] precision must be one of auto"):
        Predictor.load(untrained.folder)
