"""Names of evaluations' folders, and finding them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.scoring.evaluation_folders import (
    evaluation_folder,
    source_name,
)
from scoring.cases import with_data


def test_a_data_set_and_split_have_one_folder(tmp_path: Path) -> None:
    own, other = f"table:{tmp_path / 'own.csv'}", f"table:{tmp_path / 'b' / 'own.csv'}"
    run = with_data(tmp_path / "run", own)
    sources = (
        None,
        own,
        other,
        "easy-vqa",
        f"daquar:{tmp_path},answers=single",
        f"daquar:{tmp_path}",
    )
    folders = [evaluation_folder(run, "test", source) for source in sources]
    assert folders[0] == folders[1] == run / "evaluations" / "test"
    assert len(set(folders)) == len(sources) - 1
    assert folders[2].name.startswith("own-")
    assert folders[3].name == "easy-vqa-test"
    assert evaluation_folder(run, "test", other) == folders[2]
    assert evaluation_folder(run, "valid", other) != folders[2]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("table:/photos/birds.csv", "birds.csv"),
        ("table:~/birds.csv,image=Bild", "birds.csv"),
        ("easy-vqa", "easy-vqa"),
        ("daquar:/data", "daquar (all answers)"),
        ("daquar:/data,answers=single", "daquar (single answers)"),
        ("daquar-37:/data,answers=single", "daquar-37 (single answers)"),
        ("daquar:/data,split=random", "daquar (all answers, random split)"),
        ("daquar:/data,answers=single,split=random", "daquar (single answers, random split)"),
        ("vqa:/data", "vqa"),
        ("scenes", "scenes"),
        ("scenes:seed=0", "scenes"),
        ("scenes:seed=7,images=50", "scenes (images=50, seed=7)"),
        ("scenes:seed=x", "scenes"),
        ("somebody:else", "somebody"),
        ("", ""),
    ],
)
def test_a_set_is_named_with_what_tells_it_from_its_like(source: str, name: str) -> None:
    assert source_name(source) == name
