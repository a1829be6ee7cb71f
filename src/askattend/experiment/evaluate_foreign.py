"""A model of transformers' on a split: the metrics, floors, intervals and report of any run."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.data.splits import canonical_split, questions_of_split, training_splits
from askattend.data.vocab import AnswerVocab
from askattend.devices import describe_device, pick_device
from askattend.environment.console import print_line
from askattend.environment.home import shortened
from askattend.environment.hub import is_named
from askattend.environment.provenance import Provenance
from askattend.errors import AskAttendError, ConfigError, DataError, ImageError
from askattend.evaluation.answered import ForeignAnswers
from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.evaluation.figures import figures_of_answers
from askattend.experiment.options import EvaluationOptions
from askattend.features.images import open_image
from askattend.features.none import NoFeatures
from askattend.files import sweep
from askattend.foreign.asking import ask_all
from askattend.foreign.journal import Journal
from askattend.foreign.loading import ForeignModel, load_foreign
from askattend.metrics.accuracy import accuracy_of, metric_name
from askattend.metrics.breakdown import accuracy_over
from askattend.metrics.floor_comparison import (
    FloorComparison,
    compare_with_floors,
    floor_answers,
    floors_verdict,
)
from askattend.metrics.floors import Floors
from askattend.metrics.linear_floor import fit_linear_floors
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.metrics.vqa_official import check_dialect, dialect_of_open_text, normalise_answer
from askattend.report.details import portable
from askattend.report.gallery import Example, choose
from askattend.report.index import check_holder, write_index
from askattend.report.page import write_report
from askattend.runs.answer import Answer
from askattend.scoring.evaluation_folders import REPORT, source_name

GALLERY = 48
# Beside the evaluation until it is whole; hidden, as it is no part of one.
ANSWERS = ".answers.jsonl"
_TRUST = (
    "What this model was trained on is not known here: if these pictures or questions were among "
    "it, the figures flatter."
)


def evaluate_foreign(
    named: Path, options: EvaluationOptions, place: Path, *, console: Console
) -> Evaluation:
    """Evaluate a model of transformers'; leaves in `place` what an evaluation of a run does.

    Answers in its own words are scored by the official metric, which normalises; see
    `dialect_of_open_text`. Answers so far are kept beside, and a second call goes on from there.

    Args:
        named: its folder, or ``hf:USER/NAME``.
        options: on what, and how.
        place: the evaluation's folder.
        console: where notes and progress go.

    Raises:
        RunError: see `load_foreign`.
        ConfigError: no questions are named, or an option is a run's alone.
        AskAttendError: the data, the split or the folder do not fit.
    """
    _refuse_options_of_runs(options)
    if options.dialect is not None:
        check_dialect(options.dialect)
    source = read_source(options.data or "")
    split = canonical_split(options.split)
    questions = questions_of_split(source, split)
    dialect = options.dialect or dialect_of_open_text(questions)
    device = pick_device(options.device)
    model = load_foreign(
        named,
        device=device,
        prompt=options.prompt,
        max_tokens=options.max_tokens,
        batch_size=options.batch_size,
    )
    print_line(
        console,
        f"note: {named.as_posix()} is a model of transformers' by its config.json "
        f"({model.kind}, {model.parameters:,} parameters), not a run of askattend's",
    )
    check_holder(place, questions.source, split, model.mark)
    answers = _answers(model, questions, place, options, dialect, console)
    figures = figures_of_answers()
    answered = ForeignAnswers(questions, answers)
    metrics = Metrics(
        source=shortened(questions.source),
        split=split,
        questions=len(questions),
        made=Provenance.now(),
        run=model.mark,
        trust=_TRUST,
        figures={name: figure.measure(answered) for name, figure in figures.items()},  # type: ignore[arg-type]
    )
    metrics = _with_accuracy(metrics, answered, model, source, split, dialect, console)
    evaluation = Evaluation(metrics, answers)
    sweep(place)
    evaluation.save(place, questions)
    write_report(
        place / REPORT,
        title=f"{_called(named)} on {source_name(questions.source)}, {split}",
        evaluation=evaluation,
        figures=figures,
        history=None,
        examples=list(_examples(answers, questions)),
        details=_details(model, named, options, metrics, device),
        maps_name=None,
    )
    Journal(place / ANSWERS, {}).remove()
    write_index(named, network=model.kind)
    return evaluation


def _called(named: Path) -> str:
    """Name a model without the folders that it lies in: pages and figures are shown to others."""
    return named.as_posix() if is_named(named) else named.resolve().name


def _refuse_options_of_runs(options: EvaluationOptions) -> None:
    usual = EvaluationOptions()
    given = {
        "--features": options.features,
        "--backbone": options.backbone,
        "--human-maps": options.human_maps,
        "--abstain-above-risk": options.abstain_above_risk,
        "--no-abstention": options.abstention != usual.abstention or None,
    }
    for name, value in given.items():
        if value is not None:
            problem = "is of a run of askattend's, not of a model of transformers'"
            raise ConfigError(problem, where=name, remedy="Leave it out.")
    if not options.data:
        remedy = "Add --data SOURCE."
        raise ConfigError("a model of transformers' has no questions of its own", remedy=remedy)


def _answers(
    model: ForeignModel,
    questions: QASet,
    place: Path,
    options: EvaluationOptions,
    dialect: str,
    console: Console,
) -> tuple[ScoredAnswer, ...]:
    """Ask every question, those left out that were answered before, and score the answers."""
    system = {"weights": model.mark, "prompt": model.prompt, "max_tokens": options.max_tokens}
    journal = Journal(place / ANSWERS, system)
    with journal.held():
        try:
            journal.read(questions)
        except DataError:  # of other weights, or another prompt: begun anew
            journal.remove()
        given = ask_all(
            questions,
            model.ask(questions, console),
            journal,
            together=model.together,
            by_image=model.by_image,
            console=console,
        )
    return tuple(
        score_answer(
            question,
            given[question.id].text,
            probability=given[question.id].probability,
            dialect=dialect,
        )
        for question in questions
    )


def _with_accuracy(
    metrics: Metrics,
    answered: ForeignAnswers,
    model: ForeignModel,
    source: QASet,
    split: str,
    dialect: str,
    console: Console,
) -> Metrics:
    """Return the metrics with what needs human answers: accuracy, floors and ceiling."""
    if not answered.scored:
        return metrics
    questions, whole = answered.questions, accuracy_over(answered.scored)
    floors = _floors(answered, source, split, dialect, console)
    tried = f"{_called(Path(model.name))}, as it is"
    known = None if model.known is None else AnswerVocab(tuple(dict.fromkeys(model.known)))
    fields = {
        "metric": metric_name(questions, dialect),
        "accuracy": whole.accuracy,
        "interval": whole.interval,
        "floors": floors,
        "verdict": floors_verdict(floors or {}, tried),
        "coverage": None if known is None else known.reachable(questions),
        "ceiling": None if known is None else _ceiling(questions, known.answers, dialect),
    }
    own = {name: getattr(metrics, name) for name in Metrics.__struct_fields__}
    return Metrics(**{**own, **fields})


def _ceiling(questions: QASet, known: Sequence[str], dialect: str) -> float:
    """Return what always choosing the best of the known answers would score."""
    alike = defaultdict[str, list[str]](list)  # however they are written
    for answer in known:
        alike[normalise_answer(answer)].append(answer)
    best = []
    for question in questions:
        if question.answers:
            keys = {normalise_answer(answer) for answer, _ in question.answers}
            there = [answer for key in keys for answer in alike.get(key, ())]
            best.append(
                max((accuracy_of(answer, question.answers, dialect) for answer in there), default=0)
            )
    return sum(best) / len(best)


def _floors(
    answered: ForeignAnswers, source: QASet, split: str, dialect: str, console: Console
) -> dict[str, FloorComparison] | None:
    """Learn floors from the source's training questions, and hold the answers against them."""
    asked = [question for question in answered.questions if question.answers]
    try:
        train = training_splits(source).train
    except AskAttendError as error:
        print_line(
            console, f"note: no floors: there is nothing to learn them from ({error.problem})"
        )
        return None
    held = {question.id for question in asked}
    # Of a split that is learnt from, or a part of it, floors would know the answers.
    learnt = [question for question in train if question.id not in held and question.answers]
    if not learnt:
        print_line(console, f"note: no floors: all questions to learn them from are of '{split}'")
        return None
    floors, linear = Floors.build(learnt), fit_linear_floors(learnt, None)
    answers = floor_answers(floors, linear, asked, NoFeatures())
    return compare_with_floors(answered.scores.tolist(), asked, answers, dialect)


