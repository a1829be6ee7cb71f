"""``askattend import``: networks and features made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import Form, parse_form, progress
from askattend.features.storage import Dtype
from askattend.importing.hdf5 import import_hdf5
from askattend.importing.pytorch_vqa import import_log
from askattend.settings import Positive, check

OriginalBackbone = Annotated[
    str | None,
    tyro.conf.arg(help="The features' backbone, if known: hf:microsoft/resnet-152, for example."),
]


@dataclass(frozen=True)
class ImportLog:
    """Turn a log of pytorch-vqa into a run folder that answers as the original does."""

    log: Annotated[Positional[Path], tyro.conf.arg(metavar="LOG.pth")]
    """The log that its training wrote."""
    out: Path
    """The run folder."""
    backbone: OriginalBackbone = None

    def carry_out(self) -> str:
        """Import, and say what came of it."""
        imported = import_log(self.log, self.out, backbone=self.backbone)
        features = imported.features
        return (
            f"{len(imported.words) - 1:,} words, {len(imported.answers):,} answers, "
            f"{features.rows} × {features.columns} regions of {features.region_dim:,} "
            f"({features.label}). The run is in {imported.folder}"
        )


@dataclass(frozen=True)
class ImportHDF5:
    """Turn pytorch-vqa's features into a feature store; an image's id is its number."""

    file: Annotated[Positional[Path], tyro.conf.arg(metavar="FILE.h5")]
    """The file that its preprocessing wrote."""
    out: Path
    """The store, a folder."""
    backbone: OriginalBackbone = None
    image_size: Positive | None = None
    """Side in pixels of the square that it looked at, if known."""
    dtype: Dtype | None = None
    """Type to store features in, by default the file's; int8 halves float16."""

    def __post_init__(self) -> None:
        check(self)

    def carry_out(self) -> str:
        """Import, and say what came of it."""
        store = import_hdf5(
            self.file,
            self.out,
            backbone=self.backbone,
            image_size=self.image_size,
            dtype=self.dtype,
            console=progress(),
        )
        return f"{len(store):,} images in {store.path}"


FORMATS = {
    name: Form(options, options.__doc__ or "")
    for name, options in (("pytorch-vqa", ImportLog), ("hdf5", ImportHDF5))
}
ABOUT = "Turn what pytorch-vqa made into what answers here."


def forms() -> dict[str, Form]:
    """Return the formats that may be imported."""
    return FORMATS


def run(argv: list[str]) -> None:
    """Parse the command's options, import, and say what came of it.

    Raises:
        AskAttendError: the format is unknown, or the file does not fit.
    """
    options: ImportLog | ImportHDF5 = parse_form(
        FORMATS, argv, "import", noun="format", about=ABOUT
    )
    print(options.carry_out())
