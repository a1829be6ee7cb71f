"""Training: one visible loop."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from collections.abc import Iterable

import msgspec
import torch
from jaxtyping import Float
from msgspec.structs import replace
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from tensorboardX import SummaryWriter
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.batching.device_placement import near, onto
from askattend.batching.inference import outputs
from askattend.devices import Precision, pick_device
from askattend.errors import RunError
from askattend.files import atomic_write
from askattend.metrics.accuracy import metric_name
from askattend.models import Model
from askattend.models.loss import answer_loss
from askattend.runs.run_folder import Run, under
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import Stepper, stepper
from askattend.training.history import Epoch, Progression
from askattend.training.step import learning_rate, make_optimizer

# Steps on a GPU between two looks at their losses.
FETCH_EVERY = 100


def fit(
    run: Run,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    *,
    console: Console,
    resume: bool = False,
) -> Progression:
    """Train the run's network; its folder then holds the best and the last weights, and logs.

    Interrupted and resumed, it ends with the weights that it would have had without.
    """
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    model = run.new_model().to(device)
    optimizer = make_optimizer(model, config)
    progression = _restore(run, model, optimizer) if resume else Progression()
    step = stepper(model, optimizer, config)
    progression = replace(progression, metric=metric_name(valid.questions))
    console.print(f"accuracy on validation: {progression.metric}", highlight=False)
    train, valid = (near(part, device, config.precision, console) for part in (train, valid))
    steps = train.steps(at_least=config.min_steps)
    with (
        # Where nobody sees it move, it would leave nothing but an empty line.
        Progress(
            *_COLUMNS, console=console, transient=True, disable=not console.is_interactive
        ) as progress,
        SummaryWriter(
            # TensorBoard drops what was logged from this step on: all after the last whole epoch.
            str(run.folder / "tensorboard"),
            purge_step=len(progression.history) * steps + 1,
        ) as writer,
    ):
        while not progression.finished(epochs=config.epochs, patience=config.patience):
            epoch = _epoch(model, step, train, valid, config, len(progression.history), progress)
            progression = replace(progression, history=(*progression.history, epoch))
            # The best weights first: killed in between, a resumed run does the epoch once more.
            if progression.best is epoch:
                run.save_weights(model)
            run.save_progress(model, *_progress(model, optimizer, progression))
            _log(run, progression, writer)
            progress.console.print(_line(epoch, best=progression.best is epoch))
    return progression


def _epoch(
    model: Model,
    step: Stepper,
    train: Batches,
    valid: Batches,
    config: TrainConfig,
    done: int,
    progress: Progress,
) -> Epoch:
    """Train on every question once, then validate; `done` epochs went before."""
    device = next(model.parameters()).device
    steps, started = train.steps(at_least=config.min_steps), time.perf_counter()
    # Seeded anew each epoch: a resumed run draws the same order and dropout as an unbroken one.
    seed = config.seed * 100_003 + done
    torch.manual_seed(seed)
    model.train()
    task = progress.add_task(f"epoch {done + 1}", total=steps)
    losses, rate = Losses(before=done * steps, device=device), 0.0
    batches = onto(device, train.shuffled(seed, at_least=config.min_steps))
    for index, batch in enumerate(batches):
        rate = learning_rate(config, done * steps + index, config.epochs * steps)
        losses.add(step(batch, rate), len(batch))
        progress.advance(task)
    train_loss = losses.mean()
    seconds = time.perf_counter() - started
    progress.update(task, description="validating")
    valid_loss, valid_accuracy = validate(model, valid.in_order(), device, config.precision)
    progress.remove_task(task)
    _require_finite(valid_loss, f"the validation of epoch {done + 1}")
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


class Losses:
    """The losses of an epoch's steps, some at a time fetched from where they were computed.

    Args:
        before: steps before the epoch.
        device: of the losses. To fetch them is to wait for a GPU, which then has nothing to do; so
            that is rare, and a loss that is not finite is told late, but by its own step.
    """

    def __init__(self, *, before: int, device: torch.device) -> None:
        self.questions, self._sum, self._step = 0, 0.0, before
        self._every = 1 if device.type == "cpu" else FETCH_EVERY
        self._waiting: list[tuple[Tensor, int]] = []

    def add(self, loss: Float[Tensor, ""], questions: int) -> None:
        """Take the next step's mean loss over so many questions.

        Raises:
            RunError: a loss is not finite; names its step.
        """
        self._waiting.append((loss, questions))
        self.questions += questions
        if len(self._waiting) == self._every:
            self._fetch()

    def mean(self) -> float:
        """The mean over all questions so far; raises as `add`."""
        self._fetch()
        return self._sum / self.questions

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        values = torch.stack([loss for loss, _ in waiting]).tolist() if waiting else []
        for value, (_, questions) in zip(values, waiting, strict=True):
            self._step += 1
            _require_finite(value, f"step {self._step}")
            self._sum += value * questions


def _require_finite(loss: float, when: str) -> None:
    if not math.isfinite(loss):
        raise RunError(
            f"the loss is {loss} at {when}",
            where="training",
            remedy="Lower --train.learning-rate, or set --train.clip-norm 1.",
        )


@torch.inference_mode()
def validate(
    model: Model,
    batches: Iterable[Batch],
    device: torch.device | str = "cpu",
    precision: Precision = "auto",
) -> tuple[float, float]:
    """Mean loss and accuracy (0 to 1) over questions, dropout off."""
    scores, losses, sizes = [], [], []
    for batch, output in outputs(model, batches, torch.device(device), precision):
        logits = output.logits
        chosen = batch.answer_index == logits.argmax(dim=1, keepdim=True)
        scores.append((batch.answer_score * chosen).sum())
        losses.append(answer_loss(logits, batch.answer_index, batch.answer_weight))
        sizes.append(len(batch))
    loss = sum(a * b for a, b in zip(torch.stack(losses).tolist(), sizes, strict=True))
    return loss / sum(sizes), sum(torch.stack(scores).tolist()) / sum(sizes)


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("steps"),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(),
)


def _line(epoch: Epoch, *, best: bool) -> str:
    return (
        f"epoch {epoch.epoch:>3}  loss {epoch.train_loss:.4f}  "
        f"validation loss {epoch.valid_loss:.4f}  accuracy {epoch.valid_accuracy:7.2%}"
        f"{' *' if best else '  '}  {epoch.seconds:.1f} s  "
        f"{epoch.questions_per_second:,.0f} questions/s"
    )


def _log(run: Run, progression: Progression, writer: SummaryWriter) -> None:
    """Rewrite log.csv, so that a resumed run has no row twice; add to TensorBoard's events."""
    text = io.StringIO()
    table = csv.DictWriter(text, Epoch.__struct_fields__, lineterminator="\n")
    table.writeheader()
    table.writerows(msgspec.structs.asdict(epoch) for epoch in progression.history)
    atomic_write(run.folder / "log.csv", text.getvalue().encode())
    latest = msgspec.structs.asdict(progression.history[-1])
    step = latest.pop("step")
    for name, value in latest.items():
        # TensorBoard groups by what stands before a slash: training's and validation's loss.
        writer.add_scalar(re.sub(r"^(train|valid)_", r"\1/", name), value, step)


def _progress(
    model: Model, optimizer: torch.optim.Optimizer, progression: Progression
) -> tuple[dict[str, Tensor], bytes]:
    """The optimizer's moments under their parameters' names, and the history."""
    moments = {
        f"optimizer.{name}.{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
        if value is not None
    }
    return moments, msgspec.json.encode(progression)


def _restore(run: Run, model: Model, optimizer: torch.optim.Optimizer) -> Progression:
    """Put the last epoch's weights and moments back; an empty progression if there is none."""
    progress = run.load_progress(model)
    if progress is None:
        return Progression()
    moments, state = progress
    for name, parameter in model.named_parameters():
        for key, value in under(f"optimizer.{name}.", moments).items():
            # Adam's step count stays a scalar on the CPU unless fused, where it joins the others.
            optimizer.state[parameter][key] = value.to(parameter.device)
    return msgspec.json.decode(state, type=Progression)
