"""Every mistake that a check is for is found, by its name; what is right passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import askattend
from askattend import CheckReport
from askattend.checking.trial import Sizes, found_trial
from askattend.checking.whole import WORDS, padding
from askattend.errors import ConfigError
from askattend.models.saaa import GlimpseAttention
from askattend.models.san import SAN, HopAttention, SANConfig

REGION, QUESTION, HIDDEN, GLIMPSES = 12, 10, 7, 2


class Mine(nn.Module):
    """SAAA's attention as a student would write it; `change` spoils it."""

    def __init__(self, change: Callable[[Tensor], Any] = lambda scores: scores) -> None:
        super().__init__()
        self.first = nn.Linear(REGION, HIDDEN)
        self.asked = nn.Linear(QUESTION, HIDDEN)
        self.last = nn.Linear(HIDDEN, GLIMPSES)
        self.change = change

    def forward(self, regions: Tensor, question: Tensor) -> Any:
        h = torch.relu(self.first(regions) + self.asked(question)[:, None])
        return self.change(self.last(h).transpose(1, 2))


class Convolution(nn.Module):
    """The same as 1×1 convolutions over a grid."""

    def __init__(self, side: int | None = None) -> None:
        super().__init__()
        self.v_conv = nn.Conv2d(REGION, HIDDEN, 1, bias=False)
        self.q_lin = nn.Linear(QUESTION, HIDDEN)
        self.x_conv = nn.Conv2d(HIDDEN, GLIMPSES, 1)
        self.side = side

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        side = self.side or round(regions.shape[1] ** 0.5)
        v = self.v_conv(regions.transpose(1, 2).unflatten(2, (side, side)))
        h = F.relu(v + self.q_lin(question)[:, :, None, None])
        return self.x_conv(h).flatten(2)  # type: ignore[no-any-return]


class Joined(nn.Module):
    """The same with regions and question laid end to end."""

    def __init__(self, *, question_first: bool) -> None:
        super().__init__()
        self.first = nn.Conv1d(REGION + QUESTION, HIDDEN, 1)
        self.last = nn.Conv1d(HIDDEN, GLIMPSES, 1)
        self.question_first = question_first

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        parts = [regions, question[:, None].expand(-1, regions.shape[1], -1)]
        joined = torch.cat(parts[::-1] if self.question_first else parts, dim=2)
        return self.last(F.relu(self.first(joined.transpose(1, 2))))  # type: ignore[no-any-return]


class Matrices(nn.Module):
    """The same with matrices of one's own, in × out."""

    def __init__(self) -> None:
        super().__init__()
        shapes = {"V": (REGION, HIDDEN), "Q": (QUESTION, HIDDEN), "X": (HIDDEN, GLIMPSES)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape)))
        self.b_q, self.b_x = nn.Parameter(torch.zeros(HIDDEN)), nn.Parameter(torch.zeros(GLIMPSES))

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        m: Any = self
        h = torch.relu(regions @ m.V + (question @ m.Q + m.b_q)[:, None])
        return (h @ m.X + m.b_x).transpose(1, 2)  # type: ignore[no-any-return]


def with_forward(forward: Callable[[Any, Tensor, Tensor], Any]) -> nn.Module:
    """`Mine` with another forward."""
    return type("Changed", (Mine,), {"forward": forward})()  # type: ignore[no-any-return]


def check(module: nn.Module, **options: Any) -> CheckReport:
    return askattend.check(module, **options)


def failed(report: CheckReport) -> dict[str, str]:
    return {finding.name: finding.explanation for finding in report.failed}


def note(report: CheckReport, name: str) -> str:
    (finding,) = (f for f in report.findings if f.name == name)
    assert finding.passed is None
    return finding.explanation


