"""Two systems on the same questions, by hand-made scores."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.errors import ConfigError, DataError, RunError
from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.metrics.shares import share_interval, wilson
from askattend.metrics.significance import bootstrap_interval, mcnemar, paired_permutation
from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import Wups
from askattend.scoring.comparison import compare, compare_paths
from askattend.scoring.score import score_file
from askattend.scoring.systems import System
from scoring.cases import (
    ANSWER_TYPES,
    IMAGES,
    NUMBER,
    save_daquar,
    save_evaluation,
    save_results,
    save_table,
    table_rows,
)


def draw_scores(seed: int, right: float) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(rng.random() < right) for _ in range(NUMBER)]


FIRST, SECOND = draw_scores(0, 0.5), draw_scores(1, 0.75)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs, evaluated on the same questions."""
    return save_evaluation(tmp_path / "a", FIRST), save_evaluation(tmp_path / "b", SECOND)


def less(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [b - a for a, b in zip(first, second, strict=True)]


def test_figures(runs: tuple[Path, Path]) -> None:
    found, differences = compare_paths(*runs), less(FIRST, SECOND)
    only_first, only_second = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    assert found.first.accuracy == pytest.approx(sum(FIRST) / NUMBER)
    assert found.second.accuracy == pytest.approx(sum(SECOND) / NUMBER)
    assert found.first.interval == share_interval(FIRST, IMAGES)
    assert (found.images, found.metric) == (40, "exact match")
    overall = found.overall
    assert overall.difference == pytest.approx(sum(differences) / NUMBER)
    assert (overall.first_better, overall.second_better) == (only_first, only_second)
    interval = bootstrap_interval(differences, IMAGES, resamples=10_000)
    assert overall.interval == interval
    assert interval[0] < overall.difference < interval[1]
    assert found.permutation_p == paired_permutation(differences, IMAGES)
    assert found.mcnemar_p == mcnemar(only_first, only_second)
    for name, each in found.by_answer_type.items():
        some = [n for n in range(NUMBER) if ANSWER_TYPES[n] == name]
        assert each.questions == len(some)
        assert each.first == pytest.approx(np.mean([FIRST[n] for n in some]))
    assert sum(each.questions for each in found.by_answer_type.values()) == NUMBER
    assert compare_paths(*runs) == found


def test_the_other_way_round_and_with_itself(runs: tuple[Path, Path]) -> None:
    there, back = compare_paths(*runs), compare_paths(*runs[::-1])
    assert there.overall.difference == -back.overall.difference
    assert there.mcnemar_p == back.mcnemar_p
    assert there.permutation_p == pytest.approx(back.permutation_p)
    same = compare_paths(runs[0], runs[0])
    # That forty images make no difference does not prove that none would.
    possible = wilson(0, len(set(IMAGES)))[1]
    assert same.overall.interval == (-possible, possible)
    assert same.permutation_p == same.mcnemar_p == 1
    assert (same.overall.equal, same.overall.alike) == (True, True)
    assert (there.overall.equal, there.overall.alike) == (False, False)


def system(scores: dict[Any, float | None], **changes: Any) -> System:
    image = changes.get("image")
    answers = [ScoredAnswer(n, "yes", score=score, image=image) for n, score in scores.items()]
    metric = changes.get("metric", "VQA accuracy, current")
    name, split = changes.get("name", "one"), changes.get("split", "test")
    return System(name, split, metric, answers, source=changes.get("source", ""))


def test_graded_scores_and_unknown_images() -> None:
    first, second = system({1: 0.3, 2: 1.0, 3: 0.6}), system({3: 0.9, 2: 1.0, 1: 0.6})
    found = compare(first, second)
    assert (found.images, found.mcnemar_p) == (None, None)
    assert found.overall.difference == pytest.approx(0.2)
    assert (found.overall.first_better, found.overall.second_better) == (0, 2)
    assert found.permutation_p == pytest.approx(0.5)  # of 4 flips, 2 are as far from 0
    assert found.by_answer_type == {}


def test_other_questions_are_described_on_both_sides() -> None:
    first = system({1: 1.0, 2: 1.0, 7: 0.0}, source="daquar:d,answers=single")
    second = system({1: 1.0, "x": 0.0}, name="two", source="daquar:d")
    with pytest.raises(DataError) as raised:
        compare(first, second)
    assert (
        "3 of them not common to both: 2, 7, 'x': 3 of one, on daquar:d,answers=single (1 to 7); "
        "2 of two, on daquar:d (1, 'x'); 1 in both"
    ) in str(raised.value)


def test_questions_without_answers_do_not_count() -> None:
    found = compare(system({1: None, 2: 1.0}), system({1: None, 2: 0.0}))
    assert (found.overall.questions, found.overall.difference) == (1, -1)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (system({1: 1.0, 3: 0.0}), "2 of them not common to both: 2, 3"),
        (system({1: 1.0}), "1 of them not common to both: 2"),
        (
            system({1: 1.0, 2: 0.0}, image="1.jpg"),
            "2 question ids stand for different questions: 1",
        ),
        (
            system({1: 1.0, 2: None}),
            "1 question id stands for .*: 2 for only one has human answers",
        ),
        (system({1: 1.0, 2: 0.0}, split="valid"), "different splits: test and valid"),
        (system({1: 1.0, 2: 0.0}, metric="exact match"), "different metrics"),
    ],
)
def test_different_questions_are_refused(second: System, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare(system({1: 1.0, 2: 0.0}), second)


def test_without_any_score_there_is_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="no question has a human answer to score against"):
        compare(system({1: None}), system({1: None}))


