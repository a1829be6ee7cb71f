"""The whole way in Python: rows, features, training, evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import askattend
from askattend.data.questions import Question
from askattend.data.readers.registry import read_source
from askattend.data.readers.table import read_table
from askattend.errors import ConfigError, DataError, FeatureError, RunError
from small_modules import HalfOfIt

COLOURS = {"red": (220, 20, 20), "blue": (20, 20, 220)}
SETTINGS = {
    "recipe": "paper",
    "model.embedding-dim": 8,
    "model.question_dim": 16,
    "model.attention_dim": 16,
    "model.hidden_dim": 16,
    "train.epochs": 2,
    "train.batch_size": 8,
}


class Means(nn.Module):
    """The mean colour of each of 2 × 2 quarters."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 4, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mix(nn.functional.adaptive_avg_pool2d(pixels, 2))
        return mixed


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for colour, pixel in COLOURS.items():
        for number in range(12):
            shade = np.array(pixel) + 2 * number
            picture = np.broadcast_to(shade.astype(np.uint8), (24, 32, 3))
            Image.fromarray(np.ascontiguousarray(picture)).save(folder / f"{colour}{number}.png")
    return folder


def test_absolute_paths_are_named_from_the_folder_of_images_on(
    photos: Path, tmp_path: Path
) -> None:
    row = {"question": "what?", "answer": "red", "image": str(photos / "red0.png")}
    for number, folder in enumerate((photos, photos.parent, tmp_path)):
        source = askattend.questions_from([row], tmp_path / f"{number}.jsonl", images=folder)
        read = read_table(Path(source.removeprefix("table:")))
        name = "red0.png" if number != 1 else f"{photos.name}/red0.png"
        assert list(read.images) == [name]
        assert str(photos) not in (tmp_path / f"{number}.jsonl").read_text() or number == 2


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [
        {
            "image": f"{colour}{number}.png",
            "question": question,
            "answer": colour if question.startswith("what") else "yes",
            "split": "test" if number > 9 else "train",
        }
        for colour in COLOURS
        for number in range(12)
        for question in ("what colour is it?", f"is it {colour}?")
    ]


