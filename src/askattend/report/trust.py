"""How far probabilities can be trusted, and whether attention lies on what matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

from askattend.evaluation.evaluate import Metrics
from askattend.metrics.calibration import Abstention, Reliability
from askattend.metrics.grounding import Grounding, GroundingScores
from askattend.report.charts import Line, Mark, xy_chart
from askattend.report.parts import figures_table

# The maps that look at nothing.
BLIND = ("Everywhere alike", "Always the middle")


def trust(metrics: Metrics) -> str:
    """Calibration, risk and coverage; nothing where the split has no answers."""
    found = metrics.reliability
    if found is None:
        return ""
    diagram = xy_chart(
        "Is it as often right as it says?",
        [
            Line("if it were", "train", [(0.0, 0.0), (1.0, 1.0)]),
            Line("it is", "valid", [(b.probability, b.accuracy) for b in found.bins], dots=True),
        ],
        x="probability that it gives",
        y="share of its answers that are right",
    )
    curve = _risk_coverage(found, metrics.abstention)
    tempered = (
        f" Logits are divided by a temperature of {found.temperature:.2f}, fitted on the "
        f"validation questions; without, it would be {found.untempered_error:.1%}."
        if found.temperature != 1
        else ""
    )
    return f"""<section><h2>How sure it is</h2><div class="pair">{diagram}{curve}</div>
<p class="muted note">Probabilities and shares of right answers are
{found.calibration_error:.1%} apart on average (expected calibration error).{tempered}
The area under the other curve, its mean risk over all coverages, is {found.area:.1%}.
{_abstention(metrics.abstention)}</p></section>"""


def _risk_coverage(found: Reliability, abstention: Abstention | None) -> str:
    """The curve; where there is a risk to stay within, that too, and what came of it."""
    lines = [Line("wrong among the answered", "valid", [(p.coverage, p.risk) for p in found.curve])]
    mark = None
    if abstention is not None:
        risk, achieved = abstention.risk, abstention.achieved_risk
        lines.append(Line("to stay within", "train", [(0.0, risk), (1.0, risk)]))
        if achieved is not None:
            text = f"answers {abstention.coverage:.1%}, {achieved:.1%} of them wrong"
            mark = Mark(abstention.coverage, achieved, text)
    return xy_chart(
        "What if it answers only when it is sure?",
        lines,
        x="share of the questions answered",
        y="share of those answers that are wrong",
        mark=mark,
    )


def _abstention(found: Abstention | None) -> str:
    if found is None:
        return (
            "After <code>evaluate --abstain-above-risk 0.1</code>, <code>ask</code> says "
            '"not sure" where more than a tenth of its answers would be wrong.'
        )
    within = f"To keep wrong answers within {found.risk:.1%}, <code>ask</code>"
    if found.threshold > 1:
        return f'{within} is always "not sure": no probability was enough on validation.'
    says = (
        f'says "not sure" below a probability of {found.threshold:.1%}'
        if found.threshold > 0
        else "need never be unsure"
    )
    here = f"here {found.coverage:.1%}"
    if found.achieved_risk is not None:
        here += f", {found.achieved_risk:.1%} of them wrongly (the ring on the curve)"
    return (
        f"{within} {says}, as the validation questions taught: it answers "
        f"{found.valid_coverage:.1%} of those, and {here}."
    )


def attention(metrics: Metrics, maps_name: str) -> str:
    """Attention against boxes, and answers without the attended regions."""
    parts = [_grounding(metrics, maps_name), _sensitivity(metrics)]
    if not any(parts):
        return ""
    return f"<section><h2>Does attention matter?</h2>{''.join(parts)}</section>"


def _grounding(metrics: Metrics, maps_name: str) -> str:
    found = metrics.grounding
    if found is None:
        return ""
    maps = [
        _row(f"{maps_name.capitalize()} {number}", agreement)
        for number, agreement in enumerate(found.maps, 1)
    ]
    blind = [_row(*row) for row in zip(BLIND, (found.uniform, found.centre), strict=True)]
    columns = ("Attention", "Inside the boxes", "Peak is a hit", "Rank correlation")
    return f"""{figures_table(columns, [*maps, *blind])}
<p class="muted note">Against the boxes of what {found.questions:,} questions are about: the share
of attention inside them, how often the most attended region is a hit, and how alike attention and
boxes rank the regions. The last two rows look at nothing.</p>{_by_type(metrics, maps_name)}"""


def _by_type(metrics: Metrics, maps_name: str) -> str:
    """Inside the boxes and pointing for each type of question: some are about more than a box."""
    found = metrics.grounding_by_type
    if len(found) < 2:
        return ""
    maps = [
        f"{maps_name.capitalize()} {n + 1}" for n in range(len(next(iter(found.values())).maps))
    ]
    columns = ("Type", "Questions", *maps, "All alike", "Middle")
    return "".join(
        f"<h3>{title}</h3>{figures_table(columns, _type_rows(found, figure))}"
        for title, figure in (
            ("Inside the boxes", attrgetter("inside")),
            ("Peak is a hit", attrgetter("pointing")),
        )
    )


def _type_rows(
    found: Mapping[str, Grounding], figure: Callable[[GroundingScores], float]
) -> list[tuple[str, ...]]:
    return [
        (
            kind,
            f"{each.questions:,}",
            *(f"{figure(agreement):.1%}" for agreement in (*each.maps, each.uniform, each.centre)),
        )
        for kind, each in found.items()
    ]


def _row(name: str, agreement: GroundingScores) -> tuple[str, str, str, str]:
    rank = agreement.rank_correlation
    return (
        name,
        f"{agreement.inside:.1%}",
        f"{agreement.pointing:.1%}",
        "–" if rank is None else f"{rank:.2f}",
    )


def _sensitivity(metrics: Metrics) -> str:
    found = metrics.sensitivity
    if found is None:
        return ""
    regions = "region is" if found.regions == 1 else f"{found.regions} regions are"
    return f"""<div class="card prose"><p>When the most attended {regions} taken away, the
probability of its answer falls by <b>{_points(found.attended)}</b>; when random ones are, by
<b>{_points(found.random)}</b> (mean over {found.questions:,} questions).</p></div>"""


def _points(share: float) -> str:
    # Adding 0 makes a zero of what is rounded to a negative one.
    return f"{round(100 * share, 1) + 0.0:.1f} points"
