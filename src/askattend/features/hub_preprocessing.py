"""The preprocessing that a model of the hub was trained with, from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from askattend.errors import FeatureError
from askattend.features.hub_errors import first_line, not_to_be_had
from askattend.features.spec import Triple
from askattend.files import decode_json, read_whole

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
PREPROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True)
class Preprocessing:
    """Preparation of pixels of 0..1: ``(x − mean) / std``, then perhaps RGB → BGR."""

    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    bgr: bool = False


def read_preprocessing(source: str, label: str) -> Preprocessing:
    """Read a model's preprocessor_config.json; without one, the default is ImageNet's."""
    file = _preprocessor_file(source, label)
    if file is None:
        return Preprocessing()
    try:
        return parse_preprocessing(decode_json(read_whole(file), dict[str, Any]))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        problem = f"malformed ({first_line(error)})"
        raise FeatureError(problem, where=file, remedy="Restore the model's files.") from error


def _preprocessor_file(source: str, label: str) -> Path | None:
    if Path(source).is_dir():
        file = Path(source) / PREPROCESSOR
        return file if file.is_file() else None
    # Optional, and here only after transformers was found.
    from huggingface_hub import try_to_load_from_cache
    from transformers.utils import cached_file

    cached = try_to_load_from_cache(source, PREPROCESSOR)
    if cached is not None:  # a path, or the note that the model has no such file
        return Path(cached) if isinstance(cached, str) else None
    missing_is_fine = {"_raise_exceptions_for_missing_entries": False}
    try:
        found = cached_file(source, PREPROCESSOR, **missing_is_fine)
    except OSError as error:
        raise not_to_be_had(source, label, error) from error
    return None if found is None else Path(found)


def parse_preprocessing(settings: Mapping[str, Any]) -> Preprocessing:
    """Bring a preprocessor's settings to one mean and deviation of pixels in 0..1.

    A processor computes y = (f·p − o − mean) / std of pixels p in 0..255, with o = 1 where it
    offsets them; EfficientNet's divides by std again. With x = p/255 that is
    y = (x − (mean + o) / 255f) / (std / 255f).

    Raises:
        ValueError, TypeError: a setting is not what it should be.
    """
    normalised = settings.get("do_normalize", True)
    mean = _three(settings.get("image_mean") or IMAGENET_MEAN) if normalised else (0.0,) * 3
    std = _three(settings.get("image_std") or IMAGENET_STD) if normalised else (1.0,) * 3
    if normalised and settings.get("include_top"):
        # EfficientNet's own processor divides twice.
        std = [deviation**2 for deviation in std]
    factor = settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 1.0
    offset = 1.0 if settings.get("rescale_offset") else 0.0
    scale = round(255 * factor, 9)  # 0.00392156862745098 is 1/255
    if not (scale > 0 and min(std) > 0):
        raise ValueError("a deviation or rescale_factor that is not positive")
    red, green, blue = ((value + offset) / scale for value in mean)
    deviations = tuple(value / scale for value in std)
    bgr = bool(settings.get("do_flip_channel_order"))
    return Preprocessing((red, green, blue), (deviations[0], deviations[1], deviations[2]), bgr)


def _three(value: Any) -> tuple[float, ...] | list[float]:
    numbers = [float(v) for v in value] if isinstance(value, list | tuple) else [float(value)] * 3
    if len(numbers) != 3:
        raise ValueError(f"{len(numbers)} channels instead of 3")
    return numbers
