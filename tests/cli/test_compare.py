"""``askattend compare``: its words, its JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from askattend.metrics.wordnet import WordNet
from askattend.scoring.comparison import Comparison, compare_paths
from commands import Call
from scoring.cases import IMAGES, save_daquar, save_evaluation, save_results

FIRST, SECOND = [1.0, 0.0] * 60, [1.0, 1.0, 0.0] * 40


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs, evaluated on the same questions."""
    return save_evaluation(tmp_path / "a", FIRST), save_evaluation(tmp_path / "b", SECOND)


def test_json_holds_the_comparison(runs: tuple[Path, Path], call: Call) -> None:
    status, out, err = call("compare", *runs, "--json")
    assert (status, err) == (0, "")
    assert msgspec.json.decode(out, type=Comparison) == compare_paths(*runs)
    assert json.loads(out).keys() == set(Comparison.__struct_fields__)
    assert call("compare", *runs, "--json")[1] == out


def test_words(runs: tuple[Path, Path], call: Call) -> None:
    status, out, _ = call("compare", *runs)
    assert status == 0
    assert "test: 120 questions about 40 images; accuracy (exact match)" in out
    assert f"alone right on {sum(a > b for a, b in zip(FIRST, SECOND, strict=True))}" in out
    assert "McNemar" in out
    assert "yes/no: " in out


def test_wups_of_sets(tmp_path: Path, call: Call, wordnet: WordNet) -> None:
    test = [("what is it", "lamp, chair", "image1"), ("what is there", "lamp", "image2")]
    data = ("--data", save_daquar(tmp_path, test=test))
    files = [
        save_results(tmp_path, {0: first, 1: "lamp"}, f"{first}.json")
        for first in ("wall, chair", "armchair, lamp")
    ]
    pair = json.loads(call("compare", *files, *data, "--json")[1])
    wups, at_0 = pair["wups"], pair["wups_at_0"]
    out = call("compare", *files, *data)[1]
    assert f"WUPS at 0.9: {wups['first']:.2%} → {wups['second']:.2%} of 2" in out
    assert f"WUPS at 0.0: {at_0['first']:.2%} → {at_0['second']:.2%} of 2" in out
    assert at_0["second"] >= wups["second"]
    assert "paired permutation test of WUPS at 0.9" in out
    # A table of any number has each method's, and says whose questions they are.
    third = save_results(tmp_path, {0: "lamp, chair", 1: "lamp"}, "third.json")
    told = json.loads(call("compare", *files, third, *data, "--json")[1])
    ends = [(wups[side], at_0[side]) for side in ("first", "second")]
    assert [(one["wups"]["0.9"], one["wups"]["0.0"]) for one in told["methods"]] == [*ends, (1, 1)]
    assert told["source"] == data[1]
    page = tmp_path / "table.html"
    out = call("compare", *files, third, *data, "--page", page)[1]
    assert f"WUPS at 0.9 {wups['first']:.2%}, at 0.0 {at_0['first']:.2%}" in out
    assert out.startswith(f"{data[1]}, test: 2 questions")
    text = page.read_text()
    assert all(f"{100 * figure:.2f} %" in text for figure in (wups["second"], at_0["second"]))
    assert all(heading in text for heading in ("WUPS at 0.9", "WUPS at 0.0"))


def test_notes_are_told_apart_from_results(tmp_path: Path, call: Call) -> None:
    runs = [save_evaluation(tmp_path / name, FIRST, source="daquar:set") for name in "ab"]
    status, out, err = call("compare", *runs)
    assert (status, "WUPS" in out) == (0, False)
    assert err == "note: no WUPS: it needs the human answers; add --data SOURCE\n"
    status, out, err = call("compare", runs[0], tmp_path / "nowhere")
    assert (status, out, "no such run folder" in err) == (2, "", True)


