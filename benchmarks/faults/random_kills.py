"""Real commands killed by SIGKILL at random instants, then given again, to the same results.

Each is a process of its own, forked from one that has imported everything, which saves seconds.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

import msgspec
from PIL import Image
from safetensors.numpy import load

from askattend.cli import COMMANDS, main
from benchmarks.faults.disk import contents

# Fields that tell when, how long and by which file: of no two runs the same.
_TIMES = re.compile(rb'"(seconds|questions_per_second|date|made|begun|sha256|size|seal)":[^,}]*')
# Files that hold such fields, or a text or picture of them.
_DATED = re.compile(
    r"(.*/)?(log\.csv|README\.md|.*\.html|origin\.json|manifest\.json|events\.out.*|metrics\.json)"
)
_KEPT = re.compile(r"(.*/)?\.[^/]*(lock|seen)")
_COLOURS, _SIDE, _IMAGES = ("red", "green", "blue"), 64, 24


@dataclass(frozen=True)
class Command:
    """A command, and what it leaves.

    Attributes:
        name: of it.
        words: of its first time, of which ``OUT`` is where it writes.
        more: words to go on.
        given: what it needs in its folder: copies ``from → to``.
        finished: tells from the folder that it is done and would refuse to be done again.
    """

    name: str
    words: tuple[str, ...]
    more: tuple[str, ...] = ()
    given: tuple[tuple[Path, str], ...] = ()
    finished: Callable[[Path], bool] = lambda folder: False


@dataclass
class Outcome:
    """Outcome of a command's kills.

    Attributes:
        killed: processes that were killed at work.
        early: those that had ended by then.
        lost: commands that, given again, did not end with the same results.
        seconds: that an undisturbed one takes.
    """

    killed: int = 0
    early: int = 0
    lost: int = 0
    seconds: float = 0.0


def warm_up() -> None:
    """Import what commands import."""
    for module in COMMANDS.values():
        import_module(f"askattend.cli.{module}")


def commands(inputs: Path, golden: Path | None) -> list[Command]:
    """Make what commands need, and list them."""
    table = _write_table(inputs)
    small = ["--model.embedding-dim", "8", "--model.question-dim", "16", "--model.attention-dim"]
    small += ["16", "--model.hidden-dim", "16", "--train.epochs", "4", "--train.batch-size", "4"]
    small += ["--extract.image-size", "64", "--extract.shard-images", "6"]
    train = ("train", "saaa", "--data", f"table:{table}", "--out", "OUT/run", *small)
    extract = ("extract", str(inputs / "pictures"), "--out", "OUT/store", "--image-size", "64")
    _run([*extract, "--shard-images", "6"], inputs)
    _run(list(train), inputs)
    run = inputs / "run"
    asked = inputs / "questions.txt"
    asked.write_text("what colour is it?\nis it red?\n")
    predict = ("predict", str(run), "--images", str(inputs / "pictures"), "--out", "OUT/results")
    listed = [
        Command("extract", (*extract, "--shard-images", "6")),
        Command("train", train, ("--resume",)),
        Command("evaluate", ("evaluate", "OUT/run", "--split", "test"), given=((run, "run"),)),
        Command(
            "predict",
            (*predict, "--questions", str(asked), "--shard-images", "4", "--workers", "0"),
        ),
    ]
    if golden is not None:
        log, features = golden / "pytorch_vqa_log.pth", golden / "pytorch_vqa_features.h5"
        words = ("import", "pytorch-vqa", str(log), "--out", "OUT/run")
        listed.append(Command("import log", words, finished=_has_run))
        words = ("import", "hdf5", str(features), "--out", "OUT/store")
        listed.append(Command("import features", words, finished=_has_store))
    return listed


def _has_run(folder: Path) -> bool:
    return (folder / "run").exists()


def _has_store(folder: Path) -> bool:
    return (folder / "store").exists()


def kill_at_random(command: Command, times: int, folder: Path, seed: int) -> Outcome:
    """Kill a command so many times at random, each time give it again, and compare.

    Half of the instants lie anywhere in its length, and half where it writes: within a moment after
    a name has changed in its folder.
    """
    chance, outcome = random.Random(f"{command.name} {seed}"), Outcome()
    _begin(command, folder)
    started = time.monotonic()
    _run([*command.words], folder)
    outcome.seconds = time.monotonic() - started
    expected = comparable(folder)
    done = 0
    while done < times:
        _begin(command, folder)
        done += _kill(command, folder, chance, outcome)
        if not command.finished(folder):
            _run([*command.words, *command.more], folder)
        found = comparable(folder)
        differing = [n for n in found.keys() | expected.keys() if found.get(n) != expected.get(n)]
        if differing:
            outcome.lost += 1
            print(f"{command.name}: {', '.join(sorted(differing))}", flush=True)
    return outcome


def _kill(command: Command, folder: Path, chance: random.Random, outcome: Outcome) -> int:
    """Kill the command at work, sometimes again when it is given again; return how often."""
    killed = 0
    for more in ((), command.more):
        running = _start([*command.words, *more], folder)
        if chance.random() < 0.5:
            time.sleep(chance.uniform(0.3, 1.0) * outcome.seconds)
        else:
            _wait_for_changes(running, folder, chance.randrange(1, 30))
            time.sleep(chance.random() * 0.004)
        at_work = running.is_alive()
        running.kill()
        running.join()
        killed += at_work
        outcome.killed += at_work
        outcome.early += not at_work
        if command.finished(folder) or chance.random() < 0.7:
            break
    return max(killed, 1)


def _wait_for_changes(running: ForkProcess, folder: Path, changes: int) -> None:
    """Wait until names in a folder have changed so many times."""
    before: set[str] = set()
    while changes and running.is_alive():
        now = {str(path) for path in folder.rglob("*")}
        changes -= now != before
        before = now
        time.sleep(0.001)


def comparable(folder: Path) -> dict[str, object]:
    """Read a folder; of what tells times, only that it is there."""
    found: dict[str, object] = {}
    for name, content in contents(folder).items():
        if _KEPT.fullmatch(name):
            continue
        if content is None:
            found[name] = None
        elif _DATED.fullmatch(name):
            found[re.sub(r"tfevents\..*", "tfevents", name)] = "dated"
        elif name.endswith(("last.safetensors", "soft_answers.safetensors")):
            found[name] = _without_times(content)
        else:
            found[name] = content
    return found


def _without_times(content: bytes) -> object:
    length = int.from_bytes(content[:8], "little")
    state = msgspec.json.decode(content[8 : 8 + length])["__metadata__"]["state"].encode()
    tensors = {name: array.tobytes() for name, array in load(content).items()}
    return tensors, _TIMES.sub(b"", state)


def _begin(command: Command, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source, name in command.given:
        shutil.copytree(source, folder / name)


def _start(words: list[str], folder: Path) -> ForkProcess:
    placed = [word.replace("OUT", str(folder), 1) for word in words]
    running = get_context("fork").Process(target=_command, args=(placed, _said(folder)))
    running.start()
    return running


def _command(words: list[str], said: Path) -> None:
    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    main(words)


def _said(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.txt")


def _run(words: list[str], folder: Path) -> None:
    running = _start(words, folder)
    running.join()
    if running.exitcode:
        told = _said(folder).read_text(errors="replace")
        raise RuntimeError(f"askattend {' '.join(words)}: {told}")


def _write_table(folder: Path) -> Path:
    """Write questions about squares of one colour, some of them to be tested on."""
    pictures = folder / "pictures"
    pictures.mkdir()
    rows = ["image,question,answer,split"]
    for number in range(_IMAGES):
        colour, name = _COLOURS[number % 3], f"pictures/{number}.png"
        Image.new("RGB", (_SIDE, _SIDE), colour).save(folder / name)
        split, red = "test" if number >= 18 else "train", "yes" if colour == "red" else "no"
        rows += [f"{name},what colour is it?,{colour},{split}", f"{name},is it red?,{red},{split}"]
    table = folder / "squares.csv"
    table.write_text("\n".join(rows) + "\n")
    return table
