"""One pass of a network over the questions of a split: an answer to each, and what figures need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.batching.inference import outputs
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.calibration import Calibration, best_probability, calibrate
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.runs.predictor import Predictor

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Answers:
    """Answers to every question of a set, with what figures need beside them.

    Attributes:
        answers: one a question, in the order of the set; probabilities are tempered.
        untempered: the answers' probabilities at temperature 1, in the same order.
        attention: position of each question that has boxes → its maps, maps × rows × columns.
    """

    answers: tuple[ScoredAnswer, ...]
    untempered: Array
    attention: dict[int, Array]


@torch.inference_mode()
def answer_questions(
    predictor: Predictor, batches: Batches, *, console: Console, temperature: float = 1.0
) -> Answers:
    """Answer every question, and score the answers to those that have a human one.

    Args:
        predictor: the trained network.
        batches: the questions.
        console: where the progress bar goes.
        temperature: what logits are divided by.
    """
    questions, names = batches.questions.questions, predictor.run.answers.answers
    grid = (predictor.run.features.rows, predictor.run.features.columns)
    # Batches take the questions of an image together, so answers come in an order of their own.
    answers: dict[int, ScoredAnswer] = {}
    untempered = np.zeros(len(questions))
    attention: dict[int, Array] = {}
    for positions, logits, maps in _outputs(predictor, batches, console=console):
        untempered[positions] = best_probability(logits, 1.0).numpy()
        best = (logits / temperature).softmax(dim=-1).max(dim=-1)
        for row, position in enumerate(positions):
            question, answer = questions[position], names[int(best.indices[row])]
            probability = float(best.values[row])
            answers[position] = score_answer(question, answer, probability=probability)
            if question.boxes:  # the maps of all questions of a large split would fill the memory
                attention[position] = maps[row].unflatten(-1, grid).double().numpy()
    in_order = tuple(answers[position] for position in range(len(questions)))
    return Answers(in_order, untempered, dict(sorted(attention.items())))


@torch.inference_mode()
def fit_calibration(predictor: Predictor, valid: Batches, *, console: Console) -> Calibration:
    """Learn temperature and thresholds from validation questions, all of which have an answer."""
    questions, names = valid.questions.questions, predictor.run.answers.answers
    logits_of_all: list[Tensor] = []
    scores: list[float] = []
    images: list[str] = []
    for positions, logits, _ in _outputs(predictor, valid, console=console):
        logits_of_all.append(logits)
        for position, best in zip(positions, logits.argmax(dim=1).tolist(), strict=True):
            images.append(questions[position].image)
            scores.append(accuracy_of(names[best], questions[position].answers))
    return calibrate(torch.cat(logits_of_all), np.array(scores), images)


def _outputs(
    predictor: Predictor, batches: Batches, *, console: Console
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Yield positions of questions, their logits and their attention maps, batch by batch."""
    model = predictor.model
    total = -(-len(batches.questions) // batches.batch_size)
    answered = outputs(model, batches.in_order(), next(model.parameters()).device)
    for batch, output in track(answered, "answering", total=total, console=console, transient=True):
        positions = batch.question_index.tolist()
        yield positions, output.logits.float().cpu(), output.attention.float().cpu()
