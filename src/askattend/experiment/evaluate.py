"""``askattend evaluate``: a run on a split, with all that metrics.json and the report tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace as replace_struct
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.data.questions import QASet
from askattend.data.readers.registry import absolute_source
from askattend.data.splits import canonical_split
from askattend.errors import AskAttendError, ConfigError, ImageError
from askattend.evaluation.answers import fit_calibration
from askattend.evaluation.evaluate import Evaluation, Figure, evaluate
from askattend.evaluation.figures import all_figures
from askattend.experiment.config import Config, config_from
from askattend.experiment.features import Features, features_for
from askattend.experiment.floors import with_verdict
from askattend.experiment.inputs import batches_of, questions_of, sample_of, split_of
from askattend.features.geometry import crop_of
from askattend.features.images import open_image
from askattend.metrics.calibration import Calibration
from askattend.packing import run_folder
from askattend.report.card import write_card
from askattend.report.details import details_of
from askattend.report.gallery import Example, choose
from askattend.report.page import write_report
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import CONFIG, Run
from askattend.settings import Probability, check
from askattend.training.history import TrainingHistory, read_history

GALLERY = 48
# Questions for what needs the network to answer again, some eighty times each.
SAMPLE = 200
# A temperature needs no more questions than this to be fitted.
CALIBRATION = 4_000


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation: on what, and how."""

    data: str | None = None
    """Question source; by default the one that the run was trained on."""
    split: str = "test"
    """One of its splits: test, valid, train, or the source's own name."""
    features: Path | None = None
    """Feature store; by default the run's, or a cache beside the run."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    abstain_above_risk: Probability | None = None
    """From now on `ask` is not sure where more than this share of its answers would be wrong."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""

    def __post_init__(self) -> None:
        check(self)


DEFAULT = EvaluationOptions()


def evaluate_run(
    folder: Path, options: EvaluationOptions = DEFAULT, *, console: Console
) -> Evaluation:
    """Evaluate a run; leaves metrics, results and predictions in ``RUN/SPLIT``, and report.html.

    Raises:
        AskAttendError: the run, the data, the split or the features do not fit.
    """
    folder = run_folder(folder)
    split, figures = canonical_split(options.split), all_figures()
    _check_folder(folder / split, split)
    predictor = Predictor.load(folder, device=options.device, backbone=options.backbone)
    inputs = _read(predictor, options.data, split, options.features, console=console)
    # Where nobody sees a bar move, it would leave nothing but an empty line.
    bars = console if console.is_interactive else Console(quiet=True)
    predictor = inputs.predictor
    calibration = _calibrate(predictor, inputs.valid, options.abstain_above_risk, console=bars)
    answered = (predictor, inputs.batches, inputs.sample)
    floors = () if predictor.run.floors is None else load_linear_floors(folder)
    evaluation = evaluate(*answered, figures, split, calibration, floors, console=bars)
    history = read_history(predictor.run)
    evaluation = with_verdict(evaluation, predictor.run, history)
    evaluation.save(folder / split, inputs.questions)
    _report(predictor, evaluation, figures, inputs, history)
    write_card(Run.load(folder))  # as it is saved, without the words of these questions
    return evaluation


@dataclass(frozen=True)
class _Inputs:
    """Questions and features that a run is evaluated on.

    Attributes:
        predictor: the run, knowing the questions' words.
        questions: those of the split.
        store: the features of their images.
        batches: the questions with their features.
        sample: some of them, for what needs the network to answer again.
        valid: validation questions to learn from how far probabilities can be trusted; None where
            they, or their features, are not to be had.
    """

    predictor: Predictor
    questions: QASet
    store: Features
    batches: Batches
    sample: Batches
    valid: Batches | None


def _read(
    predictor: Predictor,
    data: str | None,
    split: str,
    features: Path | None,
    *,
    console: Console,
) -> _Inputs:
    """Read the source once; see `evaluate_run` for what is named."""
    run = predictor.run
    own = config_from(run.config, run.config["network"], where=str(run.folder / CONFIG))
    config = own = own if features is None else replace(own, features=features)
    if data is not None and absolute_source(data) != absolute_source(own.data):
        config = replace(own, data=data, features=features)  # the run's store holds its own images
    source = questions_of(config)
    questions = split_of(config, source, split)
    store = _store(predictor, config, questions, console=console)
    known = (source, store) if config == own else (None, None)
    valid = _validation(predictor, own, *known, console=console)
    read = (questions,) if valid is None else (questions, valid[0])
    predictor = predictor.knowing(question.text for part in read for question in part)
    batches = partial(batches_of, run=predictor.run, config=config.train)
    return _Inputs(
        predictor,
        questions,
        store,
        batches(questions, store),
        batches(sample_of(questions, SAMPLE), store),
        None if valid is None else batches(*valid),
    )


