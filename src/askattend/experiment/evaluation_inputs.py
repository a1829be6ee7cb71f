"""Inputs of an evaluation: a run, questions and features, and those to calibrate it by."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.batching.batches import Batches
from askattend.data.questions import QASet
from askattend.data.readers.reader import OPTIONS
from askattend.data.readers.registry import READERS, absolute_source
from askattend.environment.console import print_line
from askattend.environment.origin import read_origin
from askattend.environment.packing import is_unpacked
from askattend.errors import AskAttendError
from askattend.experiment.config import Config, config_from
from askattend.experiment.features import Features, features_for
from askattend.experiment.inputs import batches_of, questions_of, sample_of, split_of
from askattend.experiment.own_questions import OwnQuestions, shared
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import CONFIG

# Questions for what needs the network to answer again, some eighty times each.
SAMPLE = 200
# A temperature needs no more questions than this to be fitted.
CALIBRATION = 4_000
_NOT_ANEW = "note: probabilities are not calibrated anew, and stay as they are: {}"


@dataclass(frozen=True)
class EvaluationInputs:
    """Questions and features that a run is evaluated on.

    Attributes:
        predictor: the run, knowing the questions' words.
        questions: those of the split.
        store: the features of their images.
        batches: the questions with their features.
        sample: some of them, for what needs the network to answer again.
        valid: validation questions to learn from how far probabilities can be trusted; None where
            they, or their features, are not to be had.
        in_sample: how many of the split's questions are among them.
        trust: how far figures on the split can be trusted, where something speaks against.
    """

    predictor: Predictor
    questions: QASet
    store: Features
    batches: Batches
    sample: Batches
    valid: Batches | None
    in_sample: int
    trust: str | None


def read_inputs(
    predictor: Predictor,
    data: str | None,
    split: str,
    features: Path | None,
    beside: Path,
    *,
    console: Console,
) -> EvaluationInputs:
    """Read the source once; see `evaluate_run` for what is named.

    Args:
        predictor, data, split, features, console: of the evaluation.
        beside: the folder that features are cached in, where none are named.
    """
    run = predictor.run
    own = config_from(run.config, run.config["network"], where=str(run.folder / CONFIG))
    config = own = own if features is None else replace(own, features=features)
    if data is not None and absolute_source(data) != absolute_source(own.data):
        # Its path as a run's own is told; and the run's store holds its own images.
        config = replace(own, data=absolute_source(data), features=features)
    source = _source(config, run.folder)
    questions = split_of(config, source, split)
    store = _store(predictor, config, questions, beside, console=console)
    own, trained, named = _own_questions(own, config, source, run.folder, console=console)
    known = store if own == config else None
    valid = _validation(predictor, own, trained, known, beside, console=console)
    read = (questions,) if valid is None else (questions, valid[0])
    predictor = predictor.knowing(question.text for part in read for question in part)
    batches = partial(batches_of, run=predictor.run, config=config.train)
    return EvaluationInputs(
        predictor,
        questions,
        store,
        batches(questions, store),
        batches(sample_of(questions, SAMPLE), store),
        None if valid is None else batches(*valid),
        0 if valid is None else shared(questions, valid[0]),
        None if named is None else named.trust(questions),
    )


def _source(config: Config[Any], folder: Path) -> QASet:
    """Read all questions; where they are gone, say how to name the place that they are in now."""
    try:
        return questions_of(config)
    except AskAttendError as error:
        kind, colon, path = config.data.partition(":")
        path = re.sub(rf",{OPTIONS}$", "", path)
        reader = READERS.find(kind)
        is_name = reader is not None and not reader.is_path
        if not colon or not path or is_name or Path(path).expanduser().exists():
            raise
        packed = "A packed run holds no data: name its" if is_unpacked(folder) else "Name the"
        remedy = f"{packed} questions by --data {kind}:PATH, wherever they lie."
        raise type(error)(error.problem, where=error.where, remedy=remedy) from None


def _own_questions(
    own: Config[Any], config: Config[Any], source: QASet, folder: Path, *, console: Console
) -> tuple[Config[Any], OwnQuestions | None, OwnQuestions | None]:
    """Read the run's own questions, where they are to be had: a copy of them does as well.

    Args:
        own: the run's settings.
        config: the same, with the source that is evaluated.
        source: all its questions.
        folder: of the run.
        console: where a note goes if they are not to be had.

    Returns:
        settings that name the source to calibrate by; its questions; and those to hold the
        evaluated ones against, which are the source's where it is a copy.
    """
    if not own.data:
        return own, None, None
    origin = read_origin(folder)
    begun = None if origin is None else origin.questions
    copied = None if config == own else _copy(config, source, begun)
    try:
        trained = OwnQuestions.read(own, source if config == own else None)
    except AskAttendError as error:
        if copied is None:
            where = f"{error.where}: {error.problem}" if error.where else error.problem
            why = f"they need the questions that the run was trained on, all of them ({where})"
            print_line(console, _NOT_ANEW.format(why))
        return config, copied, copied
    if copied is not None and trained.digest != begun:  # others lie there by now
        return config, copied, copied
    # The features of those in their own place are at hand, most likely.
    return own, trained, trained if copied is None else copied


def _copy(config: Config[Any], source: QASet, begun: str | None) -> OwnQuestions | None:
    """Divide a source as training did; None where the run began with other questions."""
    try:
        divided = OwnQuestions.read(config, source)
    except AskAttendError:  # it lacks the splits to train on
        return None
    return divided if divided.digest == begun else None


def _validation(
    predictor: Predictor,
    config: Config[Any],
    trained: OwnQuestions | None,
    store: Features | None,
    beside: Path,
    *,
    console: Console,
) -> tuple[QASet, Features] | None:
    """Return some of the run's validation questions, and features of their images, if to be had.

    The store is that of their features, if it is opened already.
    """
    if trained is None:
        return None
    questions = trained.to_calibrate
    if questions is None:
        why = "they were validated on the training questions themselves"
        print_line(console, _NOT_ANEW.format(why))
    if not questions:
        return None
    try:
        if store is None or any(image not in store for image in questions.images):
            # What follows is not about the images that are evaluated.
            what = "the run's own validation images, to calibrate its probabilities:"
            print_line(console, what)
            store = _store(predictor, config, questions, beside, console=console)
    except AskAttendError as error:
        print_line(console, _NOT_ANEW.format(error))
        return None
    return sample_of(questions, CALIBRATION), store


def _store(
    predictor: Predictor, config: Config[Any], questions: QASet, beside: Path, *, console: Console
) -> Features:
    """Open, or fill, the store of the features of the questions' images."""
    run = predictor.run
    # An imported run's backbone squares images in its own way, which no setting tells.
    extracts = config.features is None and (run.features.imported or predictor.renamed)
    return features_for(
        config,
        questions.images,
        beside,
        console=console,
        spec=run.features,
        backbone=predictor.backbone if extracts else None,
    )
