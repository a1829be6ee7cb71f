"""What the commands promise beyond their messages, held to oracles on small coloured squares."""

from __future__ import annotations

import io
import json
import re
import shutil
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace as replace_struct
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

import askattend
from accepted import accept_run
from askattend.batching.batches import Batch, Batches
from askattend.cli import main
from askattend.data.readers.registry import read_source
from askattend.data.splits import training_splits
from askattend.environment.origin import read_origin
from askattend.errors import AskAttendError, ConfigError, FeatureError, RunError
from askattend.evaluation.answers import fit_calibration
from askattend.experiment.config import Config, VocabConfig
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run
from askattend.experiment.features import extract_features
from askattend.experiment.preparing import read_splits
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig
from askattend.features.images import MIRROR_IMAGE
from askattend.features.store import FeatureStore
from askattend.metrics.calibration import Calibration
from askattend.models import ImageOnlyConfig, Network, QuestionOnlyConfig, SAAAConfig, SANConfig
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.training.config import TrainConfig
from askattend.training.history import read_history
from askattend.training.step import compute_loss
from askattend.training.summary import read_summary

COLOURS = ("red", "green", "blue")
IMAGES = 24
MODELS = {
    "saaa": SAAAConfig(embedding_dim=8, question_dim=16, attention_dim=16, hidden_dim=16),
    "san": SANConfig(embedding_dim=8, question_dim=16, attention_dim=16),
    "question-only": QuestionOnlyConfig(embedding_dim=8, question_dim=16, hidden_dim=16),
    "image-only": ImageOnlyConfig(hidden_dim=16),
}
TRAIN = TrainConfig(epochs=2, batch_size=16, min_steps=4, learning_rate=1e-2)
QUIET = Console(quiet=True)


def table(folder: Path) -> Path:
    """Questions about squares: 20 to train on, of which some are held back, and 4 to test on."""
    rows = ["image,question,answer,split"]
    for number in range(IMAGES):
        colour, split = COLOURS[number % 3], "train" if number < 20 else "Testing"
        Image.new("RGB", (48, 48), colour).save(folder / f"{number}.png")
        rows.append(f"{number}.png,what colour is it?,{colour},{split}")
        rows.append(f"{number}.png,is it red?,{'yes' if colour == 'red' else 'no'},{split}")
    rows.append("0.png,?!,red,train")  # has no word: odd, yet to be got through
    file = folder / "squares.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def config(file: Path, network: str = "saaa", **changes: Any) -> Config[Any]:
    settings: dict[str, Any] = {
        "model": MODELS[network],
        "data": f"table:{file}",
        "extract": ExtractConfig(image_size=64),
        "train": TRAIN,
    }
    return Config(**{**settings, **changes})


@pytest.fixture(scope="module")
def all_trained(tmp_path_factory: pytest.TempPathFactory, one_draw: None) -> Path:
    """A folder with squares.csv and, under runs/, a run of each network."""
    folder = tmp_path_factory.mktemp("experiment")
    file = table(folder)
    for network in MODELS:
        train(config(file, network), folder / "runs" / network, console=QUIET)
    return folder


@pytest.fixture
def own_run(all_trained: Path, tmp_path: Path) -> Path:
    """A copy of the SAAA run, with the cache of features beside it."""
    shutil.copytree(all_trained / "runs", tmp_path / "runs")
    return tmp_path / "runs" / "saaa"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("network", MODELS)
def test_evaluating_validation_gives_what_training_saw(all_trained: Path, network: str) -> None:
    folder = all_trained / "runs" / network
    metrics = evaluate_run(folder, EvaluationOptions(split="val"), console=QUIET).metrics
    best = read_history(Run.load(folder)).best
    assert best is not None
    assert metrics.split == "valid"
    assert metrics.accuracy == pytest.approx(best.valid_accuracy)
    assert json.loads((folder / "metrics.json").read_text())["valid_accuracy"] == metrics.accuracy
    assert (folder / "evaluations" / "valid" / "metrics.json").exists()
    assert not (folder / "val").exists()


