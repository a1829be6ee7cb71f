"""Models of transformers' evaluated and compared as runs are: same questions, metrics, report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import askattend
from askattend.data.readers.registry import read_source
from askattend.experiment.evaluate_foreign import ANSWERS, _ceiling
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.floors import Floors
from askattend.metrics.vqa_official import CURRENT, NORMALIZED, normalise_answer
from commands import Call
from environment.pointing import point_to
from environment.stub_hub import Hub, running_hub
from foreign.models import MODELS, save_blip, save_vilt
from small_questions import make_qaset, make_question
from squares import write_squares


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return f"table:{write_squares(tmp_path)}"


def evaluated(call: Call, *words: object) -> tuple[dict[str, Any], str]:
    status, out, err = call("evaluate", *words, "--json")
    assert status == 0, err
    return json.loads(out), err


@pytest.mark.parametrize("name", list(MODELS))
def test_any_model_leaves_what_a_run_does(
    name: str, table: str, tmp_path: Path, call: Call
) -> None:
    folder = MODELS[name](tmp_path / "model")
    metrics, err = evaluated(call, folder, "--data", table, "--max-tokens", "4")
    assert f"is a model of transformers' by its config.json ({name}" in err
    assert "questions/s" in err
    (place,) = (folder / "evaluations").glob("squares-*-test")
    files = {"metrics.json", "predictions.json", "report.html", "results.json", "manifest.json"}
    assert {file.name for file in place.iterdir() if file.name[0] != "."} == files
    assert not (place / ANSWERS).exists()
    assert json.loads((place / "metrics.json").read_text()) == metrics
    source = read_source(table)
    test, predictions = source.split("test"), json.loads((place / "predictions.json").read_text())
    right = [
        normalise_answer(one["answer"]) == normalise_answer(question.answers[0][0])
        for one, question in zip(predictions, test, strict=True)
    ]
    assert [one["score"] for one in predictions] == right
    assert metrics["accuracy"] == sum(right) / len(right)
    assert metrics["metric"] == "VQA accuracy, normalized, adapted below 4 answers"
    low, high = metrics["interval"]
    assert 0 <= low <= metrics["accuracy"] <= high <= 1
    floors = Floors.build(source.split("train")).accuracy(test)
    assert {key: metrics["floors"][key]["accuracy"] for key in floors} == pytest.approx(floors)
    assert set(metrics["floors"]) == {"majority", "prefix", "bag_of_words"}
    assert set(metrics["by_answer_type"]) == {"colour", "yes/no"}
    assert metrics["reliability"]["temperature"] == 1
    assert "was trained on is not known" in metrics["trust"]
    is_list = name.startswith("Vilt")
    assert (metrics["ceiling"], metrics["coverage"]) == ((1, 1) if is_list else (None, None))
    page = (place / "report.html").read_text(encoding="utf-8")
    for text in ("This network", "first words", name, "Its answers", "data:image/jpeg"):
        assert text.lower() in page.lower()
    assert "Where it looked" not in page
    assert "abstain" not in page
    for file in ("report.html", "metrics.json"):  # but for where its data lie
        text = (place / file).read_text(encoding="utf-8").replace(table, "")
        assert str(tmp_path) not in text
    assert name in (folder / "report.html").read_text(encoding="utf-8")


def test_what_is_said_in_the_terminal(table: str, tmp_path: Path, call: Call) -> None:
    folder = save_vilt(tmp_path / "model")
    status, out, _ = call("evaluate", folder, "--data", table)
    assert status == 0
    for text in (
        "test: 6 questions",
        "accuracy (VQA",
        "floor: first words",
        "expected calibration",
    ):
        assert text in out
    (line,) = re.findall(r"report: (.*)", out)
    assert Path(line).is_file()
    (line,) = re.findall(r"all evaluations of the run: (.*)", out)
    assert Path(line).is_file()


def test_it_goes_on_where_it_was_interrupted(
    table: str, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_vilt(tmp_path / "model")
    whole, _ = evaluated(call, folder, "--data", table, "--out", tmp_path / "whole")

    def interrupted(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("askattend.experiment.evaluate_foreign.accuracy_over", interrupted)
        status, _, err = call("evaluate", folder, "--data", table, "--out", tmp_path / "out")
    assert status == 130
    assert "a model's answers" in err
    assert len((tmp_path / "out" / ANSWERS).read_text().splitlines()) == 1 + 6
    with monkeypatch.context() as patched:
        patched.setattr("askattend.foreign.loading.ask_classifier", lambda *given: interrupted)
        again, _ = evaluated(call, folder, "--data", table, "--out", tmp_path / "out")
    assert again["accuracy"] == whole["accuracy"]
    # Of other weights, no answer counts.
    kept = tmp_path / "out" / ANSWERS
    kept.write_text('{"weights": "another"}\n{"question_id": 18}\n')
    again, _ = evaluated(call, folder, "--data", table, "--out", tmp_path / "out")
    assert again["accuracy"] == whole["accuracy"]


def test_a_split_without_answers(tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    rows = [
        line.replace("blue,test", ",test")
        .replace("red,test", ",test")
        .replace("green,test", ",test")
        .replace("yes,test", ",test")
        .replace("no,test", ",test")
        for line in table.read_text().splitlines()
    ]
    table.write_text("\n".join(rows))
    metrics, _ = evaluated(call, save_vilt(tmp_path / "m"), "--data", f"table:{table}")
    assert (metrics["questions"], metrics["accuracy"], metrics["floors"]) == (6, None, None)


def test_without_training_questions_there_are_no_floors(
    table: str, tmp_path: Path, call: Call
) -> None:
    folder = save_vilt(tmp_path / "m")
    metrics, err = evaluated(call, folder, "--data", table, "--split", "train")
    assert metrics["floors"] is None
    assert "no floors" in err
    metrics, _ = evaluated(call, folder, "--data", table, "--split", "val", "--dialect", "current")
    assert (metrics["split"], metrics["metric"]) == (
        "valid",
        "VQA accuracy, current, adapted below 4 answers",
    )


def test_in_python(table: str, tmp_path: Path) -> None:
    folder = save_vilt(tmp_path / "m")
    evaluation = askattend.evaluate(str(folder), questions=table, quiet=True)
    assert len(evaluation.predictions) == 6
    rows = [{"image": str(tmp_path / "square 0.png"), "question": "is it red?", "answer": "yes"}]
    evaluation = askattend.evaluate(folder, questions=rows, split="train", quiet=True)
    assert len(evaluation.predictions) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "a model of transformers' has no questions of its own"),
        ("--data TABLE --features x", "--features: is of a run"),
        ("--data TABLE --no-abstention", "--no-abstention: is of a run"),
        ("--data TABLE --dialect odd", "unknown dialect 'odd'"),
        ("--data TABLE --split odd", "no question in split 'odd'"),
        ("--data TABLE --max-tokens 0", "max"),
    ],
)
def test_mistakes(options: str, message: str, table: str, tmp_path: Path, call: Call) -> None:
    folder = save_vilt(tmp_path / "m")
    status, _, err = call("evaluate", folder, *options.replace("TABLE", table).split())
    assert (status, message in err) == (2, True), err


def test_what_is_of_models_alone_is_refused_of_runs(run: Path, call: Call) -> None:
    for words in (("--prompt", "x"), ("--dialect", "current"), ("--max-tokens", "3")):
        status, _, err = call("evaluate", run, *words)
        assert (status, f"{words[0]}: is of a model of transformers'" in err) == (2, True)


def test_other_commands_say_which_one_takes_it(table: str, tmp_path: Path, call: Call) -> None:
    folder = save_vilt(tmp_path / "m")
    status, _, err = call("ask", folder, tmp_path / "square 0.png", "is it red?")
    assert (status, f"askattend evaluate {folder} takes it" in err) == (2, True), err


# --- compared -------------------------------------------------------------------------------------


def test_any_two_are_compared(own: Path, tmp_path: Path, call: Call) -> None:
    run, data = own / "runs" / "saaa", f"table:{own / 'squares.csv'}"
    vilt, blip = save_vilt(tmp_path / "vilt"), save_blip(tmp_path / "blip")
    assert call("evaluate", run)[0] == 0
    evaluated(call, vilt, "--data", data)
    evaluated(call, blip, "--data", data, "--max-tokens", "3")
    (place,) = (vilt / "evaluations").iterdir()
    results = tmp_path / "anybodys.json"
    results.write_bytes((place / "results.json").read_bytes())
    status, out, err = call("compare", run, vilt, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["metric"] == "VQA accuracy, normalized, adapted below 4 answers"
    assert "scored anew" in err
    sides = {
        Path(found[side]["name"]).name: found[side]["accuracy"] for side in ("first", "second")
    }
    assert sides["vilt"] == json.loads((place / "metrics.json").read_text())["accuracy"]
    status, out, err = call("compare", vilt, blip, "--json")
    assert (status, "scored anew" in err) == (0, False), err
    scored = ("--data", data, "--dialect", "normalized", "--json")
    for pair in ((run, vilt), (vilt, results), (run, results)):
        status, out, err = call("compare", *pair, *scored)
        assert status == 0, err
        assert json.loads(out)["overall"]["questions"] == 6
    status, out, err = call("compare", run, vilt, blip, results, *scored)
    assert status == 0, err
    assert len(json.loads(out)["methods"]) == 4


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    with running_hub() as hub:
        point_to(hub.address, tmp_path, monkeypatch)
        yield hub


def test_a_model_of_the_hub(table: str, tmp_path: Path, call: Call, hub: Hub) -> None:
    for name, save in (("vilt", save_vilt), ("blip", save_blip)):
        folder = save(tmp_path / name)
        hub.files[f"ann/{name}"] = {file.name: file.read_bytes() for file in folder.iterdir()}
    metrics, err = evaluated(call, "hf:ann/vilt", "--data", table)
    assert "hf:ann/vilt is a model of transformers'" in err
    (place,) = (tmp_path / "vilt-evaluations").glob("squares-*-test")
    assert json.loads((place / "metrics.json").read_text()) == metrics
    evaluated(call, "hf:ann/blip", "--data", table, "--max-tokens", "2")
    status, out, err = call("compare", "hf:ann/vilt", "hf:ann/blip", "--json")
    assert (status, json.loads(out)["first"]["name"]) == (0, "hf:ann/vilt"), err
    status, _, err = call("ask", "hf:ann/vilt", tmp_path / "square 0.png", "is it red?")
    assert (status, "askattend evaluate hf:ann/vilt takes it" in err) == (2, True)
    status, _, err = call("compare", "hf:ann/vilt", "hf:ann/none")
    assert (status, "not evaluated on 'test' yet" in err) == (2, True), err


def test_another_model_does_not_take_its_place(table: str, tmp_path: Path, call: Call) -> None:
    folder = save_vilt(tmp_path / "m")
    evaluated(call, folder, "--data", table)
    import torch

    torch.manual_seed(1)
    module = pytest.importorskip("transformers")
    config = module.ViltConfig.from_pretrained(folder)
    module.ViltForQuestionAnswering(config).save_pretrained(folder)
    status, _, err = call("evaluate", folder, "--data", table)
    assert (status, "holds another run's evaluation" in err) == (2, True)


@pytest.mark.parametrize(
    ("dialect", "human"), [(NORMALIZED, [("Red.", 1)]), (CURRENT, [("a red", 6), ("Red", 4)])]
)
def test_no_answer_scores_more_than_the_ceiling(dialect: str, human: list[tuple[str, int]]) -> None:
    question = make_question("?", *human)
    assert accuracy_of("red", question.answers, dialect) == 1
    assert _ceiling(make_qaset(question), ("red", "blue"), dialect) == 1
    assert _ceiling(make_qaset(question), ("green", "blue"), dialect) == 0