@pytest.mark.parametrize(
    ("module", "pairs"),
    [
        (
            Mine(),
            {"first.weight": "region.weight", "asked.bias": "question.bias"},
        ),
        (
            Convolution(),
            {
                "v_conv.weight": "region.weight",
                "q_lin.weight": "question.weight",
                "q_lin.bias": "question.bias",
                "x_conv.weight": "score.weight",
                "x_conv.bias": "score.bias",
            },
        ),
        (Joined(question_first=False), {"first.weight": "[region.weight, question.weight]"}),
        (Joined(question_first=True), {"first.weight": "[question.weight, region.weight]"}),
        (Matrices(), {"V": "region.weight", "Q": "question.weight", "X": "score.weight"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_way_to_write_it_equals_the_built_in_one(
    module: nn.Module, pairs: dict[str, str]
) -> None:
    report = check(module, region_dim=REGION, question_dim=QUESTION)
    assert report.ok, report
    assert report.equal
    assert report.difference is not None
    assert report.difference < 1e-12
    assert pairs.items() <= report.matched.items()


def test_sizes_are_found_out() -> None:
    assert f"region_dim {REGION}, question_dim {QUESTION}" in check(Convolution()).title
    assert "2 glimpses" in str(check(Convolution()))
    # The grid, too, where a module takes one only.
    report = check(Convolution(side=14))
    assert report.ok
    assert report.equal
    assert "196" in note(report, "grid")


@given(
    st.integers(2, 30), st.integers(2, 30), st.integers(2, 12), st.integers(1, 6), st.integers(0, 9)
)
@settings(max_examples=25)
def test_built_in_attention_of_any_size_passes(
    region: int, question: int, hidden: int, glimpses: int, seed: int
) -> None:
    saaa = GlimpseAttention(
        region_dim=region, question_dim=question, attention_dim=hidden, glimpses=glimpses
    )
    report = check(saaa, region_dim=region, question_dim=question, glimpses=glimpses, seed=seed)
    assert report.ok, report
    assert report.equal


@pytest.mark.parametrize("variant", ["paper", "published-code"])
def test_hops_equal_their_own_variant(variant: Any) -> None:
    hop = HopAttention(question_dim=9, attention_dim=6, variant=variant)
    report = check(hop, network="san")
    assert report.ok
    assert report.equal
    (likeness,) = (f for f in report.findings if f.name == "likeness")
    assert ("published code" in likeness.explanation) == (variant == "published-code")


def test_the_module_is_left_as_it_was() -> None:
    module = Convolution().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    check(module)
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.transpose(1, 2), "glimpses and regions are swapped: .transpose(1, 2)"),
        (lambda s: s.transpose(0, 1), "questions and glimpses are swapped: .transpose(0, 1)"),
        (lambda s: s.permute(2, 0, 1), ".permute(1, 2, 0)"),
        (lambda s: s.unflatten(2, (4, 4)), ".flatten(2)"),
        (lambda s: s[:, 0], ".unsqueeze(1)"),
        (lambda s: s.mean(), "0 dimensions instead of 3"),
        (lambda s: s[..., :-1], "dimension 2 should be the 16 regions, and is 15"),
        (lambda s: (s, s), "tuple"),
    ],
)
def test_wrong_shapes_are_named(change: Callable[[Tensor], Any], said: str) -> None:
    report = check(Mine(change))
    assert not report.ok
    assert [finding.name for finding in report.findings] == ["shape"]
    assert said in failed(report)["shape"]


def test_the_number_of_glimpses_is_held_to() -> None:
    assert "should be the 3 glimpses, and is 2" in failed(check(Mine(), glimpses=3))["shape"]
    wide = with_forward(lambda m, r, q: m.last(r[..., :HIDDEN] + q[:, None, :HIDDEN]).mT)
    said = failed(check(wide, network="san", region_dim=QUESTION))["shape"]
    assert "should be the 1 glimpses, and is 2" in said


@pytest.mark.parametrize(
    ("dim", "over"), [(2, "regions"), (1, "glimpses"), (0, "questions of the batch")]
)
def test_a_softmax_of_its_own_is_found(dim: int, over: str) -> None:
    said = failed(check(Mine(lambda s: s.softmax(dim=dim))))["softmax"]
    assert f"sum to 1 over the {over};" in said


def relu_of(m: Any, regions: Tensor, question: Tensor) -> Tensor:
    return torch.relu(m.first(regions) + m.asked(question)[:, None])


MISTAKES: dict[str, tuple[str, Callable[[Any, Tensor, Tensor], Any], str]] = {
    "no activation": (
        "question",
        lambda m, r, q: m.last(m.first(r) + m.asked(q)[:, None]).mT,
        "ReLU or tanh missing",
    ),
    "question unused": (
        "question",
        lambda m, r, q: m.last(torch.relu(m.first(r))).mT,
        "do not depend on the question",
    ),
    "regions unused": (
        "regions",
        lambda m, r, q: m.last(torch.relu(m.asked(q)))[..., None].expand(-1, -1, r.shape[1]),
        "do not depend on the regions",
    ),
    "parameter unused": (
        "gradients",
        lambda m, r, q: m.last(torch.relu(m.first(r) + q[:, None, :HIDDEN])).mT,
        "asked.weight, asked.bias get none",
    ),
    "detached": (
        "gradients",
        lambda m, r, q: m.last(relu_of(m, r, q).detach()).mT,
        "first.weight, first.bias, asked.weight, asked.bias get none",
    ),
    "rounded": (
        "gradients",
        lambda m, r, q: m.last(relu_of(m, r, q).round()).mT,
        "get nothing but zeros",
    ),
    "dropout never off": (
        "evaluation",
        lambda m, r, q: m.last(F.dropout(relu_of(m, r, q))).mT,
        "training=self.training",
    ),
    "in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r, q.mul_(2))).mT,
        "question changed in place",
    ),
    "normalised over the batch": (
        "independence",
        lambda m, r, q: m.last(relu_of(m, r, q - q.mean(dim=0))).mT,
        "another question in the batch",
    ),
    "images mixed": (
        "independence",
        lambda m, r, q: m.last(relu_of(m, r - r.mean(dim=0), q)).mT,
        "another image in the batch",
    ),
    "squeezed": (
        "batch of one",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.squeeze(),
        "gives 2 × 16, expected 1 × 2 × 16",
    ),
    "rows differ": (
        "batch order",
        lambda m, r, q: m.last(relu_of(m, r, q + torch.arange(len(q)).to(q)[:, None])).mT,
        "row in the batch",
    ),
    "overflow": (
        "finite",
        lambda m, r, q: m.last((relu_of(m, r, q) * 20).exp()).mT,
        "inputs × 100",
    ),
    "norm at zero": (
        "finite",
        lambda m, r, q: m.last(relu_of(m, r / r.square().sum(-1, keepdim=True).sqrt(), q)).mT,
        "inputs × 0",
    ),
    "root at zero": (
        "finite",
        lambda m, r, q: m.last(relu_of(m, r * (1 + r.square().sum(-1, keepdim=True).sqrt()), q)).mT,
        "gradients that are NaN",
    ),
    "regions in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r.mul_(2), q)).mT,
        "regions changed in place",
    ),
    "reshaped in place": (
        "inputs",
        lambda m, r, q: m.last(relu_of(m, r, q.unsqueeze_(1)[:, 0])).mT,
        "question changed in place",
    ),
    "question cut off": (
        "question",
        lambda m, r, q: m.last(relu_of(m, r, q.detach())).mT,
        "the question moves the scores, but no gradient comes back; is there a detach",
    ),
    "regions cut off": (
        "regions",
        lambda m, r, q: m.last(relu_of(m, r.detach(), q)).mT,
        "regions move the scores, but no gradient comes back",
    ),
    "always random": (
        "evaluation",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT + torch.rand(()).to(r),
        "something random in forward",
    ),
    "not a number": (
        "evaluation",
        lambda m, r, q: m.last(relu_of(m, r, q) * (r - r).norm() / 0).mT,
        "the scores are NaN",
    ),
    "double precision": (
        "float32",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.double(),
        "float64 scores for float32 inputs",
    ),
    "single precision": (
        "float64",
        lambda m, r, q: m.last(relu_of(m, r, q)).mT.float(),
        "float32 scores for float64 inputs",
    ),
    "float32 constant": (
        "float64",
        lambda m, r, q: m.last(relu_of(m, r @ torch.eye(REGION), q)).mT,
        "raises RuntimeError",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake: str) -> None:
    name, forward, said = MISTAKES[mistake]
    report = check(with_forward(forward), region_dim=REGION, question_dim=QUESTION)
    assert said in failed(report)[name]
    assert f"✗ {name}: " in str(report)


