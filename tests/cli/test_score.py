"""``askattend score``: its table, its JSON, and the WUPS of answers that are sets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from askattend.errors import DataError
from askattend.metrics import wups as wups_module
from askattend.metrics.vqa_official import DIALECTS
from askattend.metrics.wordnet import WordNet
from commands import Call
from scoring.cases import save_daquar, save_results, save_table, table_rows

ROWS: list[dict[str, Any]] = [
    {"id": "a", "image": "1.jpg", "question": "?", "answer": "Book, Lamp", "split": "test"},
    {"id": "b", "image": "1.jpg", "question": "?", "answer": "chair", "split": "test"},
    {"id": 3, "image": "2.jpg", "question": "?", "answer": "2", "split": "test"},
]
ANSWERS = {"a": "book,  lamp", 3: "Two", "b": "chair"}


def test_one_answer_a_question_is_matched_exactly(tmp_path: Path, call: Call) -> None:
    source, file = save_table(tmp_path, ROWS), save_results(tmp_path, ANSWERS)
    status, out, _ = call("score", file, "--data", source)
    assert status == 0
    assert re.search(r"accuracy \(exact match\) +66\.67%", out)
    status, out, _ = call("score", file, "--data", source, "--json")
    scores = json.loads(out)
    assert scores["dialect"] is None
    assert scores["per_question"] == [
        {"question_id": "a", "score": 1.0},
        {"question_id": "b", "score": 1.0},
        {"question_id": 3, "score": 0.0},
    ]
    status, out, _ = call("score", file, "--data", source, "--dialect", "normalized")
    metric = "VQA accuracy, normalized, adapted below 4 answers"
    assert re.search(rf"accuracy \({metric}\) +100\.00%", out)
    status, out, _ = call("score", file, "--data", source, "--dialect", "normalized", "--json")
    assert (json.loads(out)["metric"], json.loads(out)["dialect"]) == (metric, "normalized")


def test_the_example_of_the_docs(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"
    (example,) = re.findall(r"^```json\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    rows = [
        {"id": f"q{n}", "image": f"{n > 2}.jpg", "question": "?", "answer": answer, "split": "test"}
        | {"answer_type": kind}
        for n, answer, kind in ((1, "yes", "yes/no"), (2, "yes", "yes/no"), (3, "red", "other"))
    ]
    save_table(tmp_path, rows)
    save_results(tmp_path, {row["id"]: "yes" for row in rows})
    monkeypatch.chdir(tmp_path)
    status, out, _ = call("score", "results.json", "--data", "table:questions.jsonl", "--json")
    # The page's intervals are rounded.
    rounded = re.sub(r"0\.\d{4,}", lambda m: str(round(float(m[0]), 3)), out)
    told = json.loads(rounded) | {"accuracy": json.loads(out)["accuracy"]}
    assert (status, told) == (0, json.loads(example))


def test_notes_and_mistakes_are_told_apart_from_results(tmp_path: Path, call: Call) -> None:
    source = save_table(tmp_path, table_rows(*["train"] * 3, *["test"] * 2))
    both = save_results(tmp_path, dict.fromkeys(range(5), "yes"))
    status, out, err = call("score", both, "--data", source, "--split", "train", "--json")
    note = "passed over answers to other questions: test (2)"
    assert (status, err, json.loads(out)["notes"]) == (0, f"note: {note}\n", [note])
    status, out, err = call("score", both, "--data", source)
    message = f"askattend: {both}: it answers questions of several splits: train (3), test (2)"
    assert (status, out, err) == (2, "", f"{message}. Add --split NAME.\n")


@pytest.fixture
def rooms(tmp_path: Path) -> tuple[str, Path]:
    """A DAQUAR of three questions, and answers to them."""
    test = [("what is it", "book,  lamp", "image1"), ("how many", "3", "image1")]
    test += [("what is there", "chairs", "image2")]
    answers = {0: "lamp, book", 1: "3", 2: "table"}
    return save_daquar(tmp_path, test=test), save_results(tmp_path, answers)


def test_wups_of_sets_comes_unasked(rooms: tuple[str, Path], call: Call, wordnet: WordNet) -> None:
    source, file = rooms
    status, out, _ = call("score", file, "--data", source, "--json")
    assert status == 0
    scores = json.loads(out)
    similarity = wups_module.Wups(wordnet).similarity("chairs", "table")
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["wups"] == {
        "0.9": pytest.approx((2 + similarity / 10) / 3),
        "0.0": pytest.approx((2 + similarity) / 3),
        "exact": pytest.approx(2 / 3),
    }
    _, out, _ = call("score", file, "--data", source)
    assert re.search(r"WUPS at 0\.9 +\d", out)
    assert re.search(r"exact match of sets +66\.67%", out)


def test_without_wordnet(
    rooms: tuple[str, Path], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> WordNet:
        raise DataError("WordNet is not installed", remedy="Get it.")

    monkeypatch.setattr(wups_module, "installed_wordnet", missing)
    source, file = rooms
    status, out, err = call("score", file, "--data", source, "--json")
    assert (status, json.loads(out)["wups"]) == (0, None)
    assert "note: no WUPS: WordNet is not installed" in err
    status, _, err = call("score", file, "--data", source, "--wups")
    assert (status, err) == (2, "askattend: WordNet is not installed. Get it.\n")


def test_wups_can_be_left_out(rooms: tuple[str, Path], call: Call) -> None:
    source, file = rooms
    status, out, err = call("score", file, "--data", source, "--no-wups")
    assert (status, err, "WUPS" in out, "sets" in out) == (0, "", False, False)
    status, _, err = call("score", file, "--data", source, "--no-wups", "--wups")
    assert (status, "both --wups and --no-wups" in err) == (2, True)


def test_every_dialect_is_explained(call: Call) -> None:
    _, out, _ = call("score", "--help")
    for dialect in DIALECTS:
        assert re.search(rf"- {dialect}: as|- {dialect}: your", out)
