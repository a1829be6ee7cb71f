"""Answers in bulk are those of `Predictor`, whatever interrupts them."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askattend import Predictor
from askattend.bulk.rows import NO_WORD
from askattend.features.store import FeatureStore
from commands import Call

QUESTIONS = ("What colour is it?", "is it red?", "is it a zebra?", "?!")
INLINE = ("--workers", 0)

Rows = list[dict[str, Any]]
Words = tuple[object, ...]


@pytest.fixture
def pictures(trained: Path, tmp_path: Path) -> Path:
    """A folder of twelve pictures and one that is broken."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for number in range(12):
        name = f"square {number}.png"
        shutil.copy(trained / name, folder / ("below" if number % 3 else ".") / name)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.txt"
    file.write_text("\n".join(QUESTIONS) + "\n\n")
    return file


def rows_of(out: Path) -> Rows:
    lines = (f.read_text().splitlines() for f in sorted(out.glob("*.jsonl")))
    return [json.loads(line) for part in lines for line in part]


def content(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in out.glob("p*") if file.is_file()}


def check_rows(run: Path, rows: Rows, files: Callable[[str], Path]) -> None:
    """Hold each row against looking at its image and asking its question."""
    predictor = Predictor.load(run)
    assert rows
    for row in rows:
        if row.get("error"):
            assert row["answer"] is row["probability"] is row["sure"] is None
            continue
        expected = predictor.look(files(row["image"])).ask(row["question"])
        assert row["probability"] == pytest.approx(expected.probability, abs=2e-3)
        top = {each["answer"]: each["probability"] for each in row["top"]}
        assert top == pytest.approx(dict(expected.top), abs=2e-3)
        assert row["answer"] == row["top"][0]["answer"]
        assert row["unknown_words"] == list(expected.unknown_words)
        assert row["sure"] == expected.sure


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_every_question_of_every_image(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call, network: str
) -> None:
    run, out = trained / "runs" / network, tmp_path / "out"
    words = ("predict", run, "--images", pictures, "--questions", questions, "--out", out)
    status, said, err = call(*words, *INLINE, "--shard-images", 5, "--batch-size", 2, "--json")
    assert status == 0, err
    summary = json.loads(said)
    assert (summary["images"], summary["questions"], summary["parts"]) == (13, 52, 3)
    assert list(summary["broken"]) == ["broken.png"]
    assert summary["wordless"] == 12
    rows = rows_of(out)
    assert len({row["image"] for row in rows}) == 13
    assert [row["question"] for row in rows] == list(QUESTIONS) * 13
    check_rows(run, rows, lambda image: pictures / image)
    errors = {row["error"] for row in rows if "error" in row}
    assert NO_WORD in errors
    assert len(errors) == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_folder_is_not_named_like_a_file(ending: str, tmp_path: Path, call: Call) -> None:
    out = tmp_path / f"results.{ending}"
    status, _, err = call("predict", "demo", "--images", tmp_path, "--questions", "q", "--out", out)
    assert status == 2
    assert f"--out {tmp_path / 'results'}, with --format {ending}" in " ".join(err.split())
    assert not out.exists()


