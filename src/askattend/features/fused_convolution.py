"""Frozen convolutions in one pass over memory, with all that stands before and after them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

# Where oneDNN's fused convolutions are tried: PyTorch has them elsewhere, too.
_MACHINES = ("x86_64", "amd64")


class FusedConvolution(nn.Module):
    """A frozen convolution with its padding and batch norm, and a ReLU6 or a sum after it.

    One after the other, each of these reads and writes a whole map, which takes longer than a
    depthwise convolution does. On a processor, in float32 and without a gradient, oneDNN computes
    all of them in one operation, from weights that it lays out once as it likes to read them.

    Args:
        weight: of the convolution, which has no bias; depthwise if it has a single input channel.
        norm: the state of the batch norm after it.
        epsilon: the norm's.
        stride: in both directions.
        padding: zeros on the left and top, and on the right and bottom.
        clamped: True for a ReLU6 after it.
    """

    def __init__(
        self,
        weight: Float[Tensor, "out_channels channels kernel kernel"],
        norm: Mapping[str, Tensor],
        *,
        epsilon: float,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
        clamped: bool = False,
    ) -> None:
        super().__init__()
        mean, variance = norm["running_mean"], norm["running_var"]
        scale, shift = norm["weight"], norm["bias"]
        folded, bias = fuse_conv_bn_weights(weight, None, mean, variance, epsilon, scale, shift)
        before, after = padding
        # oneDNN pads both sides alike: a kernel that begins with zeros does the same as less
        # padding there, without a copy of the map.
        kernel = F.pad(folded.detach(), (after - before, 0) * 2)
        self.weight = nn.Parameter(kernel, requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.stride, self.groups = stride, len(weight) if weight.shape[1] == 1 else 1
        self.padding, self.clamped = after, clamped
        self._laid_out: Tensor | None = None

    def forward(
        self, x: Float[Tensor, "images channels rows columns"], plus: Tensor | None = None
    ) -> Float[Tensor, "images out_channels _ _"]:
        """Convolve a map; add `plus`, if it is given, or clamp the result to 0 … 6."""
        plain = x.dtype == torch.float32 and not (torch.is_grad_enabled() and x.requires_grad)
        plain = plain and not as_onnx()  # which knows no operations of oneDNN
        if plain and x.device.type == "cpu" and _onednn_fuses():
            return self._fused(x, plus)
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups)
        if plus is not None:
            return y.add_(plus)
        if not self.clamped:
            return y
        if as_onnx():
            return torch.onnx.ops.symbolic(
                "Clip",
                (y, y.new_zeros(()), y.new_full((), 6.0)),
                dtype=y.dtype,
                shape=y.shape,
                version=13,
            )
        return F.relu6(y, inplace=True)  # in place: without another map

    def _fused(self, x: Tensor, plus: Tensor | None) -> Tensor:
        padding, stride, dilation = ([each] * 2 for each in (self.padding, self.stride, 1))
        if self._laid_out is None:
            self._laid_out = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, padding, stride, dilation, self.groups
            )
        parts = (self._laid_out, self.bias, padding, stride, dilation, self.groups)
        convolve: Any = torch.ops.mkldnn._convolution_pointwise
        if plus is not None:
            summed: Tensor = convolve.binary(x, plus, *parts, "add", 1.0, None, [], None)
            return summed
        after = ("hardtanh", [0.0, 6.0]) if self.clamped else ("none", [])
        convolved: Tensor = convolve.default(x, *parts, *after, "")
        return convolved

    def _apply(self, *arguments: Any, **named: Any) -> FusedConvolution:
        self._laid_out = None  # of the weights as they were, on the device where they were
        moved: FusedConvolution = super()._apply(*arguments, **named)  # type: ignore[no-untyped-call]
        return moved

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_laid_out": None}  # what oneDNN lays out cannot be copied


def as_onnx() -> bool:
    """Tell if a graph for ONNX is being made."""
    # Nobody else need wait for the import of torch.onnx.
    return torch.compiler.is_compiling() and torch.onnx.is_in_onnx_export()


@cache
def _onednn_fuses() -> bool:
    """Return True where this PyTorch has oneDNN, and with it fused convolutions."""
    known = platform.machine().lower() in _MACHINES and torch.backends.mkldnn.is_available()
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
