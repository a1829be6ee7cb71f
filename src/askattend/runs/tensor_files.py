"""Reading files of tensors, whatever is wrong with them told as an error of the run's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from askattend.errors import RunError, reason_of
from askattend.files import decode_json
from askattend.files.manifest import read_unchanged

_METADATA = "__metadata__"


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors of a file and its metadata: a copy, whatever becomes of the file.

    Raises:
        RunError: it is missing or unreadable, or not as it was written.
    """
    content = _read(file)
    try:
        return load(content), _metadata(content)
    except (SafetensorError, msgspec.DecodeError) as error:
        raise _unreadable(file, error) from None


def read_metadata(file: Path) -> dict[str, str]:
    """Read the metadata of a file of tensors; raises as `read_tensors`."""
    try:
        return _metadata(_read(file))
    except msgspec.DecodeError as error:
        raise _unreadable(file, error) from None


def _read(file: Path) -> bytes:
    try:
        return read_unchanged(file, RunError)
    except FileNotFoundError:
        remedy = "Train to the end of an epoch, or copy the whole folder."
        raise RunError("missing", where=file, remedy=remedy) from None
    except OSError as error:
        raise _unreadable(file, error) from None


def _metadata(content: bytes) -> dict[str, str]:
    """Decode what stands in the header beside the tensors (see `askattend.files.tensors`)."""
    end = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, msgspec.Raw] = decode_json(content[8:end], dict[str, msgspec.Raw])
    return decode_json(header[_METADATA], dict[str, str]) if _METADATA in header else {}


def _unreadable(file: Path, error: Exception) -> RunError:
    return RunError(f"unreadable ({reason_of(error)})", where=file, remedy="Train again.")


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], *, where: Path) -> None:
    """Copy tensors into a network by name.

    Raises:
        RunError: a tensor is missing, left over, of another shape or type, or holds a value that
            is not finite; names it.
    """
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise RunError(f"lacks the tensor '{name}'", where=where)
        if tensors[name].shape != tensor.shape:
            found, wanted = list(tensors[name].shape), list(tensor.shape)
            raise RunError(f"'{name}' has shape {found}, expected {wanted}", where=where)
        if tensors[name].dtype != tensor.dtype:
            problem = f"'{name}' is of {tensors[name].dtype}, expected {tensor.dtype}"
            raise RunError(problem, where=where)
        # Every answer would be the same, or none, and nothing else would tell.
        if tensor.is_floating_point() and not torch.isfinite(tensors[name]).all():
            remedy = "Copy the whole run folder again, or train again."
            raise RunError(f"'{name}' holds values that are not finite", where=where, remedy=remedy)
    if left_over := sorted(tensors.keys() - expected.keys()):
        raise RunError(f"the network has no tensor '{left_over[0]}'", where=where)
    model.load_state_dict(dict(tensors))


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the tensors whose names start with `prefix`, under their names without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as they are written: on the processor, each with memory of its own."""
    written: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        # Tied weights, or parts of one tensor: safetensors refuses what shares memory.
        place = whole.untyped_storage().data_ptr()
        written[name] = whole.clone() if place in places else whole
        places.add(place)
    return written
