"""Try out an attention module of one's own before it takes its place in a network."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from askattend.errors import ConfigError, nearest
from askattend.models import SAAA, SAN, SAAAConfig, SANConfig
from askattend.models.attention import fitted
from askattend.models.saaa import GlimpseAttention
from askattend.models.san import HopAttention

# Numbers of things that differ from each other, so that a mix-up shows in the shapes.
IMAGES, QUESTIONS, REGIONS = 3, 5, 7
_LONGEST = 4


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        passed: whether it is as it should be; None for what is worth knowing and no mistake.
        told: what was found, and what to do about it.
    """

    name: str
    passed: bool | None
    told: str

    def __str__(self) -> str:
        sign = {True: "✓", False: "✗", None: "·"}[self.passed]
        return f"{sign} {self.name}: {self.told}"


@dataclass(frozen=True)
class CheckReport:
    """What `check` found, in the order it looked."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.passed is not False for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name."""
        return next(finding for finding in self.findings if finding.name == name)


def check(
    module: nn.Module,
    *,
    region_dim: int,
    question_dim: int,
    glimpses: int = 2,
    network: Literal["saaa", "san"] = "saaa",
    names: Mapping[str, str] | None = None,
) -> CheckReport:
    """Say whether an attention module behaves, and whether it equals the built-in one.

    It is tried out by itself and in the network's place, on random data. The module is not changed.

    Args:
        module: as ``SAAA(..., attention=module)`` takes it: ``forward(regions, question)``, or the
            built-in ones' ``project(regions)`` and ``forward(projected, question, image_index)``.
        region_dim: the width of the regions that it takes; in SAN that of v_I, `question_dim`.
        question_dim: the width of the question's vector.
        glimpses: how many maps it gives; 1 in SAN.
        network: whose place it takes.
        names: its parameters → the built-in module's, where they cannot be matched by their shapes.

    Raises:
        ConfigError: it cannot be called with such regions and questions at all, or `names` names a
            parameter that there is not.
    """
    own = copy.deepcopy(module).double().eval()
    maps = glimpses if network == "saaa" else 1
    trial = _Trial.made(own, region_dim, question_dim, maps)
    findings = [_shape(trial)]
    if findings[0].passed:
        findings += [
            _not_softmaxed(trial),
            _finite(trial),
            *_gradients(trial),
            _apart(trial),
            _shared(trial),
            _order(trial),
            _repeatable(trial),
            *_in_place(own, network, region_dim, question_dim, maps),
            _equal(own, trial, network, names or {}),
        ]
    return CheckReport(tuple(findings))


@dataclass(frozen=True)
class _Trial:
    """The module with the data that it is tried out on, and its scores."""

    attention: Any
    regions: Tensor  # images × regions × region_dim
    question: Tensor  # questions × question_dim
    image_index: Tensor
    maps: int
    scores: Tensor

    @classmethod
    def made(cls, own: nn.Module, region_dim: int, question_dim: int, maps: int) -> _Trial:
        generator = torch.Generator().manual_seed(0)
        sizes = (IMAGES, REGIONS, region_dim)
        regions = torch.randn(sizes, generator=generator, dtype=torch.float64)
        question = torch.randn(QUESTIONS, question_dim, generator=generator, dtype=torch.float64)
        index = torch.tensor([0, 2, 2, 1, 0])
        attention = fitted(own)
        try:
            scores = attention(attention.project(regions), question, index)
        except Exception as error:
            raise ConfigError(
                f"cannot be called with regions {list(regions[index].shape)} and questions "
                f"{list(question.shape)} ({type(error).__name__}: {error})",
                where=type(own).__name__,
                remedy="Its forward takes (regions, question): questions × regions × region_dim "
                "and questions × question_dim.",
            ) from error
        if not isinstance(scores, Tensor):
            raise ConfigError(
                f"returns {type(scores).__name__}, not a tensor of scores",
                where=type(own).__name__,
                remedy="Return the scores alone: questions × glimpses × regions.",
            )
        return cls(attention, regions, question, index, maps, scores)

    def ask(
        self,
        regions: Tensor | None = None,
        question: Tensor | None = None,
        image_index: Tensor | None = None,
    ) -> Tensor:
        """The scores when something is another."""
        regions = self.regions if regions is None else regions
        question = self.question if question is None else question
        index = self.image_index if image_index is None else image_index
        scores: Tensor = self.attention(self.attention.project(regions), question, index)
        return scores


