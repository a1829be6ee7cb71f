"""Logs of pytorch-vqa, imported: what they answer, what is recorded, and what is refused."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from askattend.data.vocab import PADDING, SHARED, WordVocab
from askattend.errors import DataError, FeatureError, RunError
from askattend.experiment.config import config_from
from askattend.features.spec import UNKNOWN
from askattend.importing.pytorch_vqa import import_log, our_names
from askattend.models import SAAAConfig
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.training.config import TrainConfig


def test_the_network_gives_the_reference_s_logits_and_attention(
    imported: Run, saaa_reference: dict[str, Tensor]
) -> None:
    predictor = Predictor.load(imported.folder, device="cpu")
    regions = saaa_reference["input.image_features"].flatten(2).transpose(1, 2)
    with torch.inference_mode():
        output = predictor.model(
            regions,
            saaa_reference["input.question_tokens"],
            saaa_reference["input.question_lengths"],
        )
    for ours, its in (
        (output.logits, saaa_reference["output.logits"]),
        (output.attention, saaa_reference["output.attention"]),
        (output.question, saaa_reference["output.question_state"]),
    ):
        torch.testing.assert_close(ours, its, rtol=1e-5, atol=1e-5)


def test_questions_in_words_give_what_their_indices_give(
    imported: Run, log: dict[str, Any], saaa_reference: dict[str, Tensor]
) -> None:
    """The reference's questions, spelt with the log's words, unknown ones and a double space."""
    word = {index: word for word, index in log["vocab"]["question"].items()} | {0: "unheard-of"}
    questions = [
        " ".join(word[index] for index in tokens[:length].tolist()).upper() + "?"
        for tokens, length in zip(
            saaa_reference["input.question_tokens"],
            saaa_reference["input.question_lengths"],
            strict=True,
        )
    ]
    predictor = Predictor.load(imported.folder, device="cpu")
    regions = saaa_reference["input.image_features"].flatten(2).transpose(1, 2)
    look = predictor.look_at(regions)
    answers = predictor.answer(look, range(len(questions)), questions, top=15)
    names = sorted(log["vocab"]["answer"], key=log["vocab"]["answer"].__getitem__)
    for position, answer in enumerate(answers):
        expected = saaa_reference["output.logits"][position].softmax(dim=0)
        given_ = dict(answer.top)
        torch.testing.assert_close(
            torch.tensor([given_[name] for name in names]), expected, rtol=1e-5, atol=1e-5
        )
        torch.testing.assert_close(
            answer.attention.flatten(1),
            saaa_reference["output.attention"][position],
            rtol=1e-5,
            atol=1e-5,
        )


def naive_words(question: str) -> list[str]:
    """The original's tokeniser, a character at a time."""
    words, word = [], ""
    kept = "".join(char.lower() for char in question) if question.isascii() else question.lower()
    for position, char in enumerate(kept):
        if position == len(kept) - 1:
            break
        if char == " ":
            words.append(word)
            word = ""
        else:
            word += char
    return [*words, word]


@given(st.text() | st.text("aB ?'\t\n", max_size=12), st.lists(st.text("ab'?", max_size=2)))
def test_words_are_divided_and_looked_up_as_there(question: str, known: list[str]) -> None:
    listed = tuple(dict.fromkeys(known))
    vocab = WordVocab((SHARED, *listed), tokeniser="pytorch-vqa")
    words = naive_words(question)
    assert vocab.tokenise(question) == words
    expected = [listed.index(word) + 1 if word in listed else 0 for word in words]
    assert vocab.encode(question) == expected
    assert len(expected) >= 1
    assert vocab.unlisted(question) == [word for word in words if word and word not in listed]


def test_unknown_words_and_the_last_character_are_named(imported: Run) -> None:
    predictor = Predictor.load(imported.folder, device="cpu")
    assert predictor.unknown_words("what COLOR is the  zebra?") == ["zebra"]
    assert predictor.unknown_words("what color is the table") == ["tabl"]
    assert imported.words.unknown == PADDING
    assert imported.words.remark("what is it?") is None
    assert "here 't'" in (imported.words.remark("what is it") or "")
    with pytest.raises(DataError, match="has no word in it"):
        predictor.need_words(["what is it?", "  ?"])


def test_row_0_of_the_embedding_stays_as_it_is(
    imported: Run, saaa_reference: dict[str, Tensor], tmp_path: Path
) -> None:
    expected = saaa_reference["state.text.embedding.weight"][0]
    assert expected.abs().max() > 0
    model = Run.load(imported.folder).load_model()
    embedding = model.get_parameter("encoder.embedding.weight")
    assert torch.equal(embedding[0], expected)
    tokens, lengths = torch.tensor([[0, 3, 0]]), torch.tensor([3])
    output = model(torch.rand(1, 25, 24), tokens, lengths)
    output.logits.sum().backward()
    gradient = embedding.grad
    assert isinstance(gradient, Tensor)
    assert gradient[0].abs().max() == 0  # frozen, also where training goes on
    assert gradient[3].abs().max() > 0


