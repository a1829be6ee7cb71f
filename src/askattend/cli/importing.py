"""``askattend import``: networks and features made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, progress
from askattend.errors import ConfigError, did_you_mean
from askattend.features.storage import Dtype
from askattend.importing.hdf5 import import_hdf5
from askattend.importing.pytorch_vqa import import_log
from askattend.settings import Positive, check

USAGE = """\
usage: askattend import FORMAT FILE --out FOLDER …

  pytorch-vqa LOG.pth --out RUN    a network of pytorch-vqa → a run that answers as it does
  hdf5 FILE.h5 --out STORE         pytorch-vqa's features → a feature store

Each has --help."""


@dataclass(frozen=True)
class ImportLog:
    """Turn a log of pytorch-vqa into a run folder that answers as the original does."""

    log: Annotated[Positional[Path], tyro.conf.arg(metavar="LOG.pth")]
    """The log that its training wrote."""
    out: Path
    """The run folder."""
    backbone: str | None = None
    """What made its features, if known: hf:microsoft/resnet-152, for example."""


@dataclass(frozen=True)
class ImportHDF5:
    """Turn pytorch-vqa's features into a feature store; an image's id is its number."""

    file: Annotated[Positional[Path], tyro.conf.arg(metavar="FILE.h5")]
    """The file that its preprocessing wrote."""
    out: Path
    """The store, a folder."""
    backbone: str | None = None
    """What made the features, if known: hf:microsoft/resnet-152, for example."""
    image_size: Positive | None = None
    """Side in pixels of the square that it looked at, if known."""
    dtype: Dtype | None = None
    """What the store keeps features in, by default what the file does; int8 halves float16."""

    def __post_init__(self) -> None:
        check(self)


def run(argv: list[str]) -> None:
    """Parse the command's options, import, and say what came of it.

    Raises:
        AskAttendError: what is to be imported is unknown, or does not fit.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return
    name, *rest = argv
    if name not in FORMATS:
        raise ConfigError(f"cannot import '{name}'", remedy=did_you_mean(name, FORMATS))
    FORMATS[name](rest)


def _log(argv: list[str]) -> None:
    options: ImportLog = parse(ImportLog, argv, "import pytorch-vqa")
    imported = import_log(options.log, options.out, backbone=options.backbone)
    features = imported.features
    print(
        f"{len(imported.words) - 1:,} words, {len(imported.answers):,} answers, "
        f"{features.rows} × {features.columns} regions of {features.region_dim:,} "
        f"({features.label}). The run is in {imported.folder}"
    )


def _hdf5(argv: list[str]) -> None:
    options: ImportHDF5 = parse(ImportHDF5, argv, "import hdf5")
    store = import_hdf5(
        options.file,
        options.out,
        backbone=options.backbone,
        image_size=options.image_size,
        dtype=options.dtype,
        console=progress(),
    )
    print(f"{len(store):,} images in {store.path}")


FORMATS: dict[str, Callable[[list[str]], None]] = {
    "pytorch-vqa": _log,
    "hdf5": _hdf5,
}
