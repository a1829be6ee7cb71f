"""Learning curves: loss and accuracy by epoch, with the epoch whose weights were chosen."""

from __future__ import annotations

from math import inf

from askattend.evaluation.section import Axis, Chart, Line, Mark, Note, Section
from askattend.metrics.accuracy import accuracy_label
from askattend.training.history import TrainingHistory


def learning_curves(history: TrainingHistory | None) -> Section | None:
    """Show how a training went; None where that is not known."""
    if history is None or history.best is None:
        return None
    epochs, best, metric = history.epochs, history.best, history.metric
    train_loss = [epoch.train_loss for epoch in epochs]
    valid_loss = [epoch.valid_loss for epoch in epochs]
    accuracy = [100 * epoch.valid_accuracy for epoch in epochs]
    label = accuracy_label(metric)
    title = f"{label[:1].upper()}{label[1:]}"
    note = (
        f"{history.keep.capitalize()}: epoch {best.epoch} of {epochs[-1].epoch}, with a validation "
        f"{label} of {best.valid_accuracy:.1%}. "
        "Its weights are the ones evaluated here."
    )
    if train_loss[-1] > valid_loss[-1]:
        note += (
            " The loss in training is the larger one: there answers are smoothed or taught by "
            "others, and parts are dropped, where the settings say so; validation has neither."
        )
    return Section(
        "Learning curves",
        (
            _chart(history, Axis("Loss", 0, inf, True, label="{:.3g}"), valid_loss, train_loss),
            _chart(history, Axis(title, 0, 100, True, label="{:.4g}%"), accuracy),
            Note(note),
        ),
    )


def _chart(
    history: TrainingHistory, y: Axis, valid: list[float], train: list[float] | None = None
) -> Chart:
    """Draw a quantity by epoch, on validation and where it is known in training."""
    best, epochs = history.best, [epoch.epoch for epoch in history.epochs]
    assert best is not None
    lines = [] if train is None else [_line("training", epochs, train, y, reference=True)]
    lines.append(_line("validation", epochs, valid, y))
    at_best = valid[epochs.index(best.epoch)]
    tip = f"epoch {best.epoch}, validation: {y.label.format(at_best)}, {history.keep}"
    return Chart(
        y.name,
        tuple(lines),
        Axis("epoch", epochs[0], epochs[-1], integer=True, label="{:.0f}"),
        y,
        (Mark(best.epoch, at_best, tip, vertical=True),),
    )


def _line(
    name: str, epochs: list[int], values: list[float], y: Axis, *, reference: bool = False
) -> Line:
    points = tuple(zip(map(float, epochs), values, strict=True))
    tips = tuple(f"epoch {x:.0f}, {name}: {y.label.format(value)}" for x, value in points)
    return Line(name, points, tips, reference)
