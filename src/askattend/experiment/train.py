"""``askattend train``: from a question source and settings to a run folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace as replace_struct
from rich.console import Console

from askattend.data.splits import Splits
from askattend.devices import describe_device, pick_device
from askattend.environment.console import print_line
from askattend.environment.heartbeat import still_at_work
from askattend.environment.memory import bound_kernel_cache
from askattend.environment.origin import Origin
from askattend.environment.provenance import Provenance
from askattend.errors import RunError
from askattend.experiment.attention import own_attention
from askattend.experiment.config import Config
from askattend.experiment.dividing import require_device, require_enough, require_same_features
from askattend.experiment.features import Features
from askattend.experiment.floors import (
    FloorAccuracy,
    floors_line,
    floors_on_validation,
    prepare_linear_floors,
)
from askattend.experiment.likeness import prepare_likeness
from askattend.experiment.preparing import (
    batches_for,
    by_recipe,
    prepare,
    read_splits,
    with_full_paths,
)
from askattend.experiment.remarks import conclude
from askattend.experiment.resuming import changed_schedule, digest, require_as_begun, require_same
from askattend.experiment.teachers import Lesson, Taught, fold_images, learn_from_teachers
from askattend.experiment.tensorboard import log_result
from askattend.files import make_folder, sweep
from askattend.metrics.linear_floor import LinearFloor
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
    if resume:  # before a picture is opened
        tables = config.tables()
        processes.first_does(lambda: require_as_begun(out, tables, splits))
    require_enough(config, splits, processes)
    fold_images(config, splits.train)  # complain before the long work
    require_size(config.model, where="model")
    own_attention(config, out)
    run, features = processes.in_turns(lambda: prepare(config, out, splits, console))
    require_same_features(splits.train.images, features, processes)
    if resume:
        processes.first_does(lambda: _may_resume(run, config, console))
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


def _may_resume(run: Run, config: Config[Any], console: Console) -> None:
    """Refuse to go on with other features or words; note what a longer training changes."""
    require_same(run)
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
