"""A packed run answers as its folder does, tells no folder of its maker's, and unpacks no harm."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from accepted import accept_run
from askattend.environment.packing import _unpack, pack, run_folder
from askattend.errors import AskAttendError, RunError
from askattend.experiment.from_python import evaluate
from askattend.runs.predictor import Predictor
from commands import Call, train_command
from squares import write_squares


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def evaluated(own: Path, call: Call) -> Path:
    """A run that was evaluated."""
    assert call("evaluate", own / "runs" / "saaa")[0] == 0
    return own / "runs" / "saaa"


def test_a_pack_answers_as_the_folder_does(own: Path, tmp_path: Path) -> None:
    folder, file = own / "runs" / "saaa", tmp_path / "to" / "ours.zip"
    assert pack(folder, file) == file.stat().st_size
    image = own / "square 0.png"
    ours, theirs = (Predictor.load(run).look(image).ask("is it red?") for run in (file, folder))
    assert (ours.text, ours.probability) == (theirs.text, theirs.probability)
    assert (ours.attention == theirs.attention).all()


def test_what_is_packed(evaluated: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.zip"
    pack(evaluated, file)
    with ZipFile(file) as packed:
        names = set(packed.namelist())
        text = "".join(
            packed.read(name).decode() for name in names if not name.endswith("safetensors")
        )
    assert names >= {"config.toml", "best.safetensors", "words.json", "README.md", "metrics.json"}
    assert len([name for name in names if name.endswith("predictions.json")]) == 1
    assert not {"last.safetensors", "report.html", "log.csv", ".lock"} & names
    assert 'data = "table:squares.csv"' in text
    # No folder of the machine that it was made on.
    for part in evaluated.resolve().parents:
        assert len(part.parts) < 2 or f"{part}/" not in text
    assert str(tmp_path) not in text
    again = tmp_path / "again.zip"
    pack(evaluated, again)
    assert again.read_bytes() == file.read_bytes()


def test_every_command_takes_the_file(evaluated: Path, tmp_path: Path, call: Call) -> None:
    file, folder = tmp_path / "ours.zip", evaluated.parents[1]
    assert call("pack", evaluated, file)[:2] == (0, f"{file}: {size(file)}\n")
    image = folder / "square 0.png"
    for words in (
        ("ask", file, image, "is it red?"),
        ("ask", file, image, "is it red?", "--json"),
        ("evaluate", file, "--data", f"table:{folder / 'squares.csv'}"),
        ("compare", file, evaluated),
        ("compare", file, evaluated, "--data", f"table:{folder / 'squares.csv'}"),
        ("pack", file, tmp_path / "again.zip"),
    ):
        status, out, err = call(*words)
        assert (status, bool(out)) == (0, True), err
        if words[0] == "evaluate":  # its history stays behind, but not how long it took
            (report,) = tmp_path.glob("ours-evaluations/*/report.html")
            assert f"report: {report}\n" in out
            assert f"all evaluations of the run: {report.parents[1] / 'report.html'}\n" in out
            assert f'href="{report.parent.name}/report.html"' in report.parents[1].joinpath(
                "report.html"
            ).read_text(encoding="utf-8")
            assert not list((tmp_path / "cache").rglob("*.html"))
            assert "2 epochs, " in report.read_text()
    status, _, err = call(*train_command("saaa", folder / "squares.csv", file, "--resume"))
    assert (status, "is not a folder" in err) == (2, True)
    before = (tmp_path / "cache").stat().st_mtime_ns
    Predictor.load(file)  # is unpacked once
    assert (tmp_path / "cache").stat().st_mtime_ns == before


def size(file: Path) -> str:
    from rich.filesize import decimal

    return decimal(file.stat().st_size)


def test_a_run_folder_names_nobody(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "ann"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    table = write_squares(home)
    assert call(*train_command("saaa", table, Path("run")))[0] == 0
    assert call("evaluate", "run")[0] == 0
    for file in (home / "run").rglob("*"):
        if file.suffix in (".toml", ".json", ".html", ".md", ".csv"):
            assert str(home) not in file.read_text(), file
    # And all of it is found again, from anywhere.
    monkeypatch.chdir(tmp_path)
    assert call("evaluate", home / "run")[0] == 0
    assert call("train", "saaa", "--out", home / "run", "--resume")[0] == 0
    preset = ("train", "saaa", "--preset", home / "run" / "config.toml", "--out", tmp_path / "b")
    assert call(*preset)[0] == 0


def test_absolute_paths_of_images_are_nobodys_business(tmp_path: Path, call: Call) -> None:
    """Neither in a run's results and report, nor in its pack."""
    photos, tables = tmp_path / "ann" / "photos", tmp_path / "tables"
    photos.mkdir(parents=True)
    tables.mkdir()
    written = write_squares(photos)
    image = written.read_text().splitlines()[0].split(",").index("image")
    header, *lines = (line.split(",") for line in written.read_text().splitlines())
    for line in lines:
        line[image] = str(photos / line[image])
    table = tables / "squares.csv"
    table.write_text("\n".join(",".join(line) for line in (header, *lines)))
    run = tmp_path / "run"
    assert call(*train_command("saaa", table, run))[0] == 0
    assert call("evaluate", run)[0] == 0
    pack(run, tmp_path / "run.zip")
    with ZipFile(tmp_path / "run.zip") as packed:
        assert not any(str(photos).encode() in packed.read(name) for name in packed.namelist())
    (predictions,) = run.rglob("evaluations/*/predictions.json")
    named = {one["image"] for one in json.loads(predictions.read_text())}
    assert all((photos / image).is_file() for image in named)
    for file in predictions.parent.iterdir():
        assert str(photos) not in file.read_text(), file


