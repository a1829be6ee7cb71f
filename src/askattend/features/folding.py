"""Batch normalisations folded into the convolutions before them: the same function, quicker."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Layers of transformers' ResNets that are nothing but a convolution, its norm, and an activation.
CONVOLVE_THEN_NORMALISE = ("ResNetConvLayer", "ResNetShortCut")


def fold_resnet(model: nn.Module) -> None:
    """Fold the norms of transformers' ResNets, in place; leave other models alone."""
    for module in model.modules():
        if type(module).__name__ in CONVOLVE_THEN_NORMALISE:
            fold(module, "convolution", "normalization")


def fold(module: nn.Module, convolution: str, norm: str) -> None:
    """Fold one norm of a network in eval mode into the convolution whose output it normalises."""
    fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
    setattr(module, convolution, fused)
    setattr(module, norm, nn.Identity())
