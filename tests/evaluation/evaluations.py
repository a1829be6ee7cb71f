"""Networks whose answers to a split are known, for the figures measured from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from askattend.batching.batches import Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.evaluation.answers import Answers
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import PageContext
from askattend.metrics.calibration import Calibration
from askattend.metrics.floors import Floors
from askattend.metrics.scored_answer import score_answer
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from fake_features import random_features
from small_networks import DIM, REGIONS, SPEC, build_small, small_config

WORDS = WordVocab.build(["is it red"])
ANSWERS = AnswerVocab(("yes", "no", "red"))
CONTEXT = PageContext({}, "glimpse")


def question(identity: int, answer: str | None = "yes", **more: Any) -> Question:
    """A question of the test split."""
    answers = () if answer is None else ((answer, 1),)
    settings: dict[str, Any] = {"image": f"{identity}.png", "text": "is it red", "split": "test"}
    return Question(id=identity, answers=answers, **settings | more)


def batches(questions: QASet) -> Batches:
    return Batches(questions, random_features(REGIONS, DIM), WORDS, ANSWERS, batch_size=4)


def predictor(*, attends: bool = True) -> Predictor:
    """An untrained network, of a run that is nowhere."""
    name = "saaa" if attends else "image-only"
    config = small_config(name, dropout=0.5)
    model = build_small(config, words=len(WORDS), answers=len(ANSWERS))
    settings = {"network": name, "model": asdict(config)}
    floors = Floors.build([question(0), question(1, "no"), question(2)])
    return Predictor(Run(Path("nowhere"), settings, WORDS, ANSWERS, floors, SPEC), model)


def evaluated(
    questions: QASet,
    said: Sequence[str],
    *,
    probabilities: Sequence[float] | None = None,
    maps: dict[int, list[list[list[float]]]] | None = None,
    calibration: Calibration | None = None,
    attends: bool = True,
) -> Evaluated:
    """A network that answered so.

    Args:
        questions: the split.
        said: its answer to each question.
        probabilities: of the answers, tempered; untempered they are half of that.
        maps: position of a question with boxes → its attention, maps × rows × columns.
        calibration: what validation taught.
        attends: False for a network without attention.
    """
    sure = np.full(len(said), 0.5) if probabilities is None else np.array(probabilities)
    answers = tuple(
        score_answer(question, answer, probability=float(p))
        for question, answer, p in zip(questions, said, sure, strict=True)
    )
    attention = {index: np.array(some) for index, some in (maps or {}).items()}
    return Evaluated(
        predictor(attends=attends),
        batches(questions),
        batches(questions),
        Answers(answers, sure / 2, attention, np.zeros(len(said))),
        calibration,
    )
