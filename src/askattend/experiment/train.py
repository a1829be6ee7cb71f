"""From names to results: each function is one command of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from rich.console import Console

from askattend.data.readers.registry import absolute_source, read_source
from askattend.data.splits import odd_splits, split_names
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import pick_device
from askattend.errors import RunError
from askattend.experiment.config import Config
from askattend.experiment.features import features_for
from askattend.experiment.inputs import batches_of, questions_of, training_splits_of
from askattend.experiment.resuming import check_same
from askattend.features.extraction import ExtractConfig, ExtractionReport, extract, images_in
from askattend.files import atomic_write
from askattend.metrics.floors import Floors
from askattend.runs.run_folder import CONFIG, Run
from askattend.training.history import Progression
from askattend.training.loop import fit


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
    questions = questions_of(config)
    splits = training_splits_of(config, questions)
    odd = odd_splits(questions, split_names(config.vocab.train_on))
    for note in (*splits.train.notes, *splits.notes, *odd):
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
            batches_of(part, store, run, config.train) for part in (splits.train, splits.valid)
        )
        progression = fit(run, training, validation, config.train, console=console, resume=resume)
        _summarise(run, progression, console=console)
    return run


def _located(config: Config[Any]) -> Config[Any]:
    """The same settings from any working directory: the run may be used from another."""
    features = None if config.features is None else config.features.expanduser().resolve()
    return replace(config, data=absolute_source(config.data), features=features)


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


def _summarise(run: Run, progression: Progression, *, console: Console) -> None:
    best = progression.best
    assert best is not None, "training runs for at least one epoch"
    summary = {
        "best_epoch": best.epoch,
        "epochs": len(progression.history),
        "steps": progression.history[-1].step,
        "valid_accuracy": best.valid_accuracy,
        "metric": progression.metric,
        "seconds": sum(epoch.seconds for epoch in progression.history),
        "parameters": sum(p.numel() for p in run.new_model().parameters()),
    }
    atomic_write(run.folder / "metrics.json", msgspec.json.format(msgspec.json.encode(summary)))
    console.print(
        f"best: epoch {best.epoch}, validation accuracy ({progression.metric}) "
        f"{best.valid_accuracy:.2%}. The run is in {run.folder}",
        highlight=False,
    )
