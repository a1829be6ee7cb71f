"""``askattend evaluate``: a run on a split, with all that metrics.json and the report tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.batching.batches import Batches
from askattend.data.questions import QASet
from askattend.data.readers.reader import OPTIONS
from askattend.data.readers.registry import absolute_source
from askattend.data.splits import canonical_split
from askattend.environment.console import print_line
from askattend.environment.origin import mark_of
from askattend.environment.packing import is_unpacked, run_folder
from askattend.errors import AskAttendError, ConfigError, FeatureError, ImageError
from askattend.evaluation.evaluate import Evaluation, Figure, evaluate
from askattend.evaluation.figures import all_figures
from askattend.evaluation.human_maps import find_human_maps, require_some
from askattend.experiment.calibrating import calibrate_run
from askattend.experiment.config import Config, config_from
from askattend.experiment.features import Features, features_for
from askattend.experiment.floors import with_verdict
from askattend.experiment.inputs import batches_of, questions_of, sample_of, split_of
from askattend.experiment.own_questions import OwnQuestions, shared
from askattend.experiment.stopped import stopped_note
from askattend.features.geometry import crop_of
from askattend.features.images import open_image
from askattend.files import sweep
from askattend.metrics.calibration import refuse_two_ways
from askattend.report.card import write_card
from askattend.report.details import details_of
from askattend.report.field import field_tile
from askattend.report.gallery import Example, Tile, choose
from askattend.report.index import check_holder, write_index
from askattend.report.page import write_report
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import CONFIG, Run
from askattend.scoring.evaluation_folders import (
    REPORT,
    evaluation_folder,
    evaluations_home,
    source_name,
)
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
    out: Path | None = None
    """Folder for its files; by default one a data set and split, in the run's `evaluations`."""
    features: Path | None = None
    """Feature store; by default the run's, or a cache beside the run."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    human_maps: Path | None = None
    """Where people looked, to compare attention with: a folder of QUESTION_PERSON.png (VQA-HAT)."""
    abstain_above_risk: Probability | None = None
    """From now on `ask` is not sure where more than this share of its answers would be wrong."""
    abstention: bool = True
    """With --no-abstention, `ask` answers always from now on, however unsure it is."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""

    def __post_init__(self) -> None:
        check(self)
        refuse_two_ways(self.abstain_above_risk, abstention=self.abstention)


DEFAULT = EvaluationOptions()


def evaluate_run(
    folder: Path, options: EvaluationOptions = DEFAULT, *, console: Console
) -> Evaluation:
    """Evaluate a run; leaves metrics, results, predictions and report in `place_of`.

    The run's own ``report.html`` lists all its evaluations; a packed one's lie beside the pack.

    Raises:
        AskAttendError: the run, the data, the split, the features or the folder do not fit.
    """
    named, folder = folder, run_folder(folder)
    split, figures = canonical_split(options.split), all_figures()
    place = place_of(named, options)
    _check_folder(place, split)
    people = None if options.human_maps is None else find_human_maps(options.human_maps)
    predictor = Predictor.load(folder, device=options.device, backbone=options.backbone)
    for note in stopped_note(predictor.run):
        print_line(console, f"note: {note}")
    if is_unpacked(folder) and (options.abstain_above_risk is not None or not options.abstention):
        kept = "when to be not sure is kept for this pack on this machine; the file stays as it is"
        print_line(console, f"note: {kept}")
    inputs = _read(predictor, options.data, split, options.features, console=console)
    if people is not None and options.human_maps is not None:
        require_some(people, inputs.questions, options.human_maps)
    mark = mark_of(folder, predictor.run.config)
    check_holder(place, inputs.questions.source, split, mark)
    # Where nobody sees a bar move, it would leave nothing but an empty line.
    bars = console if console.is_interactive else Console(quiet=True)
    predictor, risk = inputs.predictor, options.abstain_above_risk
    calibration = calibrate_run(
        predictor, inputs.valid, risk, abstention=options.abstention, console=bars
    )
    answered = (predictor, inputs.batches, inputs.sample)
    floors = () if predictor.run.floors is None else load_linear_floors(folder)
    evaluation = evaluate(
        *answered,
        figures,
        split,
        calibration,
        floors,
        in_sample=inputs.in_sample,
        human_maps=people,
        console=bars,
    )
    history = read_history(predictor.run)
    evaluation = with_verdict(evaluation, predictor.run, history, inputs.trust)
    for written in (folder, place):
        sweep(written)
    evaluation.save(place, inputs.questions)
    _report(predictor, place / REPORT, evaluation, figures, inputs, history)
    if not is_unpacked(folder):
        write_card(Run.load(folder))  # as it is saved, without the words of these questions
    if place.parent == evaluations_home(named) or not is_unpacked(folder):
        write_index(named)
    return evaluation


