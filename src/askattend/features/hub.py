"""Backbones of the model hub, or of a local folder, through transformers.

A model is taken only where it is certain which region of the picture each of its numbers
describes: what is known of it, the shape of what it yields, and a probe must all agree.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from jaxtyping import Float
from torch import Tensor, nn

from askattend.devices import Precision
from askattend.errors import FeatureError
from askattend.features.folding import fold_resnet
from askattend.features.probe import Grid, grid_of
from askattend.features.spec import HUB, Backbone, FeatureSpec, Triple, fingerprint
from askattend.features.storage import Dtype

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
INSTALL = "pip install 'askattend[hub]'"
PREPROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True)
class Preprocessing:
    """What a model does with pixels of 0..1: ``(x − mean) / std``, then perhaps RGB → BGR."""

    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    bgr: bool = False


class HubGrid(nn.Module):
    """A transformers model as a network that yields regions row by row.

    Args:
        model: its ``last_hidden_state`` is a map, or a row of tokens.
        grid: where in those the regions are.
        bgr: the model takes blue, green, red.
    """

    def __init__(self, model: nn.Module, *, grid: Grid, bgr: bool) -> None:
        super().__init__()
        self.model, self.grid, self.bgr = model, grid, bgr

    def forward(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Regions row by row."""
        pixels = pixels.flip(1) if self.bgr else pixels
        output = self.model(pixel_values=pixels, **self.grid.arguments)
        return self.grid.regions(output.last_hidden_state)


def load_hub(name: str, *, image_size: int, dtype: Dtype, precision: Precision) -> Backbone:
    """Load a backbone by its name on the hub or its folder. Nothing is fetched that is here.

    Raises:
        FeatureError: transformers is not installed, the model is not to be had, or it yields no
            grid of regions whose places are certain.
    """
    _require_transformers()
    source, label = _place(name)
    with _quiet():
        model, state = _load_model(source, label)
        preprocessing = _preprocessing(source, label)
        grid = grid_of(model, image_size=image_size, where=label)
    spec = FeatureSpec(
        backbone=label,
        fingerprint=fingerprint(state),
        image_size=image_size,
        mean=preprocessing.mean,
        std=preprocessing.std,
        rows=grid.rows,
        columns=grid.rows,
        region_dim=grid.region_dim,
        dtype=dtype,
        precision=precision,
    )
    fold_resnet(model)  # after the fingerprint of its weights
    return Backbone(spec=spec, network=HubGrid(model, grid=grid, bgr=preprocessing.bgr))


def _require_transformers() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise FeatureError(
            "a backbone of the model hub needs transformers, which is not installed",
            remedy=f"Run: {INSTALL}",
        ) from None


def _place(name: str) -> tuple[str, str]:
    """Where to load from, and the name to remember: of a folder, its full path."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        if not (folder / "config.json").is_file():
            raise _not_to_be_had(str(folder), f"{HUB}{folder}", OSError("no config.json in it"))
        return str(folder), f"{HUB}{folder}"
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise FeatureError(
            "no such folder",
            where=f"{HUB}{name}",
            remedy="Name a folder that save_pretrained wrote, or a model of the hub (OWNER/NAME).",
        )
    return name, f"{HUB}{name}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers and the hub's client from printing; what they say is raised instead."""
    import huggingface_hub.utils
    from transformers.utils import logging as messages

    hub: Any = huggingface_hub.utils  # does not declare all that it offers
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    bars, hub_bars = messages.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()
    messages.disable_progress_bar()
    hub.disable_progress_bars()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars:
            messages.enable_progress_bar()
        if hub_bars:
            hub.enable_progress_bars()


