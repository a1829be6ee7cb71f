"""Shared fixtures; under the tests, every shape annotation is checked at run time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook
from safetensors.torch import load_file
from torch import Tensor

if TYPE_CHECKING:
    from askattend.metrics.wordnet import WordNet
    from askattend.runs.run_folder import Run

install_import_hook("askattend", "typechecking.checked")

# No test asserts a time, hypothesis' own deadline included.
settings.register_profile("askattend", deadline=None)
settings.load_profile("askattend")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command: exit status, standard output, standard error."""
    from askattend.cli import main  # once the hook is installed

    def call(*arguments: object) -> tuple[int, str, str]:
        status = 0
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@pytest.fixture
def install_package(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Path]]:
    """Puts a package of one module on the path, with one entry point, as pip would.

    Returns the folder, of which subprocesses must be told.
    """
    modules = []

    def install(module: str, source: str, *, group: str, name: str, value: str) -> Path:
        folder = tmp_path_factory.mktemp("site-packages")
        (folder / f"{module}.py").write_text(source)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(folder)
        modules.append(module)
        return folder

    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data; skips where it is absent, fails where it is required."""
    folder = (ROOT / os.environ.get("ASKATTEND_SHARED", "../shared")).resolve()
    if not folder.is_dir():
        reason = f"no test data at {folder} (set ASKATTEND_SHARED)"
        if os.environ.get("ASKATTEND_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def wordnet() -> WordNet:
    """This machine's WordNet; skips where it is absent, fails where all is required."""
    from askattend.errors import DataError  # once the hook is installed
    from askattend.metrics.wordnet import installed_wordnet

    try:
        return installed_wordnet()
    except DataError as error:
        if os.environ.get("ASKATTEND_REQUIRE_SHARED") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def log_file(shared: Path) -> Path:
    return shared / "golden" / "pytorch_vqa_log.pth"


@pytest.fixture(scope="session")
def features_file(shared: Path) -> Path:
    return shared / "golden" / "pytorch_vqa_features.h5"


@pytest.fixture(scope="session")
def saaa_reference(shared: Path) -> dict[str, Tensor]:
    """Inputs, weights and outputs of the network in `log_file`."""
    tensors: dict[str, Tensor] = load_file(shared / "golden" / "saaa_reference.safetensors")
    return tensors


@pytest.fixture
def log(log_file: Path) -> dict[str, Any]:
    """The golden log, to be spoilt."""
    content: dict[str, Any] = torch.load(log_file, weights_only=True)
    return content


@pytest.fixture(scope="session")
def imported(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden log, imported."""
    from askattend.importing.pytorch_vqa import import_log  # once the hook is installed

    return import_log(log_file, tmp_path_factory.mktemp("imported") / "run")
