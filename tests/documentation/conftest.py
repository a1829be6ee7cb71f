"""The site, built once for all tests of it and of the notebooks, which the build runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest

from documentation.pages import ROOT


class Site(NamedTuple):
    """A site that was built.

    Attributes:
        pages: the folder of its pages.
        runs: each notebook's file name → the notebook as it was run, with its outputs.
    """

    pages: Path
    runs: dict[str, Any]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the site with every warning an error; its notebooks run in kernels of their own."""
    folder, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("home")
    homes = ("ASKATTEND_CACHE", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    with pytest.MonkeyPatch.context() as patch:
        for name in homes:
            patch.setenv(name, str(home / name.lower()))
        options = ["-b", "html", "-W", "--keep-going", "-q"]
        cache = ["-D", f"nb_execution_cache_path={folder / 'runs'}"]
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", *options, *cache, ROOT / "docs", folder / "html"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return Site(folder / "html", dict(_runs(folder / "runs")))


def _runs(cache: Path) -> list[tuple[str, Any]]:
    """Return each notebook of docs/notebooks with the run of its code that is in the cache."""
    run = {_code(each): each for each in map(_read, cache.glob("executed/*/base.ipynb"))}
    files = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    return [(file.name, run[_code(_read(file))]) for file in files]


def _read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]


def _code(notebook: Any) -> tuple[str, ...]:
    return tuple(cell.source for cell in notebook.cells if cell.cell_type == "code")
