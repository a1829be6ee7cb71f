"""``askattend train``: what a run holds, what it shares, how it goes on."""

from __future__ import annotations

import json
import re
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.features.store import FeatureStore
from askattend.metrics.accuracy import accuracy_label
from askattend.training.cuda_graphs import Step, make_step
from cli.conftest import Mistake
from commands import Call, train_command
from squares import COLOURS, write_squares


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_a_run_folder_is_complete_and_nothing_is_pickled(trained: Path, network: str) -> None:
    names = {file.name for file in (trained / "runs" / network).iterdir()}
    assert names >= {
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        *("best.safetensors", "last.safetensors", "log.csv", "metrics.json", "tensorboard"),
    }
    assert not [name for name in names if Path(name).suffix in (".pt", ".pth", ".pkl", ".bin")]


@pytest.mark.parametrize(
    ("answers", "metric"), [(["red"], "exact match"), (["red"] * 4, "VQA accuracy, current")]
)
def test_the_metric_is_named_with_every_figure_of_training(
    tmp_path: Path, call: Call, answers: list[str], metric: str
) -> None:
    rows = []
    for name, colour in COLOURS.items():
        Image.new("RGB", (30, 30), colour).save(tmp_path / f"{name}.jpg")
        rows.append({"image": f"{name}.jpg", "question": "what?", "answers": answers})
    table = tmp_path / "mine.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    status, _, err = call(*train_command("saaa", table, tmp_path / "run"))
    assert status == 0
    lines = err.splitlines()
    header = lines.index(f"accuracy on validation: {metric}")
    assert lines[header + 1].startswith("epoch   1  loss")
    label = accuracy_label(metric)
    assert re.search(rf"validation {re.escape(label)} [0-9.]+%", err)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["metric"] == metric
    assert lines[-2:] == [
        f"next: askattend evaluate {tmp_path / 'run'} --split valid",
        f"      askattend ask {tmp_path / 'run'} IMAGE 'what?'",
    ]
    assert call("evaluate", tmp_path / "run", "--split", "train")[0] == 0
    assert (
        f"<figcaption><b>{label[0].upper()}{label[1:]}</b>"
        in (tmp_path / "run" / "evaluations" / "train" / "report.html").read_text()
    )


