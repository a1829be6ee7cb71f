"""Models of transformers', loaded by what their config.json says: they answer as by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from askattend.data.questions import QASet, Question
from askattend.data.readers.registry import read_source
from askattend.environment.hub import is_foreign
from askattend.errors import RunError
from askattend.foreign.loading import ForeignModel, load_foreign
from environment.pointing import point_to
from environment.stub_hub import Hub, running_hub
from foreign.models import ANSWERS, MODELS, save_vilt, spoil, transformers
from squares import write_squares

CPU, QUIET = torch.device("cpu"), Console(quiet=True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each class, not to be changed."""
    folder = tmp_path_factory.mktemp("models")
    for name, save in MODELS.items():
        save(folder / name)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> QASet:
    return read_source(f"table:{write_squares(tmp_path_factory.mktemp('squares'))}").split("test")


def ask(model: ForeignModel, questions: QASet) -> list[tuple[str, float | None]]:
    answers = [model.ask(questions, QUIET)([question])[0] for question in questions]
    return [(one.text, one.probability) for one in answers]


def picture(questions: QASet, question: Question) -> Image.Image:
    return Image.open(questions.images[question.image]).convert("RGB")


def test_vilt_chooses_as_by_itself(saved: Path, questions: QASet) -> None:
    folder = saved / "ViltForQuestionAnswering"
    own = transformers().ViltForQuestionAnswering.from_pretrained(folder).eval()
    processor = transformers().AutoProcessor.from_pretrained(folder)
    model = load_foreign(folder, device=CPU)
    assert model.known == ANSWERS
    for question, (text, probability) in zip(questions, ask(model, questions), strict=True):
        inputs = processor(picture(questions, question), question.text, return_tensors="pt")
        with torch.inference_mode():
            scores = own(**inputs).logits.sigmoid()[0]
        assert text == ANSWERS[int(scores.argmax())]
        assert probability == pytest.approx(float(scores.max()), abs=1e-5)
    # Several about one image together, padded: the same answers.
    first = [q for q in questions if q.image == questions.questions[0].image]
    assert len(first) == 2
    together = [(one.text, one.probability) for one in model.ask(questions, QUIET)(first)]
    assert [text for text, _ in together] == [text for text, _ in ask(model, questions)[:2]]


@pytest.mark.parametrize("name", ["BlipForQuestionAnswering", "LlavaForConditionalGeneration"])
def test_those_that_write_answer_as_by_themselves(name: str, saved: Path, questions: QASet) -> None:
    module, folder = transformers(), saved / name
    own = getattr(module, name).from_pretrained(folder).eval()
    processor = module.AutoProcessor.from_pretrained(folder)
    model = load_foreign(folder, device=CPU, max_tokens=3)
    assert (model.kind, model.known) == (name, None)
    for question, (text, probability) in zip(questions, ask(model, questions), strict=True):
        asked = question.text
        if name.startswith("Llava"):
            asked = (
                f"user : <image> {asked}\nAnswer the question using a single word or phrase. "
                "assistant : "
            )
        inputs = processor(images=picture(questions, question), text=asked, return_tensors="pt")
        inputs.pop("token_type_ids", None)  # which this tokenizer makes for every model
        made = own.generate(**inputs, max_new_tokens=3, do_sample=False)[0]
        shown = made[inputs["input_ids"].shape[1] :] if name.startswith("Llava") else made
        assert text == processor.decode(shown, skip_special_tokens=True).strip()
        assert probability is not None
        assert 0 < probability <= 1