def _shape(trial: _Trial) -> Finding:
    found, wanted = list(trial.scores.shape), [QUESTIONS, trial.maps, REGIONS]
    if found == wanted:
        return Finding("shape", True, "questions × glimpses × regions")
    told = f"scores are {found} for {QUESTIONS} questions, {trial.maps} maps and {REGIONS} regions"
    if found == [QUESTIONS, REGIONS, trial.maps]:
        told += ": regions and maps are swapped; add .transpose(1, 2)"
    elif found == [QUESTIONS, REGIONS] and trial.maps == 1:
        told += ": the dimension of maps is missing; add [:, None]"
    else:
        told += f"; they should be {wanted}"
    return Finding("shape", False, told)


def _not_softmaxed(trial: _Trial) -> Finding:
    sums = trial.scores.sum(dim=-1)
    if (trial.scores >= 0).all() and torch.allclose(sums, torch.ones_like(sums)):
        told = "the scores sum to 1 over the regions already: leave softmax to the network"
        return Finding("scores", False, told)
    return Finding("scores", True, "not softmaxed; that is the network's work")


def _finite(trial: _Trial) -> Finding:
    for factor in (0.0, 1e-4, 1e4):
        if not trial.ask(regions=factor * trial.regions).isfinite().all():
            return Finding("finite", False, f"not for regions {factor:g} times as large")
        if not trial.ask(question=factor * trial.question).isfinite().all():
            return Finding("finite", False, f"not for questions {factor:g} times as large")
    return Finding("finite", True, "also for large inputs and for zeros")


def _gradients(trial: _Trial) -> Iterator[Finding]:
    regions, question = trial.regions.clone(), trial.question.clone()
    inputs = {"regions": regions.requires_grad_(), "question": question.requires_grad_()}
    parameters = dict(trial.attention.named_parameters())
    weight = torch.randn(trial.scores.shape, generator=torch.Generator().manual_seed(1)).double()
    loss = (trial.ask(regions, question) * weight).sum()
    targets = {**inputs, **parameters}
    found = torch.autograd.grad(loss, list(targets.values()), allow_unused=True)
    dead = [
        name.removeprefix("attention.")
        for name, gradient in zip(targets, found, strict=True)
        if gradient is None or not gradient.isfinite().all() or not gradient.any()
    ]
    if dead:
        told = f"none, or not finite, in {', '.join(dead)}: nothing can be learnt there"
        yield Finding("gradients", False, told)
    else:
        yield Finding("gradients", True, "reach regions, question and every parameter")


def _apart(trial: _Trial) -> Finding:
    """One question's scores are its own business."""
    other = trial.question.clone()
    other[0] += 1.0
    if not torch.allclose(trial.ask(question=other)[1:], trial.scores[1:]):
        return Finding(
            "questions", False, "another question in the batch changes a question's scores"
        )
    one = trial.ask(question=trial.question[:1], image_index=trial.image_index[:1])
    if one.shape != trial.scores[:1].shape:
        told = f"a batch of one gives scores {list(one.shape)}: beware of .squeeze()"
        return Finding("questions", False, told)
    if not torch.allclose(one, trial.scores[:1]):
        return Finding("questions", False, "a question alone gets other scores than in a batch")
    return Finding("questions", True, "do not depend on each other; one alone works")


def _shared(trial: _Trial) -> Finding:
    copied = trial.ask(trial.regions[trial.image_index], image_index=torch.arange(QUESTIONS))
    if torch.allclose(copied, trial.scores):
        return Finding("shared images", True, "score as copies of them do")
    told = "an image that several questions share scores otherwise than its copies: use image_index"
    return Finding("shared images", False, told)


def _order(trial: _Trial) -> Finding:
    order = torch.randperm(REGIONS, generator=torch.Generator().manual_seed(2))
    if torch.allclose(trial.ask(trial.regions[:, order]), trial.scores[..., order]):
        return Finding("regions", True, "are treated alike, as by a 1×1 convolution")
    return Finding("regions", None, "where a region stands changes its score")


def _repeatable(trial: _Trial) -> Finding:
    if torch.equal(trial.ask(), trial.scores):
        return Finding("evaluation", True, "gives the same scores twice")
    told = "scores differ from call to call: switch dropout off in eval(), with nn.Dropout"
    return Finding("evaluation", False, told)


