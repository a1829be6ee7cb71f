"""``askattend data``: a readable table, and the same as JSON."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from askattend.cli import main
from askattend.data.readers.registry import source_lines, source_syntaxes
from commands import Call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twelve questions about four pictures; the last of them is broken."""
    file = tmp_path / "q.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("image", "question", "answer", "split", "answer_type"))
        for number in range(12):
            name = f"{number % 4}.png"
            Image.new("RGB", (8, 8)).save(tmp_path / name)
            answer = ("red", "blue", "two words")[number % 3]
            split = "train" if number < 8 else "a-rather-long-name"
            writer.writerow((name, "what is it" + " now" * number, answer, split, f"kind {number}"))
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:40])
    return file


def test_the_table_has_a_column_a_split(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][1:] == ["12", "questions", "on", "4", "images"]
    assert lines[2] == ["train", "a-rather-long-name"]
    assert ["questions", "8", "4"] in lines
    assert ["median", "6.5", "12.5"] in lines
    assert ["not", "there", "0", "0"] in lines
    assert ["answers", "among", "them", "100.00%", "100.00%"] in lines
    assert ["kind", "0", "1", "0"] in lines
    assert ["two", "words", "2", "25.0%"] in lines


def test_a_smaller_vocabulary_covers_less(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}", "--top", "1"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    # Of the eight training answers three are blue, the first of the two most common; of four, one.
    assert lines[10][:3] == ["of", "the", "1"]
    assert ["answers", "among", "them", "37.50%", "25.00%"] in lines


def test_json_has_all_of_it(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}", "--json", "--check-images"])
    summary = json.loads(capsys.readouterr().out)
    assert summary["splits"]["train"]["questions"] == 8
    assert set(summary["broken_images"]) == {"3.png"}
    assert len(summary["splits"]["train"]["answer_types"]) == 8
    assert summary["common_answers"][0] == {"answer": "blue", "count": 3, "share": 0.375}


def test_broken_images_are_listed(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}", "--check-images"])
    out = capsys.readouterr().out
    assert "images that are broken" in out
    assert "\n  3.png: " in out


def test_images_that_splits_share_are_told(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}"])
    out = capsys.readouterr().out
    assert out.endswith("\nnote: splits share images: 4 of 'train' and 'a-rather-long-name'\n")


def test_images_that_splits_share_are_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"questions": "what is it ?", "answers": "cat", "types": "0", "img_ids": "7"}
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for name, line in rows.items():
            (tmp_path / split / f"{name}.txt").write_text(f"{line}\n")
    main(["data", f"coco-qa:{tmp_path}"])
    assert capsys.readouterr().out.count("share images") == 1


def test_a_misspelt_split_is_told(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text(table.read_text().replace("train", "trian"))
    main(["data", f"table:{table}"])
    note = "split 'trian' (8) is neither trained nor validated on. Did you mean 'train'?"
    out = capsys.readouterr().out
    assert f"\nnote: {note}\n" in out
    assert "\nnote: split 'a-rather-long-name' (4) is neither trained nor validated on\n" in out
    main(["data", f"table:{table}", "--json"])
    assert note in json.loads(capsys.readouterr().out)["notes"]


def test_counts_of_all_are_left_out(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", f"table:{table}"])
    assert "\nof all 3 training answers\n" in capsys.readouterr().out
    main(["data", f"table:{table}", "--top", "2"])
    assert "\nof the 2 most common training answers (of 3)\n" in capsys.readouterr().out
    main(["data", "scenes:images=20"])
    assert "share a meaning" not in capsys.readouterr().out


def test_many_types_are_summed_up(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with table.open("a") as opened:
        for number in range(12, 20):
            opened.write(f"0.png,what,red,train,kind {number}\n")
    main(["data", f"table:{table}"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    # Twenty kinds of one question each: twelve are listed in alphabetical order.
    listed = sorted(f"kind {number}" for number in range(20))[:12]
    [others] = [line for line in lines if line[1:2] == ["others"]]
    train = sum(not 8 <= int(name.split()[1]) < 12 for name in listed)
    assert others == ["8", "others", f"{16 - train}", f"{4 - (12 - train)}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table:nowhere.csv"], "nowhere.csv: cannot be read"),
        (["vqua:x"], "Did you mean 'vqa'?"),
        (["easy-vqa", "--top", "0"], "top = 0: expected int >= 1"),
    ],
)
def test_mistakes_exit_with_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["data", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_help_lists_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["data", "--help"])
    assert not stop.value.code
    out = capsys.readouterr().out
    assert "usage: askattend data" in out
    for line in source_lines():
        assert f"\n  {line}\n" in out
    main(["--help"])
    out = capsys.readouterr().out
    assert f"SOURCE is {source_syntaxes()}." in " ".join(out.split())
    assert max(map(len, out.splitlines())) < 100


READER = """
from pathlib import Path
from askattend.data.questions import QASet, Question
from askattend.data.readers.reader import Reader

def read(folder: Path) -> QASet:
    text = (folder / "question.txt").read_text()
    return QASet(f"one:{folder}", (Question(0, "a", text, (("cat", 1),), "train"),), {"a": folder})

ONE = Reader("one question", read, "DIR", "data/one")
"""


def test_a_source_of_another_package(
    install_package: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = "askattend.readers"
    install_package("one_reader", READER, group=group, name="one", value="one_reader:ONE")
    (tmp_path / "question.txt").write_text("what is it?")
    main(["data", f"one:{tmp_path}"])
    assert f"one:{tmp_path}: 1 questions on 1 images" in capsys.readouterr().out
    main(["--help"])
    assert "one:DIR" in capsys.readouterr().out


def test_it_does_without_pytorch(table: Path) -> None:
    code = (
        "import sys; from askattend.cli import main\n"
        f"main(['data', 'table:{table}'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_where_no_image_is_there_it_stands_on_top(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", f"table:{table}"])
    assert "NONE" not in capsys.readouterr().out
    for file in table.parent.glob("*.png"):
        file.unlink()
    main(["data", f"table:{table}"])
    assert capsys.readouterr().out.splitlines()[1].startswith("NONE of the images is there")


def test_images_that_are_not_there_are_counted(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table.parent / "1.png").unlink()
    main(["data", f"table:{table}"])
    lines = capsys.readouterr().out.splitlines()
    assert ["not", "there", "1", "1"] in [line.split() for line in lines]
    where = f"(relative to the table's folder, {table.parent})"
    assert f"note: 1 of 4 images are not there: 1.png {where}" in lines
    main(["data", f"table:{table}", "--json"])
    assert any("1 of 4 images" in note for note in json.loads(capsys.readouterr().out)["notes"])


def test_a_source_is_written_as_parquet(trained: Path, tmp_path: Path, call: Call) -> None:
    pytest.importorskip("pyarrow")
    out, source = tmp_path / "out", f"table:{trained / 'squares.csv'}"
    status, printed, _ = call("data", source, "--out", out)
    assert status == 0
    assert f"written: {out} (2 files of Parquet" in printed
    status, printed, err = call("data", source, "--out", tmp_path / "again", "--json")
    assert (status, json.loads(printed)["questions"]) == (0, 24)
    assert "written: " in err
    there, here = (
        json.loads(call("data", each, "--json")[1]) for each in (f"parquet:{out}", source)
    )
    assert there.pop("source") != here.pop("source")
    assert there == here
    status, _, err = call("data", source, "--out", out)
    assert status == 2
    assert "not an empty folder" in err
