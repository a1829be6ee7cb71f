"""Learning curves on the page."""

from __future__ import annotations

from pathlib import Path

from askattend.report.charts import BOTTOM, LEFT, RIGHT, TOP
from report.pages import page, training

KEY = "M1 3H21"  # a curve's sign in the legend


def test_curves_mark_the_best_epoch(tmp_path: Path) -> None:
    shown = page(tmp_path, history=training(0.2, 0.5, 0.4))
    assert "Best: epoch 2 of 3, with a validation accuracy (exact match) of 50.0%" in shown.text
    curves = [path for path in shown.all("path", "curve") if path["d"] != KEY]
    assert [path["class"] for path in curves] == [
        *("curve reference", "curve measured", "curve measured"),
    ]
    rings, marks = shown.all("circle", "ring"), shown.all("path", "vertical")
    assert len(rings) == 2
    middle = (LEFT + RIGHT) / 2  # epoch 2 of 3
    assert [float(ring["cx"] or 0) for ring in rings] == [middle, middle]
    assert [mark["d"] for mark in marks] == 2 * [f"M {middle:g} {BOTTOM} L {middle:g} {TOP}"]
    assert "epoch 2, validation: 50%, best" in shown.texts


def test_curves_name_the_metric(tmp_path: Path) -> None:
    shown = page(tmp_path, history=training(0.2, 0.5))
    assert "Accuracy (exact match)" in shown.texts
    assert "a validation accuracy (exact match) of 50.0%" in shown.text
