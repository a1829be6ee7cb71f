"""Distilling: what several networks together answer, kept for another one to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.batching.inference import outputs
from askattend.batching.soft_answers import SoftAnswers, normalised
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab
from askattend.devices import PrecisionChoice
from askattend.errors import RunError
from askattend.features.source import FeatureSource
from askattend.files import atomic_write, decode_json
from askattend.files.tensors import tensor_pieces
from askattend.metrics.linear_floor import LinearFloor
from askattend.metrics.temperature import fit_temperature
from askattend.models import Network
from askattend.runs.tensor_files import read_tensors
from askattend.training.teacher_scores import TeacherScores

SOFT_ANSWERS = "soft_answers.safetensors"
_STATE = "state"


@dataclass(frozen=True)
class Teacher:
    """A trained network whose answers another one learns from.

    Attributes:
        model: on the device that it computes on.
        precision: what its products are computed in.
        temperature: what its logits are divided by.
    """

    model: Network
    precision: PrecisionChoice
    temperature: float = 1.0

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.model.parameters()).device


def tempered(teacher: Teacher, unseen: Batches) -> Teacher:
    """Fit a teacher's temperature on questions with answers, which it did not learn from."""
    logits: list[Tensor] = []
    scores: list[Tensor] = []
    for batch, output in outputs(
        teacher.model, unseen.in_order(), teacher.device, teacher.precision
    ):
        logits.append(output.logits.float().cpu())
        scores.append(_score(batch, output.logits).cpu())
    temperature = fit_temperature(torch.cat(logits), torch.cat(scores).double().numpy())
    return Teacher(teacher.model, teacher.precision, temperature)


def ensemble_accuracy(teachers: Sequence[Teacher], batches: Batches) -> float:
    """Compute the accuracy of the teachers' mean probabilities, 0 to 1."""
    scores = [_score(batch, mean) for batch, mean in mean_probabilities(teachers, batches)]
    return float(torch.cat(scores).double().mean())


def mean_probabilities(
    teachers: Sequence[Teacher], batches: Batches
) -> Iterator[tuple[Batch, Float[Tensor, "questions answers"]]]:
    """Yield each batch with the mean of the teachers' tempered probabilities, dropout off.

    The teachers go through the batches side by side, so that no more than a group of batches is
    held at once.
    """
    answered = (outputs(t.model, batches.in_order(), t.device, t.precision) for t in teachers)
    for group in zip(*answered, strict=True):
        probabilities = [
            torch.softmax(output.logits.float() / teacher.temperature, dim=1)
            for teacher, (_, output) in zip(teachers, group, strict=True)
        ]
        yield group[0][0], torch.stack(probabilities).mean(dim=0)


def floor_soft_answers(
    floor: LinearFloor, questions: QASet, features: FeatureSource, answers: AnswerVocab
) -> SoftAnswers:
    """Ask a linear floor the questions of a set; answers that a vocabulary lacks are left out."""
    soft, done = SoftAnswers.none(len(questions), len(answers)), 0
    indices = [answers.index(answer) for answer in floor.answers]
    known = [place for place, index in enumerate(indices) if index is not None]
    columns = torch.tensor([i for i in indices if i is not None], dtype=torch.long)
    for scores in floor.scores(questions.questions, features):
        probability = torch.zeros(len(scores), len(answers))
        probability[:, columns] = torch.from_numpy(scores).softmax(dim=1)[:, known]
        soft.put(np.arange(done, done + len(scores)), probability)
        done += len(scores)
    return soft


def save_soft_answers(folder: Path, soft: SoftAnswers, scores: TeacherScores) -> None:
    """Write soft answers, in float16, and how good those were who gave them."""
    tensors = {
        "index": torch.from_numpy(soft.index.astype(np.int32)),
        "probability": torch.from_numpy(soft.probability.astype(np.float16)),
    }
    metadata = {_STATE: msgspec.json.encode(scores).decode()}
    atomic_write(folder / SOFT_ANSWERS, tensor_pieces(tensors, metadata))


def load_soft_answers(
    folder: Path, *, questions: int, answers: int, kinds: int = 1
) -> tuple[SoftAnswers, TeacherScores]:
    """Read the soft answers of a run.

    Args:
        folder: the run's.
        questions: that it learns from.
        answers: of its vocabulary.
        kinds: of teachers: networks, a floor.

    Raises:
        RunError: the file is unreadable, or of other questions or answers.
    """
    file = folder / SOFT_ANSWERS
    tensors, metadata = read_tensors(file)
    shape = (questions, kinds * SoftAnswers.none(0, answers).index.shape[1])
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != dict.fromkeys(("index", "probability"), shape):
        problem = f"holds no soft answers to the run's {questions:,} questions"
        raise RunError(problem, where=file, remedy="Delete it: networks are trained for it anew.")
    try:
        scores = decode_json(metadata.get(_STATE, ""), TeacherScores)
    except msgspec.DecodeError as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Delete it.") from None
    # float16 rounds: what is learnt from sums to 1 again.
    probability = normalised(tensors["probability"].float().numpy())
    return SoftAnswers(tensors["index"].numpy().astype(np.int64), probability), scores


def _score(
    batch: Batch, answers: Float[Tensor, "questions answers"]
) -> Float[Tensor, " questions"]:
    """Compute how right the best answer to each question is, 0 to 1."""
    chosen = batch.answer_index == answers.argmax(dim=1, keepdim=True)
    return (batch.answer_score * chosen).sum(dim=1)
