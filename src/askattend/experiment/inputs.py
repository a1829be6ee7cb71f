"""The questions of an experiment, as its settings say, and their batches."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from askattend.batching.batches import Batches
from askattend.batching.encoded_questions import EncodedQuestions
from askattend.batching.flips import Flips, require_language
from askattend.batching.soft_answers import SoftAnswers, mirror_index
from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.data.splits import Splits, split_names, training_splits
from askattend.errors import ConfigError, DataError
from askattend.experiment.config import Config
from askattend.experiment.features import uses_image
from askattend.features.source import FeatureSource
from askattend.runs.run_folder import Run
from askattend.training.config import TrainConfig


def questions_of(config: Config[Any]) -> QASet:
    """Read all questions of the source that the settings name.

    Raises:
        ConfigError, DataError: none is named, or it cannot be read.
    """
    if not config.data:
        raise ConfigError("no questions named", remedy="Add --data SOURCE.")
    # Features that are named are enough: the pictures may lie in tar files, or far away.
    return read_source(config.data, images=uses_image(config.model) and config.features is None)


def split_of(config: Config[Any], questions: QASet, name: str) -> QASet:
    """Select the questions of a split; ``train`` and ``valid`` are as training divides them.

    Args:
        config: says how training divides them.
        questions: all questions of the source.
        name: the split's.

    Raises:
        DataError: the split is empty or does not exist.
    """
    trained_on = set(split_names(config.vocab.train_on))
    if not trained_on <= {*questions.splits, *questions.subsets}:
        return questions.split(name)
    if name not in ("train", "valid"):
        try:
            return questions.split(name)
        except DataError as error:
            remedy = (
                f"{error.remedy} Add --split valid for those that training is validated on: it "
                "was steered by them, so that figures flatter."
            )
            raise DataError(error.problem, where=error.where, remedy=remedy) from None
    splits = training_splits_of(config, questions)
    return splits.train if name == "train" else splits.valid


def training_splits_of(config: Config[Any], questions: QASet) -> Splits:
    """Divide questions into those to train and those to validate on."""
    vocab = config.vocab
    return training_splits(
        questions,
        train_on=vocab.train_on,
        fraction=vocab.valid_fraction,
        seed=vocab.valid_seed,
    )


def sample_of(questions: QASet, most: int, *, seed: int = 0) -> QASet:
    """Draw some of the questions at random, in their order; all where there are no more.

    Args:
        questions: to draw from.
        most: how many to draw.
        seed: the same one draws the same questions.
    """
    if len(questions) <= most:
        return questions
    indices = sorted(random.Random(seed).sample(range(len(questions)), most))
    return replace(questions, questions=tuple(questions.questions[index] for index in indices))


def flips_of(
    questions: QASet, run: Run, config: Config[Any], soft: SoftAnswers | None = None
) -> Flips | None:
    """Mirror the training questions, if the settings say so and the network uses the image.

    Args:
        questions: to learn from.
        run: names the words and answers.
        config: says how often an image is flipped.
        soft: other networks' answers to the questions, to learn from, too.

    Raises:
        ConfigError: the questions' language is not known.
    """
    probability = config.train.flips
    if not probability or not uses_image(config.model):
        return None
    language = require_language(questions)
    flips = Flips.of(questions, language, run.words, run.answers, probability=probability)
    if soft is None:
        return flips
    both = soft.with_mirrored(mirror_index(language, run.answers))
    return replace(flips, encoded=both.blend(flips.encoded, config.train.distil_weight))


def batches_of(
    questions: QASet,
    features: FeatureSource,
    run: Run,
    config: TrainConfig,
    flips: Flips | None = None,
    soft: SoftAnswers | None = None,
) -> Batches:
    """Batch questions in the words and answers of a run, soft answers among what they teach."""
    encoded = None
    if soft is not None:
        encoded = EncodedQuestions.encode(questions, run.words, run.answers)
        encoded = soft.blend(encoded, config.distil_weight)
    return Batches(
        questions,
        features,
        run.words,
        run.answers,
        batch_size=config.batch_size,
        sampling=config.sampling,
        encoded=encoded,
        flips=flips,
    )
