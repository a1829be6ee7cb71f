"""Training: one visible loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress

from askattend.batching.batches import Batches
from askattend.batching.device_placement import cache_on_gpu_if_it_fits, prefetch_to_device
from askattend.batching.division import Division
from askattend.devices import pick_device
from askattend.environment.console import print_line
from askattend.environment.heartbeat import Heartbeat, still_at_work
from askattend.environment.memory import give_back_memory
from askattend.metrics.accuracy import metric_name
from askattend.models import Network
from askattend.runs.run_folder import Run
from askattend.training.checkpoint import Checkpoint, Timer, resumed, save_checkpoint
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import Step, make_step
from askattend.training.divergence import NotFinite, Trail
from askattend.training.divided_step import DividedStep
from askattend.training.history import Epoch, TrainingHistory, WithinEpoch
from askattend.training.interruption import Interruption
from askattend.training.log import TrainingLog, epoch_line, progress_bar
from askattend.training.losses import FETCH_EVERY, Losses
from askattend.training.processes import ALONE, Processes
from askattend.training.step import learning_rate, make_optimizer
from askattend.training.validation import validate_divided
from askattend.training.weight_averaging import averaged_weights, keep_average


def fit(
    run: Run,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    *,
    console: Console,
    resume: bool = False,
    after_epoch: Callable[[TrainingHistory], None] | None = None,
    processes: Processes = ALONE,
) -> TrainingHistory:
    """Train the run's network; its folder then holds the best and the last weights, and logs.

    Interrupted and resumed, it ends with the weights that it would have had without. Of several
    processes each has a part of every batch, and the first alone reads and writes the folder.

    Args:
        run: already saved.
        train: the questions to learn from.
        valid: the questions by which the best epoch is chosen, unless the last one is kept.
        config: how.
        console: where notes, an epoch a line, and the progress bar go.
        resume: go on from the last weights of the run, if it has any.
        after_epoch: called after each epoch; an error that it raises ends the training.
        processes: that train together; all call this with the same arguments.

    Raises:
        RunError: a loss is not finite, or the last weights are unreadable or do not fit.
    """
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    model = run.new_model().to(device)
    optimizer = make_optimizer(model, config)
    keep_average(optimizer, config.average_epochs * train.steps(at_least=config.min_steps))
    judged = partial(averaged_weights, model, optimizer)
    begun = resumed(run, model, optimizer, processes) if resume else Checkpoint()
    history = replace(begun.history, metric=metric_name(valid.questions), keep=config.keep)
    print_line(console, f"accuracy on validation: {history.metric}")
    train = cache_on_gpu_if_it_fits(train, device, config.precision, console)
    valid = cache_on_gpu_if_it_fits(valid, device, config.precision, console)
    train = train.divided(Division(processes.rank, processes.count, config.accumulate))
    step = make_step(model, optimizer, config, processes)
    if isinstance(step, DividedStep) and device.type == "cuda" and config.cuda_graphs:
        note = "note: steps of several parts are not replayed as CUDA graphs"
        print_line(console, note)
    timer, pulse = Timer(config.checkpoint_minutes), Heartbeat(console)
    log = TrainingLog(run.folder, console)
    if processes.first:
        log.write(history)  # which a killed training may not have come to
    with progress_bar(console) as bar:
        while not history.finished(epochs=config.epochs, patience=config.patience):

            def keep(within: WithinEpoch, history: TrainingHistory = history) -> None:
                if processes.first:
                    save_checkpoint(run, model, optimizer, history, within)

            # Processors of other kinds round otherwise, so that weights would drift apart.
            processes.take_from_first(model.state_dict().values())
            epoch = _epoch(
                EpochStart(
                    run.folder, len(history.epochs), begun, keep, judged, timer, pulse, processes
                ),
                model,
                step,
                train,
                valid,
                config,
                bar,
            )
            begun = Checkpoint()
            history = replace(history, epochs=(*history.epochs, epoch))
            # The best weights first: killed in between, a resumed run does the epoch once more.
            saving = Interruption()
            with saving.put_off():
                if processes.first:
                    if history.best is epoch:
                        with judged():
                            run.save_weights(model)
                    save_checkpoint(run, model, optimizer, history)
                    log.write(history)
            if processes.any(saving.asked):
                raise KeyboardInterrupt
            give_back_memory()
            starred = config.keep == "best" and history.best is epoch
            bar.console.print(epoch_line(epoch, best=starred))
            if after_epoch is not None:
                after_epoch(history)
    return history


@dataclass(frozen=True)
class EpochStart:
    """Where an epoch starts, and how what it has done is kept before its end.

    Attributes:
        folder: the run's.
        done: whole epochs before it.
        begun: what a resumed training goes on from; an empty one for a fresh epoch.
        keep: writes a checkpoint.
        judged: puts the weights that are judged in place for a while.
        timer: says when the next one is due.
        pulse: says how it goes, where there is no bar.
        processes: that train together.
    """

    folder: Path
    done: int
    begun: Checkpoint
    keep: Callable[[WithinEpoch], None]
    judged: Callable[[], AbstractContextManager[None]]
    timer: Timer
    pulse: Heartbeat
    processes: Processes = ALONE


def _epoch(
    start: EpochStart,
    model: Network,
    step: Step,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    bar: Progress,
) -> Epoch:
    """Train on every question once, then validate."""
    device, done = next(model.parameters()).device, start.done
    steps = train.steps(at_least=config.min_steps)
    within = start.begun.within or WithinEpoch(0, 0.0, 0, 0.0)
    started = time.perf_counter() - within.seconds
    task = bar.add_task(f"epoch {done + 1}", total=steps, completed=within.step)
    most = FETCH_EVERY * config.accumulate
    trail = Trail(start.folder, train, most=most, processes=start.processes)
    losses = Losses(
        before=done * steps + within.step,
        device=device,
        explain=trail.after,
        total=within.loss,
        questions=within.questions,
    )

    def so_far(made: int) -> WithinEpoch:
        seconds = time.perf_counter() - started
        return WithinEpoch(made, losses.total(), losses.questions, seconds)

    _learn(start, model, step, train, config, losses, trail, so_far, lambda: bar.advance(task))
    train_loss = losses.mean()
    seconds = time.perf_counter() - started
    bar.update(task, description="validating")
    trained = so_far(steps)
    try:
        with start.judged(), still_at_work(bar.console, f"validating epoch {done + 1}"):
            found = validate_divided(model, valid, device, config.precision, start.processes)
    except KeyboardInterrupt:
        start.keep(trained)
        raise
    valid_loss, valid_accuracy = found
    bar.remove_task(task)
    if not math.isfinite(valid_loss):
        with start.judged():
            raise trail.validation(valid_loss, (done + 1) * steps, model, valid)
    return Epoch(
        epoch=done + 1,
        step=(done + 1) * steps,
        learning_rate=learning_rate(config, (done + 1) * steps - 1, config.epochs * steps),
        train_loss=train_loss,
        valid_loss=valid_loss,
        valid_accuracy=valid_accuracy,
        seconds=time.perf_counter() - started,
        questions_per_second=losses.questions / seconds,
    )


def _learn(
    start: EpochStart,
    model: Network,
    step: Step,
    train: Batches,
    config: TrainConfig,
    losses: Losses,
    trail: Trail,
    so_far: Callable[[int], WithinEpoch],
    advance: Callable[[], None],
) -> None:
    """Make the epoch's steps, from where it was interrupted if it was.

    Raises:
        KeyboardInterrupt: somebody wants to stop; what was learnt so far is written first.
    """
    device = next(model.parameters()).device
    steps, interruption = train.steps(at_least=config.min_steps), Interruption()
    # Seeded anew each epoch: a resumed run draws the same order and dropout as an unbroken one.
    seed = config.seed * 100_003 + start.done
    torch.manual_seed(seed)
    start.begun.restore_random(device)
    model.train()
    made, stopping = 0 if start.begun.within is None else start.begun.within.step, False
    shuffled = train.shuffled(seed, at_least=config.min_steps, start=made)
    # Closed at once, since a thread may make batches ahead.
    with closing(prefetch_to_device(device, shuffled)) as batches, interruption.put_off():
        for batch in batches:
            at = start.done * steps + made
            rate = learning_rate(config, at, config.epochs * steps)
            trail.note(at + 1, batch)
            try:
                loss = step(batch, rate=rate)
            except NotFinite as found:
                raise trail.before(found.loss, at + 1, model, batch) from None
            if loss is None:  # there are more parts of this step
                continue
            losses.add(loss, len(batch) if batch.part is None else batch.part.questions)
            made += 1
            advance()
            # All stop after the same step, whichever of them was told to.
            if stopping := start.processes.any(interruption.asked):
                break
            if start.timer.due():
                start.keep(so_far(made))
            start.pulse.beat(partial(_how_it_goes, start.done, so_far, made, steps))
    if stopping:
        start.keep(so_far(made))
        raise KeyboardInterrupt


def _how_it_goes(done: int, so_far: Callable[[int], WithinEpoch], made: int, steps: int) -> str:
    within = so_far(made)
    left = within.seconds / within.step * (steps - within.step)
    return (
        f"epoch {done + 1:>3}  {within.step:,} of {steps:,} steps  "
        f"loss {within.loss / within.questions:.4f}  {left / 60:.0f} min left"
    )
