"""Generated scenes by their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.readers.registry import absolute_source, read_source
from askattend.data.readers.scenes import read_scenes
from askattend.data.scenes.recipe import Recipe


def test_it_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path))
    qaset = read_scenes("images=2,seed=3,size=48")
    assert read_source("scenes:images=1,seed=3,size=48").questions[0] == qaset.questions[0]
    assert qaset.source == "scenes:images=2,seed=3,size=48,objects=4,clutter=0.5"
    assert absolute_source("scenes: clutter = 1 ,size=48") == absolute_source(
        "scenes:size=48,clutter=1.0"
    )
    assert absolute_source("scenes") == f"scenes:{Recipe()}"
