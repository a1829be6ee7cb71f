"""Shared fixtures; under the tests, every shape annotation is checked at run time."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# With as many processes as cores, more threads would wait for one another. Torch reads it once.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import torch
from hypothesis import Phase, settings
from safetensors.torch import load_file
from torch import Tensor

from commands import Call, train_command

# In a process of pytest-xdist, which was started with it on the path, Python has imported it.
if hasattr(sys.modules.get("sitecustomize"), "NetworkForbidden"):
    sys.modules["no_network.sitecustomize"] = sys.modules["sitecustomize"]
from no_network import sitecustomize as no_network
from squares import write_squares
from typechecking import check_all

if TYPE_CHECKING:
    from askattend.metrics.wordnet import WordNet
    from askattend.runs.run_folder import Run

# Triton reads it once, when it is imported first, whoever does that.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# A shell's background job ignores Ctrl-C from the start, and pressing it is what some tests do.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as nohup has it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

check_all("askattend")

# Loaded before any test has a cache of its own, into which they would be compiled once more.
importlib.import_module("askattend.native.library").library()

# No test asserts a time, hypothesis' own deadline included.
settings.register_profile("askattend", deadline=None)
# For thousands of mutants: a failing example is enough, and need not be made simple.
settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
    database=None,
    derandomize=True,
)
BY_MUTMUT = "MUTANT_UNDER_TEST" in os.environ
settings.load_profile("mutants" if BY_MUTMUT else "askattend")

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Cut the network for all tests, and for the commands that they start."""
    if BY_MUTMUT:  # it forks for each mutant: collecting would copy the memory of all
        gc.disable()
    # Processes that the tests start need not compile the package again, each of them.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(tempfile.mkdtemp(prefix="askattend-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder))
    os.environ[no_network.LOG] = str(folder / "network.log")
    paths = (str(Path(no_network.__file__).parent), os.environ.get("PYTHONPATH"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    no_network.forbid()


@pytest.fixture(autouse=True)
def refused() -> Iterator[Callable[[], list[str]]]:
    """Fails a test in which anybody tried to reach another host.

    What the tests themselves try is taken off the list by calling it.
    """

    def take() -> list[str]:
        log = Path(os.environ[no_network.LOG])
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    yield take
    assert take() == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, where they share its fixtures; the slowest come first."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember whose code may be run in a folder of the tests' own."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def _disk() -> Iterator[None]:
    """Do not wait for the disk: only a power failure would show what waiting is for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # of which a closed file is as much a mistake
        yield


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


@pytest.fixture(scope="session")
def one_draw() -> Iterator[None]:
    """Have evaluations measure lost training by one draw, which is the slowest of their figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("askattend.evaluation.figures.lost_training.DRAWS", 1)
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, one_draw: None) -> Iterator[Path]:
    """A folder with squares.csv and, under runs/, a run of each attention network.

    All tests share it, so none may change it: `own` is a copy for those that do.
    """
    from askattend.cli import main  # once the hook is installed

    folder = tmp_path_factory.mktemp("squares")
    table = write_squares(folder)
    for network in ("saaa", "san"):
        main(train_command(network, table, folder / "runs" / network))
    before = _contents(folder)
    yield folder
    assert _contents(folder) == before, "a test has changed the runs that all share"


def _contents(folder: Path) -> dict[Path, tuple[int, int]]:
    # A store notes which image files it has looked at, and once more when they are no longer new.
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".seen")
    return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in files}


@pytest.fixture(scope="session")
def run(trained: Path) -> Path:
    """A small trained run of SAAA, not to be changed."""
    return trained / "runs" / "saaa"


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` to evaluate in, or to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "own"))


@pytest.fixture
def untrained(tmp_path: Path) -> Run:
    """A run of a small SAAA before its training, to be spoilt."""
    from small_networks import untrained_run  # once the hook is installed

    return untrained_run(tmp_path / "run")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call a command: exit status, standard output, standard error."""
    from askattend.cli import main  # once the hook is installed

    def command(*words: object) -> tuple[int, str, str]:
        status = 0
        capsys.readouterr()
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            status = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return command
