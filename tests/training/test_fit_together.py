"""Several processes end with what one ends with, stopped and resumed in other numbers, too."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
import torch
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.metrics.floors import Floors
from askattend.models import Network
from askattend.runs.run_folder import Run
from askattend.training.config import TrainConfig
from askattend.training.history import TrainingHistory, read_progress
from askattend.training.loop import fit
from askattend.training.processes import ALONE, Processes
from askattend.training.validation import validate, validate_divided
from fake_features import random_features
from small_networks import SPEC, build_small, small_config
from small_questions import make_qaset, make_question
from training.thread_processes import ThreadProcesses, together

QUIET = Console(quiet=True)
# By sgd: Adam makes steps out of rounding where a gradient is 0, as that of a bias before softmax.
CONFIG = TrainConfig(
    epochs=3,
    batch_size=8,
    min_steps=7,
    optimizer="sgd",
    learning_rate=0.1,
    precision="float32",
)
NETWORK = small_config("san")


def questions() -> QASet:
    return make_qaset(
        *(
            make_question("a b c d"[: 1 + 2 * (i % 4)], (f"{i * i % 7}", 1), id=i, image=f"{i % 9}")
            for i in range(45)
        )
    )


@dataclass
class Place:
    """A run folder, and how to train there."""

    folder: Path
    config: TrainConfig = CONFIG
    some: QASet = field(default_factory=questions)

    @property
    def run(self) -> Run:
        words = WordVocab.build(q.text for q in self.some)
        answers = AnswerVocab.build(self.some)
        settings = {"network": "san", "model": asdict(NETWORK)}
        return Run(self.folder, settings, words, answers, Floors.build(self.some), SPEC)

    def batches(self) -> Batches:
        run, size = self.run, self.config.batch_size
        features = random_features(SPEC.rows * SPEC.columns, SPEC.region_dim)
        return Batches(self.some, features, run.words, run.answers, batch_size=size)

    def fit(self, processes: Processes = ALONE, *, resume: bool = False) -> TrainingHistory:
        # Only the first process's folder is ever looked at.
        run = self.run if processes.first else replace(self.run, folder=Path("/nowhere"))
        return fit(
            run,
            self.batches(),
            self.batches(),
            self.config,
            console=QUIET,
            resume=resume,
            processes=processes,
        )


@pytest.fixture(autouse=True)
def same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share the generator that initial weights are drawn by."""
    run = Place(Path("/nowhere")).run
    made = build_small(NETWORK, words=len(run.words), answers=len(run.answers))

    def new_model(self: Run) -> Network:
        return deepcopy(made)

    monkeypatch.setattr(Run, "new_model", new_model)


@pytest.fixture
def one(tmp_path: Path) -> Place:
    """A place where one process has trained."""
    place = Place(tmp_path / "one")
    place.run.save()
    place.fit()
    return place


@pytest.fixture
def many(tmp_path: Path) -> Place:
    """A place where several processes may train."""
    place = Place(tmp_path / "many")
    place.run.save()
    return place


def weights(place: Place, which: Literal["best", "last"]) -> dict[str, Tensor]:
    return place.run.load_model(which).state_dict()


def assert_same(ours: Place, theirs: Place) -> None:
    both: tuple[Literal["best", "last"], ...] = ("best", "last")
    for which in both:
        for name, weight in weights(theirs, which).items():
            torch.testing.assert_close(weights(ours, which)[name], weight, rtol=1e-5, atol=1e-6)
    for mine, other in zip(
        read_progress(ours.run).history.epochs,
        read_progress(theirs.run).history.epochs,
        strict=True,
    ):
        assert (mine.epoch, mine.step) == (other.epoch, other.step)
        assert mine.train_loss == pytest.approx(other.train_loss, rel=1e-6)
        assert mine.valid_loss == pytest.approx(other.valid_loss, rel=1e-6)
        assert mine.valid_accuracy == other.valid_accuracy


@pytest.mark.parametrize("processes", [2, 3])
def test_several_end_with_the_weights_of_one(one: Place, many: Place, processes: int) -> None:
    histories = together(processes, many.fit)
    assert_same(many, one)
    measured = [
        [(e.train_loss, e.valid_loss, e.valid_accuracy) for e in h.epochs] for h in histories
    ]
    assert measured.count(measured[0]) == processes
    assert (many.folder / "log.csv").exists()
    assert not Path("/nowhere").exists()


def test_accumulated_steps_end_with_the_same_weights(one: Place, many: Place) -> None:
    many.config = replace(CONFIG, accumulate=3)
    many.fit()
    assert_same(many, one)


@dataclass(frozen=True, kw_only=True)
class Stopping(ThreadProcesses):
    """One of several threads, the last of which is told to stop."""

    after: int
    asked: count[int] = field(default_factory=count)

    def any(self, flag: bool) -> bool:
        pressed = self.rank == self.count - 1 and next(self.asked) == self.after
        return super().any(flag or pressed)


def stopped(many: Place, processes: int, after: int) -> None:
    def stopping(thread: Processes) -> TrainingHistory:
        assert isinstance(thread, ThreadProcesses)
        other = Stopping(rank=thread.rank, count=processes, table=thread.table, after=after)
        return many.fit(other)

    with pytest.raises(KeyboardInterrupt):
        together(processes, stopping)


@pytest.mark.parametrize(("after", "steps"), [(3, 4), (6, 7), (7, 7), (11, 11)])
def test_all_stop_after_the_same_step(one: Place, many: Place, after: int, steps: int) -> None:
    """Of an epoch each of its seven steps asks, and then its end."""
    stopped(many, 2, after)
    progress = read_progress(many.run)
    within = 0 if progress.within is None else progress.within.step
    assert len(progress.history.epochs) * 7 + within == steps
    together(2, lambda processes: many.fit(processes, resume=True))
    assert_same(many, one)


@pytest.mark.parametrize("later", [1, 3])
def test_another_number_goes_on(one: Place, many: Place, later: int) -> None:
    stopped(many, 2, 4)
    if later == 1:
        many.fit(resume=True)
    else:
        together(later, lambda processes: many.fit(processes, resume=True))
    assert_same(many, one)


def test_resumed_by_as_many_it_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    """Of what is drawn, threads share the generator, and so one of them has all questions."""
    config = replace(CONFIG, targets="sampled", word_dropout=0.2, region_dropout=0.3, accumulate=2)
    places = [Place(tmp_path / name, config) for name in ("unbroken", "broken")]
    for place in places:
        place.run.save()
    unbroken, broken = places
    unbroken.fit()
    stopping = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        broken.fit(stopping)
    broken.fit(resume=True)
    for name, weight in weights(unbroken, "last").items():
        assert torch.equal(weights(broken, "last")[name], weight), name


class Interrupting(Processes):
    """One process that is told to stop at its fifth step."""

    def __init__(self) -> None:
        self.asked = count(1)

    def any(self, flag: bool) -> bool:
        return flag or next(self.asked) == 5


@pytest.mark.parametrize("processes", [2, 3, 8])
def test_validation_is_one_process_s_to_the_bit(one: Place, processes: int) -> None:
    """Of eight processes some have no batch at all."""
    model, valid = one.run.load_model(), one.batches()
    alone = validate(model, valid.in_order(), precision="float32")
    models = [deepcopy(model) for _ in range(processes)]
    device = torch.device("cpu")
    for divided in together(
        processes,
        lambda each: validate_divided(models[each.rank], valid, device, "float32", each),
    ):
        assert divided == alone
