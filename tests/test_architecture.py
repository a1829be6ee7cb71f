"""Imports point one way, and the package is what its documentation says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

import askattend
from askattend.experiment.config import presets, read_preset
from askattend.models import networks

PACKAGE = Path(askattend.__file__).parent
ROOT = PACKAGE.parents[1]
# From the top down: a folder, or a module of the root, imports from floors below its own alone.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"client", "serving"},
    {"exporting", "importing"},
    {"experiment", "explaining"},
    {"cluster", "report"},
    {"bulk", "evaluation", "planning", "tracing", "training"},
    {"attribution"},
    {"batching", "foreign", "runs", "scoring"},
    {"drawing"},
    {"checking", "metrics"},
    {"data", "features", "models"},
    {"native"},
    {"environment"},
    {"byhand", "devices", "installation", "registry", "settings"},
    {"files"},
    {"errors", "page", "presets"},
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# The public names, which are the whole package's, are on top of all.
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if file != PACKAGE / "__init__.py"]


def dotted(file: Path) -> tuple[str, ...]:
    """A module's name within the package: ``("models", "saaa")``; a folder's for its __init__."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


NAMES = {dotted(file) for file in MODULES}
LAZY = r"askattend(\.\w+)+:\w+"


def imported(file: Path, source: str | None = None) -> set[tuple[str, ...]]:
    """The package's modules that a module imports, also inside functions and for types alone.

    What a registry is to import by name counts, too: ``"askattend.features.hub:HUB"``.
    """
    found = set()
    for node in ast.walk(ast.parse(file.read_text() if source is None else source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            # What is imported may be a module itself.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and re.fullmatch(LAZY, str(node.value)):
            names = [str(node.value).replace(":", ".")]
        for name in names:
            first, *parts = name.split(".")
            if first == "askattend":
                whole = tuple(parts)
                found.add(whole if whole in NAMES else whole[:-1])
    assert () not in found, f"{file} imports a public name, and so the whole package"
    return found


def test_the_reader_of_imports_sees_all_kinds() -> None:
    source = """
import askattend.files
from askattend import byhand
from askattend.errors import DataError
from askattend.models import saaa
def later():
    from askattend.data.text import tokenise
OWN = {"hf": "askattend.features.hub:HUB"}
"""
    assert imported(PACKAGE / "files.py", source) == {
        ("files",),
        ("byhand",),
        ("errors",),
        ("models", "saaa"),
        ("data", "text"),
        ("features", "hub"),
    }
    with pytest.raises(AssertionError, match="the whole package"):
        imported(PACKAGE / "files.py", "from askattend import Predictor")


def test_the_docs_draw_the_same_floors() -> None:
    page = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = page.split("## Floors")[1].split("```")[1].strip().splitlines()
    assert [set(line.split(" · ")) for line in drawn] == list(FLOORS)


def test_each_part_has_a_floor() -> None:
    assert {name[0] for name in NAMES} == set(FLOOR)
    # Folders with one purpose each, and little beside them.
    assert len(list(PACKAGE.glob("*.py"))) <= 9


@pytest.mark.parametrize("file", MODULES, ids=lambda file: "/".join(dotted(file)))
def test_imports_go_strictly_down(file: Path) -> None:
    own = dotted(file)[0]
    for other in imported(file):
        assert other[0] == own or FLOOR[own] < FLOOR[other[0]], f"{own} imports {'.'.join(other)}"


def folder(name: tuple[str, ...]) -> tuple[str, ...]:
    return name if (PACKAGE.joinpath(*name)).is_dir() else name[:-1]


def test_no_folders_import_each_other_in_a_circle() -> None:
    """At any depth: `data` with `data.readers`, for example."""
    arrows: defaultdict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for file in MODULES:
        here = folder(dotted(file))
        arrows[here] |= {folder(other) for other in imported(file)} - {here, ()}
    assert len(arrows) > 15
    TopologicalSorter(arrows).prepare()  # which raises CycleError, and names the circle


def test_networks_know_nothing_of_data_or_features() -> None:
    files = [file for file in MODULES if dotted(file)[0] == "models"]
    used = {other[0] for file in files for other in imported(file)}
    assert used == {"models", "native", "registry", "settings", "errors"}


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


@pytest.mark.parametrize("name", askattend.__all__)
def test_public_names_are_documented(name: str) -> None:
    found = getattr(askattend, name)
    # A class inherits its base's docstring, and a dataclass without one gets its signature.
    own = vars(found).get("__doc__") if isinstance(found, type) else found.__doc__
    assert own
    assert not own.startswith(f"{name}(")


def test_public_names_are_listed_alike() -> None:
    """For type checkers, for those who ask at run time, and for ``import *``."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert homes == askattend._MODULES
    assert homes.keys() == set(askattend.__all__)
    listed = dir(askattend)
    assert {name for name in listed if not name.startswith("__")} == set(askattend.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Predicter'"):
        askattend.Predicter  # noqa: B018


def test_presets_keep_their_values() -> None:
    for name, file in presets().items():
        given = tomllib.loads(file.read_text())
        resolved = read_preset(name, given["network"]).tables()
        for key, value in given.items():
            if isinstance(value, dict):
                assert value.items() <= resolved[key].items(), name
            else:
                assert resolved[key] == value, name


def test_presets_that_are_named_exist() -> None:
    pages = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]
    found = (re.findall(r"--preset ([\w-]+)(?![\w.-])", page.read_text()) for page in pages)
    named = {name for names in found for name in names}
    assert "easy-vqa" in named
    assert named <= set(presets())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


def test_everything_in_the_package_goes_into_the_wheel(wheel: Path) -> None:
    files = [file for file in PACKAGE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    packed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    own = {f"askattend/{file.relative_to(PACKAGE).as_posix()}" for file in files}
    # The commit, which a wheel has no git to ask for, is written where there is one.
    assert packed - {"askattend/commit.txt"} == own


def test_the_wheel_tells_the_commit_that_it_was_built_from(wheel: Path, tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    ZipFile(wheel).extractall(tmp_path)
    code = "from askattend.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"askattend {askattend.__version__} (commit {head[:10]})\n"


def test_the_wheel_works_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    ZipFile(wheel).extractall(tmp_path)
    code = "import askattend; from askattend.cli import main; print(askattend.__file__); main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))
    for name in (*presets(), *networks()):
        assert name in done.stdout
