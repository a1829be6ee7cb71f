"""Networks whose answers to a split are known, for the figures measured from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.evaluation.answers import Answers
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import PageContext
from askattend.features.spec import FeatureSpec
from askattend.metrics.calibration import Calibration
from askattend.metrics.floors import Floors
from askattend.metrics.scored_answer import score_answer
from askattend.models import SAAA, ImageOnly, ImageOnlyConfig, SAAAConfig
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run

SPEC = FeatureSpec("x", "0" * 16, 64, (0, 0, 0), (1, 1, 1), 2, 2, 3, "float32")
WORDS = WordVocab.build(["is it red"])
ANSWERS = AnswerVocab(("yes", "no", "red"))
CONTEXT = PageContext({}, "glimpse")


class Features:
    """Features of any image: numbers drawn by its name."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        grids = [np.random.default_rng(list(name.encode())).random((4, 3)) for name in image_ids]
        return torch.from_numpy(np.stack(grids)).float()


def question(identity: int, answer: str | None = "yes", **more: Any) -> Question:
    """A question of the test split."""
    answers = () if answer is None else ((answer, 1),)
    settings: dict[str, Any] = {"image": f"{identity}.png", "text": "is it red", "split": "test"}
    return Question(id=identity, answers=answers, **settings | more)


def asked(*questions: Question, **more: Any) -> QASet:
    """The split of these questions."""
    return QASet("made", questions, {one.image: Path(one.image) for one in questions}, **more)


def batches(questions: QASet) -> Batches:
    return Batches(questions, Features(), WORDS, ANSWERS, batch_size=4)


def predictor(*, attends: bool = True) -> Predictor:
    """An untrained network, of a run that is nowhere."""
    sizes: Any = {"words": len(WORDS), "answers": len(ANSWERS), "region_dim": SPEC.region_dim}
    torch.manual_seed(0)
    settings = {"embedding_dim": 4, "question_dim": 4, "attention_dim": 4, "hidden_dim": 4}
    model = (
        SAAA(SAAAConfig(**settings), **sizes)
        if attends
        else ImageOnly(ImageOnlyConfig(hidden_dim=4), **sizes)
    )
    floors = Floors.build([question(0), question(1, "no"), question(2)])
    config = {"network": "saaa" if attends else "image-only"}
    return Predictor(Run(Path("nowhere"), config, WORDS, ANSWERS, floors, SPEC), model)


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
        Answers(answers, sure / 2, attention),
        calibration,
    )
