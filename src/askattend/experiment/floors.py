"""The floors of a training: fitted before the first epoch, and held against the best one."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import msgspec
from msgspec.structs import replace

from askattend.data.questions import QASet
from askattend.evaluation.evaluate import Evaluation
from askattend.evaluation.figures.without_image import WithoutImage, image_verdict
from askattend.experiment.config import Config
from askattend.experiment.features import Features, uses_image
from askattend.experiment.inputs import sample_of
from askattend.metrics.floor_comparison import floor_answers, floors_verdict
from askattend.metrics.linear_floor import LinearFloor, fit_linear_floors
from askattend.runs.linear_floors import LINEAR_FLOORS, load_linear_floors, save_linear_floors
from askattend.runs.run_folder import Run
from askattend.training.history import TrainingHistory

# Validation questions that floors answer before the first epoch. Each one's image is read, which
# of a large set would take longer than the fit.
MOST_VALIDATION = 5_000

# What helps, by docs/accuracy.md: of photographs, 2,000 questions were too few.
ADVICE = (
    "What helps: more questions (of photographs, 2,000 were too few: docs/accuracy.md, few "
    "questions), fewer distinct answers, and questions whose answer differs between pictures."
)


class FloorAccuracy(msgspec.Struct, frozen=True):
    """Accuracy of a floor on the validation questions, 0 to 1, and its name for people."""

    name: str
    accuracy: float


def prepare_linear_floors(
    run: Run, config: Config[Any], train: QASet, features: Features, *, resume: bool
) -> tuple[LinearFloor, ...]:
    """Fit the floors of a run and save them in it; a resumed run has them already."""
    if resume and (run.folder / LINEAR_FLOORS).exists():
        return load_linear_floors(run.folder)
    seen = features if uses_image(config.model) else None
    save_linear_floors(run.folder, fit_linear_floors(train.questions, seen))
    # As a resumed run has them: laid out otherwise in memory, they would answer otherwise by a bit.
    return load_linear_floors(run.folder)


def floors_on_validation(
    run: Run, linear: tuple[LinearFloor, ...], valid: QASet, features: Features
) -> dict[str, FloorAccuracy]:
    """Score every floor on the validation questions, as an epoch is: a mean over them.

    Of more than `MOST_VALIDATION` a sample is drawn, always the same one.
    """
    assert run.floors is not None, "a training has questions to learn floors from"
    questions = sample_of(valid, MOST_VALIDATION).questions
    answers = floor_answers(run.floors, linear, questions, features)
    return {
        key: FloorAccuracy(floor.name, fmean(floor.scores(questions)))
        for key, floor in answers.items()
    }


def floors_line(floors: Mapping[str, FloorAccuracy], questions: int) -> str:
    """Say the floors on so many validation questions in a line."""
    told = ", ".join(f"{floor.name} {100 * floor.accuracy:.1f} %" for floor in floors.values())
    some = f", {MOST_VALIDATION:,} of its questions" if questions > MOST_VALIDATION else ""
    return f"floors on validation{some}: {told}"


def floors_remark(
    run: Run, history: TrainingHistory, floors: Mapping[str, FloorAccuracy]
) -> str | None:
    """Say plainly that the best epoch does not beat the strongest floor; None if it does."""
    best = history.best
    assert best is not None, "training runs for at least one epoch"
    unbeaten = [floor for floor in floors.values() if best.valid_accuracy <= floor.accuracy]
    if not unbeaten:
        return None
    strongest = max(unbeaten, key=lambda floor: floor.accuracy)
    return (
        f"the {history.keep} epoch, {best.valid_accuracy:.1%}, does not beat the floor "
        f"{strongest.name}, {strongest.accuracy:.1%}: a guess without the network is as good. "
        f"Tried: {_tried(run, history)}. `askattend evaluate` tells whether what is right "
        f"hangs on the pictures. {ADVICE}"
    )


def with_verdict(
    evaluation: Evaluation, run: Run, history: TrainingHistory, trust: str | None
) -> Evaluation:
    """Return an evaluation that says whether floors are beaten, pictures used, figures trusted."""
    metrics = evaluation.metrics
    without = metrics.figures.get("without_image")
    images = image_verdict(without) if isinstance(without, WithoutImage) else None
    said = (floors_verdict(metrics.floors or {}, _tried(run, history)), images)
    bad = [sentence for sentence in said if sentence is not None]
    verdict = "\n".join([*bad, ADVICE]) if bad else None
    return replace(evaluation, metrics=replace(metrics, verdict=verdict, trust=trust))


def _tried(run: Run, history: TrainingHistory) -> str:
    """Describe what was trained, as far as the run tells."""
    settings = run.config.get("train", {})
    rate = f", learning rate {settings['learning_rate']:g}" if "learning_rate" in settings else ""
    recipe = f", recipe {run.config['recipe']}" if "recipe" in run.config else ""
    done = len(history.epochs)
    epochs = f", {done} epoch{'s' * (done > 1)}" if done else ""
    return f"{run.config['network']}{recipe}{epochs}{rate}"
