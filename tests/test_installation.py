"""How to complete an installation, wherever it came from."""

from __future__ import annotations

import shlex
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from askattend import installation
from askattend.installation import FOR_CONTRIBUTORS, extras, pip_install, upgrade
from tools import in_venv

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIRED = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
EXTRAS = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
HEADER = "Metadata-Version: 2.4\nName: askattend\nVersion: 1\n"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    """Make a distribution of two extras, as pip would have left it."""
    info = folder / "askattend-1.dist-info"
    info.mkdir()
    required = ("h5py>=3.8; extra == 'hdf5'", 'pyarrow>=15; extra == "words"', "torch>=2")
    lines = "".join(f"Requires-Dist: {each}\n" for each in required)
    (info / "METADATA").write_text(HEADER + lines)
    if url is not None:
        (info / "direct_url.json").write_text(f'{{"url": "{url}", "dir_info": {{}}}}')
    found = metadata.Distribution.at(info)
    monkeypatch.setattr(metadata, "distribution", lambda name: found)
    monkeypatch.setattr(metadata, "requires", lambda name: found.requires)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("file:///home/me/askattend", "which was installed from /home/me/askattend."),
        ("https://example.org/askattend-1.whl", "installed from https://example.org/askattend-1"),
        (None, "pip install --upgrade askattend."),
    ],
)
def test_an_installation(
    url: str | None, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, url)
    assert pip_install("hdf5") == "pip install 'h5py>=3.8'"
    assert pip_install("words") == "pip install 'pyarrow>=15'"
    assert remedy in upgrade()


@pytest.mark.parametrize("extra", EXTRAS)
def test_run_from_its_source(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    monkeypatch.setattr(metadata, "distribution", missing)
    assert shlex.split(pip_install(extra)) == ["pip", "install", *EXTRAS[extra]]
    assert str(PROJECT.parent) in upgrade()
    assert set(extras()) == EXTRAS.keys() - FOR_CONTRIBUTORS
    monkeypatch.setattr(installation, "__file__", "/nowhere/at/all/installation.py")
    assert pip_install("hdf5") == "pip install 'askattend[hdf5]'"


def test_the_oldest_versions_that_are_tested_are_the_ones_allowed() -> None:
    """All that a user installs, but for PyTorch: of an old one there is no CPU build on PyPI."""
    assert set(in_venv.EXTRAS.split(",")) == EXTRAS.keys() - FOR_CONTRIBUTORS
    users = [needed for extra, needed in EXTRAS.items() if extra not in FOR_CONTRIBUTORS]
    allowed = dict(each.split(">=") for needed in (REQUIRED, *users) for each in needed)
    lines = (PROJECT.parent / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    del allowed["torch"], pins["torch"]
    assert allowed == {name: pins.get(name) for name in allowed}


def test_the_demo_installs_no_developers_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((PROJECT.parent / name).read_bytes())
    monkeypatch.setattr(in_venv, "ROOT", tmp_path)
    venv, commands = in_venv.chosen(["--demo", "a", "b"])
    assert (venv.name, venv.needed[-1], commands) == (".venv-demo", ".[demo]", ["a", "b"])
    stamp = in_venv.NEWEST.folder / in_venv.STAMP
    stamp.parent.mkdir()
    stamp.write_text("of an older pyproject.toml")
    assert in_venv.chosen(["--demo", "a"])[0] is in_venv.DEMO
    stamp.write_text(in_venv._digest(in_venv.NEWEST))
    assert in_venv.chosen(["--demo", "a"]) == (in_venv.NEWEST, ["a"])
    assert in_venv.chosen(["a"])[0] is in_venv.NEWEST
    assert in_venv.chosen(["--oldest", "a"])[0] is in_venv.OLDEST


def test_nothing_names_an_index_that_has_no_such_package() -> None:
    root, package = PROJECT.parent, Path(installation.__file__).parent
    pages = (root / "README.md", *(root / "docs").glob("*.md"), *(root / "examples").glob("*.py"))
    for file in (*package.rglob("*.py"), *package.rglob("*.html"), *pages):
        assert "askattend[" not in file.read_text(encoding="utf-8"), file
