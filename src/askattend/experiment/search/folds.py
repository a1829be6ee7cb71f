"""The questions that candidates are validated on: several folds where there are few."""

from __future__ import annotations

from dataclasses import replace

from askattend.data.questions import QASet
from askattend.data.splits import Splits, fold_splits
from askattend.errors import ConfigError

FEW = 2000  # training questions, below which a single split says too little
FOLDS = 3


def folds_for(splits: Splits, count: int | None = None) -> tuple[Splits, ...]:
    """Divide the questions that a training may see; none of the test split is among them.

    Args:
        splits: the questions to train and to validate on.
        count: of folds; by default 3 below 2,000 training questions, else 1. 1 stands for the
            training's own splits; more divide both of them together anew.

    Raises:
        ConfigError: there are no validation questions but the training's own.
        DataError: there are fewer images than folds.
    """
    if splits.valid is splits.train:
        raise ConfigError(
            "nothing is held back to choose by: a search would choose what learns most by heart",
            where=splits.train.source,
            remedy="Add images, or a 'valid' split with answers.",
        )
    count = count or (FOLDS if len(splits.train) < FEW else 1)
    return (splits,) if count == 1 else fold_splits(_together(splits), count)


def _together(splits: Splits) -> QASet:
    """Join both, without the questions that nobody has answered."""
    questions = tuple(q for q in (*splits.train, *splits.valid) if q.answers)
    files = {**splits.train.images, **splits.valid.images}
    images = {q.image: files[q.image] for q in questions}
    return replace(splits.train, questions=questions, images=images)