def test_the_run_says_what_the_log_says(imported: Run) -> None:
    run = Run.load(imported.folder)
    config = config_from(run.config, "saaa", where="config.toml")
    assert config.model == SAAAConfig(
        embedding_dim=12, question_dim=20, attention_dim=16, glimpses=2, hidden_dim=28
    )
    assert config.train == TrainConfig(
        epochs=50, batch_size=128, learning_rate=1e-3, lr_half_life=50_000, precision="float32"
    )
    assert (config.vocab.answers, config.extract.image_size) == (15, 160)
    assert "backbone" not in run.config["extract"]  # nobody said, and ours it was not
    assert (run.floors, run.words.tokeniser) == (None, "pytorch-vqa")
    spec = run.features
    assert (spec.rows, spec.columns, spec.region_dim) == (5, 5, 24)
    assert (spec.backbone, spec.fingerprint, spec.image_size) == (UNKNOWN, UNKNOWN, 160)
    assert (spec.geometry, spec.interpolation, spec.central_fraction) == (
        "centre-crop",
        "bilinear",
        0.875,
    )
    assert {file.name for file in run.folder.iterdir()} == {
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        *("best.safetensors", "origin.json", "manifest.json", ".manifest.lock"),
    }


def test_a_backbone_is_recorded_if_it_is_one(log_file: Path, tmp_path: Path) -> None:
    run = import_log(log_file, tmp_path / "run", backbone="hf:microsoft/resnet-152")
    assert Run.load(run.folder).features.backbone == "hf:microsoft/resnet-152"
    assert run.config["extract"]["backbone"] == "hf:microsoft/resnet-152"
    with pytest.raises(FeatureError, match="no backbone 'resnet'"):
        import_log(log_file, tmp_path / "other", backbone="resnet")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_log_without_prefix_or_settings_in_any_format(
    log: dict[str, Any], tmp_path: Path, zipped: bool
) -> None:
    weights = {name.removeprefix("module."): t for name, t in log["weights"].items()}
    content = {"weights": weights, "vocab": log["vocab"]}
    torch.save(content, tmp_path / "log.pth", _use_new_zipfile_serialization=zipped)
    run = import_log(tmp_path / "log.pth", tmp_path / "run")
    assert (run.features.rows, run.features.image_size) == (14, 0)  # the original's own grid
    state = run.load_model().state_dict()
    for name, tensor in our_names(weights).items():
        assert torch.equal(state[name], tensor)


WORDS, ANSWERS = 13_000, 3_000
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "text.embedding": lambda: nn.Embedding(WORDS + 1, 300, padding_idx=0),
    "text.lstm": lambda: nn.LSTM(300, 1024),
    "attention.v_conv": lambda: nn.Conv2d(2048, 512, 1, bias=False),
    "attention.q_lin": lambda: nn.Linear(1024, 512),
    "attention.x_conv": lambda: nn.Conv2d(512, 2, 1),
    "classifier.lin1": lambda: nn.Linear(2 * 2048 + 1024, 1024),
    "classifier.lin2": lambda: nn.Linear(1024, ANSWERS),
}


def weights_of_full_size() -> dict[str, Tensor]:
    """The original's layers, whose parameters are filled with a number each: their own."""
    with torch.device("meta"):
        parameters = {
            f"{name}.{key}": parameter.shape
            for name, layer in LAYERS.items()
            for key, parameter in layer().named_parameters()
        }
    return {
        name: torch.full(shape, float(number))
        for number, (name, shape) in enumerate(parameters.items())
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_log_of_full_size_layer_by_layer(tmp_path: Path, prefix: str) -> None:
    weights = weights_of_full_size()
    settings = {"image_size": 448, "output_size": 14, "output_features": 2048, "max_answers": 3000}
    vocab = {
        "question": {f"word{i}": i for i in range(1, WORDS + 1)},
        "answer": {f"answer {i}": i for i in range(ANSWERS)},
    }
    content = {
        "weights": {prefix + name: tensor for name, tensor in weights.items()},
        "vocab": vocab,
        "config": settings,
    }
    torch.save(content, tmp_path / "log.pth")
    run = import_log(tmp_path / "log.pth", tmp_path / "run")
    model = Run.load(run.folder).load_model()
    state = dict(model.named_parameters())
    assert len(state) == len(weights)
    for number, (name, tensor) in enumerate(our_names(weights).items()):
        assert (state[name].numel(), state[name].unique().tolist()) == (tensor.numel(), [number])
    assert sum(p.numel() for p in state.values()) == sum(t.numel() for t in weights.values())
    assert (run.features.regions, run.features.region_dim) == (196, 2048)
    assert (len(run.words), len(run.answers)) == (WORDS + 1, ANSWERS)
    assert SAAAConfig(**run.config["model"]) == SAAAConfig()  # its widths are the paper's


def test_other_places_and_contents_are_refused(tmp_path: Path, log_file: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        import_log(tmp_path / "log.pth", tmp_path / "run")
    with pytest.raises(RunError, match="a folder, not a file"):
        import_log(tmp_path, tmp_path / "run")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(RunError, match="holds a list, not a dictionary"):
        import_log(tmp_path / "list.pth", tmp_path / "run")
    import_log(log_file, tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already"):
        import_log(log_file, tmp_path / "run")
    with pytest.raises(RunError, match="is not a folder"):
        import_log(log_file, tmp_path / "list.pth")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(RunError, match="is a folder of something else"):
        import_log(log_file, tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    (tmp_path / "empty").mkdir()
    assert Run.load(import_log(log_file, tmp_path / "empty").folder).load_model()


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_half_way_leaves_nothing_in_the_way(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    out = tmp_path / "run"
    if there:
        out.mkdir()

    def full(run: Run) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", full)
        with pytest.raises(OSError, match="No space"):
            import_log(log_file, out)
    assert out.exists() == there
    assert import_log(log_file, out).load_model()
