"""``askattend evaluate``: a run on a split, with all that metrics.json and the report tell."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec.structs import replace as replace_struct
from rich.console import Console

from askattend.data.questions import QASet
from askattend.data.readers.registry import absolute_source
from askattend.data.splits import canonical_split
from askattend.errors import AskAttendError, ConfigError, ImageError
from askattend.evaluation.evaluate import Evaluation, calibrated, evaluate
from askattend.evaluation.removal import sensitivity
from askattend.experiment.config import Config, config_from
from askattend.experiment.features import Features, features_for
from askattend.experiment.inputs import batches_of, sample_of, split_of
from askattend.features.geometry import crop_of
from askattend.features.images import open_image
from askattend.metrics.calibration import Calibration
from askattend.report import Example, choose, write_report
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import CONFIG
from askattend.training.history import read_history

GALLERY = 48
# As many questions as are asked again without some of their regions.
SAMPLE = 500
# A temperature needs no more questions than this to be fitted.
CALIBRATION = 4_000


def evaluate_run(
    folder: Path,
    *,
    data: str | None = None,
    split: str = "test",
    features: Path | None = None,
    backbone: str | None = None,
    abstain_above_risk: float | None = None,
    device: str = "auto",
    console: Console,
) -> Evaluation:
    """Evaluate a run on a split; leaves ``SPLIT/metrics.json``, ``SPLIT/results.json``,
    ``SPLIT/predictions.json`` and ``report.html`` in the run folder.

    Args:
        folder: the run folder.
        data: the question source; the run's own by default.
        split: ``"valid"`` is what training validated on, also where it was carved out.
        features: a store made by the run's backbone; by default the run's, or the cache beside it.
        backbone: see `Predictor.load`.
        abstain_above_risk: the risk that asking the run is to stay below, from now on, by not being
            sure; None leaves it as it was.
        device: where to compute.
        console: where progress goes.

    Raises:
        AskAttendError: the run, the data, the split or the features do not fit.
    """
    split = canonical_split(split)
    _check_evaluation(folder / split, split)
    predictor = Predictor.load(folder, device=device, backbone=backbone)
    run = predictor.run
    own = config_from(run.config, run.config["network"], where=str(folder / CONFIG))
    config = own
    if data is not None and absolute_source(data) != absolute_source(own.data):
        config = replace(own, data=data, features=None)  # its store holds its own images
    if features is not None:
        config = replace(config, features=features)
    questions = split_of(config, split)
    store = _store(predictor, config, questions, console=console)
    batches = batches_of(questions, store, run, config.train)
    # Where nobody sees a bar move, it would leave nothing but an empty line.
    bars = console if console.is_interactive else Console(quiet=True)
    shared = store if own == replace(config, features=own.features) else None
    calibration = _calibration(predictor, own, features, shared, console=console, bars=bars)
    if calibration is not None:
        if abstain_above_risk is not None:
            calibration = replace_struct(calibration, abstain_above_risk=abstain_above_risk)
        run.save_calibration(calibration)
    elif abstain_above_risk is not None:
        raise ConfigError(
            "there are no validation questions to learn it from",
            where="abstain_above_risk",
            remedy="Leave it out, or evaluate beside the data that the run was trained on.",
        )
    evaluation = evaluate(predictor, batches, split=split, console=bars, calibration=calibration)
    if predictor.model.attends:
        sample = batches_of(sample_of(questions, SAMPLE), store, run, config.train)
        falls = sensitivity(predictor.model, sample)
        metrics = replace_struct(evaluation.metrics, sensitivity=falls)
        evaluation = replace_struct(evaluation, metrics=metrics)
    evaluation.save(folder / split, questions)
    _report(Predictor.load(folder, device=device, backbone=backbone), evaluation, questions, store)
    return evaluation


def _store(
    predictor: Predictor, config: Config[Any], questions: QASet, *, console: Console
) -> Features:
    """The features of the questions' images."""
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


def _calibration(
    predictor: Predictor,
    own: Config[Any],
    features: Path | None,
    opened: Features | None,
    *,
    console: Console,
    bars: Console,
) -> Calibration | None:
    """What the run's validation questions teach about its probabilities.

    Where their features are not to be had, what an earlier evaluation learnt, if there was one.

    Args:
        predictor: the run.
        own: its settings.
        features: the store named, if one is.
        opened: the store that their features are kept in, if it is opened already.
        console: where notes go.
        bars: where progress bars go.
    """
    before = predictor.run.load_calibration()
    if not own.data:
        return before
    try:
        config = own if features is None else replace(own, features=features)
        questions = split_of(config, "valid")
        if opened is None or any(image not in opened for image in questions.images):
            opened = _store(predictor, config, questions, console=console)
    except AskAttendError as error:
        console.print(f"note: probabilities are not calibrated: {error}", highlight=False)
        return before
    answered = replace(questions, questions=tuple(q for q in questions if q.answers))
    if not answered.questions:
        return before
    drawn = sample_of(answered, CALIBRATION)
    valid = batches_of(drawn, opened, predictor.run, own.train)
    found = calibrated(predictor, valid, console=bars)
    if before is None:
        return found
    return replace_struct(found, abstain_above_risk=before.abstain_above_risk)


def _check_evaluation(folder: Path, split: str) -> None:
    """A split's name becomes a folder's in the run: it must stay inside and apart."""
    if not re.fullmatch(r"\w[\w.-]*", split) or split == "tensorboard" or folder.is_file():
        raise ConfigError(
            f"'{split}' cannot name a folder of the run",
            where="split",
            remedy="Rename the split: letters, digits, '_', '-' and '.' will do.",
        )


def _report(
    predictor: Predictor, evaluation: Evaluation, questions: QASet, store: Features
) -> None:
    """report.html in the run folder, with a gallery of some of the questions."""
    run = predictor.run
    examples = []
    for position in choose(evaluation, count=GALLERY):
        question = questions.questions[position]
        try:
            image = open_image(questions.images[question.image])
        except ImageError:  # its features were enough to answer; there is nothing to show
            continue
        look = predictor.look_at(store.read([question.image]))
        answer = predictor.answer(look, [0], [question.text])[0]
        score = evaluation.predictions[position].score
        part = crop_of(image.size, store.spec)
        examples.append(Example(question, image, answer, score, part))
    features, history = run.features, read_history(run)
    details = {
        "Network": run.config["network"].upper(),
        "Parameters": f"{sum(p.numel() for p in predictor.model.parameters()):,}",
        "Questions from": questions.source,
        "Training": f"{len(history.epochs)} epochs, "
        f"{sum(epoch.seconds for epoch in history.epochs):,.0f} s",
        "Words, answers": f"{len(run.words):,}, {len(run.answers):,}",
        "Backbone": features.label,
        "Regions": f"{features.rows} × {features.columns}, {features.region_dim:,} wide",
        "Repeat with": f"askattend evaluate {shlex.quote(str(run.folder))} "
        f"--data {shlex.quote(questions.source)} --split {evaluation.metrics.split}",
    }
    write_report(
        run.folder / "report.html",
        maps_name=predictor.maps_name if predictor.model.attends else None,
        sees=predictor.model.sees,
        # The whole source, often long, stands below the figure.
        title=f"{run.config['network'].upper()} on {questions.source.partition(':')[0]}",
        evaluation=evaluation,
        progression=history,
        examples=examples,
        details=details,
    )
