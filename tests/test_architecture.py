"""Imports point one way, and the package is what its documentation says."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import askattend
from askattend.config import presets, read_preset

PACKAGE = Path(askattend.__file__).parent
# From the top down; a module imports from its own layer and those below.
LAYERS = (
    {"cli", "__main__"},
    {"experiment", "assessment", "importing"},
    {"feature_cache", "selection", "resuming", "trace", "trace_text"},
    {"config"},
    {"evaluation", "report", "drawing", "charts", "fonts", "predictor", "progression", "training"},
    {"sensitivity", "comparison"},
    {"systems"},
    {"scoring"},
    {"checkpoint"},
    {"answering"},
    {"optimisation", "placement", "graphs"},
    {"batches"},
    {"checking"},
    {"reliability", "grounding", "breakdown", "results"},
    {"models", "metrics", "vqa_accuracy", "wups", "features", "data"},
    {"settings", "devices", "costs", "files", "statistics", "wordnet", "errors", "byhand"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if file.parent.name != "presets"]


def imported(file: Path) -> set[str]:
    """The parts of the package that a module imports from, itself left out."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "askattend":
                names = [f"askattend.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("askattend.")}
    return found - {part(file)}


def part(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("file", [f for f in MODULES if f.name != "__init__.py"], ids=str)
def test_imports_point_down(file: Path) -> None:
    for other in imported(file):
        assert LEVEL[part(file)] <= LEVEL[other], f"{part(file)} imports {other}"


def test_networks_know_nothing_of_data_or_features() -> None:
    files = [file for file in MODULES if part(file) == "models"]
    assert len(files) > 4
    for file in files:
        assert imported(file) <= {"settings", "errors"}, file


def test_importing_is_quiet_and_leaves_optional_packages_alone(tmp_path: Path) -> None:
    code = (
        "import sys, askattend, askattend.cli.ask, askattend.cli.train, askattend.cli.importing\n"
        "print([n for n in ('transformers', 'easy_vqa', 'h5py', 'matplotlib.pyplot', 'tensorflow')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
    names = "askattend.byhand, askattend.cli, askattend.cli.score, askattend.cli.compare"
    quick = f"import sys, {names}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", quick], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert not list(tmp_path.iterdir())


def test_the_package_runs_as_the_command(tmp_path: Path) -> None:
    for arguments, status in (((), 0), (("askk",), 2)):
        command = [sys.executable, "-m", "askattend", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status
        assert (
            "Did you mean 'ask'?" in done.stderr if status else "askattend COMMAND" in done.stdout
        )


def test_public_names_exist() -> None:
    for name in askattend.__all__:
        assert getattr(askattend, name).__doc__


def test_presets_are_valid() -> None:
    assert presets()
    for name, file in presets().items():
        network = tomllib.loads(file.read_text())["network"]
        assert read_preset(name, network).tables()["network"] == network
        assert file.is_relative_to(PACKAGE)


def test_everything_in_the_package_goes_into_the_wheel() -> None:
    root = PACKAGE.parents[1]
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["src/askattend"]}
    # Hatch leaves out what git ignores, and nothing else.
    data = [file for file in PACKAGE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert set(presets().values()) <= set(data)
    ignored = subprocess.run(
        ["git", "-C", root, "check-ignore", *data], capture_output=True, text=True
    )
    assert ignored.stdout == ""
