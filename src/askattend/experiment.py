"""From names to results: each function is one command of the command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from rich.console import Console

from askattend.batches import Batches
from askattend.checkpoint import CONFIG, Run
from askattend.config import Config, config_from
from askattend.data.questions import QASet
from askattend.data.sources import absolute_source, read_source
from askattend.data.splits import (
    USUAL_SPLITS,
    Splits,
    canonical_split,
    split_names,
    training_splits,
)
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import pick_device
from askattend.errors import ConfigError, ImageError, RunError
from askattend.evaluation import Evaluation, evaluate
from askattend.feature_cache import features_for
from askattend.features.extraction import ExtractConfig, ExtractionReport, extract, images_in
from askattend.features.geometry import seen
from askattend.features.images import open_image
from askattend.features.store import FeatureStore
from askattend.files import write_whole
from askattend.metrics import Floors
from askattend.optimisation import TrainConfig
from askattend.predictor import Predictor
from askattend.progression import Progression, read_progression
from askattend.report import Example, choose, write_report
from askattend.resuming import check_same
from askattend.training import fit

GALLERY = 48


def extract_features(
    source: str, store: Path, config: ExtractConfig, *, console: Console
) -> ExtractionReport:
    """Extract the images of a question source, or of a folder, into a feature store.

    Raises:
        DataError, ImageError, FeatureError: see `read_source`, `images_in` and `extract`.
    """
    images = images_in(Path(source)) if Path(source).is_dir() else read_source(source).images
    return extract(images, store, config, console=console)


def train(config: Config[Any], out: Path, *, resume: bool = False, console: Console) -> Run:
    """Train a network and leave a run folder that answers questions.

    Args:
        config: all settings; `config.data` names the questions.
        out: the run folder; must not hold a run already unless `resume`.
        resume: go on where an earlier training of this folder stopped.
        console: where notes and progress go.

    Raises:
        AskAttendError: whatever of the data, features or settings does not fit; nothing is
            written then but the cache of features.
    """
    _check_folder(out, resume=resume)
    pick_device(config.train.device)  # complain before the long work, not after it
    config = _located(config)
    questions = _questions(config)
    splits = _training_splits(config, questions)
    for note in (*splits.train.notes, *splits.notes, *_odd_splits(questions, config)):
        console.print(f"note: {note}", highlight=False)
    words = WordVocab.build((q.text for q in splits.train), min_count=config.vocab.min_count)
    answers = AnswerVocab.build(splits.train, size=config.vocab.answers)
    console.print(
        f"{len(splits.train):,} questions, {len(words):,} words; {len(answers):,} answers cover "
        f"{answers.coverage(splits.valid):.1%} of those in validation",
        highlight=False,
    )
    images = {**splits.train.images, **splits.valid.images}
    store = features_for(config, images, out.parent, console=console)
    run = Run(out, config.tables(), words, answers, Floors.build(splits.train), store.spec)
    if resume:
        check_same(run)
    with _alone_in(out):
        run.save()
        training, validation = (
            _batches(part, store, run, config.train) for part in (splits.train, splits.valid)
        )
        progression = fit(run, training, validation, config.train, console=console, resume=resume)
        _summarise(run, progression, console=console)
    return run


def _batches(questions: QASet, store: FeatureStore, run: Run, config: TrainConfig) -> Batches:
    return Batches(
        questions,
        store,
        run.words,
        run.answers,
        batch_size=config.batch_size,
        sampling=config.sampling,
    )


def evaluate_run(
    folder: Path,
    *,
    data: str | None = None,
    split: str = "test",
    features: Path | None = None,
    backbone: str | None = None,
    console: Console,
) -> Evaluation:
    """Evaluate a run on a split; leaves ``SPLIT/metrics.json``, ``SPLIT/results.json`` and
    ``report.html`` in the run folder.

    Args:
        folder: the run folder.
        data: the question source; the run's own by default.
        split: ``"valid"`` is what training validated on, also where it was carved out.
        features: a store made by the run's backbone; by default the run's, or the cache beside it.
        backbone: see `Predictor.load`.
        console: where progress goes.

    Raises:
        AskAttendError: the run, the data, the split or the features do not fit.
    """
    split = canonical_split(split)
    _check_evaluation(folder / split, split)
    predictor = Predictor.load(folder, backbone=backbone)
    run = predictor.run
    config = config_from(run.config, run.config["network"], where=str(folder / CONFIG))
    if data not in (None, config.data):  # its store holds the images of the run's own source
        config = replace(config, data=data, features=None)
    if features is not None:
        config = replace(config, features=features)
    questions = _split(config, split)
    # An imported run's backbone squares images in its own way, which no setting tells.
    extracts = config.features is None and (run.features.imported or backbone is not None)
    store = features_for(
        config,
        questions.images,
        folder.parent,
        console=console,
        spec=run.features,
        backbone=predictor.backbone if extracts else None,
    )
    batches = _batches(questions, store, run, config.train)
    evaluation = evaluate(predictor, batches, split=split, console=console)
    evaluation.save(folder / split)
    _report(predictor, evaluation, questions, store)
    return evaluation


def _located(config: Config[Any]) -> Config[Any]:
    """The same settings from any working directory: the run may be used from another."""
    features = None if config.features is None else config.features.expanduser().resolve()
    return replace(config, data=absolute_source(config.data), features=features)


def _questions(config: Config[Any]) -> QASet:
    if not config.data:
        raise ConfigError("no questions named", remedy="Add --data SOURCE.")
    return read_source(config.data)


def _odd_splits(questions: QASet, config: Config[Any]) -> Iterator[str]:
    """Notes on splits of no usual name, since a misspelt one would go unnoticed."""
    for name, count in questions.splits.items():
        if name not in (*USUAL_SPLITS, *split_names(config.vocab.train_on)):
            yield f"split '{name}' ({count:,}) is neither trained nor validated on"


def _split(config: Config[Any], name: str) -> QASet:
    """The questions of a split; ``train`` and ``valid`` as training divides them."""
    questions = _questions(config)
    trained_on = set(split_names(config.vocab.train_on))
    if name not in ("train", "valid") or not trained_on <= {*questions.splits, *questions.subsets}:
        return questions.split(name)
    splits = _training_splits(config, questions)
    return splits.train if name == "train" else splits.valid


def _training_splits(config: Config[Any], questions: QASet) -> Splits:
    vocab = config.vocab
    return training_splits(
        questions,
        train_on=vocab.train_on,
        fraction=vocab.valid_fraction,
        seed=vocab.valid_seed,
    )


def _check_folder(out: Path, *, resume: bool) -> None:
    if (out / CONFIG).exists() and not resume:
        raise RunError(
            "holds a run already", where=out, remedy="Add --resume, or choose another --out."
        )
    if out.exists() and not out.is_dir():
        raise RunError("is not a folder", where=out, remedy="Choose another --out.")


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Keep a second training out of the run folder."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", timeout=0):
            yield
    except Timeout:
        raise RunError(
            "another training is at work here", where=out, remedy="Wait, or choose another --out."
        ) from None


def _check_evaluation(folder: Path, split: str) -> None:
    """A split's name becomes a folder's in the run: it must stay inside and apart."""
    if not re.fullmatch(r"\w[\w.-]*", split) or split == "tensorboard" or folder.is_file():
        raise ConfigError(
            f"'{split}' cannot name a folder of the run",
            where="split",
            remedy="Rename the split: letters, digits, '_', '-' and '.' will do.",
        )


def _summarise(run: Run, progression: Progression, *, console: Console) -> None:
    best = progression.best
    assert best is not None, "training runs for at least one epoch"
    summary = {
        "best_epoch": best.epoch,
        "epochs": len(progression.history),
        "steps": progression.history[-1].step,
        "valid_accuracy": best.valid_accuracy,
        "seconds": sum(epoch.seconds for epoch in progression.history),
        "parameters": sum(p.numel() for p in run.new_model().parameters()),
    }
    write_whole(run.folder / "metrics.json", msgspec.json.format(msgspec.json.encode(summary)))
    console.print(
        f"best: epoch {best.epoch}, validation accuracy {best.valid_accuracy:.2%}. "
        f"The run is in {run.folder}",
        highlight=False,
    )


def _report(
    predictor: Predictor, evaluation: Evaluation, questions: QASet, store: FeatureStore
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
        part = seen(image.size, store.spec)
        examples.append(Example(question, image, answer, score, part))
    features, progression = run.features, read_progression(run)
    details = {
        "Network": run.config["network"].upper(),
        "Parameters": f"{sum(p.numel() for p in predictor.model.parameters()):,}",
        "Questions from": questions.source,
        "Training": f"{len(progression.history)} epochs, "
        f"{sum(epoch.seconds for epoch in progression.history):,.0f} s",
        "Words, answers": f"{len(run.words):,}, {len(run.answers):,}",
        "Backbone": features.label,
        "Regions": f"{features.rows} × {features.columns}, {features.region_dim:,} wide",
        "Repeat with": f"askattend evaluate {shlex.quote(str(run.folder))} "
        f"--data {shlex.quote(questions.source)} --split {evaluation.metrics.split}",
    }
    write_report(
        run.folder / "report.html",
        maps_name=predictor.maps_name,
        title=f"{run.config['network'].upper()} on {questions.source}",
        evaluation=evaluation,
        progression=progression,
        examples=examples,
        details=details,
    )