def test_the_cache_is_shared_and_extended(tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    assert call(*train_command("saaa", table, tmp_path / "runs" / "a"))[0] == 0
    (cache,) = (f for f in (tmp_path / "runs" / "features").iterdir() if f.is_dir())
    assert len(FeatureStore.open(cache)) == 9
    before = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    status, _, err = call(*train_command("san", table, tmp_path / "runs" / "b"))
    assert status == 0
    assert "no image to extract" in err
    assert before == {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert "" not in err.splitlines()
    status, _, err = call("evaluate", tmp_path / "runs" / "b")
    assert (status, err.count("extracting"), err.count("no image to extract")) == (0, 1, 0)
    assert "" not in err.splitlines()
    assert len(FeatureStore.open(cache)) == 12
    status, _, err = call("evaluate", tmp_path / "runs" / "b")
    assert (status, err.count("extracting"), err.count("no image to extract")) == (0, 0, 1)
    assert ["not calibrated" in line for line in err.splitlines()] == [False, True]


def test_resume(trained: Path, own: Path, call: Call) -> None:
    table, out = trained / "squares.csv", own / "runs" / "saaa"  # the table that it began with
    log = (out / "log.csv").read_text()
    status, _, err = call(*train_command("saaa", table, out))
    assert (status, "holds a run already" in err) == (2, True)
    assert call("train", "saaa", "--out", out, "--resume")[0] == 0
    assert (out / "log.csv").read_text() == log
    status, _, err = call("train", "saaa", "--out", out, "--resume", "--model.glimpses", "3")
    assert (status, "cannot go on: model.glimpses is 3, and was" in err) == (2, True)
    status, _, err = call("train", "saaa", "--out", out, "--resume", "--train.learning-rate", "1")
    assert (status, "cannot go on: train.learning_rate is 1.0, and was" in err) == (2, True)
    status, _, err = call("train", "saaa", "--out", out, "--resume", "--vocab.valid-seed", "7")
    assert (status, "cannot go on: vocab.valid_seed is 7, and was" in err) == (2, True)
    assert call("train", "saaa", "--out", out, "--resume", "--train.epochs", "3")[0] == 0
    assert (out / "log.csv").read_text().startswith(log)
    assert len((out / "log.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("number", "recipe", "of"),
    [
        (signal.SIGINT, "paper", ""),
        (signal.SIGTERM, "paper", ""),  # from a scheduler, a container's end or systemd
        (signal.SIGHUP, "auto", " of network 1 of its teachers"),  # from a terminal that closes
    ],
)
def test_an_interrupted_training_tells_what_is_kept_and_what_goes_on(
    trained: Path,
    own: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    recipe: str,
    of: str,
) -> None:
    out, steps, more = own / "a b", iter(range(1000)), ("--recipe", recipe, "--seeds", "2")
    words = train_command("saaa", trained / "squares.csv", out, *more[: 4 if of else 2])

    def pressing(*arguments: Any) -> Step:
        step = make_step(*arguments)

        def made(batch: Batch, *, rate: float) -> Tensor | None:
            if next(steps) == 5:  # the sixth step, the second of the second epoch
                signal.raise_signal(number)
            return step(batch, rate=rate)

        return made

    monkeypatch.setattr("askattend.training.loop.make_step", pressing)
    status, _, err = call(*words)
    assert status == 128 + number
    last = err.splitlines()[-1]
    kept, _, command = last.partition(" Go on with: askattend ")
    assert kept == f"askattend: interrupted. Kept: 1 epoch and 2 steps of the next{of} in {out}."
    assert shlex.split(command) == [*words, "--resume"]
    assert call(*shlex.split(command))[0] == 0
    words[words.index(str(out))] = str(own / "whole")
    assert call(*words)[0] == 0
    weights = [folder / "best.safetensors" for folder in (out, own / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_interrupted_before_the_first_step_the_same_command_goes_on(
    trained: Path, own: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("askattend.experiment.preparing.features_for", interrupted)
    words = train_command("saaa", trained / "squares.csv", own / "new")
    status, _, err = call(*words)
    assert (status, "no weights yet" in err) == (130, True)
    assert shlex.split(err.splitlines()[-1].partition("Go on with: askattend ")[2]) == words


def test_a_run_is_a_preset(trained: Path, tmp_path: Path, call: Call) -> None:
    preset = trained / "runs" / "saaa" / "config.toml"
    out = tmp_path / "again"
    assert call("train", "saaa", "--preset", preset, "--out", out)[0] == 0
    assert (out / "config.toml").read_text() == preset.read_text()
    weights = [f / "best.safetensors" for f in (out, trained / "runs" / "saaa")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_few_rows_are_enough(tmp_path: Path, call: Call) -> None:
    for name, colour in COLOURS.items():
        Image.new("RGB", (30, 30), colour).save(tmp_path / f"{name}.jpg")
    table = tmp_path / "mine.jsonl"
    rows = [("red", "what is it?", "red"), ("blue", "what is it?", "blue")]
    rows += [("green", "what is it?", "green"), ("red", "hot?", "yes"), ("blue", "hot?", "no")]
    table.write_text(
        "\n".join(
            json.dumps(
                {"image": f"{image}.jpg", "question": question, "answers": [answer, "dunno"]}
            )
            for image, question, answer in rows
        )
    )
    status, _, err = call(*train_command("saaa", table, tmp_path / "run"))
    assert status == 0
    assert "validated on the training questions themselves" in err
    status, out, _ = call("evaluate", tmp_path / "run", "--split", "train", "--json")
    metric = "VQA accuracy, current, adapted below 4 answers"
    assert (status, json.loads(out)["metric"]) == (0, metric)


def torn(table: Path) -> None:
    image = table.parent / "square 7.png"
    image.write_bytes(image.read_bytes()[:60])


def gone(table: Path) -> None:
    (table.parent / "square 7.png").unlink()


def short(table: Path) -> None:
    table.write_text(table.read_text() + "square 1.png\n")


def blank(table: Path) -> None:
    table.write_text(table.read_text() + "square 1.png,  ,red,train,colour\n")


def renamed(table: Path) -> None:
    table.write_text(table.read_text().replace("image,question", "image,qestion", 1))


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (torn, ["square 7.png", "Mend or remove"]),
        (gone, ["square 7.png"]),
        (short, ["squares.csv:26"]),
        (blank, ["squares.csv:26", "question"]),
        (renamed, ["squares.csv", "'qestion'", "question"]),
    ],
)
def test_bad_tables_leave_no_run(
    tmp_path: Path, call: Call, spoil: Callable[[Path], None], names: list[str]
) -> None:
    table = write_squares(tmp_path)
    spoil(table)
    status, _, err = call(*train_command("saaa", table, tmp_path / "runs" / "a"))
    assert status == 2
    for name in names:
        assert name in err
    assert not (tmp_path / "runs" / "a").exists()


def test_a_place_that_cannot_be_written_to_is_named(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    caches = [f for f in (trained / "runs" / "features").iterdir() if f.is_dir()]
    cache = max(caches, key=lambda folder: len(FeatureStore.open(folder)))
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "run"
    status, _, err = call(*train_command("saaa", trained / "squares.csv", out, "--features", cache))
    assert (status, f"askattend: {out}: Not a directory." in err) == (2, True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train sann --out x", "Did you mean 'san'?"),
        ("train saaa --data easy-vqa", "Add --out RUN"),
        ("train saaa --out x", "Add --data SOURCE"),
        ("train saaa --data easy-vqaa --out x", "Did you mean 'easy-vqa'?"),
        ("train saaa --data easy-vqa --out x --model.glimpses 0", "glimpses = 0: expected int"),
        ("train saaa --data easy-vqa --out x --train.device abacus", "cannot compute on 'abacus'"),
        ("train saaa --data easy-vqa --out x --preset nothing", "unknown preset 'nothing'"),
        ("train saaa --data easy-vqa --out x --train.seed 99999999999", "seed = 99999999999"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)


def test_a_misspelt_option_names_the_nearest(call: Call) -> None:
    status, _, err = call("train", "saaa", "--out", "x", "--model.glimpsess", "3")
    assert status == 2
    assert "--model.glimpses" in err


SCHEDULED = ("--train.patience", "0", "--train.final-lr-fraction", "0.1")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (SCHEDULED, True),
        (("--train.patience", "0", "--train.warmup", "0.5"), True),
        (("--recipe", "paper"), False),
    ],
)
def test_a_longer_training_says_what_becomes_of_its_schedule(
    trained: Path, tmp_path: Path, call: Call, options: tuple[str, ...], told: bool
) -> None:
    out = tmp_path / "run"
    words = train_command("saaa", trained / "squares.csv", out, *options)
    assert call(*words)[0] == 0
    status, _, err = call("train", "saaa", "--out", out, "--resume")
    assert (status, "schedule" in err) == (0, False)  # as it was: nothing to do, nothing to say
    status, _, err = call("train", "saaa", "--out", out, "--resume", "--train.epochs", "4")
    assert (status, "schedule, laid over 2 epochs, is laid over 4 now" in err) == (0, told)
    if options == SCHEDULED:
        rates = [row.split(",")[2] for row in (out / "log.csv").read_text().splitlines()[1:]]
        note = next(line for line in err.splitlines() if "schedule" in line)
        assert f"it was {float(rates[1]):.2g} at the end of epoch 2" in note
        assert f"ends at {float(rates[3]):.2g}" in note
