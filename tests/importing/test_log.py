"""Logs of pytorch-vqa in which something does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from askattend.errors import RunError
from askattend.importing.pytorch_vqa import import_log


def weights(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def spoil(log: dict[str, Any]) -> None:
        log["weights"][f"module.{name}"] = change(log["weights"][f"module.{name}"])

    return spoil


def into(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(log: dict[str, Any]) -> None:
        for key in path[:-1]:
            log = log[key]
        log[path[-1]] = value

    return spoil


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(log: dict[str, Any]) -> None:
        for key in path[:-1]:
            log = log[key]
        del log[path[-1]]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("weights"), "lacks 'weights'; it holds config, eval, name, tracker, vocab"),
        (without("vocab"), "lacks 'vocab'"),
        (without("vocab", "question"), "vocab: lacks 'question'; it holds answer"),
        (into("weights", value=[1]), "'weights' is a list, not a dictionary"),
        (into("vocab", "answer", value=3), "'answer' is a int, not a dictionary"),
        (
            without("weights", "module.classifier.lin1.bias"),
            r"lacks the tensor 'classifier\.lin1\.bias'",
        ),
        (
            without("weights", "module.attention.v_conv.weight"),
            r"lacks the tensor 'attention\.v_conv\.weight'",
        ),
        (
            weights("text.lstm.weight_ih_l0", lambda t: t[:, :-1]),
            r"'text\.lstm\.weight_ih_l0' has shape \[80, 11\]; .* \[80, 12\] was expected",
        ),
        (
            weights("classifier.lin1.weight", lambda t: t[:, 24:]),
            r"'classifier\.lin1\.weight' has shape \[28, 44\]; .* \[28, 68\] was expected",
        ),
        (
            weights("attention.v_conv.weight", lambda t: t.flatten(1)),
            r"v_conv\.weight' has shape \[16, 24\]; expected were 4 dimensions",
        ),
        (
            weights("attention.x_conv.weight", lambda t: t.tile(1, 1, 3, 3)),
            r"x_conv\.weight' has shape \[2, 16, 3, 3\]; .* \[2, 16, 1, 1\]",
        ),
        (weights("attention.q_lin.bias", lambda t: t.long()), r"q_lin\.bias' is of torch\.int64"),
        (weights("attention.q_lin.bias", lambda t: t.tolist()), r"q_lin\.bias' is of list"),
        (
            weights("attention.q_lin.weight", lambda t: t.to_sparse()),
            r"q_lin\.weight' is of layout torch\.sparse_coo, expected was a dense tensor",
        ),
        (
            weights("text.embedding.weight", lambda t: t[0, 0].expand(2**40, 2**20)),
            r"'text\.embedding\.weight' has shape .*, but fewer values than that",
        ),
        (weights("attention.q_lin.bias", lambda t: t.to("meta")), r"q_lin\.bias' is without valu"),
        (
            into("weights", "classifier.lin1.bias", value=torch.ones(28)),
            r"weights: 'classifier\.lin1\.bias' is there twice, with 'module\.'",
        ),
        (weights("attention.q_lin.bias", lambda t: t / 0), r"q_lin\.bias' holds .* not finite"),
        (
            into("weights", "module.text.lstm.weight_hh_l1", value=torch.ones(2)),
            r"has no tensor 'text\.lstm\.weight_hh_l1'",
        ),
        (
            weights("text.embedding.weight", lambda t: t[1:]),
            r"embedding\.weight' has 39 rows; for the 39 words .* 40 were expected",
        ),
        (without("vocab", "answer", "cat"), r"lin2\.weight' has 15 rows; .* 14 were expected"),
        (into("vocab", "question", "what", value=0), "index of 'what' is 0; expected were 1 to 39"),
        (into("vocab", "question", "what", value=40), "is 40; expected were 1 to 39, each once"),
        (into("vocab", "question", "is", value=1), "index of 'is' is 1, as that of 'what'"),
        (into("vocab", "question", "is", value=2.0), r"maps 'is' to 2\.0"),
        (into("vocab", "answer", "cat", value=15), "vocab.answer: .* 15; expected were 0 to 14"),
        (
            into("vocab", "question", "\ud800", value=40),
            r"vocab\.question: '\\ud800' holds half a character",
        ),
        (into("vocab", "answer", value={}), "vocab.answer: is empty"),
        (into("config", value=3), "config: Expected object, got int"),
        (into("config", "epochs", value="many"), "config: .*int.*epochs"),
        (into("config", "central_fraction", value=1.5), "<= 1.0.*central_fraction"),
        (into("config", "output_size", value=0), ">= 1.*output_size"),
    ],
)
def test_a_spoilt_log_is_refused(
    log: dict[str, Any], tmp_path: Path, spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    spoil(log)
    torch.save(log, tmp_path / "log.pth")
    with pytest.raises(RunError, match=message) as refused:
        import_log(tmp_path / "log.pth", tmp_path / "run")
    assert str(tmp_path / "log.pth") in str(refused.value)
    assert not (tmp_path / "run").exists()
