"""How good a trained network is on a split, beside what guessing blindly would score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from rich.progress import track

from askattend.batches import Batches
from askattend.data.questions import QuestionId
from askattend.files import write_whole
from askattend.metrics import accuracy_of, metric_name
from askattend.predictor import Predictor


class Prediction(msgspec.Struct, frozen=True):
    """What the network answered to one question.

    Attributes:
        question_id: the question's id.
        answer: the most probable answer.
        probability: its probability, 0 to 1.
        score: how right it is, 0 to 1; None where the question has no reference answer.
        answer_type: of the question, where the source tells.
    """

    question_id: QuestionId
    answer: str
    probability: float
    score: float | None
    answer_type: str | None = None


class Share(msgspec.Struct, frozen=True):
    """Some of the questions, and how many of them were right."""

    questions: int
    accuracy: float


class Metrics(msgspec.Struct, frozen=True):
    """What ``metrics.json`` holds. Accuracies and shares are 0 to 1.

    Attributes:
        source: the question source.
        split: the split evaluated.
        questions: its number of questions.
        metric: ``"exact match"`` where each question has one reference answer, ``"VQA accuracy,
            current"`` where some have several; None, like all below, where the split has no
            answers.
        accuracy: mean over the questions.
        floors: accuracy on the same questions of the most common training answer (``majority``) and
            of the most common one for the question's first three words (``prefix``); None for an
            imported network, whose training questions are not at hand.
        coverage: share of the questions whose most common answer the network can give: without
            it, no training would make the answer right.
        by_answer_type: accuracy of each answer type, where the source tells them.
    """

    source: str
    split: str
    questions: int
    metric: str | None = None
    accuracy: float | None = None
    floors: dict[str, float] | None = None
    coverage: float | None = None
    by_answer_type: dict[str, Share] = msgspec.field(default_factory=dict)


class Evaluation(msgspec.Struct, frozen=True):
    """Metrics of a split, and the predictions they come from, in the order of the questions."""

    metrics: Metrics
    predictions: tuple[Prediction, ...]

    def save(self, folder: Path) -> None:
        """Write metrics.json, and results.json in the format of the VQA leaderboard."""
        folder.mkdir(parents=True, exist_ok=True)
        results = [
            {"question_id": prediction.question_id, "answer": prediction.answer}
            for prediction in self.predictions
        ]
        write_whole(folder / "results.json", msgspec.json.encode(results))
        metrics = msgspec.json.format(msgspec.json.encode(self.metrics))
        write_whole(folder / "metrics.json", metrics)


def evaluate(predictor: Predictor, batches: Batches, *, split: str, console: Console) -> Evaluation:
    """Answer every question of a split and score the answers.

    Args:
        predictor: the trained network.
        batches: the questions of the split.
        split: its name.
        console: where the progress bar goes.
    """
    predictions = predict(predictor, batches, console=console)
    questions = batches.questions
    metrics = Metrics(source=questions.source, split=split, questions=len(questions))
    scored = [p for p in predictions if p.score is not None]
    if scored:
        metrics = msgspec.structs.replace(
            metrics,
            metric=metric_name(questions),
            accuracy=_mean(scored),
            floors=None if (floors := predictor.run.floors) is None else floors.accuracy(questions),
            coverage=predictor.run.answers.reachable(questions),
            by_answer_type=_by_answer_type(scored),
        )
    return Evaluation(metrics, predictions)


@torch.inference_mode()
def predict(predictor: Predictor, batches: Batches, *, console: Console) -> tuple[Prediction, ...]:
    """The network's answer to every question, in the order of the question set."""
    model, questions = predictor.model.eval(), batches.questions.questions
    device = next(model.parameters()).device
    names = predictor.run.answers.answers
    found: dict[int, Prediction] = {}
    total = -(-len(questions) // batches.batch_size)
    for batch in track(
        batches.in_order(), "answering", total=total, console=console, transient=True
    ):
        batch = batch.to(device)
        logits = model(batch.regions, batch.tokens, batch.lengths, batch.image_index).logits
        best = logits.float().softmax(dim=-1).max(dim=-1)
        for row, index, probability in zip(
            batch.rows.tolist(), best.indices.tolist(), best.values.tolist(), strict=True
        ):
            question, answer = questions[row], names[index]
            score = accuracy_of(answer, question.answers) if question.answers else None
            found[row] = Prediction(question.id, answer, probability, score, question.answer_type)
    return tuple(found[row] for row in range(len(questions)))


def _by_answer_type(predictions: Sequence[Prediction]) -> dict[str, Share]:
    groups: defaultdict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        if prediction.answer_type is not None:
            groups[prediction.answer_type].append(prediction)
    return {name: Share(len(group), _mean(group)) for name, group in sorted(groups.items())}


def _mean(predictions: Sequence[Prediction]) -> float:
    return sum(p.score for p in predictions if p.score is not None) / len(predictions)
