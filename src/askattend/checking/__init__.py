"""Trying out an attention module of one's own before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from askattend.checking import equivariance, forward_pass, gradients, scores
from askattend.checking.equivalence import Comparison, built_in, compare, unmatched
from askattend.checking.in_network import attention_sums, ignores_padding, network_with
from askattend.checking.module_under_test import ModuleUnderTest, NetworkName, Sizes
from askattend.checking.preparation import prepare, require_module
from askattend.checking.report import CheckReport, Finding
from askattend.errors import ConfigError
from askattend.settings import Positive

Check = Callable[[ModuleUnderTest], Finding]

SINGLE_PASS: dict[str, Check] = {
    "inputs": forward_pass.inputs_unchanged,
    "training": forward_pass.training_mode,
    "finite": gradients.finite,
    "gradients": gradients.parameter_gradients,
    "regions": gradients.regions_gradient,
    "question": gradients.question_gradient,
}
# These compare two passes, which tells something only where a pass can be repeated.
COMPARING: dict[str, Check] = {
    "independence": equivariance.batch_independence,
    "batch of one": equivariance.batch_of_one,
    "batch order": equivariance.batch_order,
    "shared images": equivariance.shared_images,
    "region order": equivariance.region_order,
    "glimpses": equivariance.distinct_glimpses,
    "grid": equivariance.any_grid,
}
# The findings that leave nothing to train.
FATAL = ("call", "shape")
_IF_SAN = 'one map, and both widths are the same: for a hop of SAN, check(…, network="san")'


def check(
    attention: nn.Module,
    *,
    network: NetworkName = "saaa",
    region_dim: Positive | None = None,
    question_dim: Positive | None = None,
    regions: Positive | None = None,
    glimpses: Positive | None = None,
    like: nn.Module | None = None,
    seed: int = 0,
) -> CheckReport:
    """Try out an attention module: shapes, sums, gradients, padding, and whose equations it has.

    >>> import askattend
    >>> from askattend.models.saaa import GlimpseAttention
    >>> mine = GlimpseAttention(region_dim=6, question_dim=4, attention_dim=5, glimpses=2)
    >>> report = askattend.check(mine)
    >>> report.ok, report.equal
    (True, True)

    The module is copied, and left as it is: it is tried on the CPU, with its weights moved a little
    so that zeros hide nothing. Widths that are not given are found out from its parameters.

    Args:
        attention: a module as ``SAAA(attention=…)`` or ``SAN(attention=…)`` takes it: one whose
            ``forward(regions, question)`` turns questions × regions × region_dim and questions ×
            question_dim into scores, questions × glimpses × regions; or one that has
            ``project(regions)`` besides, called as the built-in ones are.
        network: the one it is for. In SAN there is one map, and both widths are the same.
        region_dim: the width of a region.
        question_dim: the width of the question's vector.
        regions: their number, for a module that takes no other.
        glimpses: the number of maps it should give; any number, if left out.
        like: a module that it should equal when it has the same weights: a difference is then a
            failure. If left out it is compared with the network's own, and a difference is a note.
        seed: of the random inputs and weights.

    Returns:
        What every check found. One that cannot be called or copied has failed the check "call",
        which says how it is called; nothing else can be told of it. Scores of a wrong shape are
        put into the right one for the checks after that, where it is known how.

    Raises:
        ConfigError: it is no module, or a size or the network is none.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = Sizes(
            network=network,
            region_dim=region_dim,
            question_dim=question_dim,
            regions=regions,
            glimpses=glimpses,
        )
        require_module(attention)
        try:
            tested = prepare(attention, sizes=sizes, seed=seed)
        except ConfigError as error:
            return _not_called(attention, network, error)
        result = tested.scores()
        shape = scores.shape(tested, result)
        if not shape.passed:
            tested = replace(tested, mend=scores.known_mend(tested, result))
            if tested.mend is None:
                return _report(attention, tested, [shape, *_of_any_shape(tested, result)])
        tested = replace(tested, glimpses=tested.scores().shape[1])
        findings = [shape, *_in_single_precision(tested)]
        if findings[-1].passed:
            tested = tested.cast(torch.float64)
        return _run_checks(attention, tested, findings, like)


