"""Runs with word vectors: they answer of words that training never met, wherever they are taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from accepted import accept_run
from askattend import Predictor
from askattend.errors import RunError
from askattend.runs.run_folder import Run
from commands import Call, train_command
from squares import write_squares

VECTORS = """what 1 0 0
colour 0 1 0.2
hue 0 1 0.25
is 1 0.5 0
red 0 0.3 1
crimson 0 0.35 1
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with squares.csv, vectors.txt and a run that was trained with both."""
    from askattend.cli import main  # once the hook is installed

    folder = tmp_path_factory.mktemp("vectors")
    (folder / "vectors.txt").write_text(VECTORS)
    table = write_squares(folder)
    main(with_vectors(folder, table, folder / "runs" / "saaa"))
    return folder


def with_vectors(folder: Path, table: Path, out: Path, *more: object) -> list[str]:
    vectors = ("--vocab.vectors", folder / "vectors.txt", "--train.word-dropout", "0.1")
    return train_command("saaa", table, out, *vectors, *more)


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy of the run, whose word vectors are elsewhere."""
    return Path(shutil.copytree(made / "runs", tmp_path / "runs")) / "saaa"


def probabilities(predictor: Predictor, *questions: str) -> list[dict[str, float]]:
    regions = torch.rand(1, 4, 1280, generator=torch.Generator().manual_seed(0))
    answers = predictor.answer(predictor.look_at(regions), [0] * len(questions), questions)
    return [dict(answer.top) for answer in answers]


def test_an_unseen_word_is_answered_by_its_vector(made: Path) -> None:
    predictor = Predictor.load(made / "runs" / "saaa")
    words = predictor.run.words
    known, unseen, without = probabilities(
        predictor, "what colour is it?", "what crimson is it?", "what blurb is it?"
    )
    assert len({tuple(p.items()) for p in (known, unseen, without)}) == 3
    # Alone and among others, beside words learnt on the way, it is the same.
    assert probabilities(predictor, "what crimson is it?")[0] == pytest.approx(unseen, abs=1e-6)
    knowing = predictor.knowing(["hue", "what blurb is crimson?"])
    assert probabilities(knowing, "what crimson is it?")[0] == pytest.approx(unseen, abs=1e-6)
    assert knowing.run.words.words == (*words.words, "crimson", "hue")
    assert knowing.knowing(["hue blurb", "red crimson"]) is knowing
    assert predictor.knowing(["what colour is it?"]) is predictor
    assert predictor.run.words is words


def test_who_asks_is_told_what_is_known(made: Path) -> None:
    predictor = Predictor.load(made / "runs" / "saaa")
    question = "What blurb is the crimson hue?"
    assert predictor.unknown_words(question) == ["blurb", "the"]
    assert predictor.words_by_vector(question) == ["crimson", "hue"]
    assert predictor.notes(question) == [
        "the model never saw: blurb, the",
        "the model never saw, but has word vectors of: crimson, hue",
    ]
    assert predictor.notes("is it red?") == []


def test_ask_tells_it_too(made: Path, call: Call) -> None:
    status, out, err = call("ask", made / "runs/saaa", made / "square 1.png", "is it crimson blurb")
    assert status == 0
    assert "is it crimson blurb" in out
    assert "never saw: blurb\n" in err
    assert "has word vectors of: crimson\n" in err


def test_a_run_answers_without_the_vectors(own: Path, made: Path) -> None:
    """Moved or deleted, or replaced by others: the words are unknown then, and it is said why."""
    questions = ("what colour is it?", "what crimson is it?")
    expected, by_vector = probabilities(Predictor.load(own), *questions)
    unknown = probabilities(Predictor.load(own), "what blurb is it?")[0]
    config = (own / "config.toml").read_text()
    other = own.parent / "other.txt"
    for text in (None, VECTORS.replace("colour 0 1", "colour 1 1")):
        if text is not None:
            other.write_text(text)
        moved = config.replace(str(made / "vectors.txt"), str(other))
        assert moved != config
        (own / "config.toml").write_text(moved)
        accept_run(own)
        predictor = Predictor.load(own)
        found, without = probabilities(predictor, *questions)
        assert found == pytest.approx(expected)
        assert without == pytest.approx(unknown, abs=1e-6) != by_vector
        told, why = predictor.notes("what crimson is it?")
        assert told == "the model never saw: crimson"
        assert "other.txt" in why


def test_evaluation_reads_unseen_words(own: Path, made: Path, call: Call) -> None:
    table = write_squares(own.parent)
    table.write_text(table.read_text().replace("colour is", "hue is"))
    status, out, _ = call("evaluate", own, "--data", f"table:{table}")
    assert status == 0
    assert "6 questions" in out
    (place,) = (own / "evaluations").iterdir()
    answered = json.loads((place / "predictions.json").read_text())
    scene = Predictor.load(own).look(own.parent / "square 9.png")
    hue, blurb = scene.ask_all(["What hue is it?", "What blurb is it?"])
    assert answered[0]["probability"] == pytest.approx(hue.probability, abs=1e-6)
    assert hue.probability != pytest.approx(blurb.probability, abs=1e-6)


def test_it_is_resumed_exactly(made: Path, tmp_path: Path, call: Call) -> None:
    table = made / "squares.csv"
    once, twice = tmp_path / "once", tmp_path / "twice"
    # Whose learning rate does not depend on the number of epochs to come.
    paper = ("--recipe", "paper")
    status, *_ = call(*with_vectors(made, table, once, "--train.epochs", "3", *paper))
    assert status == 0
    for epochs, more in ((1, paper), (3, (*paper, "--resume"))):
        call(*with_vectors(made, table, twice, "--train.epochs", epochs, *more))
    a, b = (Run.load(run).load_model("last").state_dict() for run in (once, twice))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_network_that_reads_no_words_takes_no_vectors(made: Path, call: Call) -> None:
    source, out = f"table:{made / 'squares.csv'}", made / "runs" / "image-only"
    options = ("--vocab.vectors", made / "vectors.txt")
    status, _, err = call("train", "image-only", "--data", source, "--out", out, *options)
    assert status == 2
    assert "image-only reads no words" in err
    assert not out.exists()


def test_other_vectors_are_no_way_to_resume(own: Path, made: Path, call: Call) -> None:
    table, named = made / "squares.csv", made / "vectors.txt"
    shutil.copytree(own, own.parent / "again")
    shutil.copy(named, own.parent / "vectors.txt")
    status, _, err = call(*with_vectors(own.parent, table, own.parent / "again", "--resume"))
    assert status == 2
    assert "vocab.vectors is" in err
    named.write_text(VECTORS.replace("red 0", "red 1"))
    try:
        status, _, err = call(*with_vectors(made, table, own.parent / "again", "--resume"))
    finally:
        named.write_text(VECTORS)
    assert status == 2
    assert "the vectors differ" in err


def test_a_run_without_its_own_words_vectors_is_refused(own: Path) -> None:
    file = own / "word_vectors.safetensors"
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(RunError, match=r"word_vectors\.safetensors: is missing"):
        Run.load(own)
    from safetensors.torch import save_file

    wrong: dict[str, Tensor] = {"vectors": torch.zeros(2, 3)}
    save_file(wrong, file)
    accept_run(own)
    with pytest.raises(RunError, match="holds no vectors of the run's 7 words"):
        Run.load(own)
    file.write_bytes(content)
    accept_run(own)
    assert Run.load(own).vectors is not None
