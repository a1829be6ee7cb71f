"""How good a trained network is on a split, beside what guessing blindly would score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.batching.inference import outputs
from askattend.data.questions import QASet, Question
from askattend.evaluation.removal import Sensitivity
from askattend.files import atomic_write
from askattend.metrics.accuracy import accuracy_of, metric_name
from askattend.metrics.breakdown import (
    GroupAccuracy,
    Pairs,
    ParaphraseConsistency,
    accuracy_by,
    accuracy_by_length,
    accuracy_over,
    pair_consistency,
    paraphrase_consistency,
)
from askattend.metrics.calibration import (
    Abstention,
    Calibration,
    Reliability,
    abstention,
    calibrate,
    reliability,
)
from askattend.metrics.grounding import Grounding, measure
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.runs.predictor import Predictor
from askattend.scoring.results import (
    METRICS,
    PREDICTIONS,
    RESULTS,
    check_results,
    encode_predictions,
    encode_results,
)


class Metrics(msgspec.Struct, frozen=True):
    """What ``metrics.json`` holds. Accuracies and shares are 0 to 1.

    Attributes:
        source: the question source.
        split: the split evaluated.
        questions: its number of questions.
        metric: ``"exact match"`` where each question has one reference answer, ``"VQA accuracy,
            current"`` where some have several, see `metric_name`; None, like all below, where the
            split has no answers.
        accuracy: mean over the questions.
        interval: of the accuracy, 95 %, by bootstrap over images.
        floors: accuracy on the same questions of the most common training answer (``majority``) and
            of the most common one for the question's first three words (``prefix``).
        coverage: share of the questions whose most common answer the network can give.
        ceiling: what the network would score if it always chose the best answer that it can give.
        by_answer_type: accuracy of each answer type, where the source tells them.
        by_question_type: likewise.
        by_question_length: accuracy by the number of words.
        pairs: complementary pairs, where the source has them.
        wordings: differently worded questions of one meaning, where the source tells them.
        reliability: how far the probabilities can be trusted.
        abstention: what saying "not sure" amounts to, where ``--abstain-above-risk`` was given,
            now or at an earlier evaluation.
        grounding: attention against boxes, where questions have them and the network attends.
        grounding_by_type: the same for each type of question.
        sensitivity: whether answers hang on the attended regions, where the network attends.
    """

    source: str
    split: str
    questions: int
    metric: str | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    floors: dict[str, float] | None = None
    coverage: float | None = None
    ceiling: float | None = None
    by_answer_type: dict[str, GroupAccuracy] = msgspec.field(default_factory=dict)
    by_question_type: dict[str, GroupAccuracy] = msgspec.field(default_factory=dict)
    by_question_length: dict[str, GroupAccuracy] = msgspec.field(default_factory=dict)
    pairs: Pairs | None = None
    wordings: ParaphraseConsistency | None = None
    reliability: Reliability | None = None
    abstention: Abstention | None = None
    grounding: Grounding | None = None
    grounding_by_type: dict[str, Grounding] = msgspec.field(default_factory=dict)
    sensitivity: Sensitivity | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """Metrics of a split, and the predictions they come from, in the order of the questions."""

    metrics: Metrics
    predictions: tuple[ScoredAnswer, ...]

    def save(self, folder: Path, questions: Iterable[Question]) -> None:
        """Write metrics.json; results.json in the format of the VQA leaderboard; predictions.json.

        Args:
            folder: where to; made if it is not there.
            questions: those that were to be answered.

        Raises:
            DataError: there is not exactly one answer to each question; nothing is written then.
        """
        check_results(self.predictions, questions, where=folder / RESULTS)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / RESULTS, encode_results(self.predictions))
        atomic_write(folder / PREDICTIONS, encode_predictions(self.predictions))
        metrics = msgspec.json.format(msgspec.json.encode(self.metrics))
        atomic_write(folder / METRICS, metrics)


def evaluate(
    predictor: Predictor,
    batches: Batches,
    *,
    split: str,
    console: Console,
    calibration: Calibration | None = None,
) -> Evaluation:
    """Answer every question of a split and score the answers.

    Args:
        predictor: the trained network.
        batches: the questions of the split.
        split: its name.
        console: where the progress bar goes.
        calibration: what validation taught about probabilities; None leaves them as they are.
    """
    temperature = 1.0 if calibration is None else calibration.temperature
    predicted = predict(predictor, batches, console=console, temperature=temperature)
    questions = batches.questions
    metrics = Metrics(source=questions.source, split=split, questions=len(questions))
    scored = [one for one in predicted.predictions if one.score is not None]
    # A map that is the same everywhere is nobody's attention.
    attends = predictor.model.attends
    grounding, by_type = _grounding(predicted, questions) if attends else (None, {})
    metrics = msgspec.structs.replace(metrics, grounding=grounding, grounding_by_type=by_type)
    if not scored:
        return Evaluation(metrics, predicted.predictions)
    run, whole = predictor.run, accuracy_over(scored)
    metrics = msgspec.structs.replace(
        metrics,
        metric=metric_name(questions),
        accuracy=whole.accuracy,
        interval=whole.interval,
        floors=None if run.floors is None else run.floors.accuracy(questions),
        coverage=run.answers.reachable(questions),
        ceiling=batches.ceiling(),
        by_answer_type=accuracy_by(attrgetter("answer_type"), scored),
        by_question_type=accuracy_by(attrgetter("question_type"), scored),
        by_question_length=accuracy_by_length(run.words.tokenise, questions, scored),
        pairs=pair_consistency(questions, scored),
        wordings=paraphrase_consistency(questions, scored),
        **_trust(predicted, calibration),
    )
    return Evaluation(metrics, predicted.predictions)


@dataclass(frozen=True)
class Predicted:
    """Answers to every question of a set, in its order, with what metrics need beside them.

    Attributes:
        predictions: one a question.
        untempered: the answers' probabilities at temperature 1.
        boxed: positions of the questions that have boxes.
        attention: their maps, maps × rows × columns each.
    """

    predictions: tuple[ScoredAnswer, ...]
    untempered: np.ndarray[Any, np.dtype[np.float64]]
    boxed: tuple[int, ...]
    attention: tuple[np.ndarray[Any, np.dtype[np.float64]], ...]


@torch.inference_mode()
def predict(
    predictor: Predictor, batches: Batches, *, console: Console, temperature: float = 1.0
) -> Predicted:
    """The network's answer to every question, in the order of the question set."""
    questions = batches.questions.questions
    names = predictor.run.answers.answers
    grid = (predictor.run.features.rows, predictor.run.features.columns)
    found: dict[int, ScoredAnswer] = {}
    untempered = np.zeros(len(questions))
    attention: dict[int, Any] = {}
    for rows, logits, maps in _outputs(predictor, batches, console=console):
        tempered = (logits / temperature).softmax(dim=-1).max(dim=-1)
        untempered[rows] = logits.softmax(dim=-1).max(dim=-1).values.numpy()
        for place, row in enumerate(rows):
            question, answer = questions[row], names[int(tempered.indices[place])]
            probability = float(tempered.values[place])
            found[row] = score_answer(question, answer, probability=probability)
            if question.boxes:
                attention[row] = maps[place].unflatten(-1, grid).double().numpy()
    order = sorted(attention)
    return Predicted(
        tuple(found[row] for row in range(len(questions))),
        untempered,
        tuple(order),
        tuple(attention[row] for row in order),
    )