def test_the_probability_is_that_of_the_words_in_turn(saved: Path, questions: QASet) -> None:
    """Each word's, given those before, by a pass of its own over the whole text."""
    folder = saved / "LlavaForConditionalGeneration"
    own = transformers().LlavaForConditionalGeneration.from_pretrained(folder).eval()
    processor = transformers().AutoProcessor.from_pretrained(folder)
    model = load_foreign(folder, device=CPU, prompt="{question}", max_tokens=3)
    question = questions.questions[0]
    ((_, probability),) = ask(model, questions)[:1]
    text = f"user : <image> {question.text} assistant : "
    inputs = processor(images=picture(questions, question), text=text, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    made = own.generate(**inputs, max_new_tokens=3, do_sample=False)
    start = inputs["input_ids"].shape[1]
    whole = {**inputs, "input_ids": made, "attention_mask": torch.ones_like(made)}
    with torch.inference_mode():
        logs = own(**whole).logits.float().log_softmax(dim=-1)[0]
    steps = [logs[at - 1, made[0, at]] for at in range(start, made.shape[1])]
    assert probability == pytest.approx(float(torch.stack(steps).sum().exp()), rel=1e-3)


def test_a_question_longer_than_it_can_read_is_cut_off(saved: Path, questions: QASet) -> None:
    long = Question("x", questions.questions[0].image, "is it red " * 50, (), "test")
    for name in ("ViltForQuestionAnswering", "BlipForQuestionAnswering"):
        model = load_foreign(saved / name, device=CPU, max_tokens=2)
        assert len(model.ask(questions, QUIET)([long])) == 1


def test_what_a_folder_is(saved: Path, tmp_path: Path) -> None:
    assert is_foreign(saved / "ViltForQuestionAnswering")
    assert not is_foreign(tmp_path)
    for name in ("config.toml", "config.json"):  # a run's goes first
        (tmp_path / name).touch()
    assert not is_foreign(tmp_path)
    assert not is_foreign(Path("demo"))


# --- mistakes -------------------------------------------------------------------------------------


def test_models_that_cannot_answer(tmp_path: Path) -> None:
    folder = save_vilt(tmp_path / "vilt")
    spoil(folder, model_type="vit", architectures=["ViTModel"])
    with pytest.raises(RunError, match=r"'vit' \(ViTModel\) answers no questions about pictures"):
        load_foreign(folder, device=CPU)
    spoil(folder, model_type="no-such-kind")
    with pytest.raises(RunError, match="transformers cannot load it"):
        load_foreign(folder, device=CPU)
    (folder / "config.json").write_text("[")
    with pytest.raises(RunError, match="transformers cannot load it"):
        load_foreign(folder, device=CPU)


def test_weights_that_are_not_there_are_not_made_up(tmp_path: Path) -> None:
    module = transformers()
    folder = save_vilt(tmp_path / "vilt")
    config = module.ViltConfig.from_pretrained(folder)
    module.ViltModel(config).save_pretrained(folder)
    with pytest.raises(RunError, match="would be random"):
        load_foreign(folder, device=CPU)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    folder = save_vilt(tmp_path / "vilt")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(RunError, match="safetensors"):
        load_foreign(folder, device=CPU)


def test_code_of_a_models_own_is_not_run(tmp_path: Path) -> None:
    folder = save_vilt(tmp_path / "vilt")
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Mine: pass")
    spoil(folder, model_type="mine", auto_map={"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"})
    with pytest.raises(RunError, match="transformers cannot load it"):
        load_foreign(folder, device=CPU)
    assert not (tmp_path / "ran").exists()


# --- the hub --------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    with running_hub() as hub:
        point_to(hub.address, tmp_path, monkeypatch)
        yield hub


def test_the_hub_is_asked_what_a_name_is(
    hub: Hub, saved: Path, questions: QASet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved / "ViltForQuestionAnswering"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    hub.files["ann/vilt"] = {**files, "pytorch_model.bin": b"x", "onnx/model.json": b"{}"}
    hub.files["ann/run"] = {"config.toml": b"", "config.json": b"{}"}
    assert is_foreign(Path("hf:ann/vilt"))
    assert not is_foreign(Path("hf:ann/run"))
    assert not [path for path in hub.asked if path.endswith(".safetensors")]
    model = load_foreign(Path("hf:ann/vilt"), device=CPU)
    assert ask(model, questions) == ask(load_foreign(folder, device=CPU), questions)
    assert model.name == "hf:ann/vilt"
    fetched = [path for path in hub.asked if path.endswith(".bin") or "onnx" in path]
    assert fetched == []
    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)  # it is on this machine
    assert is_foreign(Path("hf:ann/vilt"))
    assert load_foreign(Path("hf:ann/vilt"), device=CPU).mark == model.mark
    with pytest.raises(RunError, match="could not be reached"):
        is_foreign(Path("hf:ann/other"))
