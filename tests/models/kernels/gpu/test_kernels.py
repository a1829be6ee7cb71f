"""Triton's kernels against their references; in Triton's interpreter where there is no GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from askattend.models import kernels
from askattend.models.kernels import lstm, pooling
from askattend.models.kernels.recurrence import LSTM

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if DEVICE.type == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read where a kernel is defined
pytest.importorskip("triton", reason="Triton is not installed")

from askattend.models.kernels.gpu import pooling as gpu_pooling  # noqa: E402
from askattend.models.kernels.gpu import regions as gpu_regions  # noqa: E402
from askattend.models.kernels.gpu import scores as gpu_scores  # noqa: E402

# Of a norm of the whole: rounding to bfloat16, and to float32.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
# A GPU compiles anew for each type and size, which takes longer than all else.
DTYPES = list(TOLERANCE) if DEVICE.type == "cpu" else [torch.bfloat16]
# No size is a multiple of a tile's; one image is asked nothing, and one twice in a row.
IMAGE_INDEX = (3, 0, 0, 3, 1, 4, 3)
IMAGES = 5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def leaf(*shape: int, dtype: torch.dtype = torch.float32, scale: float = 1.0) -> Tensor:
    return (scale * torch.randn(*shape, device=DEVICE)).to(dtype).requires_grad_()


def require_close(found: Tensor, expected: Tensor, dtype: torch.dtype, *, times: int = 1) -> None:
    difference = (found.double() - expected.double()).norm()
    assert difference <= times * TOLERANCE[dtype] * expected.double().norm() + 1e-12


def require_same(
    quick: Callable[..., Tensor], exact: Callable[..., Tensor], *leaves: Tensor
) -> None:
    """Compare a result and all its gradients with those of the reference in float64."""
    found, dtype = quick(*leaves), leaves[0].dtype
    doubles = [x.detach().double().requires_grad_() for x in leaves]
    expected = exact(*doubles)
    require_close(found, expected, dtype)
    upstream = torch.randn(expected.shape, device=DEVICE)
    gradients = torch.autograd.grad(found, leaves, upstream.to(found.dtype))
    others = torch.autograd.grad(expected, doubles, upstream.to(found.dtype).double())
    for gradient, other, x in zip(gradients, others, leaves, strict=True):
        assert gradient.dtype == x.dtype
        require_close(gradient, other, dtype)


SCORED = [(5, 40, 1), (19, 280, 2), (16, 32, 3)][: None if DEVICE.type == "cpu" else 2]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "identity": lambda h: h,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize(("regions", "dim", "maps"), SCORED)
def test_scores(dtype: torch.dtype, activation: str, regions: int, dim: int, maps: int) -> None:
    index = torch.tensor(IMAGE_INDEX, device=DEVICE)
    leaves = (
        leaf(IMAGES, regions, dim, dtype=dtype),
        leaf(len(index), dim, dtype=dtype),
        leaf(maps, dim),
        leaf(maps),
    )

    def exact(v: Tensor, q: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        h = ACTIVATIONS[activation](v[index] + q[:, None])
        return nn.functional.linear(h, weight, bias).mT

    def quick(v: Tensor, q: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return gpu_scores.attention_scores(v, q, index, weight, bias, activation=activation)

    require_same(quick, exact, *leaves)


@pytest.mark.parametrize("p", [0.5, 0.25])
def test_scores_with_dropout_drop_the_same_elements_backwards(p: float) -> None:
    index, regions, dim = torch.tensor(IMAGE_INDEX, device=DEVICE), 19, 16
    v, q, weight, bias = (
        leaf(IMAGES, regions, dim), leaf(len(index), dim), leaf(dim, dim), leaf(dim)
    )  # fmt: skip
    with torch.no_grad():  # a map an element of the hidden layer, which shows what was dropped
        weight.copy_(torch.eye(dim))
        bias.zero_()
    found = gpu_scores.attention_scores(v, q, index, weight, bias, activation="relu", p=p)
    h = torch.relu(v[index] + q[:, None])
    mask = (found.mT != 0).detach().float() / (1 - p)
    torch.testing.assert_close(found, (h * mask).mT)
    share = (mask > 0)[h > 0].float().mean().item()
    assert abs(share - (1 - p)) < 0.05
    upstream = torch.randn_like(found)
    ours = torch.autograd.grad(found, (v, q, weight, bias), upstream)
    dropped = nn.functional.linear(h * mask, weight, bias).mT
    theirs = torch.autograd.grad(dropped, (v, q, weight, bias), upstream)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    again = gpu_scores.attention_scores(v, q, index, weight, bias, activation="relu", p=p)
    assert not torch.equal(again, found), "a new seed each time"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("regions", "dim", "maps"), [(37, 130, 2), (5, 24, 1), (64, 256, 3)])
def test_weighted_sum(dtype: torch.dtype, regions: int, dim: int, maps: int) -> None:
    index = torch.tensor(IMAGE_INDEX, device=DEVICE)
    attention = leaf(len(index), maps, regions, dtype=dtype)
    pooled = leaf(IMAGES, regions, dim, dtype=dtype)
    require_same(
        lambda a, v: gpu_pooling.weighted_sum(a, v, index),
        lambda a, v: pooling.reference(a, v, index),
        attention,
        pooled,
    )


def test_cast_and_gather() -> None:
    regions = torch.randn(3, 7, 250, device=DEVICE).half()
    assert torch.equal(gpu_regions.cast(regions, torch.float32), regions.float())
    rows = torch.tensor([2, 0, 2], device=DEVICE)
    found = gpu_regions.gather(regions, rows, torch.float32)
    assert torch.equal(found, regions[rows].float())
    # Triton's interpreter cuts off where others round.
    require_close(gpu_regions.cast(regions, torch.bfloat16), regions, torch.bfloat16)


@pytest.mark.parametrize("sizes", [(12, 20), (16, 12), (5, 8)])
def test_linear_filled_up(sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows filled up with zeros change neither a result nor a gradient."""
    monkeypatch.setattr("askattend.models.kernels.choice.triton_runs", lambda *_: True)
    layer = nn.Linear(*sizes).to(DEVICE, torch.bfloat16)
    x = leaf(7, 3, sizes[0], dtype=torch.bfloat16)
    expected = layer(x)
    upstream = torch.randn_like(expected)
    theirs = torch.autograd.grad(expected, (x, *layer.parameters()), upstream)
    wider = kernels.wider_linear(layer, x)
    assert wider.shape[-1] % 8 == 0
    assert not wider[..., sizes[1] :].any()
    for found in (kernels.linear(layer, x), wider[..., : sizes[1]]):
        require_close(found, expected, torch.bfloat16)
        ours = torch.autograd.grad(found, (x, *layer.parameters()), upstream)
        for gradient, other in zip(ours, theirs, strict=True):
            require_close(gradient, other, torch.bfloat16)
    narrow = nn.Linear(sizes[1], 4).to(DEVICE, torch.bfloat16)
    same = kernels.linear(narrow, wider)
    require_close(same, narrow(wider[..., : sizes[1]]), torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_l2_normalise(dtype: torch.dtype) -> None:
    regions = torch.randn(3, 5, 24, device=DEVICE).half()
    exact = regions.double() / (regions.double().norm(dim=-1, keepdim=True) + 1e-8)
    found = gpu_regions.l2_normalise(regions, dtype)
    assert found.dtype == dtype
    require_close(found, exact, dtype)


def test_dropout() -> None:
    x = torch.randn(5, 2001, device=DEVICE)
    found = gpu_regions.dropout(x, 0.25)
    stays = found != 0
    torch.testing.assert_close(found[stays], (x / 0.75)[stays])
    assert abs(stays.float().mean().item() - 0.75) < 0.03
    assert not torch.equal(gpu_regions.dropout(x, 0.25), found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [[7, 7, 5, 3, 1], [7, 7, 7, 7, 7, 7], [7, 6, 4, 4, 2, 2]])
def test_last_states(dtype: torch.dtype, sizes: list[int]) -> None:
    """A schedule may have room for more, and longer, questions than there are."""
    lengths = torch.tensor([2, 5, 1, 3, 4, 2, 3], device=DEVICE)
    tokens = torch.randint(1, 9, (7, 6), device=DEVICE)
    tokens[torch.arange(6, device=DEVICE) >= lengths[:, None]] = 0
    layer, table = LSTM(5, 12, batch_first=True).to(DEVICE), leaf(9, 5)
    exact, exact_table = deepcopy(layer).double(), table.detach().double().requires_grad_()
    with torch.autocast(DEVICE.type, torch.bfloat16, enabled=dtype is torch.bfloat16):
        states = lstm.falling(layer, lambda words: table[words], tokens, lengths, sizes)
    found = torch.cat(states)
    expected = torch.cat(
        lstm.reference(exact, lambda words: exact_table[words], tokens, lengths, lambda h: h)
    )
    require_close(found, expected, dtype)
    upstream = torch.randn(expected.shape, device=DEVICE)
    ours = torch.autograd.grad(found, (table, *layer.parameters()), upstream.to(found.dtype))
    upstream = upstream.to(found.dtype).double()
    theirs = torch.autograd.grad(expected, (exact_table, *exact.parameters()), upstream)
    for gradient, other in zip(ours, theirs, strict=True):
        require_close(gradient, other, dtype, times=3)  # rounded at every word


def test_falling_sizes_without_a_schedule_are_all_questions() -> None:
    tokens = torch.zeros(3, 4, dtype=torch.int64)
    assert lstm.schedule_of(tokens) == [3, 3, 3, 3]
    with lstm.falling_schedule([3, 2]):
        assert lstm.schedule_of(tokens) == [3, 2]
    assert lstm.schedule_of(tokens) == [3, 3, 3, 3]
