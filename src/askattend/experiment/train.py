"""``askattend train``: from a question source and settings to a run folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace as replace_struct
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.batching.flips import require_language
from askattend.data.readers.registry import absolute_source
from askattend.data.splits import Splits, no_test_note
from askattend.data.suggestions import suggest_questions
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.data.word_vectors import NONE, SETTING, WordVectors, located, read_word_vectors
from askattend.devices import describe_device, pick_device
from askattend.environment.console import print_line
from askattend.environment.heartbeat import still_at_work
from askattend.environment.memory import bound_kernel_cache
from askattend.environment.origin import Origin
from askattend.environment.provenance import Provenance
from askattend.errors import ConfigError, RunError
from askattend.experiment.attention import own_attention, try_out
from askattend.experiment.config import Config
from askattend.experiment.dividing import require_device, require_enough, require_same_features
from askattend.experiment.features import Features, features_for, uses_image
from askattend.experiment.floors import (
    FloorAccuracy,
    floors_line,
    floors_on_validation,
    prepare_linear_floors,
)
from askattend.experiment.inputs import batches_of, flips_of, questions_of, training_splits_of
from askattend.experiment.likeness import prepare_likeness
from askattend.experiment.recipe import SetSize, describe_recipe, recipe_for
from askattend.experiment.remarks import conclude, data_notes
from askattend.experiment.resuming import changed_schedule, digest, require_same
from askattend.experiment.teachers import Lesson, Taught, fold_images, learn_from_teachers
from askattend.experiment.tensorboard import log_result
from askattend.features.extraction import with_mirror_images
from askattend.files import make_folder, sweep
from askattend.metrics.floors import Floors
from askattend.metrics.linear_floor import LinearFloor
from askattend.models import model_name, networks
from askattend.report.card import write_card
from askattend.runs.network_size import require_size
from askattend.runs.run_folder import CONFIG, WEIGHTS, Run, begin_run
from askattend.training.history import TrainingHistory
from askattend.training.log import noting_loss
from askattend.training.loop import fit
from askattend.training.processes import ALONE, Processes
from askattend.training.summary import DataSummary, TrainingSummary, read_summary


def train(
    config: Config[Any],
    out: Path,
    *,
    resume: bool = False,
    console: Console,
    on_top: Callable[[Config[Any]], Config[Any]] | None = None,
    processes: Processes = ALONE,
) -> Run:
    """Train a network and leave a run folder that answers questions.

    Of several processes each reads the questions and opens the features; the first alone sees the
    run folder, and does all else that is not training.

    Args:
        config: all settings; `config.data` names the questions, and `config.recipe` what the size
            of their set decides.
        out: the run folder; must not hold a run already unless `resume`.
        resume: go on where an earlier training of this folder stopped.
        console: where notes and progress go.
        on_top: puts what somebody asked for on top of a recipe's settings. Without, only the recipe
            ``"auto"`` changes any; another's name says where they come from.
        processes: that train together; all call this with the same arguments, but a console of
            their own.

    Raises:
        AskAttendError: whatever of the data, features or settings does not fit; nothing is
            written then but the cache of features.
    """
    bound_kernel_cache()
    processes.first_does(lambda: check_folder(out, resume=resume))
    require_device(config, processes)  # complain before the long work, not after it
    config = with_full_paths(config)
    splits = read_splits(config, console)
    processes.require_same("questions", digest(splits))
    config = processes.first_does(lambda: by_recipe(config, out, splits, on_top, console))
    require_enough(config, splits, processes)
    fold_images(config, splits.train)  # complain before the long work
    require_size(config.model, where="model")
    own_attention(config, out)
    run, features = processes.in_turns(lambda: prepare(config, out, splits, console))
    require_same_features(splits.train.images, features, processes)
    if resume:
        processes.first_does(lambda: _may_resume(run, config, splits, console))
    with alone_in(out) if processes.first else nullcontext():
        linear, floors = processes.first_does(
            lambda: _begin(run, config, splits, features, resume=resume, console=console)
        )
        taught = learn_from_teachers(
            Lesson(run, config, splits, features, linear, resume, console, processes)
        )
        learnt, held_back = batches_for(run, features, splits, config, taught)
        history = fit(
            run,
            learnt,
            held_back,
            config.train,
            console=console,
            resume=resume,
            processes=processes,
        )

        def end() -> None:
            _save_summary(run, history, splits, floors, taught)
            write_card(run)
            with noting_loss(console, "TensorBoard's maps and settings"):
                log_result(run, history, splits.valid, features)
            conclude(run, history, floors, console, tested=splits.tested)

        processes.first_does(end)
    return run


def _may_resume(run: Run, config: Config[Any], splits: Splits, console: Console) -> None:
    """Refuse to go on with other data or settings; note what a longer training changes."""
    require_same(run, splits)
    if (note := changed_schedule(run, config.train)) is not None:
        print_line(console, f"note: {note}")


def _begin(
    run: Run,
    config: Config[Any],
    splits: Splits,
    features: Features,
    *,
    resume: bool,
    console: Console,
) -> tuple[LinearFloor | None, Mapping[str, FloorAccuracy]]:
    """Write what a run has before its first step, its floors included.

    Returns:
        The strongest linear floor, if it is to teach, and each floor's accuracy.
    """
    check_folder(run.folder, resume=resume)  # once more: another may have trained here meanwhile
    begin_run(run.folder)
    Origin(Provenance.now(), digest(splits)).save(run.folder)
    run.save()
    with still_at_work(console, "fitting the floors"):
        linear = prepare_linear_floors(run, config, splits.train, features, resume=resume)
        floors = floors_on_validation(run, linear, splits.valid, features)
        prepare_likeness(run, config, splits, features)
    print_line(console, floors_line(floors, len(splits.valid)))
    return linear[-1] if config.train.distil_floor else None, floors


def check_folder(out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds a run already, or a file in its place."""
    if (out / CONFIG).exists() and not resume:
        # One that came to no number has none: going on with it would end in the same way.
        remedy = "Add --resume, or choose another --out."
        if not (out / WEIGHTS["last"]).exists():
            remedy = "Choose another --out; or add --resume, if all settings are the same."
        raise RunError("holds a run already", where=out, remedy=remedy)
    if os.path.lexists(out) and not out.is_dir():
        raise RunError("is not a folder", where=out, remedy="Choose another --out.")