def place_of(run: Path, options: EvaluationOptions = DEFAULT) -> Path:
    """Name the folder that an evaluation's files are left in; see `evaluation_folder`."""
    if options.out is not None:
        return options.out
    return evaluation_folder(run, canonical_split(options.split), options.data)


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
        # Its path as a run's own is told; and the run's store holds its own images.
        config = replace(own, data=absolute_source(data), features=features)
    source = _source(config, run.folder)
    questions = split_of(config, source, split)
    store = _store(predictor, config, questions, console=console)
    known = (source, store) if config == own else (None, None)
    trained = _own_questions(own, known[0], console=console)
    valid = _validation(predictor, own, trained, known[1], console=console)
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
        0 if valid is None else shared(questions, valid[0]),
        None if trained is None else trained.trust(questions),
    )


def _source(config: Config[Any], folder: Path) -> QASet:
    """Read all questions; where they are gone, say how to name the place that they are in now."""
    try:
        return questions_of(config)
    except AskAttendError as error:
        kind, colon, path = config.data.partition(":")
        path = re.sub(rf",{OPTIONS}$", "", path)
        if not colon or not path or Path(path).expanduser().exists():
            raise
        packed = "A packed run holds no data: name its" if is_unpacked(folder) else "Name the"
        remedy = f"{packed} questions by --data {kind}:PATH, wherever they lie."
        raise type(error)(error.problem, where=error.where, remedy=remedy) from None


def _own_questions(
    config: Config[Any], source: QASet | None, *, console: Console
) -> OwnQuestions | None:
    """Read the run's own questions; None, and a note, where they are not to be had."""
    if not config.data:
        return None
    try:
        return OwnQuestions.read(config, source)
    except AskAttendError as error:
        print_line(console, f"note: probabilities are not calibrated anew: {error}")
        return None


def _validation(
    predictor: Predictor,
    config: Config[Any],
    trained: OwnQuestions | None,
    store: Features | None,
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
        print_line(console, f"note: probabilities are not calibrated anew: {why}")
    if not questions:
        return None
    try:
        if store is None or any(image not in store for image in questions.images):
            # What follows is not about the images that are evaluated.
            what = "the run's own validation images, to calibrate its probabilities:"
            print_line(console, what)
            store = _store(predictor, config, questions, console=console)
    except AskAttendError as error:
        print_line(console, f"note: probabilities are not calibrated anew: {error}")
        return None
    return sample_of(questions, CALIBRATION), store


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


def _check_folder(folder: Path, split: str) -> None:
    """A split's name becomes a folder's: it must stay inside and apart."""
    if not re.fullmatch(r"\w[\w.-]*", split):
        raise ConfigError(
            f"'{split}' cannot name a folder",
            where="split",
            remedy="Rename the split: letters, digits, '_', '-' and '.' will do.",
        )
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigError("is no folder", where=folder, remedy="Name a folder.")


def _report(
    predictor: Predictor,
    file: Path,
    evaluation: Evaluation,
    figures: Mapping[str, Figure],
    inputs: _Inputs,
    history: TrainingHistory,
) -> None:
    """Write the evaluation's page, with a gallery of some of the questions."""
    run, model = predictor.run, predictor.model
    examples = list(_examples(predictor, evaluation, inputs))
    network = run.config["network"].upper()
    write_report(
        file,
        # The whole source, often long, stands below the figure.
        title=f"{network} on {source_name(inputs.questions.source)}, {evaluation.metrics.split}",
        evaluation=evaluation,
        figures=figures,
        history=history,
        examples=examples,
        details=details_of(predictor, evaluation.metrics, history),
        maps_name=predictor.maps_name if model.attends else None,
        sees=model.sees,
        field=_field(predictor, examples) if model.attends else None,
    )


def _field(predictor: Predictor, examples: Sequence[Example]) -> Tile | None:
    """Draw what a region of an example has seen, where the run's backbone is to be had."""
    try:
        return field_tile(predictor.backbone, examples[0]) if examples else None
    except FeatureError:  # its features were enough to answer
        return None


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
