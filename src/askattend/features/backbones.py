"""Backbones by name: ``efficientnet-lite2``, or ``hf:NAME`` of the model hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from askattend.devices import Precision
from askattend.errors import FeatureError, did_you_mean
from askattend.features.lite import LITE, load_lite
from askattend.features.none import no_backbone
from askattend.features.spec import HUB, NONE, UNKNOWN, Backbone, FeatureSpec
from askattend.features.storage import DTYPES, Dtype

DEFAULT_SIZE = {LITE: 224, HUB: 448}


def load_backbone(
    name: str = LITE,
    *,
    image_size: int | None = None,
    dtype: str = "float16",
    precision: Precision = "float32",
) -> Backbone:
    """Load a frozen ImageNet backbone.

    Args:
        name: ``"efficientnet-lite2"``, whose weights arrive with pip, or ``"hf:NAME"``, a backbone
            of the model hub or of a local folder; ``"hf:microsoft/resnet-152"`` is the papers'.
        image_size: side of the square that it looks at, in pixels; by default 224 for
            efficientnet-lite2 (7 × 7 regions) and 448 for the hub's.
        dtype: what features are kept in, ``"float16"``, ``"float32"`` or ``"int8"``
            (`kept.quantise`).
        precision: what they are computed in.

    Raises:
        FeatureError: the name, size or dtype is unknown to it, or the backbone is not to be had or
            yields no grid of regions.
    """
    known_name(name)
    kept = known_dtype(dtype)
    if image_size is not None and image_size < 1:
        raise FeatureError(f"image_size {image_size} is not positive", where=name)
    size = default_size(name) if image_size is None else image_size
    if name.startswith(HUB):
        from askattend.features.hub import load_hub  # only here, so that the hub stays optional

        return load_hub(name.removeprefix(HUB), image_size=size, dtype=kept, precision=precision)
    return load_lite(size, kept, precision)


def backbone_of(spec: FeatureSpec, *, name: str | None = None, where: object) -> Backbone:
    """The backbone that features came from, which squares pictures as it did for them.

    Args:
        spec: what made the features.
        name: another name for the backbone, or its name where `spec` does not know it; without
            effect where no image is looked at.
        where: the store or run that they belong to, for messages.

    Raises:
        FeatureError: neither names a backbone, it is not to be had here, or what it makes does not
            go with `spec`.
    """
    if spec.backbone == NONE:
        return no_backbone()
    name = name or spec.backbone
    if name == UNKNOWN:
        raise FeatureError(
            "it is not known which backbone its features came from",
            where=where,
            remedy="Add --backbone hf:microsoft/resnet-152, or whichever it was; "
            "features already extracted are given by --features STORE.",
        )
    loaded = load_backbone(
        name,
        image_size=spec.image_size or None,
        dtype=spec.dtype,
        precision=spec.precision,
    )
    made = replace(
        loaded.spec,
        geometry=spec.geometry,
        interpolation=spec.interpolation,
        central_fraction=spec.central_fraction,
    )
    spec.require(made, where=where)
    return Backbone(spec=made, network=loaded.network)


def default_size(name: str) -> int:
    """The side in pixels that a backbone looks at if none is named."""
    return DEFAULT_SIZE[HUB if name.startswith(HUB) else name]


def absolute_backbone(name: str) -> str:
    """The same backbone from any working directory: a folder by its absolute path."""
    folder = Path(name.removeprefix(HUB)).expanduser()
    return f"{HUB}{folder.resolve()}" if name.startswith(HUB) and folder.is_dir() else name


def known_name(name: str) -> str:
    """`name`, if it has the form of a backbone's.

    Raises:
        FeatureError: it has not.
    """
    if name == LITE or (name.startswith(HUB) and name.removeprefix(HUB).strip()):
        return name
    remedy = f"{did_you_mean(name, [LITE])} One of the model hub is written {HUB}NAME, e.g. "
    raise FeatureError(
        f"no backbone '{name}'", remedy=f"{remedy}hf:microsoft/resnet-152; a local one hf:FOLDER."
    )


def known_dtype(dtype: str) -> Dtype:
    """`dtype`, if features can be kept in it.

    Raises:
        FeatureError: they cannot.
    """
    if dtype not in DTYPES:
        raise FeatureError(
            f"features cannot be kept in '{dtype}'", remedy=did_you_mean(dtype, DTYPES)
        )
    return dtype
