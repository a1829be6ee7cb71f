"""Extract the features of many images into a store; what was interrupted goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from rich.console import Console

from askattend.devices import Precision, native_bfloat16, pick_device
from askattend.environment.console import notes_console, print_line
from askattend.errors import FeatureError, ImageError
from askattend.features.backbones import (
    DEFAULT,
    bfloat16_error,
    check_dtype,
    check_name,
    load_backbone,
)
from askattend.features.disk import sole_writer
from askattend.features.images import MIRROR_IMAGE
from askattend.features.progress import Report
from askattend.features.spec import Backbone, FeatureSpec, Geometry, Strides
from askattend.features.storage import Dtype
from askattend.features.store import FeatureStore
from askattend.features.writer import Engine, StoreWriter
from askattend.files import readable
from askattend.settings import Positive, Workers, check

_KNOWN = ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp"
SUFFIXES = frozenset(_KNOWN.split())


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


@dataclass(frozen=True)
class ExtractionReport:
    """Result of an extraction.

    Attributes:
        store: the finished store.
        done: images extracted now.
        already: images asked for that were in the store before.
        broken: images asked for that cannot be read → why.
    """

    store: FeatureStore
    done: int
    already: int
    broken: Mapping[str, str]


def images_in(folder: str | Path) -> dict[str, Path]:
    """Find the images in a folder and its subfolders, hidden ones left out.

    Returns:
        path relative to the folder, with ``/`` between its parts → file; sorted by that. Bytes
        that are no UTF-8 are written as in ``caf\\xe9.png``.

    Raises:
        ImageError: it is no folder, or holds no file with an image's suffix.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError("no such folder", where=folder, remedy="Check the path.")
    found: dict[str, Path] = {}
    for file in _visible_files(folder):
        if file.suffix.lower() in SUFFIXES:
            # By names that can be written: of old disks and archives come some that are no UTF-8.
            name = readable(file.relative_to(folder).as_posix())
            if name in found:
                remedy = "Rename one of them."
                raise ImageError("two files have this name", where=folder / name, remedy=remedy)
            found[name] = file
    if not found:
        raise ImageError("no image in this folder", where=folder, remedy=f"Known are: {_KNOWN}")
    return dict(sorted(found.items()))


def _visible_files(folder: Path) -> Iterator[Path]:
    """Yield all below a folder that is no folder itself, a link that leads nowhere included."""

    def refuse(error: OSError) -> NoReturn:
        problem = f"this folder cannot be read ({error.strerror or error})"
        raise ImageError(problem, where=error.filename, remedy="Check who may.") from error

    for place, inner, names in os.walk(folder, onerror=refuse):
        # macOS puts hidden copies ("._a.jpg") beside images, and tools their caches.
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def with_mirror_images(images: Mapping[str, Path]) -> dict[str, Path]:
    """Add each image's mirror image, which is extracted from the same file."""
    return {**images, **{f"{MIRROR_IMAGE}{image}": file for image, file in images.items()}}


def extract(
    images: Mapping[str, Path],
    store: Path,
    config: ExtractConfig | None = None,
    *,
    backbone: Backbone | None = None,
    console: Console | None = None,
    progress: Report | None = None,
    engine: Engine | None = None,
) -> ExtractionReport:
    """Extract images into a store, which may be new, unfinished, or lack some of them.

    An interrupted extraction, run again, leaves the same bytes as one that was not. Images added
    to a finished store go into further shards. An image that could not be read is noted, and
    tried again the next time.

    Args:
        images: id → file.
        store: folder; only one process at a time writes to it, others wait.
        config: how.
        backbone: if it is loaded already; else `config` names it.
        console: where notes and the progress bar go; standard error by default.
        progress: called with images done and to do, after each batch.
        engine: what computes shards and writes them; by default this process.

    Raises:
        FeatureError: the backbone is not to be had, the store was made by another one or does not
            fit on the disk, a value does not fit in the dtype, or no image at all can be read.
        ConfigError: there is no such device.
    """
    config = ExtractConfig() if config is None else config
    console = notes_console() if console is None else console
    if not images:
        raise FeatureError("no images to extract", where=store, remedy="Name at least one.")
    if backbone is None:
        backbone = load_backbone(
            config.backbone,
            image_size=config.image_size,
            dtype=config.dtype,
            precision=config.precision,
            strides=config.strides,
            geometry=config.geometry,
        )
    device = pick_device(config.device)
    backbone.to(device)
    for note in _precision_notes(backbone.spec, device):
        print_line(console, f"note: {note}")
    writer = StoreWriter(
        store,
        backbone,
        batch_size=config.batch_size,
        workers=config.workers,
        shard_images=config.shard_images,
        console=console,
        progress=progress,
        engine=engine,
    )
    with sole_writer(store, console):
        done, already = writer.write(images)
    # Opened anew, as anybody would, which also checks what was written.
    finished = FeatureStore.open(store)
    broken = {image: finished.broken[image] for image in images if image in finished.broken}
    return ExtractionReport(finished, done, already, broken)


def _precision_notes(spec: FeatureSpec, device: torch.device) -> Iterator[str]:
    """Yield what speaks against the precision that was chosen."""
    if spec.precision == "float32":
        return
    if error := bfloat16_error(spec.backbone):
        yield f"{spec.backbone} errs by {error} in {spec.precision}; leave it in float32"
    if not native_bfloat16(device.type):
        yield f"this processor has no {spec.precision} instructions; float32 is much quicker"
