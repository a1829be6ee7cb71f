"""A paper's symbols, and a record of the tensors that they stand for in a forward pass.

Beside each network's file stands its legend: one `Symbol` for each quantity of the paper. In the
forward pass a symbol is called with the tensor that it names and gives it back unchanged, so that
the line still reads as the equation; only while somebody listens is it noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from askattend.models.kernels.recording import listening, tell


@dataclass(frozen=True)
class Symbol:
    """A quantity of a paper.

    ``{k}`` in `name` and `symbol` stands for the number of the hop, from 1; ``{k-1}`` for the one
    before.

    Attributes:
        name: what our code calls it.
        symbol: what the paper calls it.
        equation: the number of its equation, or the section (``"§3.4"``) where it has none.
        meaning: what it is, in words.
        dims: the names of our tensor's dimensions.
        paper: the dimensions as the paper lays them out: ``rows columns`` for the regions of a
            grid, ``(a b)`` for two dimensions laid end to end, ``1`` for one that is spread over
            the others. The same as `dims` if left out.
    """

    name: str
    symbol: str
    equation: str
    meaning: str
    dims: str
    paper: str = ""

    def __call__(self, value: Tensor, k: int = 0) -> Tensor:
        """Return `value` itself; a listener is told first."""
        tell(lambda: Step(self, value, k))
        return value

    def plus(self, term: Symbol) -> Symbol:
        """Return the symbol of the same quantity with a term added that its paper does not have."""
        return replace(self, symbol=f"{self.symbol} + {term.symbol}")

    def stacked(self, values: list[Tensor]) -> None:
        """Tell a listener, if there is one, of some tensors stacked along dimension 1."""
        tell(lambda: Step(self, torch.stack(values, dim=1)))


@dataclass(frozen=True)
class Step:
    """One line of a forward pass: a symbol, and the tensor that it stood for."""

    what: Symbol
    tensor: Tensor = field(repr=False)
    k: int = 0

    @property
    def name(self) -> str:
        """Our name for it, the hop's number filled in."""
        return self.what.name.replace("{k}", str(self.k))

    @property
    def symbol(self) -> str:
        """The paper's symbol, the hop's number filled in."""
        return self.what.symbol.replace("{k}", str(self.k)).replace("{k-1}", str(self.k - 1))


class Record(Mapping[str, Tensor]):
    """Name → tensor of the steps that were recorded, in the order they happened.

    Attributes:
        steps: the same with their symbols.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of that name; the last, if the pass was run several times."""
        for step in reversed(self.steps):
            if step.name == name:
                return step.tensor
        raise KeyError(f"no step '{name}'; there are: {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(step.name for step in self.steps))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        """The names and shapes, not the numbers."""
        widest = max(map(len, self), default=0)
        shapes = {name: " × ".join(map(str, tensor.shape)) for name, tensor in self.items()}
        lines = (f"  {name:<{widest}}  {shape}" for name, shape in shapes.items())
        return "\n".join((f"Record of {len(self)} tensors", *lines))


@contextmanager
def record() -> Iterator[Record]:
    """Every intermediate of the forward passes inside the ``with`` block, by name.

    >>> import torch, askattend
    >>> model = askattend.SAN(words=9, answers=4, region_dim=6)
    >>> with askattend.record() as steps:
    ...     output = model(torch.rand(1, 49, 6), torch.tensor([[2, 3]]), torch.tensor([2]))
    >>> steps["query.1"].shape  # u¹, the query after the first hop
    torch.Size([1, 500])
    """
    steps = Record()
    with listening(steps.steps.append):
        yield steps
