"""The whole way in Python: questions, features, training and evaluation, as the commands do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from torch import nn

from askattend.data.questions import QASet, Question
from askattend.data.readers.registry import read_source
from askattend.data.splits import canonical_split, questions_of_split
from askattend.environment.console import notes_console
from askattend.environment.hub import is_foreign
from askattend.environment.packing import run_folder
from askattend.errors import ConfigError, RunError
from askattend.evaluation.evaluate import Evaluation
from askattend.experiment import train as training
from askattend.experiment.config import Config, config_from
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run
from askattend.experiment.features import extract_features
from askattend.experiment.inputs import questions_of, split_of
from askattend.experiment.rows import QUESTIONS, questions_from, source_in, table_of
from askattend.features.extract_config import ExtractConfig
from askattend.features.spec import Backbone
from askattend.features.store import FeatureStore
from askattend.models import network_named
from askattend.runs.own_code import OwnCode, trust
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import read_config
from askattend.settings import from_mapping

# A source as commands take it, a set of one, or rows: dicts, or a frame of pandas' or polars'.
Questions = str | QASet | Iterable[Mapping[str, Any]] | Any
Metric = Callable[[str, Question], float]
_WHERE = "settings"


def _kept(rows: Any, file: Path, images: str | Path, *, resume: bool) -> str:
    """Write the questions of a run; of one that goes on, those that it has must be the same."""
    if resume and file.exists() and file.read_bytes() != table_of(rows, file, images).lines:
        raise RunError(
            "cannot go on: the questions differ",
            where=file,
            remedy="Resume with the same rows, or choose another folder.",
        )
    return questions_from(rows, file, images=images)


def extract(
    images: str | Path | Sequence[str | Path],
    store: str | Path,
    *,
    backbone: Backbone | None = None,
    settings: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> FeatureStore:
    """Extract images into a feature store.

    Args:
        images: a folder, a tar file, an address, or several of these; or a source of questions as
            ``askattend data --help`` lists them.
        store: the folder of the store.
        backbone: a module of one's own, see `own_backbone`; by default that of the settings.
        settings: options of ``askattend extract`` by name: ``{"image_size": 384}``.
        quiet: print no progress.

    Raises:
        AskAttendError: images, settings or store do not fit.
    """
    given = {name.replace("-", "_"): value for name, value in (settings or {}).items()}
    config, console = from_mapping(ExtractConfig, given, where=_WHERE), notes_console(quiet=quiet)
    sources = [str(images)] if isinstance(images, str | Path) else [str(each) for each in images]
    report = extract_features(sources, Path(store), config, backbone=backbone, console=console)
    return report.store


def train(
    network: str,
    questions: Questions,
    out: str | Path,
    *,
    images: str | Path = ".",
    attention: str | Callable[..., nn.Module] | None = None,
    features: str | Path | FeatureStore | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Predictor:
    """Train a network, and return it as a predictor.

    Args:
        network: its name: ``"saaa"``, ``"san"``.
        questions: a source as ``askattend data --help`` lists them, a whole `QASet`, or rows as
            `questions_from` takes them, which are kept in the run.
        out: the run folder.
        images: the folder that the rows' images are relative to.
        attention: of one's own: a class or function at the top of a file, or ``"FILE.py:NAME"``.
        features: a store; by default one is made beside the run.
        settings: options of ``askattend train`` by name, as in ``{"train.epochs": 3}``; what is
            left out follows from the size of the data.
        resume: go on where an earlier training of this folder stopped.
        quiet: print no progress.

    Raises:
        AskAttendError: whatever of network, questions, settings or folder does not fit.
    """
    out = Path(out).expanduser()
    training.check_folder(out, resume=resume)
    source = source_in(questions)
    if source is None:
        source = _kept(questions, out / QUESTIONS, images, resume=resume)
    tables = _tables({"recipe": "auto", **(settings or {}), "data": source})
    if attention is not None:
        code = OwnCode.of(attention)
        trust(code.digest)
        tables["attention"] = code.text
    if features is not None:
        store = features.path if isinstance(features, FeatureStore) else features
        tables["features"] = str(store)

    def on_top(recipe: Config[Any]) -> Config[Any]:
        return config_from({**tables, "recipe": recipe.recipe}, network, where=_WHERE, base=recipe)

    start = Config(model=network_named(network).config_type()())
    config = config_from(tables, network, where=_WHERE, base=start)
    run = training.train(
        config, out, resume=resume, console=notes_console(quiet=quiet), on_top=on_top
    )
    return Predictor.load(run.folder)


def evaluate(
    run: str | Path | Predictor,
    *,
    questions: Questions | None = None,
    images: str | Path = ".",
    split: str = "test",
    metrics: Mapping[str, Metric] | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Evaluate a run as ``askattend evaluate`` does, its files and report included.

    Args:
        run: the run folder, or its predictor, which from then on answers by what the evaluation
            learnt of its probabilities; or a model of transformers', by its folder or as
            ``"hf:USER/NAME"``.
        questions: another source than the run's, a whole `QASet`, or rows as `questions_from`
            takes them, which are kept in the run.
        images: the folder that the rows' images are relative to.
        split: which of its splits; of rows that name none, all are ``"train"``.
        metrics: measures of one's own by name: called with an answer and its question, they tell
            how right it is; their mean stands in ``evaluation.metrics.figures``.
        quiet: print no progress.

    Raises:
        AskAttendError: whatever of run, questions or split does not fit.
    """
    named = run.run.folder if isinstance(run, Predictor) else Path(run).expanduser()
    foreign = is_foreign(named)
    folder = named if foreign or isinstance(run, Predictor) else run_folder(named)
    split = canonical_split(split)
    source = source_in(questions)
    if questions is not None and source is None:
        file = None if foreign else folder / f"questions-{split}.jsonl"
        source = questions_from(questions, file, images=images)
    options = EvaluationOptions(data=source, split=split)
    evaluation = evaluate_run(named, options, console=notes_console(quiet=quiet))
    if isinstance(run, Predictor) and (learnt := run.run.load_calibration()) is not None:
        run.calibrate(learnt)  # which the evaluation left in its folder
    if not metrics:
        return evaluation
    asked_of = questions_of_split(read_source(source or ""), split) if foreign else None
    asked = {question.id: question for question in asked_of or _asked(folder, source, split)}
    own = {name: _mean(evaluation, asked, metric) for name, metric in metrics.items()}
    figures = {**evaluation.metrics.figures, **own}
    return replace(evaluation, metrics=replace(evaluation.metrics, figures=figures))


def _asked(folder: Path, source: str | None, split: str) -> Iterable[Question]:
    tables = read_config(folder)
    config = config_from(tables, str(tables["network"]), where=str(folder))
    config = config if source is None else replace_fields(config, data=source)
    return split_of(config, questions_of(config), split)


def _mean(evaluation: Evaluation, asked: Mapping[Any, Question], metric: Metric) -> float:
    values = [metric(each.answer, asked[each.question_id]) for each in evaluation.predictions]
    return math.fsum(values) / len(values)


def _tables(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as TOML has them: ``{"train.epochs": 3}`` as ``{"train": {"epochs": 3}}``."""
    tables: dict[str, Any] = {}
    for name, value in settings.items():
        section, _, setting = name.replace("-", "_").rpartition(".")
        if not section:
            tables[setting] = value
            continue
        held = tables.setdefault(section, {})
        if not isinstance(held, dict):
            raise ConfigError(f"'{section}' is no section", where=_WHERE, remedy="Mend the name.")
        tables[section] = {**held, setting: value}
    return tables
