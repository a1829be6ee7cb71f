"""A network of another package: one file and its entry point, and all of askattend does it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from PIL import Image

BILINEAR = '''
"""Bilinear attention (Kim, Jun & Zhang 2018), one map: a question against each region."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from askattend.models import ImageEncoding, Network, NetworkConfig, Output
from askattend.models.edited_attention import EditedAttention, edit
from askattend.models.kernels import expand_to_questions, matmul_dtype, softmax, weighted_sum
from askattend.models.symbols import Symbol
from askattend.settings import Positive

SCORES = Symbol("scores", "s^T U v_l", "1", "how well a region fits", "questions 1 regions")
ATTENTION = Symbol("attention", "p", "2", "softmax of the scores", "questions 1 regions")


@dataclass(frozen=True)
class BilinearConfig(NetworkConfig):
    """Widths of the network."""

    dim: Positive = 16
    """Width of a word's vector, and of the space that question and regions meet in."""


class Bilinear(Network):
    """The mean word asks, by a bilinear form; both are multiplied to answer."""

    name = "bilinear"
    maps_name = "map"

    def __init__(self, config: BilinearConfig, *, words: int, answers: int, region_dim: int):
        super().__init__()
        self.embedding = nn.Embedding(words, config.dim, padding_idx=0)
        self.attention = BilinearAttention(region_dim, config.dim)
        self.region = nn.Linear(region_dim, config.dim)
        self.classifier = nn.Linear(config.dim, answers)

    def encode_image(self, regions: Tensor) -> ImageEncoding:
        return ImageEncoding(regions.to(matmul_dtype(self.region.weight)))

    def encode_question(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.embedding(tokens).sum(dim=1) / lengths[:, None]

    def answer(
        self,
        image: ImageEncoding,
        question: Tensor,
        image_index: Tensor,
        edited: EditedAttention | None = None,
    ) -> Output:
        regions = expand_to_questions(image.regions, image_index)
        scores = SCORES(self.attention(regions, question))
        attention = ATTENTION(edit(softmax(scores), edited))
        attended = weighted_sum(attention, image.regions, image_index)
        logits = self.classifier(self.region(attended.squeeze(1)) * question.to(attended.dtype))
        return Output(logits, attention, scores, attended, question)

    @classmethod
    def config_type(cls) -> type[BilinearConfig]:
        return BilinearConfig


class BilinearAttention(nn.Module):
    """s^T U v_l at every region."""

    def __init__(self, region_dim: int, question_dim: int):
        super().__init__()
        self.form = nn.Linear(question_dim, region_dim, bias=False)

    def forward(self, regions: Tensor, question: Tensor) -> Tensor:
        return self.form(question)[:, None].to(regions.dtype) @ regions.transpose(1, 2)
'''


@pytest.fixture
def elsewhere(install_package: Callable[..., Path]) -> Path:
    """A folder in which the other package is installed, with questions about squares."""
    names = {"group": "askattend.networks", "name": "bilinear", "value": "bilinear:Bilinear"}
    folder = install_package("bilinear", BILINEAR, **names)
    rows = ["image,question,answer,split"]
    for number in range(24):
        colour = ("red", "green", "blue")[number % 3]
        Image.new("RGB", (64, 64), colour).save(folder / f"{number}.png")
        split = "train" if number < 18 else "test"
        rows.append(f"{number}.png,what colour is it?,{colour},{split}")
    (folder / "squares.csv").write_text("\n".join(rows) + "\n")
    return folder


def python(folder: Path, code: str) -> str:
    """What code prints in a process of its own, in which the other package is installed."""
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-W", "error", "-c", start + dedent(code)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def askattend(folder: Path, *commands: Sequence[str]) -> list[str]:
    """What commands print, one after the other, in one process."""
    code = f"""
    import contextlib, io, json
    from askattend.cli import main
    told = []
    for words in {[list(command) for command in commands]!r}:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
            main(words)
        told.append(out.getvalue())
    print(json.dumps(told))
    """
    told: list[str] = json.loads(python(folder, code))
    return told


def test_it_is_trained_evaluated_traced_and_asked(elsewhere: Path) -> None:
    train = "train bilinear --data table:squares.csv --out run --model.dim 24 --train.epochs 4"
    extract = "--extract.image-size 64 --train.learning-rate 0.05 --train.batch-size 6"
    of_run = ["--run", "run", "--image", "1.png", "--question", "what colour is it?", "--json"]
    _, evaluated, asked, explained, traced = askattend(
        elsewhere,
        [*train.split(), *extract.split()],
        ["evaluate", "run", "--json"],
        ["ask", "run", "1.png", "what colour is it?", "--json"],
        ["explain", "run", "1.png", "what colour is it?", "--json"],
        ["trace", *of_run],
    )
    assert 'network = "bilinear"' in (elsewhere / "run" / "config.toml").read_text()
    metrics = json.loads(evaluated)
    # Three colours, each seen in training; to answer always alike is right for a third.
    majority = metrics["floors"]["majority"]["accuracy"]
    assert (metrics["questions"], majority) == (6, pytest.approx(1 / 3))
    assert metrics["accuracy"] > 0.9
    assert (elsewhere / "run" / "evaluations" / "test" / "report.html").is_file()
    (answer,) = json.loads(asked)
    assert answer["answer"] == "green"
    assert sum(map(sum, answer["attention"]["values"][0])) == pytest.approx(1, abs=1e-3)
    layers = [lost["layer"] for lost in json.loads(explained)["lost_layers"]]
    assert (layers[0], layers[-1]) == ("classifier", "embedding")
    steps = {step["name"]: step for step in json.loads(traced)["steps"]}
    assert steps["scores"]["symbol"] == "s^T U v_l"
    assert steps["attention"]["sums_to_one"]


def test_its_attention_can_be_checked(elsewhere: Path) -> None:
    code = """
    import askattend, bilinear
    attention = bilinear.BilinearAttention(6, 4)
    report = askattend.check(attention, region_dim=6, question_dim=4, glimpses=1)
    print(report.ok)
    """
    assert python(elsewhere, code).strip() == "True"


def test_help_names_it(elsewhere: Path) -> None:
    for told in askattend(elsewhere, ["train", "--help"], ["trace", "--help"]):
        assert "• bilinear The mean word asks, by a bilinear form;" in " ".join(told.split())


BROKEN = """
from askattend.models.baselines import ImageOnly


class Other: ...


class Nameless(ImageOnly):
    name = ""
"""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("broken:Nothing", "cannot be imported (AttributeError"),
        ("nowhere:Nothing", "cannot be imported (ModuleNotFoundError"),
        ("broken:Other", "not Network"),
        ("broken:Nameless", "is called '' by its class, 'broken' by its entry"),
        ("askattend.models.saaa:SAAA", "is called 'saaa' by its class, 'broken' by its entry"),
    ],
)
def test_a_broken_network_is_named_where_it_is_used_and_nowhere_else(
    install_package: Callable[..., Path], value: str, message: str
) -> None:
    names = {"group": "askattend.networks", "name": "broken", "value": value}
    folder = install_package("broken", BROKEN, **names)
    # The command says so, too, and lists the others all the same.
    code = """
    import contextlib, io
    from askattend.cli import main
    from askattend.errors import ConfigError
    from askattend.models import SAAAConfig, model_name, network_named, networks
    print(sorted(networks()), model_name(SAAAConfig()))
    try:
        network_named("broken")
    except ConfigError as error:
        print(error)
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            main(["train", "broken", "--data", "scenes", "--out", "x"])
        except SystemExit as error:
            assert error.code == 2
    print(told.getvalue())
    """
    working, said, *told = python(folder, code).splitlines()
    assert working == "['image-only', 'question-only', 'saaa', 'san'] saaa"
    assert message in said
    assert "broken" in said
    assert message in "\n".join(told)