def test_results_files_and_runs_against_a_source(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    rows: list[dict[str, Any]] = [
        {"id": n, "image": IMAGES[n], "question": "?", "answer": "yes", "split": "test"}
        | {"answer_type": ANSWER_TYPES[n]}
        for n in range(NUMBER)
    ]
    source, file = save_table(tmp_path, rows), tmp_path / "b.json"
    shutil.copy(runs[1] / "evaluations" / "test" / "results.json", file)
    expected = compare_paths(*runs)
    for second in (runs[1], file):
        side = msgspec.structs.replace(expected.second, name=str(second))
        found = compare_paths(runs[0], second, data=source)
        assert found == msgspec.structs.replace(expected, second=side)
    more = {"id": "x", "image": IMAGES[0], "question": "?", "answer": "yes", "split": "mine"}
    source = save_table(tmp_path, [*rows, more])
    answers = {n: "yes" if score else "no" for n, score in enumerate(SECOND)} | {"x": "yes"}
    file = save_results(tmp_path, answers, "b.json")
    found = compare_paths(runs[0], file, data=source, split="test")
    note = f"{file}: passed over answers to other questions: mine (1)"
    assert (found.notes, found.overall) == ((note,), expected.overall)
    with pytest.raises(ConfigError, match="Add --data SOURCE to score it"):
        compare_paths(runs[0], file)
    with pytest.raises(ConfigError, match="a dialect needs the answers"):
        compare_paths(*runs, dialect="normalized")
    with pytest.raises(
        RunError, match=r"'valid' yet\. The data have no 'valid'\. Add --split test:"
    ):
        compare_paths(*runs, data=source, split="valid")


ASKED: dict[str, Any] = {
    "question": "what color is it?",
    "references": (("red", 1), ("rose", 2)),
    "image_digest": "0a",
}


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"question": "is it round?"}, "'what color is it?' and 'is it round?'"),
        ({"references": (("yes", 3),)}, "human answers 'red', 'rose' and 'yes'"),
        ({"references": (("red", 2), ("rose", 1))}, "human answers"),
        ({"image_digest": "0b"}, "two different pictures are called '1.jpg'"),
    ],
)
def test_ids_and_images_do_not_prove_that_questions_are_the_same(
    changes: dict[str, Any], how: str
) -> None:
    def asked(**more: Any) -> System:
        one = ScoredAnswer(1, "red", score=1.0, image="1.jpg")
        other = msgspec.structs.replace(one, question_id=2)
        return System("one", "test", "exact", [one, msgspec.structs.replace(other, **more)])

    with pytest.raises(DataError) as caught:
        compare(asked(**ASKED), asked(**{**ASKED, **changes}))
    assert "1 question id stands for different questions: 2 for" in str(caught.value)
    assert how in str(caught.value)
    # The order of human answers is nobody's; and what one does not tell cannot differ.
    same = {**ASKED, "references": ASKED["references"][::-1]}
    for more in (same, {**ASKED, next(iter(changes)): None}):
        assert compare(asked(**ASKED), asked(**more)).overall.questions == 2


def asked_run(folder: Path, questions: QASet) -> Path:
    """Save the evaluation of a run that answers everything with yes."""
    answers = [score_answer(question, "yes") for question in questions]
    metrics = Metrics(questions.source, "test", len(questions), "exact match")
    Evaluation(metrics, tuple(answers)).save(folder / "evaluations" / "test", questions)
    return folder


