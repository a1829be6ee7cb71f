"""Every backbone by name: ``efficientnet-lite2``, or ``hf:NAME`` of the model hub."""

from __future__ import annotations

from dataclasses import replace

from askattend.devices import Precision
from askattend.errors import FeatureError, closest, did_you_mean
from askattend.features.backbone_family import BackboneFamily
from askattend.features.none import no_backbone
from askattend.features.spec import NONE, OWN, UNKNOWN, Backbone, FeatureSpec, Geometry, Strides
from askattend.features.storage import DTYPES, Dtype
from askattend.registry import Registry

BACKBONES: Registry[BackboneFamily] = Registry(
    "askattend.backbones",
    BackboneFamily,
    {
        "efficientnet-lite2": "askattend.features.lite:EFFICIENTNET_LITE2",
        "hf": "askattend.features.hub:HUB",
    },
)
DEFAULT = "efficientnet-lite2"


def load_backbone(
    name: str = DEFAULT,
    *,
    image_size: int | None = None,
    dtype: str = "float16",
    precision: Precision = "float32",
    strides: Strides = "last",
    geometry: Geometry = "squash",
) -> Backbone:
    """Load a frozen backbone, trained on ImageNet or elsewhere.

    Args:
        name: ``"efficientnet-lite2"``, whose weights arrive with pip; ``"hf:NAME"``, a backbone
            of the model hub or of a local folder (``"hf:microsoft/resnet-152"`` is the papers');
            or one that another package adds.
        image_size: side of the square that it looks at, in pixels; by default 224 for
            efficientnet-lite2 (7 × 7 regions) and 448 for the hub's.
        dtype: what features are stored in, ``"float16"``, ``"float32"`` or ``"int8"``
            (`storage.quantise`).
        precision: what they are computed in.
        strides: which of its maps: ``"last"``; ``"16"``, a region for each 16 × 16 pixels; or
            ``"16+32"``, both joined on the finer grid.
        geometry: how pictures become squares, see `FeatureSpec`.

    Raises:
        FeatureError: the name, size, dtype or map is unknown to it, or the backbone is not to be
            had or yields no grid of regions.
        ConfigError: another package's backbone is broken.
    """
    family, place = _family(name)
    stored = check_dtype(dtype)
    if image_size is not None and image_size < 1:
        raise FeatureError(f"image_size {image_size} is not positive", where=name)
    size = family.image_size if image_size is None else image_size
    if strides not in family.strides:
        raise FeatureError(
            f"has no map at stride {strides}",
            where=name,
            remedy=f"Leave the strides at {' or '.join(family.strides)}.",
        )
    chosen = {} if strides == "last" else {"strides": strides}
    loaded = family.load(place, image_size=size, dtype=stored, precision=precision, **chosen)
    return loaded if geometry == "squash" else _squaring(loaded, geometry)


def backbone_of(spec: FeatureSpec, *, name: str | None = None, where: object) -> Backbone:
    """Load the backbone that features came from, which squares pictures as it did for them.

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
        # Imported features may not tell their size: the default is as good a guess as any.
        image_size=spec.image_size or None,
        dtype=spec.dtype,
        precision=spec.precision,
        strides=spec.strides,
    )
    # How pictures are squared is the features' own, and no property of a backbone.
    made = _squaring(loaded, spec.geometry, central_fraction=spec.central_fraction)
    spec.require(made.spec, where=where)
    read = replace(made.spec, coordinates=spec.coordinates)
    return Backbone(spec=read, network=made.network)


def _squaring(loaded: Backbone, geometry: Geometry, *, central_fraction: float = 1.0) -> Backbone:
    """Return a backbone that makes squares of pictures in another way."""
    spec = replace(
        loaded.spec,
        geometry=geometry,
        interpolation="bilinear" if geometry == "centre-crop" else "bicubic",
        central_fraction=central_fraction,
    )
    return Backbone(spec=spec, network=loaded.network)


def default_size(name: str) -> int:
    """Return the side in pixels that a backbone looks at if none is named."""
    return _family(name)[0].image_size


def bfloat16_error(name: str) -> str:
    """Return how much a backbone errs in bfloat16, where that is too much; else ``""``."""
    family = BACKBONES.find(name.partition(":")[0])
    return "" if family is None else family.bfloat16_error


def absolute_backbone(name: str) -> str:
    """Return the name of the same backbone from any working directory."""
    family, place = _family(name)
    return f"{name.partition(':')[0]}:{family.absolute(place)}" if family.place else name


def check_name(name: str) -> str:
    """Return `name`, if it has the form of a backbone's.

    Raises:
        FeatureError: it has not.
        ConfigError: another package's backbone is broken.
    """
    _family(name)
    return name


def check_dtype(dtype: str) -> Dtype:
    """Return `dtype`, if features can be stored in it.

    Raises:
        FeatureError: they cannot.
    """
    if dtype not in DTYPES:
        raise FeatureError(
            f"features cannot be kept in '{dtype}'", remedy=did_you_mean(dtype, DTYPES)
        )
    return dtype


def _family(name: str) -> tuple[BackboneFamily, str]:
    """Return the family that a name belongs to, and the place in it."""
    word, colon, place = name.partition(":")
    family = BACKBONES.find(word)
    # A single backbone takes no place, and a family needs one: "hf:" names nothing.
    if family is not None and (place.strip() if family.place else not colon):
        return family, place
    raise FeatureError(f"no backbone '{name}'", remedy=_hint(name))


def _hint(name: str) -> str:
    if name.startswith(OWN):
        return (
            "It is a module of somebody's own: give it as Predictor.load(run, "
            "backbone=own_backbone(module, …)), or answer from stored features (--features STORE)."
        )
    close = closest(name, BACKBONES.names())
    meant = f"Did you mean '{close}'? " if close else ""
    known = (
        f"{word}{f':{family.place}' if family.place else ''} ({family.about})"
        for word, family in BACKBONES.items()
    )
    return f"{meant}Backbones are {', '.join(known)}."
