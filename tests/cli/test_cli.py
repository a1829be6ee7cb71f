"""The whole way through the command line, on a table of small coloured squares."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askattend import Predictor
from askattend.cli import main
from askattend.features.store import FeatureStore

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
SMALL = (
    *("--model.embedding-dim", "8", "--model.question-dim", "16", "--model.attention-dim", "16"),
    *("--extract.image-size", "64", "--train.epochs", "2"),
    *("--train.min-steps", "4", "--train.batch-size", "8"),
)


def squares(folder: Path, *, test: bool = True) -> Path:
    """A table of questions about twelve squares, three of them to be tested on."""
    rows = []
    for number in range(12):
        colour = list(COLOURS)[number % 3]
        name = f"square {number}.png"
        Image.new("RGB", (48, 40), COLOURS[colour]).save(folder / name)
        split = "test" if test and number >= 9 else "train"
        rows.append((name, "What colour is it?", colour, split, "colour"))
        rows.append((name, "is it red?", "yes" if colour == "red" else "no", split, "yes/no"))
    file = folder / "squares.csv"
    with file.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("image", "question", "answer", "split", "answer_type"))
        writer.writerows(rows)
    return file


Run = Callable[..., tuple[int, str, str]]


def train(network: str, table: Path, out: Path, *more: object) -> list[str]:
    hidden = ["--model.hidden-dim", "16"] if network == "saaa" else []
    options = ["--data", f"table:{table}", "--out", out, *SMALL, *hidden, *more]
    return ["train", network, *map(str, options)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with squares.csv and, under runs/, a run of each network."""
    folder = tmp_path_factory.mktemp("squares")
    table = squares(folder)
    for network in ("saaa", "san"):
        main(train(network, table, folder / "runs" / network))
    return folder


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_a_run_folder_is_complete_and_nothing_is_pickled(trained: Path, network: str) -> None:
    names = {file.name for file in (trained / "runs" / network).iterdir()}
    assert names >= {
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        *("best.safetensors", "last.safetensors", "log.csv", "metrics.json", "tensorboard"),
    }
    assert not [name for name in names if Path(name).suffix in (".pt", ".pth", ".pkl", ".bin")]


@pytest.mark.parametrize(
    ("answers", "metric"), [(["red"], "exact match"), (["red"] * 4, "VQA accuracy, current")]
)
def test_the_metric_is_named_with_every_figure_of_training(
    tmp_path: Path, run: Run, answers: list[str], metric: str
) -> None:
    rows = []
    for name, colour in COLOURS.items():
        Image.new("RGB", (30, 30), colour).save(tmp_path / f"{name}.jpg")
        rows.append({"image": f"{name}.jpg", "question": "what?", "answers": answers})
    table = tmp_path / "mine.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    status, _, err = run(*train("saaa", table, tmp_path / "run"))
    assert status == 0
    lines = err.splitlines()
    header = lines.index(f"accuracy on validation: {metric}")
    assert lines[header + 1].startswith("epoch   1  loss")
    assert re.search(rf"validation accuracy \({metric}\) [0-9.]+%", err)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["metric"] == metric
    assert run("evaluate", tmp_path / "run", "--split", "train")[0] == 0
    title = metric.replace("exact", "Exact")
    assert f"<figcaption><b>{title}</b>" in (tmp_path / "run" / "report.html").read_text()


def test_a_device_that_is_not_there(trained: Path, run: Run) -> None:
    folder, image = trained / "runs" / "saaa", trained / "square 0.png"
    for command in (("evaluate", folder), ("ask", folder, image, "is it red?")):
        status, _, err = run(*command, "--device", "abacus")
        assert (status, "cannot compute on 'abacus'" in err) == (2, True)


