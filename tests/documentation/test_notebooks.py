"""The notebooks run from a clean kernel, without a network, and say what the pages say."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from documentation.conftest import Site
from documentation.pages import ROOT, blocks, read

# With the site's tests in one process: building it runs the notebooks.
pytestmark = pytest.mark.xdist_group("site")
FOLDER = ROOT / "docs" / "notebooks"
STEP_BY_STEP, OWN_TABLE, EVIDENCE = NAMES = tuple(
    sorted(file.name for file in FOLDER.glob("*.ipynb"))
)


def notebook(name: str) -> Any:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


def code(name: str) -> str:
    return "\n".join(cell.source for cell in notebook(name).cells if cell.cell_type == "code")


def printed_by(run: Any) -> str:
    """Return what a notebook printed; beside that it may complain of nothing."""
    outputs = [o for cell in run.cells if cell.cell_type == "code" for o in cell.outputs]
    errors = [o.text for o in outputs if o.get("name") == "stderr"]
    # Matplotlib says so once on a machine.
    assert not [text for text in errors if "font cache" not in text]
    return "".join(o.text for o in outputs if o.get("name") == "stdout")


@pytest.mark.slow
def test_attention_step_by_step(site: Site) -> None:
    printed = printed_by(site.runs[STEP_BY_STEP])
    told = next(text for text in blocks("docs/your-own-attention.md", "text") if "behaves" in text)
    shown = printed[printed.index("MyAttention for SAAA") :].replace("the same attention", "…")
    assert doctest.OutputChecker().check_output(told + "...", shown, doctest.ELLIPSIS)
    for line in (
        "s (2, 1024) questions × ",
        "v̂ (2, 196, 32) ",
        "h (2, 196, 512) ",
        "F (2, 2, 196)",
    ):
        assert f"\n{line}" in printed
    for line in ("α (2, 2, 196) ", "x (2, 2, 32) ", "logits (2, 5)", "V (196, 32)", "H (196, 512)"):
        assert f"\n{line}" in printed
    assert printed.endswith("the same attention and the same answers\n")


@pytest.mark.slow
def test_your_own_table(site: Site) -> None:
    printed = printed_by(site.runs[OWN_TABLE])
    assert re.search(r"^\d+% of 12 questions\n33% most common answer$", printed, re.MULTILINE)
    assert "runs/discs/evaluations/test/report.html True" in printed
    assert " times uniform" in printed
    (map_,) = [c for c in site.runs[OWN_TABLE].cells if 'Image.open("map.png")' in c.source]
    assert any("image/png" in output.get("data", {}) for output in map_.outputs)


@pytest.mark.slow
def test_what_attention_tells(site: Site) -> None:
    printed = printed_by(site.runs[EVIDENCE])
    assert printed.startswith("blue ")
    assert "attention and grad_cam: " in printed
    assert "the shape is what color? → " in printed
    assert "page.html True" in printed


def test_a_kernel_has_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[[], list[str]]
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    some = notebook(STEP_BY_STEP)
    del some.cells[1:]
    source = "import socket\nsocket.create_connection(('192.0.2.1', 80))"
    some.cells = [nbformat.v4.new_code_cell(source)]  # type: ignore[no-untyped-call]
    with pytest.raises(CellExecutionError, match="NetworkForbidden"):
        NotebookClient(some, timeout=300, kernel_name="python3").execute()
    assert refused() == ["socket.connect 192.0.2.1"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_kept_without_outputs(name: str) -> None:
    """Those would be a picture of somebody's machine, and every run another change."""
    found = notebook(name)
    nbformat.validate(found)
    for cell in found.cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)
    assert found.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("name", NAMES)
def test_their_links_lead_somewhere(name: str) -> None:
    text = "\n".join(cell.source for cell in notebook(name).cells if cell.cell_type == "markdown")
    found = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert found
    assert all((FOLDER / target).is_file() for target in found)
    assert f"(notebooks/{name})" in read("docs/notebooks.md")


def test_they_say_what_the_pages_say() -> None:
    """The same code, where a page has it."""
    shown = blocks("docs/your-own-attention.md", "python")
    (module,) = {text for text in shown if text.count("class MyAttention") and "v_conv = " in text}
    first, by_numpy, *_ = blocks("docs/from-paper-to-code.md", "python")
    for text in (first, module, by_numpy.partition("\n\nloss")[0]):
        assert text.strip() in code(STEP_BY_STEP)
    (discs,) = [text for text in shown if "questions.csv" not in text and '"runs/discs"' in text]
    loop = discs[discs.index("rows = []") : discs.index("\n\npredictor")]
    assert loop in code(OWN_TABLE)
    for line in ('"runs/discs"', 'predictor.look("pictures/40.png")', "answer.overlay().save"):
        assert line in code(OWN_TABLE)
        assert line in discs
    (evidence,) = blocks("docs/reading-attention.md", "python")
    assert evidence[: evidence.index("\n)\n")] in code(EVIDENCE)