def test_a_mistake_is_blamed_once() -> None:
    """One thing wrong is one line, and not another's fault."""
    for mistake in ("in place", "regions in place", "question cut off", "regions cut off"):
        name, forward, _ = MISTAKES[mistake]
        found = failed(check(with_forward(forward), region_dim=REGION, question_dim=QUESTION))
        assert found.keys() <= {name, "padding", "gradients"}, mistake
        assert "random" not in " ".join(found.values())
    # What is never off does not make the scores depend on the question.
    unused = with_forward(lambda m, r, q: m.last(F.dropout(torch.relu(m.first(r)))).mT)
    said = failed(check(unused, region_dim=REGION, question_dim=QUESTION))["question"]
    assert said == "the scores do not depend on the question"


def test_a_pass_that_cannot_be_repeated_is_not_compared() -> None:
    module = with_forward(lambda m, r, q: m.last(F.dropout(relu_of(m, r, q))).mT)
    report = check(module)
    assert list(failed(report)) == ["evaluation"]
    assert report.findings[-1].passed is None


def test_weights_that_begin_at_zero_hide_nothing() -> None:
    module = Mine()
    nn.init.zeros_(module.last.weight)
    assert check(module).ok


class Shared(GlimpseAttention):
    """Takes the wrong images as soon as two questions share one."""

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected, question, torch.arange(len(question)) % len(projected))


