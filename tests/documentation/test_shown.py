"""Every block of every page is run or checked, or named with the reason why it is not."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from askattend.environment.hub import named_run
from commands import SMALL, Call
from documentation import world
from documentation.pages import PAGES, ROOT, blocks, read
from documentation.shown import (
    DIRECTIVE,
    LINES_NOT_RUN,
    OTHER_BLOCKS,
    SHELL,
    every_block,
    every_line,
    lines_to_run,
    other_block,
    why_not_run,
)
from environment.pointing import point_to
from environment.stub_hub import running_hub

RUN = lines_to_run()


@pytest.fixture(scope="module")
def built(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world.build(folder, trained)
    return folder


@pytest.fixture
def run_line(
    built: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Run a line in a folder with what it names, made small; return what it printed."""
    work = Path(shutil.copytree(built, tmp_path / "work"))
    monkeypatch.chdir(work)
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))

    def run(line: str) -> str:
        program, *words = shlex.split(line)
        assert program == "askattend", line
        status, out, err = call(*made_small(words))
        assert status == 0, f"{line}\n{err}"
        return out

    return run


def made_small(words: list[str]) -> list[str]:
    """Change a command so that it takes a second or two: what it writes anew may be there."""
    name = words[0]
    if name in ("train", "extract", "predict") and "--out" in words:
        shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
    if name == "train":
        hidden = ("--model.hidden-dim", "16") if words[1] == "saaa" else ()
        backbone = ("--extract.backbone", "efficientnet-lite2")  # presets name one of the hub
        return [*words, *SMALL, *hidden, *backbone, "--seeds", "1"]
    if name == "predict":
        return [*words, "--workers", "0"]
    if name == "extract":
        return [*words, "--image-size", "64"]
    if name == "serve":  # which would not end
        return [*words, "--openapi"]
    return words


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_commands_work(
    page: str, run_line: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub() as hub:
        point_to(hub.address, tmp_path, monkeypatch)
        for table in blocks(page, "csv"):
            Path("shelves.csv").write_text(table, encoding="utf-8")
        for line in RUN[page]:
            run_line(line)


def test_every_block_is_run_checked_or_named() -> None:
    for block in every_block():
        known = block.language in SHELL or DIRECTIVE.fullmatch(block.language)
        assert known or other_block(block), f"{block.page}: nobody runs {block.code[:70]!r}"
    for line in every_line():
        ours = line.text.lstrip().startswith("askattend ")
        assert ours or why_not_run(line.text), f"{line.page}: nobody runs {line.text!r}"


def test_most_commands_are_run() -> None:
    run = {line for lines in RUN.values() for line in lines}
    assert len(run) > 30
    commands = {line.split()[1] for line in run}
    assert commands >= {"ask", "evaluate", "explain", "extract", "pack", "plan", "predict", "push"}
    assert commands >= {"score", "serve", "trace", "train", "verify"}


def test_no_reason_is_out_of_date() -> None:
    """Each is of a line or a block that there is, and the tests that it names are there."""
    every = every_line()
    for part in LINES_NOT_RUN:
        assert any(part in line.text for line in every), part
    found = {other_block(block) for block in every_block()}
    assert found >= OTHER_BLOCKS.keys()
    for reason in (*LINES_NOT_RUN.values(), *OTHER_BLOCKS.values()):
        for word in reason.split():
            if word.startswith("tests/"):
                assert (ROOT / word.rstrip(",;:")).is_file(), word


def test_what_runs_a_block_names_its_page() -> None:
    for (page, _, _), by in OTHER_BLOCKS.items():
        if by.startswith("tests/") and "zh-CN" not in page:
            text = (ROOT / by).read_text(encoding="utf-8")
            assert Path(page).name in text, f"{by} does not read {page}"


@pytest.mark.parametrize("page", PAGES)
def test_no_fence_is_overlooked(page: str) -> None:
    """Of indented fences, or others than three backticks, nothing would be run."""
    lines = [line for line in read(page).splitlines() if line.lstrip().startswith(("```", "~~~"))]
    assert all(line.startswith("```") for line in lines)
    assert len(lines) == 2 * len([block for block in every_block() if block.page == page])


def test_a_line_that_nobody_runs_is_noticed() -> None:
    assert why_not_run("nc -l 80") == []
    assert why_not_run("pip install .") == ["pip install"]
    assert str(named_run("demo")).endswith("demo.zip")
