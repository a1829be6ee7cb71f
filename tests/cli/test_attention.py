"""An attention of one's own, from its file to trained maps."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

import askattend.cli
from accepted import accept_run
from askattend.checking import check
from askattend.cli import main
from askattend.errors import RunError
from askattend.experiment.attention import kept_attention, own_attention, with_kept
from askattend.experiment.config import config_from
from askattend.runs.run_folder import Run
from askattend.runs.tensor_files import read_tensors
from commands import Call, train_command
from small_modules import Lazy

MODULES = Path(__file__).parents[1] / "small_modules.py"
QUESTION = "what colour is it?"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def trained_with_it(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SAAA with an attention of somebody's own, beside its data, not to be changed."""
    folder = tmp_path_factory.mktemp("attention") / "mine"
    shutil.copytree(trained, folder, ignore=lambda *_: ["saaa", "san"])
    words = train_command("saaa", folder / "squares.csv", folder / "runs" / "own")
    main([*words, "--attention", f"{MODULES}:HalfOfIt"])
    return folder


@pytest.fixture
def mine(trained_with_it: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained_with_it, tmp_path / "mine"))


def test_it_is_trained_evaluated_asked_and_traced(mine: Path, call: Call) -> None:
    run, image = mine / "runs" / "own", mine / "square 4.png"
    assert (run / "attention.py").read_text() == MODULES.read_text()
    assert Run.load(run).config["attention"] == "HalfOfIt"
    tensors, _ = read_tensors(run / "best.safetensors")
    assert "attention.attention.queries.weight" in tensors
    status, out, _ = call("ask", run, image, QUESTION, "--json", "--overlay", mine / "map.png")
    (answer,) = json.loads(out)
    assert (status, answer["attention"]["glimpses"]) == (0, 2)
    assert (mine / "map.png").is_file()
    assert call("evaluate", run)[0] == 0
    status, out, err = call("trace", "--run", run, "--image", image, "--question", QUESTION)
    assert (status, err) == (0, "")
    assert "α" in out
    assert "HalfOfIt(regions, question)   [beyond the paper]" in out
    assert "by HalfOfIt in the place of the paper's attention" in " ".join(out.split())
    assert "α_{c,l} = softmax(scores)" in out
    assert not {"F_c", "W_x"} & set(re.findall(r"\w+", out))
    words = train_command("saaa", mine / "squares.csv", run, "--train.epochs", 3, "--resume")
    assert call(*words)[0] == 0


