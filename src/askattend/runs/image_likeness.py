"""The file in a run folder that tells pictures unlike those that it learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import torch
from msgspec import Meta

from askattend.errors import RunError
from askattend.files import atomic_write, decode_json
from askattend.files.manifest import is_expected
from askattend.files.tensors import tensor_pieces
from askattend.metrics.image_likeness import ImageLikeness
from askattend.runs.tensor_files import read_tensors

LIKENESS = "likeness.safetensors"
_KEY = "likeness"
UNLIKE = (
    "the picture is unlike those that the model learnt from: its answer is a guess, however "
    "probable"
)


class _Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers of an `ImageLikeness` that are no tensors."""

    rest: Annotated[float, Meta(gt=0)]
    threshold: Annotated[float, Meta(ge=0)]


def save_likeness(folder: Path, likeness: ImageLikeness) -> None:
    """Write it into a run folder."""
    arrays = {name: getattr(likeness, name) for name in ("mean", "matrix", "scale")}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    numbers = msgspec.json.encode(_Numbers(likeness.rest, likeness.threshold)).decode()
    atomic_write(folder / LIKENESS, tensor_pieces(tensors, {_KEY: numbers}))


def load_likeness(folder: Path, region_dim: int) -> ImageLikeness | None:
    """Read it; None where the run has none: it had few pictures, or was imported.

    Args:
        folder: of the run.
        region_dim: width of its features.

    Raises:
        RunError: the file is unreadable, or of other features.
    """
    file = folder / LIKENESS
    if not is_expected(file):
        return None
    tensors, metadata = read_tensors(file)
    try:
        numbers = decode_json(metadata.get(_KEY, ""), _Numbers)
    except msgspec.DecodeError as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Copy the run again.") from None
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    components = next(iter(shapes.get("matrix", ())[1:]), 0)
    wanted = {"mean": (region_dim,), "matrix": (region_dim, components), "scale": (region_dim,)}
    whole = all(t.dtype == torch.float32 and t.isfinite().all() for t in tensors.values())
    if shapes != wanted or not whole:
        problem = f"holds no likeness of features {region_dim:,} wide"
        raise RunError(problem, where=file, remedy="Copy the run again.")
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return ImageLikeness(**arrays, rest=numbers.rest, threshold=numbers.threshold)