def _validation(
    predictor: Predictor,
    config: Config[Any],
    source: QASet | None,
    store: Features | None,
    *,
    console: Console,
) -> tuple[QASet, Features] | None:
    """Some of the run's validation questions with answers, and features of their images.

    None where they are not to be had.

    Args:
        predictor: the run.
        config: its settings.
        source: all questions that they name, if they are read already.
        store: the store of their features, if it is opened already.
        console: where notes and progress go.
    """
    if not config.data:
        return None
    try:
        source = questions_of(config) if source is None else source
        questions = split_of(config, source, "valid")
        if store is None or any(image not in store for image in questions.images):
            store = _store(predictor, config, questions, console=console)
    except AskAttendError as error:
        console.print(f"note: probabilities are not calibrated: {error}", highlight=False)
        return None
    answered = replace(questions, questions=tuple(q for q in questions if q.answers))
    if not answered.questions:
        return None
    return sample_of(answered, CALIBRATION), store


def _store(
    predictor: Predictor, config: Config[Any], questions: QASet, *, console: Console
) -> Features:
    """Open, or fill, the store of the features of the questions' images."""
    run = predictor.run
    # An imported run's backbone squares images in its own way, which no setting tells.
    extracts = config.features is None and (run.features.imported or predictor.renamed)
    return features_for(
        config,
        questions.images,
        run.folder.parent,
        console=console,
        spec=run.features,
        backbone=predictor.backbone if extracts else None,
    )


def _calibrate(
    predictor: Predictor,
    valid: Batches | None,
    abstain_above_risk: float | None,
    *,
    console: Console,
) -> Calibration | None:
    """Learn from validation how far the run's probabilities can be trusted, and save it in the run.

    Without validation questions, what an earlier evaluation learnt stays, if there was one. So does
    the risk to stay below, where none is named.

    Raises:
        ConfigError: a risk is named, and there is nothing to learn from how to keep it.
    """
    before = predictor.calibration
    found = before if valid is None else fit_calibration(predictor, valid, console=console)
    if found is None:
        if abstain_above_risk is not None:
            raise ConfigError(
                "there are no validation questions to learn it from",
                where="abstain_above_risk",
                remedy="Leave it out, or evaluate beside the data that the run was trained on.",
            )
        return None
    if abstain_above_risk is None and before is not None:
        abstain_above_risk = before.abstain_above_risk
    found = replace_struct(found, abstain_above_risk=abstain_above_risk)
    predictor.recalibrate(found)
    return found


def _check_folder(folder: Path, split: str) -> None:
    """A split's name becomes a folder's in the run: it must stay inside and apart."""
    if not re.fullmatch(r"\w[\w.-]*", split) or split == "tensorboard" or folder.is_file():
        raise ConfigError(
            f"'{split}' cannot name a folder of the run",
            where="split",
            remedy="Rename the split: letters, digits, '_', '-' and '.' will do.",
        )


def _report(
    predictor: Predictor,
    evaluation: Evaluation,
    figures: Mapping[str, Figure],
    inputs: _Inputs,
    history: TrainingHistory,
) -> None:
    """Write report.html into the run folder, with a gallery of some of the questions."""
    run, model = predictor.run, predictor.model
    network = run.config["network"].upper()
    write_report(
        run.folder / "report.html",
        # The whole source, often long, stands below the figure.
        title=f"{network} on {inputs.questions.source.partition(':')[0]}",
        evaluation=evaluation,
        figures=figures,
        history=history,
        examples=list(_examples(predictor, evaluation, inputs)),
        details=details_of(predictor, evaluation.metrics, history),
        maps_name=predictor.maps_name if model.attends else None,
        sees=model.sees,
    )


def _examples(predictor: Predictor, evaluation: Evaluation, inputs: _Inputs) -> Iterator[Example]:
    """Answer some of the questions again, for all that the gallery shows of an answer."""
    questions, store = inputs.questions, inputs.store
    for position in choose(evaluation.predictions, count=GALLERY):
        question = questions.questions[position]
        try:
            image = open_image(questions.images[question.image])
        except ImageError:  # its features were enough to answer; there is nothing to show
            continue
        look = predictor.look_at(store.read([question.image]))
        answer = predictor.answer(look, [0], [question.text])[0]
        score = evaluation.predictions[position].score
        yield Example(question, image, answer, score, crop_of(image.size, store.spec))
