"""Pictures and small backbones that several tests of features share."""

from __future__ import annotations

import torch
from torch import Tensor


def picture(size: int, *, seed: int = 0, images: int = 1) -> Tensor:
    shape = (images, 3, size, size)
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
