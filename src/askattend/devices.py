"""Where to compute."""

from __future__ import annotations

import torch

from askattend.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """The device that a setting names; ``"auto"`` is a GPU if there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"cannot compute on '{name}' ({str(error).splitlines()[0].rstrip('.')})",
            where="device",
            remedy="Use auto or cpu.",
        ) from None