@pytest.mark.parametrize("name", ["Tied", "Lazy"])
def test_weights_that_are_shared_or_not_there_yet(
    trained: Path, tmp_path: Path, call: Call, name: str
) -> None:
    features = next(f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    words = train_command("saaa", trained / "squares.csv", tmp_path / "run")
    words = [*words, "--features", str(features)]
    status, _, err = call(*words, "--attention", f"{MODULES}:{name}")
    assert status == 0, err
    model = Run.load(tmp_path / "run").load_model()
    attention: Any = model.attention
    own = attention.attention
    assert (
        own.score.weight.shape == (2, 8)
        if name == "Lazy"
        else own.first.weight is own.second.weight
    )
    status, _, err = call(*words, "--train.epochs", 3, "--resume")
    assert status == 0, err


def test_lazy_layers_are_checked_once_they_have_a_size() -> None:
    module = Lazy(2)
    (found,) = check(module, network="saaa").failed
    assert "has no size yet" in found.explanation
    module.eval()(torch.zeros(1, 9, 6), torch.zeros(1, 7))
    assert check(module, network="saaa", region_dim=6, question_dim=7).ok


def test_a_search_keeps_to_the_code_that_it_was_begun_with(trained: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(MODULES.read_text())
    config = config_from({"data": f"table:{trained / 'squares.csv'}"}, "saaa", where="here")
    start = replace(config, attention=f"{mine}:HalfOfIt")
    code = kept_attention([start, start], tmp_path / "run")
    assert code is not None
    mine.write_text("raise RuntimeError")  # edited while the search goes on
    kept = own_attention(with_kept(code, start), tmp_path / "run")
    assert kept is not None
    assert (kept.name, kept.source) == ("HalfOfIt", MODULES.read_text())
    with pytest.raises(RunError, match="is not the attention's code that the search was begun"):
        kept_attention([start], tmp_path / "run")


def test_each_hop_of_san_has_one(trained: Path, tmp_path: Path, call: Call) -> None:
    features = next(f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    words = train_command("san", trained / "squares.csv", tmp_path / "run")
    assert call(*words, "--features", features, "--attention", f"{MODULES}:HalfOfIt")[0] == 0
    tensors, _ = read_tensors(tmp_path / "run" / "best.safetensors")
    first, second = (tensors[f"hops.{hop}.attention.key.weight"] for hop in (0, 1))
    assert first.shape == second.shape == (16, 16)
    assert not first.equal(second)


def test_anothers_run_is_asked_about(
    mine: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, image = mine / "runs" / "own", mine / "square 4.png"
    ask = ("ask", run, image, QUESTION)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    status, out, err = call(*ask)
    assert (status, out) == (2, "")
    assert "attention.py: the run brings code of somebody's own" in err
    assert f"--attention {run / 'attention.py'}:HalfOfIt" in err
    # Nobody to ask, or a no: it is not run.
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert call(*ask)[0] == 2
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert call(*ask)[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert call(*ask)[0] == 0  # as it is remembered
    (run / "attention.py").write_text(f"{MODULES.read_text()}\n")
    status, _, err = call(*ask)
    assert (status, "attention.py: is not as it was written" in err) == (2, True)
    accept_run(run)
    assert call(*ask)[0] == 2
    status, _, err = call(*ask, "--attention", f"{MODULES}:HalfOfIt")
    assert (status, "is not the code that the run was trained with" in err) == (2, True)
    assert call(*ask, "--attention", f"{run / 'attention.py'}:HalfOfIt")[0] == 0


@pytest.mark.parametrize(
    ("network", "attention", "message"),
    [
        ("saaa", f"{MODULES}:Flattened", "Flattened: "),
        ("question-only", f"{MODULES}:HalfOfIt", "attention: question-only takes no other"),
        ("saaa", "nowhere.py:Mine", "nowhere.py: cannot be read"),
        ("saaa", "Mine", "'Mine' names no class in a file"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(
    trained: Path, tmp_path: Path, call: Call, network: str, attention: str, message: str
) -> None:
    words = ["train", network, "--data", f"table:{trained / 'squares.csv'}"]
    features = next(f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    more = ["--out", tmp_path / "run", "--features", features, "--attention", attention]
    status, _, err = call(*words, *more)
    assert status == 2
    assert message in err
    assert not (tmp_path / "run" / "config.toml").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HalfOfThat", "has no 'HalfOfThat'. Did you mean 'HalfOfIt'?"),
        ("Flattened", "the scores are"),
        ("OtherWidth", "OtherWidth cannot be called with region_dim"),
        ("OtherGrid", "OtherGrid cannot be called with region_dim"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--search", "1m")], ids=["train", "search"])
def test_it_is_tried_before_any_picture_is_looked_at(
    trained: Path,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    message: str,
    more: tuple[str, ...],
) -> None:
    # For a search there are too few pictures here; what is wrong is found before.
    monkeypatch.setattr("askattend.experiment.search.search.folds_for", lambda *_: [])
    words = train_command("saaa", trained / "squares.csv", tmp_path / "run")
    status, _, err = call(*words, "--attention", f"{MODULES}:{name}", *more)
    assert status == 2
    assert message in err
    assert not (tmp_path / "features").exists()


def test_all_commands_call_it_by_one_name() -> None:
    found = []
    for file in Path(askattend.cli.__path__[0]).glob("*.py"):
        options = import_module(f"askattend.cli.{file.stem}")
        for kind in vars(options).values():
            for name, hint in getattr(kind, "__annotations__", {}).items():
                if (
                    "Attention" in re.findall(r"\w+", str(hint))
                    and kind.__module__ == options.__name__
                ):
                    found.append((file.stem, name))
    assert {command for command, _ in found} >= {"ask", "evaluate", "explain", "predict", "trace"}
    assert {name for _, name in found} == {"attention"}


def test_it_answers_in_bulk(mine: Path, tmp_path: Path, call: Call) -> None:
    run, out = mine / "runs" / "own", tmp_path / "answers"
    (tmp_path / "questions.txt").write_text(QUESTION)
    words = ("predict", run, "--images", mine, "--questions", tmp_path / "questions.txt")
    code = ("--attention", f"{run / 'attention.py'}:HalfOfIt")
    status, _, err = call(*words, "--out", out, "--maps", *code)
    assert status == 0, err
    lines = [line for file in out.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert any("attention" in json.loads(line) for line in lines)


def test_a_run_without_own_attention_needs_no_agreement(trained: Path, call: Call) -> None:
    run = trained / "runs" / "saaa"
    status, _, err = call(
        "ask", run, trained / "square 4.png", QUESTION, "--attention", f"{MODULES}:HalfOfIt"
    )
    assert (status, "has its network's own attention" in err) == (2, True)


def test_only_what_somebody_typed_is_agreed_to(
    mine: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    theirs = tmp_path / "theirs.py"
    theirs.write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\n")
    settings = (mine / "runs" / "own" / "config.toml").read_text()
    preset = tmp_path / "theirs.toml"
    preset.write_text(settings.replace('"HalfOfIt"', f'"{theirs}:Theirs"'))
    assert str(theirs) in preset.read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    words = ("train", "saaa", "--preset", preset, "--out", tmp_path / "run")
    status, _, err = call(*words)
    assert (status, "the run brings code of somebody's own" in err) == (2, True)
    run = mine / "runs" / "own"
    (run / "config.toml").write_text(preset.read_text())
    accept_run(run)
    assert call(*train_command("saaa", mine / "squares.csv", run), "--resume")[0] == 2
    assert not ran.exists()
    assert call(*words, "--attention", f"{theirs}:Theirs")[0] == 2  # which it has not
    assert ran.exists()


def test_it_goes_on_with_its_file_named_again(mine: Path, call: Call) -> None:
    run = mine / "runs" / "own"
    words = train_command("saaa", mine / "squares.csv", run, "--train.epochs", 3, "--resume")
    status, _, err = call(*words, "--attention", f"{MODULES}:HalfOfIt")
    assert status == 0, err
