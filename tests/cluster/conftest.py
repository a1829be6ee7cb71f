"""One cluster of this machine alone, which all tests of Ray share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


# Where Ray's processes find this checkout and the tests' own tasks. Without what cuts the network
# for tests: Ray asks which cloud it runs in.
PATHS = os.pathsep.join(str(ROOT / name) for name in ("src", ".", "tests"))


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that tests start be as Ray's processes are."""
    monkeypatch.setenv("PYTHONPATH", PATHS)


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray, joined by this process."""
    pytest.importorskip("ray")
    from askattend.cluster.session import import_ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        ray = import_ray()
        with pytest.MonkeyPatch.context() as starting:
            starting.setenv("PYTHONPATH", PATHS)
            ray.init(
                address="local",
                num_cpus=2,
                include_dashboard=False,
                object_store_memory=100 * 2**20,
                log_to_driver=False,
                logging_level="ERROR",
            )
        yield ray
        ray.shutdown()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures that take a moment to decode, and one that is broken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(23):
        colour = (number * 11, 255 - number * 11, 99)
        Image.new("RGB", (900, 900), colour).save(folder / f"{number:02}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.txt"
    file.write_text("is it red?\nWhat colour is it?\n")
    return file
