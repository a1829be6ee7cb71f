"""What stands around the code is valid, complete, and of this version."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import jsonschema
import pytest
import yaml
from PIL import Image

from askattend.environment.provenance import version
from documentation.pages import ROOT, blocks, read
from tools import demo_pictures, release

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Citation File Format 1.2.0's schema (Druskat et al., CC BY 4.0), without its descriptions.
SCHEMA = Path(__file__).parent / "cff-1.2.0.schema.json"


def yaml_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return found


def test_the_citation_is_valid_and_of_this_version() -> None:
    citation = yaml_of("CITATION.cff")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(citation, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(citation | {"licence": "Apache-2.0"}, schema)
    assert citation["version"] == PROJECT["version"] == version().partition("+")[0]
    assert citation["license"] == PROJECT["license"]
    (first, papers) = blocks("docs/citing.md", "bibtex")
    assert f"{{{citation['version']}}}" in first
    for paper in citation["references"]:
        assert paper["title"] in papers
        assert all(author["family-names"] in papers for author in paper["authors"])


def test_third_party_notices_name_all_that_is_installed() -> None:
    extras = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *(n for e, ns in extras.items() if e != "dev" for n in ns)]
    rows = [line for line in read("docs/third-party.md").splitlines() if line.startswith("|")]
    named = {name for row in rows for name in re.findall(r"[\w-]+", row)}
    assert {re.split(r"[>=\[; ]", each)[0] for each in needed} <= named


def test_hooks_are_what_the_tests_run() -> None:
    repository = yaml_of(".pre-commit-config.yaml")["repos"][0]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in repository["hooks"]:
        tool, _, command = hook["entry"].removeprefix(".venv/bin/").partition(" ")
        assert f"'{tool} {command.split()[0]} " in makefile if command else f"'{tool}'" in makefile


def test_issue_templates_are_forms() -> None:
    for name in ("bug", "question"):
        form = yaml_of(f".github/ISSUE_TEMPLATE/{name}.yml")
        assert form.keys() == {"name", "description", "labels", "body"}
        for part in form["body"]:
            assert part["type"] == "textarea"
            assert part["attributes"]["label"]


def test_the_drawing_is_what_its_program_draws() -> None:
    with Image.open(ROOT / "docs" / "drawing.png") as kept:
        assert kept.tobytes() == demo_pictures.drawing().tobytes()


def test_a_release_is_built_checked_and_answers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """All of `make release` but fetching: the wheel is unpacked beside the tests' own packages."""
    assert release.main(["--out", str(tmp_path / "dist"), "--no-install"]) == 0
    source, wheel = sorted((tmp_path / "dist").iterdir(), key=lambda file: file.suffix)
    assert capfd.readouterr().out.count("PASSED") == 2
    unpacked = tmp_path / "installed"
    ZipFile(wheel).extractall(unpacked)
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    release.ask([sys.executable, "-m", "askattend"], tmp_path, environment)
    assert "blue" in capfd.readouterr().out
    with pytest.raises(subprocess.CalledProcessError):
        release.check(
            [source.rename(source.with_name("askattend-1.tar.gz")), tmp_path / "none.whl"]
        )