def test_maps_in_eight_bits_and_parquet(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run = trained / "runs" / "saaa"
    words = ("predict", run, "--images", pictures, "--questions", questions, "--maps")
    assert call(*words, *INLINE, "--out", tmp_path / "lines")[0] == 0
    assert call(*words, *INLINE, "--out", tmp_path / "table", "--format", "parquet")[0] == 0
    rows = rows_of(tmp_path / "lines")
    table = parquet.read_table(tmp_path / "table" / "part-00000.parquet").to_pylist()
    assert [(r["image"], r["question"], r["answer"]) for r in rows] == [
        (r["image"], r["question"], r["answer"]) for r in table
    ]
    predictor = Predictor.load(run)
    for row, record in zip(rows, table, strict=True):
        assert row["probability"] == record["probability"]
        if "attention" not in row:
            assert row["error"] == record["error"]
            continue
        maps = row["attention"]
        assert [base64.b64decode(codes) for codes in maps["maps"]] == record["attention"]["maps"]
        codes = np.array([list(each) for each in record["attention"]["maps"]])
        values = codes * np.array(maps["scales"])[:, None]
        own = predictor.look(pictures / row["image"]).ask(row["question"]).attention
        assert values == pytest.approx(own.flatten(1).numpy(), abs=2e-3 + 0.5 / 255)


def test_a_source_of_data_and_its_features(trained: Path, tmp_path: Path, call: Call) -> None:
    run = trained / "runs" / "saaa"
    words = ("predict", run, "--data", f"table:{trained / 'squares.csv'}", "--split", "train")
    status, _, err = call(*words, *INLINE, "--out", tmp_path / "looked")
    assert status == 0, err
    rows = rows_of(tmp_path / "looked")
    assert [row["id"] for row in rows] == list(range(18))
    check_rows(run, rows, lambda image: trained / image)
    (store,) = (f for f in (trained / "runs" / "features").iterdir() if f.is_dir())
    assert call(*words, "--features", store, "--out", tmp_path / "stored")[0] == 0
    stored = rows_of(tmp_path / "stored")
    assert [(r["id"], r["answer"]) for r in stored] == [(r["id"], r["answer"]) for r in rows]
    predictor, opened = Predictor.load(run), FeatureStore.open(store)
    for row in stored:
        (answer,) = predictor.ask_stored(opened, row["image"], [row["question"]])
        assert row["probability"] == pytest.approx(answer.probability, abs=2e-3)


def write_tar(file: Path, members: list[tuple[str, bytes]]) -> None:
    with tarfile.open(file, "w:gz" if file.suffix in (".gz", ".tgz") else "w") as opened:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))


def test_tar_files_hold_their_own_questions(trained: Path, tmp_path: Path, call: Call) -> None:
    squares = [(trained / f"square {number}.png").read_bytes() for number in range(4)]
    first = [("../a.png", squares[0]), ("../a.json", b'{"question": "is it red?"}')]
    more = [{"question": "is it red?", "id": 7}, "What colour is it?"]
    second = [
        *(("/b.json", json.dumps({"questions": more}).encode()), ("/b.png", squares[1])),
        *(("c.png", squares[2]), ("notes.txt", b"nothing")),
    ]
    write_tar(tmp_path / "t-0.tar", first)
    write_tar(tmp_path / "t-1.tar", second)
    run, out = trained / "runs" / "saaa", tmp_path / "out"
    status, _, err = call(
        "predict", run, "--images", tmp_path / "t-{0..1}.tar", "--out", out, *INLINE
    )
    assert status == 0, err
    rows = rows_of(out)
    assert [(row["image"], row["question"], row.get("id")) for row in rows] == [
        ("../a.png", "is it red?", None),
        ("/b.png", "is it red?", 7),
        ("/b.png", "What colour is it?", None),
    ]
    files = {"../a.png": trained / "square 0.png", "/b.png": trained / "square 1.png"}
    check_rows(run, rows, files.__getitem__)


