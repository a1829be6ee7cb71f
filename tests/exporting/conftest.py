"""One export of the run that comes with the package, for all tests of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from askattend.environment.packing import run_folder
from askattend.exporting.export import Export, export
from askattend.exporting.onnxruntime_web import cached
from askattend.runs.predictor import Predictor

# npm's package that a page needs, where this machine has it; tests fetch nothing.
PACKAGE = Path(os.environ.get("ASKATTEND_ONNXRUNTIME_WEB") or cached()).absolute()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's run, unpacked by the tests, since an evaluation calibrates a user's copy anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(tmp_path_factory.mktemp("cache")))
        return run_folder("demo")


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> Predictor:
    """The same, as it answers in the precision of its export."""
    return Predictor.load(demo_folder, precision="float32", device="cpu")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, demo_folder: Path) -> Export:
    """Its export, with the page where that can be made."""
    out = tmp_path_factory.mktemp("exported") / "demo"
    if not PACKAGE.exists():
        return export(demo_folder, out)
    return export(demo_folder, out, format="web", onnxruntime_web=PACKAGE)
