"""Backbones of the model hub, or of a local folder, through transformers.

A model is taken only where it is certain which region of the picture each of its numbers
describes: what is known of it, the shape of what it yields, and a probe must all agree.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from jaxtyping import Float
from torch import Tensor, nn

from askattend.devices import Precision
from askattend.errors import FeatureError
from askattend.features.backbone_family import BackboneFamily
from askattend.features.folding import fold_resnet
from askattend.features.hub_errors import PREFIX, first_line, not_to_be_had
from askattend.features.hub_preprocessing import read_preprocessing
from askattend.features.hub_probe import FINE_STRIDE, Grid, fine_dim_of, grid_of, map_at
from askattend.features.spec import Backbone, FeatureSpec, Strides, fingerprint
from askattend.features.storage import Dtype
from askattend.installation import pip_install


class HubGrid(nn.Module):
    """A transformers model as a network that yields regions row by row.

    Args:
        model: its ``last_hidden_state`` is a map, or a row of tokens.
        grid: where in those the regions are.
        bgr: the model takes blue, green, red.
        strides: which maps.
    """

    def __init__(
        self, model: nn.Module, *, grid: Grid, bgr: bool, strides: Strides = "last"
    ) -> None:
        super().__init__()
        self.model, self.grid, self.bgr, self.strides = model, grid, bgr, strides

    def forward(
        self, pixels: Float[Tensor, "images 3 size size"]
    ) -> tuple[Float[Tensor, "images regions _"], ...]:
        """Compute the regions of each map row by row, the finest first."""
        pixels = pixels.flip(1) if self.bgr else pixels
        more = {} if self.strides == "last" else {"output_hidden_states": True}
        output = self.model(pixel_values=pixels, **self.grid.arguments, **more)
        last = self.grid.regions(output.last_hidden_state)
        if self.strides == "last":
            return (last,)
        fine = map_at(output.hidden_states, pixels.shape[-1] // FINE_STRIDE)
        assert fine is not None, "looked for when the backbone was loaded"
        regions = self.grid.regions(fine)
        return (regions, last) if self.strides == "16+32" else (regions,)


def load_hub(
    place: str,
    *,
    image_size: int,
    dtype: Dtype,
    precision: Precision,
    strides: Strides = "last",
) -> Backbone:
    """Load a backbone by its name on the hub or its folder. Nothing is fetched that is here.

    Raises:
        FeatureError: transformers is not installed, the model is not to be had, it yields no grid
            of regions whose places are certain, or it has no such map.
    """
    _require_transformers()
    source, label = _locate(place)
    with _quiet():
        model, state = _load_model(source, label)
        preprocessing = read_preprocessing(source, label)
        grid = grid_of(model, image_size=image_size, where=label)
        fine_dim = 0 if strides == "last" else fine_dim_of(model, grid, image_size, where=label)
    last_dim = 0 if strides == "16" else grid.region_dim
    rows = image_size // FINE_STRIDE if fine_dim else grid.rows
    spec = FeatureSpec(
        backbone=label,
        fingerprint=fingerprint(state),
        image_size=image_size,
        mean=preprocessing.mean,
        std=preprocessing.std,
        rows=rows,
        columns=rows,
        region_dim=fine_dim + last_dim,
        dtype=dtype,
        precision=precision,
        strides=strides,
        coarse_dim=last_dim if fine_dim else 0,
    )
    fold_resnet(model)  # after the fingerprint of its weights
    network = HubGrid(model, grid=grid, bgr=preprocessing.bgr, strides=strides)
    return Backbone(spec=spec, network=network)


def _require_transformers() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError:
        raise FeatureError(
            "a backbone of the model hub needs transformers, which is not installed",
            remedy=f"Run: {pip_install('hub')}",
        ) from None


def absolute_place(place: str) -> str:
    """Return the place from any working directory: a folder by its absolute path."""
    folder = Path(place).expanduser()
    return str(folder.resolve()) if folder.is_dir() else place


def _locate(place: str) -> tuple[str, str]:
    """Return where to load from, and the name to remember: of a folder, its full path."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        if not (folder / "config.json").is_file():
            raise not_to_be_had(str(folder), f"{PREFIX}{folder}", OSError("no config.json in it"))
        return str(folder), f"{PREFIX}{folder}"
    # A folder by its looks: the hub would only say that it has no such model.
    if place.startswith((".", "/", "~")) or place.count("/") > 1:
        raise FeatureError(
            "no such folder",
            where=f"{PREFIX}{place}",
            remedy="Name a folder that save_pretrained wrote, or a model of the hub (OWNER/NAME).",
        )
    return place, f"{PREFIX}{place}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers and the hub's client from printing; what they say is raised instead."""
    import huggingface_hub.utils
    from transformers.utils import logging as messages

    hub: Any = huggingface_hub.utils  # does not declare all that it offers
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    # As they were before, they are put back: the user may want to hear of other models.
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
    """Load the model, and those of its weights that were stored."""
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
    # Some are stored in half precision, in which the probe could tell too little.
    model = model.float().eval()
    return model, {key: value for key, value in model.state_dict().items() if key not in missing}


def _fetch(load: Callable[..., Any], source: str, label: str, **arguments: Any) -> Any:
    """Load from this machine if it is here, else from the hub."""
    arguments["trust_remote_code"] = False  # a model's own code is not run
    try:
        try:
            return load(source, local_files_only=True, **arguments)
        except OSError:
            if Path(source).is_dir():
                raise
            return load(source, **arguments)
    except OSError as error:
        raise not_to_be_had(source, label, error) from error
    except Exception as error:  # transformers raises many kinds for a model that it does not know
        problem = f"transformers cannot load it ({first_line(error)})"
        remedy = f"Check the name, or try a newer version: {pip_install('hub')} --upgrade"
        raise FeatureError(problem, where=label, remedy=remedy) from error


def _refuse(objection: str | None, label: str) -> None:
    if objection is not None:
        raise FeatureError(
            f"not usable as a backbone: {objection}",
            where=label,
            remedy="Choose an image backbone, e.g. hf:microsoft/resnet-152.",
        )


def _objection(config: Any) -> str | None:
    """Say why a kind of model is unusable, as far as that shows before its weights are loaded."""
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
    # Masked autoencoders drop patches at random, so that places are lost.
    if hasattr(config, "mask_ratio"):
        return f"'{kind}' hides or reorders patches of the image"
    if hasattr(config, "num_detection_tokens") or hasattr(config, "num_queries"):
        return f"'{kind}' detects objects: its tokens are not all places in the image"
    return None


HUB = BackboneFamily(
    "of the model hub, such as hf:microsoft/resnet-152, or a local folder",
    load_hub,
    image_size=448,
    place="NAME",
    absolute=absolute_place,
    strides=get_args(Strides),
)