def _outputs(
    predictor: Predictor, batches: Batches, *, console: Console
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Positions of questions, their logits and their attention, batch by batch."""
    model = predictor.model
    total = -(-len(batches.questions) // batches.batch_size)
    answered = outputs(model, batches.in_order(), next(model.parameters()).device)
    for batch, output in track(answered, "answering", total=total, console=console, transient=True):
        yield (
            batch.question_index.tolist(),
            output.logits.float().cpu(),
            output.attention.float().cpu(),
        )


@torch.inference_mode()
def calibrated(predictor: Predictor, valid: Batches, *, console: Console) -> Calibration:
    """Fit a temperature on validation questions, all of which have an answer."""
    questions, names = valid.questions.questions, predictor.run.answers.answers
    kept: list[Tensor] = []
    scores: list[float] = []
    for rows, logits, _ in _outputs(predictor, valid, console=console):
        kept.append(logits)
        for row, best in zip(rows, logits.argmax(dim=1).tolist(), strict=True):
            scores.append(accuracy_of(names[best], questions[row].answers))
    return calibrate(torch.cat(kept), np.array(scores))


def _grounding(
    predicted: Predicted, questions: QASet
) -> tuple[Grounding | None, dict[str, Grounding]]:
    """Attention against boxes, over all questions that have some and over those of each type."""
    if not predicted.boxed:
        return None, {}
    asked = [questions.questions[position] for position in predicted.boxed]
    measured = measure(np.stack(predicted.attention), [question.boxes for question in asked])
    types: defaultdict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(asked):
        if question.question_type is not None:
            types[question.question_type].append(place)
    return measured.over(), {kind: measured.over(types[kind]) for kind in sorted(types)}


def _trust(predicted: Predicted, calibration: Calibration | None) -> dict[str, Any]:
    """``reliability`` and ``abstention``."""
    pairs = [(i, p) for i, p in enumerate(predicted.predictions) if p.score is not None]
    untempered = predicted.untempered[[place for place, _ in pairs]]
    probability = np.array([p.probability for _, p in pairs])
    score = np.array([p.score for _, p in pairs], dtype=np.float64)
    temperature = 1.0 if calibration is None else calibration.temperature
    return {
        "reliability": reliability(probability, untempered, score, temperature=temperature),
        "abstention": None if calibration is None else abstention(calibration, probability, score),
    }
