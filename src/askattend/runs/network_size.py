"""Sizes of a network: known before any memory is taken for it, or learnt from an input."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from askattend.errors import ConfigError
from askattend.features.spec import FeatureSpec
from askattend.files import limits
from askattend.models import Network, NetworkConfig, build_model

# Beyond it no width has a meaning, and the sizes of what is that wide and high would overflow.
_WIDEST = 2**24


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills tensors: without memory it does nothing, and loads half of PyTorch."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__setitem__":
            return None
        if name.endswith("_") and not name.endswith("__"):
            return args[0] if args else None
        return func(*args, **(kwargs or {}))


def require_size(
    config: NetworkConfig, *, words: int = 2, answers: int = 1, region_dim: int = 1, where: object
) -> None:
    """Refuse widths of which no machine has the memory; see `build_model`.

    Raises:
        ConfigError: the weights would be larger than `limits.NETWORK`.
    """
    most, needed = limits.NETWORK.value() * limits.MEBIBYTE, 0
    widths = [getattr(config, field.name) for field in fields(config)]
    absurd = any(isinstance(width, int) and width > _WIDEST for width in widths)
    if not absurd:
        try:
            with torch.device("meta"), _Unfilled():  # shapes alone, and no memory
                model = build_model(config, words=words, answers=answers, region_dim=region_dim)
            needed = sum(p.numel() * p.element_size() for p in model.parameters())
        except (RuntimeError, TypeError, NotImplementedError):
            return  # a network of somebody else's that needs memory to be made
    if absurd or needed > most:
        problem = f"a network of these widths has more than {limits.NETWORK.value():,} MiB"
        remedy = f"Choose smaller widths. {limits.NETWORK.how_to_raise()}"
        raise ConfigError(problem, where=where, remedy=remedy)


def give_sizes(model: Network, features: FeatureSpec) -> None:
    """Let lazy modules of somebody's own see an input once, from which they learn their sizes."""
    if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
        regions = torch.zeros(1, features.regions, features.input_dim)
        one = torch.ones(1, dtype=torch.long)
        with torch.no_grad():
            model.eval()(regions, one[None], one)  # or a norm would learn from what is no image
        model.train()
