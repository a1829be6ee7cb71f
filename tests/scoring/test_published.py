"""What papers state of DAQUAR, held to the documentation's table, or why nothing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.scoring.published import OF_REDUCED, OF_SINGLE, SINGLE, published_figures

DOCS = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


@pytest.mark.parametrize(
    ("source", "split", "questions", "systems", "why"),
    [
        ("daquar:/d,answers=single", "test", SINGLE, OF_SINGLE, ""),
        ("daquar:/d", "test", 5673, (), "none is known here for all answers: the SAN paper"),
        ("daquar:/d,answers=all", "test", 5673, (), "all answers"),
        ("daquar:/d,split=random,answers=single", "test", SINGLE, (), "random split"),
        ("daquar:/d,answers=single", "test", 12, (), "all 5,076 test questions"),
        ("daquar-37:/d,answers=single", "test", 270, OF_REDUCED, ""),
        ("daquar-37:/d", "test", 297, (), "all answers"),
    ],
)
def test_figures_are_of_the_protocol(
    source: str, split: str, questions: int, systems: object, why: str
) -> None:
    found = published_figures(source, split, questions)
    assert found is not None
    assert found.systems == systems
    assert why in found.why_none
    assert bool(found.systems) != bool(found.why_none)


@pytest.mark.parametrize(
    ("source", "split"), [("easy-vqa", "test"), ("table:q.csv", "test"), ("daquar:/d", "train")]
)
def test_of_other_sources_and_splits_nothing_is_told(source: str, split: str) -> None:
    assert published_figures(source, split, SINGLE) is None


def test_the_documentation_states_the_same() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for protocol, systems in (("single", OF_SINGLE), ("single, reduced", OF_REDUCED)):
        for each in systems:
            shares = (each.accuracy, *each.wups)
            cells = " | ".join(f"{100 * share:.1f}" for share in shares)
            assert f"| {protocol} | {each.name} | {cells} |" in text
