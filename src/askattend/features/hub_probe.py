"""The region of a picture that each output of a model describes: worked out, then tried."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import isqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.errors import FeatureError
from askattend.features.spec import require_multiple

# Learnt tokens that models put in front of the patches; any other must make the count disagree.
LEADING_TOKENS = ("cls_token", "class_embedding", "distillation_token", "register_tokens")
MAP_STRIDE, FINE_STRIDE = 32, 16
TILE = 8


@dataclass(frozen=True)
class Grid:
    """Positions of the regions in a model's ``last_hidden_state``.

    Attributes:
        rows: rows of regions, and columns.
        region_dim: numbers a region.
        leading: tokens before the first region's.
        arguments: what the model is called with besides the pixels.
    """

    rows: int
    region_dim: int
    leading: int
    arguments: Mapping[str, Any]

    def regions(
        self, hidden: Float[Tensor, "images ..."]
    ) -> Float[Tensor, "images regions region_dim"]:
        """Cut regions, row by row, from a map (images × region_dim × rows × columns) or tokens."""
        if hidden.ndim == 4:
            return hidden.flatten(2).transpose(1, 2)
        return hidden[:, self.leading :]


def grid_of(model: nn.Module, *, image_size: int, where: str) -> Grid:
    """Work out a model's grid from what it yields, and try whether its places are right.

    Raises:
        FeatureError: it yields no square grid of at least 2 × 2 regions, its tokens cannot be
            told apart, two passes differ, or a change of the picture shows at the wrong place.
    """
    return _Prober(model, image_size=image_size, where=where).grid()


def map_at(maps: Sequence[Tensor] | None, rows: int) -> Float[Tensor, "images _ rows rows"] | None:
    """Return the last of a model's hidden states that is a map of so many rows; None without."""
    found = [state for state in maps or () if state.ndim == 4 and state.shape[-1] == rows]
    return found[-1] if found else None