def test_abstaining(trained: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "saaa"
    shutil.copytree(trained / "runs", tmp_path / "runs")
    image = trained / "square 0.png"
    (folder / "calibration.json").unlink(missing_ok=True)
    assert json.loads(run("evaluate", folder, "--json")[1])["abstention"] is None
    (folder / "calibration.json").unlink()
    status, _, err = run("ask", folder, image, "is it red?", "--abstain-above-risk", "0.1")
    assert (status, "its risk is not known. Evaluate it first" in err) == (2, True)
    assert run("evaluate", folder, "--abstain-above-risk", "0")[0] == 0
    first = (folder / "test" / "metrics.json").read_bytes()
    assert run("evaluate", folder)[0] == 0  # keeps the risk, and gives the same figures
    assert (folder / "test" / "metrics.json").read_bytes() == first
    calibration = json.loads((folder / "calibration.json").read_text())
    assert calibration["abstain_above_risk"] == 0
    found = json.loads(first)["abstention"]
    predictions = json.loads((folder / "test" / "predictions.json").read_text())
    answered = [p["score"] for p in predictions if p["probability"] >= found["threshold"]]
    assert (found["risk"], found["coverage"]) == (0, len(answered) / len(predictions))
    assert found["achieved_risk"] == (1 - sum(answered) / len(answered) if answered else None)
    printed = run("evaluate", folder)[1]
    assert re.search(rf"answered, 0.0% of them wrong at most +{found['coverage']:.2%} ", printed)
    assert calibration["curve"][-1]["risk"] > 0  # or there would be nothing to abstain from
    threshold = min((p["threshold"] for p in calibration["curve"] if p["risk"] == 0), default=2)
    for risk, least in ((None, threshold), ("0.999", 0)):
        option = () if risk is None else ("--abstain-above-risk", risk)
        (answer,) = json.loads(run("ask", folder, image, "is it red?", *option, "--json")[1])
        assert answer["sure"] == (answer["probability"] >= least)
        text = run("ask", folder, image, "is it red?", *option)[1]
        assert ("not sure; perhaps" in text) != answer["sure"]


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_trace_of_a_trained_run(trained: Path, run: Run, network: str) -> None:
    folder, image = trained / "runs" / network, trained / "square 0.png"
    asked = ("--run", folder, "--image", image, "--question", "is it red?")
    status, out, _ = run("trace", *asked, "--json")
    assert status == 0
    trace = json.loads(out)
    keys = {"symbol", "equation", "name", "shape", "paper_shape", "dtype"}
    assert all(keys <= step.keys() for step in trace["steps"])
    assert all(step.get("sums_to_one", True) for step in trace["steps"])
    predictor = Predictor.load(folder, precision="float32")  # as a trace is
    answer = predictor.look(image).ask("is it red?")
    assert (trace["answer"], trace["probability"]) == (
        answer.text,
        pytest.approx(answer.probability),
    )
    maps = [rows for step in trace["steps"] for rows in step.get("maps", [])]
    assert np.allclose(maps, answer.attention, atol=1e-6)
    ranked = [(one["answer"], one["probability"]) for one in trace["top"]]
    assert [text for text, _ in ranked] == [text for text, _ in answer.top]
    assert ranked[0] == (trace["answer"], trace["probability"])
    status, out, err = run("trace", network, *asked)
    assert (status, out.count("each map sums to 1: yes")) == (0, 1 if network == "saaa" else 2)
    assert out.count(" 0% to █ ") == 2
    assert f"question: is it red?\nanswers: {answer.text} {answer.probability:.1%}, " in out
    assert err == ""


def test_trace_tells_words_that_were_never_seen(trained: Path, run: Run) -> None:
    folder, image = trained / "runs" / "saaa", trained / "square 0.png"
    question = "zebra is it red quux?"
    asked = ("--run", folder, "--image", image, f"--question={question}")
    words = Predictor.load(folder).run.words
    status, out, err = run("trace", *asked)
    assert (status, err) == (0, "note: the model never saw: zebra, quux\n")
    assert run("ask", folder, image, question)[2] == err
    red = words.encode("red")[0]
    assert f"words: 1 zebra (never seen), {words.encode('is')[0]} is, " in out
    assert f", {red} red, 1 quux (never seen)\n" in out
    _, out, err = run("trace", *asked, "--json")
    trace = json.loads(out)
    assert trace["notes"] == ["the model never saw: zebra, quux"]
    (tokens,) = (step for step in trace["steps"] if step["name"] == "tokens")
    assert tokens["words"][3] == {"word": "red", "index": red, "seen": True}
    assert tokens["words"][4] == {"word": "quux", "index": 1, "seen": False}


def test_trace_of_random_data(run: Run) -> None:
    sizes: list[object] = ["--batch-size", 2, "--tokens", 9, "--max-length", 3, "--answers", 4]
    sizes += ["--region-dim", 5, "--grid", 2]
    status, out, _ = run("trace", "saaa", *sizes, "--model.glimpses", 3, "--json")
    shapes = {step["name"]: step["paper_shape"] for step in json.loads(out)["steps"]}
    assert (status, shapes["scores"], shapes["logits"]) == (0, [2, 3, 2, 2], [2, 4])
    assert run("trace", "san", *sizes)[1].startswith("SAN, step by step")
    assert "askattend trace saaa|san" in run("trace")[1]
    assert "askattend trace san --help" in run("trace", "--help")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sann",), "unknown network 'sann'. Did you mean 'san'?"),
        (("saaa", "--grid", "0"), "grid = 0: expected int >= 1"),
        (("SAAA",), "unknown network 'SAAA'. Did you mean 'saaa'?"),
        (
            ("runs/tiny",),
            "'runs/tiny' is no network. Of a run: askattend trace --run runs/tiny --image FILE",
        ),
        (
            ("saaa", "--run", "x"),
            "both a network (saaa) and a run (x) are named, and no image. For random data leave "
            "out --run; for the run: askattend trace --run RUN --image FILE --question TEXT.",
        ),
        (
            ("--run", "x", "--image", "y", "--question", "a", "--question=b"),
            "--question: given 2 times. A trace is of one question",
        ),
        (("saaa", "--batch-size", 10**9), "not enough memory for these sizes"),
        (("--run", "x"), "no image named. Give --run RUN --image FILE --question TEXT"),
        (("--run", "x", "--image", "y", "--question", "z"), "x: no such folder"),
    ],
)
def test_mistakes_in_trace(run: Run, arguments: tuple[object, ...], message: str) -> None:
    status, _, err = run("trace", *arguments)
    assert (status, message in err) == (2, True)


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_evaluate(trained: Path, run: Run, network: str) -> None:
    folder = trained / "runs" / network
    status, out, _ = run("evaluate", folder, "--split", "test", "--json")
    assert status == 0
    printed = json.loads(out)
    assert printed == json.loads((folder / "test" / "metrics.json").read_text())
    assert (printed["split"], printed["questions"], printed["metric"]) == ("test", 6, "exact match")
    assert 0 <= printed["accuracy"] <= 1
    # Trained on nine squares, three of each colour: "no" is the most common answer.
    assert printed["floors"] == {"majority": pytest.approx(2 / 6), "prefix": pytest.approx(3 / 6)}
    assert printed["coverage"] == 1
    assert set(printed["by_answer_type"]) == {"colour", "yes/no"}
    results = json.loads((folder / "test" / "results.json").read_text())
    assert [result["question_id"] for result in results] == list(range(18, 24))
    assert all(set(result) == {"question_id", "answer"} for result in results)
    right = [
        result["answer"] == row["answer"]
        for result, row in zip(results, rows_of(trained / "squares.csv")[18:], strict=True)
    ]
    assert printed["accuracy"] == pytest.approx(sum(right) / 6)
    assert "<html" in (folder / "report.html").read_text()