def test_unused_image_index_is_found() -> None:
    module = Shared(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2)
    assert "image_index" in failed(check(module))["shared images"]


class Doubled(GlimpseAttention):
    """Spoils the regions that the weighted sum is still to be taken of."""

    def project(self, regions: Tensor) -> Tensor:
        return super().project(regions.mul_(2))


def test_regions_changed_in_place_are_found() -> None:
    module = Doubled(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2)
    assert "regions changed in place" in failed(check(module))["inputs"]


class Reused(GlimpseAttention):
    """Spoils what the next question about the image needs."""

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected.mul_(2), question, image_index)


class Remembering(GlimpseAttention):
    """Answers otherwise once it has been asked."""

    asked = 0

    def project(self, regions: Tensor) -> Tensor:
        self.asked = 0
        return super().project(regions)

    def forward(self, projected: Tensor, question: Tensor, image_index: Tensor) -> Tensor:
        self.asked += 1
        return super().forward(projected * self.asked, question, image_index)


class Paired(GlimpseAttention):
    """What `project` returns may be anything: here a pair."""

    def project(self, regions: Tensor) -> Any:
        return regions, super().project(regions)

    def forward(self, projected: Any, question: Tensor, image_index: Tensor) -> Tensor:
        return super().forward(projected[1], question, image_index)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Reused, "what project returned changed in place"),
        (Remembering, "asked twice about one image, it scores otherwise"),
        (Paired, None),
    ],
)
def test_a_projection_serves_every_question(kind: Any, said: str | None) -> None:
    found = failed(
        check(kind(region_dim=REGION, question_dim=QUESTION, attention_dim=9, glimpses=2))
    )
    assert list(found) == (["inputs"] if said else [])
    assert said is None or said in found["inputs"]


def test_a_transposition_that_is_none_is_a_note() -> None:
    def reshaped(m: Any, r: Tensor, q: Tensor) -> Tensor:
        return m.last(relu_of(m, r, q)).reshape(len(r), GLIMPSES, -1)  # type: ignore[no-any-return]

    report = check(with_forward(reshaped))
    assert report.ok
    assert "did you mean .transpose(1, 2)?" in note(report, "region order")


def test_glimpses_that_are_one_are_a_note() -> None:
    report = check(Mine(lambda s: s[:, :1].expand(-1, 2, -1) + torch.arange(2.0)[:, None].to(s)))
    assert report.ok
    assert "numbers 1 and 2 are the same map" in note(report, "glimpses")


