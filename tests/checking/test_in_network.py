"""A module inside its network: padding that counts is found."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from askattend.checking.in_network import WORDS, ignores_padding
from askattend.checking.module_under_test import Sizes
from askattend.checking.preparation import prepare
from askattend.models.san import SAN, HopAttention, SANConfig


def test_padding_that_counts_is_found() -> None:
    """The published CNN's windows reach over a question's end: an answer depends on padding."""
    hop = HopAttention(question_dim=9, attention_dim=6)
    sizes = Sizes(network="san", region_dim=9)
    tested = prepare(hop, sizes=sizes, seed=0).cast(torch.float64)
    small: dict[str, Any] = {"unigram_filters": 2, "bigram_filters": 3, "trigram_filters": 4}
    for variant, passes in (("paper", True), ("published-code", False)):
        torch.manual_seed(0)
        config = SANConfig(variant=variant, encoder="cnn", embedding_dim=4, **small)  # type: ignore[arg-type]
        model = SAN(config, words=WORDS, answers=4, region_dim=6, attention=hop).double().eval()
        for number in range(3):
            nn.init.constant_(model.get_parameter(f"encoder.filters.{number}.bias"), 0.5)
        assert ignores_padding(model, tested).passed is passes
