"""Any number of runs: seeds are one method; figures are those of NumPy and of two runs compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from askattend.errors import ConfigError, DataError
from askattend.metrics.wordnet import WordNet
from askattend.metrics.wups import Wups
from askattend.report.methods import write_methods
from askattend.scoring.compared_floors import ComparedFloor
from askattend.scoring.comparison import compare_paths
from askattend.scoring.several import compare_many
from commands import Call
from scoring.cases import (
    NUMBER,
    save_daquar,
    save_evaluation,
    save_results,
    save_table,
    table_rows,
)


def make_run(folder: Path, network: str, seed: int, right: float, **train: float) -> Path:
    """Save an evaluated run with settings of a network and a seed."""
    rng = np.random.default_rng(seed + round(1000 * right))
    save_evaluation(folder, [float(rng.random() < right) for _ in range(NUMBER)])
    settings = "".join(f"{key} = {value}\n" for key, value in train.items())
    text = f'layout = 4\nnetwork = "{network}"\ndata = "x"\n[train]\nseed = {seed}\n{settings}'
    (folder / "config.toml").write_text(text)
    return folder


def accuracy(run: Path, other: Path) -> float:
    return compare_paths(run, other).first.accuracy


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three seeds of a method, and two of another, mixed."""
    kinds = [("saaa", 0, 0.5), ("san", 0, 0.7), ("saaa", 1, 0.5), ("san", 1, 0.7), ("saaa", 2, 0.5)]
    return [make_run(tmp_path / f"{k}-{s}", k, s, right) for k, s, right in kinds]


def test_seeds_are_one_method(runs: list[Path]) -> None:
    found = compare_many(runs)
    saaa, san = found.methods
    assert (saaa.name, san.name) == ("saaa", "san")
    assert saaa.runs == tuple(map(str, (runs[0], runs[2], runs[4])))
    expected = [accuracy(run, runs[1]) for run in (runs[0], runs[2], runs[4])]
    assert saaa.accuracies == pytest.approx(expected)
    assert saaa.mean == pytest.approx(np.mean(expected))
    assert saaa.deviation == pytest.approx(np.std(expected, ddof=1))
    assert (saaa.difference, saaa.permutation_p) == (None, None)
    assert san.difference is not None
    assert san.difference.difference == pytest.approx(san.mean - saaa.mean)
    low, high = san.difference.interval
    assert low < san.difference.difference < high


def test_of_single_runs_the_difference_is_that_of_two_compared(runs: list[Path]) -> None:
    found = compare_many([runs[0], runs[1]])
    two = compare_paths(runs[0], runs[1])
    assert [method.deviation for method in found.methods] == [None, None]
    assert found.methods[1].difference == two.overall
    assert found.methods[1].permutation_p == two.permutation_p


def test_methods_are_named_by_what_differs(tmp_path: Path) -> None:
    made = [
        make_run(tmp_path / f"{rate}-{seed}", "saaa", seed, 0.5, learning_rate=rate, epochs=3)
        for rate in (0.1, 0.2)
        for seed in (0, 1)
    ]
    found = compare_many(made)
    names = [method.name for method in found.methods]
    assert names == ["saaa, train.learning_rate 0.1", "saaa, train.learning_rate 0.2"]


def change(run: Path, text: str, *, first: bool = False) -> Path:
    """Add settings to those of a run, before or after them."""
    file = run / "config.toml"
    file.write_text(f"{text}\n{file.read_text()}" if first else f"{file.read_text()}\n{text}\n")
    return run


def names_of(runs: list[Path]) -> list[str]:
    return [method.name for method in compare_many(runs).methods]


def test_two_methods_of_one_network_beside_another_have_two_names(tmp_path: Path) -> None:
    made = [make_run(tmp_path / name, name[:-1], 0, 0.5) for name in ("saaa2", "saaa4", "san1")]
    for run in made:
        own = "glimpses" if run.name.startswith("saaa") else "hops"  # which the other has not
        change(run, f"[model]\n{own} = {run.name[-1]}")
    assert names_of(made) == ["saaa, model.glimpses 2", "saaa, model.glimpses 4", "san"]


def test_an_own_attention_is_named_beside_another_network(tmp_path: Path) -> None:
    kinds = [("plain", "saaa", 1), ("mine", "saaa", 1), ("san", "san", 2)]
    made = [make_run(tmp_path / name, network, 0, 0.5, rate=r) for name, network, r in kinds]
    (change(made[1], 'attention = "Mine"', first=True) / "attention.py").write_text("code")
    plain, mine, san = names_of(made)
    assert (plain, san) == ("saaa, built-in attention, train.rate 1", "san, train.rate 2")
    assert mine.startswith("saaa, attention Mine (")
    assert "None" not in plain + mine
    # A results file, or another's folder, among them hides nothing either.
    other = save_evaluation(tmp_path / "other", [1.0] * NUMBER)
    assert names_of([*made[:2], other])[0] == "saaa, built-in attention"
    assert names_of([made[0], other]) == [str(made[0]), str(other)]


def test_what_is_told_last_tells_apart_too(tmp_path: Path) -> None:
    """Two methods that are alike in the first settings that differ from a third one's."""
    made = [make_run(tmp_path / str(n), "saaa", 0, 0.5) for n in range(3)]
    for n, run in enumerate(made):
        one = n == 1
        change(run, f"a = {str(one).lower()}\nb = {one:d}\nc = {one:d}\nd = {one:d}\ne = {n}")
    alike = "saaa, train.a false, train.b 0, train.c 0, train.d 0, train.e"
    assert names_of(made) == [
        f"{alike} 0",
        "saaa, train.a true, train.b 1, train.c 1, train.d 1, …",
        f"{alike} 2",
    ]