def test_questions_go_to_the_image_of_their_name_or_to_all_of_their_key(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    picture = (trained / "square 1.png").read_bytes()
    asked = {"I.1": "is it red?", "I.2": "What colour is it?", "x": "is it blue?", "y": "is it?"}
    members = [(f"{name}.json", json.dumps({"question": text})) for name, text in asked.items()]
    members += [("y.meta.json", "{}")]
    names = ("I.1", "I.2", "x.left", "x.right", "y")
    whole = [(name, text.encode()) for name, text in members]
    whole += [(f"{name}.png", picture) for name in names]
    write_tar(tmp_path / "t.tar", sorted(whole))
    words = ("predict", trained / "runs" / "saaa", "--images", tmp_path / "t.tar", *INLINE)
    assert call(*words, "--out", tmp_path / "out")[0] == 0
    assert [(row["image"], row["question"]) for row in rows_of(tmp_path / "out")] == [
        ("I.1.png", "is it red?"),
        ("I.2.png", "What colour is it?"),
        ("x.left.png", "is it blue?"),
        ("x.right.png", "is it blue?"),
        ("y.png", "is it?"),
    ]
    # All pictures first: the questions stand beside none.
    write_tar(tmp_path / "t.tar", sorted(whole, key=lambda member: member[0][::-1], reverse=True))
    status, _, err = call(*words, "--out", tmp_path / "apart")
    assert status == 2
    assert "holds questions, but no image of this name stands beside it" in err


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_links_in_a_tar_are_broken_images(
    trained: Path, questions: Path, tmp_path: Path, call: Call, suffix: str
) -> None:
    # A name that is no UTF-8, too.
    file = tmp_path / f"caf\udce9{suffix}"
    with tarfile.open(file, "w:gz" if suffix == ".tar.gz" else "w") as opened:
        opened.add(trained / "square 1.png", "a.png")
        for name, kind in (("hard.png", tarfile.LNKTYPE), ("soft.png", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "a.png"
            opened.addfile(member)
    words = ("--images", file, "--questions", questions, "--out", tmp_path / "out", *INLINE)
    status, said, err = call("predict", trained / "runs" / "saaa", *words, "--json")
    assert status == 0, err
    summary = json.loads(said)
    assert (summary["images"], sorted(summary["broken"])) == (3, ["hard.png", "soft.png"])
    assert "tar --hard-dereference" in summary["broken"]["hard.png"]


def test_folders_tars_packed_tars_and_addresses_answer_alike(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call
) -> None:
    run = trained / "runs" / "saaa"
    names = sorted(f.relative_to(pictures).as_posix() for f in pictures.rglob("*.png"))
    members = [(name, (pictures / name).read_bytes()) for name in names]
    write_tar(tmp_path / "p.tar", members)
    write_tar(tmp_path / "p.tar.gz", members)
    sources = (pictures, tmp_path / "p.tar", tmp_path / "p.tar.gz", pictures.as_uri())
    contents = []
    for number, source in enumerate((*sources, (tmp_path / "p.tar").as_uri())):
        words = ("--questions", questions, "--out", tmp_path / str(number), "--shard-images", 4)
        assert call("predict", run, "--images", source, *words, *INLINE)[0] == 0
        contents.append(content(tmp_path / str(number)))
    assert len(contents[0]) == 9
    assert all(each == contents[0] for each in contents)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_tar_cut_anywhere_is_refused(
    trained: Path, questions: Path, tmp_path: Path, call: Call, suffix: str
) -> None:
    file = tmp_path / f"p{suffix}"
    names = [f"square {number}.png" for number in range(4)]
    write_tar(file, [(name, (trained / name).read_bytes()) for name in names])
    whole = file.read_bytes()
    with tarfile.open(file) as opened:
        ends = [member.offset for member in opened.getmembers()]
    cuts = [*ends[1:], *(end + 300 for end in ends), *(end + 600 for end in ends)]
    cuts = cuts if suffix == ".tar" else [len(whole) * part // 9 for part in range(1, 9)]
    for cut in cuts:
        file.write_bytes(whole[:cut])
        words = ("--images", file, "--questions", questions, "--out", tmp_path / "x")
        status, _, err = call("predict", trained / "runs" / "saaa", *words, *INLINE)
        assert status == 2, cut
        assert f"p{suffix}" in err
        assert "cut off" in err or "no tar file" in err
        assert not (tmp_path / "x").exists()
    file.write_bytes(whole if suffix == ".tar" else b"")
    if suffix == ".tar":
        damaged = bytearray(whole)
        damaged[ends[2] : ends[2] + 10] = b"\xff" * 10
        file.write_bytes(bytes(damaged))
        status, _, err = call("predict", trained / "runs" / "saaa", *words, *INLINE)
        assert status == 2
        assert "its last whole member is 'square 1.png'" in err


def test_shares_and_interruptions_give_the_same_bytes(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call
) -> None:
    run = trained / "runs" / "saaa"
    words: Words = ("predict", run, "--images", pictures, "--questions", questions)
    words += ("--shard-images", 3, "--batch-size", 2, *INLINE)
    assert call(*words, "--out", tmp_path / "whole")[0] == 0
    expected = content(tmp_path / "whole")
    assert len(expected) == 11
    for share in ("3/3", "1/3", "2/3"):
        assert call(*words, "--out", tmp_path / "shares", "--shard", share)[0] == 0
    assert content(tmp_path / "shares") == expected
    # Whatever is damaged, lost or left over is made again.
    out = tmp_path / "shares"
    (out / "part-00000.jsonl").write_bytes(b"{}")
    (out / "part-00001.json").unlink()
    (out / "part-00002.jsonl").unlink()
    (out / ".part-00001.jsonl.0123abcd").write_bytes(b"half")
    for number in range(5):  # as a process leaves it that is killed before it removes it
        (out / f".part-{number:05}.lock").touch()
    damaged = bytearray((out / "part-00003.jsonl").read_bytes())
    damaged[9] ^= 1
    (out / "part-00003.jsonl").write_bytes(damaged)
    status, said, _ = call(*words, "--out", out, "--json")
    assert (status, json.loads(said)["before"]) == (0, 1)
    assert content(out) == expected
    assert {file.name for file in out.iterdir()} <= {*expected, ".plan.lock"}


def test_other_settings_are_refused(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call
) -> None:
    run = trained / "runs" / "saaa"
    words: Words = ("predict", run, "--images", pictures, "--questions", questions)
    words += ("--out", tmp_path / "out", *INLINE)
    assert call(*words)[0] == 0
    for more, named in (
        (("--batch-size", 4), "batch_size 8 there, 4 now"),
        (("--top", 2), "top 5 there, 2 now"),
        (("--maps",), "maps False there, True now"),
    ):
        status, _, err = call(*words, *more)
        assert status == 2
        assert named in err
    shutil.copy(trained / "square 1.png", pictures / "another.png")
    status, _, err = call(*words)
    assert status == 2
    assert "images 13 there, 14 now" in err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--shard", "5/4"), "there is no share 5 of 4. Write 1/4 to 4/4"),
        (("--shard", "0/4"), "there is no share 0 of 4"),
        (("--shard", "x"), "'x' is no share of the work. Write 1/4"),
        (("--shard", "1/0"), "there is no share 1 of 0"),
        (("--images", "nowhere"), "nowhere: no such file or folder"),
        (("--images", ""), "--images: a name is empty"),
        (("--images", "TABLE"), "is no source of images"),
        (("--questions", "nowhere.txt"), "cannot be read"),
        (("--split", "test"), "--split: is of --data"),
        (("--data", "easy-vqa"), "has images and questions of its own"),
    ],
)
def test_mistakes(
    trained: Path,
    pictures: Path,
    questions: Path,
    tmp_path: Path,
    call: Call,
    more: tuple[str, ...],
    message: str,
) -> None:
    options = {"--images": str(pictures), "--questions": str(questions)} | {
        more[0]: more[1].replace("TABLE", str(trained / "squares.csv"))
    }
    words = [word for pair in options.items() for word in pair]
    status, _, err = call("predict", trained / "runs" / "saaa", *words, "--out", tmp_path / "x")
    assert status == 2
    assert message in err
    assert not (tmp_path / "x").exists()


def test_images_that_are_asked_about_and_missing_are_broken(
    trained: Path, pictures: Path, tmp_path: Path, call: Call
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("image,question,id\nlost.png,is it red?,b\nbelow/square 1.png,is it red?,a\n")
    words = ("predict", trained / "runs" / "saaa", "--images", pictures, "--questions", pairs)
    status, _, err = call(*words, "--out", tmp_path / "x", *INLINE)
    assert (status, "broken: lost.png: no image of this name" in err) == (0, True)
    whole, lost = rows_of(tmp_path / "x")
    assert (whole["image"], whole["id"], whole.get("error")) == ("below/square 1.png", "a", None)
    assert (lost["image"], lost["id"], lost["answer"]) == ("lost.png", "b", None)
    assert lost["error"] == "no image of this name"
    pairs.write_text("image,question\nlost.png,is it red?\ngone.png,is it red?\n")
    status, _, err = call(*words, "--out", tmp_path / "y", *INLINE)
    assert (status, "2 of 2 images that are asked about are not there" in err) == (2, True)


def test_missing_images_of_a_table_are_broken(trained: Path, tmp_path: Path, call: Call) -> None:
    shutil.copy(trained / "square 0.png", tmp_path / "a.png")
    table = tmp_path / "q.csv"
    table.write_text("image,question,answer\nlost.png,is it red?,no\na.png,is it red?,no\n")
    words = ("predict", trained / "runs" / "saaa", "--data", f"table:{table}", *INLINE)
    status, _, err = call(*words, "--out", tmp_path / "x")
    assert (status, "broken: lost.png: no such file" in err) == (0, True)
    assert [row.get("error") for row in rows_of(tmp_path / "x")] == ["no such file", None]
    (tmp_path / "a.png").unlink()
    assert call(*words, "--out", tmp_path / "y")[0] == 2


def test_csv_for_spreadsheets(trained: Path, pictures: Path, tmp_path: Path, call: Call) -> None:
    hostile = '=HYPERLINK("http://x")'
    for name in ("=1+1.png", "@x.png"):
        (pictures / name).write_bytes(b"no picture")
    asked = tmp_path / "questions.txt"
    asked.write_text(f"is it a zebra, größer?\n{hostile}\n;=2+2 is it red?\n")
    common = ("predict", trained / "runs" / "saaa", "--images", pictures, "--questions", asked)
    words = (*common, *INLINE, "--shard-images", 5)
    assert call(*words, "--out", tmp_path / "lines")[0] == 0
    table = (*words, "--out", tmp_path / "table", "--format", "csv")
    assert call(*table)[0] == 0
    files = sorted((tmp_path / "table").glob("*.csv"))
    assert all(file.read_bytes().startswith(b"\xef\xbb\xbfimage,question,id,") for file in files)
    read = [
        row
        for file in files
        for row in csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""))
    ]
    rows = rows_of(tmp_path / "lines")
    assert len(files) == 3
    for row, cells in zip(rows, read, strict=True):
        assert not any(cell.startswith(tuple("=+-@")) for cell in cells.values())
        assert cells["question"].replace("'", "") == row["question"]
        assert cells["image"].lstrip("'") == row["image"]
        assert cells["answer"] == (row["answer"] or "")
        assert cells["error"] == row.get("error", "")
        if row["answer"]:
            assert float(cells["probability"]) == row["probability"]
            assert cells["top"].startswith(f"{row['answer']}: ")
            assert cells["unknown_words"].lstrip("'") == " | ".join(row["unknown_words"])
    assert f"'{hostile}" in {cells["question"] for cells in read}
    # What was lost is made again, byte for byte.
    before = content(tmp_path / "table")
    (tmp_path / "table" / "part-00001.csv").unlink()
    files[2].write_bytes(files[2].read_bytes()[:-9])
    assert call(*table)[0] == 0
    assert content(tmp_path / "table") == before
    status, _, err = call(*table, "--maps")
    assert (status, "CSV holds no attention maps" in err) == (2, True)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_leaves_whole_shards(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path
) -> None:
    words = ["predict", trained / "runs" / "saaa", "--images", pictures, "--questions", questions]
    words += ["--shard-images", 1, "--out", tmp_path / "out", "--workers", 1]
    command = [sys.executable, "-m", "askattend", *map(str, words)]
    running = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list((tmp_path / "out").glob("part-*.jsonl")) and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to decoders, too
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Go on with: askattend predict" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").glob(".part-*.jsonl.*"))


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
    trained: Path, pictures: Path, questions: Path, tmp_path: Path, call: Call
) -> None:
    words = ["predict", trained / "runs" / "saaa", "--images", pictures, "--questions", questions]
    words += ["--shard-images", 2, "--batch-size", 1, "--threads", 1]
    assert call(*words, *INLINE, "--out", tmp_path / "whole")[0] == 0
    expected = content(tmp_path / "whole")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "askattend", *map(str, words), "--out", str(out)]
    # A real process, with decoders of its own; killed when the first shards are there.
    for least in (1, 3):
        running = subprocess.Popen([*command, "--workers", "1"], start_new_session=True)
        end = time.monotonic() + 60
        while len(list(out.glob("part-*.jsonl"))) < least and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(random.random() * 0.02)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        gone = time.monotonic() + 30
        while group_lives(running.pid) and time.monotonic() < gone:
            time.sleep(0.02)
        assert not group_lives(running.pid), "its decoders live on"
    assert call(*words, *INLINE, "--out", out)[0] == 0
    assert content(out) == expected
    assert not list(out.glob(".part-*"))
