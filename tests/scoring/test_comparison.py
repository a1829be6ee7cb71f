"""``askattend compare``: two systems on the same questions, by hand-made scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askattend.cli import main
from askattend.data.questions import Question
from askattend.errors import DataError
from askattend.evaluation.evaluate import Evaluation, Metrics, Prediction
from askattend.metrics.significance import bootstrap_interval, mcnemar, paired_permutation
from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import Wups
from askattend.scoring.comparison import compare
from askattend.scoring.systems import Judged, System

Run = Callable[..., tuple[int, str, str]]
QUESTIONS = 120
IMAGES = [f"{number // 3}.jpg" for number in range(QUESTIONS)]
TYPES = ["yes/no" if number % 4 else "other" for number in range(QUESTIONS)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``askattend compare``: exit status, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = 0
        try:
            main(["compare", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def scores_of(seed: int, right: float) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(rng.random() < right) for _ in range(QUESTIONS)]


FIRST, SECOND = scores_of(0, 0.5), scores_of(1, 0.75)


def question(number: int) -> Question:
    return Question(
        id=number,
        image=IMAGES[number],
        text="?",
        answers=(("yes", 1),),
        split="test",
        answer_type=TYPES[number],
    )


def evaluated(folder: Path, scores: list[float], *, split: str = "test") -> Path:
    """A run folder as an evaluation leaves it."""
    predictions = tuple(
        Prediction(n, "yes" if score else "no", 0.5, score, TYPES[n], None, IMAGES[n])
        for n, score in enumerate(scores)
    )
    metrics = Metrics("a source", split, len(scores), metric="exact match", accuracy=0.5)
    questions = [question(number) for number in range(len(scores))]
    Evaluation(metrics, predictions).save(folder / split, questions)
    return folder


def test_figures(tmp_path: Path, run: Run) -> None:
    places = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    status, out, _ = run(*places, "--json")
    assert status == 0
    found = json.loads(out)
    less = [b - a for a, b in zip(FIRST, SECOND, strict=True)]
    only_first, only_second = sum(each < 0 for each in less), sum(each > 0 for each in less)
    assert found["first"]["accuracy"] == pytest.approx(sum(FIRST) / QUESTIONS)
    assert found["second"]["accuracy"] == pytest.approx(sum(SECOND) / QUESTIONS)
    assert (found["images"], found["metric"]) == (40, "exact match")
    overall = found["overall"]
    assert overall["difference"] == pytest.approx(sum(less) / QUESTIONS)
    assert (overall["first_better"], overall["second_better"]) == (only_first, only_second)
    interval = bootstrap_interval(less, IMAGES, resamples=10_000)
    assert tuple(overall["interval"]) == interval
    assert interval[0] < overall["difference"] < interval[1]
    assert found["permutation_p"] == paired_permutation(less, IMAGES)
    assert found["mcnemar_p"] == mcnemar(only_first, only_second)
    for name, each in found["by_answer_type"].items():
        places_of = [n for n in range(QUESTIONS) if TYPES[n] == name]
        assert each["questions"] == len(places_of)
        assert each["first"] == pytest.approx(np.mean([FIRST[n] for n in places_of]))
    assert sum(each["questions"] for each in found["by_answer_type"].values()) == QUESTIONS
    assert run(*places, "--json")[1] == out


def test_words(tmp_path: Path, run: Run) -> None:
    places = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    status, out, _ = run(*places)
    assert status == 0
    assert "test: 120 questions about 40 images; exact match" in out
    assert f"alone right on {sum(a > b for a, b in zip(FIRST, SECOND, strict=True))}" in out
    assert "McNemar" in out
    assert "yes/no: " in out


def test_the_other_way_round_and_with_itself(tmp_path: Path, run: Run) -> None:
    a, b = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    there = json.loads(run(a, b, "--json")[1])
    back = json.loads(run(b, a, "--json")[1])
    assert there["overall"]["difference"] == -back["overall"]["difference"]
    assert there["mcnemar_p"] == back["mcnemar_p"]
    assert there["permutation_p"] == pytest.approx(back["permutation_p"])
    same = json.loads(run(a, a, "--json")[1])
    assert same["overall"]["interval"] == [0, 0]
    assert same["permutation_p"] == same["mcnemar_p"] == 1


def system(scores: dict[Any, float | None], **changes: Any) -> System:
    judged = [Judged(name, score, None, changes.get("image")) for name, score in scores.items()]
    metric = changes.get("metric", "VQA accuracy, current")
    return System(changes.get("name", "one"), changes.get("split", "test"), metric, judged)


def test_graded_scores_and_unknown_images() -> None:
    first, second = system({1: 0.3, 2: 1.0, 3: 0.6}), system({3: 0.9, 2: 1.0, 1: 0.6})
    found = compare(first, second)
    assert (found.images, found.mcnemar_p) == (None, None)
    assert found.overall.difference == pytest.approx(0.2)
    assert (found.overall.first_better, found.overall.second_better) == (0, 2)
    assert found.permutation_p == pytest.approx(0.5)  # of 4 flips, 2 are as far from 0
    assert found.by_answer_type == {}


def test_questions_without_answers_do_not_count() -> None:
    found = compare(system({1: None, 2: 1.0}), system({1: None, 2: 0.0}))
    assert (found.overall.questions, found.overall.difference) == (1, -1)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (system({1: 1.0, 3: 0.0}), "2 of them not common to both: 2, 3"),
        (system({1: 1.0}), "1 of them not common to both: 2"),
        (system({1: 1.0, 2: 0.0}, image="1.jpg"), "2 of them not common to both"),
        (system({1: 1.0, 2: None}), "1 of them not common to both: 2"),
        (system({1: 1.0, 2: 0.0}, split="valid"), "different splits: test and valid"),
        (system({1: 1.0, 2: 0.0}, metric="exact match"), "different metrics"),
    ],
)
def test_different_questions_are_refused(second: System, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare(system({1: 1.0, 2: 0.0}), second)


def test_runs_that_were_not_evaluated(tmp_path: Path, run: Run) -> None:
    done, fresh = evaluated(tmp_path / "done", FIRST), tmp_path / "a fresh one"
    fresh.mkdir()
    status, _, err = run(done, fresh)
    assert (status, f"Run: askattend evaluate '{fresh}' --split test" in err) == (2, True)
    status, _, err = run(done, done, "--split", "valid")
    assert (status, "not evaluated on 'valid' yet" in err) == (2, True)
    (done / "test" / "predictions.json").unlink()
    status, _, err = run(done, done)
    assert (status, "no test/predictions.json" in err) == (2, True)
    status, _, err = run(done, tmp_path / "nowhere")
    assert (status, "no test/predictions.json" in err) == (2, True)
    status, _, err = run(tmp_path / "nowhere", done)
    assert (status, "no such run folder" in err) == (2, True)


def test_spoilt_predictions(tmp_path: Path, run: Run) -> None:
    a, b = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    file = b / "test" / "predictions.json"
    file.write_bytes(file.read_bytes()[:-9])
    status, _, err = run(a, b)
    assert (status, f"{file}: malformed" in err) == (2, True)


def test_results_files_and_runs_against_a_source(tmp_path: Path, run: Run) -> None:
    places = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    rows = [
        {"id": n, "image": IMAGES[n], "question": "?", "answer": "yes", "answer_type": TYPES[n]}
        for n in range(QUESTIONS)
    ]
    for name in set(IMAGES):
        (tmp_path / name).touch()
    table = tmp_path / "questions.jsonl"
    table.write_text("\n".join(json.dumps({**row, "split": "test"}) for row in rows))
    file = tmp_path / "b.json"
    shutil.copy(places[1] / "test" / "results.json", file)
    expected = json.loads(run(*places, "--json")[1])
    for second in (places[1], file):
        status, out, _ = run(places[0], second, "--data", f"table:{table}", "--json")
        expected["second"]["name"] = str(second)
        assert (status, json.loads(out)) == (0, expected)
    more = json.loads(file.read_text())
    extra = {"id": "x", "image": IMAGES[0], "question": "?", "answer": "yes", "split": "mine"}
    with table.open("a") as opened:
        opened.write("\n" + json.dumps(extra))
    file.write_text(json.dumps([*more, {"question_id": "x", "answer": "yes"}]))
    data = ("--data", f"table:{table}", "--split", "test")
    note = f"{file}: passed over answers to other questions: mine (1)"
    status, out, err = run(places[0], file, *data, "--json")
    assert (status, json.loads(out)["notes"], err) == (0, [note], f"note: {note}\n")
    status, _, err = run(places[0], file)
    assert (status, "Add --data SOURCE to score it." in err) == (2, True)
    status, _, err = run(*places, "--dialect", "normalized")
    assert (status, "a dialect needs the answers" in err) == (2, True)


def daquar(folder: Path, *, name: str = "894") -> Path:
    """A set of DAQUAR's form, and two results files, one of which is nearer to the answers."""
    folder.mkdir()
    lines = [f"what is it {n} ?\nlamp, chair\nimage{n // 2}" for n in range(8)]
    (folder / f"qa.{name}.raw.test.format_triple").write_text("\n".join(lines) + "\n")
    (folder / f"qa.{name}.raw.train.format_triple").write_text(lines[0] + "\n")
    far = ["lamp, chair"] * 2 + ["table, wall"] * 6
    near = ["chair, lamp"] * 5 + ["armchair, lamp"] * 3
    # One question comes before them, to be trained on.
    for file, answers in (("far.json", far), ("near.json", near)):
        rows = [{"question_id": n, "answer": answer} for n, answer in enumerate(answers, 1)]
        (folder / file).write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize("name", ["894", "37"])
