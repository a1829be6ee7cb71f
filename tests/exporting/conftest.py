"""One export of the run that comes with the package, for all tests of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from askattend.exporting.export import Export, export
from askattend.exporting.onnxruntime_web import cached


def onnxruntime_web() -> Path | None:
    """The package of npm's that a page needs, where this machine has it; tests fetch nothing."""
    named = Path(os.environ.get("ASKATTEND_ONNXRUNTIME_WEB") or cached())
    return named if named.exists() else None


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The demo's run, with its page where that can be made."""
    package = onnxruntime_web()
    out = tmp_path_factory.mktemp("exported") / "demo"
    form = "onnx" if package is None else "web"
    return export("demo", out, format=form, onnxruntime_web=package)
