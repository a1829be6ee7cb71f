"""The quality of a trained network on a split, beside what guessing blindly would score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.data.questions import Box, QASet, Question
from askattend.environment.home import shortened
from askattend.environment.origin import mark_of
from askattend.environment.provenance import Provenance
from askattend.errors import RunError
from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.answers import Answers, Array, answer_questions
from askattend.evaluation.human_maps import HumanMaps
from askattend.evaluation.section import PageContext, Section, TerminalLine
from askattend.features.geometry import WHOLE, Crop, boxes_in_square
from askattend.features.store import FeatureStore
from askattend.files import begin_manifest, digest_of
from askattend.files.manifest import decode_unchanged
from askattend.files.writing import write_together
from askattend.metrics.accuracy import metric_name
from askattend.metrics.breakdown import accuracy_over
from askattend.metrics.calibration import Calibration
from askattend.metrics.floor_comparison import (
    FloorComparison,
    compare_with_floors,
    floor_answers,
)
from askattend.metrics.grounding import GroundingPerQuestion, measure
from askattend.metrics.linear_floor import LinearFloor
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.runs.predictor import Predictor
from askattend.scoring.evaluation_folders import EVALUATION_FILES
from askattend.scoring.results import (
    METRICS,
    PREDICTIONS,
    RESULTS,
    check_results,
    encode_predictions,
    encode_results,
)


@dataclass(frozen=True)
class Evaluated(AnsweredQuestions):
    """A network with its answers to the questions of a split: what figures are measured from.

    Attributes:
        predictor: the network.
        batches: the questions of the split.
        sample: some of them, for what needs the network to answer again.
        answers: its answers.
        calibration: what validation taught about probabilities; None where it taught nothing.
        in_sample: how many of the questions it was learnt from.
        human_maps: where people looked, by question; None where that is not asked about.
    """

    predictor: Predictor
    batches: Batches
    sample: Batches
    answers: Answers
    calibration: Calibration | None
    in_sample: int = 0
    human_maps: HumanMaps | None = None

    @property
    def questions(self) -> QASet:
        """Questions of the split."""
        return self.batches.questions

    @property
    def learnt(self) -> Calibration | None:
        """Lessons of validation about probabilities."""
        return self.calibration

    @property
    def temperature(self) -> float:
        """Temperature that logits were divided by."""
        return 1.0 if self.calibration is None else self.calibration.temperature

    @property
    def given(self) -> tuple[ScoredAnswer, ...]:
        """Answers, in the order of the questions."""
        return self.answers.answers

    def words_of(self, question: str) -> Sequence[str]:
        """Divide a question into words, as the network's vocabulary does."""
        return self.predictor.run.words.tokenise(question)

    @cached_property
    def untempered(self) -> Array:
        """Probability of each of `scored` at temperature 1."""
        known = [one.score is not None for one in self.answers.answers]
        return self.answers.untempered[known]

    @cached_property
    def boxed(self) -> tuple[Question, ...]:
        """Questions that have boxes."""
        return tuple(self.questions.questions[position] for position in self.answers.attention)

    @cached_property
    def grounding(self) -> GroundingPerQuestion | None:
        """Attention to each of `boxed` against its boxes; None where there is neither.

        A map that is the same everywhere is nobody's attention.
        """
        if not self.boxed or not self.predictor.model.attends:
            return None
        maps = np.stack(list(self.answers.attention.values()))
        images = [question.image for question in self.boxed]
        return measure(maps, [self.boxes_of(question) for question in self.boxed], images)

    def boxes_of(self, question: Question) -> Sequence[Box]:
        """Return a question's boxes as shares of the square that attention maps lie over."""
        crop = self.seen(question.image)
        return question.boxes if crop == WHOLE else boxes_in_square(question.boxes, crop)

    def seen(self, image: str) -> Crop:
        """Return the part of an image that attention maps lie over; all where it is not known."""
        store = self.batches.source
        crop = store.crop(image) if isinstance(store, FeatureStore) else None
        return WHOLE if crop is None else crop


@runtime_checkable
class Figure(Protocol):
    """A figure of an evaluation: what the accuracy alone hides.

    A module with these three functions is one. Its value is what ``metrics.json`` holds under its
    name: anything that msgspec writes as JSON.
    """

    def measure(self, evaluated: Evaluated) -> Any:
        """Measure it; None where the split or the network does not have it."""

    def terminal_lines(self, value: Any) -> Sequence[TerminalLine]:
        """Say a value that is not None in the terminal; in no line, if it is for the page alone."""

    def page_section(self, value: Any, context: PageContext) -> Section | None:
        """Show a value that is not None on the page, if there is something to show."""


