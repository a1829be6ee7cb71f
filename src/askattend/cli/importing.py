"""``askattend import``: networks and features made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from askattend.cli.console import Form, parse_form, print_json, progress
from askattend.cli.options import Json
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
    json: Json = False

    def carry_out(self) -> tuple[str, dict[str, Any]]:
        """Import; return what came of it in words, and for `--json`."""
        imported = import_log(self.log, self.out, backbone=self.backbone)
        features = imported.features
        words, answers = len(imported.words) - 1, len(imported.answers)
        told = (
            f"{words:,} words, {answers:,} answers, "
            f"{features.rows} × {features.columns} regions of {features.region_dim:,} "
            f"({features.label}). The run is in {imported.folder}"
        )
        return told, {"run": str(imported.folder), "words": words, "answers": answers}


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
    json: Json = False

    def __post_init__(self) -> None:
        check(self)

    def carry_out(self) -> tuple[str, dict[str, Any]]:
        """Import; return what came of it in words, and for `--json`."""
        store = import_hdf5(
            self.file,
            self.out,
            backbone=self.backbone,
            image_size=self.image_size,
            dtype=self.dtype,
            console=progress(),
        )
        told = {"store": str(store.path), "images": len(store)}
        return f"{len(store):,} images in {store.path}", told


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
    told, fields = options.carry_out()
    if options.json:
        print_json(fields)
    else:
        print(told)