def test_score_and_compare_tell_what_evaluate_told(own: Path, call: Call) -> None:
    source, accuracy = f"table:{own / 'squares.csv'}", {}
    for network in ("saaa", "san"):
        folder = own / "runs" / network
        evaluated = json.loads(call("evaluate", folder, "--json")[1])
        _, out, _ = call(
            "score", folder / "evaluations" / "test" / "results.json", "--data", source, "--json"
        )
        scores = json.loads(out)
        for figure in ("metric", "accuracy", "interval", "questions", "by_answer_type"):
            assert scores[figure] == evaluated[figure]
        predictions = json.loads((folder / "evaluations" / "test" / "predictions.json").read_text())
        assert [(p["question_id"], p["score"]) for p in predictions] == [
            (q["question_id"], q["score"]) for q in scores["per_question"]
        ]
        accuracy[network] = evaluated["accuracy"]
    status, out, _ = call("compare", own / "runs" / "saaa", own / "runs" / "san", "--json")
    found = json.loads(out)
    assert (status, found["images"]) == (0, 3)
    assert found["first"]["accuracy"] == accuracy["saaa"]
    assert found["overall"]["difference"] == pytest.approx(accuracy["san"] - accuracy["saaa"])


def test_three_runs_and_a_page(runs: tuple[Path, Path], tmp_path: Path, call: Call) -> None:
    third, page = save_evaluation(tmp_path / "c", FIRST[::-1]), tmp_path / "page.html"
    status, out, _ = call("compare", *runs, third)
    assert (status, "120 questions" in out) == (0, True)
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["50.00%", "66.67%", "50.00%"]
    assert call("compare", *runs, third, "--page", page)[:2] == (0, out)
    assert "50.00 %" in page.read_text()
    told = json.loads(call("compare", *runs, third, "--json")[1])
    assert [len(method["runs"]) for method in told["methods"]] == [1, 1, 1]


def test_equal_scores_have_no_interval(runs: tuple[Path, Path], tmp_path: Path, call: Call) -> None:
    same, page = save_evaluation(tmp_path / "same", FIRST), tmp_path / "page.html"
    for other in (runs[0], same):
        out = call("compare", runs[0], other)[1]
        assert "+0.00%  the same score on every question: second less first" in out
        assert "[+" not in out.replace("[-", "[+")
        assert ("bootstrap" in out, "disagree" in out) == (False, False)
    out = call("compare", *runs, same, "--page", page)[1]
    assert "(1 run): scores the same on every question as the first" in out
    assert "the same on every question</td>" in page.read_text()


def test_an_interval_is_named_by_what_made_it(tmp_path: Path, call: Call) -> None:
    """Where all images differ by the same, no bootstrap gives an interval that is not a point."""
    first, second, third = (
        save_evaluation(tmp_path / name, scores)
        for name, scores in (
            ("first", [0.0] * 60),
            ("second", [1.0, 0.0, 0.0] * 20),
            ("third", [1.0] + [0.0] * 59),
        )
    )
    alike, scattered = (call("compare", first, each)[1] for each in (second, third))
    wilson = "where all images differ by the same, what so few leave possible (Wilson)"
    assert "95 % intervals over images; of differences by bootstrap\n" in scattered
    assert (wilson in alike, wilson in scattered) == (True, False)


def test_what_holds_is_told_where_interval_and_p_disagree(tmp_path: Path, call: Call) -> None:
    told = "disagree about chance: trust the test"
    # Of five images all differ one way: exactly, 2 of 2 ** 5 flips are as far from 0.
    few = [[0.0] * 15, [1.0, 0.0, 0.0, 1.0, 1.0, 0.0] * 2 + [1.0, 0.0, 0.0]]
    many = [[0.0] * len(IMAGES), ([1.0, 0.0, 0.0, 1.0, 1.0, 0.0] * 20)]
    for name, scores, disagree in (("few", few, True), ("many", many, False)):
        runs = [save_evaluation(tmp_path / f"{name}{n}", each) for n, each in enumerate(scores)]
        out = call("compare", *runs)[1]
        assert ("p = 0.062: paired permutation" in out, told in out) == (disagree, disagree)
        third = save_evaluation(tmp_path / f"{name}2", scores[0][::-1])
        assert (told in call("compare", *runs, third)[1]) is disagree
