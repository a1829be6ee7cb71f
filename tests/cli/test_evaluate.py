"""``askattend evaluate``: figures, files and a table."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from accepted import accept_run
from cli.conftest import Mistake
from commands import Call, train_command
from squares import write_squares


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_evaluate(own: Path, call: Call, network: str) -> None:
    folder = own / "runs" / network
    status, out, _ = call("evaluate", folder, "--split", "test", "--json")
    assert status == 0
    printed = json.loads(out)
    assert printed == json.loads((folder / "evaluations" / "test" / "metrics.json").read_text())
    assert (printed["split"], printed["questions"], printed["metric"]) == ("test", 6, "exact match")
    assert 0 <= printed["accuracy"] <= 1
    # Trained on nine squares, three of each colour: "no" is the most common answer.
    floors = {name: floor["accuracy"] for name, floor in printed["floors"].items()}
    assert list(floors)[2:] == ["bag_of_words", "bag_of_words_and_image"]
    assert (floors["majority"], floors["prefix"]) == (pytest.approx(2 / 6), pytest.approx(3 / 6))
    assert printed["coverage"] == 1
    assert set(printed["by_answer_type"]) == {"colour", "yes/no"}
    results = json.loads((folder / "evaluations" / "test" / "results.json").read_text())
    assert [result["question_id"] for result in results] == list(range(18, 24))
    assert all(set(result) == {"question_id", "answer"} for result in results)
    right = [
        result["answer"] == row["answer"]
        for result, row in zip(results, rows_of(own / "squares.csv")[18:], strict=True)
    ]
    assert printed["accuracy"] == pytest.approx(sum(right) / 6)
    assert "<html" in (folder / "evaluations" / "test" / "report.html").read_text()
    assert 'href="evaluations/test/report.html"' in (folder / "report.html").read_text()


def rows_of(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.read_text())))


def test_evaluate_prints_a_table(own: Path, call: Call) -> None:
    people = own / "people"
    people.mkdir()
    for name in ("0_1", "0_2", "5_1", "99_1"):
        Image.linear_gradient("L").save(people / f"{name}.png")
    words = ("--split", "valid", "--human-maps", people)
    status, out, _ = call("evaluate", own / "runs" / "saaa", *words)
    assert status == 0
    assert "18 questions" in out
    assert re.search(r"^floor: most common answer +[0-9.]+%  \[.*\] \(95 %\)$", out, re.MULTILINE)
    assert "floor: bag of words + image" in out
    assert "with images shuffled" in out
    assert re.search(r"^attention's ranks and other maps' +Grad-CAM -?\d", out, re.MULTILINE)
    told = json.loads((own / "runs/saaa/evaluations/valid/metrics.json").read_text())["human_maps"]
    assert (told["questions"], told["people_maps"], told["people"]["value"]) == (2, 3, 1)
    assert re.search(r"^ceiling: its best answer, each time +100.00%$", out, re.MULTILINE)


def with_validation(own: Path) -> Path:
    """Name a table for the run that has questions to validate on, and return the run."""
    folder, table = own / "runs" / "saaa", own / "squares.csv"
    rows = table.read_text().splitlines()
    valid = [row.replace(",test,", ",valid,") for row in rows if ",test," in row]
    table.write_text("\n".join([*rows, *valid, ""]))
    settings = (folder / "config.toml").read_text()
    named = re.sub(r"^data = .*$", f'data = "table:{table}"', settings, count=1, flags=re.MULTILINE)
    (folder / "config.toml").write_text(named)
    accept_run(folder)
    return folder


def test_without_validation_nothing_is_calibrated(own: Path, call: Call) -> None:
    folder = own / "runs" / "saaa"
    status, _, err = call("evaluate", folder, "--json")
    assert status == 0
    assert "as they are: they were validated on the training questions themselves" in err
    assert not (folder / "calibration.json").exists()
    status, _, err = call("evaluate", folder, "--abstain-above-risk", "0.1")
    assert (status, "there are no validation questions to learn it from" in err) == (2, True)


def test_abstaining(own: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folder, image = with_validation(own), own / "square 0.png"
    assert json.loads(call("evaluate", folder, "--json")[1])["abstention"] is None
    (folder / "calibration.json").unlink()
    status, _, err = call("ask", folder, image, "is it red?")
    assert (status, "calibration.json: is missing: manifest.json lists it" in err) == (2, True)
    accept_run(folder)
    status, _, err = call("ask", folder, image, "is it red?", "--abstain-above-risk", "0.1")
    assert (status, "its risk is not known. Evaluate it first" in err) == (2, True)
    status, _, err = call("evaluate", folder, "--abstain-above-risk", "0.1")
    assert (status, "too few to show that no more than 10.0%" in err) == (2, True)
    risk = 0.8  # what two right answers of so few questions show
    assert call("evaluate", folder, "--abstain-above-risk", str(risk))[0] == 0
    first = (folder / "evaluations" / "test" / "metrics.json").read_bytes()
    assert call("evaluate", folder)[0] == 0  # keeps the risk, and gives the same figures
    assert (folder / "evaluations" / "test" / "metrics.json").read_bytes() == first
    calibration = json.loads((folder / "calibration.json").read_text())
    assert calibration["abstain_above_risk"] == risk
    found = json.loads(first)["abstention"]
    predictions = json.loads((folder / "evaluations" / "test" / "predictions.json").read_text())
    answered = [p["score"] for p in predictions if p["probability"] >= found["threshold"]]
    assert (found["risk"], found["coverage"]) == (risk, len(answered) / len(predictions))
    achieved = pytest.approx(1 - sum(answered) / len(answered)) if answered else None
    assert found["achieved_risk"] == achieved
    printed = call("evaluate", folder)[1]
    assert re.search(rf"coverage at a risk of 80.0% +{found['coverage']:.2%} ", printed)
    assert calibration["curve"][-1]["risk"] > 0  # or there would be nothing to abstain from
    least = found["threshold"]
    for option, lowest in (((), least), (("--abstain-above-risk", "0.999"), 0)):
        (answer,) = json.loads(call("ask", folder, image, "is it red?", *option, "--json")[1])
        assert answer["sure"] == (answer["probability"] >= lowest)
        text = call("ask", folder, image, "is it red?", *option)[1]
        assert ("not sure; perhaps" in text) != answer["sure"]
        assert "sure: not judged" not in text


def test_ask_may_be_told_to_answer_always(own: Path, call: Call) -> None:
    folder, image = with_validation(own), own / "square 0.png"
    assert call("evaluate", folder, "--abstain-above-risk", "0.8")[0] == 0
    file = folder / "calibration.json"
    calibration = json.loads(file.read_text())
    # No answer reaches a threshold of which validation knows nothing.
    file.write_text(json.dumps({**calibration, "curve": [{**calibration["curve"][-1], "risk": 1}]}))
    accept_run(folder)
    asked = ("ask", folder, image, "is it red?", "--json")
    assert [
        json.loads(call(*asked, *more)[1])[0]["sure"] for more in ((), ("--no-abstention",))
    ] == [
        False,
        None,
    ]
    said = call(*asked[:-1], "--no-abstention")[1]
    assert "sure: not judged, as abstention is switched off\n" in said
    status, _, err = call(*asked, "--no-abstention", "--abstain-above-risk", "0.5")
    assert (status, "Leave out one of the two" in err) == (2, True)


def test_abstention_can_be_switched_off_and_says_that_it_is_in_sample(
    own: Path, call: Call
) -> None:
    folder = with_validation(own)
    status, out, _ = call("evaluate", folder, "--abstain-above-risk", "0.9", "--split", "valid")
    assert status == 0
    assert "All of these questions are of validation: " in out
    answers = re.search(r"wrong among those +[\d.]+%  \[.*\] \(95 %\), of (\d+); in-sample", out)
    assert answers
    page = (folder / "evaluations" / "valid" / "report.html").read_text()
    assert "in-sample: the threshold was chosen on 6 of this split" in page
    assert call("evaluate", folder, "--no-abstention")[0] == 0
    calibration = json.loads((folder / "calibration.json").read_text())
    assert calibration["abstain_above_risk"] is None
    assert "coverage at a risk" not in call("evaluate", folder)[1]  # for good
    both = ("--no-abstention", "--abstain-above-risk", "0.5")
    status, _, err = call("evaluate", folder, *both)
    assert (status, "Leave out one of the two" in err) == (2, True)


def test_no_evaluation_replaces_another(own: Path, tmp_path: Path, call: Call) -> None:
    folder, table = own / "runs" / "saaa", tmp_path / "birds.csv"
    rows = (own / "squares.csv").read_text().replace("square", f"{own}/square")
    table.write_text(rows)
    for more in ((), ("--split", "train"), ("--data", f"table:{table}")):
        assert call("evaluate", folder, *more)[0] == 0
    places = sorted(place.name for place in (folder / "evaluations").iterdir())
    assert places[1:] == ["test", "train"]
    assert re.fullmatch(r"birds-[0-9a-f]{6}-test", places[0])
    title = re.compile(r"<h1[^>]*>(.*)</h1>")
    titles = [
        title.findall((folder / "evaluations" / place / "report.html").read_text())[0]
        for place in places
    ]
    assert titles == [f"SAAA on {name}" for name in ("birds.csv, test", *OWN_TITLES)]
    index = (folder / "report.html").read_text()
    assert re.findall(r'<a href="([^"]*)"', index) == [
        f"evaluations/{p}/report.html" for p in places
    ]
    assert "All of these questions were learnt from" in index
    card = (folder / "README.md").read_text()
    assert "### test: 6 questions of `table:birds.csv`" in card
    assert "### test: 6 questions of `table:squares.csv`" in card


OWN_TITLES = ("squares.csv, test", "squares.csv, train")


def test_a_pack_knows_a_copy_of_its_questions(own: Path, tmp_path: Path, call: Call) -> None:
    packed = tmp_path / "saaa.zip"
    assert call("pack", own / "runs" / "saaa", packed)[0] == 0
    named = ("--data", f"table:{own / 'squares.csv'}")  # a copy: the run began with another
    for split, told in (("train", True), ("test", False)):
        status, out, _ = call("evaluate", packed, *named, "--split", split)
        assert (status, "All of these questions were learnt from" in out) == (0, told)


def test_a_folder_of_ones_own(own: Path, tmp_path: Path, call: Call) -> None:
    folder, out = own / "runs" / "saaa", tmp_path / "elsewhere"
    status, printed, _ = call("evaluate", folder, "--out", out)
    assert (status, f"report: {out}/report.html" in printed) == (0, True)
    assert not (folder / "evaluations").exists()
    assert {file.name for file in out.iterdir()} == {
        ".manifest.lock",
        "manifest.json",
        "metrics.json",
        "predictions.json",
        "report.html",
        "results.json",
    }
    assert call("evaluate", folder, "--out", out)[0] == 0  # the same again
    status, _, err = call("evaluate", folder, "--out", out, "--split", "train")
    assert (status, "holds the evaluation of" in err) == (2, True)
    status, _, err = call("evaluate", own / "runs" / "san", "--out", out)
    assert (status, "holds another run's evaluation" in err) == (2, True)
    moved = shutil.copytree(folder, tmp_path / "moved")  # the same run, elsewhere
    assert call("evaluate", moved, "--out", out)[0] == 0
    status, _, err = call("evaluate", folder, "--out", folder)
    assert (status, "its metrics.json is no evaluation's" in err) == (2, True)
    assert json.loads(call("compare", out, out, "--json")[1])["split"] == "test"


def test_questions_without_answers_are_answered(own: Path, tmp_path: Path, call: Call) -> None:
    table = tmp_path / "open.csv"
    image = own / "square 5.png"
    table.write_text(f"image,question,split,id\n{image},is it red?,test,q1\n")
    folder = own / "runs" / "san"
    status, out, _ = call("evaluate", folder, "--data", f"table:{table}", "--json")
    assert status == 0
    assert (json.loads(out)["questions"], json.loads(out)["accuracy"]) == (1, None)
    (place,) = (folder / "evaluations").glob("open-*-test")
    (result,) = json.loads((place / "results.json").read_text())
    assert result["question_id"] == "q1"
    status, out, _ = call("evaluate", folder, "--data", f"table:{table}")
    assert (status, "nothing to score" in out) == (0, True)


def test_features_are_enough_to_evaluate(trained: Path, tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    out = tmp_path / "runs" / "a"
    assert call(*train_command("san", table, out))[0] == 0
    source = f"table:{table}"
    assert call("extract", source, "--out", tmp_path / "store", "--image-size", 64)[0] == 0
    # Not of the split that is evaluated.
    (tmp_path / "square 2.png").write_bytes(b"gone")
    status, out_text, err = call("evaluate", out, "--features", tmp_path / "store", "--json")
    assert status == 0, err
    assert json.loads(out_text)["questions"] == 6
    (tmp_path / "square 10.png").write_bytes(b"another picture")
    status, _, err = call("evaluate", out, "--features", tmp_path / "store")
    assert (status, "have changed since their features were extracted" in err) == (2, True)


def test_features_of_another_backbone_are_refused(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    store = tmp_path / "store"
    source = f"table:{trained / 'squares.csv'}"
    assert call("extract", source, "--out", store, "--image-size", 96)[0] == 0
    status, _, err = call("evaluate", trained / "runs" / "saaa", "--features", store)
    assert (status, "image_size 64 against 96" in err) == (2, True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("evaluate RUN --split tset", "no question in split 'tset'. It has: train (18), test"),
        ("evaluate RUN --split tset", "Add --split valid for those that training is validated on"),
        ("evaluate RUN --split ../evil", "cannot name a folder"),
        ("evaluate RUN --data table:no.csv", "no.csv"),
        ("evaluate RUN --human-maps nowhere", "nowhere: no such folder"),
        ("evaluate RUN --human-maps .", "no map in it. Maps are named QUESTION_PERSON.png"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)


def all_of(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_that_may_not_be_written_to_is_evaluated_elsewhere(
    own: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = own / "runs" / "saaa", tmp_path / "mine" / "test"
    usual = json.loads(call("evaluate", run, "--json")[1])
    shutil.rmtree(own / "runs" / "features")
    # Root may write anywhere; what counts is what is asked.
    may = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not Path(path).is_relative_to(own) and may(path, mode)
    )
    before = all_of(own / "runs")
    status, told, err = call("evaluate", run, "--out", out, "--json")
    assert (status, all_of(own / "runs") == before) == (0, True)
    kept = "no calibration, model card or list of evaluations is kept in it"
    assert f"note: {run} may not be written to: {kept}" in err
    again = json.loads(told)
    assert again["accuracy"] == usual["accuracy"]
    assert (tmp_path / "mine" / "features").is_dir()
    status, _, err = call("evaluate", run, "--out", out, "--no-abstention")
    assert (status, "Copy it, and evaluate the copy." in err) == (2, True)
