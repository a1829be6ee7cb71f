"""``askattend score``: the official figures from a results file, and messages for what is wrong."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.cli import main
from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.registry import read_source
from askattend.data.splits import training_splits
from askattend.errors import ConfigError, DataError
from askattend.metrics import wups as wups_module
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.vqa_official import DIALECTS
from askattend.metrics.wordnet import WordNet
from askattend.scoring.score import Answered, answers_in, score, score_file

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``askattend score``: exit status, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = 0
        try:
            main(["score", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def table(folder: Path, rows: list[dict[str, Any]]) -> str:
    """A source of questions; a picture is a name until its pixels are needed."""
    for name in {row["image"] for row in rows}:
        (folder / name).touch()
    file = folder / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return f"table:{file}"


def save(folder: Path, answers: dict[Any, str], name: str = "results.json") -> Path:
    file = folder / name
    file.write_text(json.dumps([{"question_id": i, "answer": a} for i, a in answers.items()]))
    return file


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    """The golden questions as a source, the golden results, and what the evaluator gave."""
    folder = tmp_path_factory.mktemp("official")
    content = json.loads(gzip.decompress((shared / "golden" / "vqa_accuracy.json.gz").read_bytes()))
    rows = [
        {
            "id": each["question_id"],
            "image": f"{each['image_id']}.jpg",
            "question": "?",
            "answers": [answer["answer"] for answer in each["answers"]],
            "answer_type": each["answer_type"],
            "question_type": each["question_type"],
            "split": "valid",
        }
        for each in content["annotations"]
        if all(answer["answer"].strip() for answer in each["answers"])
    ]
    assert len(rows) > 2900
    ids = {row["id"] for row in rows}
    given = {one["question_id"]: one["answer"] for one in content["results"]}
    results = save(folder, {name: answer for name, answer in given.items() if name in ids})
    return table(folder, rows), results, content["expected"]


@pytest.mark.parametrize("dialect", ["current", "pre2021"])
def test_the_official_figures(official: tuple[str, Path, Any], run: Run, dialect: str) -> None:
    source, results, expected = official
    status, out, _ = run(results, "--data", source, "--dialect", dialect, "--json")
    assert status == 0
    scores = json.loads(out)
    assert (scores["metric"], scores["dialect"]) == (f"VQA accuracy, {dialect}", dialect)
    assert scores["split"] == "valid"
    figures = {q["question_id"]: q["accuracy"] for q in expected[dialect]["per_question"]}
    each = {one["question_id"]: one["score"] for one in scores["per_question"]}
    assert {name: round(100 * score, 2) for name, score in each.items()} == {
        name: figures[name] for name in each
    }
    assert scores["accuracy"] == pytest.approx(sum(each.values()) / len(each))
    assert scores["questions"] == len(each)
    official_types = expected[dialect]["accuracy"]["perAnswerType"]
    assert scores["by_answer_type"].keys() == official_types.keys()
    for name, share in scores["by_answer_type"].items():
        assert 100 * share["accuracy"] == pytest.approx(official_types[name], abs=0.5)
    assert sum(share["questions"] for share in scores["by_question_type"].values()) == len(each)
    assert scores["wups"] is None


def test_scoring_twice_gives_the_same(official: tuple[str, Path, Any]) -> None:
    source, results, _ = official
    answered = answers_in(results, read_source(source))
    once, again = (score(answered, file=results) for _ in range(2))
    assert once == again
    assert once.interval[0] < once.accuracy < once.interval[1]


ROWS: list[dict[str, Any]] = [
    {"id": "a", "image": "1.jpg", "question": "?", "answer": "Book, Lamp", "split": "test"},
    {"id": "b", "image": "1.jpg", "question": "?", "answer": "chair", "split": "test"},
    {"id": 3, "image": "2.jpg", "question": "?", "answer": "2", "split": "test"},
]
ANSWERS = {"a": "book,  lamp", 3: "Two", "b": "chair"}


def test_one_answer_a_question_is_matched_exactly(tmp_path: Path, run: Run) -> None:
    source, file = table(tmp_path, ROWS), save(tmp_path, ANSWERS)
    status, out, _ = run(file, "--data", source)
    assert status == 0
    assert re.search(r"accuracy \(exact match\) +66\.67%", out)
    status, out, _ = run(file, "--data", source, "--json")
    scores = json.loads(out)
    assert scores["dialect"] is None
    assert scores["per_question"] == [
        {"question_id": "a", "score": 1.0},
        {"question_id": "b", "score": 1.0},
        {"question_id": 3, "score": 0.0},
    ]
    status, out, _ = run(file, "--data", source, "--dialect", "normalized")
    metric = "VQA accuracy, normalized, adapted below 4 answers"
    assert re.search(rf"accuracy \({metric}\) +100\.00%", out)
    status, out, _ = run(file, "--data", source, "--dialect", "normalized", "--json")
    assert (json.loads(out)["metric"], json.loads(out)["dialect"]) == (metric, "normalized")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_few_answers_in_a_dialect(dialect: str) -> None:
    assert accuracy_of("red", [("red", 1)], dialect) == 1
    assert accuracy_of("blue", [("red", 1)], dialect) == 0
    assert accuracy_of("red", [("red", 2)], dialect) == 1
    assert accuracy_of("red", [("red", 1), ("blue", 1)], dialect) == 0.5
    assert accuracy_of("two.", [("2", 1), ("red", 2)], dialect) == accuracy_of(
        "2", [("2", 1), ("red", 2)]
    )
    assert accuracy_of("two.", [("2", 1)], dialect) == (dialect != "current")
    assert accuracy_of("2", [("two.", 1)], dialect) == (dialect == "normalized")


def test_the_example_of_the_readme(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    rows = [
        {"id": f"q{n}", "image": f"{n > 2}.jpg", "question": "?", "answer": answer, "split": "test"}
        | {"answer_type": kind}
        for n, answer, kind in ((1, "yes", "yes/no"), (2, "yes", "yes/no"), (3, "red", "other"))
    ]
    table(tmp_path, rows)
    save(tmp_path, {row["id"]: "yes" for row in rows})
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("results.json", "--data", "table:questions.jsonl", "--json")
    assert (status, json.loads(out)) == (0, json.loads(example))


def test_split_is_the_one_answered(tmp_path: Path, run: Run) -> None:
    rows: list[dict[str, Any]] = [
        {"id": n, "image": f"{n}.jpg", "question": "?", "answer": "yes", "split": split}
        for n, split in enumerate(["train"] * 3 + ["test"] * 2 + ["mine"])
    ]
    source = table(tmp_path, rows)
    for split, ids in {"train": range(3), "test": range(3, 5), "mine": [5]}.items():
        file = save(tmp_path, dict.fromkeys(ids, "yes"))
        assert score_file(file, data=source).split == split
    several = save(tmp_path, dict.fromkeys(range(6), "yes"))
    status, _, err = run(several, "--data", source)
    assert (status, "train (3), test (2), mine (1)" in err) == (2, True)
    assert score_file(several, data=source, split="testing").questions == 2
    status, _, err = run(several, "--data", source, "--split", "tset")
    assert (status, "no question in split 'tset'" in err) == (2, True)
    one = save(tmp_path, {3: "yes"})
    status, _, err = run(one, "--data", source)
    assert (status, "1 question has no answer: 4. Give exactly one" in err) == (2, True)
    assert "each question of split 'test'; for another add --split NAME." in err
    status, _, err = run(one, "--data", source, "--split", "mine")
    assert (status, "not of split 'mine': $[0] has 3" in err) == (2, True)
    status, _, err = run(save(tmp_path, {"3": "a", "4": "b"}), "--data", source)
    assert (status, "as numbers, like the source" in err) == (2, True)


def test_answers_to_other_splits_are_noted_if_whole(tmp_path: Path, run: Run) -> None:
    rows: list[dict[str, Any]] = [
        {"id": n, "image": f"{n}.jpg", "question": "?", "answer": "yes", "split": split}
        for n, split in enumerate(["train"] * 3 + ["test"] * 2 + ["mine"] * 5)
    ]
    source = table(tmp_path, rows)
    both = save(tmp_path, dict.fromkeys(range(5), "yes"))
    status, out, err = run(both, "--data", source, "--split", "train", "--json")
    note = "passed over answers to other questions: test (2)"
    assert (status, err, json.loads(out)["notes"]) == (0, f"note: {note}\n", [note])
    assert json.loads(out)["questions"] == 3
    partly = save(tmp_path, dict.fromkeys([*range(4), 9], "yes"))
    status, _, err = run(partly, "--data", source, "--split", "train")
    assert (status, err) == (
        2,
        f"askattend: {partly}: it answers only some questions of another split: "
        "1 of 2 of 'test', not 4; 1 of 5 of 'mine', not 5, 6, 7, …. Answer all of them or none.\n",
    )
    alone = save(tmp_path, dict.fromkeys(range(3), "yes"))
    assert score_file(alone, data=source, split="train").notes == ()


def vqa(folder: Path) -> str:
    """Twenty training questions of VQA, of which eight are published as a subset, too."""
    questions = [{"question_id": n, "image_id": n, "question": "?"} for n in range(20)]
    answers = [{"question_id": n, "answers": [{"answer": "yes"}] * 10} for n in range(20)]
    name = "v2_OpenEnded_mscoco_{}_questions.json"
    for split, some in (("val2014", questions), ("minival2014", questions[6:14])):
        (folder / name.format(split)).write_text(json.dumps({"questions": some}))
    file = folder / "v2_mscoco_val2014_annotations.json"
    file.write_text(json.dumps({"annotations": answers}))
    return f"vqa:{folder}"


def test_a_subset_is_recognised(tmp_path: Path, run: Run) -> None:
    source = vqa(tmp_path)
    for ids, split in ((range(6, 14), "minival"), (range(20), "valid")):
        scores = score_file(save(tmp_path, dict.fromkeys(ids, "yes")), data=source)
        assert (scores.split, scores.questions, scores.notes) == (split, len(ids), ())
    whole = save(tmp_path, dict.fromkeys(range(20), "yes"))
    scores = score_file(whole, data=source, split="minival")
    assert (scores.questions, len(scores.notes)) == (8, 1)
    for ids, split in ((range(7, 14), "minival"), (range(5, 14), "valid")):
        file = save(tmp_path, dict.fromkeys(ids, "yes"))
        status, _, err = run(file, "--data", source)
        assert (status, f"each question of split '{split}'; for another" in err) == (2, True)


def test_what_training_held_back(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": n, "image": f"{n}.jpg", "question": "?", "answer": "yes"} for n in range(60)
    ]
    source = table(tmp_path, rows)
    held = [question.id for question in training_splits(read_source(source)).valid]
    file = save(tmp_path, dict.fromkeys(held, "yes"))
    assert score_file(file, data=source, split="val").questions == len(held) < 60


def test_questions_without_answers_cannot_be_scored(tmp_path: Path) -> None:
    source = table(tmp_path, [{"id": 1, "image": "1.jpg", "question": "?", "split": "test"}])
    with pytest.raises(DataError, match="'test' have no answers to score against"):
        score_file(save(tmp_path, {1: "yes"}), data=source)


def test_an_unknown_dialect(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'current'"):
        score_file(tmp_path / "none.json", data="easy-vqa", dialect="curent")


@pytest.fixture
def rooms(tmp_path: Path) -> tuple[str, Path]:
    """A DAQUAR of three questions, and answers to them."""
    triples = [("what is it", "book,  lamp", "image1"), ("how many", "3", "image1")]
    triples += [("what is there", "chairs", "image2")]
    text = "".join("\n".join(triple) + "\n" for triple in triples)
    (tmp_path / "qa.894.raw.test.format_triple").write_text(text)
    return f"daquar:{tmp_path}", save(tmp_path, {0: "lamp, book", 1: "3", 2: "table"})


def test_wups_of_sets_comes_unasked(rooms: tuple[str, Path], run: Run, wordnet: WordNet) -> None:
    source, file = rooms
    status, out, _ = run(file, "--data", source, "--json")
    assert status == 0
    scores = json.loads(out)
    similarity = wups_module.Wups(wordnet).similarity("chairs", "table")
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["wups"] == {
        "0.9": pytest.approx((2 + similarity / 10) / 3),
        "0.0": pytest.approx((2 + similarity) / 3),
        "exact": pytest.approx(2 / 3),
    }
    _, out, _ = run(file, "--data", source)
    assert re.search(r"WUPS at 0\.9 +\d", out)
    assert re.search(r"exact match of sets +66\.67%", out)


def test_without_wordnet(
    rooms: tuple[str, Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> WordNet:
        raise DataError("WordNet is not installed", remedy="Get it.")

    monkeypatch.setattr(wups_module, "installed", missing)
    source, file = rooms
    status, out, err = run(file, "--data", source, "--json")
    assert (status, json.loads(out)["wups"]) == (0, None)
    assert "note: no WUPS: WordNet is not installed" in err
    status, _, err = run(file, "--data", source, "--wups")
    assert (status, err) == (2, "askattend: WordNet is not installed. Get it.\n")


def test_wups_needs_one_answer_a_question(tmp_path: Path) -> None:
    row = {"id": 1, "image": "1.jpg", "question": "?", "answers": ["a", "b"], "split": "test"}
    source, file = table(tmp_path, [row]), save(tmp_path, {1: "a"})
    with pytest.raises(DataError, match="question 1: has 2 different human answers"):
        score_file(file, data=source, wups=True)


@pytest.mark.parametrize("write", [str.upper, str.title, lambda text: f"  {text}\n"])
def test_wups_and_sets_are_as_lenient_as_exact_match(
    tmp_path: Path, wordnet: WordNet, write: Callable[[str], str]
) -> None:
    answers = ["book, lamp", "cofee_table", "2", "Garbage_Bin", "qqqq,  chair"]
    rows = [
        {"id": n, "image": "1.jpg", "question": "?", "answer": a} for n, a in enumerate(answers)
    ]
    source = table(tmp_path, [{**row, "split": "test"} for row in rows])
    file = save(tmp_path, {n: write(answer) for n, answer in enumerate(answers)})
    scores = score_file(file, data=source, wups=True)
    assert (scores.accuracy, scores.wups) == (1, {"0.9": 1, "0.0": 1, "exact": 1})


SPELT = st.lists(st.sampled_from(["Lamp", "lamp", " book", "BOOK", "x"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(SPELT.map(",".join), SPELT.map(", ".join)), min_size=1, max_size=8))
def test_what_matches_exactly_matches_as_a_set(
    wordnet: WordNet, pairs: list[tuple[str, str]]
) -> None:
    asked = tuple(
        Question(id=n, image="i", text="?", answers=((truth, 1),), split="test")
        for n, (truth, _) in enumerate(pairs)
    )
    answers: dict[QuestionId, str] = {n: answer for n, (_, answer) in enumerate(pairs)}
    answered = Answered(QASet("some", asked, {}), answers, "test")
    scores = score(answered, file=Path("results.json"), wups=True)
    assert scores.wups is not None
    assert scores.wups["exact"] >= scores.accuracy
    assert 1 >= scores.wups["0.0"] >= scores.wups["0.9"] >= scores.wups["exact"]


def test_wups_can_be_left_out(rooms: tuple[str, Path], run: Run) -> None:
    source, file = rooms
    status, out, err = run(file, "--data", source, "--no-wups")
    assert (status, err, "WUPS" in out, "sets" in out) == (0, "", False, False)
    status, _, err = run(file, "--data", source, "--no-wups", "--wups")
    assert (status, "both --wups and --no-wups" in err) == (2, True)


def test_every_dialect_is_explained(run: Run) -> None:
    _, out, _ = run("--help")
    for dialect in DIALECTS:
        assert re.search(rf"- {dialect}: as|- {dialect}: your", out)


def test_ids_that_fit_no_split(tmp_path: Path, run: Run) -> None:
    source = table(tmp_path, [{**row, "id": n} for n, row in enumerate(ROWS)])
    status, _, err = run(save(tmp_path, {"x1": "a", "x2": "b"}), "--data", source)
    problem = f"ids ('x1', 'x2') is one of {source}, in any split (0, 1, 2). "
    assert (status, problem in err) == (2, True)
    assert "question ids are text, the source's are numbers. Write" in err
    _, _, err = run(save(tmp_path, {7: "a"}), "--data", source)
    assert err.endswith("(0, 1, 2). Use the source's ids, or name another --data.\n")