@pytest.mark.parametrize("network", MODELS)
def test_train_and_valid_share_no_question(all_trained: Path, network: str) -> None:
    ids = {
        split: {
            prediction.question_id
            for prediction in evaluate_run(
                all_trained / "runs" / network, EvaluationOptions(split=split), console=QUIET
            ).predictions
        }
        for split in ("train", "valid", "test")
    }
    assert ids["train"]
    assert ids["valid"]
    assert not ids["train"] & ids["valid"]
    assert ids["train"] | ids["valid"] | ids["test"] == set(range(2 * IMAGES + 1))


@pytest.mark.parametrize("network", MODELS)
def test_evaluation_answers_as_the_predictor_does(all_trained: Path, network: str) -> None:
    folder = all_trained / "runs" / network
    evaluation = evaluate_run(folder, EvaluationOptions(split="test"), console=QUIET)
    predictor = Predictor.load(folder)
    questions = read_source(f"table:{all_trained / 'squares.csv'}").split("test")
    for question, prediction in zip(questions, evaluation.predictions, strict=True):
        answer = predictor.look(questions.images[question.image]).ask(question.text)
        assert prediction.question_id == question.id
        assert prediction.probability == pytest.approx(answer.probability, abs=1e-3)
        asked = dict(answer.top)
        assert asked[prediction.answer] == pytest.approx(answer.probability, abs=1e-3)
        assert prediction.score == float(prediction.answer == question.answers[0][0])


@pytest.mark.parametrize("network", MODELS)
def test_attention_is_a_distribution_of_the_runs_shape(all_trained: Path, network: str) -> None:
    predictor = Predictor.load(all_trained / "runs" / network)
    attention = predictor.look(all_trained / "4.png").ask("what colour is it?").attention
    spec, model = predictor.run.features, predictor.run.model_config
    maps = int(getattr(model, "hops", 0) or getattr(model, "glimpses", 1))
    assert attention.shape == (maps, spec.rows, spec.columns)
    assert bool((attention >= 0).all())
    assert attention.sum(dim=(1, 2)).tolist() == pytest.approx([1] * maps, abs=1e-5)
    assert predictor.maps_name == ("hop" if network == "san" else "glimpse")


def test_a_run_answers_elsewhere(all_trained: Path, tmp_path: Path) -> None:
    """Without the questions, the cache, or the other files of the training."""
    elsewhere = tmp_path / "carried off"
    shutil.copytree(
        all_trained / "runs" / "saaa",
        elsewhere,
        ignore=shutil.ignore_patterns("last*", "log.csv", "tensorboard", "test", "*.html"),
    )
    here, there = Predictor.load(all_trained / "runs" / "saaa"), Predictor.load(elsewhere)
    image = (all_trained / "0.png").read_bytes()
    assert here.look(image).ask("is it red?").top == there.look(image).ask("is it red?").top


def test_a_run_is_not_overwritten(all_trained: Path) -> None:
    folder = all_trained / "runs" / "saaa"
    before = files_of(folder)
    with pytest.raises(RunError, match=r"saaa: holds a run already\. Add --resume"):
        train(config(all_trained / "squares.csv"), folder, console=QUIET)
    assert files_of(folder) == before


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"model": SAAAConfig(embedding_dim=9)}, "model.embedding_dim is 9, and was 8"),
        ({"model": MODELS["san"]}, "network"),
        ({"vocab": VocabConfig(answers=2)}, "vocab|answers"),
        ({"vocab": VocabConfig(min_count=9_999)}, "vocab|words"),
        ({"extract": ExtractConfig(image_size=96)}, "features"),
    ],
)
def test_going_on_as_something_else_is_refused(
    all_trained: Path, own_run: Path, changes: dict[str, Any], differs: str
) -> None:
    before = files_of(own_run)
    with pytest.raises(RunError, match=f"saaa: cannot go on: .*({differs})"):
        train(config(all_trained / "squares.csv", **changes), own_run, resume=True, console=QUIET)
    assert files_of(own_run) == before


