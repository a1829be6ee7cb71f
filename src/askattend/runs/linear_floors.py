"""The fitted floors in a run folder: weights as tensors, words and answers beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.files import atomic_write, decode_json
from askattend.files.tensors import tensor_pieces
from askattend.metrics.image_projection import ImageProjection
from askattend.metrics.linear_floor import LinearFloor
from askattend.runs.tensor_files import read_tensors, strip_prefix

LINEAR_FLOORS = "floors.safetensors"
_KEY = "floors"


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a floor that is not numbers; see `LinearFloor`."""

    key: str
    ngrams: tuple[str, ...]
    answers: tuple[str, ...]
    region_dim: int
    components: int
    fitted_with: int
    questions: int

    def shapes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Return the shape and type of each tensor; those of the image only where it sees one."""
        inputs = len(self.ngrams) + self.components
        shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "weights": ((len(self.answers), inputs), torch.float16),
            "bias": ((len(self.answers),), torch.float32),
        }
        if self.components:
            shapes["image.mean"] = ((self.region_dim,), torch.float32)
            shapes["image.matrix"] = ((self.region_dim, self.components), torch.float32)
        return shapes


def save_linear_floors(folder: Path, floors: Iterable[LinearFloor]) -> None:
    """Write the fitted floors of a run: one file, whole or not at all."""
    tensors: dict[str, Tensor] = {}
    descriptions = []
    for floor in floors:
        descriptions.append(_describe(floor))
        arrays = {"weights": floor.weights, "bias": floor.bias}
        if floor.image is not None:
            arrays |= {"image.mean": floor.image.mean, "image.matrix": floor.image.matrix}
        for name, array in arrays.items():
            tensors[f"{floor.key}.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
    metadata = {_KEY: msgspec.json.encode(descriptions).decode()}
    atomic_write(folder / LINEAR_FLOORS, tensor_pieces(tensors, metadata))


def load_linear_floors(folder: Path) -> tuple[LinearFloor, ...]:
    """Read the fitted floors of a run.

    Raises:
        RunError: the file is missing or unreadable, or a tensor of it is missing, left over, or of
            another shape or type.
    """
    file = folder / LINEAR_FLOORS
    tensors, metadata = read_tensors(file)
    try:
        found = decode_json(metadata.get(_KEY, ""), tuple[_Description, ...])
    except msgspec.DecodeError as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Train again.") from None
    wanted = {f"{d.key}.{name}": kind for d in found for name, kind in d.shapes().items()}
    if odd := sorted(wanted.keys() ^ tensors.keys()):
        raise RunError(f"lacks the tensor '{odd[0]}', or has it left over", where=file)
    for name, (shape, dtype) in wanted.items():
        if (tensors[name].shape, tensors[name].dtype) != (shape, dtype):
            raise RunError(f"'{name}' is not {dtype} of shape {list(shape)}", where=file)
    return tuple(_build(d, strip_prefix(f"{d.key}.", tensors)) for d in found)


def _describe(floor: LinearFloor) -> _Description:
    region_dim, components = (0, 0) if floor.image is None else floor.image.matrix.shape
    return _Description(
        floor.key,
        floor.ngrams,
        floor.answers,
        region_dim,
        components,
        floor.fitted_with,
        floor.questions,
    )


def _build(description: _Description, tensors: Mapping[str, Tensor]) -> LinearFloor:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    image = None
    if description.components:
        image = ImageProjection(arrays["image.mean"], arrays["image.matrix"])
    return LinearFloor(
        description.ngrams,
        description.answers,
        arrays["weights"],
        arrays["bias"],
        image,
        description.fitted_with,
        description.questions,
    )
