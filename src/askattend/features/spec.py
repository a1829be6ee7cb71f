"""The origin of a set of features, and the frozen network that makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from askattend.devices import PRECISIONS, Precision
from askattend.errors import FeatureError
from askattend.features.storage import Dtype, Shape, ShardFeatures, layout

Triple = tuple[float, float, float]

# What made features that were imported need not be known.
UNKNOWN = "unknown"
# The backbone of a network that does not use the image.
NONE = "none"
CERTAIN = ("rows", "columns", "region_dim")


@dataclass(frozen=True)
class FeatureSpec:
    """The origin of a set of features. Features of two specs that differ are never mixed.

    Attributes:
        backbone: the name that `load_backbone` knows it by; `UNKNOWN` for imported features of
            which nobody said; `NONE` where no image is looked at.
        fingerprint: 16 hex digits of the SHA-256 of its weights; `UNKNOWN` for imported features.
        image_size: side in pixels of the square that it looked at; 0 if unknown.
        mean: subtracted from red, green and blue, which run from 0 to 1.
        std: what they are divided by then.
        rows: rows of its grid; row 0 is the top of the picture.
        columns: columns of its grid; column 0 is the left.
        region_dim: numbers that describe one region.
        dtype: what the features are stored in.
        precision: what they were computed in.
        geometry: how a picture became a square: ``"squash"`` fits all of it, ignoring its shape;
            ``"centre-crop"`` keeps its shape and cuts a square out of its middle.
        interpolation: how it was resampled.
        central_fraction: side of the square cut out, as a share of the picture's short side.
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
    precision: Precision = "float32"
    geometry: Literal["squash", "centre-crop"] = "squash"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    central_fraction: float = 1.0

    @property
    def imported(self) -> bool:
        """True for features made elsewhere: which weights made them is not known."""
        return self.fingerprint == UNKNOWN

    @property
    def label(self) -> str:
        """Backbone and image size in words, as far as they are known."""
        if self.backbone == NONE:
            return "none: the image is not used"
        backbone = "unknown backbone" if self.backbone == UNKNOWN else self.backbone
        return f"{backbone}, {self.image_size} px" if self.image_size else backbone

    @property
    def regions(self) -> int:
        """Regions of a picture: rows × columns."""
        return self.rows * self.columns

    def shape(self, images: int) -> Shape:
        """Return the shape of the features of so many images: images × regions × region_dim."""
        return (images, self.regions, self.region_dim)

    @property
    def image_bytes(self) -> int:
        """Bytes that the features of one image take in a store."""
        tensors = layout(self.shape(1), self.dtype).values()
        return sum(prod(shape) * dtype.itemsize for shape, dtype in tensors)

    def require(self, other: FeatureSpec, *, where: object) -> None:
        """Refuse features that do not go with these.

        The same weights of one family of backbones are one backbone, whatever their name in it:
        the model hub's name, or a folder's.
        Of imported features only the grid and the width are known for certain, and compared.

        Args:
            other: what made the others.
            where: the store or run that the refusal is about.

        Raises:
            FeatureError: names every field that differs, with both values.
        """
        imported = self.imported or other.imported
        compared = CERTAIN if imported else tuple(f.name for f in fields(self))
        names = [name for name in compared if getattr(self, name) != getattr(other, name)]
        families = {spec.backbone.partition(":")[0] for spec in (self, other)}
        if not names or (names == ["backbone"] and len(families) == 1):
            return
        made = ", ".join(
            f"{name} {getattr(self, name)!r} against {getattr(other, name)!r}" for name in names
        )
        another = imported or {"backbone", "fingerprint"} & set(names)
        made_by = "another backbone" if another else "the same backbone with other settings"
        raise FeatureError(
            f"features made by {made_by} cannot be mixed: {made}",
            where=where,
            remedy="Use the same backbone and settings throughout, or a store of its own.",
        )


class Backbone:
    """A frozen network with what it takes to feed it.

    Args:
        spec: what it makes.
        network: normalised pixels (images × 3 × size × size) → images × regions × region_dim,
            row by row.
    """

    def __init__(self, *, spec: FeatureSpec, network: nn.Module) -> None:
        self.spec = spec
        compute = PRECISIONS[spec.precision]
        # Convolutions are quicker where the channels of a pixel lie side by side.
        self.network = network.eval().requires_grad_(False).to(compute)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean, self._std = per_channel(spec.mean), per_channel(spec.std)

    def to(self, device: torch.device) -> Backbone:
        """Compute on another device from now on."""
        self.network.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self

    def regions(
        self, pixels: UInt8[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Compute features row by row: region r·columns + c lies in row r, column c.

        Computed in `spec.precision`, and what a store of `spec` gives back: rounded as it holds
        them. A value too large for that becomes infinite, which the caller must look out for.

        Args:
            pixels: pictures as `geometry.square` makes them, 0..255.

        Raises:
            FeatureError: they are not of the backbone's size.
        """
        computed = self.compute(pixels).cpu()
        stored = ShardFeatures.zeros(self.spec.shape(len(pixels)), self.spec.dtype)
        stored.write(slice(None), computed)
        return stored.read(slice(None))

    def compute(
        self, pixels: UInt8[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Compute `regions` before they are rounded to what a store holds, on the network's device.

        Raises:
            FeatureError: see `regions`.
        """
        spec = self.spec
        if pixels.shape[-1] != spec.image_size:
            raise FeatureError(
                f"{pixels.shape[-1]} px where it takes {spec.image_size}",
                where=spec.backbone,
                remedy="Resize the image to the backbone's image_size.",
            )
        with torch.inference_mode():
            normalised = (
                pixels.to(self._mean.device).float().div_(255).sub_(self._mean).div_(self._std)
            )
            computed: Tensor = self.network(
                normalised.to(PRECISIONS[spec.precision], memory_format=torch.channels_last)
            )
        return computed


def require_multiple(image_size: int, stride: int, *, where: str) -> None:
    """Refuse a size that the grid does not divide, naming the nearest that it does.

    Raises:
        FeatureError: `image_size` is no multiple of `stride`.
    """
    if image_size % stride:
        nearest = max(1, round(image_size / stride)) * stride
        raise FeatureError(
            f"image_size {image_size} is not a multiple of {stride}",
            where=where,
            remedy=f"The nearest valid one is {nearest}.",
        )


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return 16 hex digits of the SHA-256 of weights: every name, and every tensor's bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}\0".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def per_channel(values: Triple) -> Float[Tensor, "3 1 1"]:
    """Make a tensor of three numbers that broadcasts over pixels."""
    return torch.tensor(values, dtype=torch.float32).view(3, 1, 1)
