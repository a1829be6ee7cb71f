"""An image's regions as an attention needs them: in the products' type, each of length 1."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.models.kernels import choice
from askattend.models.kernels.cpu.buffer_pool import cast_copy


def l2_normalise(
    regions: Float[Tensor, "images regions dim"], dtype: torch.dtype
) -> Float[Tensor, "images regions dim"]:
    """v / (‖v‖₂ + ε) at each region (SAAA section 3.1), in `dtype`; norms in float32 at least."""
    if choice.triton_runs(regions) and not regions.requires_grad:
        from askattend.models.kernels.gpu import regions as quick

        return quick.l2_normalise(regions, dtype)
    if _native_reads(regions, dtype):
        from askattend.models.kernels.cpu import regions as native

        return native.l2_normalise(regions, dtype)
    units = cast_copy(regions, dtype)
    precise = torch.promote_types(dtype, torch.float32)
    length = torch.linalg.vector_norm(units, dim=-1, keepdim=True, dtype=precise)
    if choice.as_onnx():  # onnxruntime would leave out an addition of 1e-8, and divide by 0
        unit: Tensor = units * 1e8 / (length * 1e8 + 1)
        return unit
    norm = (length + 1e-8).to(dtype)
    # Nobody else has these; where no gradient needs what they were, their memory serves again.
    return units / norm if units.requires_grad else units.div_(norm)


def cast(regions: Float[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """Cast `regions` to another type; return themselves where they have it."""
    if regions.dtype == dtype:
        return regions
    if choice.triton_runs(regions) and not regions.requires_grad:
        from askattend.models.kernels.gpu import regions as quick

        return quick.cast(regions, dtype)
    if _native_reads(regions, dtype):
        from askattend.models.kernels.cpu import regions as native

        return native.cast(regions, dtype)
    return cast_copy(regions, dtype)


def gather(
    table: Float[Tensor, "all regions dim"],
    rows: Int[Tensor, " images"],
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "images regions dim"]:
    """Copy some images' regions out of a table.

    Args:
        table: the regions of all images.
        rows: the images.
        dtype: that they are cast to next, which a GPU does on the way; others leave it.
    """
    if dtype not in (None, table.dtype) and choice.triton_runs(table):
        from askattend.models.kernels.gpu import regions as quick

        return quick.gather(table, rows, dtype)
    return table.index_select(0, rows)


def matmul_dtype(weight: Tensor) -> torch.dtype:
    """Return the type that products with `weight` are computed in: autocast's where it is on."""
    if torch.is_autocast_enabled(weight.device.type):
        return torch.get_autocast_dtype(weight.device.type)
    return weight.dtype


def _native_reads(regions: Tensor, dtype: torch.dtype) -> bool:
    if regions.requires_grad or dtype not in choice.NATIVE_DTYPES:
        return False
    # Before sizes are looked at, which a compiler would take for fixed.
    if choice.as_written(regions) or len(regions) <= choice.FEW_IMAGES:
        return False
    return choice.native_runs(regions, dtypes=(torch.float16, torch.float32))
