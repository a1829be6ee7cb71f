"""``askattend evaluate``: figures, files and a table."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

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
    assert "<html" in (folder / "report.html").read_text()


def rows_of(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.read_text())))


def test_evaluate_prints_a_table(own: Path, call: Call) -> None:
    status, out, _ = call("evaluate", own / "runs" / "saaa", "--split", "valid")
    assert status == 0
    assert "18 questions" in out
    assert re.search(r"^floor: most common answer +[0-9.]+%  \[.*\] \(95 %\)$", out, re.MULTILINE)
    assert "floor: bag of words + image" in out
    assert "with images shuffled" in out
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
    return folder


def test_without_validation_nothing_is_calibrated(own: Path, call: Call) -> None:
    folder = own / "runs" / "saaa"
    status, _, err = call("evaluate", folder, "--json")
    assert status == 0
    assert "not calibrated: they were validated on the training questions themselves" in err
    assert not (folder / "calibration.json").exists()
    status, _, err = call("evaluate", folder, "--abstain-above-risk", "0.1")
    assert (status, "there are no validation questions to learn it from" in err) == (2, True)


def test_abstaining(own: Path, call: Call) -> None:
    folder, image = with_validation(own), own / "square 0.png"
    assert json.loads(call("evaluate", folder, "--json")[1])["abstention"] is None
    (folder / "calibration.json").unlink()
    status, _, err = call("ask", folder, image, "is it red?", "--abstain-above-risk", "0.1")
    assert (status, "its risk is not known. Evaluate it first" in err) == (2, True)
    assert call("evaluate", folder, "--abstain-above-risk", "0")[0] == 0
    first = (folder / "evaluations" / "test" / "metrics.json").read_bytes()
    assert call("evaluate", folder)[0] == 0  # keeps the risk, and gives the same figures
    assert (folder / "evaluations" / "test" / "metrics.json").read_bytes() == first
    calibration = json.loads((folder / "calibration.json").read_text())
    assert calibration["abstain_above_risk"] == 0
    found = json.loads(first)["abstention"]
    predictions = json.loads((folder / "evaluations" / "test" / "predictions.json").read_text())
    answered = [p["score"] for p in predictions if p["probability"] >= found["threshold"]]
    assert (found["risk"], found["coverage"]) == (0, len(answered) / len(predictions))
    assert found["achieved_risk"] == (1 - sum(answered) / len(answered) if answered else None)
    printed = call("evaluate", folder)[1]
    assert re.search(rf"answered, 0.0% of them wrong at most +{found['coverage']:.2%} ", printed)
    assert calibration["curve"][-1]["risk"] > 0  # or there would be nothing to abstain from
    threshold = min((p["threshold"] for p in calibration["curve"] if p["risk"] == 0), default=2)
    for risk, least in ((None, threshold), ("0.999", 0)):
        option = () if risk is None else ("--abstain-above-risk", risk)
        (answer,) = json.loads(call("ask", folder, image, "is it red?", *option, "--json")[1])
        assert answer["sure"] == (answer["probability"] >= least)
        text = call("ask", folder, image, "is it red?", *option)[1]
        assert ("not sure; perhaps" in text) != answer["sure"]


def test_questions_without_answers_are_answered(own: Path, tmp_path: Path, call: Call) -> None:
    table = tmp_path / "open.csv"
    image = own / "square 5.png"
    table.write_text(f"image,question,split,id\n{image},is it red?,test,q1\n")
    folder = own / "runs" / "san"
    status, out, _ = call("evaluate", folder, "--data", f"table:{table}", "--json")
    assert status == 0
    assert (json.loads(out)["questions"], json.loads(out)["accuracy"]) == (1, None)
    (result,) = json.loads((folder / "evaluations" / "test" / "results.json").read_text())
    assert result["question_id"] == "q1"
    status, out, _ = call("evaluate", folder, "--data", f"table:{table}")
    assert (status, "nothing to score" in out) == (0, True)


def test_features_are_enough_to_evaluate(trained: Path, tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    out = tmp_path / "runs" / "a"
    assert call(*train_command("san", table, out))[0] == 0
    source = f"table:{table}"
    assert call("extract", source, "--out", tmp_path / "store", "--image-size", 64)[0] == 0
    broken = tmp_path / "square 10.png"
    broken.write_bytes(b"gone")
    status, out_text, _ = call("evaluate", out, "--features", tmp_path / "store", "--json")
    assert (status, json.loads(out_text)["questions"]) == (0, 6)


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
        ("evaluate RUN --split tset", "Add --split valid for those that training is validated on."),
        ("evaluate RUN --split ../evil", "cannot name a folder"),
        ("evaluate RUN --split config.toml", "cannot name a folder"),
        ("evaluate RUN --data table:no.csv", "no.csv"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)
