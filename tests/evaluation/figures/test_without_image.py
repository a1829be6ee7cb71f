"""Taking the image away from a network whose answer is known to hang on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.questions import Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.evaluation.answers import answer_questions
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.without_image import (
    Drop,
    WithoutImage,
    image_verdict,
    measure,
    page_section,
    shuffled_images,
    terminal_lines,
)
from askattend.evaluation.section import Prose, Table
from askattend.metrics.significance import bootstrap_interval
from askattend.models import ImageOnly, ImageOnlyConfig, Network
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from evaluation.evaluations import CONTEXT
from fake_features import FakeFeatures
from small_networks import SPEC, build_small, small_config
from small_questions import make_qaset, make_question

ANSWERS = AnswerVocab(("even", "odd"))
WORDS = WordVocab.build(["what"])


def parity(image: str) -> str:
    return ANSWERS.answers[int(image) % 2]


def features_of(image: str) -> Tensor:
    return torch.tensor([0.0, 1.0] if int(image) % 2 else [1.0, 0.0]).repeat(4, 1)


def sees_parity() -> ImageOnly:
    """Tells even images from odd ones; says even where it sees nothing."""
    model = ImageOnly(ImageOnlyConfig(hidden_dim=2), words=3, answers=2, region_dim=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
            if parameter.shape == (2, 2):
                parameter.copy_(torch.eye(2))
    return model.eval()


def evaluated(questions: list[Question], model: Network | None = None) -> Evaluated:
    run = Run(Path("nowhere"), {"network": "image-only"}, WORDS, ANSWERS, None, SPEC)
    predictor = Predictor(run, model or sees_parity())
    some = Batches(make_qaset(*questions), FakeFeatures(features_of), WORDS, ANSWERS, batch_size=4)
    answers = answer_questions(predictor, some, console=Console(quiet=True))
    return Evaluated(predictor, some, some, answers, None)


def asked(count: int, *, images: int) -> list[Question]:
    return [
        make_question("what", (parity(str(n % images)), 1), id=n, image=str(n % images))
        for n in range(count)
    ]


def test_what_needs_the_image_is_lost_without_it() -> None:
    questions = [*asked(40, images=20), make_question("what", id="unanswered", image="3")]
    found = measure(evaluated(questions))
    assert found is not None
    assert (found.questions, found.accuracy) == (40, 1.0)
    even = [float(parity(q.image) == "even") for q in questions[:40]]
    assert found.blank.accuracy == pytest.approx(sum(even) / 40)
    other = shuffled_images([str(n) for n in range(20)])
    same = [float(parity(q.image) == parity(other[q.image])) for q in questions[:40]]
    assert found.shuffled is not None
    assert found.shuffled.accuracy == pytest.approx(sum(same) / 40)
    for drop, left in ((found.blank, even), (found.shuffled, same)):
        assert drop.drop == pytest.approx(1 - drop.accuracy)
        fallen = [1 - score for score in left]
        assert drop.interval == bootstrap_interval(fallen, [q.image for q in questions[:40]])


def test_a_sample_of_a_large_split_is_asked() -> None:
    found = measure(evaluated(asked(40, images=20)), most=10)
    assert found is not None
    assert (found.questions, found.accuracy) == (10, 1.0)


def test_one_image_cannot_be_shuffled() -> None:
    found = measure(evaluated(asked(3, images=1)))
    assert found is not None
    assert found.shuffled is None
    assert [line.label for line in terminal_lines(found)] == ["with blank images"]
    page_section(found, CONTEXT)


def test_a_network_without_images_has_none_to_lose() -> None:
    model = build_small(small_config("question-only"), words=3, answers=2, region_dim=2)
    assert measure(evaluated(asked(4, images=2), model)) is None
    assert measure(evaluated([make_question("what", image="1")])) is None


@given(st.sets(st.text(max_size=3), max_size=12), st.integers(0, 5))
def test_no_image_keeps_its_place(images: set[str], seed: int) -> None:
    other = shuffled_images(sorted(images), seed=seed)
    if len(images) < 2:
        assert other == {}
        return
    assert set(other) == set(other.values()) == images
    assert all(image != another for image, another in other.items())


def test_the_sentence_says_what_is_known() -> None:
    blank, lost = Drop(0.3, 0.1, (0.05, 0.15)), Drop(0.32, 0.08, (0.03, 0.13))
    section = page_section(WithoutImage(100, 0.4, blank, lost), CONTEXT)
    prose, table = section.blocks
    assert isinstance(prose, Prose)
    assert "it loses **8.0 points** (95 %: 3.0 to 13.0) of its 40.0% on 100" in prose.text
    assert "**20%** of its accuracy needs" in prose.text
    assert isinstance(table, Table)
    assert table.rows[1] == ("a blank image", "30.0%", "10.0", "5.0 to 15.0")
    gained = Drop(0.42, -0.02, (-0.05, 0.01))
    table = page_section(WithoutImage(100, 0.4, gained, lost), CONTEXT).blocks[1]
    assert isinstance(table, Table)
    assert table.rows[1] == ("a blank image", "42.0%", "2.0 more", "-1.0 to 5.0")
    unsure = Drop(0.39, 0.01, (-0.02, 0.04))
    prose = page_section(WithoutImage(100, 0.4, blank, unsure), CONTEXT).blocks[0]
    assert isinstance(prose, Prose)
    assert "None of its accuracy is known to need the image" in prose.text
    first, second = terminal_lines(WithoutImage(100, 0.4, blank, lost))
    assert (first.value, second.value) == (0.3, 0.32)
    assert second.note == "  8.0 points less, 3.0 to 13.0 (95 %)"


def test_what_needs_no_image_is_said_plainly() -> None:
    """By blank pictures, or others': a network may be lost with one and not with the other."""
    needed, level = Drop(0.3, 0.1, (0.05, 0.15)), Drop(0.4, 0.0, (-0.02, 0.02))
    assert image_verdict(WithoutImage(100, 0.4, needed, needed)) is None
    assert image_verdict(WithoutImage(100, 0.4, needed, None)) is None
    for value, way in (
        (WithoutImage(100, 0.4, level, needed), "blank pictures"),
        (WithoutImage(100, 0.4, needed, level), "other pictures"),
    ):
        assert image_verdict(value) == (
            f"It answers as well without the pictures (40.0% right with {way}, 40.0% with their "
            "own; 0.0 points less, -2.0 to 2.0 (95 %); 100 questions): what is right is guessed."
        )
    few = image_verdict(WithoutImage(10, 0.4, Drop(0.2, 0.2, (-0.1, 0.5)), None))
    assert few is not None, "ten questions are too few to say so"
    assert few.startswith("Nothing shows that it uses the pictures (20.0% right with blank")
