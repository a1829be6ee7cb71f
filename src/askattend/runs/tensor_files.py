"""Reading files of tensors, whatever is wrong with them told as an error of the run's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor

from askattend.errors import RunError
from askattend.files import read_whole
from askattend.files.manifest import require_unchanged


@contextmanager
def opened_tensors(file: Path) -> Iterator[Any]:
    """Open a file of tensors.

    Raises:
        RunError: it is missing or unreadable, or not as it was written.
    """
    if not file.is_file():
        raise RunError(
            "missing", where=file, remedy="Train to the end of an epoch, or copy the whole folder."
        )
    require_unchanged(file, RunError)
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Train again.") from None


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read all tensors of a file and its metadata; raises as `opened_tensors`."""
    with opened_tensors(file) as opened:
        metadata = opened.metadata() or {}
        # A copy, since a mapped file that somebody shortens meanwhile would end the process.
        return load(read_whole(file)), metadata


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