def _in_place(
    own: nn.Module, network: str, region_dim: int, question_dim: int, maps: int
) -> Iterator[Finding]:
    """In the network's place: maps sum to 1, and padding changes and learns nothing."""
    model = _network(own, network, region_dim, question_dim, maps)
    generator = torch.Generator().manual_seed(3)
    width = region_dim if network == "saaa" else 11
    regions = torch.rand(IMAGES, REGIONS, width, generator=generator, dtype=torch.float64)
    tokens = torch.tensor([[2, 3, 4, 5], [6, 7, 0, 0], [8, 0, 0, 0]])
    lengths = torch.tensor([_LONGEST, 2, 1])
    output = model(regions, tokens, lengths)
    sums = output.attention.sum(dim=-1)
    summed = bool(torch.allclose(sums, torch.ones_like(sums)))
    yield Finding("sums", summed, "each map sums to 1" if summed else "the maps do not sum to 1")
    longer = torch.cat([tokens, torch.zeros(len(tokens), 3, dtype=torch.long)], dim=1)
    same = bool(torch.allclose(model(regions, longer, lengths).logits, output.logits))
    output.logits.sum().backward()
    gradient = model.get_parameter("encoder.embedding.weight").grad
    unlearnt = gradient is not None and not gradient[0].any()
    told = "changes nothing and learns nothing" if same and unlearnt else "changes the answers"
    yield Finding("padding", same and unlearnt, told)


def _network(
    own: nn.Module, network: str, region_dim: int, question_dim: int, maps: int
) -> SAAA | SAN:
    sizes = {"words": 9, "answers": 4}
    if network == "san":
        config = SANConfig(embedding_dim=6, question_dim=question_dim, hops=2, dropout=0.0)
        return SAN(config, **sizes, region_dim=11, attention=own).double().eval()
    saaa = SAAAConfig(embedding_dim=6, question_dim=question_dim, glimpses=maps, hidden_dim=8)
    return SAAA(saaa, **sizes, region_dim=region_dim, attention=own).double().eval()


def _equal(own: nn.Module, trial: _Trial, network: str, names: Mapping[str, str]) -> Finding:
    """Give the built-in module the weights of one's own, and compare the scores."""
    name = "equal to the built-in"
    parameters = {n: _flat(p.detach()) for n, p in own.named_parameters()}
    region_dim, question_dim = trial.regions.shape[2], trial.question.shape[1]
    hidden = {len(p) for p in parameters.values() if p.ndim == 2 and p.shape[1] == question_dim}
    if len(hidden) != 1:
        return Finding(name, None, "not comparable: no single layer takes the question")
    built = _built_in(network, region_dim, question_dim, hidden.pop(), trial.maps)
    matched, problem = _match(parameters, dict(built.named_parameters()), names)
    if problem:
        return Finding(name, None, f"not comparable: {problem}")
    built.load_state_dict({theirs: parameters[mine] for mine, theirs in matched.items()})
    scores = built(built.project(trial.regions), trial.question, trial.image_index)
    apart = (scores - trial.scores).detach().abs().max().item()
    pairs = ", ".join(f"{mine} as {theirs}" for mine, theirs in matched.items())
    if apart < 1e-9:
        return Finding(name, True, f"yes, given its weights ({pairs})")
    return Finding(name, None, f"no: scores differ by up to {apart:.3g} ({pairs})")


def _built_in(
    network: str, region_dim: int, question_dim: int, hidden: int, maps: int
) -> GlimpseAttention | HopAttention:
    if network == "san":
        hop = HopAttention(question_dim=question_dim, attention_dim=hidden)
        return hop.double().eval()
    glimpses = GlimpseAttention(
        region_dim=region_dim, question_dim=question_dim, attention_dim=hidden, glimpses=maps
    )
    return glimpses.double().eval()


def _flat(parameter: Tensor) -> Tensor:
    """A 1×1 convolution's weight as the linear layer that it is."""
    one_by_one = parameter.ndim in (3, 4) and parameter[0, 0].numel() == 1
    return parameter.flatten(1) if one_by_one else parameter


def _match(
    own: Mapping[str, Tensor], built: Mapping[str, Tensor], names: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """One's own parameter → the built-in's, by `names`, else by name or by shape; or why not."""
    for mine, theirs in names.items():
        if mine not in own:
            raise ConfigError(f"no parameter '{mine}'", where="names", remedy=nearest(mine, own))
        if theirs not in built:
            remedy = nearest(theirs, built)
            raise ConfigError(f"no built-in '{theirs}'", where="names", remedy=remedy)
    matched = dict(names) | {n: n for n in own if n in built and n not in names}
    for mine, parameter in own.items():
        if mine not in matched:
            free = built.keys() - matched.values()
            alike = sorted(n for n in free if built[n].shape == parameter.shape)
            if len(alike) != 1:
                why = "fits several of the built-in's" if alike else "has no counterpart"
                return {}, f"'{mine}' {list(parameter.shape)} {why}; say which by names={{…}}"
            matched[mine] = alike[0]
    if left := sorted(built.keys() - matched.values()):
        return {}, f"it has nothing for the built-in's '{left[0]}'"
    unlike = [mine for mine, theirs in matched.items() if own[mine].shape != built[theirs].shape]
    return matched, f"'{unlike[0]}' has another shape than the built-in's" if unlike else ""
