"""Dropout whose masks are cheap to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from askattend.models.kernels import choice
from askattend.models.kernels.cpu.buffer_pool import empty_from_pool
from askattend.models.kernels.cpu.draws import draw


def keep_mask(shape: Sequence[int], p: float, device: torch.device) -> Bool[Tensor, "*shape"]:
    """Draw the elements of a tensor that dropout keeps: each True with probability 1 - p."""
    if device.type != "cpu":
        return torch.empty(*shape, dtype=torch.bool, device=device).bernoulli_(1 - p)
    return draw(math.prod(shape), p).mask(shape)


def mask_to_float(flips: Bool[Tensor, "*shape"], out: Tensor) -> Tensor:
    """Write 1 where True and 0 elsewhere; from bytes, which is quicker than from bools."""
    return out.copy_(flips.view(torch.uint8))


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, with masks from `keep_mask`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with each element zero or 1 / (1 - p) times what it was."""
        if not (self.training and self.p):
            return input
        if choice.triton_runs(input) and not (torch.is_grad_enabled() and input.requires_grad):
            from askattend.models.kernels.gpu import regions as quick

            return quick.dropout(input, self.p)
        if input.is_cuda or torch.compiler.is_compiling():
            return super().forward(input)
        if choice.native_runs(input):
            from askattend.models.kernels.cpu import dropout as native

            return native.dropout(input, draw(input.numel(), self.p), self.scale)
        flips = keep_mask(input.shape, self.p, input.device)
        mask = mask_to_float(flips, empty_from_pool(input.shape, input.dtype, input.device))
        if torch.is_grad_enabled() and input.requires_grad:
            return input * mask.mul_(self.scale)
        # In the mask's own memory: fresh memory costs more than the product.
        return torch.addcmul(mask.new_zeros(()), mask, input, value=self.scale, out=mask)

    @property
    def scale(self) -> float:
        """The factor of the elements that stay, so that the expected value stays."""
        return 1 / (1 - self.p) if self.p < 1 else 0.0
