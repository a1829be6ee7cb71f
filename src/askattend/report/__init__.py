"""One HTML page of results: accuracy beside its floors, what it hides, and where it looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.files import atomic_write
from askattend.report.charts import Curve, chart
from askattend.report.gallery import Example, choose, gallery, verdict
from askattend.report.kinds import kinds
from askattend.report.parts import track
from askattend.report.trust import attention, trust
from askattend.training.history import TrainingHistory

FLOORS = {
    "majority": ("Always the same answer", "the most common one in training: a floor"),
    "prefix": (
        "First words of the question",
        "the most common training answer to questions that start so: a floor",
    ),
}


def write_report(
    file: Path,
    *,
    title: str,
    evaluation: Evaluation,
    progression: TrainingHistory | None,
    examples: Sequence[Example],
    details: Mapping[str, str],
    maps_name: str | None = "glimpse",
    sees: str = "image and question",
) -> None:
    """Write the page: a single file that needs neither network nor other files.

    Args:
        file: where it goes.
        title: its heading.
        evaluation: the figures; a split without answers has none, and the page says so.
        progression: of training, if it is known.
        examples: the gallery; wrong ones are put first, the surest of them on top.
        details: what the network is and how it came about: name → value.
        maps_name: what an attention map is called: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN); None of
            a network that attends nowhere, of whose attention nothing is shown.
        sees: what the network answers from.

    Raises:
        OSError: the file cannot be written.
    """
    template = files("askattend.report").joinpath("page.html").read_text("utf-8")
    page = Template(template).substitute(
        title=escape(title),
        headline=_headline(evaluation.metrics, sees),
        kinds=kinds(evaluation.metrics),
        trust=trust(evaluation.metrics),
        attention="" if maps_name is None else attention(evaluation.metrics, maps_name),
        curves=_curves(progression),
        gallery=gallery(examples, evaluation, maps_name),
        details=_details(details),
    )
    # A lone surrogate, which a question read from JSON may hold, has no place in UTF-8.
    atomic_write(file, page.encode("utf-8", errors="replace"))


def _headline(metrics: Metrics, sees: str) -> str:
    questions = f"{metrics.questions:,} {escape(metrics.split)} questions"
    if metrics.accuracy is None:
        text = (
            f"<p><b>{questions}</b> answered. The split has no answers: there is no accuracy.</p>"
        )
        return f'<div class="card hero alone"><div>{text}</div></div>'
    rows = [("own", "This network", f"sees {sees}", metrics.accuracy)]
    for name, value in sorted((metrics.floors or {}).items(), key=lambda floor: -floor[1]):
        rows.append(("floor", *FLOORS.get(name, (name, "a floor")), value))
    if metrics.coverage is not None:
        why = "the share of the questions whose most common answer it can give"
        rows.append(("ceiling", "Answers it knows", why, metrics.coverage))
    if metrics.ceiling is not None:
        why = "what always choosing the best answer that it can give would score"
        rows.append(("ceiling", "Ceiling", why, metrics.ceiling))
    return f"""<div class="card hero">
<div><p class="score">{metrics.accuracy:.1%}</p>
<p class="metric"><b>{escape(metrics.metric or "accuracy")}</b><br>
<span class="muted">{_interval(metrics)}on {questions}<br>
of {escape(metrics.source).replace(",", ",<wbr>")}</span></p></div>
<ul class="bars">{"".join(_bar(*row) for row in rows)}</ul>
</div>"""


def _interval(metrics: Metrics) -> str:
    if metrics.interval is None:
        return ""
    return f"{metrics.interval[0]:.1%}–{metrics.interval[1]:.1%} (95 %)<br>"


def _bar(kind: str, name: str, why: str, value: float) -> str:
    return f"""<li class="bar {kind}"><b>{escape(name)}</b><b>{value:.1%}</b>
{track(value)}<span class="muted">{escape(why)}</span></li>"""


def _curves(progression: TrainingHistory | None) -> str:
    if progression is None or progression.best is None:
        return ""
    history, best = progression.epochs, progression.best
    epochs = [epoch.epoch for epoch in history]
    loss = [
        Curve("training", "train", [epoch.train_loss for epoch in history]),
        Curve("validation", "valid", [epoch.valid_loss for epoch in history]),
    ]
    accuracy = [Curve("validation", "valid", [100 * epoch.valid_accuracy for epoch in history])]
    # A run of an earlier version does not tell what its accuracy is.
    metric = escape(progression.metric)
    title = f"{metric[0].upper()}{metric[1:]}" if metric else "Accuracy"
    named = f" ({metric})" if metric else ""
    return f"""<section><h2>Learning curves</h2><div class="pair">
{chart("Loss", loss, epochs=epochs, best=best.epoch, label="{:.3g}".format)}
{chart(title, accuracy, epochs=epochs, best=best.epoch, label="{:.4g}%".format, most=100.0)}
</div><p class="muted note">Best: epoch {best.epoch} of {epochs[-1]}, with a validation
accuracy{named} of {best.valid_accuracy:.1%}. Its weights are the ones evaluated
here.</p></section>"""


def _details(details: Mapping[str, str]) -> str:
    if not details:
        return ""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{_value(value)}</dd>" for name, value in details.items()
    )
    return f'<section><h2>Details</h2><dl class="card details">{rows}</dl></section>'


def _value(value: str) -> str:
    text = escape(value)
    return f"<code>{text}</code>" if value.startswith("askattend ") else text


__all__ = ["Example", "choose", "verdict", "write_report"]
