"""Files of tensors in the format of safetensors, in pieces to be written.

safetensors' own function writes a file of its own and renames it, which a killed process leaves.
The format: 8 bytes with the header's length, the header in JSON, then the tensors' bytes one after
another, the widest types first, so that each begins at a multiple of its width
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# In safetensors' order, so that the same tensors are the same bytes as from its own function.
_TYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
}
_RANK = {dtype: rank for rank, dtype in enumerate(_TYPES)}


def tensor_pieces(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> list[bytes | memoryview]:
    """Return what a file of tensors consists of, piece by piece, without a copy of them.

    Args:
        tensors: on the processor, contiguous; of any whole or floating-point type up to 64 bits.
        metadata: texts that stand beside them.
    """
    in_order = sorted(tensors.items(), key=lambda item: (-_RANK[item[1].dtype], item[0]))
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in in_order:
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    pieces: list[bytes | memoryview] = [len(text).to_bytes(8, "little") + text]
    for _, tensor in in_order:
        assert tensor.is_contiguous(), "bytes are written as they lie in memory"
        flat: Any = tensor.detach().view(-1).view(torch.uint8).numpy()
        pieces.append(memoryview(flat))
    return pieces