def test_score_and_compare_tell_what_evaluate_told(trained: Path, run: Run) -> None:
    source, accuracy = f"table:{trained / 'squares.csv'}", {}
    for network in ("saaa", "san"):
        folder = trained / "runs" / network
        evaluated = json.loads(run("evaluate", folder, "--json")[1])
        _, out, _ = run("score", folder / "test" / "results.json", "--data", source, "--json")
        scores = json.loads(out)
        for figure in ("metric", "accuracy", "interval", "questions", "by_answer_type"):
            assert scores[figure] == evaluated[figure]
        predictions = json.loads((folder / "test" / "predictions.json").read_text())
        assert [(p["question_id"], p["score"]) for p in predictions] == [
            (q["question_id"], q["score"]) for q in scores["per_question"]
        ]
        accuracy[network] = evaluated["accuracy"]
    status, out, _ = run("compare", trained / "runs" / "saaa", trained / "runs" / "san", "--json")
    found = json.loads(out)
    assert (status, found["images"]) == (0, 3)
    assert found["first"]["accuracy"] == accuracy["saaa"]
    assert found["overall"]["difference"] == pytest.approx(accuracy["san"] - accuracy["saaa"])


def rows_of(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.read_text())))


def test_evaluate_prints_a_table(trained: Path, run: Run) -> None:
    status, out, _ = run("evaluate", trained / "runs" / "saaa", "--split", "valid")
    assert status == 0
    assert "18 questions" in out
    assert "floor: most common answer" in out
    assert re.search(r"^ceiling: its best answer, each time +100.00%$", out, re.MULTILINE)


