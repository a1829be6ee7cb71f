"""``askattend evaluate``: a run on a split, with all that metrics.json and the report tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from askattend.data.splits import canonical_split
from askattend.environment.console import print_line
from askattend.environment.hub import is_foreign
from askattend.environment.origin import mark_of
from askattend.environment.packing import is_unpacked, run_folder
from askattend.errors import ConfigError, FeatureError, ImageError
from askattend.evaluation.evaluate import Evaluation, Figure, evaluate
from askattend.evaluation.figures import all_figures
from askattend.evaluation.human_maps import find_human_maps, require_some
from askattend.experiment.calibrating import calibrate_run
from askattend.experiment.evaluate_foreign import evaluate_foreign, refuse_options_of_models
from askattend.experiment.evaluation_inputs import EvaluationInputs, read_inputs
from askattend.experiment.floors import with_verdict
from askattend.experiment.options import EvaluationOptions as EvaluationOptions
from askattend.experiment.stopped import stopped_note
from askattend.features.geometry import crop_of
from askattend.features.images import open_image
from askattend.files import sweep
from askattend.report.card import write_card
from askattend.report.details import details_of, repeating
from askattend.report.field import field_tile
from askattend.report.gallery import Example, Tile, choose
from askattend.report.index import check_holder, write_index
from askattend.report.page import write_report
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.scoring.evaluation_folders import (
    REPORT,
    evaluation_folder,
    evaluations_home,
    source_name,
)
from askattend.training.history import TrainingHistory, read_history

GALLERY = 48


DEFAULT = EvaluationOptions()


def evaluate_run(
    folder: Path, options: EvaluationOptions = DEFAULT, *, console: Console
) -> Evaluation:
    """Evaluate a run; leaves metrics, results, predictions and report in `place_of`.

    A model of transformers' may stand in its place, see `evaluate_foreign`.
    The run's own ``report.html`` lists all its evaluations; a packed one's lie beside the pack. A
    run whose folder may not be written to is evaluated into another one: nothing is kept in it.

    Raises:
        AskAttendError: the run, the data, the split, the features or the folder do not fit.
    """
    split, figures = canonical_split(options.split), all_figures()
    place = place_of(folder, options)
    _check_folder(place, split)
    if is_foreign(folder):
        return evaluate_foreign(folder, options, place, console=console)
    refuse_options_of_models(options)
    named, folder = folder, run_folder(folder)
    people = None if options.human_maps is None else find_human_maps(options.human_maps)
    predictor = Predictor.load(folder, device=options.device, backbone=options.backbone)
    for note in stopped_note(predictor.run):
        print_line(console, f"note: {note}")
    if is_unpacked(folder) and (options.abstain_above_risk is not None or not options.abstention):
        kept = "when to be not sure is kept for this pack on this machine; the file stays as it is"
        print_line(console, f"note: {kept}")
    keeps = _keeps(folder, options, console)
    beside = folder.parent if os.access(folder.parent, os.W_OK) else place.parent
    inputs = read_inputs(predictor, options.data, split, options.features, beside, console=console)
    if people is not None and options.human_maps is not None:
        require_some(people, inputs.questions, options.human_maps)
    mark = mark_of(folder, predictor.run.config)
    check_holder(place, inputs.questions.source, split, mark)
    # Where nobody sees a bar move, it would leave nothing but an empty line.
    bars = console if console.is_interactive else Console(quiet=True)
    predictor, risk = inputs.predictor, options.abstain_above_risk
    calibration = calibrate_run(
        predictor, inputs.valid, risk, abstention=options.abstention, keep=keeps, console=bars
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
    for written in (folder, place) if keeps else (place,):
        sweep(written)
    evaluation.save(place, inputs.questions)
    repeat = repeating(
        named,
        split,
        data=options.data,
        abstain_above_risk=risk,
        abstention=options.abstention,
    )
    _report(predictor, place / REPORT, evaluation, figures, inputs, history, repeat)
    if keeps and not is_unpacked(folder):
        write_card(Run.load(folder))  # as it is saved, without the words of these questions
    if keeps and (place.parent == evaluations_home(named) or not is_unpacked(folder)):
        write_index(named)
    return evaluation


def _keeps(folder: Path, options: EvaluationOptions, console: Console) -> bool:
    """Tell whether the run keeps what is learnt: not one that is shared to be read alone.

    Raises:
        ConfigError: it does not, and is told when to be not sure from now on.
    """
    if options.out is None or os.access(folder, os.W_OK):
        return True
    if options.abstain_above_risk is not None or not options.abstention:
        problem = "the run keeps when to be not sure, and its folder may not be written to"
        raise ConfigError(problem, where=folder, remedy="Copy it, and evaluate the copy.")
    kept = "no calibration, model card or list of evaluations is kept in it"
    print_line(console, f"note: {folder} may not be written to: {kept}")
    return False


def place_of(run: Path, options: EvaluationOptions = DEFAULT) -> Path:
    """Name the folder that an evaluation's files are left in; see `evaluation_folder`."""
    if options.out is not None:
        return options.out
    return evaluation_folder(run, canonical_split(options.split), options.data)


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
    inputs: EvaluationInputs,
    history: TrainingHistory,
    repeat: str,
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
        details=details_of(predictor, evaluation.metrics, history, repeat),
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


def _examples(
    predictor: Predictor, evaluation: Evaluation, inputs: EvaluationInputs
) -> Iterator[Example]:
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
