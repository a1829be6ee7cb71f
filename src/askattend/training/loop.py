"""Training: one visible loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress

from askattend.batching.batches import Batch, Batches
from askattend.batching.device_placement import cache_on_gpu_if_it_fits, prefetch_to_device
from askattend.batching.inference import outputs
from askattend.devices import PrecisionChoice, pick_device
from askattend.metrics.accuracy import metric_name
from askattend.models import Network
from askattend.models.loss import answer_loss
from askattend.runs.run_folder import Run
from askattend.training.checkpoint import load_checkpoint, save_checkpoint
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import Step, make_step
from askattend.training.history import Epoch, TrainingHistory
from askattend.training.log import epoch_line, log_epoch, progress_bar, tensorboard_writer
from askattend.training.losses import Losses, require_finite
from askattend.training.step import learning_rate, make_optimizer


def fit(
    run: Run,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    *,
    console: Console,
    resume: bool = False,
    after_epoch: Callable[[TrainingHistory], None] | None = None,
) -> TrainingHistory:
    """Train the run's network; its folder then holds the best and the last weights, and logs.

    Interrupted and resumed, it ends with the weights that it would have had without.

    Args:
        run: already saved.
        train: the questions to learn from.
        valid: the questions by which the best epoch is chosen, unless the last one is kept.
        config: how.
        console: where notes, an epoch a line, and the progress bar go.
        resume: go on from the last weights of the run, if it has any.
        after_epoch: called after each epoch; an error that it raises ends the training.

    Raises:
        RunError: a loss is not finite, or the last weights are unreadable or do not fit.
    """
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    model = run.new_model().to(device)
    optimizer = make_optimizer(model, config)
    history = load_checkpoint(run, model, optimizer) if resume else TrainingHistory()
    history = replace(history, metric=metric_name(valid.questions), keep=config.keep)
    console.print(f"accuracy on validation: {history.metric}", highlight=False)
    train = cache_on_gpu_if_it_fits(train, device, config.precision, console)
    valid = cache_on_gpu_if_it_fits(valid, device, config.precision, console)
    step = make_step(model, optimizer, config)
    done = len(history.epochs) * train.steps(at_least=config.min_steps)
    with progress_bar(console) as bar, tensorboard_writer(run.folder, steps=done) as writer:
        while not history.finished(epochs=config.epochs, patience=config.patience):
            epoch = _epoch(model, step, train, valid, config, len(history.epochs), bar)
            history = replace(history, epochs=(*history.epochs, epoch))
            # The best weights first: killed in between, a resumed run does the epoch once more.
            if history.best is epoch:
                run.save_weights(model)
            save_checkpoint(run, model, optimizer, history)
            log_epoch(run.folder, history, writer)
            starred = config.keep == "best" and history.best is epoch
            bar.console.print(epoch_line(epoch, best=starred))
            if after_epoch is not None:
                after_epoch(history)
    return history


def _epoch(
    model: Network,
    step: Step,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    done: int,
    bar: Progress,
) -> Epoch:
    """Train on every question once, then validate; `done` epochs went before."""
    device = next(model.parameters()).device
    steps, started = train.steps(at_least=config.min_steps), time.perf_counter()
    # Seeded anew each epoch: a resumed run draws the same order and dropout as an unbroken one.
    seed = config.seed * 100_003 + done
    torch.manual_seed(seed)
    model.train()
    task = bar.add_task(f"epoch {done + 1}", total=steps)
    losses, rate = Losses(before=done * steps, device=device), 0.0
    batches = prefetch_to_device(device, train.shuffled(seed, at_least=config.min_steps))
    for index, batch in enumerate(batches, start=done * steps):
        rate = learning_rate(config, index, config.epochs * steps)
        losses.add(step(batch, rate=rate), len(batch))
        bar.advance(task)
    train_loss = losses.mean()
    seconds = time.perf_counter() - started
    bar.update(task, description="validating")
    valid_loss, valid_accuracy = validate(model, valid.in_order(), device, config.precision)
    bar.remove_task(task)
    require_finite(valid_loss, f"the validation of epoch {done + 1}")
    return Epoch(
        epoch=done + 1,
        step=(done + 1) * steps,
        learning_rate=rate,
        train_loss=train_loss,
        valid_loss=valid_loss,
        valid_accuracy=valid_accuracy,
        seconds=time.perf_counter() - started,
        questions_per_second=losses.questions / seconds,
    )


@torch.inference_mode()
def validate(
    model: Network,
    batches: Iterable[Batch],
    device: torch.device | str = "cpu",
    precision: PrecisionChoice = "auto",
) -> tuple[float, float]:
    """Compute the mean loss and the accuracy (0 to 1) over questions, dropout off."""
    scores, losses, sizes = [], [], []
    for batch, output in outputs(model, batches, torch.device(device), precision):
        logits = output.logits
        chosen = batch.answer_index == logits.argmax(dim=1, keepdim=True)
        scores.append((batch.answer_score * chosen).sum())
        losses.append(answer_loss(logits, batch.answer_index, batch.answer_weight))
        sizes.append(len(batch))
    loss = sum(a * b for a, b in zip(torch.stack(losses).tolist(), sizes, strict=True))
    return loss / sum(sizes), sum(torch.stack(scores).tolist()) / sum(sizes)
