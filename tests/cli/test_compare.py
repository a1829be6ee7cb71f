"""``askattend score`` and ``askattend compare`` on evaluated runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import Call


def test_score_and_compare_tell_what_evaluate_told(own: Path, call: Call) -> None:
    source, accuracy = f"table:{own / 'squares.csv'}", {}
    for network in ("saaa", "san"):
        folder = own / "runs" / network
        evaluated = json.loads(call("evaluate", folder, "--json")[1])
        _, out, _ = call("score", folder / "test" / "results.json", "--data", source, "--json")
        scores = json.loads(out)
        for figure in ("metric", "accuracy", "interval", "questions", "by_answer_type"):
            assert scores[figure] == evaluated[figure]
        predictions = json.loads((folder / "test" / "predictions.json").read_text())
        assert [(p["question_id"], p["score"]) for p in predictions] == [
            (q["question_id"], q["score"]) for q in scores["per_question"]
        ]
        accuracy[network] = evaluated["accuracy"]
    status, out, _ = call("compare", own / "runs" / "saaa", own / "runs" / "san", "--json")
    found = json.loads(out)
    assert (status, found["images"]) == (0, 3)
    assert found["first"]["accuracy"] == accuracy["saaa"]
    assert found["overall"]["difference"] == pytest.approx(accuracy["san"] - accuracy["saaa"])
