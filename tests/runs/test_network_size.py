"""Widths of which no machine has the memory are refused before any is taken."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from askattend.errors import ConfigError
from askattend.runs.network_size import require_size
from askattend.settings import check
from small_networks import CONFIGS, build_small, small_config

WIDTHS = [
    (name, field.name)
    for name, config in CONFIGS.items()
    for field in fields(config)
    if field.type in ("Positive", "Hops")
]


@pytest.mark.parametrize("size", [10**8, 10**9, 10**30])
@pytest.mark.parametrize(("name", "width"), WIDTHS)
def test_absurd_widths_are_refused(name: str, width: str, size: int) -> None:
    message = r"hops|expected a number below|model: a network of these widths has more than"
    with pytest.raises(ConfigError, match=message):
        require_size(replace(CONFIGS[name], **{width: size}), region_dim=2048, where="model")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_limit_counts_every_weight(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, sizes = small_config(name, dropout=0.0), {"words": 40_000, "answers": 40_000}
    weights = sum(p.numel() for p in build_small(config, **sizes).parameters())
    for most in (1, 2, 3, 4):
        monkeypatch.setenv("ASKATTEND_MAX_NETWORK_MIB", str(most))
        if 4 * weights > most * 2**20:
            with pytest.raises(ConfigError, match="set ASKATTEND_MAX_NETWORK_MIB to more than"):
                require_size(config, **sizes, region_dim=6, where="model")
        else:
            require_size(config, **sizes, region_dim=6, where="model")


def test_the_papers_networks_are_far_below_it() -> None:
    for config in CONFIGS.values():
        check(config)
        require_size(type(config)(), words=20_000, answers=3000, region_dim=2048, where="model")
