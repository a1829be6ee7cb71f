"""Words of a command: home folders, columns, and what is no question."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.cli.words import as_meant, check_questions
from askattend.errors import ConfigError


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("USERPROFILE", "/home/ann")


HOME = "/home/ann"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("~/x", f"{HOME}/x"),
        ("~", HOME),
        ("--out=~/my runs/x", f"--out={HOME}/my runs/x"),
        ("--train.start=~/x", f"--train.start={HOME}/x"),
        ("table:~/q.csv,image=Bild", f"table:{HOME}/q.csv,image=Bild"),
        ("--data=table:~/q.csv", f"--data=table:{HOME}/q.csv"),
        ("--extract.backbone=hf:~/model", f"--extract.backbone=hf:{HOME}/model"),
        ("~nobody-of-that-name/x", "~nobody-of-that-name/x"),
        ("~5 cm?", "~5 cm?"),
        ("is it ~/x?", "is it ~/x?"),
        ("a~/x", "a~/x"),
        ("--out=./~/x", "--out=./~/x"),
    ],
)
def test_a_home_folder_is_one_wherever_a_path_begins(word: str, meant: str) -> None:
    assert as_meant([word]) == [meant]


@pytest.mark.parametrize(
    "named", [["--columns", "image=Bild,id=Nr"], ["--columns=image=Bild,id=Nr"]]
)
@pytest.mark.parametrize("source", [["table:q.csv"], ["--data", "table:q.csv"]])
def test_columns_go_to_the_table(named: list[str], source: list[str]) -> None:
    expected = [*source[:-1], f"{source[-1]},image=Bild,id=Nr", "--json"]
    assert as_meant([*named, *source, "--json"]) == expected
    assert as_meant([*source, "--json", *named]) == expected
    assert as_meant([*source, *named, "--json"]) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["easy-vqa", "--columns", "image=Bild"], "belongs to a table"),
        (["table:q.csv", "--columns"], "tells no columns"),
        (["table:q.csv", "--columns", "Bild"], "Write --columns image=Bild"),
        (["--out", "r\udce9n"], r"^r\\xe9n: the path is not UTF-8"),
        (["--out=r\udce9n"], r"^r\\xe9n: the path is not UTF-8"),
    ],
)
def test_words_that_mean_nothing(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        as_meant(words)


def test_what_is_no_question(tmp_path: Path) -> None:
    check_questions(["what?", "is it a png?", "what does a.png show?", "..."])
    with pytest.raises(ConfigError, match=r"'b\.JPG' names an image"):
        check_questions(["what?", "b.JPG"])
    with pytest.raises(ConfigError, match=r"not UTF-8: caf\\xe9\?"):
        check_questions(["caf\udce9?"])
    file = tmp_path / "my photo"
    file.touch()
    with pytest.raises(ConfigError, match="names an image"):
        check_questions([str(file)])


@pytest.mark.parametrize("source", ["parquet:q.parquet", "arrow:saved", "hf:ann/birds"])
def test_columns_go_to_data_sets_too(source: str) -> None:
    expected = f"{source},split_column=fold,image=Bild"
    named = ["--columns", "split=fold,image=Bild"]
    assert as_meant([source, *named], "data") == [expected]
    assert as_meant(["saaa", "--data", source, *named], "train") == ["saaa", "--data", expected]
    assert as_meant([f"--data={source}", *named], "train") == [f"--data={expected}"]


def test_a_run_of_the_hub_has_no_columns() -> None:
    words = ["hf:ann/run", "--data", "table:q.csv", "--columns", "image=Bild"]
    assert as_meant(words, "evaluate") == ["hf:ann/run", "--data", "table:q.csv,image=Bild"]
    with pytest.raises(ConfigError, match="hf:USER/NAME"):
        as_meant(["hf:ann/run", "--columns", "image=Bild"], "evaluate")
