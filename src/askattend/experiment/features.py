"""Features for an experiment: from the store named, or from a cache that is filled on the way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.readers.registry import absolute_source
from askattend.errors import FeatureError
from askattend.experiment.config import Config
from askattend.features.backbones import absolute_backbone, default_size
from askattend.features.extraction import ExtractConfig, extract
from askattend.features.spec import Backbone, FeatureSpec
from askattend.features.store import FeatureStore


def features_for(
    config: Config[Any],
    images: Mapping[str, Path],
    beside: Path,
    *,
    console: Console,
    spec: FeatureSpec | None = None,
    backbone: Backbone | None = None,
) -> FeatureStore:
    """A store that holds every image: the one named, or a cache filled here.

    Args:
        config: names the store, or how to make one.
        images: image id → file, as needed.
        beside: the folder that the cache is made in.
        console: where progress goes.
        spec: what the features must have been made by, if that is settled already.
        backbone: what makes them, if it is loaded already.
    """
    if config.features is not None:
        store = FeatureStore.open(config.features)
    else:
        extraction = config.extract
        spec = spec if backbone is None else backbone.spec
        if spec is not None:
            extraction = replace(
                extraction,
                backbone=spec.backbone,
                image_size=spec.image_size,
                dtype=spec.dtype,
                precision=spec.compute_dtype,
            )
        name = _cache_name(config.data, extraction)
        if spec is not None and spec.geometry != "squash":
            name = f"{name}-{spec.geometry}-{spec.central_fraction:g}"
        cache = beside / "features" / name
        store = extract(images, cache, extraction, backbone=backbone, console=console).store
    if spec is not None:
        spec.require(store.spec, where=str(store.path))
    _need_all(store, images)
    return store


def _cache_name(source: str, extraction: ExtractConfig) -> str:
    """The same for the same place and settings; readable, but for a digest of where it is."""
    source, backbone = absolute_source(source), absolute_backbone(extraction.backbone)
    size = extraction.image_size or default_size(backbone)
    kept: str = extraction.dtype
    if extraction.precision != "float32":
        kept = f"{extraction.precision}-{kept}"
    digest = hashlib.blake2b(
        f"{source}|{backbone}-{size}-{kept}".encode(), digest_size=4
    ).hexdigest()
    named = f"{source.partition(':')[0]}-{Path(backbone).name}-{size}-{kept}-{digest}"
    return re.sub(r"[^\w.-]+", "-", named)


def _need_all(store: FeatureStore, images: Mapping[str, Path]) -> None:
    missing = [image for image in images if image not in store]
    if not missing:
        return
    first = missing[0]
    reason = store.broken.get(first, "not in the store")
    more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
    raise FeatureError(
        f"no features of image '{first}': {reason.rstrip('.')}{more}",
        where=images[first],
        remedy="Mend or remove the image and its questions, or extract it into the store.",
    )
