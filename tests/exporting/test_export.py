"""The demo's run, exported: its graphs answer as the run itself, and its manifest says how."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.errors import AskAttendError
from askattend.exporting import accuracy as measuring
from askattend.exporting import export as exporting
from askattend.exporting.eight_bits import in_eight_bits
from askattend.exporting.export import Export, export
from askattend.exporting.exportable import require_exportable
from askattend.exporting.packages import require_packages
from askattend.exporting.runtime import Session
from askattend.features.geometry import square
from askattend.features.images import open_image
from askattend.files import write_whole
from askattend.runs.own_code import OwnCode
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from commands import Call

# With the page's, in one process: they share an export.
pytestmark = pytest.mark.xdist_group("exporting")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sessions(exported: Export) -> dict[str, Session]:
    graphs = exported.manifest.graphs
    return {
        name: Session((exported.folder / facts.file).read_bytes(), threads=1)
        for name, facts in graphs.items()
    }


@pytest.fixture(scope="session")
def pictures() -> dict[str, Path]:
    images = read_source("easy-vqa").split("test").images
    return dict(islice(images.items(), 3))


def feeds(exported: Export, demo: Predictor, asked: list[tuple[int, str]]) -> dict[str, Any]:
    words = [demo.run.words.encode(question) for _, question in asked]
    tokens = np.zeros((len(asked), max(map(len, words))), np.int64)
    for row, indices in zip(tokens, words, strict=True):
        row[: len(indices)] = indices
    maps, regions = exported.manifest.attention.maps, demo.run.features.regions
    return {
        "tokens": tokens,
        "lengths": np.array([len(indices) for indices in words]),
        "image_index": np.array([number for number, _ in asked]),
        "edited": np.zeros(maps, bool),
        "edited_maps": np.zeros((maps, regions), np.float32),
    }


def test_it_answers_as_the_run_from_the_pixels_on(
    exported: Export, sessions: dict[str, Session], demo: Predictor, pictures: dict[str, Path]
) -> None:
    opened = [open_image(file) for file in pictures.values()]
    pixels = np.stack([square(image, demo.run.features).numpy() for image in opened])
    regions = sessions["backbone"].run({"pixels": pixels})["regions"]
    encoded = sessions["image"].run({"regions": regions})
    # In any order, of different lengths, one with words that it does not know.
    asked = [
        (2, "what color is the shape?"),
        (0, "is there a circle?"),
        (1, "does the zebra not contain a purple shape in the image?"),
        (0, "what shape is in the image?"),
    ]
    found = sessions["question"].run({**encoded, **feeds(exported, demo, asked)})
    for row, (number, question) in enumerate(asked):
        answer = demo.look(opened[number]).ask(question)
        best = found["probabilities"][row].argmax()
        assert exported.manifest.answers[best] == answer.text
        assert abs(found["probabilities"][row, best] - answer.probability) < 1e-4
        maps = answer.attention.flatten(1).numpy()
        np.testing.assert_allclose(found["attention"][row], maps, rtol=0, atol=1e-4)
        assert bool(encoded["unlike"][number]) == answer.unlike_training


def test_the_manifest_has_all_that_answering_takes(exported: Export, demo: Predictor) -> None:
    told = json.loads((exported.folder / "manifest.json").read_text(encoding="utf-8"))
    run = demo.run
    assert tuple(told["words"]["list"]) == run.words.words
    assert (told["words"]["padding"], told["words"]["unknown"]) == (0, run.words.unknown)
    assert tuple(told["answers"]) == run.answers.answers
    assert told["preprocessing"]["image_size"] == run.features.image_size
    assert told["preprocessing"]["mean"] == list(run.features.mean)
    assert demo.calibration is not None
    assert told["temperature"]["temperature"] == demo.calibration.temperature
    assert told["licence"]["run"] == "apache-2.0"
    assert told["provenance"]["trained_on"]["questions"] == 36_731
    assert told["weights"] == "float32"
    written = {
        file.relative_to(exported.folder).as_posix(): file.read_bytes()
        for file in exported.folder.rglob("*")
        if file.is_file()
    }
    assert set(written) == {*told["files"], "manifest.json", "README.md"}
    for name, entry in told["files"].items():
        digest = sha256(written[name]).hexdigest()
        assert (len(written[name]), digest) == (entry["size"], entry["sha256"])
    for content in written.values():
        assert str(Path.home()).encode() not in content
        assert str(ROOT).encode() not in content


def test_the_example_of_its_note_runs(exported: Export, tmp_path: Path) -> None:
    note = (exported.folder / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", note, re.DOTALL)
    assert found is not None
    for name in ("manifest.json", "backbone.onnx", "image.onnx", "question.onnx"):
        os.symlink(exported.folder / name, tmp_path / name)
    shutil.copy(ROOT / "docs" / "drawing.png", tmp_path / "picture.png")
    asked = re.sub(r'in "[^"]+"\.split', 'in "what color is the shape".split', found[1])
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    answer, probability, *_ = done.stdout.split()
    assert answer == "blue"
    assert float(probability) > 0.99


def test_eight_bits_answer_nearly_as_well(
    exported: Export, sessions: dict[str, Session], demo: Predictor, tmp_path: Path
) -> None:
    valid = measuring.validation_questions(demo.run)
    assert isinstance(valid, QASet)
    some = replace(valid, questions=valid.questions[:40])
    floats = {
        name: (exported.folder / facts.file).read_bytes()
        for name, facts in exported.manifest.graphs.items()
    }
    rounded = {name: in_eight_bits(content, tmp_path) for name, content in floats.items()}
    assert sum(map(len, rounded.values())) < 0.35 * sum(map(len, floats.values()))
    ours = {name: Session(content, threads=1) for name, content in rounded.items()}
    found = measuring.compare(demo.run, some, ours, sessions)
    assert found.questions == 40
    assert found.images == len({question.image for question in some})
    # What the run itself answers right, of the same questions.
    right = [
        demo.look(some.images[each.image]).ask(each.text).text in dict(each.answers)
        for each in some
    ]
    assert found.float32 == sum(right) / len(right)
    assert found.same_answer >= 0.95
    assert abs(found.accuracy - found.float32) <= 1 - found.same_answer


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "webb"}, "Did you mean 'web'?"),
        ({"weights": "int4"}, "Did you mean 'int8'?"),
        ({"format": "web", "backbone": False}, "without the backbone"),
        ({"onnxruntime_web": "package.tgz"}, "is for a page alone"),
    ],
)
def test_what_it_cannot_write_is_refused(
    options: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(AskAttendError, match=re.escape(told)):
        export("demo", tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_no_folder_of_somebody_elses_is_written_over(
    exported: Export, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    for out, told in (
        (tmp_path / "mine", "is a folder of something else"),
        (tmp_path / "file", "is not a folder"),
        (exported.folder, "holds an export already"),
    ):
        status, _, err = call("export", "demo", "--out", out)
        assert (status, told in err) == (2, True)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_full_disk_leaves_nothing(
    untrained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.rglob("*"))
    made = {"image": b"a graph", "question": b"another"}
    monkeypatch.setattr(exporting, "_made", lambda *arguments: (made, None, ()))
    written = list[Path]()

    def full(file: Path, content: bytes) -> None:
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        written.append(file)
        write_whole(file, content)

    monkeypatch.setattr(exporting, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        export(untrained.folder, tmp_path / "new" / "out", backbone=False)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "new"])


def test_what_keeps_eight_bits_from_being_measured_is_told(
    untrained: Run, demo: Predictor, tmp_path: Path
) -> None:
    own = "its own questions: "
    assert measuring.validation_questions(untrained) == f"{own}no questions named"
    gone = {**demo.run.config, "data": f"table:{tmp_path}/gone.csv"}
    told = measuring.validation_questions(replace(demo.run, config=gone))
    assert told == f"{own}cannot be read (No such file or directory)"


def test_what_of_a_run_has_no_graph_is_refused_by_its_name(untrained: Run) -> None:
    run = untrained
    require_exportable(run, backbone=True)
    hub = replace(run, features=replace(run.features, backbone="hf:microsoft/resnet-152"))
    own = replace(run, features=replace(run.features, backbone="own:Mine"))
    lost = replace(run, features=replace(run.features, backbone="unknown"))
    for other, named in ((hub, "microsoft/resnet-152"), (own, "own:Mine"), (lost, "not known")):
        with pytest.raises(AskAttendError, match=named) as refused:
            require_exportable(other, backbone=True)
        assert "--no-backbone" in str(refused.value)
        require_exportable(other, backbone=False)
    code = replace(run, attention=OwnCode("Mine", "class Mine: ...", Path("mine.py")))
    with pytest.raises(AskAttendError, match="Mine"):
        require_exportable(code, backbone=False)


def test_a_missing_package_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path
) -> None:
    monkeypatch.setattr("askattend.exporting.packages.find_spec", lambda name: None)
    with pytest.raises(AskAttendError, match="onnx and onnxruntime and onnxscript"):
        require_packages()
    status, _, err = call("export", "demo", "--out", tmp_path / "out")
    assert status == 2
    assert "pip install" in err


def test_the_network_alone_is_exported_and_told(untrained: Run, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, printed, err = call("export", untrained.folder, "--out", out, "--no-backbone", "--json")
    assert (status, err) == (0, "")
    told = json.loads(printed)
    assert sorted(told["files"]) == ["image.onnx", "question.onnx"]
    assert told["accuracy"] is None
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in manifest["graphs"]["image"]["inputs"]] == ["regions"]
    assert (manifest["run"], manifest["network"]) == ("run", "SAAA")
