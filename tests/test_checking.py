"""What `askattend.check` says of modules with one mistake each, and of those without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import askattend
from askattend.errors import ConfigError
from askattend.models.saaa import GlimpseAttention
from askattend.models.san import HopAttention

REGION, QUESTION = 6, 4
SIZES: dict[str, Any] = {"region_dim": REGION, "question_dim": QUESTION}


class Own(nn.Module):
    """SAAA's attention, with a place to go wrong."""

    def __init__(self, spoil: Callable[[Own, Tensor, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.v, self.q = nn.Linear(REGION, 5, bias=False), nn.Linear(QUESTION, 5)
        self.x, self.spoil = nn.Linear(5, 2), spoil

    def scores(self, regions: Tensor, question: Tensor) -> Tensor:
        hidden = torch.relu(self.v(regions) + self.q(question)[:, None])
        found: Tensor = self.x(hidden).transpose(1, 2)
        return found

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        if self.spoil is not None:
            return self.spoil(self, regions, question)
        return self.scores(regions, question)


def across_questions(own: Own, regions: Tensor, question: Tensor) -> Tensor:
    return own.scores(regions, question - question.mean(dim=0))


@pytest.mark.parametrize(
    ("spoil", "name", "told"),
    [
        (lambda o, r, q: o.scores(r, q).transpose(1, 2), "shape", "swapped; add .transpose(1, 2)"),
        (lambda o, r, q: o.scores(r, q)[:, :1], "shape", "scores are [5, 1, 7]"),
        (lambda o, r, q: o.scores(r, q).softmax(2), "scores", "leave softmax to the network"),
        (lambda o, r, q: o.scores(r / r.norm(dim=2, keepdim=True), q), "finite", "0 times"),
        (lambda o, r, q: o.scores(r, q).detach() * o.x.bias.sum(), "gradients", "regions"),
        (lambda o, r, q: o.scores(r.detach(), q), "gradients", "in regions: nothing"),
        (across_questions, "questions", "another question in the batch"),
        (
            lambda o, r, q: o.scores(r, q) + torch.rand(1).double(),
            "evaluation",
            "differ from call to call",
        ),
    ],
)
def test_each_mistake_is_found(
    spoil: Callable[[Own, Tensor, Tensor], Tensor], name: str, told: str
) -> None:
    report = askattend.check(Own(spoil), **SIZES)
    assert not report.ok
    assert report[name].passed is False
    assert told in report[name].told
    assert f"✗ {name}: " in str(report)


def test_a_squeeze_is_found() -> None:
    report = askattend.check(Own(lambda o, r, q: o.scores(r, q).squeeze(0)), **SIZES)
    assert report["questions"].passed is False
    assert "beware of .squeeze()" in report["questions"].told


@pytest.mark.parametrize(
    "module",
    [
        Own(),
        GlimpseAttention(**SIZES, attention_dim=5, glimpses=2),
        GlimpseAttention(**SIZES, attention_dim=REGION, glimpses=2, dropout=0.9),
    ],
)
def test_what_is_right_passes_and_equals_the_built_in(module: nn.Module) -> None:
    before = {name: p.clone() for name, p in module.named_parameters()}
    report = askattend.check(module, **SIZES)
    assert report.ok, str(report)
    assert report["equal to the built-in"].passed
    assert all(torch.equal(p, before[name]) for name, p in module.named_parameters())


def test_sans_own_hop_passes() -> None:
    hop = HopAttention(question_dim=QUESTION, attention_dim=5)
    report = askattend.check(hop, region_dim=QUESTION, question_dim=QUESTION, network="san")
    assert report.ok, str(report)
    assert report["equal to the built-in"].passed


def test_what_differs_from_the_built_in_is_no_mistake() -> None:
    tanh = Own(lambda o, r, q: o.x(torch.tanh(o.v(r) + o.q(q)[:, None])).transpose(1, 2))
    report = askattend.check(tanh, **SIZES)
    assert report.ok
    assert report["equal to the built-in"].passed is None
    assert "scores differ by up to" in report["equal to the built-in"].told
    place = Own(lambda o, r, q: o.scores(r, q) + torch.arange(r.shape[1]).double())
    report = askattend.check(place, **SIZES)
    assert (report.ok, report["regions"].passed) == (True, None)


def test_an_extra_bias_is_named() -> None:
    own = Own()
    own.v = nn.Linear(REGION, 5)
    told = askattend.check(own, **SIZES)["equal to the built-in"].told
    assert "'v.bias' [5]" in told or "'q.bias' [5]" in told


def test_a_shared_image_must_be_looked_up() -> None:
    class Forgets(GlimpseAttention):
        def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
            return super().forward(projected, question, image_index.clamp(max=1))

    report = askattend.check(Forgets(**SIZES, attention_dim=5, glimpses=2), **SIZES)
    assert report["shared images"].passed is False


def test_what_cannot_be_called_says_how_it_is_called() -> None:
    with pytest.raises(ConfigError, match=r"Linear: cannot be called .* Its forward takes"):
        askattend.check(nn.Linear(3, 3), **SIZES)
    with pytest.raises(ConfigError, match="returns tuple, not a tensor"):
        askattend.check(Own(lambda o, r, q: (r, q)), **SIZES)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="no parameter 'w'"):
        askattend.check(Own(), **SIZES, names={"w": "region.weight"})
    with pytest.raises(ConfigError, match="no built-in 'regionweight'"):
        askattend.check(Own(), **SIZES, names={"v.weight": "regionweight"})