def test_a_folder_that_was_packed_by_hand(own: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "hand"), "zip", own / "runs", "saaa")
    assert Predictor.load(tmp_path / "hand.zip").run.config["network"] == "saaa"


@pytest.mark.parametrize(
    "name", ["../out.json", "/out.json", "a/../../out.json", "run.exe", "x\\..\\out.json"]
)
def test_nothing_is_unpacked_beside_the_run(own: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / "bad.zip"
    pack(own / "runs" / "saaa", file)
    with ZipFile(file, "a") as packed:
        packed.writestr(name, "{}")
    folder = run_folder(file)
    assert (folder / "config.toml").exists()
    assert not [f for f in tmp_path.rglob("*") if f.name in ("out.json", "run.exe")]
    assert not [f for f in folder.rglob("*") if "out.json" in f.name]


def test_mistakes(own: Path, tmp_path: Path) -> None:
    text, empty, torn, bomb = (tmp_path / f"{n}.zip" for n in ("text", "empty", "torn", "bomb"))
    text.write_text("no zip")
    with ZipFile(empty, "w") as packed:
        packed.writestr("a.txt", "a")
    pack(own / "runs" / "saaa", torn)
    content = bytearray(torn.read_bytes())
    content[2000:2100] = bytes(100)
    torn.write_bytes(content)
    with ZipFile(bomb, "w", 8) as packed:
        packed.writestr("config.toml", "")
        packed.writestr("best.safetensors", bytes(300 * 2**20))
    for file, message in (
        (text, "neither a run folder nor a packed run"),
        (empty, "holds no run"),
        (torn, "is damaged"),
        (bomb, "would unpack to"),
    ):
        with pytest.raises(RunError, match=message):
            Predictor.load(file)
    assert not [f for f in (tmp_path / "cache").rglob("*") if f.is_file()]
    for run, file, message in (
        (tmp_path, tmp_path / "a.zip", "not a run folder"),
        (own / "runs" / "saaa", tmp_path, "is a folder"),
    ):
        with pytest.raises(AskAttendError, match=message):
            pack(run, file)
    (own / "runs" / "saaa" / "best.safetensors").unlink()
    with pytest.raises(RunError, match="has no weights yet"):
        pack(own / "runs" / "saaa", tmp_path / "a.zip")


def test_settings_keep_what_is_no_path(own: Path, tmp_path: Path) -> None:
    folder = own / "runs" / "saaa"
    pack(folder, tmp_path / "a.zip")
    ours, theirs = (Predictor.load(path).run for path in (tmp_path / "a.zip", folder))
    assert {**ours.config, "data": ""} == {**theirs.config, "data": ""}
    assert (ours.words, ours.answers, ours.features) == (
        theirs.words,
        theirs.answers,
        theirs.features,
    )
    kept = json.loads((folder / "metrics.json").read_text())
    assert json.loads((run_folder(tmp_path / "a.zip") / "metrics.json").read_text()) == kept


def test_bits_that_flip_are_told(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.zip"
    pack(own / "runs" / "saaa", file)
    content = file.read_bytes()
    for place in range(200, len(content) - 2000, len(content) // 9):
        damaged = bytearray(content)
        damaged[place : place + 8] = bytes(byte ^ 0xFF for byte in damaged[place : place + 8])
        (tmp_path / "damaged.zip").write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            run_folder(tmp_path / "damaged.zip")


def test_a_name_of_dots_is_a_name(own: Path, tmp_path: Path) -> None:
    first, dots = tmp_path / "first.zip", tmp_path / "...zip"
    pack(own / "runs" / "saaa", first)
    shutil.copy(first, dots)
    kept = run_folder(first)
    assert (run_folder(dots) / "config.toml").is_file()
    assert (kept / "config.toml").is_file()


def test_who_reads_an_unpacked_run_keeps_it(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "ours.zip"
    pack(own / "runs" / "saaa", file)
    folder = run_folder(file)
    before = folder.stat().st_ino
    _unpack(file, folder)  # as another process that saw no folder when it began
    assert folder.stat().st_ino == before


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("/data/somebody/q.csv", "q.csv"),
        ("/mnt/a b/q.csv", "q.csv"),
        (r"D:\Users\somebody\q.csv", "q.csv"),
        ("D:/Users/somebody/q.csv", "q.csv"),
        (r"\\host\share\somebody\q.csv", "q.csv"),
        ("../somebody/q.csv", "q.csv"),
        ("~/somebody/q.csv", "q.csv"),
    ],
)
@pytest.mark.parametrize("name", ["", "table:"])
def test_no_folder_of_any_kind_is_told(
    own: Path, tmp_path: Path, place: str, left: str, name: str
) -> None:
    folder = own / "runs" / "saaa"
    settings = folder / "config.toml"
    lines = settings.read_text().splitlines()
    told = [f"data = {json.dumps(name + place)}" if x.startswith("data = ") else x for x in lines]
    settings.write_text("\n".join(told))
    with pytest.raises(RunError, match=r"config\.toml: is not as it was written"):
        pack(folder, tmp_path / "a.zip")
    accept_run(folder)
    card = folder / "README.md"
    card.write_text(f"{card.read_text()}\nLearnt from {place}.\n")
    pack(folder, tmp_path / "a.zip")
    with ZipFile(tmp_path / "a.zip") as packed:
        text = "".join(packed.read(n).decode() for n in ("config.toml", "README.md"))
    assert "somebody" not in text
    assert f'data = "{name}{left}"' in text
    assert f"Learnt from {left}." in text


def test_without_its_data_a_pack_asks_for_it(evaluated: Path, tmp_path: Path, call: Call) -> None:
    file = tmp_path / "ours.zip"
    pack(evaluated, file)
    status, _, err = call("evaluate", file)
    assert status == 2
    assert "A packed run holds no data: name its questions by --data table:PATH" in err
    # Named where they are, though it was another place.
    data, out = f"table:{evaluated.parents[1] / 'squares.csv'}", tmp_path / "figures"
    status, printed, _ = call("evaluate", file, "--data", data, "--out", out)
    assert (status, f"report: {out / 'report.html'}\n" in printed) == (0, True)
    assert not (tmp_path / "ours-evaluations").exists()
    # A folder whose data were moved is no pack.
    config = evaluated / "config.toml"
    config.write_text(re.sub(r"(?m)^data = .*$", 'data = "table:gone.csv"', config.read_text()))
    accept_run(evaluated)
    status, _, err = call("evaluate", evaluated)
    assert (status, "Name the questions by --data table:PATH, wherever they lie" in err) == (
        2,
        True,
    )


def test_a_pack_is_compared_by_what_lies_beside_it(
    evaluated: Path, tmp_path: Path, call: Call
) -> None:
    file, data = tmp_path / "ours.zip", f"table:{evaluated.parents[1] / 'squares.csv'}"
    shutil.rmtree(evaluated / "evaluations")
    pack(evaluated, file)
    status, _, err = call("compare", file, evaluated, "--data", data)
    assert (status, f"askattend evaluate {file}" in err) == (2, True)
    for run in (file, evaluated):
        assert call("evaluate", run, "--data", data)[0] == 0
    status, out, err = call("compare", file, evaluated, "--data", data)
    assert (status, "+0.00%" in out) == (0, True), err


def test_an_unpacked_predictor_leaves_nothing_in_the_cache(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(evaluated, tmp_path / "ours.zip")
    monkeypatch.chdir(tmp_path)
    data = f"table:{evaluated.parents[1] / 'squares.csv'}"
    evaluate(Predictor.load("ours.zip"), questions=data, quiet=True)
    assert len(list(tmp_path.glob("ours-evaluations/*/report.html"))) == 1
    assert not list((tmp_path / "cache").rglob("*.html"))


def test_files_of_its_owner_s_are_no_part_of_a_run(
    evaluated: Path, tmp_path: Path, call: Call
) -> None:
    """Neither packed, nor refused, nor listed; and a results file of theirs is scored."""
    for name in ("notes.md", "mine.json"):
        (evaluated / name).write_text("{}")
    own = evaluated / "evaluations" / "test" / "mine.json"
    shutil.copy(own.with_name("results.json"), own)
    table = evaluated.parents[1] / "squares.csv"
    picture, page = evaluated / "look.png", evaluated / "page.html"
    image = evaluated.parents[1] / "square 0.png"
    assert call("ask", evaluated, image, "is it red?", "--overlay", picture)[0] == 0
    other = shutil.copytree(evaluated, tmp_path / "other")
    assert call("compare", evaluated, other, "--page", page)[0] == 0
    assert call("score", own, "--data", f"table:{table}")[0] == 0
    for file in (picture, page):
        file.unlink()
    assert call("verify", evaluated)[0] == 0
    assert call("pack", evaluated, tmp_path / "run.zip")[0] == 0
    with ZipFile(tmp_path / "run.zip") as packed:
        assert not [name for name in packed.namelist() if "mine" in name or "notes" in name]


def test_another_run_s_evaluation_is_not_packed(
    own: Path, evaluated: Path, tmp_path: Path, call: Call
) -> None:
    other = own / "runs" / "san"
    shutil.copytree(evaluated / "evaluations", other / "evaluations")
    status, _, err = call("pack", other, tmp_path / "run.zip")
    assert (status, "is the evaluation of another run" in err) == (2, True)
    assert not (tmp_path / "run.zip").exists()


def test_a_cache_that_is_no_folder_is_no_damage_of_the_pack(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(own / "runs" / "saaa", tmp_path / "run.zip")
    (tmp_path / "cache").write_text("")
    with pytest.raises(NotADirectoryError):
        run_folder(tmp_path / "run.zip")
