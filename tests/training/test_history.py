"""The best of some epochs, and when to stop."""

from __future__ import annotations

from askattend.training.history import Epoch, TrainingHistory


def epoch(number: int, accuracy: float, loss: float = 1.0) -> Epoch:
    return Epoch(number, number, 1e-3, 1.0, loss, accuracy, 1.0, 1.0)


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss() -> None:
    history = (epoch(1, 0.5), epoch(2, 0.7, 2.0), epoch(3, 0.7, 1.5), epoch(4, 0.6, 0.1))
    assert TrainingHistory(history).best is history[2]


def test_patience_ends_training() -> None:
    history = tuple(epoch(n, accuracy) for n, accuracy in enumerate((0.5, 0.4, 0.4), 1))
    assert TrainingHistory(history).finished(epochs=30, patience=2)
    assert not TrainingHistory(history).finished(epochs=30, patience=3)
    assert not TrainingHistory(history).finished(epochs=30, patience=0)
    assert TrainingHistory(history).finished(epochs=3, patience=0)


def test_patience_does_not_wait_for_the_loss() -> None:
    history = tuple(epoch(n, 1.0, 1 / n) for n in range(1, 4))
    assert TrainingHistory(history).best is history[-1]
    assert TrainingHistory(history).finished(epochs=30, patience=2)


def test_the_last_is_kept_where_that_was_settled_beforehand() -> None:
    history = tuple(epoch(n, accuracy) for n, accuracy in ((1, 0.5), (2, 0.7), (3, 0.6)))
    assert TrainingHistory(history).best is history[1]
    assert TrainingHistory(history, keep="last").best is history[2]
    assert TrainingHistory(keep="last").best is None