def test_answers_that_are_sets_are_compared_by_wups_too(
    tmp_path: Path, run: Run, wordnet: WordNet, name: str
) -> None:
    folder = daquar(tmp_path / "set", name=name)
    source = f"daquar{'' if name == '894' else '-37'}:{folder}"
    places, data = (folder / "far.json", folder / "near.json"), ("--data", source)
    status, out, _ = run(*places, *data, "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["metric"], found["overall"]["first"]) == ("exact match", 2 / 8)
    wups, score = found["wups"], Wups(wordnet).score
    less: list[float] = []
    for side, place in zip(("first", "second"), places, strict=True):
        answers = [row["answer"] for row in json.loads(place.read_text())]
        each = [score("lamp, chair", answer, 0.9) for answer in answers]
        assert wups[side] == pytest.approx(sum(each) / 8)
        less = [b - a for a, b in zip(less, each, strict=True)] if less else each
    assert wups["difference"] == pytest.approx(sum(less) / 8)
    p = paired_permutation(less, [n // 2 for n in range(8)])
    assert found["wups_permutation_p"] == pytest.approx(p)
    assert wups["second"] > wups["first"]  # though by exact match it is the worse
    assert found["overall"]["difference"] < 0
    out = run(*places, *data)[1]
    assert f"WUPS at 0.9: {wups['first']:.2%} → {wups['second']:.2%} of 8" in out
    assert "paired permutation test of WUPS at 0.9" in out


def test_without_wordnet_there_is_a_note(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> WordNet:
        raise DataError("there is no WordNet on this machine")

    monkeypatch.setattr("askattend.metrics.wups.installed", missing)
    folder = daquar(tmp_path / "set")
    places = folder / "far.json", folder / "near.json"
    status, out, err = run(*places, "--data", f"daquar:{folder}", "--json")
    assert (status, json.loads(out)["wups"]) == (0, None)
    assert err.count("note: no WUPS: there is no WordNet on this machine") == 1


def test_an_evaluation_of_sets_says_what_wups_needs(tmp_path: Path, run: Run) -> None:
    places = evaluated(tmp_path / "a", FIRST), evaluated(tmp_path / "b", SECOND)
    assert "WUPS" not in run(*places)[2]
    for place in places:
        file = place / "test" / "metrics.json"
        file.write_text(file.read_text().replace("a source", "daquar:set"))
    status, out, err = run(*places)
    assert (status, "WUPS" in out) == (0, False)
    assert err == "note: no WUPS: it needs the human answers; add --data SOURCE\n"


def test_an_evaluation_that_lacks_a_question_is_not_written(tmp_path: Path) -> None:
    predictions = (Prediction(0, "yes", 0.5, 1.0), Prediction(0, "no", 0.5, 0.0))
    evaluation = Evaluation(Metrics("a source", "test", 2), predictions)
    with pytest.raises(DataError, match="1 question id occurs more than once"):
        evaluation.save(tmp_path / "test", [question(0), question(1)])
    assert not (tmp_path / "test").exists()
