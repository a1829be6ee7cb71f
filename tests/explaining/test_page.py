"""The page of an explanation: one file, with every part of it, safe and readable by anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from askattend.attribution.maps import METHODS
from askattend.errors import ConfigError
from askattend.explaining.explanation import (
    Agreement,
    AnswerEvidence,
    Explanation,
    LostLayer,
    RemovalCurves,
    Rewording,
)
from askattend.explaining.text import explanation_lines
from askattend.runs.answer import Answer
from askattend.runs.word_effects import WordEffect
from report.pages import Page

EVEN = np.full((2, 3), 1 / 6)
AGAINST = -EVEN
ODD = np.array([[0.0, 0.5, -0.5], [0.5, 0.0, 0.0]])
VALUES = dict(zip(METHODS, (0.5, -0.25, None, 0.004), strict=True))


def evidence(text: str, probability: float, odd: np.ndarray) -> AnswerEvidence:
    maps = dict(zip(METHODS, (EVEN, odd, AGAINST, ODD), strict=True))
    words = (WordEffect("<is>", 0, 4, 0.25), WordEffect("it", 5, 7, -0.031))
    return AnswerEvidence(text, probability, maps, words)


def made() -> Explanation:
    attention = torch.from_numpy(np.stack([EVEN, np.eye(2, 3) / 2]))
    top = (("<b>red", 0.75), ("no", 0.25))
    answer = Answer(
        "<is> it?", *top[0], top, attention,
        image=Image.new("RGB", (60, 40), "teal"), seen=(0, 0, 1, 1), maps_name="glimpse",
    )  # fmt: skip
    return Explanation(
        answer,
        evidence("<b>red", 0.75, ODD),
        evidence("no", 0.25, EVEN),
        (
            Agreement("attention", "grad_cam", -0.001, 0.5),
            Agreement("grad_cam", "occlusion", None, 1),
        ),
        1 / 6,
        VALUES,
        (0, 1, 6),
        tuple(
            RemovalCurves(order, drop, (0.75, 0.5, 0.1), 0.4, (0.1, 0.7, 0.75), 0.6)
            for order, drop in zip((*METHODS, "random"), (0.25, 0.0, -0.1, 1e-5, 0.02), strict=True)
        ),
        (Rewording("it <is>?", "no", 0.5, VALUES, VALUES),),
        (LostLayer("classifier.4", VALUES),),
        ("the model never saw: <is>",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    file = tmp_path_factory.mktemp("page") / "page.html"
    made().save(file)
    text = file.read_text()
    assert 'src="http' not in text
    assert "<script" not in text
    return Page(file)


def test_each_picture_can_be_enlarged(page: Page) -> None:
    boxes, pictures = page.all("input"), page.all("img")
    assert {box["type"] for box in boxes} == {"checkbox"}
    assert [box["aria-label"] for box in boxes] == [f"Enlarge: {p['alt']}" for p in pictures] != []


def test_every_part_is_shown(page: Page) -> None:
    for text in (
        "<is> it?", "<b>red", "75.0%", "the model never saw: <is>", "“<b>red”, 75.0%",
        "Next best: “no”, 25.0%", "Attention and Grad-CAM 0.00 50%",
        "Grad-CAM and Occlusion – 100%",
        "two random maps have 0.00 and 17%", "Grad-CAM -0.25, Gradient × input –, Occlusion 0.00",
        "Attention falls by 25.0 points 0.400 0.600", "Grad-CAM stays the same",
        "Gradient × input rises by 10.0 points", "Random order falls by 2.0 points",
        "<is> -25.0 -25.0", "it +3.1 +3.1",
        "it <is>? no 50.0% 0.50 -0.25 – 0.00", "classifier.4 0.50 -0.25 – 0.00",
        "Regions taken away", "Regions put back", "What this is evidence of",
    ):  # fmt: skip
        assert text in page.text, text


def test_each_map_is_drawn_and_said(page: Page) -> None:
    pictures = [image["alt"] or "" for image in page.all("img")]
    names = [alt.partition(":")[0] for alt in pictures]
    assert names == [
        *("The picture", "Glimpse 1", "Glimpse 2", "Attention, mean"),
        *("Grad-CAM", "Gradient × input", "Occlusion"),
        *("Grad-CAM", "Gradient × input", "Occlusion"),
    ]
    assert "even over the whole image" in pictures[1]
    assert "no region speaks for the answer" in pictures[5]
    assert "peak at row 1, column 2" in pictures[6]


def test_without_picture_second_answer_or_rewording(tmp_path: Path) -> None:
    answer = replace(made().answer, image=None, seen=None, attention=torch.ones(1, 2, 3) / 6)
    bare = replace(made(), answer=answer, second=None, second_agreement={}, rewordings=(), notes=())
    bare.save(tmp_path / "bare.html")
    page = Page(tmp_path / "bare.html")
    assert [(image["alt"] or "").partition(":")[0] for image in page.all("img")] == [
        "Attention", "Grad-CAM", "Gradient × input", "Occlusion"
    ]  # fmt: skip
    for text in ("Next best", "in other words", "never saw"):
        assert text not in page.text
    lines = "\n".join(explanation_lines(bare))
    assert "next best" not in lines
    assert "move" not in lines


def test_the_terminal_says_the_same() -> None:
    lines = list(explanation_lines(made()))
    assert lines[:2] == ["<is> it?", "  <b>red  75.0%"]
    for line in (
        "maps of '<b>red' (75.0%)",
        "  Attention         even over the whole image: no region has more than 1.0 times uniform",
        "  Gradient × input  no region speaks for the answer",
        "  <is>  falls by 25.0 points",
        "  Attention, Grad-CAM   0.00   50%",
        "  Grad-CAM, Occlusion      –  100%",
        "  Gradient × input  rises by 10.0 points",
        "  it <is>?  → no 50.0%",
        "    Attention 0.50, Grad-CAM -0.25, Gradient × input –, Occlusion 0.00",
        "  classifier.4       0.50     -0.25                 –       0.00",
    ):
        assert any(line in said for said in lines), line
    assert not any(re.search(r"\s$", line) for line in lines)


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        made().save(tmp_path / "file" / "page.html")


def test_a_lone_surrogate_is_replaced(tmp_path: Path) -> None:
    odd = replace(made(), answer=replace(made().answer, question="\ud800?"))
    odd.save(tmp_path / "page.html")
    assert "??" in Page(tmp_path / "page.html").text