def test_going_on_with_other_questions_is_refused(
    all_trained: Path, own_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(all_trained, tmp_path / "more", ignore=shutil.ignore_patterns("runs"))
    file = tmp_path / "more" / "squares.csv"
    file.write_text(file.read_text() + "1.png,is it purple?,no,train\n")
    before = files_of(own_run)
    with pytest.raises(RunError, match="cannot go on"):
        train(config(file), own_run, resume=True, console=QUIET)
    assert files_of(own_run) == before


def copied_data(folder: Path, to: Path) -> Path:
    """Copy the questions and pictures of a folder, without its runs, and return the table."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("runs"))
    return to / "squares.csv"


def losing_its_data(run: Path) -> None:
    """Name a place for a run's questions where there is nothing, as after moving it."""
    settings = (run / "config.toml").read_text()
    settings = re.sub(r"^data = .*$", 'data = "table:/gone/squares.csv"', settings, flags=re.M)
    (run / "config.toml").write_text(settings)
    accept_run(run)


def test_going_on_beside_moved_questions(all_trained: Path, own_run: Path, tmp_path: Path) -> None:
    file, before = copied_data(all_trained, tmp_path / "moved"), files_of(own_run)
    train(config(file), own_run, resume=True, console=QUIET)
    after = files_of(own_run)
    for name in ("best.safetensors", "last.safetensors", "log.csv", "origin.json"):
        assert after[name] == before[name], name
    assert Run.load(own_run).config["data"] == f"table:{file.resolve()}"
    # Other questions are refused before a picture is looked at.
    file.write_text(file.read_text().replace("0.png,what colour is it?", "0.png,what colour?", 1))
    shutil.rmtree(own_run.parent / "features")
    with pytest.raises(RunError, match="cannot go on: the questions differ"):
        train(config(file), own_run, resume=True, console=QUIET)
    assert not (own_run.parent / "features").exists()


@pytest.mark.parametrize(("split", "gone"), [("train", False), ("valid", True), ("test", True)])
def test_a_copy_of_the_own_questions_is_as_good(
    all_trained: Path, own_run: Path, tmp_path: Path, split: str, gone: bool
) -> None:
    expected = evaluate_run(own_run, EvaluationOptions(split=split), console=QUIET)
    calibration = (own_run / "calibration.json").read_bytes()
    (own_run / "calibration.json").unlink()
    accept_run(own_run)
    if gone:
        losing_its_data(own_run)
    data = f"table:{copied_data(all_trained, tmp_path / 'kopie')}"
    console = Console(file=io.StringIO(), width=500)
    found = evaluate_run(own_run, EvaluationOptions(data, split), console=console)
    told = {"train": "All of these questions were learnt from", "valid": "are of validation"}
    assert told.get(split, "") in (found.metrics.trust or "")
    assert found.metrics.trust == expected.metrics.trust
    assert found.metrics.accuracy == expected.metrics.accuracy
    assert (own_run / "calibration.json").read_bytes() == calibration
    assert "not calibrated" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_part_of_the_own_questions_elsewhere(
    all_trained: Path, own_run: Path, tmp_path: Path
) -> None:
    file = copied_data(all_trained, tmp_path / "kopie")
    header, _, *rest = file.read_text().splitlines()
    file.write_text("\n".join([header, *rest, ""]))
    options = EvaluationOptions(f"table:{file}", "train")
    trust = evaluate_run(own_run, options, console=QUIET).metrics.trust
    assert "were learnt from" in (trust or "")
    # The same names, and other pictures.
    for picture in file.parent.glob("*.png"):
        Image.new("RGB", (64, 64), "white").save(picture)
    trust = evaluate_run(own_run, options, console=QUIET).metrics.trust
    assert "were learnt from" not in (trust or "")
    losing_its_data(own_run)
    console = Console(file=io.StringIO(), width=500)
    before = (own_run / "calibration.json").read_bytes()
    evaluate_run(own_run, options, console=console)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "not calibrated anew, and stay as they are: they need the questions that" in told
    assert "Check the path" not in told
    assert (own_run / "calibration.json").read_bytes() == before


def test_going_on_with_another_question_of_the_same_words_is_refused(
    all_trained: Path, own_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(all_trained, tmp_path / "more", ignore=shutil.ignore_patterns("runs"))
    file = tmp_path / "more" / "squares.csv"
    changed = file.read_text().replace("0.png,what colour is it?", "0.png,is it what colour?", 1)
    file.write_text(changed)
    settings = (own_run / "config.toml").read_text()
    (own_run / "config.toml").write_text(settings.replace(str(all_trained), str(tmp_path / "more")))
    accept_run(own_run)
    with pytest.raises(RunError, match=r"cannot go on: .*the questions differ"):
        train(config(file), own_run, resume=True, console=QUIET)


def test_a_run_tells_what_began_and_what_ended_it(
    all_trained: Path, own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = read_origin(own_run), read_summary(own_run)
    assert begun is not None
    assert ended is not None
    assert ended.made is not None
    assert begun.begun.version == ended.made.version == askattend.__version__
    assert begun.begun.date <= ended.made.date
    # Gone on with at another time: what began it stays, and only what was trained is dated anew.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "4000000000")
    longer = replace(TRAIN, epochs=3)
    train(config(all_trained / "squares.csv", train=longer), own_run, resume=True, console=QUIET)
    later = read_summary(own_run)
    assert read_origin(own_run) == begun
    assert later is not None
    assert later.made == replace_struct(ended.made, date="2096-10-02T07:06:40Z")
    metrics = evaluate_run(own_run, console=QUIET).metrics
    assert metrics.made == later.made
    pages = ("evaluations/test/report.html", "README.md")
    page, card = ((own_run / name).read_text() for name in pages)
    assert f"{begun.begun}" in page
    assert f"{later.made}" in page
    assert f"Begun by {begun.begun}; ended by {later.made}." in card


def test_a_finished_run_is_not_trained_again(all_trained: Path, own_run: Path) -> None:
    before = files_of(own_run)
    train(config(all_trained / "squares.csv"), own_run, resume=True, console=QUIET)
    after = files_of(own_run)
    for name in ("best.safetensors", "last.safetensors", "log.csv", "config.toml", "metrics.json"):
        assert after[name] == before[name], name


def test_resuming_what_was_never_begun_begins(
    all_trained: Path, own_run: Path, tmp_path: Path
) -> None:
    out = own_run.parent / "new"
    train(config(all_trained / "squares.csv"), out, resume=True, console=QUIET)
    for name in ("best.safetensors", "config.toml", "words.json"):
        assert (out / name).read_bytes() == (own_run / name).read_bytes()


def test_last_weights_without_the_training_are_refused(all_trained: Path, own_run: Path) -> None:
    shutil.copy(own_run / "best.safetensors", own_run / "last.safetensors")
    with pytest.raises(RunError, match=r"last\.safetensors: is not as it was written"):
        train(config(all_trained / "squares.csv"), own_run, resume=True, console=QUIET)
    accept_run(own_run)
    # Its names lack the prefix that those of the training have.
    with pytest.raises(RunError, match=r"last\.safetensors: lacks the tensor"):
        train(config(all_trained / "squares.csv"), own_run, resume=True, console=QUIET)
    with pytest.raises(RunError, match=r"last\.safetensors: holds weights alone"):
        evaluate_run(own_run, console=QUIET)


LAID_OUT = "layout = 4\nnetwork"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.toml", "[", r"config\.toml: not a readable TOML file"),
        ("config.toml", "", r"made by an earlier version of askattend"),
        ("config.toml", "layout = 4", r"config\.toml: names no network"),
        ("config.toml", f'{LAID_OUT} = "sna"', r"unknown network 'sna'\. Did you mean 'san'"),
        ("config.toml", f'{LAID_OUT} = "saaa"\nmodel = 3', r"'model' must be a table"),
        ("config.toml", f'{LAID_OUT} = "saaa"\n[model]\nglimpses = 0', r"\[model\]: glimpses = 0"),
        ("config.toml", f'{LAID_OUT} = "saaa"', r"best\.safetensors: '.*' has shape .* expected"),
        ("words.json", "[1", r"words\.json: unreadable"),
        ("words.json", '{"words": ["a"]}', r"words\.json: unreadable .*must start with"),
        ("answers.json", '{"answers": ["a", "a"]}', r"answers\.json: unreadable .*twice"),
        ("answers.json", '{"answers": ["a"]}', r"best\.safetensors: '.*' has shape \[5"),
        ("floors.json", "{}", r"floors\.json: unreadable .*majority"),
        ("features.json", '{"rows": "two"}', r"features\.json: unreadable"),
        ("best.safetensors", "", r"best\.safetensors: unreadable"),
        ("best.safetensors", "x" * 99, r"best\.safetensors: unreadable"),
    ],
)
def test_a_spoilt_run_names_the_file(own_run: Path, file: str, content: str, message: str) -> None:
    (own_run / file).write_text(content)
    accept_run(own_run)
    with pytest.raises(AskAttendError, match=message) as error:
        Predictor.load(own_run)
    assert str(own_run) in str(error.value)


def test_a_run_without_its_questions_wants_them_named(all_trained: Path, own_run: Path) -> None:
    text = (own_run / "config.toml").read_text()
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("data"))
    (own_run / "config.toml").write_text(kept)
    accept_run(own_run)
    with pytest.raises(ConfigError, match=r"no questions named\. Add --data SOURCE\."):
        evaluate_run(own_run, console=QUIET)
    source = f"table:{all_trained / 'squares.csv'}"
    assert (
        evaluate_run(own_run, EvaluationOptions(data=source), console=QUIET).metrics.questions == 8
    )


@pytest.mark.parametrize("network", MODELS)
def test_where_a_network_looks_is_told_if_it_looks_anywhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: str,
) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path))
    settings = config(tmp_path / "unused.csv", network, data="scenes:images=12,size=64")
    train(settings, tmp_path / "runs" / network, console=QUIET)
    capsys.readouterr()
    main(["evaluate", str(tmp_path / "runs" / network)])
    printed = capsys.readouterr().out
    folder = tmp_path / "runs" / network / "evaluations" / "test"
    told = json.loads((folder / "metrics.json").read_text())
    page = (folder / "report.html").read_text()
    body = page[page.index("<body>") :]
    attends = network in ("saaa", "san")
    assert ("attention inside the boxes" in printed) == attends
    assert (told["grounding"] is not None) == (told["removal"] is not None) == attends
    assert bool(told["grounding_by_type"]) == attends
    assert ("ttention" in body) == attends
    seen = {"question-only": "the question alone", "image-only": "the image alone"}
    assert f"sees {seen.get(network, 'image and question')}" in body


