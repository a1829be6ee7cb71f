"""What pages show in Python works as shown, and README shows the roads of other pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from askattend.environment.hub import named_run
from askattend.runs.predictor import Predictor
from commands import Call
from documentation.pages import PAGES, ROOT, blocks, commands, read
from environment.pointing import point_to
from environment.stub_hub import Hub, running_hub
from squares import write_squares


@pytest.fixture(autouse=True)
def _with_what_the_pages_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's run and its drawing, by the names that pages give theirs."""
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    for name in ("docs/drawing.png", "photo.jpg", "picture.png", "drawing.png"):
        shutil.copy(ROOT / "docs" / "drawing.png", name)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as found:
        point_to(found.address, tmp_path, monkeypatch)
        yield found


def run(page: str, code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    demo = repr(str(named_run("demo")))
    exec(compile(code.replace('"runs/demo"', demo), page, "exec"), namespace)
    return namespace


def test_every_page_with_python_is_run() -> None:
    """Here, by tests/test_docs.py, or by tests/serving/test_docs.py."""
    here = {"docs/python.md", "docs/hub.md", "docs/reading-attention.md", "docs/data-sets.md"}
    elsewhere = {
        "docs/extending.md",
        "docs/from-paper-to-code.md",
        "docs/your-own-attention.md",
        "docs/serving.md",
    }
    assert {page for page in PAGES if blocks(page, "python")} == here | elsewhere


def test_in_python() -> None:
    (code,) = blocks("docs/python.md", "python")
    found = run("docs/python.md", code)
    assert found["answer"].text == "blue"
    assert [answer.text for answer in found["answers"]] == ["no", "yes"]
    assert Path("out.png").exists()
    assert "<html" in Path("page.html").read_text(encoding="utf-8")


def test_a_run_of_the_hub(trained: Path, hub: Hub) -> None:
    first, _ = blocks("docs/hub.md", "python")
    Predictor.load(trained / "runs" / "saaa").push_to_hub("our-team/shelves")
    before = hub.files["our-team/shelves"]
    run("docs/hub.md", first)
    assert Path("shelves-for-you/config.toml").exists()
    assert hub.files["our-team/shelves"].keys() == before.keys()
    assert "our-team/shelves" in hub.private


def test_any_source_as_a_data_set() -> None:
    pytest.importorskip("pyarrow")
    write_squares(Path()).rename("shelves.csv")
    (code,) = blocks("docs/data-sets.md", "python")
    found = run("docs/data-sets.md", code)
    assert [file.name[:4] for file in found["files"]] == ["trai", "test"]
    again = found["QASet"].from_source("parquet:shelves-data")
    assert again.questions == found["questions"].questions


def test_the_pipeline() -> None:
    code = blocks("docs/hub.md", "python")[-1]
    assert "pipeline(" in code
    vqa = run("docs/hub.md", code)["vqa"]
    best, second = vqa(image="drawing.png", question="what color is the shape?", top_k=2)
    (told,) = re.findall(r"'answer': '(\w+)'", code)[:1]
    assert best["answer"] == told
    assert best["score"] > second["score"]


def test_reading_attention() -> None:
    (code,) = blocks("docs/reading-attention.md", "python")
    explanation = run("docs/reading-attention.md", "import askattend\n" + code)["explanation"]
    assert explanation.best.maps.keys() >= {"grad_cam", "occlusion", "attention"}


def test_the_quick_start_answers_what_it_says(call: Call) -> None:
    shown = next(words for words in commands("docs/quick-start.md") if words[0] == "ask")
    status, out, err = call(*shown)
    assert (status, err) == (0, "")
    (told,) = blocks("docs/quick-start.md", "text")
    head = [line.partition(" (")[0].rstrip() for line in told.splitlines()]
    assert [line.partition(" (")[0].rstrip() for line in out.splitlines()] == head
    assert Path("out.png").exists()
    assert next(words for words in commands("README.md") if words[0] == "ask") == shown


def test_the_readme_shows_the_same_road() -> None:
    road = [words for words in commands("README.md") if words[0] in ("train", "ask", "pack")]
    there = list(commands("docs/own-pictures.md"))
    assert [words for words in road if words in there] == [
        words for words in road if words[1] != "demo"
    ]
    assert read("README.md").count("askattend serve") >= 1
