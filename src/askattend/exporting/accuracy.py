"""Accuracy of graphs on a run's own validation questions, from the pictures on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np

from askattend.data.questions import QASet, Question
from askattend.errors import AskAttendError, reason_of
from askattend.experiment.config import config_from
from askattend.experiment.inputs import sample_of
from askattend.experiment.own_questions import OwnQuestions
from askattend.exporting.manifest import Accuracy
from askattend.exporting.runtime import Session
from askattend.features.geometry import shown_regions, square
from askattend.features.images import open_image
from askattend.metrics.accuracy import accuracy_of
from askattend.runs.run_folder import CONFIG, Run

Array = np.ndarray[Any, np.dtype[Any]]

# So many questions tell a loss of a few points; 8 bits lose less, or far more.
MOST_QUESTIONS = 400
# The graphs of an export, by name.
Sessions = Mapping[str, Session]


def validation_questions(run: Run) -> QASet | str:
    """Read some of the run's validation questions; or say why they are not to be had."""
    try:
        config = config_from(run.config, run.config["network"], where=str(run.folder / CONFIG))
        questions = OwnQuestions.read(config).to_calibrate
    except AskAttendError as error:
        return f"its own questions: {reason_of(error)}"
    if not questions:
        return "it was validated on the training questions themselves"
    return sample_of(questions, MOST_QUESTIONS)


def compare(run: Run, questions: QASet, ours: Sessions, floats: Sessions) -> Accuracy:
    """Answer questions by two exports of a run, from their pictures on.

    Args:
        run: says how pictures and questions are read.
        questions: with answers.
        ours: the graphs that are measured.
        floats: those in float32.

    Raises:
        ImageError: a picture is not to be had.
    """
    asked = sorted(questions, key=lambda question: question.image)
    scores: list[tuple[float, float, bool]] = []
    for image, group in groupby(asked, key=lambda question: question.image):
        together = list(group)
        answers = [_answers(run, questions, image, together, each) for each in (ours, floats)]
        for question, mine, theirs in zip(together, *answers, strict=True):
            right = (accuracy_of(answer, question.answers) for answer in (mine, theirs))
            scores.append((*right, mine == theirs))
    mine, theirs, same = (float(np.mean(column)) for column in zip(*scores, strict=True))
    images = len({question.image for question in asked})
    return Accuracy(len(asked), images, mine, theirs, same)


def _answers(
    run: Run, questions: QASet, image: str, asked: list[Question], sessions: Sessions
) -> list[str]:
    """Answer several questions about one image."""
    words = [run.words.encode(question.text) for question in asked]
    longest = max(map(len, words))
    padded = np.zeros((len(words), longest), np.int64)
    for row, indices in zip(padded, words, strict=True):
        row[: len(indices)] = indices
    encoding = sessions["image"].run({"regions": _regions(run, questions, image, sessions)})
    found = sessions["question"].run(
        {
            **encoding,
            **_unedited(sessions["question"], run),
            "tokens": padded,
            "lengths": np.array([len(indices) for indices in words]),
            "image_index": np.zeros(len(words), np.int64),
        }
    )
    return [run.answers.answers[best] for best in found["logits"].argmax(axis=1)]


def _unedited(session: Session, run: Run) -> dict[str, Array]:
    """Return what a graph that takes edited maps is given where there are none."""
    if "edited" not in session.inputs:
        return {}
    (maps,) = session.inputs["edited"]
    regions = run.features.regions
    return {"edited": np.zeros(maps, bool), "edited_maps": np.zeros((maps, regions), np.float32)}


def _regions(run: Run, questions: QASet, image: str, sessions: Sessions) -> Array:
    spec = run.features
    if "backbone" not in sessions:  # the network does not use the image
        return np.zeros((1, spec.regions, spec.input_dim), np.float32)
    picture = open_image(questions.images[image])
    shown = shown_regions(picture.size, spec)
    inputs = {"pixels": square(picture, spec)[None].numpy()}
    if shown is not None:
        inputs["shown"] = shown[None].numpy()
    regions: Array = sessions["backbone"].run(inputs)["regions"]
    return regions
