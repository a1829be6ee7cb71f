"""From pytorch-vqa's files to answers, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from askattend.cli import main
from askattend.data.questions import QASet, Question
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from commands import Call

QUESTION = "What color is the table?"


@pytest.fixture(scope="module")
def folder(log_file: Path, features_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an imported run, an imported store, and a wide photo."""
    folder = tmp_path_factory.mktemp("imports")
    main(["import", "pytorch-vqa", str(log_file), "--out", str(folder / "run")])
    main(["import", "hdf5", str(features_file), "--out", str(folder / "store")])
    pixels = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random backbone whose grid fits: 5 × 5 regions of 24 at 160 px."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=8, layer_type="basic", hidden_sizes=[8, 8, 16, 24], depths=[1, 1, 1, 1]
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("resnet")
    transformers.ResNetModel(config).save_pretrained(folder)
    return folder


def test_usage_and_mistakes(call: Call, folder: Path, log_file: Path) -> None:
    status, out, _ = call("import", "--help")
    assert (status, "import pytorch-vqa LOG.pth --out runs/imported" in out) == (0, True)
    assert "import pytorch-vqa|hdf5 FILE" in call("--help")[1]
    status, _, err = call("import", "pytorch-vqq", log_file, "--out", folder / "other")
    assert (status, "Did you mean 'pytorch-vqa'?" in err) == (2, True)
    for name, file in (("pytorch-vqa", log_file), ("hdf5", log_file)):
        status, out, err = call("import", name, file, "--out", folder / "run")
        assert (status, out, err.count("\n")) == (2, "", 1)
    assert call("import", "pytorch-vqa", "--help")[0] == 0
    assert call("import", "hdf5", "--help")[0] == 0


def test_import_says_what_came_of_it(call: Call, log_file: Path, tmp_path: Path) -> None:
    status, out, _ = call("import", "pytorch-vqa", log_file, "--out", tmp_path / "run")
    assert status == 0
    assert "39 words, 15 answers, 5 × 5 regions of 24 (unknown backbone, 160 px)" in out


