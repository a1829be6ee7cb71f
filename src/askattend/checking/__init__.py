"""Trying out an attention module of one's own before it is trained."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from askattend.checking import scores as of_scores
from askattend.checking.behaviour import BEFORE, COMPARING, evaluation, precise, tried
from askattend.checking.likeness import Likeness, built_in, likeness, unmatched
from askattend.checking.report import CheckReport, Finding
from askattend.checking.trial import Network, Sizes, Trial, found_trial
from askattend.checking.whole import network_with, padding, sums
from askattend.settings import Positive

_IF_SAN = 'one map, and both widths are the same: for a hop of SAN, check(…, network="san")'


def check(
    attention: nn.Module,
    *,
    network: Network = "saaa",
    region_dim: Positive | None = None,
    question_dim: Positive | None = None,
    regions: Positive | None = None,
    glimpses: Positive | None = None,
    like: nn.Module | None = None,
    seed: int = 0,
) -> CheckReport:
    """Try out an attention module: shapes, sums, gradients, padding, and whose equations it is.

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
        glimpses: the number of maps it should give; whatever it gives, if left out.
        like: a module that it should equal when it has the same weights: a difference is then a
            failure. If left out it is compared with the network's own, and a difference is a note.
        seed: of the random inputs and weights.

    Raises:
        ConfigError: the module (or `like`, with the same sizes) cannot be called or copied; says
            how it is called.
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
        trial = found_trial(attention, sizes=sizes, seed=seed)
        found = trial.scores()
        findings = [of_scores.shape(trial, found)]
        if not findings[0].passed:
            return _report(attention, trial, findings)
        return _behaviour(attention, replace(trial, glimpses=found.shape[1]), findings, like)


def _behaviour(
    attention: nn.Module, trial: Trial, findings: list[Finding], like: nn.Module | None
) -> CheckReport:
    findings.append(of_scores.softmax(trial.scores()))
    for name, of in BEFORE.items():
        findings.append(tried(name, of, precise(trial, findings)))
    trial = precise(trial, findings)
    findings.append(tried("evaluation", evaluation, trial))
    if not findings[-1].passed:
        rest = "passes were not compared"
        return _report(attention, trial, [*findings, Finding("the rest", None, rest)])
    findings += [tried(name, of, trial) for name, of in COMPARING.items()]
    model = network_with(trial, trial.glimpses or 1)
    findings += [
        tried("sums", partial(sums, model), trial),
        tried("padding", partial(padding, model), trial),
    ]
    return _likened(attention, trial, findings, like)


def _likened(
    attention: nn.Module, trial: Trial, findings: list[Finding], like: nn.Module | None
) -> CheckReport:
    if like is None:
        others = built_in(trial, trial.glimpses or 1)
    else:
        found_trial(like, sizes=trial.sizes(), seed=trial.seed)  # or says why it cannot be compared
        others = iter([(type(like).__name__, like)])
    best = likeness(trial, others)
    if best is not None:
        finding = best.finding(wanted=like is not None)
    else:
        finding = Finding("likeness", None if like is None else False, unmatched(trial, like))
    findings = [*findings, finding]
    if like is None and not (best and best.equal) and _hop_like(trial):
        findings.append(Finding("network", None, _IF_SAN))
    return _report(attention, trial, findings, best)


def _hop_like(trial: Trial) -> bool:
    """Whether a module that is checked for SAAA could be SAN's: one map, and both widths equal."""
    same_width = trial.regions.shape[2] == trial.question.shape[1]
    return trial.network == "saaa" and trial.glimpses == 1 and same_width


def _report(
    attention: nn.Module, trial: Trial, findings: list[Finding], best: Likeness | None = None
) -> CheckReport:
    sizes = f"region_dim {trial.regions.shape[2]}, question_dim {trial.question.shape[1]}"
    title = f"{type(attention).__name__} for {trial.network.upper()} ({sizes})"
    if best is None:
        return CheckReport(title, tuple(findings), equal=None, matched={}, difference=None)
    found: dict[str, Any] = {
        "equal": best.equal,
        "matched": best.matched,
        "difference": best.difference,
    }
    return CheckReport(title, tuple(findings), **found)


__all__ = ["CheckReport", "Finding", "Network", "check"]