def test_a_calibration_with_a_whole_curve_as_once_written_still_loads(own_run: Path) -> None:
    points = [(0.9, 0.25, 0.0), (0.8, 0.5, 0.5), (0.7, 0.75, 0.3), (0.2, 1.0, 0.5)]
    names = ("threshold", "coverage", "risk")
    curve = [dict(zip(names, point, strict=True)) for point in points]
    old = {"temperature": 1.5, "questions": 900, "curve": curve, "abstain_above_risk": 0.35}
    (own_run / "calibration.json").write_text(json.dumps(old))
    accept_run(own_run)
    predictor = Predictor.load(own_run)
    assert predictor.threshold == 0.7
    predictor.abstain_above(0.1)
    assert predictor.threshold == 0.9


def test_what_is_learnt_of_probabilities_is_learnt_from_drawn_questions(
    all_trained: Path, own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image in all_trained.glob("*.png"):
        shutil.copy(image, tmp_path)
    rows = (all_trained / "squares.csv").read_text().splitlines()
    valid = [row.replace(",train", ",valid").replace("?", " now?") for row in rows[1:31]]
    file = tmp_path / "squares.csv"
    file.write_text("\n".join([*rows, *valid]) + "\n")
    settings = (own_run / "config.toml").read_text()
    (own_run / "config.toml").write_text(settings.replace(str(all_trained), str(tmp_path)))
    accept_run(own_run)
    shutil.rmtree(own_run / "evaluations", ignore_errors=True)  # of the data as it was
    drawn: list[Batches] = []

    def watched(predictor: Predictor, batches: Batches, *, console: Console) -> Calibration:
        drawn.append(batches)
        return fit_calibration(predictor, batches, console=console)

    monkeypatch.setattr("askattend.experiment.evaluation_inputs.CALIBRATION", 12)
    monkeypatch.setattr("askattend.experiment.calibrating.fit_calibration", watched)
    for _ in range(2):
        evaluate_run(own_run, console=QUIET)
    asked = read_source(f"table:{file}").split("valid").questions
    first, second = ([question.id for question in each.questions] for each in drawn)
    assert (len(set(first)), second) == (12, first)
    assert first != [question.id for question in asked[:12]]


def test_a_store_of_ones_own_is_used_and_must_hold_every_image(
    all_trained: Path, tmp_path: Path
) -> None:
    some = tmp_path / "some"
    some.mkdir()
    for number in range(20):
        shutil.copy(all_trained / f"{number}.png", some)
    store = tmp_path / "store"
    extract_features([str(some)], store, ExtractConfig(image_size=64), console=QUIET)
    out = tmp_path / "runs" / "saaa"
    train(config(all_trained / "squares.csv", features=store), out, console=QUIET)
    assert [folder.name for folder in out.parent.iterdir()] == ["saaa"]
    weights = all_trained / "runs" / "saaa" / "best.safetensors"
    assert (out / "best.safetensors").read_bytes() == weights.read_bytes()
    with pytest.raises(FeatureError, match=r"20\.png: no features of image '20\.png'.*3 more"):
        evaluate_run(out, console=QUIET)


def test_a_misspelt_split_is_mentioned(all_trained: Path, tmp_path: Path) -> None:
    shutil.copytree(all_trained, tmp_path / "odd", ignore=shutil.ignore_patterns("runs"))
    file = tmp_path / "odd" / "squares.csv"
    file.write_text(file.read_text() + "1.png,is it red?,no,trian\n")
    told = io.StringIO()
    console = Console(file=told, soft_wrap=True, markup=False)
    train(config(file), tmp_path / "runs" / "saaa", console=console)
    assert "note: split 'trian' (1) is neither trained nor validated on" in told.getvalue()
    metrics = evaluate_run(
        tmp_path / "runs" / "saaa", EvaluationOptions(split="trian"), console=QUIET
    ).metrics
    assert (metrics.split, metrics.questions) == ("trian", 1)


@pytest.mark.parametrize(
    "changes",
    [{"data": ""}, {"features": Path("nowhere")}, {"train": TrainConfig(device="abacus")}],
)
def test_nothing_is_begun_that_cannot_be_done(
    all_trained: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(AskAttendError):
        train(config(all_trained / "squares.csv", **changes), tmp_path / "run", console=QUIET)
    assert not list(tmp_path.iterdir())


def test_few_calls_lie_between_the_command_and_the_loss(
    all_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(askattend.__file__).parent
    roads: set[tuple[str, ...]] = set()

    def watched(model: Network, batch: Batch, config: TrainConfig) -> tuple[Tensor, Tensor]:
        frames = [f for f in traceback.extract_stack() if Path(f.filename).is_relative_to(package)]
        places = [f"{Path(f.filename).relative_to(package)}:{f.name}" for f in frames]
        roads.add(tuple(places[places.index("cli/train.py:run") :]))
        return compute_loss(model, batch, config)

    monkeypatch.setattr("askattend.training.step.compute_loss", watched)
    preset, out = all_trained / "runs" / "san" / "config.toml", tmp_path / "run"
    main(["train", "san", "--preset", str(preset), "--out", str(out)])
    (road,) = roads
    assert road == (
        "cli/train.py:run",
        "experiment/train.py:train",
        "training/loop.py:fit",
        "training/loop.py:_epoch",
        "training/loop.py:_learn",
        "training/step.py:train_step",
    )


@pytest.fixture
def unseen(tmp_path: Path) -> Config[Any]:
    """Settings to learn from the question alone, of a set whose pictures are nowhere."""
    for split, images in (("train", range(20)), ("test", range(20, 24))):
        rows = [(f"what is number {n % 3} ?", COLOURS[n % 3], "2", str(n)) for n in images]
        folder = tmp_path / "coco-qa" / split
        folder.mkdir(parents=True)
        for name, column in zip(
            ("questions", "answers", "types", "img_ids"), zip(*rows, strict=True), strict=True
        ):
            (folder / f"{name}.txt").write_text("\n".join(column))
    train = replace(TRAIN, epochs=8, min_steps=8)
    return config(Path(), "question-only", data=f"coco-qa:{tmp_path}/coco-qa", train=train)


def refused(*_: object, **__: object) -> None:
    raise AssertionError("opened or loaded")


def test_the_question_alone_needs_no_image(
    all_trained: Path,
    unseen: Config[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("askattend.features.backbones.load_backbone", refused)
    out = tmp_path / "runs" / "question-only"
    train(unseen, out, console=QUIET)
    evaluation = evaluate_run(out, console=QUIET)
    assert [file.name for file in out.parent.iterdir()] == ["question-only"]  # and no features
    assert evaluation.metrics.accuracy == 1
    assert (
        "none: the image is not used" in (out / "evaluations" / "test" / "report.html").read_text()
    )
    # Any picture will do to ask about; no backbone looks at it.
    capsys.readouterr()
    main(["ask", str(out), str(all_trained / "0.png"), "what is number 1?", "--json"])
    (answer,) = json.loads(capsys.readouterr().out)
    assert (answer["answer"], answer["attention"]["values"]) == ("green", [[[1.0]]])
    (asked,) = (p for p in evaluation.predictions if p.question_id == 22)  # the same, in the set
    assert answer["probability"] == pytest.approx(asked.probability, abs=1e-3)
    main(["train", "question-only", "--out", str(out), "--resume"])  # nothing is left to do
    (store,) = (f for f in (all_trained / "runs" / "features").iterdir() if f.is_dir())
    with pytest.raises(FeatureError, match=r"does not use the image.* Leave out --features"):
        Predictor.load(out).ask_stored(FeatureStore.open(store), "0.png", ["is it red?"])


def test_the_question_alone_opens_no_image_and_loads_no_backbone(
    all_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("extract_config.load_backbone", "backbones.load_backbone", "images.open_image"):
        monkeypatch.setattr(f"askattend.features.{place}", refused)
    monkeypatch.setattr(Image, "open", refused)
    file, runs = all_trained / "squares.csv", tmp_path / "runs"
    train(config(file, "question-only"), runs / "question-only", console=QUIET)
    with pytest.raises(AssertionError, match="opened or loaded"):
        train(config(file, "image-only"), runs / "image-only", console=QUIET)
    assert [folder.name for folder in runs.iterdir() if folder.name[0] != "."] == ["question-only"]


def test_features_named_for_the_question_alone_are_not_read(
    unseen: Config[Any], tmp_path: Path
) -> None:
    told = io.StringIO()
    console = Console(file=told, soft_wrap=True, markup=False)
    out = tmp_path / "run"
    train(replace(unseen, features=Path("nowhere")), out, console=console)
    note = "note: question-only does not use the image: {} is not read\n"
    assert told.getvalue().count(note.format(Path("nowhere").resolve())) == 1
    assert "features" not in Run.load(out).config
    evaluate_run(out, EvaluationOptions(features=Path("nowhere")), console=console)
    assert note.format("nowhere") in told.getvalue()


def test_all_of_the_inputs_options_together(tmp_path: Path) -> None:
    """Two strides, padded, with coordinates and flips: what is trained on is what is asked."""
    file = table(tmp_path)
    for number in range(IMAGES):
        Image.new("RGB", (64, 30), COLOURS[number % 3]).save(tmp_path / f"{number}.png")
    extraction = ExtractConfig(image_size=64, strides="16+32", geometry="pad")
    settings = replace(TRAIN, coordinates=True, flips=0.5)
    given = config(file, extract=extraction, train=settings)
    run = train(given, tmp_path / "runs" / "run", console=QUIET)
    assert (run.features.region_dim, run.features.input_dim) == (1400, 1402)
    (cache,) = (tmp_path / "runs" / "features").glob("*-16-32-float16-*-pad-1")
    store = FeatureStore.open(cache)
    assert sum(image.startswith(MIRROR_IMAGE) for image in store.ids) == 16  # 4 are held back
    assert len(store) == 20 + 16
    assert not store.spec.coordinates
    predictor = Predictor.load(run.folder)
    scene = predictor.look(tmp_path / "1.png")
    assert list(scene.seen) == pytest.approx([0, -17 / 30, 1, 47 / 30])
    asked = ["what colour is it?", "is it red?"]
    for ours, theirs in zip(
        scene.ask_all(asked), predictor.ask_stored(store, "1.png", asked), strict=True
    ):
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-3)
        assert ours.attention.shape == (2, 4, 4)
        assert not ours.attention[:, [0, 3]].any()  # beside the picture
        assert (ours.attention[:, 1:3] > 0).all()
    evaluate_run(run.folder, console=QUIET)
    # Interrupted after an epoch, it ends with the same weights.
    once = replace(given, train=replace(settings, epochs=1))
    train(once, tmp_path / "runs" / "again", console=QUIET)
    again = train(given, tmp_path / "runs" / "again", resume=True, console=QUIET)
    weights = "last.safetensors"
    ours, theirs = (load_file(r.folder / weights) for r in (run, again))
    names = [name for name in ours if name.startswith("model.")]
    assert names
    assert all(torch.equal(ours[name], theirs[name]) for name in names)


def test_a_store_without_mirror_images_is_not_flipped(tmp_path: Path) -> None:
    file = table(tmp_path)
    extraction = ExtractConfig(image_size=64)
    source = f"table:{file}"
    plain = extract_features([source], tmp_path / "store", extraction, console=QUIET).store
    flipping = config(file, features=plain.path, train=replace(TRAIN, flips=0.5))
    with pytest.raises(FeatureError, match=r"mirror image of 0\.png.*extract … --flips"):
        train(flipping, tmp_path / "run", console=QUIET)
    both = extract_features([source], plain.path, extraction, flips=True, console=QUIET).store
    assert len(both) == 2 * len(plain)
    assert train(flipping, tmp_path / "run", console=QUIET).features == plain.spec


def test_what_the_questions_leave_to_be_wished_is_said(tmp_path: Path) -> None:
    """Ways to write one answer, nothing to test on, pictures on both sides: before any work."""
    rows = ["image,question,answer"]
    for number in range(30):
        name = f"{number}.png"
        colour = (8 * number, 255 - 8 * number, 100) if number < 29 else (0, 255, 100)
        image = Image.new("RGB", (20, 20), colour)
        image.paste((255, 255, 255), (0, 0, 2 + number % 29 // 2, 5 + number % 29 // 2))
        image.save(tmp_path / name)
        rows.append(f"{name},what is it?,{'garbage bin' if number % 2 else 'garbage_bin'}")
    (tmp_path / "q.csv").write_text("\n".join(rows))
    source, printed = f"table:{tmp_path / 'q.csv'}", io.StringIO()
    console = Console(file=printed, soft_wrap=True)
    seed = next(  # by which one of the two equal pictures is held back
        seed
        for seed in range(100)
        if len({"0.png", "29.png"} & held_back(source, seed).keys()) == 1
    )
    vocab = VocabConfig(valid_seed=seed)
    read_splits(Config(model=MODELS["saaa"], data=source, vocab=vocab), console)
    notes = printed.getvalue()
    assert "no questions are kept to test on" in notes
    assert "'garbage bin' (15) and 'garbage_bin' (15)" in notes
    # Neighbours in this row of colours are nearly the same pixels, too.
    same = r"of 'validation' \w+ in 'train' under another name \((1 )?the same bytes"
    assert re.search(same, notes)
    assert re.search(r"\b(29\.png = 0\.png|0\.png = 29\.png)\b", notes)
    printed.truncate(0)
    read_splits(Config(model=MODELS["question-only"], data=source, vocab=vocab), console)
    assert "under another name" not in printed.getvalue()


def held_back(source: str, seed: int) -> Mapping[str, Path]:
    return training_splits(read_source(source), seed=seed).valid.images