def read_splits(config: Config[Any], console: Console) -> Splits:
    """Read the questions to train and to validate on, and note what is odd about them."""
    questions = questions_of(config)
    splits = replace(training_splits_of(config, questions), tested=not no_test_note(questions))
    for note in (
        *splits.train.notes,
        *splits.notes,
        *data_notes(config, questions, splits, console),
    ):
        print_line(console, f"note: {note}")
    return splits


def by_recipe(
    config: Config[Any],
    out: Path,
    splits: Splits,
    on_top: Callable[[Config[Any]], Config[Any]] | None,
    console: Console,
) -> Config[Any]:
    """Settle what depends on the size of the data, and say so.

    A run that was begun has its settings already; from Python they may be chosen once more, and are
    the same.
    """
    begun = (out / CONFIG).exists()
    settled = on_top is None and config.recipe != "auto"
    if settled or config.recipe == "paper" or (begun and config.recipe != "auto"):
        return config
    size = SetSize.of(splits.train)
    recipe = recipe_for(config, size)
    config = recipe if on_top is None else replace(on_top(recipe), recipe=recipe.recipe)
    config = with_full_paths(config)
    print_line(console, describe_recipe(config, size))
    return config


def prepare(
    config: Config[Any], out: Path, splits: Splits, console: Console
) -> tuple[Run, Features]:
    """Build the vocabularies and the features that a new run needs."""
    words = WordVocab.build((q.text for q in splits.train), min_count=config.vocab.min_count)
    answers = AnswerVocab.build(splits.train, size=config.vocab.answers)
    print_line(
        console,
        f"{len(splits.train):,} questions, {len(words):,} words; {len(answers):,} answers cover "
        f"{answers.coverage(splits.valid):.1%} of those in validation",
    )
    vectors = _vectors(config, words, console)  # before the long work with images
    features = features_for(config, images_of(config, splits), out.parent, console=console)
    saved = config if uses_image(config.model) else replace(config, features=None)
    floors, spec = Floors.build(splits.train), features.spec
    suggestions = suggest_questions(splits.train)
    own = own_attention(config, out)
    saved = saved if own is None else replace(saved, attention=own.name)
    run = Run(out, saved.tables(), words, answers, floors, spec, vectors, suggestions, own)
    if own is not None:
        try_out(run, config, console)
    return run, features