class Normalised(Mine):
    """An architecture of its own: a norm before the ReLU."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        h = self.first(regions) + self.asked(question)[:, None]
        h = self.norm(h.flatten(0, 1)).unflatten(0, h.shape[:2])
        return self.last(torch.relu(h)).mT  # type: ignore[no-any-return]


@pytest.mark.parametrize("norm", [nn.LayerNorm(HIDDEN), nn.BatchNorm1d(HIDDEN)])
def test_norms_are_not_paired_with_biases(norm: nn.Module) -> None:
    module = Normalised(norm)
    report = check(module, region_dim=REGION, question_dim=QUESTION)
    assert report.ok
    assert report.equal is None
    assert "an architecture of your own" in note(report, "likeness")
    same = check(module, region_dim=REGION, question_dim=QUESTION, like=module)
    assert same.equal
    assert same.matched["norm.weight"] == "norm.weight"


def test_a_hop_checked_for_the_wrong_network_is_a_note() -> None:
    hop = HopAttention(question_dim=9, attention_dim=6)
    assert 'network="san"' in note(check(hop), "network")
    names = [finding.name for finding in check(hop, network="san").findings]
    assert "network" not in names
    saaa = GlimpseAttention(region_dim=9, question_dim=9, attention_dim=6, glimpses=1)
    assert "network" not in [finding.name for finding in check(saaa).findings]


def test_reports_fit_the_terminal() -> None:
    lines = str(check(Convolution())).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  ") for line in lines)


def test_no_difference_at_all_is_said_so() -> None:
    report = check(Mine(), like=Mine())
    assert report.difference == 0
    assert report.findings[-1].explanation.endswith("scores exactly equal")


def test_a_sense_of_place_is_a_note() -> None:
    place = torch.arange(16.0) % 5
    report = check(with_forward(lambda m, r, q: m.last(relu_of(m, r, q)).mT + place.to(r)))
    assert report.ok
    assert "1×1" in note(report, "region order")


def test_another_function_of_the_same_weights_is_a_note() -> None:
    tanh = with_forward(lambda m, r, q: m.last(torch.tanh(m.first(r) + m.asked(q)[:, None])).mT)
    report = check(tanh)
    assert report.ok
    assert report.equal is False
    assert report.difference is not None
    assert report.difference > 1e-3
    assert "differs from the built-in GlimpseAttention" in note(report, "likeness")
    # Where sameness was asked for, it is a failure.
    assert "differs from Mine" in failed(check(tanh, like=Mine()))["likeness"]
    assert check(Mine(), like=Mine()).ok


def test_an_architecture_of_its_own_is_a_note() -> None:
    class Deep(Mine):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Linear(HIDDEN, HIDDEN)

        def forward(self, regions: Tensor, question: Tensor) -> Tensor:
            h = torch.relu(self.first(regions) + self.asked(question)[:, None])
            return self.last(torch.relu(self.more(h))).mT  # type: ignore[no-any-return]

    report = check(Deep())
    assert report.ok
    assert report.equal is None
    said = note(report, "likeness")
    assert f"more.weight {HIDDEN} × {HIDDEN}" in said
    assert f"region.weight k × {REGION}" in said
    assert "do not match Mine's" in failed(check(Deep(), like=Mine()))["likeness"]


def test_no_parameters_at_all() -> None:
    class Dot(nn.Module):
        def forward(self, regions: Tensor, question: Tensor) -> Tensor:
            return question[:, None] @ regions.mT

    for network in ("saaa", "san"):
        report = check(Dot(), network=network)
        assert report.ok
        assert "no parameters" in note(report, "gradients")


def test_uncallable_modules_say_how_they_are_called() -> None:
    class Backwards(Mine):
        def forward(self, question: Tensor, regions: Tensor) -> Any:  # type: ignore[override]
            return super().forward(regions, question)

    class Three(Mine):
        def forward(  # type: ignore[override]
            self, regions: Tensor, question: Tensor, mask: Tensor
        ) -> Any:
            return super().forward(regions, question)

    for module in (Backwards(), Three()):
        with pytest.raises(ConfigError, match=r"called as forward\(regions, question\)") as caught:
            check(module)
        assert f"region_dim {REGION}, question_dim {QUESTION}" in str(caught.value)
    assert "mask" in str(caught.value)


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        (nn.LazyLinear(3), {}, "'weight' has no size yet"),
        (Mine(), {"region_dim": 0}, "region_dim = 0"),
        (Mine(), {"network": "san", "region_dim": 3, "question_dim": 4}, "differ"),
        (Mine(), {"like": HopAttention(question_dim=4, attention_dim=3)}, "HopAttention cannot"),
    ],
)
def test_wrong_arguments(module: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(module, **options)


def test_wrong_types() -> None:
    """In a process of its own: here the tests' type checker would refuse them first."""
    code = """
import torch, askattend
for arguments in ([torch.nn.Linear], [torch.relu], [torch.nn.Identity(), "rnn"]):
    try:
        askattend.check(arguments[0], **dict(zip(["network"], arguments[1:])))
    except askattend.AskAttendError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, two, three = done.stdout.splitlines()
    assert "Linear is a class. Give an attention of that class: Linear(…)." in one
    assert "not a torch.nn.Module" in two
    assert "network = 'rnn': must be one of saaa, san." in three


def test_tensors_that_cannot_be_copied() -> None:
    module = Mine()
    module.kept = module.last.weight * 2
    with pytest.raises(ConfigError, match="register_buffer"):
        check(module)


def test_padding_that_counts_is_found() -> None:
    """The published CNN's windows reach over a question's end: an answer depends on padding."""
    hop = HopAttention(question_dim=9, attention_dim=6)
    sizes = Sizes(network="san", region_dim=9)
    trial = found_trial(hop, sizes=sizes, seed=0).cast(torch.float64)
    small: dict[str, Any] = {"unigram_filters": 2, "bigram_filters": 3, "trigram_filters": 4}
    for variant, passes in (("paper", True), ("published-code", False)):
        torch.manual_seed(0)
        config = SANConfig(variant=variant, encoder="cnn", embedding_dim=4, **small)  # type: ignore[arg-type]
        model = SAN(config, words=WORDS, answers=4, region_dim=6, attention=hop).double().eval()
        for number in range(3):
            nn.init.constant_(model.get_parameter(f"encoder.filters.{number}.bias"), 0.5)
        assert padding(model, trial).passed is passes