def _examples(answers: Sequence[ScoredAnswer], questions: QASet) -> Iterator[Example]:
    """Open the pictures of some of the questions, for the gallery."""
    for position in choose(answers, count=GALLERY):
        question, one = questions.questions[position], answers[position]
        try:
            image = open_image(questions.images[question.image])
        except ImageError:
            continue
        probability, none = one.probability or 0.0, torch.zeros(0, 1, 1)
        top = ((one.answer, probability),)
        answer = Answer(question.text, one.answer, probability, top, none)
        yield Example(question, image, answer, one.score)


def _details(
    model: ForeignModel,
    named: Path,
    options: EvaluationOptions,
    metrics: Metrics,
    device: torch.device,
) -> dict[str, str]:
    """Describe the model, and how it was asked: name → value."""
    chosen = {"split": metrics.split, "data": portable(metrics.source), "prompt": options.prompt}
    told = " ".join(f"--{name} {shlex.quote(value)}" for name, value in chosen.items() if value)
    return {
        "Model": _called(named),
        "Class": f"transformers' {model.kind}",
        "Parameters": f"{model.parameters:,}",
        "Weights": f"{model.mark} (digest)",
        "Asked": model.prompt or "the question alone",
        "Questions from": portable(metrics.source),
        "Computed on": describe_device(device),
        **({"Evaluated by": str(metrics.made)} if metrics.made else {}),
        "Repeat with": f"askattend evaluate {shlex.quote(_called(named))} {told}",
    }


def _options_for_models_alone(options: EvaluationOptions) -> list[str]:
    usual = EvaluationOptions()
    names = ("prompt", "dialect", "max_tokens", "batch_size")
    return [name for name in names if getattr(options, name) != getattr(usual, name)]


def refuse_options_of_models(options: EvaluationOptions) -> None:
    """Refuse what is said of a model of transformers', where a run is evaluated.

    Raises:
        ConfigError: it is there.
    """
    for name in _options_for_models_alone(options):
        problem = "is of a model of transformers', not of a run of askattend's"
        where = f"--{name.replace('_', '-')}"
        raise ConfigError(problem, where=where, remedy="Leave it out.")
