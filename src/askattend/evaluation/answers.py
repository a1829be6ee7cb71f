"""One pass of a network over the questions of a split: an answer to each, and what figures need."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace as replace_struct
from rich.console import Console
from rich.progress import track
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.batching.encoded_questions import EncodedQuestions, IntArray
from askattend.batching.inference import outputs
from askattend.data.questions import Question
from askattend.errors import RunError, name_few
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.calibration import Calibration, calibrate
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.metrics.temperature import best_probability, fit_unknown_slope
from askattend.runs.predictor import Predictor

Array = np.ndarray[Any, np.dtype[np.float64]]
# Shares of the words that are made unknown, to learn how much less sure that should make.
UNKNOWN_SHARES = (0.5, 1.0)
# As many questions tell that; a large validation set is not answered twice more.
MOST_UNLIKE = 1_000


@dataclass(frozen=True)
class Answers:
    """Answers to every question of a set, with what figures need beside them.

    Attributes:
        answers: one a question, in the order of the set; probabilities are tempered.
        untempered: the answers' probabilities at temperature 1, in the same order.
        attention: position of each question that has boxes → its maps, maps × rows × columns.
        unknown: the share of each question's words that are unknown, 0 to 1.
    """

    answers: tuple[ScoredAnswer, ...]
    untempered: Array
    attention: dict[int, Array]
    unknown: Array


@torch.inference_mode()
def answer_questions(
    predictor: Predictor,
    batches: Batches,
    *,
    console: Console,
    calibration: Calibration | None = None,
) -> Answers:
    """Answer every question, and score the answers to those that have a human one.

    Args:
        predictor: the trained network.
        batches: the questions.
        console: where the progress bar goes.
        calibration: the temperature, by the share of a question's words that are unknown.
    """
    questions, names = batches.questions.questions, predictor.run.answers.answers
    grid = (predictor.run.features.rows, predictor.run.features.columns)
    # Batches take the questions of an image together, so answers come in an order of their own.
    answers: dict[int, ScoredAnswer] = {}
    untempered, shares = np.zeros(len(questions)), np.zeros(len(questions))
    attention: dict[int, Array] = {}
    for positions, unknown, logits, maps in _outputs(predictor, batches, console=console):
        temperature = np.ones(1) if calibration is None else calibration.temperature_of(unknown)
        untempered[positions] = best_probability(logits, 1.0).numpy()
        shares[positions] = unknown
        tempered = logits / torch.from_numpy(temperature).float()[:, None]
        best = logits.argmax(dim=1)  # of equal ones the first, as `most_probable` has it
        likely = tempered.softmax(dim=-1).gather(1, best[:, None])[:, 0]
        for row, position in enumerate(positions):
            question, answer = questions[position], names[int(best[row])]
            probability = float(likely[row])
            answers[position] = score_answer(question, answer, probability=probability)
            if question.boxes:  # the maps of all questions of a large split would fill the memory
                attention[position] = maps[row].unflatten(-1, grid).double().numpy()
    in_order = tuple(answers[position] for position in range(len(questions)))
    return Answers(in_order, untempered, dict(sorted(attention.items())), shares)


def fit_calibration(predictor: Predictor, valid: Batches, *, console: Console) -> Calibration:
    """Learn temperature and thresholds from validation questions, all of which have an answer.

    How much less sure unknown words make, it learns from some of the same questions, of whose words
    a half, or all, are made unknown: to the network a foreign question is a row of unknown words.
    """
    logits, scores, _, images = _logits(predictor, valid, console=console)
    found = calibrate(logits, scores, images)
    unlike = [
        _logits(predictor, with_unknown_words(predictor, valid, share), console=console)
        for share in UNKNOWN_SHARES
    ]
    masked = torch.cat([one[0] for one in unlike])
    right, unknown = (np.concatenate([one[part] for one in unlike]) for part in (1, 2))
    slope = fit_unknown_slope(masked, right, unknown, found.temperature)
    return replace_struct(found, unknown_slope=slope)


def with_unknown_words(
    predictor: Predictor, batches: Batches, share: float, *, most: int = MOST_UNLIKE
) -> Batches:
    """Return some of the questions, with a share of their words unknown to the network.

    Args:
        predictor: the network, whose vocabulary has the unknown word.
        batches: the questions.
        share: how likely each word is to become unknown; 1 for all words.
        most: how many questions to draw.
    """
    questions = batches.questions
    indices = sorted(random.Random(0).sample(range(len(questions)), min(most, len(questions))))
    some = replace(questions, questions=tuple(questions.questions[index] for index in indices))
    words, answers = predictor.run.words, predictor.run.answers
    encoded = EncodedQuestions.encode(some, words, answers)
    inside = np.arange(encoded.tokens.shape[1]) < encoded.lengths[:, None]
    masked = inside & (np.random.default_rng(0).random(inside.shape) < share)
    encoded = replace(encoded, tokens=np.where(masked, words.unknown, encoded.tokens))
    return Batches(
        some, batches.source, words, answers, batch_size=batches.batch_size, encoded=encoded
    )


@torch.inference_mode()
def _logits(
    predictor: Predictor, batches: Batches, *, console: Console
) -> tuple[Tensor, Array, Array, list[str]]:
    """Return logits, scores, shares of unknown words and images of answered questions."""
    questions, names = batches.questions.questions, predictor.run.answers.answers
    logits_of_all: list[Tensor] = []
    unknown_of_all: list[Array] = []
    scores: list[float] = []
    images: list[str] = []
    for positions, unknown, logits, _ in _outputs(predictor, batches, console=console):
        logits_of_all.append(logits)
        unknown_of_all.append(unknown)
        for position, best in zip(positions, logits.argmax(dim=1).tolist(), strict=True):
            images.append(questions[position].image)
            scores.append(accuracy_of(names[best], questions[position].answers))
    unknown = np.concatenate(unknown_of_all)
    return torch.cat(logits_of_all), np.array(scores), unknown, images


def _outputs(
    predictor: Predictor, batches: Batches, *, console: Console
) -> Iterator[tuple[list[int], Array, Tensor, Tensor]]:
    """Yield positions of questions, shares of their words unknown, logits and maps, by batch."""
    model = predictor.model
    total = -(-len(batches.questions) // batches.batch_size)
    answered = outputs(model, batches.in_order(), next(model.parameters()).device)
    for batch, output in track(answered, "answering", total=total, console=console, transient=True):
        tokens, lengths = batch.tokens.cpu().numpy(), batch.lengths.cpu().numpy()
        unknown = unknown_shares(tokens, lengths, predictor.run.words.unknown)
        positions, logits = batch.question_index.tolist(), output.logits.float().cpu()
        _require_numbers(logits, [batches.questions.questions[i] for i in positions])
        yield positions, unknown, logits, output.attention.float().cpu()


def _require_numbers(logits: Tensor, questions: Sequence[Question]) -> None:
    """Refuse to score what is no number.

    Raises:
        RunError: names the questions.
    """
    sound = torch.isfinite(logits).all(dim=1).tolist()
    odd = [one for one, is_sound in zip(questions, sound, strict=True) if not is_sound]
    if odd:
        named = name_few(f"{one.id} (image {one.image})" for one in odd)
        raise RunError(
            f"the network answers {len(odd):,} questions with what is no number: {named}",
            where="evaluation",
            remedy="Are the images' features whole? Extract them again, or copy the run again.",
        )


def unknown_shares(tokens: IntArray, lengths: IntArray, unknown: int) -> Array:
    """Return the share of each question's words that are unknown.

    Args:
        tokens: questions × words; what lies beyond a question's length does not count.
        lengths: of each question.
        unknown: the index of the unknown word.
    """
    inside = np.arange(tokens.shape[1]) < lengths[:, None]
    shares: Array = ((tokens == unknown) & inside).sum(axis=1) / lengths.clip(min=1)
    return shares