@pytest.mark.parametrize("count", [2, 3])
def test_a_dialect_needs_a_source(runs: list[Path], count: int) -> None:
    with pytest.raises(ConfigError, match=r"a dialect needs the answers to score against.*--data"):
        compare_many(runs[:count], dialect="pre2021")


def test_other_questions_are_refused(runs: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(runs[0], odd)
    for file in odd.rglob("predictions.json"):
        file.write_text(file.read_text().replace('"image":"0.jpg"', '"image":"1.jpg"'))
    with pytest.raises(DataError, match="stand for different questions"):
        compare_many([*runs, odd])
    for some in (runs[:1], [], [runs[0], runs[1], runs[0]]):
        with pytest.raises(ConfigError, match="nothing to compare, or one run twice"):
            compare_many(some)


def test_the_page_has_every_figure_and_escapes(runs: list[Path], tmp_path: Path) -> None:
    odd = make_run(tmp_path / "<b>odd", "image-only", 0, 0.3)
    found, file = compare_many([*runs, odd]), tmp_path / "to" / "page.html"
    write_methods(found, file)
    page = file.read_text()
    for method in found.methods:
        assert f"{100 * method.mean:.2f} %" in page
        for one in method.accuracies:
            assert f"{100 * one:.2f} %" in page
    assert "&lt;b&gt;odd" in page
    assert "<b>odd" not in page
    assert not [word for word in ("http:", "https:", "<script") if word in page]


@pytest.mark.parametrize("file", ["attention.py", "features.json"])
def test_other_code_or_features_are_another_method(tmp_path: Path, file: str) -> None:
    made = [make_run(tmp_path / str(seed), "saaa", seed, 0.5) for seed in range(4)]
    for number, run in enumerate(made):
        settings = (run / "config.toml").read_text()
        (run / "config.toml").write_text(f'attention = "Mine"\n{settings}')
        for name in ("attention.py", "features.json"):
            (run / name).write_text("the same")
        (run / file).write_text(f"version {number // 2}")
    found = compare_many(made)
    assert [len(method.runs) for method in found.methods] == [2, 2]


def test_floors_of_evaluations_stand_beside_the_methods(runs: list[Path], tmp_path: Path) -> None:
    for number, run in enumerate(runs):
        file = run / "evaluations" / "test" / "metrics.json"
        words = {"name": "first words", "accuracy": 0.4 + number / 100, "interval": [0, 1]}
        told = {**json.loads(file.read_text()), "floors": {"prefix": words}}
        file.write_text(json.dumps(told))
    found = compare_many(runs)
    assert found.floors == (ComparedFloor("first words", 0.44),)  # the highest of the runs'
    write_methods(found, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Floor: first words" in text
    assert "44.00 %" in text


def test_floors_of_a_source_are_learnt_from_its_training_questions(
    tmp_path: Path, call: Call
) -> None:
    rows = table_rows(*["train"] * 12, *["test"] * 8)
    for row in rows:
        colour = row["id"] % 3 == 0
        row |= {"question": "what hue?" if colour else "is it?", "answer": "yes"}
        row["answer"] = ("red" if row["id"] % 2 else "blue") if colour else "yes"
    data, test = save_table(tmp_path, rows), rows[12:]
    files = [
        save_results(tmp_path, {row["id"]: said for row in test}, f"{said}.json")
        for said in ("yes", "red", "no")
    ]
    found = compare_many(files, data=data)
    floors = {floor.name: floor.accuracy for floor in found.floors}
    # The most common answer is "yes"; of the first words, equally many hues are blue and red.
    assert floors["most common answer"] == found.methods[0].mean
    assert floors["first words"] > floors["most common answer"]
    assert len(floors) > 2  # those that are fitted, too
    assert all(floor.wups is None for floor in found.floors)
    out = call("compare", *files, "--data", data)[1]
    assert f"{found.methods[0].mean:>8.2%}          floor: most common answer" in out


def test_of_sets_floors_have_wups_too(tmp_path: Path, wordnet: WordNet) -> None:
    train = [("what is it", "lamp", "image1")] * 3
    test = [("what is it", "chair", "image2"), ("what is there", "lamp", "image3")]
    data = save_daquar(tmp_path, train=train, test=test)
    files = [
        save_results(tmp_path, {3: "lamp", 4: said}, f"{said}.json") for said in ("lamp", "chair")
    ]
    found = compare_many(files, data=data)
    score = Wups(wordnet).score
    for floor in found.floors:  # all of them have learnt but one answer
        assert floor.wups is not None
        for name, at in (("0.9", 0.9), ("0.0", 0.0)):
            expected = (score("chair", "lamp", at) + 1) / 2
            assert floor.wups[name] == pytest.approx(expected)


def test_without_training_questions_there_is_a_note(tmp_path: Path) -> None:
    data = save_table(tmp_path, table_rows("test", "test", "test"))
    files = [save_results(tmp_path, dict.fromkeys(range(3), said), f"{said}.json") for said in "ab"]
    found = compare_many(files, data=data)
    assert found.floors == ()
    assert any(note.startswith("no floors: ") for note in found.notes)
