"""Requirements of a network and a question for an answer to be explained."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch

from askattend.attribution.gradients import in_float32
from askattend.errors import ConfigError, DataError, RunError
from askattend.models.kernels.int8 import is_rounded
from askattend.runs.predictor import Predictor


def exact_predictor(predictor: Predictor) -> Predictor:
    """Return the predictor, or one of the same weights in float32 where they have fewer digits.

    Raises:
        RunError: its network sees no image, or does not attend.
        ConfigError: it is rounded to 8 bits.
    """
    model, where = predictor.model, predictor.run.folder
    if "image" not in model.inputs:
        raise RunError(
            f"the network {model.name} does not see the image: nothing in it can explain an answer",
            where=where,
            remedy="Explain a run of saaa or san; Scene.word_effects tells what words count.",
        )
    if not model.attends:
        raise RunError(
            f"the network {model.name} does not attend: it has no map to hold evidence against",
            where=where,
            remedy="Explain a run of saaa or san.",
        )
    if is_rounded(model):
        raise ConfigError(
            "weights of 8 bits have no gradient",
            where="precision",
            remedy='Load the run with precision="float32".',
        )
    exact = copy(predictor)
    exact.model = in_float32(model)
    return exact


def computed_in_float32(asked: Predictor) -> list[str]:
    """Say where an answer has fewer digits than what explains it."""
    kind = next(asked.model.parameters()).dtype
    if kind is torch.float32:
        return []
    return [
        f"the answer is the one that ask gives, in {str(kind).removeprefix('torch.')}; maps, and "
        "what becomes of it without regions or words, are computed in float32 of the same weights"
    ]


def require_known_words(predictor: Predictor, questions: Sequence[str]) -> None:
    """Refuse a question of which the network knows no word: what it answers rests on none.

    Raises:
        DataError: names the question.
    """
    vocabulary = predictor.run.words
    for question in questions:
        if all(word == vocabulary.unknown for word in vocabulary.encode(question)):
            raise DataError(
                "the model knows none of its words",
                where=f"question '{question}'",
                remedy="Ask in the words of the questions that it learnt from.",
            )
