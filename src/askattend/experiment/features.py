"""Features for an experiment: from the store named, or from a cache that is filled on the way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.readers.registry import images_source, read_source
from askattend.environment.console import print_line
from askattend.environment.heartbeat import still_at_work
from askattend.environment.verbosity import print_details
from askattend.errors import DataError, FeatureError, name_few
from askattend.experiment.config import Config
from askattend.features.backbones import absolute_backbone, default_size
from askattend.features.extraction import (
    ExtractConfig,
    ExtractionReport,
    extract,
    extract_share,
    with_mirror_images,
)
from askattend.features.image_places import Place, place_of
from askattend.features.image_sources import images_of, names_images
from askattend.features.images import MIRROR_IMAGE
from askattend.features.none import NO_FEATURES, NoFeatures
from askattend.features.share_writer import WrittenShare
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore
from askattend.features.writer import Engine
from askattend.models import NetworkConfig, model_name, network_named

Features = FeatureStore | NoFeatures


def extract_features(
    sources: Sequence[str],
    store: Path,
    config: ExtractConfig,
    *,
    flips: bool = False,
    console: Console,
    backbone: Backbone | None = None,
    engine: Engine | None = None,
) -> ExtractionReport:
    """Extract images that are named, wherever they lie, into a feature store.

    Args:
        sources: see `images_named`.
        store: the store.
        config: how.
        flips: each image's mirror image, too.
        console: where progress goes.
        backbone: if it is loaded already; else `config` names it.
        engine: what computes shards and writes them; by default this process.

    Raises:
        DataError, ImageError, FeatureError: see `images_named` and `extract`.
    """
    wanted = _wanted(sources, console, flips=flips)
    return extract(wanted, store, config, backbone=backbone, console=console, engine=engine)


def extract_share_of_features(
    sources: Sequence[str],
    store: Path,
    share: str,
    config: ExtractConfig,
    *,
    flips: bool = False,
    console: Console,
) -> WrittenShare:
    """Extract one of several shares of images that are named.

    Args:
        sources, store, config, flips, console: see `extract_features`.
        share: ``"3/8"`` for the third of eight.

    Raises:
        DataError, ImageError, FeatureError, ConfigError: see `images_named` and `extract_share`.
    """
    wanted = _wanted(sources, console, flips=flips)
    return extract_share(wanted, store, share, config, console=console)


def _wanted(sources: Sequence[str], console: Console, *, flips: bool) -> dict[str, Place]:
    with still_at_work(console, "listing images"):
        images = images_named(sources)
    return with_mirror_images(images) if flips else images


def images_named(sources: Sequence[str]) -> dict[str, Place]:
    """List the images of a question source, or of any number of folders, tar files and addresses.

    Args:
        sources: one question source; or what `images_of` takes.

    Returns:
        id → place, in the order of the sources.

    Raises:
        DataError, ImageError: see `read_source` and `images_of`; or two images have one id.
    """
    if len(sources) == 1 and not names_images(sources[0]):
        images = read_source(sources[0]).images
        return {image: place_of(file) for image, file in images.items()}
    found: dict[str, Place] = {}
    for each in images_of(sources):
        if each.image in found:
            raise DataError(
                "there are two images of this name",
                where=each.image,
                remedy="Rename one, or extract them apart, each into a store of its own.",
            )
        found[each.image] = each.place
    return found


def features_for(
    config: Config[Any],
    images: Mapping[str, Path],
    beside: Path,
    *,
    console: Console,
    spec: FeatureSpec | None = None,
    backbone: Backbone | None = None,
) -> Features:
    """Open a store that holds every image: the one named, or a cache filled here.

    A network that does not use the image needs none: no image is opened then.

    Args:
        config: names the store, or how to make one.
        images: image id → file, as needed.
        beside: the folder that the cache is made in.
        console: where progress goes.
        spec: what the features must have been made by, if that is settled already.
        backbone: what makes them, if it is loaded already.

    Raises:
        FeatureError: the store lacks an image, holds features of what its file was before, or was
            made otherwise than by `spec`; see `extract` also.
    """
    if not uses_image(config.model):
        if config.features is not None:
            print_line(
                console,
                f"note: {model_name(config.model)} does not use the image: {config.features} is "
                "not read",
            )
        return NoFeatures()
    if config.features is not None:
        store = FeatureStore.open(config.features)
        print_details(f"features read from {store.path}: {len(store):,} images")
        _require_current(store, images, console)
    else:
        spec = spec if backbone is None else backbone.spec
        extraction = config.extract if spec is None else _as_made(config.extract, spec)
        cache = beside / "features" / _cache_name(config.data, extraction, spec)
        report = extract(images, cache, extraction, backbone=backbone, console=console)
        store = report.store
        print_details(f"features cached in {cache}: {report.already:,} images were there")
    if spec is not None:
        spec.require(store.spec, where=str(store.path))
    _require_all(store, images)
    coordinates = config.train.coordinates if spec is None else spec.coordinates
    return store.with_coordinates() if coordinates else store


def planned_spec(config: Config[Any]) -> FeatureSpec:
    """Find how the features of an experiment will be made, before any image is looked at.

    Raises:
        FeatureError: the store or the backbone is not to be had.
    """
    if not uses_image(config.model):
        return NO_FEATURES
    if config.features is not None:
        spec = FeatureStore.open(config.features).spec
    else:
        spec = config.extract.load_backbone().spec
    return replace(spec, coordinates=config.train.coordinates)


def uses_image(config: NetworkConfig) -> bool:
    """Return True where the image reaches the answers of the network that is configured."""
    return "image" in network_named(model_name(config)).inputs


def _as_made(extraction: ExtractConfig, spec: FeatureSpec) -> ExtractConfig:
    """Return the settings by which features of a spec are made."""
    return replace(
        extraction,
        backbone=spec.backbone,
        image_size=spec.image_size,
        dtype=spec.dtype,
        precision=spec.precision,
        strides=spec.strides,
        geometry=spec.geometry,
    )


def _cache_name(source: str, extraction: ExtractConfig, spec: FeatureSpec | None) -> str:
    """Name a cache: readable, and the same for the same source, settings and geometry."""
    source, backbone = images_source(source), absolute_backbone(extraction.backbone)
    size = extraction.image_size or default_size(backbone)
    numbers: str = extraction.dtype
    if extraction.precision != "float32":
        numbers = f"{extraction.precision}-{numbers}"
    if extraction.strides != "last":
        numbers = f"{extraction.strides}-{numbers}"
    digest = hashlib.blake2b(
        f"{source}|{backbone}-{size}-{numbers}".encode(), digest_size=4
    ).hexdigest()
    name = f"{source.partition(':')[0]}-{Path(backbone).name}-{size}-{numbers}-{digest}"
    name = re.sub(r"[^\w.-]+", "-", name)
    if extraction.geometry != "squash":
        fraction = 1.0 if spec is None else spec.central_fraction
        name = f"{name}-{extraction.geometry}-{fraction:g}"
    return name


def _require_current(store: FeatureStore, images: Mapping[str, Path], console: Console) -> None:
    """Refuse features of pictures that were replaced: what is answered would be about others."""

    def note(text: str) -> None:
        print_line(console, f"note: {text}")

    if outdated := store.outdated(images, note):
        raise FeatureError(
            f"{len(outdated):,} of the {len(images):,} images have changed since their features "
            f"were extracted: {name_few(outdated)}",
            where=store.path,
            remedy="Extract them into it again: askattend extract SOURCE --out STORE.",
        )


def _require_all(store: FeatureStore, images: Mapping[str, Path]) -> None:
    missing = [image for image in images if image not in store]
    if not missing:
        return
    first = missing[0]
    reason = store.broken.get(first, "not in the store")
    remedy = "Mend or remove the image and its questions, or extract it into the store."
    if first.startswith(MIRROR_IMAGE) and first not in store.broken:
        remedy = "Extract mirror images into it (askattend extract … --flips), or train without."
    more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
    raise FeatureError(
        f"no features of image '{first}': {reason.rstrip('.')}{more}",
        where=images[first],
        remedy=remedy,
    )
