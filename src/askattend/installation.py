"""How this very installation is completed or renewed, wherever it came from."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib import metadata
from pathlib import Path

PACKAGE = "askattend"
# What changing the project takes, and using it does not.
FOR_CONTRIBUTORS = frozenset({"dev", "docs"})


def pip_install(extra: str) -> str:
    """Return the command that installs an extra's packages beside this very installation.

    They are named one by one: that works for a clone, a wheel and an index alike, and leaves what
    is installed alone.
    """
    required = required_by(extra) or [f"{PACKAGE}[{extra}]"]
    return f"pip install {' '.join(map(shlex.quote, required))}"


def upgrade() -> str:
    """Say how to get a newer version, as a full sentence: where this one was installed from."""
    url = _installed_from()
    if url is None:
        return f"Upgrade it: pip install --upgrade {PACKAGE}."
    return f"Upgrade {PACKAGE}, which was installed from {url}."


def extras() -> list[str]:
    """List the extras that there are for users, in order."""
    try:
        names = metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        names = list(_extras_of_source())
    return sorted(set(names) - FOR_CONTRIBUTORS)


def required_by(extra: str) -> list[str]:
    """List what an extra requires: ``["h5py>=3.8"]``; empty where that is not known."""
    try:
        listed = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:  # run from its source, which says the same
        return _extras_of_source().get(extra, [])
    split = (requirement.partition(";") for requirement in listed)
    of_extra = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    return [name.strip() for name, _, marker in split if of_extra.search(marker)]


def _extras_of_source() -> dict[str, list[str]]:
    project = Path(__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        return {}
    told = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    found: dict[str, list[str]] = told["optional-dependencies"]
    return found


def _installed_from() -> str | None:
    """Return the folder or address that it was installed from; None if that was an index."""
    try:
        # PEP 610: pip writes it for whatever came from no index.
        text = metadata.distribution(PACKAGE).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return str(Path(__file__).parents[2])
    return None if text is None else str(json.loads(text).get("url", "")).removeprefix("file://")
