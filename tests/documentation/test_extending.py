"""The package that docs/extending.md shows, installed as it stands there, and its commands."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from PIL import Image

from askattend.data.readers.registry import READERS
from askattend.evaluation.figures import FIGURES
from askattend.features.backbones import BACKBONES
from askattend.models import networks
from commands import Call
from documentation.pages import ROOT, blocks, commands, read

PAGE = "docs/extending.md"
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", read(PAGE), re.MULTILINE | re.DOTALL))
POINTS: dict[str, dict[str, str]] = tomllib.loads(FILES["pyproject.toml"])["project"][
    "entry-points"
]
COLOURS = ("red", "green", "blue")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with questions, in which the page's package is installed from a wheel of it."""
    source, site, work = (tmp_path / name for name in ("source", "site-packages", "work"))
    for folder in (source, site, work):
        folder.mkdir()
    for name, content in FILES.items():
        (source / name).write_text(content, encoding="utf-8")
    (wheel,) = WheelBuilder(str(source)).build(directory=str(tmp_path), versions=["standard"])
    ZipFile(wheel).extractall(site)
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(work)
    lines = []
    for number in range(24):
        colour = COLOURS[number % 3]
        name = f"{colour}.png" if number < 3 else f"{number}.png"
        Image.new("RGB", (40, 40), colour).save(name)
        lines.append(f"{name} | what colour is it? | {colour}\n")
    Path("questions.txt").write_text("".join(lines), encoding="utf-8")
    networks.cache_clear()
    yield work
    networks.cache_clear()
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_all_four_are_in_files_of_their_own() -> None:
    assert FILES.keys() == {
        "pyproject.toml", "my_network.py", "my_reader.py", "my_backbone.py", "my_figure.py"
    }  # fmt: skip
    registries = (READERS, BACKBONES, FIGURES)
    assert POINTS.keys() == {"askattend.networks", *(registry.group for registry in registries)}
    named = re.findall(
        r"^\| .*?`(askattend\.\w+)` \| a (?:file|line) in \[`(\w+)`\]", read(PAGE), re.M
    )
    assert {group for group, _ in named} == POINTS.keys()


def test_the_commands_of_the_page_use_all_of_it(installed: Path, call: Call) -> None:
    train, evaluate, ask = [words for words in commands(PAGE) if len(words) > 1][:3]
    small = ("--train.epochs", "20", "--train.learning-rate", "0.05", "--seeds", "1")
    status, _, err = call(*train, *small, "--train.batch-size", "6", "-q")
    assert (status, err) == (0, "")
    settings = tomllib.loads(Path("runs/mine/config.toml").read_text(encoding="utf-8"))
    assert settings["network"] == "product"
    assert settings["data"] == f"lines:{installed / 'questions.txt'}"
    assert settings["extract"]["backbone"] == "colours"

    status, out, err = call(*evaluate)
    assert status == 0, err
    assert "favourite answer: " in out
    place = Path("runs/mine/evaluations/test")
    metrics = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["questions"] == 6
    assert metrics["accuracy"] > 0.9
    assert metrics["favourite"]["share"] == pytest.approx(1 / 3)
    assert "Favourite answer" in (place / "report.html").read_text(encoding="utf-8")

    status, out, err = call(*ask)
    assert (status, out.split()[4]) == (0, "red"), err
    status, out, _ = call("explain", *ask[1:], "--json")
    assert status == 0
    assert json.loads(out)["lost_layers"][0]["layer"] == "classifier"

    (metric,) = [code for code in blocks(PAGE, "python") if "askattend.evaluate" in code]
    namespace: dict[str, Any] = {}
    exec(compile(metric, PAGE, "exec"), namespace)
    assert namespace["evaluation"].metrics.figures["same letter"] > 0.9


def test_help_and_messages_know_them(installed: Path, call: Call) -> None:
    assert "• product" in call("train", "--help")[1]
    assert "image | question | answer, a line each" in call("data", "--help")[1]
    status, _, err = call("extract", "lines:questions.txt", "--out", "x", "--backbone", "colour")
    assert status == 2
    assert "Did you mean 'colours'?" in err
    (installed / "questions.txt").write_text("a.png | what?\n", encoding="utf-8")
    status, _, err = call("data", "lines:questions.txt")
    assert status == 2
    assert "line 1: not three cells. Write image | question | answer." in err


def test_what_the_page_calls_public_is_there() -> None:
    """Whatever its examples import."""
    found = [
        (module, name.strip())
        for code in FILES.values()
        for module, names in re.findall(r"^from (askattend[\w.]*) import (.+)$", code, re.M)
        for name in names.split(",")
    ]
    assert len(found) > 12
    for module, name in found:
        assert hasattr(import_module(module), name), f"{module}.{name}"
    assert (ROOT / "src" / "askattend" / "py.typed").is_file()