def test_the_whole_way(photos: Path, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = askattend.own_backbone(Means(), image_size=16)
    store = askattend.extract(photos, tmp_path / "features", backbone=backbone, quiet=True)
    predictor = askattend.train(
        "saaa",
        pd.DataFrame(rows),
        tmp_path / "run",
        images=photos,
        attention=HalfOfIt,
        features=store,
        settings=SETTINGS,
        quiet=True,
    )
    seen: list[tuple[str, Question]] = []

    def letters(answer: str, question: Question) -> float:
        seen.append((answer, question))
        return len(answer)

    evaluation = askattend.evaluate(predictor, metrics={"letters": letters}, quiet=True)
    assert evaluation.metrics.questions == len(seen) == 8
    expected = np.mean([len(each.answer) for each in evaluation.predictions])
    assert evaluation.metrics.flat()["letters"] == pytest.approx(expected)
    with pytest.raises(FeatureError, match=r"no backbone 'own:Means'.*backbone=own_backbone"):
        predictor.look(photos / "red3.png")
    again = askattend.Predictor.load(tmp_path / "run", backbone=backbone)
    answer = again.look(photos / "red3.png").ask("what colour is it?")
    assert answer.attention.shape == (2, 2, 2)
    other = askattend.own_backbone(Means(), image_size=16)
    with pytest.raises(FeatureError, match="another backbone"):
        askattend.Predictor.load(tmp_path / "run", backbone=other).look(photos / "red3.png")


def test_rows_are_written_as_a_table(photos: Path, tmp_path: Path) -> None:
    rows = [
        {"image": Path("red1.png"), "question": "how many?", "answers": ["1", "one"], "id": 7},
        {"image": photos / "red2.png", "question": "which?", "answer": np.int64(3), "id": 8},
        {"image": "red3.png", "question": "ok?", "answer": True, "split": float("nan"), "id": 9},
    ]
    source = askattend.questions_from(rows, tmp_path / "t" / "q.jsonl", images=photos)
    assert source == f"table:{tmp_path / 't' / 'q.jsonl'}"
    read = read_table(tmp_path / "t" / "q.jsonl")
    assert [dict(question.answers) for question in read] == [
        {"1": 1, "one": 1},
        {"3": 1},
        {"yes": 1},
    ]
    assert [file.resolve() for file in read.images.values()] == [
        (photos / f"red{n}.png").resolve() for n in (1, 2, 3)
    ]
    assert list(read.images)[::2] == ["red1.png", "red3.png"]
    frame = askattend.questions_from(pd.DataFrame(rows), tmp_path / "f.jsonl", images=photos)
    table = read_table(Path(frame.removeprefix("table:")))
    assert [q.text for q in table] == [q.text for q in read]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no rows"),
        ("easy-vqa", "str, where rows were expected"),
        ({"image": "a"}, "dict, where rows"),
        ([("a.png", "b?")], "row 1: tuple, where a dict was expected"),
        ([{"image": "a.png", "question": "b?", "answer": object()}], "row 1: cannot be written"),
    ],
)
def test_what_are_no_rows(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        askattend.questions_from(given, tmp_path / "q.jsonl")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train.epoch": 3}, "Did you mean 'epochs'"),
        ({"trian.epochs": 3}, "trian"),
        ({"train": 3, "train.epochs": 3}, "'train' is no section"),
    ],
)
def test_settings_that_are_none(
    settings: dict[str, Any], message: str, photos: Path, rows: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        askattend.train("saaa", rows, tmp_path / "run", images=photos, settings=settings)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Flatten(), "yields 2 × 768 of two pictures"),
        (nn.Linear(3, 4), "fails on pixels of 2 × 3 × 16 × 16"),
    ],
)
def test_modules_that_are_no_backbone(module: nn.Module, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        askattend.own_backbone(module, image_size=16)


def test_an_own_backbone_is_read_row_by_row() -> None:
    backbone = askattend.own_backbone(nn.Identity(), image_size=3, name="pixels", dtype="float32")
    pixels = torch.arange(27, dtype=torch.uint8).reshape(1, 3, 3, 3)
    assert (backbone.spec.backbone, backbone.spec.rows, backbone.spec.region_dim) == (
        "own:pixels",
        3,
        3,
    )
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (pixels[0].permute(1, 2, 0).reshape(9, 3) / 255 - mean) / std
    assert torch.allclose(backbone.regions(pixels)[0], expected, atol=1e-6)
    assert json.dumps(backbone.spec.label)


def test_a_run_that_goes_on_keeps_its_own_rows(
    photos: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    given = {**SETTINGS, "extract.image_size": 32}
    settings: dict[str, Any] = {"images": photos, "settings": given, "quiet": True}
    askattend.train("saaa", rows, run, **settings)
    before = (run / "questions.jsonl").read_bytes()
    others = [{**row, "answer": "blue"} for row in rows]
    with pytest.raises(RunError, match="the questions differ"):
        askattend.train("saaa", others, run, resume=True, **settings)
    assert (run / "questions.jsonl").read_bytes() == before
    # As a data frame that was read from a Parquet file has them.
    lists = [{**row, "answers": np.array([row["answer"]]), "answer": pd.NA} for row in rows]
    source = askattend.questions_from(lists, tmp_path / "q.jsonl", images=photos)
    assert [q.answers for q in read_source(source)] == [((row["answer"], 1),) for row in rows]


def test_rows_behind_a_link_find_their_images(
    photos: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    source = askattend.questions_from(rows, tmp_path / "near" / "q.jsonl", images=photos)
    assert all(file.is_file() for file in read_source(source).images.values())
