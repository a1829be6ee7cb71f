"""Generated scenes that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.questions import QASet
from askattend.data.readers.scenes import read_scenes
from askattend.data.scenes.generate import compose_all
from askattend.data.scenes.recipe import Recipe
from askattend.data.scenes.scene import (
    GeneratedScene,
)

RECIPE = "images=200,seed=3,size=48"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(cache))


@pytest.fixture(scope="module")
def qaset(cache: Path) -> QASet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(cache))
        return read_scenes(RECIPE)


@pytest.fixture(scope="module")
def scenes() -> dict[str, GeneratedScene]:
    return {f"3/{i}": scene for i, scene in enumerate(compose_all(Recipe.parse(RECIPE)))}
