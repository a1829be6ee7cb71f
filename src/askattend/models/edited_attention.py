"""Attention maps that somebody drew, in the place of those that a network would compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.errors import DataError

WHERE = "edited attention"


@dataclass(frozen=True, eq=False)
class EditedAttention:
    """Maps to pool with instead of a network's own, the same for every question of a pass.

    Attributes:
        maps: one a glimpse or hop, each of sum 1; None for a map that is left to the network.
    """

    maps: tuple[Float[Tensor, " regions"] | None, ...]

    @classmethod
    def of(cls, maps: Any, *, rows: int, columns: int) -> EditedAttention:
        """Read maps of any sum, which are scaled to sum to 1.

        Args:
            maps: maps × rows × columns, as a tensor, an array or nested lists; in a sequence, None
                stands for a map that is left to the network.
            rows: of the grid that the regions lie on.
            columns: of the grid that the regions lie on.

        Raises:
            DataError: a map has another shape, a negative value, one that is not a finite number,
                or nothing but zeros; names the map.
        """
        listed = isinstance(maps, Sequence) and not isinstance(maps, str | bytes)
        if not (listed or (isinstance(maps, np.ndarray | Tensor) and maps.ndim)):
            found = f"{type(maps).__name__}, expected maps × {rows} rows × {columns} columns"
            raise DataError(f"is one {found}", where=WHERE, remedy="Give a list of maps.")
        return cls(tuple(_distribution(m, k, rows, columns) for k, m in enumerate(maps, 1)))

    def replace(
        self, attention: Float[Tensor, "questions maps regions"], *, first: int, of: int
    ) -> Float[Tensor, "questions maps regions"]:
        """Put the edited maps in the place of some of a network's.

        Args:
            attention: of each question.
            first: the number of its first map among the network's, from 0.
            of: how many maps the network has in all.

        Raises:
            DataError: there are more or fewer maps than the network has, or other regions.
        """
        self._require(of, attention.shape[2])
        own = attention.unbind(dim=1)
        edited = self.maps[first : first + len(own)]
        chosen = [
            ours if theirs is None else theirs.to(ours).expand_as(ours)
            for ours, theirs in zip(own, edited, strict=True)
        ]
        return torch.stack(chosen, dim=1)

    def _require(self, maps: int, regions: int) -> None:
        if len(self.maps) != maps:
            raise DataError(
                f"has {len(self.maps)} maps, where the network has {maps}",
                where=WHERE,
                remedy="Give one for each, and None (null in JSON) for those left to the network.",
            )
        for number, edited in enumerate(self.maps, 1):
            if edited is not None and len(edited) != regions:
                problem = f"has {len(edited)} regions, where the image has {regions}"
                raise DataError(problem, where=f"{WHERE}, map {number}")


def edit(
    attention: Float[Tensor, "questions maps regions"],
    edited: EditedAttention | None,
    *,
    first: int = 0,
    of: int | None = None,
) -> Float[Tensor, "questions maps regions"]:
    """Return the attention itself, or with edited maps where there are some.

    Args:
        attention: of each question, as the network computed it.
        edited: the maps to pool with instead.
        first: the number of the first map among the network's, from 0.
        of: how many maps the network has in all; by default, those given.

    Raises:
        DataError: the edited maps do not fit.
    """
    if edited is None:
        return attention
    maps = attention.shape[1] if of is None else of
    return edited.replace(attention, first=first, of=maps)


def refuse_edited(edited: EditedAttention | None, *, network: str) -> None:
    """Refuse edited maps for a network that pools with none.

    Raises:
        DataError: there are some.
    """
    if edited is not None:
        raise DataError(
            f"has no effect: the network {network} does not attend to regions",
            where=WHERE,
            remedy="Leave it out, or ask a network that attends.",
        )


def _distribution(values: Any, number: int, rows: int, columns: int) -> Tensor | None:
    """Read one map as float64 of sum 1, its rows end to end; None if it is left to the network."""
    if values is None:
        return None
    where = f"{WHERE}, map {number}"
    array = _array(values, where)
    if array.shape != (rows, columns):
        found = " × ".join(map(str, array.shape)) or "a single number"
        remedy = f"Give {rows} rows of {columns} numbers."
        raise DataError(f"is {found}, expected {rows} × {columns}", where=where, remedy=remedy)
    if not np.isfinite(array).all() or (array < 0).any():
        wrong = array[~np.isfinite(array) | (array < 0)][0]
        problem = f"holds {wrong}, which is no weight"
        raise DataError(problem, where=where, remedy="Give finite numbers from 0 on.")
    if not array.any():
        problem, remedy = "holds nothing but zeros", "Leave some weight on a region at least."
        raise DataError(problem, where=where, remedy=remedy)
    scaled = array / array.max()  # first, so that the sum of large numbers is no infinity
    return torch.from_numpy((scaled / scaled.sum()).ravel())


def _array(values: Any, where: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    # NumPy knows no bfloat16.
    given = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
    try:
        array = np.asarray(given)
    except ValueError:  # rows of different lengths
        raise _no_numbers(where, "rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        raise _no_numbers(where, "something that is no number")
    return array.astype(np.float64)


def _no_numbers(where: str, found: str) -> DataError:
    return DataError(f"holds {found}", where=where, remedy="Give rows of numbers, all as long.")