def test_ask_about_an_image_of_a_store(call: Call, folder: Path) -> None:
    status, out, err = call(
        *("ask", folder / "run", "42", QUESTION, "what is zebra?", "--json"),
        *("--features", folder / "store"),
    )
    assert (status, err) == (0, "note: “what is zebra?”: the model never saw: zebra\n")
    printed = json.loads(out)
    assert [answer["image"] for answer in printed] == ["42", "42"]
    assert printed[0]["attention"]["rows"] == 5
    assert printed[0]["seen"] is None  # the file of features does not tell the pictures' shapes
    assert sum(sum(row) for row in printed[0]["attention"]["values"][1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("42", QUESTION, "--features", "nowhere"), "nowhere: no feature store"),
        (("43", QUESTION, "--features", "{}/store"), "no features of image '43'"),
        (("42", "?", "--features", "{}/store"), "has no word in it"),
        (
            ("42", QUESTION, "--features", "{}/store", "--overlay", "out.png"),
            "--overlay: a feature store holds no picture to draw on",
        ),
        (("{}/photo.png", QUESTION), "Add --backbone hf:microsoft/resnet-152"),
        (
            ("{}/photo.png", QUESTION, "--backbone", "efficientnet-lite2"),
            "cannot be mixed: region_dim 24 against 1280",
        ),
        (("{}/photo.png", QUESTION, "--backbone", "resnet"), "no backbone 'resnet'"),
    ],
)
def test_what_does_not_fit_is_one_message(
    call: Call, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    given = [argument.format(folder) for argument in arguments]
    status, out, err = call("ask", folder / "run", *given)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def by_hand(folder: Path, resnet: Path) -> Tensor:
    """Regions of the photo: cropped, normalised and looked at as pytorch-vqa does."""
    transformers = pytest.importorskip("transformers")
    with Image.open(folder / "photo.png") as photo:
        short = int(160 / 0.875)
        long = int(short * photo.width / photo.height)
        resized = photo.convert("RGB").resize((long, short), Image.Resampling.BILINEAR)
    left, top = round((long - 160) / 2), round((short - 160) / 2)
    pixels = np.array(resized.crop((left, top, left + 160, top + 160)), dtype=np.float32) / 255
    normalised = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    given = torch.from_numpy(normalised).float().permute(2, 0, 1)[None]
    model = transformers.ResNetModel.from_pretrained(resnet).eval()
    with torch.inference_mode():
        hidden: Tensor = model(pixel_values=given).last_hidden_state
    return hidden.flatten(2).transpose(1, 2).half()


def test_ask_about_a_photo_with_a_backbone_named(
    call: Call, folder: Path, resnet: Path, tmp_path: Path
) -> None:
    out_file = tmp_path / "out.png"
    status, out, _ = call(
        *("ask", folder / "run", folder / "photo.png", QUESTION, "--json"),
        *("--backbone", f"hf:{resnet}", "--overlay", out_file),
    )
    assert status == 0
    predictor = Predictor.load(folder / "run", device="cpu", backbone=f"hf:{resnet}")
    look = predictor.look_at(by_hand(folder, resnet))
    (expected,) = predictor.answer(look, [0], [QUESTION])
    (printed,) = json.loads(out)
    assert printed["answer"] == expected.text
    # Pixels may differ by one level of 255 from those by hand.
    assert printed["probability"] == pytest.approx(expected.probability, rel=1e-2)
    values = torch.tensor(printed["attention"]["values"])
    torch.testing.assert_close(values, expected.attention, rtol=1e-2, atol=1e-3)
    # The photo is 200 × 90; of its short side 160 of 182 pixels are seen, of the long one as many.
    left, top, right, bottom = printed["seen"]
    assert (left + right, top + bottom) == pytest.approx((1, 1), abs=0.01)
    assert (right - left, bottom - top) == pytest.approx((160 / 404, 160 / 182), abs=0.001)
    with Image.open(out_file) as overlay:
        assert overlay.width > 400


def test_trace_from_a_store_and_with_a_backbone_named(
    call: Call, folder: Path, resnet: Path
) -> None:
    asked = ("--question", QUESTION, "--json")
    for image in (
        ("42", "--features", folder / "store"),
        (folder / "photo.png", "--backbone", f"hf:{resnet}"),
    ):
        status, out, err = call("trace", "--run", folder / "run", "--image", *image, *asked)
        assert status == 0, err
        trace = json.loads(out)
        _, said, _ = call("ask", folder / "run", image[0], QUESTION, "--json", *image[1:])
        (answer,) = json.loads(said)
        assert trace["answer"] == answer["answer"]
        assert trace["probability"] == pytest.approx(answer["probability"], rel=1e-2)
        steps = {step["name"]: step for step in trace["steps"]}
        assert steps["regions"]["paper_shape"] == [1, 24, 5, 5]
        assert steps["attention"]["sums_to_one"]
        assert all("values" in step for name, step in steps.items() if name != "tokens")
    for unknown, message in (
        ((folder / "photo.png",), "Add --backbone hf:microsoft/resnet-152"),
        (("43", "--features", folder / "store"), "no features of image '43'"),
    ):
        status, out, err = call("trace", "--run", folder / "run", "--image", *unknown, *asked)
        assert (status, out, message in err) == (2, "", True)


def test_a_backbone_recorded_at_import_needs_no_naming(
    call: Call, folder: Path, resnet: Path, log_file: Path, tmp_path: Path
) -> None:
    backbone = ("--backbone", f"hf:{resnet}")
    assert call("import", "pytorch-vqa", log_file, "--out", tmp_path / "run", *backbone)[0] == 0
    ask = (folder / "photo.png", QUESTION, "--json")
    named, recorded = (
        call("ask", folder / "run", *ask, *backbone),
        call("ask", tmp_path / "run", *ask),
    )
    assert recorded == named
    assert named[0] == 0


def table(folder: Path, images: list[str]) -> str:
    rows = [f"{image},{QUESTION},red,test" for image in images]
    file = folder / "table.csv"
    file.write_text("\n".join(["image,question,answer,split", *rows]) + "\n")
    return f"table:{file}"


def test_evaluate_without_floors(call: Call, folder: Path, resnet: Path, tmp_path: Path) -> None:
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    data = ("--data", table(tmp_path, ["0.png", "1.png", "2.png"]))
    status, _, err = call("evaluate", folder / "run", *data)
    assert (status, "Add --backbone" in err) == (2, True)
    status, out, err = call("evaluate", folder / "run", *data, "--backbone", f"hf:{resnet}")
    assert status == 0, err
    assert "accuracy (exact match)" in out
    assert "floor:" not in out
    (place,) = (folder / "run" / "evaluations").iterdir()
    metrics: dict[str, Any] = json.loads((place / "metrics.json").read_text())
    assert (metrics["questions"], metrics["floors"], metrics["coverage"]) == (3, None, 1.0)
    predictor = Predictor.load(folder / "run", device="cpu", backbone=f"hf:{resnet}")
    results = json.loads((place / "results.json").read_text())
    for number, result in enumerate(results):
        asked = predictor.look(tmp_path / f"{number}.png").ask(QUESTION)
        assert result["answer"] == asked.text
    page = (place / "report.html").read_text()
    assert "unknown backbone, 160 px" in page
    assert "a floor" not in page


def test_evaluate_from_a_store(call: Call, folder: Path, tmp_path: Path) -> None:
    """The images' ids are the store's; the files behind them are not looked at."""
    for image in ("42", "9"):
        (tmp_path / image).touch()
    data = table(tmp_path, ["42", "9"])
    status, out, err = call(
        *("evaluate", folder / "run", "--data", data, "--features", folder / "store", "--json")
    )
    assert (status, json.loads(out or "{}").get("questions")) == (0, 2), err


def test_answers_that_are_no_keys_are_found() -> None:
    """Spelt as they were there, not as our keys."""
    from askattend.data.vocab import AnswerVocab

    vocab = AnswerVocab(("Nike", "t  shirt", "nike"))
    assert (vocab.index("nike"), vocab.index("T shirt")) == (0, 1)
    question = Question(0, "i", "what?", (("NIKE", 3), ("puma", 1)), "test")
    assert vocab.encode(question.answers) == {0: 3}
    assert vocab.reachable(QASet("s", (question,), {"i": Path("i")})) == 1
    assert vocab.coverage([question]) == 0.75


def test_a_run_from_before_keeps_its_tokeniser(imported: Run, tmp_path: Path) -> None:
    """words.json and features.json as they were written when there was no other way."""
    import msgspec

    from askattend.data.vocab import WordVocab
    from askattend.features.spec import FeatureSpec

    old = b'{"words": ["<pad>", "<unk>", "what"]}'
    words = msgspec.json.decode(old, type=WordVocab)
    assert (words.tokeniser, words.unknown, words.encode("What now?")) == ("askattend", 1, [2, 1])
    fields = msgspec.to_builtins(imported.features)
    del fields["central_fraction"]
    spec = msgspec.convert(fields | {"geometry": "squash"}, FeatureSpec)
    assert (spec.geometry, spec.central_fraction) == ("squash", 1.0)
