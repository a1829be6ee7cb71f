"""The origin of a set of features, and the frozen network that makes them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Literal

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from askattend.devices import PRECISIONS, Precision, to_device
from askattend.errors import FeatureError
from askattend.features.levels import (
    Grid,
    StoredLevels,
    blank_out,
    coordinates_of,
    join,
    levels_layout,
)
from askattend.features.storage import Dtype, Shape
from askattend.files import limits

Triple = tuple[float, float, float]
# Which maps of a backbone are used: pixels between two regions, "last" for its last map.
Strides = Literal["last", "16", "16+32"]
# How a picture becomes a square.
Geometry = Literal["squash", "centre-crop", "pad"]

# What made features that were imported need not be known.
UNKNOWN = "unknown"
# What the name of a module of somebody's own begins with.
OWN = "own:"
# The backbone of a network that does not use the image.
NONE = "none"
# Side in pixels of the largest square that a backbone may look at.
_LARGEST = 2**16
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
            ``"centre-crop"`` keeps its shape and cuts a square out of its middle; ``"pad"`` keeps
            its shape and fills up its short side.
        interpolation: how it was resampled.
        central_fraction: side of the square cut out, as a share of the picture's short side.
        strides: which of the backbone's maps; two are joined on the finer one's grid.
        coarse_dim: how many of `region_dim` come from a map of half as many rows and columns.
        coordinates: True where each region's place is appended when it is read, see
            `levels.coordinates_of`; no store holds it.

    Raises:
        FeatureError: a value is none that it can have, or an image's features are larger than
            `limits.FEATURES`.
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
    geometry: Geometry = "squash"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    central_fraction: float = 1.0
    strides: Strides = "last"
    coarse_dim: int = 0
    coordinates: bool = False

    def __post_init__(self) -> None:
        if (problem := self._problem()) is not None:
            raise FeatureError(f"no description of features: {problem}")
        if (size := self.image_bytes / limits.MEBIBYTE) > limits.FEATURES.value():
            problem = f"{self.rows:,} × {self.columns:,} regions of {self.region_dim:,} numbers"
            remedy = f"Choose a smaller image_size. {limits.FEATURES.how_to_raise()}"
            raise FeatureError(f"{problem} are {size:,.0f} MiB an image", remedy=remedy)

    def _problem(self) -> str | None:
        """Say which field cannot be; None where all can."""
        for name in ("rows", "columns", "region_dim"):
            if (value := getattr(self, name)) < 1:
                return f"{name} is {value}"
        if not 0 <= self.image_size <= _LARGEST:
            return f"image_size is {self.image_size:,}"
        if not 0 <= self.coarse_dim < self.region_dim:
            return f"coarse_dim is {self.coarse_dim:,} of {self.region_dim:,}"
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            return f"mean is {self.mean}, std {self.std}"
        if not 0 < self.central_fraction <= 1:
            return f"central_fraction is {self.central_fraction}"
        return None

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
        size = f", {self.image_size} px" if self.image_size else ""
        return f"{backbone}{size}" + ("" if self.strides == "last" else f", stride {self.strides}")

    @property
    def regions(self) -> int:
        """Regions of a picture: rows × columns."""
        return self.rows * self.columns

    @property
    def input_dim(self) -> int:
        """Numbers that describe one region to a network, its place included."""
        return self.region_dim + 2 * self.coordinates

    @property
    def read_as_stored(self) -> bool:
        """True where nothing is joined or appended when features are read."""
        return len(self.grids) == 1 and not self.coordinates

    def assemble(
        self, levels: Sequence[Float[Tensor, "images _ _"]]
    ) -> Float[Tensor, "images regions input_dim"]:
        """Make of each map of `grids` what a network is given."""
        regions = join(levels, self.grids)
        if not self.coordinates:
            return regions
        return torch.cat([regions, coordinates_of(regions, self.rows, self.columns)], dim=-1)

    def shape(self, images: int) -> Shape:
        """Return the shape of the features of so many images: images × regions × region_dim."""
        return (images, self.regions, self.region_dim)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """Rows, columns and channels of each map in a store, the finest first."""
        fine = (self.rows, self.columns, self.region_dim - self.coarse_dim)
        if not self.coarse_dim:
            return (fine,)
        return fine, (self.rows // 2, self.columns // 2, self.coarse_dim)

    @property
    def image_bytes(self) -> int:
        """Bytes that the features of one image take in a store."""
        tensors = levels_layout(1, self.grids, self.dtype).values()
        return sum(prod(shape) * dtype.itemsize for shape, dtype in tensors)

    def require(self, other: FeatureSpec, *, where: object) -> None:
        """Refuse features that do not go with these.

        The same weights of one family of backbones are one backbone, whatever their name in it:
        the model hub's name, or a folder's. Coordinates are no matter of what is stored.
        Of imported features only the grid and the width are known for certain, and compared.

        Args:
            other: what made the others.
            where: the store or run that the refusal is about.

        Raises:
            FeatureError: names every field that differs, with both values.
        """
        imported = self.imported or other.imported
        stored = tuple(f.name for f in fields(self) if f.name != "coordinates")
        compared = CERTAIN if imported else stored
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
            row by row; or a tuple of such, one a grid of the spec.
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
        self,
        pixels: UInt8[Tensor, "images 3 size size"],
        shown: Bool[Tensor, "images regions"] | None = None,
    ) -> Float[Tensor, "images regions input_dim"]:
        """Compute features row by row: region r·columns + c lies in row r, column c.

        Computed in `spec.precision`, and what a store of `spec` gives back: rounded as it holds
        them. A value too large for that becomes infinite, which the caller must look out for.

        Args:
            pixels: pictures as `geometry.square` makes them, 0..255.
            shown: False for regions that show nothing of the picture, which become zeros.

        Raises:
            FeatureError: they are not of the backbone's size.
        """
        stored = StoredLevels.zeros(len(pixels), self.spec.grids, self.spec.dtype)
        levels = tuple(level.cpu() for level in self.compute_levels(pixels))
        stored.write(slice(None), levels if shown is None else blank_out(levels, shown))
        return self.spec.assemble([level.read(slice(None)) for level in stored.levels])

    def compute(
        self, pixels: UInt8[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Compute `regions` before they are rounded, without coordinates, on the network's device.

        Raises:
            FeatureError: see `regions`.
        """
        return join(self.compute_levels(pixels), self.spec.grids)

    def compute_levels(
        self, pixels: UInt8[Tensor, "images 3 size size"]
    ) -> tuple[Float[Tensor, "images _ _"], ...]:
        """Compute each map of the spec's grids, which `compute` joins.

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
                to_device(pixels, self._mean.device)
                .float()
                .div_(255)
                .sub_(self._mean)
                .div_(self._std)
            )
            computed: Tensor | tuple[Tensor, ...] = self.network(
                normalised.to(PRECISIONS[spec.precision], memory_format=torch.channels_last)
            )
        return (computed,) if isinstance(computed, Tensor) else computed


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