class Metrics(msgspec.Struct, frozen=True):
    """The figures of an evaluation. Accuracies and shares are 0 to 1.

    Attributes:
        source: the question source.
        split: the split evaluated.
        questions: its number of questions.
        metric: ``"exact match"`` where each question has one reference answer, ``"VQA accuracy,
            current"`` where some have several, see `metric_name`; None, like all below, where the
            split has no answers.
        accuracy: mean over the questions.
        interval: of the accuracy, 95 %, see `metrics.shares`.
        floors: each floor on the same questions, and how far the network is above it: the most
            common training answer (``majority``), the most common one for the question's first
            three words (``prefix``), and those of the run that were fitted, by their `key`.
        verdict: how many floors the network does not beat beyond chance, whether it answers as
            well without the pictures, and what helps, a line each; None where all is well.
        trust: why figures on this split flatter, in a sentence; None where nothing is known to.
        coverage: share of the questions whose most common answer the network can give.
        ceiling: what the network would score if it always chose the best answer that it can give.
        made: the program that measured them, and when.
        run: what tells the run from any other, see `mark_of`.
        figures: the value of each `Figure` by its name.
    """

    source: str
    split: str
    questions: int
    metric: str | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    floors: dict[str, FloorComparison] | None = None
    verdict: str | None = None
    trust: str | None = None
    coverage: float | None = None
    ceiling: float | None = None
    made: Provenance | None = None
    run: str = ""
    figures: dict[str, Any] = msgspec.field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """Give what ``metrics.json`` holds: the figures stand beside the accuracy."""
        own = {name: getattr(self, name) for name in self.__struct_fields__ if name != "figures"}
        return own | self.figures


class Evaluation(msgspec.Struct, frozen=True):
    """Metrics of a split, and the predictions they come from, in the order of the questions."""

    metrics: Metrics
    predictions: tuple[ScoredAnswer, ...]

    def save(self, folder: Path, questions: QASet) -> None:
        """Write metrics.json; results.json in the format of the VQA leaderboard; predictions.json.

        Args:
            folder: where to; made if it is not there.
            questions: those that were to be answered.

        Raises:
            DataError: there is not exactly one answer to each question; nothing is written then.
        """
        check_results(self.predictions, questions, where=folder / RESULTS)
        # By these another run's answers are proved to be about the same images.
        digests = {image: digest_of(file) for image, file in questions.images.items()}
        told = (
            msgspec.structs.replace(one, image_digest=digests.get(one.image or ""))
            for one in self.predictions
        )
        metrics = msgspec.json.format(msgspec.json.encode(self.metrics.flat()))
        begin_manifest(folder, EVALUATION_FILES)
        contents = {
            RESULTS: encode_results(self.predictions),
            PREDICTIONS: encode_predictions(told),
            METRICS: metrics,
        }
        write_together(folder, contents)


def read_metrics(file: Path) -> Metrics:
    """Read a metrics.json that `Evaluation.save` wrote; figures are as JSON has them.

    Raises:
        RunError: the file is unreadable.
    """
    remedy = "Evaluate that split again, or delete the file."
    flat = decode_unchanged(file, dict[str, Any], RunError, remedy=remedy)
    own = {name: flat.pop(name) for name in Metrics.__struct_fields__ if name in flat}
    try:
        return msgspec.convert({**own, "figures": flat}, Metrics)
    except msgspec.ValidationError as error:
        raise RunError(f"unreadable ({error})", where=file, remedy=remedy) from None


def evaluate(
    predictor: Predictor,
    batches: Batches,
    sample: Batches,
    figures: Mapping[str, Figure],
    split: str,
    calibration: Calibration | None = None,
    linear: Iterable[LinearFloor] = (),
    *,
    in_sample: int = 0,
    human_maps: HumanMaps | None = None,
    console: Console,
) -> Evaluation:
    """Answer every question of a split, score the answers, and measure all figures.

    Args:
        predictor: the trained network.
        batches: the questions of the split.
        sample: some of them, for what needs the network to answer again.
        figures: what to measure beside the accuracy, by name.
        split: the split's name.
        calibration: what validation taught about probabilities; None leaves them as they are.
        linear: the run's fitted floors.
        in_sample: how many of the questions the calibration was learnt from.
        human_maps: where people looked, by question, if that is to be compared.
        console: where the progress bar goes.
    """
    answers = answer_questions(predictor, batches, console=console, calibration=calibration)
    taught = (calibration, in_sample, human_maps)
    evaluated = Evaluated(predictor, batches, sample, answers, *taught)
    return Evaluation(_metrics(evaluated, split, figures, linear), answers.answers)


def _metrics(
    evaluated: Evaluated,
    split: str,
    figures: Mapping[str, Figure],
    linear: Iterable[LinearFloor],
) -> Metrics:
    run, questions, scored = evaluated.predictor.run, evaluated.questions, evaluated.scored
    whole = accuracy_over(scored) if scored else None
    return Metrics(
        source=shortened(questions.source),
        split=split,
        questions=len(questions),
        metric=metric_name(questions) if whole else None,
        accuracy=whole.accuracy if whole else None,
        interval=whole.interval if whole else None,
        floors=_floors(evaluated, linear) if whole else None,
        coverage=run.answers.reachable(questions) if whole else None,
        ceiling=evaluated.batches.ceiling() if whole else None,
        made=Provenance.now(),
        run=mark_of(run.folder, run.config),
        figures={name: figure.measure(evaluated) for name, figure in figures.items()},
    )


def _floors(
    evaluated: Evaluated, linear: Iterable[LinearFloor]
) -> dict[str, FloorComparison] | None:
    """Hold the answered questions against every floor; None of an imported network."""
    floors = evaluated.predictor.run.floors
    if floors is None:
        return None
    answered = [question for question in evaluated.questions if question.answers]
    answers = floor_answers(floors, linear, answered, evaluated.batches.source)
    return compare_with_floors(evaluated.scores.tolist(), answered, answers)