def _load_model(source: str, label: str) -> tuple[nn.Module, Mapping[str, Tensor]]:
    """The model, and those of its weights that were stored."""
    from transformers import AutoConfig, AutoModel

    config = _fetch(AutoConfig.from_pretrained, source, label)
    _refuse(_objection(config), label)
    model, info = _fetch(AutoModel.from_pretrained, source, label, output_loading_info=True)
    missing = set(info["missing_keys"])
    # A pooler comes after the hidden state that is used here, so that it may be a random one.
    needed = sorted(key for key in missing if "pooler" not in key.split("."))
    if needed:
        count = f"{len(needed)} of its weights, e.g. '{needed[0]}',"
        _refuse(f"{count} are not in its files and would be random", label)
    model = model.float().eval()
    return model, {key: value for key, value in model.state_dict().items() if key not in missing}


def _fetch(load: Callable[..., Any], source: str, label: str, **arguments: Any) -> Any:
    """From this machine if it is here, else from the hub."""
    arguments["trust_remote_code"] = False  # a model's own code is not run
    try:
        try:
            return load(source, local_files_only=True, **arguments)
        except OSError:
            if Path(source).is_dir():
                raise
            return load(source, **arguments)
    except OSError as error:
        raise _not_to_be_had(source, label, error) from error
    except Exception as error:  # transformers raises many kinds for a model that it does not know
        problem = f"transformers cannot load it ({_first_line(error)})"
        remedy = f"Check the name, or try a newer version: {INSTALL} --upgrade"
        raise FeatureError(problem, where=label, remedy=remedy) from error


def _not_to_be_had(source: str, label: str, error: OSError) -> FeatureError:
    if Path(source).is_dir():
        return FeatureError(
            f"the folder holds no complete model ({_first_line(error)})",
            where=label,
            remedy="Write it with transformers' save_pretrained.",
        )
    return FeatureError(
        "not on this machine, and the model hub could not be reached or does not have it "
        f"({_first_line(error)})",
        where=label,
        remedy="Check the name, load it once with network access, or give a local folder, "
        f"{HUB}FOLDER. The default backbone needs no network.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _refuse(objection: str | None, label: str) -> None:
    if objection is not None:
        raise FeatureError(
            f"not usable as a backbone: {objection}",
            where=label,
            remedy="Choose an image backbone, e.g. hf:microsoft/resnet-152.",
        )


def _objection(config: Any) -> str | None:
    """Why a kind of model cannot do, as far as that shows before its weights are loaded."""
    from transformers import MODEL_MAPPING

    kind = config.model_type
    if hasattr(config, "vision_config") or hasattr(config, "text_config"):
        tower = "save its vision tower alone and give that folder"
        return f"'{kind}' joins images with text or another input ({tower})"
    if type(config) not in MODEL_MAPPING:
        return f"transformers has no bare model of '{kind}'"
    model_class = MODEL_MAPPING[type(config)]
    if getattr(model_class, "main_input_name", None) != "pixel_values":
        return f"'{kind}' does not read images"
    if hasattr(config, "mask_ratio"):
        return f"'{kind}' hides or reorders patches of the image"
    if hasattr(config, "num_detection_tokens") or hasattr(config, "num_queries"):
        return f"'{kind}' detects objects: its tokens are not all places in the image"
    return None


def _preprocessing(source: str, label: str) -> Preprocessing:
    """What the model was trained to be fed, from its preprocessor_config.json if it has one."""
    file = _preprocessor_file(source, label)
    if file is None:
        return Preprocessing()
    try:
        return parse_preprocessing(msgspec.json.decode(file.read_bytes(), type=dict[str, Any]))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        problem = f"malformed ({_first_line(error)})"
        raise FeatureError(problem, where=file, remedy="Restore the model's files.") from error


def _preprocessor_file(source: str, label: str) -> Path | None:
    if Path(source).is_dir():
        file = Path(source) / PREPROCESSOR
        return file if file.is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from transformers.utils import cached_file

    cached = try_to_load_from_cache(source, PREPROCESSOR)
    if cached is not None:  # a path, or the note that the model has no such file
        return Path(cached) if isinstance(cached, str) else None
    missing_is_fine = {"_raise_exceptions_for_missing_entries": False}
    try:
        found = cached_file(source, PREPROCESSOR, **missing_is_fine)
    except OSError as error:
        raise _not_to_be_had(source, label, error) from error
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
