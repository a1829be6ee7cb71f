"""The report of all checks together: nothing blamed twice, nothing hidden."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from askattend.models.saaa import GlimpseAttention
from askattend.models.san import HopAttention
from checking.mistakes import FORWARD_PASS, GRADIENTS
from checking.modules import (
    QUESTION,
    REGION,
    Convolution,
    check,
    failed,
    note,
    relu_of,
    with_forward,
)


def test_a_mistake_is_blamed_once() -> None:
    """One thing wrong is one line, and not another's fault."""
    mistakes = FORWARD_PASS | GRADIENTS
    for mistake in ("in place", "regions in place", "question cut off", "regions cut off"):
        name, forward, _ = mistakes[mistake]
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