@pytest.mark.parametrize("changed", ["text", "picture", "answer"])
def test_a_run_is_not_scored_against_questions_that_it_was_not_asked(
    tmp_path: Path, changed: str
) -> None:
    folders = [tmp_path / name for name in "ab"]
    sources = []
    for folder, other in zip(folders, (False, True), strict=True):
        folder.mkdir()
        rows = table_rows("test", "test")
        if other and changed != "picture":
            rows[1] |= {"question": "round?"} if changed == "text" else {"answer": "no"}
        sources.append(save_table(folder, rows))
        (folder / "1.jpg").write_bytes(b"other" if other and changed == "picture" else b"")
    runs = [asked_run(f / "run", read_source(s)) for f, s in zip(folders, sources, strict=True)]
    for data in (None, sources[0]):
        if changed == "answer" and data is not None:
            found = compare_paths(*runs, data=data)
            assert "1 questions had other human answers" in found.notes[0]
            continue
        with pytest.raises(DataError, match="1 question id stands for different questions: 1 for"):
            compare_paths(*runs, data=data)
    assert compare_paths(runs[0], runs[0], data=sources[0]).notes == ()


def test_a_results_file_that_tells_its_questions_is_held_to_them(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows("test", question="What color is it?"))
    file = tmp_path / "r.json"
    # Cut into words, as many files have it.
    entry = {"question_id": 0, "answer": "yes", "question": "what color is it ?"}
    file.write_bytes(msgspec.json.encode([entry]))
    assert score_file(file, data=source).accuracy == 1
    file.write_bytes(msgspec.json.encode([{**entry, "question": "is it round?"}]))
    with pytest.raises(DataError, match="0 for 'is it round"):
        score_file(file, data=source)


@pytest.fixture(params=["894", "37"])
def sets(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, Path, Path]:
    """A DAQUAR, and two results files, the second of which is nearer to the answers."""
    test = [(f"what is it {n}", "lamp, chair", f"image{n // 2}") for n in range(8)]
    source = save_daquar(tmp_path, name=request.param, train=test[:1], test=test)
    far = ["lamp, chair"] * 2 + ["table, wall"] * 6
    near = ["chair, lamp"] * 5 + ["armchair, lamp"] * 3
    # One question comes before them, to be trained on.
    first, second = (dict(enumerate(answers, 1)) for answers in (far, near))
    return (
        source,
        save_results(tmp_path, first, "far.json"),
        save_results(tmp_path, second, "near.json"),
    )


def test_answers_that_are_sets_are_compared_by_wups_too(
    sets: tuple[str, Path, Path], wordnet: WordNet
) -> None:
    source, *files = sets
    found = compare_paths(*files, data=source)
    assert (found.metric, found.overall.first) == ("exact match", 2 / 8)
    far, near = (
        [Wups(wordnet).score("lamp, chair", one["answer"], 0.9) for one in entries]
        for entries in (msgspec.json.decode(file.read_bytes()) for file in files)
    )
    wups, differences = found.wups, less(far, near)
    assert wups is not None
    assert (wups.first, wups.second) == pytest.approx((sum(far) / 8, sum(near) / 8))
    assert wups.difference == pytest.approx(sum(differences) / 8)
    p = paired_permutation(differences, [n // 2 for n in range(8)])
    assert found.wups_permutation_p == pytest.approx(p)
    assert wups.second > wups.first  # though by exact match it is the worse
    at_0 = [Wups(wordnet).score("lamp, chair", answer, 0.0) for answer in ("table, wall",)]
    assert found.wups_at_0 is not None
    assert found.wups_at_0.first == pytest.approx((2 + 6 * at_0[0]) / 8)
    assert found.wups_at_0.second == pytest.approx(wups.second)  # all of them are near
    assert found.overall.difference < 0


def test_without_wordnet_there_is_a_note(
    sets: tuple[str, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> WordNet:
        raise DataError("there is no WordNet on this machine")

    monkeypatch.setattr("askattend.metrics.wups.installed_wordnet", missing)
    source, *files = sets
    found = compare_paths(*files, data=source)
    assert (found.wups, found.wups_permutation_p, found.wups_at_0) == (None, None, None)
    assert found.notes == ("no WUPS: there is no WordNet on this machine.",)
