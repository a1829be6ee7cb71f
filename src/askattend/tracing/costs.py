"""The costs of a forward pass, stretch by stretch, measured while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass(frozen=True)
class Cost:
    """The cost of a stretch of a forward pass.

    Attributes:
        flops: floating-point operations of its matrix products, a multiplication and an addition
            counting as two; element-wise work is not counted.
        bytes: of all tensors that it made, those freed again included; a large copy into memory
            that is used again counts as made.
        parameters: name → number of elements, of the parameters that it read.
    """

    flops: int
    bytes: int
    parameters: Mapping[str, int]


class Meter(TorchDispatchMode):
    """A counter of the cost of every operation of PyTorch inside its ``with`` block.

    Args:
        model: the network, whose parameters are named where they are read.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # By address: operations get views of parameters, transposed ones for example.
        self._names = {
            parameter.untyped_storage().data_ptr(): (name, parameter.numel())
            for name, parameter in model.named_parameters()
        }
        self._made: set[int] = set()
        self._start()

    def _start(self) -> None:
        self._flops, self._bytes = 0, 0
        self._read: dict[str, int] = {}

    def take(self) -> Cost:
        """Return the cost since the last call, or since the start."""
        cost = Cost(self._flops, self._bytes, self._read)
        self._start()
        return cost

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation and note its cost."""
        kwargs = kwargs or {}
        if func._overloadpacket not in flop_registry:
            # A compound operation, such as a linear layer, runs as the ones that it consists of.
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        given = {_address(tensor) for tensor in _tensors((args, kwargs))}
        self._read.update(self._names[address] for address in given if address in self._names)
        # Large copies go into memory that is used again, which no operation makes.
        copies = func is torch.ops.aten.copy_.default
        for tensor in _tensors(result):
            address = _address(tensor)
            if address not in given or (copies and address not in self._made):  # no mere view
                self._bytes += tensor.numel() * tensor.element_size()
            self._made.add(address)
        if func._overloadpacket in flop_registry:
            self._flops += flop_registry[func._overloadpacket](*args, **kwargs, out_val=result)
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def _address(tensor: Tensor) -> int:
    # What oneDNN lays out for itself, weights of the backbone, shows no memory; nor is it a view.
    return id(tensor) if tensor.is_mkldnn else tensor.untyped_storage().data_ptr()
