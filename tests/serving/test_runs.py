"""Runs as they are served: their names, what is shared, and what is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from accepted import accept_run
from askattend.devices import AnsweringPrecision
from askattend.runs.predictor import Predictor
from askattend.serving.image_cache import CachedImage
from askattend.serving.images import read_picture
from askattend.serving.jobs import Ask
from askattend.serving.runs import ServedRun, _data_name, common_words, load_runs, unique_names
from askattend.tracing.trained_run import trace_predictor
from serving.test_answering import finish


@given(st.lists(st.sampled_from(["a", "b", "a-2", "b-2", "a-3"]), max_size=8))
def test_names_are_unique_and_keep_what_is_not_taken(names: list[str]) -> None:
    given_names = unique_names([Path(f"/runs/{n}/{name}") for n, name in enumerate(names)])
    assert len(set(given_names)) == len(names)
    for name, own in zip(given_names, names, strict=True):
        assert name == own or name.startswith(f"{own}-")
    if len(set(names)) == len(names):
        assert given_names == names


def test_common_words_say_something_by_themselves() -> None:
    words = ("<pad>", "<unk>", "is", "what", "the", "colour", "2nd-hand", "circle", "there")
    assert common_words(words) == ["what", "colour", "circle", "there"]
    assert common_words(words, most=2) == ["what", "colour"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("easy-vqa", "easy-vqa"),
        ("table:/home/somebody/shelves.csv", "table:shelves.csv"),
        ("daquar:/data/daquar,answers=single", "daquar:daquar"),
        ("scenes:images=2000,seed=0", "scenes:images=2000"),
        (None, None),
    ],
)
def test_data_is_named_without_its_folder(source: object, name: str | None) -> None:
    assert _data_name(source) == name


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_a_trace_is_in_the_precision_of_the_answers(
    precision: AnsweringPrecision, run: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ServedRun("run", Predictor.load(run, device="cpu", precision=precision))
    assert served.tracing_predictor is served.predictor
    image = Image.open(trained / "square 0.png")
    scene = served.predictor.look(image)
    traced = trace_predictor(
        served.predictor, "is it red?", lambda: [served.predictor.look(image).ask("is it red?")]
    )
    close = pytest.approx(scene.ask("is it red?").probability, abs=1e-3)
    assert traced.probability == close
    if precision != "int8":  # on a GPU there are no 8 bits
        monkeypatch.setattr(ServedRun, "device_type", "cuda")
        weights = next(ServedRun("gpu", served.predictor).tracing_predictor.model.parameters())
        assert (str(weights.dtype), weights.device.type) == (f"torch.{precision}", "cpu")


def test_a_run_of_other_features_sees_the_image_its_own_way(
    served: list[ServedRun], imported_like: Path, trained: Path
) -> None:
    others = load_runs([imported_like])
    runs = [served[0], *others]
    assert others[0].spec != served[0].spec
    content = (trained / "square 0.png").read_bytes()
    image = CachedImage(read_picture(content, [run.spec for run in runs], max_pixels=10_000))
    asks = [Ask(image, run, ["is it red?"]) for run in runs]
    finish(asks)
    for run, ask in zip(runs, asks, strict=True):
        expected = run.predictor.look(content).ask("is it red?")
        (answered,) = ask.future.result()
        assert answered.answer.probability == pytest.approx(expected.probability, abs=1e-3)
    assert len(image.regions) == 2


@pytest.fixture
def imported_like(own: Path) -> Path:
    """A run whose pictures are padded instead of squeezed."""
    folder = own / "runs" / "san"
    features = (folder / "features.json").read_text()
    assert '"squash"' in features
    (folder / "features.json").write_text(features.replace('"squash"', '"pad"'))
    accept_run(folder)
    return folder