def test_ask_in_json(trained: Path, run: Run) -> None:
    image = trained / "square 3.png"
    questions = ("what colour is it", "IS IT RED?", "它是红色的吗?")
    overlay = trained / "overlay.png"
    status, out, _ = run(
        "ask", trained / "runs" / "saaa", image, *questions, "--json", "--overlay", overlay
    )
    assert status == 0
    answers = json.loads(out)
    assert [answer["question"] for answer in answers] == list(questions)
    for answer in answers:
        assert answer["image"] == str(image)
        assert answer["top"][0] == {
            "answer": answer["answer"],
            "probability": answer["probability"],
        }
        probabilities = [other["probability"] for other in answer["top"]]
        assert probabilities == sorted(probabilities, reverse=True)
        attention = answer["attention"]
        values = np.array(attention["values"])
        assert values.shape == (2, 2, 2)
        assert values.shape == (attention["glimpses"], attention["rows"], attention["columns"])
        assert values.sum(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
        assert answer["seen"] == [0, 0, 1, 1]
    with Image.open(overlay) as opened:
        assert opened.format == "PNG"


def test_ask_in_words(trained: Path, run: Run) -> None:
    image = trained / "square 0.png"
    status, out, err = run("ask", trained / "runs" / "san", image, "is it red?")
    assert (status, err) == (0, "")
    _, _, err = run("ask", trained / "runs" / "san", image, "is it a zebra?")
    assert err == "note: the model never saw: a, zebra\n"
    assert out.startswith("is it red?\n  ")
    assert "%" in out


def test_an_image_is_the_same_however_it_comes(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    file = trained / "square 1.png"
    with Image.open(file) as image:
        image.load()
    sources: Sequence[Any] = (file, str(file), file.read_bytes(), image, np.asarray(image))
    answers = [predictor.look(source).ask("is it red?") for source in sources]
    assert len({(answer.text, answer.probability) for answer in answers}) == 1


def test_looking_at_a_file_is_reading_the_store(trained: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    (cache,) = (f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    look = predictor.look_at(FeatureStore.open(cache).read(["square 4.png"]))
    (stored,) = predictor.answer(look, [0], ["what colour is it?"])
    seen = predictor.look(trained / "square 4.png").ask("what colour is it?")
    # Batches of another size are summed in another order; float16 rounds what is left.
    assert dict(stored.top) == pytest.approx(dict(seen.top), abs=1e-3)


def test_the_cache_is_shared_and_extended(tmp_path: Path, run: Run) -> None:
    table = squares(tmp_path)
    assert run(*train("saaa", table, tmp_path / "runs" / "a"))[0] == 0
    (cache,) = (f for f in (tmp_path / "runs" / "features").iterdir() if f.is_dir())
    assert len(FeatureStore.open(cache)) == 9
    before = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    status, _, err = run(*train("san", table, tmp_path / "runs" / "b"))
    assert status == 0
    assert "nothing to do" in err
    assert before == {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert "" not in err.splitlines()
    status, _, err = run("evaluate", tmp_path / "runs" / "b")
    assert (status, err.count("extracting"), err.count("nothing to do")) == (0, 1, 0)
    assert "" not in err.splitlines()
    assert len(FeatureStore.open(cache)) == 12
    status, _, err = run("evaluate", tmp_path / "runs" / "b")
    assert (status, err.count("extracting"), err.count("nothing to do")) == (0, 0, 1)
    assert len(err.splitlines()) == 1


def test_resume(trained: Path, tmp_path: Path, run: Run) -> None:
    table, out = trained / "squares.csv", tmp_path / "runs" / "saaa"
    shutil.copytree(trained / "runs", tmp_path / "runs")
    log = (out / "log.csv").read_text()
    status, _, err = run(*train("saaa", table, out))
    assert (status, "holds a run already" in err) == (2, True)
    assert run("train", "saaa", "--out", out, "--resume")[0] == 0
    assert (out / "log.csv").read_text() == log
    status, _, err = run("train", "saaa", "--out", out, "--resume", "--model.glimpses", "3")
    assert (status, "cannot go on: model.glimpses is 3, and was" in err) == (2, True)
    status, _, err = run("train", "saaa", "--out", out, "--resume", "--train.learning-rate", "1")
    assert (status, "cannot go on: train.learning_rate is 1.0, and was" in err) == (2, True)
    status, _, err = run("train", "saaa", "--out", out, "--resume", "--vocab.valid-seed", "7")
    assert (status, "cannot go on: vocab.valid_seed is 7, and was" in err) == (2, True)
    assert run("train", "saaa", "--out", out, "--resume", "--train.epochs", "3")[0] == 0
    assert (out / "log.csv").read_text().startswith(log)
    assert len((out / "log.csv").read_text().splitlines()) == 4


def test_a_run_is_a_preset(trained: Path, tmp_path: Path, run: Run) -> None:
    preset = trained / "runs" / "saaa" / "config.toml"
    out = tmp_path / "again"
    assert run("train", "saaa", "--preset", preset, "--out", out)[0] == 0
    assert (out / "config.toml").read_text() == preset.read_text()
    weights = [f / "best.safetensors" for f in (out, trained / "runs" / "saaa")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_few_rows_are_enough(tmp_path: Path, run: Run) -> None:
    for name, colour in COLOURS.items():
        Image.new("RGB", (30, 30), colour).save(tmp_path / f"{name}.jpg")
    table = tmp_path / "mine.jsonl"
    rows = [("red", "what is it?", "red"), ("blue", "what is it?", "blue")]
    rows += [("green", "what is it?", "green"), ("red", "hot?", "yes"), ("blue", "hot?", "no")]
    table.write_text(
        "\n".join(
            json.dumps(
                {"image": f"{image}.jpg", "question": question, "answers": [answer, "dunno"]}
            )
            for image, question, answer in rows
        )
    )
    status, _, err = run(*train("saaa", table, tmp_path / "run"))
    assert status == 0
    assert "validated on the training questions themselves" in err
    status, out, _ = run("evaluate", tmp_path / "run", "--split", "train", "--json")
    metric = "VQA accuracy, current, adapted below 4 answers"
    assert (status, json.loads(out)["metric"]) == (0, metric)


def test_questions_without_answers_are_answered(trained: Path, tmp_path: Path, run: Run) -> None:
    table = tmp_path / "open.csv"
    image = trained / "square 5.png"
    table.write_text(f"image,question,split,id\n{image},is it red?,test,q1\n")
    folder = trained / "runs" / "san"
    status, out, _ = run("evaluate", folder, "--data", f"table:{table}", "--json")
    assert status == 0
    assert (json.loads(out)["questions"], json.loads(out)["accuracy"]) == (1, None)
    (result,) = json.loads((folder / "test" / "results.json").read_text())
    assert result["question_id"] == "q1"
    status, out, _ = run("evaluate", folder, "--data", f"table:{table}")
    assert (status, "nothing to score" in out) == (0, True)


def test_features_are_enough_to_evaluate(trained: Path, tmp_path: Path, run: Run) -> None:
    table = squares(tmp_path)
    out = tmp_path / "runs" / "a"
    assert run(*train("san", table, out))[0] == 0
    source = f"table:{table}"
    assert run("extract", source, "--out", tmp_path / "store", "--image-size", 64)[0] == 0
    broken = tmp_path / "square 10.png"
    broken.write_bytes(b"gone")
    status, out_text, _ = run("evaluate", out, "--features", tmp_path / "store", "--json")
    assert (status, json.loads(out_text)["questions"]) == (0, 6)


def test_extract_goes_on_past_broken_images(trained: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(trained / "square 0.png", folder)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    command = ("extract", folder, "--image-size", 64, "--out")
    status, out, err = run(*command, tmp_path / "store")
    assert (status, "1 images in" in out, "broken: torn.jpg" in err) == (0, True, True)
    assert run(*command, tmp_path / "strict", "--strict")[0] == 1


def test_features_of_another_backbone_are_refused(trained: Path, tmp_path: Path, run: Run) -> None:
    store = tmp_path / "store"
    source = f"table:{trained / 'squares.csv'}"
    assert run("extract", source, "--out", store, "--image-size", 96)[0] == 0
    status, _, err = run("evaluate", trained / "runs" / "saaa", "--features", store)
    assert (status, "image_size 64 against 96" in err) == (2, True)


@pytest.mark.parametrize(
    "missing",
    [
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        "best.safetensors",
    ],
)
def test_a_run_without_a_file_says_which(
    trained: Path, tmp_path: Path, run: Run, missing: str
) -> None:
    shutil.copytree(trained / "runs" / "saaa", tmp_path / "run")
    (tmp_path / "run" / missing).unlink()
    status, out, err = run("ask", tmp_path / "run", trained / "square 0.png", "is it red?")
    assert (status, out, missing in err) == (2, "", True)


def torn(table: Path) -> None:
    image = table.parent / "square 7.png"
    image.write_bytes(image.read_bytes()[:60])


def gone(table: Path) -> None:
    (table.parent / "square 7.png").unlink()


def short(table: Path) -> None:
    table.write_text(table.read_text() + "square 1.png\n")


def blank(table: Path) -> None:
    table.write_text(table.read_text() + "square 1.png,  ,red,train,colour\n")


def renamed(table: Path) -> None:
    table.write_text(table.read_text().replace("image,question", "image,qestion", 1))


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (torn, ["square 7.png", "Mend or remove"]),
        (gone, ["square 7.png"]),
        (short, ["squares.csv:26"]),
        (blank, ["squares.csv:26", "question"]),
        (renamed, ["squares.csv", "'qestion'", "question"]),
    ],
)
def test_bad_tables_leave_no_run(
    tmp_path: Path, run: Run, spoil: Callable[[Path], None], names: list[str]
) -> None:
    table = squares(tmp_path)
    spoil(table)
    status, _, err = run(*train("saaa", table, tmp_path / "runs" / "a"))
    assert status == 2
    for name in names:
        assert name in err
    assert not (tmp_path / "runs" / "a").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("frobnicate", "unknown command 'frobnicate'"),
        ("evalute RUN", "Did you mean 'evaluate'?"),
        ("train sann --out x", "Did you mean 'san'?"),
        ("train saaa --data easy-vqa", "Add --out RUN"),
        ("train saaa --out x", "Add --data SOURCE"),
        ("train saaa --data easy-vqaa --out x", "Did you mean 'easy-vqa'?"),
        ("train saaa --data easy-vqa --out x --model.glimpses 0", "glimpses = 0: expected int"),
        ("train saaa --data easy-vqa --out x --train.device abacus", "cannot compute on 'abacus'"),
        ("train saaa --data easy-vqa --out x --preset nothing", "unknown preset 'nothing'"),
        ("ask RUN IMAGE ...", "no word in it"),
        ("ask RUN IMAGE", "no question asked"),
        ("ask RUN IMAGE hi --top 0", "top = 0"),
        ("ask RUN nowhere.jpg hi", "nowhere.jpg: no such file"),
        ("ask nowhere IMAGE hi", "nowhere: no such folder"),
        ("ask RUN TABLE hi", "squares.csv: not an image"),
        ("ask RUN IMAGE hi --overlay x.mp3", ".mp3"),
        ("ask RUN IMAGE hi --overlay IMAGE", "is the image that is asked about"),
        ("ask RUN IMAGE hi --overlay .", "is a folder"),
        ("evaluate RUN --split tset", "no question in split 'tset'"),
        ("evaluate RUN --split ../evil", "cannot name a folder"),
        ("evaluate RUN --split config.toml", "cannot name a folder"),
        ("train saaa --data easy-vqa --out x --train.seed 99999999999", "seed = 99999999999"),
        ("evaluate RUN --data table:no.csv", "no.csv"),
        ("extract nowhere --out x", "'nowhere'"),
    ],
)
def test_mistakes(
    trained: Path, tmp_path: Path, monkeypatch: Any, run: Run, command: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {
        "RUN": trained / "runs" / "saaa",
        "IMAGE": trained / "square 2.png",
        "TABLE": trained / "squares.csv",
    }
    status, _, err = run(*(places.get(word, word) for word in command.split()))
    assert status == 2
    assert message in err
    assert not (tmp_path / "x").exists()


def test_a_misspelt_option_names_the_nearest(run: Run) -> None:
    status, _, err = run("train", "saaa", "--out", "x", "--model.glimpsess", "3")
    assert status == 2
    assert "--model.glimpses" in err


@pytest.mark.parametrize(
    "command", ["", "train", "train saaa", "extract", "evaluate", "score", "compare", "ask"]
)
def test_help(run: Run, command: str) -> None:
    status, out, _ = run(*command.split(), "--help")
    assert status == 0
    assert "usage: askattend" in out


def test_a_place_that_cannot_be_written_to_is_named(
    trained: Path, tmp_path: Path, run: Run
) -> None:
    caches = [f for f in (trained / "runs" / "features").iterdir() if f.is_dir()]
    cache = max(caches, key=lambda folder: len(FeatureStore.open(folder)))
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "run"
    status, _, err = run(*train("saaa", trained / "squares.csv", out, "--features", cache))
    assert (status, f"askattend: {out}: Not a directory." in err) == (2, True)


def test_a_reader_may_leave_early(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        with pytest.raises(SystemExit) as stop:
            main(["--help"])
        monkeypatch.undo()
    assert stop.value.code == 1


def test_one_answer_alone_has_no_others(trained: Path, run: Run) -> None:
    command = ("ask", trained / "runs" / "saaa", trained / "square 0.png", "is it red?")
    _, out, _ = run(*command, "--top", 1)
    assert re.fullmatch(r"is it red\?\n  \w+  [0-9.]+%\n", out)


def test_the_installed_command() -> None:
    (script,) = entry_points(group="console_scripts", name="askattend")
    assert script.load() is main
    done = subprocess.run(
        [Path(sys.executable).with_name("askattend"), "evalute"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "askattend: unknown command 'evalute'. Did you mean 'evaluate'?\n"
