"""Settings of how images become features."""

from __future__ import annotations

from dataclasses import dataclass

from askattend.devices import Precision
from askattend.features.backbones import DEFAULT, check_dtype, check_name, load_backbone
from askattend.features.spec import Backbone, Geometry, Strides
from askattend.features.storage import Dtype
from askattend.settings import Positive, Workers, check


@dataclass(frozen=True)
class ExtractConfig:
    """Settings of how images become features."""

    backbone: str = DEFAULT
    """efficientnet-lite2, or hf:NAME for a backbone of the model hub or of a local folder."""
    image_size: Positive | None = None
    """Side of the square that the backbone looks at, in pixels; by default the backbone's own."""
    strides: Strides = "last"
    """Maps of the backbone to use: last; 16, a finer one with a region for each 16 × 16 pixels; or
    16+32, both joined on the finer grid (efficientnet-lite2, and ResNets of the model hub)."""
    geometry: Geometry = "squash"
    """Way that an image becomes a square: squash ignores its shape; centre-crop cuts a square out
    of its middle; pad fills up its short side, and no attention falls there."""
    dtype: Dtype = "float16"
    """Type that features are stored in; int8 halves float16: 8 bits a number, and the least and
    the greatest of each region."""
    precision: Precision = "float32"
    """Type that features are computed in. bfloat16 is quicker where the processor has it, and
    ResNet-152 (random weights) errs by 1 % then; but leave efficientnet-lite2 in float32, since it
    errs by 5 to 17 %."""
    batch_size: Positive = 8
    """Images that the backbone looks at together."""
    workers: Workers = 2
    """Threads that decode images ahead of the backbone; 0 decodes in line."""
    shard_images: Positive = 256
    """Images a file; so many at most are extracted again after an interruption."""
    device: str = "auto"
    """Where the backbone computes: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""

    def __post_init__(self) -> None:
        check_name(self.backbone)
        check_dtype(self.dtype)
        check(self)

    def load_backbone(self) -> Backbone:
        """Load the backbone, as it is set here.

        Raises:
            FeatureError: it is not to be had.
        """
        return load_backbone(
            self.backbone,
            image_size=self.image_size,
            dtype=self.dtype,
            precision=self.precision,
            strides=self.strides,
            geometry=self.geometry,
        )
