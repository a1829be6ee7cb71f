"""The documentation's snippets and the examples run, and say what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("page", ["from-paper-to-code.md", "your-own-attention.md"])
def test_snippets_run(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 4
    namespace: dict[str, Any] = {}
    for block in blocks:  # one after the other, as a reader would type them
        exec(compile(block, page, "exec"), namespace)


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_random_data_goes_through_the_parts() -> None:
    sizes = ["--batch-size", "3", "--grid", "2", "--region-dim", "5", "--answers", "7"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "random_data.py"), *sizes],
        capture_output=True,
        text=True,
        check=True,
    )
    for shape in ("3 × 4 × 5", "3 × 1024", "3 × 4 × 512", "3 × 2 × 4", "3 × 2 × 5", "3 × 1034"):
        assert shape in done.stdout
    assert "every map sums to 1: True" in done.stdout
    assert "the parts, one after the other, give what the whole network gives" in done.stdout
