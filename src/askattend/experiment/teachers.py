"""Several networks trained for one: its teachers, and what it learns from them.

All teachers learn from all training questions, and what they answer on average is learnt (Hinton
et al. 2015, arXiv 1503.02531). A network that has learnt a question by heart repeats its answer,
though. So they may be made to learn without a share of the images each, and a question's soft
answers are then those of the teachers that never saw its image (cross-fitting, Dao et al. 2021,
arXiv 2104.09732).

A linear floor may teach, too: on small sets it is as good as a network, and errs elsewhere. And
teachers can answer any question about any image, so there is as much to learn from as one likes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from msgspec.structs import replace as msgspec_replace
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.batching.flips import require_language
from askattend.batching.soft_answers import SoftAnswers
from askattend.data.crossing import with_crossed
from askattend.data.questions import QASet
from askattend.data.splits import Splits, image_folds, of_images
from askattend.devices import pick_device
from askattend.environment.console import print_line
from askattend.experiment.config import Config
from askattend.experiment.features import Features
from askattend.experiment.inputs import batches_of, flips_of, sample_of
from askattend.files import remove_tree
from askattend.metrics.linear_floor import LinearFloor
from askattend.models import model_name, networks
from askattend.runs.run_folder import Run
from askattend.training.distilling import (
    SOFT_ANSWERS,
    Teacher,
    ensemble_accuracy,
    floor_soft_answers,
    load_soft_answers,
    mean_probabilities,
    save_soft_answers,
    tempered,
)
from askattend.training.history import TrainingHistory
from askattend.training.loop import fit
from askattend.training.processes import ALONE, Processes
from askattend.training.teacher_scores import TeacherScores

TEACHERS = "teachers"
# Questions that a temperature is fitted on; more change nothing that a network would learn.
FOR_TEMPERATURE = 4096


def held_out(teacher: int, teachers: int, share: float) -> tuple[int, ...]:
    """List the folds that a teacher does not learn from, both counted from 0.

    There are as many folds as teachers. So many teachers answer a question as a teacher has folds
    held out.

    Args:
        teacher: which.
        teachers: how many there are.
        share: of the folds, rounded to one at least, and never to all; 0 for none.
    """
    if not share:
        return ()
    count = min(max(round(share * teachers), 1), teachers - 1)
    return tuple((teacher + more) % teachers for more in range(count))


def fold_images(config: Config[Any], train: QASet) -> tuple[frozenset[str], ...]:
    """Divide the training images into as many folds as there are teachers, if any are held out.

    Raises:
        ConfigError: there are fewer images than folds.
    """
    if config.seeds == 1 or not config.train.distil_held_out:
        return (frozenset(train.images),)
    return image_folds(train, config.seeds)


@dataclass(frozen=True)
class Lesson:
    """All that teachers are trained with.

    Attributes:
        run: the run whose network is to learn from them.
        config: its settings; `config.seeds` is the number of teachers.
        splits: its questions.
        features: of their images.
        floor: the strongest linear floor of the run; None where it does not teach.
        resume: go on where earlier trainings of the teachers stopped.
        console: where notes and progress go.
        processes: that train together.
    """

    run: Run
    config: Config[Any]
    splits: Splits
    features: Features
    floor: LinearFloor | None
    resume: bool
    console: Console
    processes: Processes = ALONE

    @property
    def kinds(self) -> int:
        """How many kinds of teachers the settings want: networks, a floor."""
        return (self.config.seeds > 1) + (self.config.train.distil_floor > 0)

    def questions(self) -> QASet:
        """Return the training questions, and what teachers alone will answer."""
        # An answer that ignores image or question is the same of every pair.
        both = networks()[model_name(self.config.model)].inputs >= {"image", "question"}
        times = self.config.train.distil_crossed if both else 0
        train, seed = self.splits.train, self.config.train.seed
        if not self.config.train.flips:
            return with_crossed(train, times, seed=seed)
        # A question that no mirror is known for would bar the other image from being flipped.
        certain = require_language(train).certain
        return with_crossed(train, times, seed=seed, only=lambda question: certain(question.text))

    def held_out(self, teacher: int) -> tuple[int, ...]:
        """List the folds that a teacher does not learn from."""
        return held_out(teacher, self.config.seeds, self.config.train.distil_held_out)

    def folds(self) -> list[QASet]:
        """Divide the training questions into the folds that teachers may do without."""
        train = self.splits.train
        return [of_images(train, fold) for fold in fold_images(self.config, train)]

    def batches(self, questions: QASet) -> Batches:
        """Batch questions to be answered."""
        return batches_of(questions, self.features, self.run, self.config.train)


@dataclass(frozen=True)
class Taught:
    """Questions for a network to learn, with its teachers' answers.

    Attributes:
        questions: the training questions, and those asked of other images.
        soft: the teachers' answers to them.
        scores: how good the teachers are.
    """

    questions: QASet
    soft: SoftAnswers
    scores: TeacherScores


def learn_from_teachers(lesson: Lesson) -> Taught | None:
    """Train the teachers and keep their soft answers; None where the settings want no teachers.

    Their runs are removed once their answers are kept. Interrupted and resumed, the answers are
    those that there would have been without.

    Raises:
        RunError: as `fit`, and where the soft answers kept are unreadable.
    """
    if not lesson.kinds:
        return None
    run, questions, processes = lesson.run, lesson.questions(), lesson.processes
    file = run.folder / SOFT_ANSWERS
    if not processes.first_does(lambda: lesson.resume and file.exists()):
        histories = _train_networks(lesson)
        processes.first_does(
            lambda: save_soft_answers(run.folder, *_teach(lesson, questions, histories))
        )

    def kept() -> tuple[SoftAnswers, TeacherScores]:
        remove_tree(run.folder / TEACHERS)
        # Read even if just written: learnt from is what a resumed run would learn from.
        return load_soft_answers(
            run.folder, questions=len(questions), answers=len(run.answers), kinds=lesson.kinds
        )

    soft, scores = processes.first_does(kept)
    for line in _describe(scores):
        print_line(lesson.console, line)
    return Taught(questions, soft, scores)


def _describe(scores: TeacherScores) -> Iterator[str]:
    """Say in a line each what the teachers are, and what more they answer."""
    if networks := len(scores.valid_accuracy):
        yield (
            f"one network, distilled from {networks} (accuracy on validation "
            f"{scores.mean:.2%} on average, {scores.ensemble:.2%} together)"
        )
    if scores.floor:
        yield f"{scores.floor} teaches{', too' if networks else ''}"
    if scores.crossed:
        yield f"teachers answer {scores.crossed:,} questions more, each about another image"


def _teach(
    lesson: Lesson, questions: QASet, histories: Sequence[TrainingHistory]
) -> tuple[SoftAnswers, TeacherScores]:
    """Have every teacher answer all questions, the networks once they are trained."""
    share, crossed = lesson.config.train.distil_floor, len(questions) - len(lesson.splits.train)
    if not share:
        soft, scores = _ask_networks(lesson, questions, histories)
        return soft, msgspec_replace(scores, crossed=crossed)
    answers, floor = lesson.run.answers, lesson.floor
    assert floor is not None, "it is to teach"
    by_floor = floor_soft_answers(floor, questions, lesson.features, answers)
    if lesson.config.seeds == 1:
        return by_floor, TeacherScores(floor=floor.name, crossed=crossed)
    soft, scores = _ask_networks(lesson, questions, histories)
    told = msgspec_replace(scores, floor=floor.name, crossed=crossed)
    return soft.mixed(by_floor, share), told


def _train_networks(lesson: Lesson) -> list[TrainingHistory]:
    """Train networks of other seeds, if the settings want any."""
    if lesson.config.seeds == 1:
        return []
    folds = lesson.folds()
    valid = lesson.batches(lesson.splits.valid)
    return [_train_teacher(lesson, folds, number, valid) for number in range(lesson.config.seeds)]


def _ask_networks(
    lesson: Lesson, questions: QASet, histories: Sequence[TrainingHistory]
) -> tuple[SoftAnswers, TeacherScores]:
    """Ask the networks of other seeds all questions."""
    folds = lesson.folds()
    teachers = [
        _as_teacher(
            lesson, _teacher_run(lesson, number)[0], [folds[i] for i in lesson.held_out(number)]
        )
        for number in range(lesson.config.seeds)
    ]
    images = fold_images(lesson.config, lesson.splits.train)
    soft = _soft_answers(lesson, teachers, questions, images)
    valid = lesson.batches(lesson.splits.valid)
    return soft, TeacherScores.of(histories, ensemble=ensemble_accuracy(teachers, valid))


def _train_teacher(
    lesson: Lesson, folds: Sequence[QASet], number: int, valid: Batches
) -> TrainingHistory:
    """Train a teacher on all folds but those held out from it."""
    left_out = lesson.held_out(number)
    images = {i for n, fold in enumerate(folds) if n not in left_out for i in fold.images}
    learnt_from = of_images(lesson.splits.train, images)
    print_line(
        lesson.console,
        f"network {number + 1} of {lesson.config.seeds}, on {len(learnt_from):,} of "
        f"{len(lesson.splits.train):,} questions",
    )
    run, config = _teacher_run(lesson, number)
    lesson.processes.first_does(run.save)
    flips = flips_of(learnt_from, run, config)
    learnt = batches_of(learnt_from, lesson.features, run, config.train, flips)
    return fit(
        run,
        learnt,
        valid,
        config.train,
        console=lesson.console,
        resume=lesson.resume,
        processes=lesson.processes,
    )


def _teacher_run(lesson: Lesson, number: int) -> tuple[Run, Config[Any]]:
    """Make the run of a teacher: that of the network to be taught, but for the seed."""
    seed = (lesson.config.train.seed + number) % 2**32
    config = replace(lesson.config, seeds=1, train=replace(lesson.config.train, seed=seed))
    folder = lesson.run.folder / TEACHERS / str(number + 1)
    tables = {**lesson.run.config, "seeds": 1, "train": config.tables()["train"]}
    return replace(lesson.run, folder=folder, config=tables), config


def _as_teacher(lesson: Lesson, run: Run, unseen: Sequence[QASet]) -> Teacher:
    """Load a teacher's best weights; fit its temperature on questions it never saw, if any."""
    settings = lesson.config.train
    model = run.load_model().to(pick_device(settings.device))
    answered = tuple(question for fold in unseen for question in fold if question.answers)
    images = {image: file for fold in unseen for image, file in fold.images.items()}
    questions = replace(lesson.splits.train, questions=answered, images=images)
    teacher = Teacher(model, settings.precision)
    if not answered:
        return teacher
    return tempered(teacher, lesson.batches(sample_of(questions, FOR_TEMPERATURE)))


def _soft_answers(
    lesson: Lesson,
    teachers: Sequence[Teacher],
    questions: QASet,
    folds: Sequence[frozenset[str]],
) -> SoftAnswers:
    """Ask about the images of each fold the teachers that it was held out from, if from any."""
    soft = SoftAnswers.none(len(questions), len(lesson.run.answers))
    for number, fold in enumerate(folds):
        rows = np.array([i for i, q in enumerate(questions) if q.image in fold], dtype=np.int64)
        asked = [t for n, t in enumerate(teachers) if number in lesson.held_out(n)] or teachers
        batches = lesson.batches(of_images(questions, fold))
        for batch, probability in mean_probabilities(asked, batches):
            soft.put(rows[batch.question_index.cpu().numpy()], probability)
    return soft