def images_of(config: Config[Any], splits: Splits) -> dict[str, Path]:
    """List the images whose features a training needs, mirror images included: id → file."""
    learnt = splits.train.images
    if config.train.flips and uses_image(config.model):
        require_language(splits.train)  # complain before the long work
        learnt = with_mirror_images(learnt)
    return {**learnt, **splits.valid.images}


def batches_for(
    run: Run,
    features: Features,
    splits: Splits,
    config: Config[Any],
    taught: Taught | None = None,
) -> tuple[Batches, Batches]:
    """Batch the questions to learn from, flips and soft answers included, and to validate on."""
    questions, soft = (splits.train, None) if taught is None else (taught.questions, taught.soft)
    flips = flips_of(questions, run, config, soft)
    learnt = batches_of(questions, features, run, config.train, flips, soft)
    return learnt, batches_of(splits.valid, features, run, config.train)


def _vectors(config: Config[Any], words: WordVocab, console: Console) -> WordVectors | None:
    """Look up the words' vectors, and say how many have one; None where none are wanted."""
    source = config.vocab.vectors
    if source == NONE:
        return None
    if "question" not in networks()[name := model_name(config.model)].inputs:
        raise ConfigError(f"{name} reads no words", where=SETTING, remedy=f"Set it to {NONE}.")
    vectors = read_word_vectors(source, words.words)
    width = vectors.values.shape[1]
    note = f"word vectors of {source}, {width} wide: {vectors.known.sum():,} words have one"
    print_line(console, note)
    return vectors


def with_full_paths(config: Config[Any]) -> Config[Any]:
    """Return settings that hold in any working directory: the run may be used from another."""
    features = None if config.features is None else config.features.expanduser().resolve()
    vocab = replace(config.vocab, vectors=located(config.vocab.vectors))
    return replace(config, data=absolute_source(config.data), features=features, vocab=vocab)


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep a second training out of the run folder."""
    make_folder(out)
    try:
        with FileLock(out / ".lock", timeout=0):
            sweep(out)
            yield
    except Timeout:
        raise RunError(
            "another training is at work here", where=out, remedy="Wait, or choose another --out."
        ) from None


def _save_summary(
    run: Run,
    history: TrainingHistory,
    splits: Splits,
    floors: Mapping[str, FloorAccuracy],
    taught: Taught | None,
) -> None:
    """Write metrics.json."""
    best = history.best
    assert best is not None, "training runs for at least one epoch"
    summary = TrainingSummary(
        best_epoch=best.epoch,
        epochs=len(history.epochs),
        steps=history.epochs[-1].step,
        valid_accuracy=best.valid_accuracy,
        metric=history.metric,
        floors=dict(floors),
        seconds=sum(epoch.seconds for epoch in history.epochs),
        parameters=sum(p.numel() for p in run.new_model().parameters()),
        hardware=describe_device(pick_device(run.config["train"]["device"])),
        data=DataSummary.of(splits),
        teachers=msgspec.UNSET if taught is None else taught.scores,
        made=Provenance.now(),
    )
    before = read_summary(run.folder)
    # A finished run that is resumed stays as it was, its date included.
    if before is None or not _same_but_for_date(before, summary):
        summary.save(run.folder)


def _same_but_for_date(one: TrainingSummary, other: TrainingSummary) -> bool:
    # As they are written: floors are of another type once they have been read.
    dated = replace_struct(one, made=other.made)
    return msgspec.json.encode(dated) == msgspec.json.encode(other)