def _of_any_shape(tested: ModuleUnderTest, result: object) -> list[Finding]:
    """Check what can be told of scores whose shape is wrong in a way that is not known."""
    rest = Finding("the rest", None, "not tried with scores of such a shape")
    if not isinstance(result, torch.Tensor) or result.ndim == 0:
        return [rest]
    checks = {"float32": forward_pass.float32, "float64": forward_pass.float64, **SINGLE_PASS}
    return [*(_run(name, check, tested) for name, check in checks.items()), rest]


def _not_called(attention: nn.Module, network: str, error: ConfigError) -> CheckReport:
    """Report a module that cannot be called or copied, of which nothing else can be told."""
    found = Finding("call", False, f"{error.problem}. {error.remedy}")
    rest = Finding("the rest", None, "not tried, as it cannot be called")
    title = f"{type(attention).__name__} for {network.upper()}"
    return CheckReport(title, (found, rest), equal=None, matched={}, difference=None)


def _in_single_precision(tested: ModuleUnderTest) -> list[Finding]:
    """Check the types; the last finding tells whether all others can be in double precision."""
    return [
        scores.softmax(tested.scores()),
        _run("float32", forward_pass.float32, tested),
        _run("float64", forward_pass.float64, tested),
    ]


def _run(name: str, check: Check, tested: ModuleUnderTest) -> Finding:
    """Return the check's finding; an exception of the module's is a failure."""
    try:
        return check(tested)
    except Exception as error:  # somebody else's code may raise anything
        text = " ".join(str(error).split())
        return Finding(name, False, f"raises {type(error).__name__}: {text}")


def _run_checks(
    attention: nn.Module, tested: ModuleUnderTest, findings: list[Finding], like: nn.Module | None
) -> CheckReport:
    findings += [_run(name, check, tested) for name, check in SINGLE_PASS.items()]
    findings.append(_run("evaluation", forward_pass.evaluation_mode, tested))
    if not findings[-1].passed:
        rest = "passes were not compared"
        return _report(attention, tested, [*findings, Finding("the rest", None, rest)])
    findings += [_run(name, check, tested) for name, check in COMPARING.items()]
    if tested.network == "saaa" or tested.glimpses == 1:
        model = network_with(tested, tested.glimpses or 1)
        findings += [
            _run("sums", partial(attention_sums, model), tested),
            _run("padding", partial(ignores_padding, model), tested),
        ]
    return _compared(attention, tested, findings, like)


def _compared(
    attention: nn.Module, tested: ModuleUnderTest, findings: list[Finding], like: nn.Module | None
) -> CheckReport:
    """Add the comparison with `like`, or with the network's own attention, and report."""
    if like is None:
        others = built_in(tested, tested.glimpses or 1)
    else:
        try:
            prepare(like, sizes=tested.sizes(), seed=tested.seed)
        except ConfigError as error:
            unlike = Finding("likeness", False, f"{error.problem}. {error.remedy}")
            return _report(attention, tested, [*findings, unlike])
        others = iter([(type(like).__name__, like)])
    best = compare(tested, others)
    if best is not None:
        finding = best.finding(wanted=like is not None)
    else:
        finding = Finding("likeness", None if like is None else False, unmatched(tested, like))
    findings = [*findings, finding]
    if like is None and not (best and best.equal) and _could_be_a_hop(tested):
        findings.append(Finding("network", None, _IF_SAN))
    return _report(attention, tested, findings, best)


def _could_be_a_hop(tested: ModuleUnderTest) -> bool:
    """Return True where a module checked for SAAA could be SAN's: one map, both widths equal."""
    same_width = tested.regions.shape[2] == tested.question.shape[1]
    return tested.network == "saaa" and tested.glimpses == 1 and same_width


def _report(
    attention: nn.Module,
    tested: ModuleUnderTest,
    findings: list[Finding],
    best: Comparison | None = None,
) -> CheckReport:
    sizes = f"region_dim {tested.regions.shape[2]}, question_dim {tested.question.shape[1]}"
    return CheckReport(
        f"{type(attention).__name__} for {tested.network.upper()} ({sizes})",
        tuple(findings),
        equal=best.equal if best else None,
        matched=best.matched if best else {},
        difference=best.difference if best else None,
    )


__all__ = ["FATAL", "CheckReport", "Finding", "NetworkName", "check"]
