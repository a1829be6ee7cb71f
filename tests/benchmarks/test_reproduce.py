"""What the documentation states of presets is compared with, and the comparison can fail."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askattend.experiment.config import presets, read_preset
from askattend.runs.run_folder import Run
from askattend.training.history import read_history
from benchmarks import reproduce
from benchmarks.accuracy import (
    Documented,
    Measured,
    Spread,
    compare,
    measured_toml,
    read_documented,
    table,
)
from squares import write_squares

DOCS = Path(__file__).resolve().parents[2] / "docs"
TINY = """
network = "saaa"
recipe = "auto"
[model]
embedding_dim = 4
question_dim = 8
attention_dim = 8
[extract]
image_size = 32
[train]
epochs = 2
"""


def measured(**means: float) -> Measured:
    return Measured(3, 60.0, "here", {name: Spread(m, m, m) for name, m in means.items()})


def stated(tolerance: float, **means: float) -> Documented:
    return Documented("saaa", "scenes", tolerance, measured(**means) if means else None)


def test_the_docs_have_the_table_of_what_they_state() -> None:
    assert table(read_documented()) in (DOCS / "accuracy.md").read_text(encoding="utf-8")


def test_what_is_stated_is_of_presets_and_their_networks() -> None:
    documented = read_documented()
    assert {"daquar-saaa", "daquar-san", "easy-vqa", "scenes"} <= documented.keys()
    for name, preset in documented.items():
        assert name in presets()
        data = read_preset(name, preset.network).data
        assert data in ("", preset.data)


def test_a_table_has_what_was_measured() -> None:
    figures = {"accuracy": Spread(30.96, 30.0, 32.0), "WUPS 0.9": Spread(36.0, 35.0, 37.0)}
    preset = Documented("san", "daquar:DIR", 0.5, Measured(3, 61.4, "2 threads", figures))
    (row,) = table({"daquar-san": preset}).splitlines()[2:]
    assert row == (
        "| `daquar-san` | `daquar:DIR` | 31.0 (30.0 to 32.0) | 36.0 (35.0 to 37.0) |  |  "
        "| 0.5 points | 3 | 61 | 2 threads |"
    )


def test_what_is_printed_is_what_the_file_takes() -> None:
    figures = measured(accuracy=12.5, **{"WUPS 0.9": 20.0})
    text = f'[x]\nnetwork = "saaa"\ndata = "scenes"\ntolerance = 1\n{measured_toml("x", figures)}'
    assert msgspec.toml.decode(text, type=dict[str, Documented])["x"].measured == figures


@given(
    st.floats(0, 100), st.floats(0, 100), st.floats(0, 5).map(lambda tolerance: round(tolerance, 1))
)
def test_means_agree_within_the_tolerance_alone(ours: float, theirs: float, most: float) -> None:
    lines, agrees = compare(stated(most, accuracy=theirs), measured(accuracy=ours))
    assert agrees == (abs(ours - theirs) <= most + 1e-9)
    assert ("DIFFERS" in lines[0]) != agrees


def test_one_figure_that_differs_is_enough() -> None:
    documented = stated(1.0, accuracy=30.0, pointing=80.0)
    assert compare(documented, measured(accuracy=30.5, pointing=79.5))[1]
    assert not compare(documented, measured(accuracy=30.5, pointing=70.0))[1]
    lines, agrees = compare(documented, measured(accuracy=30.5))
    assert not agrees
    assert "was not measured" in lines[1]


def test_nothing_stated_is_nothing_to_compare_with() -> None:
    lines, agrees = compare(stated(1.0), measured(accuracy=30.5))
    assert agrees
    assert lines == ["accuracy   30.5 (30.5 to 30.5)      nothing to compare with yet"]


def test_a_spread_is_that_of_the_seeds() -> None:
    assert Spread.of([0.25, 0.5, 0.3]) == Spread(35.0, 25.0, 50.0)


def test_seeds_are_trained_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = f"table:{write_squares(tmp_path)}"
    preset = tmp_path / "tiny.toml"
    preset.write_text(TINY)
    words = [str(preset), "--seeds", "2", "--out", str(tmp_path / "runs")]

    def status(tolerance: float, mean: float, *more: str) -> int:
        documented = {str(preset): Documented("saaa", data, tolerance, measured(accuracy=mean))}
        monkeypatch.setattr(reproduce, "read_documented", lambda: documented)
        return reproduce.main([*words, *more])

    assert status(100.0, 50.0) == 0
    runs = [tmp_path / "runs" / "tiny" / f"seed-{seed}" for seed in range(2)]
    configs = [read_preset(str(run / "config.toml"), "saaa") for run in runs]
    assert [config.train.seed for config in configs] == [0, 1]
    # The recipe's, the preset's on top.
    assert {config.recipe for config in configs} == {"small"}
    assert {(c.model.question_dim, c.model.hidden_dim) for c in configs} == {(8, 256)}
    own = [
        json.loads((run / "evaluations" / "test" / "metrics.json").read_text())["accuracy"]
        for run in runs
    ]
    out = capsys.readouterr().out
    assert f"accuracy   {Spread.of(own)}" in out
    assert re.search(r'timed = "2 epochs a seed, evaluation, features of \d+ images extracted', out)
    assert status(100.0, 50.0) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert status(0.1, 100 * max(own) + 1, "--resume") == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out
    # Both were trained before, so that their epochs' seconds are their logs'.
    assert re.search(r'timed = "2 epochs a seed \([\d.,]+ s of 2 by earlier calls\), ', out)
    assert 'evaluation, no features, which were there"' in out
    (said,) = re.findall(r"^seconds = ([\d.]+)$", out, re.MULTILINE)
    trained = [sum(epoch.seconds for epoch in read_history(Run.load(run)).epochs) for run in runs]
    assert float(said) >= sum(trained) / 2 - 0.06


def test_daquar_has_wups_and_its_folder_a_name(
    tmp_path: Path,
    wordnet: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, preset = tmp_path / "photos", tmp_path / "tiny.toml"
    folder.mkdir()
    preset.write_text(TINY.replace("saaa", "san"))
    for split, numbers in (("train", range(1, 7)), ("test", range(7, 10))):
        answers = {n: ("lamp", "sofa")[n % 2] for n in numbers}
        triples = [f"what is it in image{n} ?\n{answers[n]}\nimage{n}\n" for n in numbers]
        (folder / f"qa.894.raw.{split}.format_triple").write_text("".join(triples))
        for n in numbers:
            Image.new("RGB", (40, 32), (20 * n, 0, 0)).save(folder / f"image{n}.png")
    documented = {str(preset): Documented("san", "daquar:DIR,answers=single", 1.0)}
    monkeypatch.setattr(reproduce, "read_documented", lambda: documented)
    words = [str(preset), "--seeds", "1", "--daquar", str(folder), "--out", str(tmp_path / "runs")]
    assert reproduce.main(words) == 0
    out = capsys.readouterr().out
    assert f"daquar:{folder},answers=single" in out
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    for name in ("accuracy", "WUPS 0.9", "WUPS 0.0"):
        assert "nothing to compare with yet" in lines[name]