def fine_dim_of(model: nn.Module, grid: Grid, image_size: int, *, where: str) -> int:
    """Return the channels of a model's map at stride 16, which it has before one at stride 32.

    Raises:
        FeatureError: it has no two such maps.
    """
    picture = _noise(image_size, seed=0)
    with torch.inference_mode():
        output: Any = model(pixel_values=picture, output_hidden_states=True, **grid.arguments)
    fine = map_at(getattr(output, "hidden_states", None), image_size // FINE_STRIDE)
    if fine is None or grid.rows * MAP_STRIDE != image_size:
        raise FeatureError(
            "has no map at stride 16 before its last one at stride 32",
            where=where,
            remedy=f"Leave the strides at 'last': its own grid is {grid.rows} × {grid.rows}.",
        )
    return int(fine.shape[1])


class _Prober:
    def __init__(self, model: nn.Module, *, image_size: int, where: str) -> None:
        self._model, self._size, self._where = model, image_size, where
        self._config: Any = model.config
        self._arguments = self._call_arguments()

    def grid(self) -> Grid:
        picture = _noise(self._size, seed=0)
        hidden = self._run(picture).last_hidden_state
        grid = self._map_grid(hidden) if hidden.ndim == 4 else self._token_grid(hidden)
        if grid.rows < 2:
            raise self._refusal("it yields one region for the whole picture", "a larger size")
        if not torch.isfinite(hidden).all():
            raise self._refusal("it yields values that are not finite even in float32")
        # Dropout left on, or patches at random: such features could never be made again.
        if not torch.equal(hidden, self._run(picture).last_hidden_state):
            raise self._refusal("two passes over one picture differ")
        if not self._places_are_right(grid, picture, hidden):
            raise self._refusal("a change of the picture does not show in the region where it is")
        return grid

    def _call_arguments(self) -> dict[str, Any]:
        """Ask for other position embeddings only where the size is not the trained one."""
        accepts = "interpolate_pos_encoding" in inspect.signature(self._model.forward).parameters
        trained = getattr(self._config, "image_size", None)
        if accepts and trained not in (None, self._size, [self._size] * 2, (self._size,) * 2):
            return {"interpolate_pos_encoding": True}
        return {}

    def _run(self, pixels: Float[Tensor, "images 3 size size"], **extra: Any) -> Any:
        try:
            with torch.inference_mode():
                output = self._model(pixel_values=pixels, **self._arguments, **extra)
        except Exception as error:  # whatever a model's code raises on a picture it cannot take
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            trained = getattr(self._config, "image_size", None)
            fits = f"image_size {trained}" if trained not in (None, self._size) else ""
            side = f"{self._size} × {self._size}"
            raise self._refusal(f"it cannot take a picture of {side} ({reason})", fits) from error
        hidden = getattr(output, "last_hidden_state", None)
        if not isinstance(hidden, Tensor) or hidden.ndim not in (3, 4):
            raise self._refusal("it yields neither a map nor a row of tokens")
        return output

    def _map_grid(self, hidden: Float[Tensor, "1 region_dim rows columns"]) -> Grid:
        require_multiple(self._size, MAP_STRIDE, where=self._where)
        _, region_dim, rows, columns = hidden.shape
        if rows != columns or self._size % rows:
            shape = " × ".join(map(str, hidden.shape[1:]))
            raise self._refusal(f"its map of {shape} is no square grid (channels × rows × columns)")
        return Grid(rows, region_dim, 0, self._arguments)

    def _token_grid(self, hidden: Float[Tensor, "1 tokens region_dim"]) -> Grid:
        patch = getattr(self._config, "patch_size", None)
        patch_side = patch if isinstance(patch, int) else 1
        require_multiple(self._size, patch_side, where=self._where)
        leading = _leading_tokens(self._model)
        tokens, region_dim = hidden.shape[1:]
        rows = isqrt(max(tokens - leading, 0))
        # Then the stride that pictures must fit is the usual one of such networks.
        if rows * patch_side != self._size:  # patches were merged on the way, as in Swin
            require_multiple(self._size, MAP_STRIDE, where=self._where)
        if rows * rows != tokens - leading or self._size % max(rows, 1):
            raise self._refusal(
                f"its {tokens} tokens are not {leading} special ones and then a square grid of "
                "patches"
            )
        return Grid(rows, region_dim, leading, self._arguments)

    def _places_are_right(
        self, grid: Grid, picture: Float[Tensor, "1 3 size size"], hidden: Tensor
    ) -> bool:
        """Change parts of the picture, and look where the change shows most.

        Where the model keeps its patches as they enter it, the very patch must be the right one.
        Elsewhere, as of a map whose regions see far beyond their place, each quarter must be.
        """
        entering = None if hidden.ndim == 4 else self._entering(picture, grid)
        if entering is None:
            return self._quarters_are_right(grid, picture, hidden)
        last = grid.rows - 1
        return all(
            self._patch_is_right(grid, picture, entering, row, column)
            # Three corners and an edge tell any flip, turn or transposition.
            for row, column in ((0, 0), (0, last), (last, 0), (grid.rows // 2, last))
        )

    def _entering(
        self, picture: Float[Tensor, "images 3 size size"], grid: Grid
    ) -> Float[Tensor, "images tokens width"] | None:
        """Return a transformer's tokens before its first layer, if those after are as many."""
        states = getattr(self._run(picture, output_hidden_states=True), "hidden_states", None)
        first = states[0] if states else None
        tokens = grid.leading + grid.rows**2
        return first if first is not None and first.shape[1:-1] == (tokens,) else None

    def _patch_is_right(
        self, grid: Grid, picture: Tensor, entering: Tensor, row: int, column: int
    ) -> bool:
        side = self._size // grid.rows
        after = self._entering(_with_noise(picture, row * side, column * side, side), grid)
        assert after is not None, "as many tokens as before"
        change = (after - entering)[0].norm(dim=-1)
        return int(change.argmax()) == grid.leading + row * grid.rows + column

    def _quarters_are_right(self, grid: Grid, picture: Tensor, hidden: Tensor) -> bool:
        """True if, of the 24 ways to assign the quarters, the right one explains changes best.

        Comparing whole assignments of log changes makes it not matter that some quarters of the
        picture are changed more than others, nor that some regions respond more to any change.
        """
        half, rows = self._size // 2, grid.rows
        halves = slice(0, rows // 2), slice(rows - rows // 2, rows)  # an odd middle is in neither
        before = grid.regions(hidden)
        changes = []
        for top in (0, half):
            for left in (0, half):
                changed = _with_noise(picture, top, left, half)
                after = grid.regions(self._run(changed).last_hidden_state)
                change = (after - before)[0].norm(dim=-1).view(rows, rows)
                changes.append([change[v][:, h].mean().log() for v in halves for h in halves])
        # Rows: the quarter that was changed. Columns: the quarter that responds.
        table = torch.tensor(changes)  # changed quarter × responding quarter
        ways = {way: float(table[range(4), way].sum()) for way in permutations(range(4))}
        return max(ways, key=lambda way: ways[way]) == (0, 1, 2, 3)

    def _refusal(self, problem: str, fits: str = "") -> FeatureError:
        remedy = f"Try {fits}, or choose" if fits else "Choose"
        return FeatureError(
            f"not usable as a backbone: {problem}",
            where=self._where,
            remedy=f"{remedy} another backbone, e.g. hf:microsoft/resnet-152.",
        )


def _leading_tokens(model: nn.Module) -> int:
    """Count the special tokens in front of the patches by the learnt vectors that they are."""
    learnt = [p for name, p in model.named_parameters() if name.split(".")[-1] in LEADING_TOKENS]
    return sum(p.shape[1] if p.ndim == 3 else 1 for p in learnt)


def _noise(size: int, *, seed: int) -> Float[Tensor, "1 3 size size"]:
    """Make a picture of coloured tiles, which trained and random networks both respond to."""
    tiles = -(-size // TILE)
    coarse = torch.randn(1, 3, tiles, tiles, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, scale_factor=TILE)[:, :, :size, :size].contiguous()


def _with_noise(
    picture: Float[Tensor, "1 3 size size"], top: int, left: int, side: int
) -> Float[Tensor, "1 3 size size"]:
    changed = picture.clone()
    area = (..., slice(top, top + side), slice(left, left + side))
    changed[area] = _noise(picture.shape[-1], seed=1)[area]
    return changed
