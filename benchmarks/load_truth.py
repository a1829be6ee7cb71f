"""The truth that a service is held to: the predictor's own answers about some images."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from askattend.runs.predictor import Predictor

IMAGES, MOST_QUESTIONS = 24, 8
QUESTIONS = ("is there a circle?", "what color is the shape?", "is it red?", "what shape is it?")
SIZE = (640, 480)
# Questions that are answered together are summed in another order.
CLOSE = 2e-3


@dataclass(frozen=True)
class Truth:
    """Images and what the predictor answers about them.

    Attributes:
        images: each one's file.
        questions: asked of each.
        answers: the probabilities of each image's and question's most probable answers.
    """

    images: Sequence[bytes]
    questions: Sequence[str]
    answers: Sequence[Sequence[Mapping[str, float]]]

    def is_right(self, image: int, question: int, sent: Mapping[str, Any]) -> bool:
        """Return True where an answer that was sent is the predictor's."""
        expected = self.answers[image][question]
        probability = expected.get(sent["answer"])
        if probability is None or sent["question"] != self.questions[question]:
            return False
        # Of two answers that are as probable either may come first.
        near_best = probability > max(expected.values()) - CLOSE
        return near_best and abs(sent["probability"] - probability) < CLOSE


def truth_of(run: Path) -> Truth:
    """Ask the predictor itself."""
    predictor = Predictor.load(run)
    questions = (predictor.run.suggestions or QUESTIONS)[:MOST_QUESTIONS]
    images = [drawing(random.Random(number)) for number in range(IMAGES)]
    scenes = [predictor.look(image) for image in images]
    answers = [[dict(answer.top) for answer in scene.ask_all(questions)] for scene in scenes]
    return Truth(images, questions, answers)


def drawing(chance: random.Random) -> bytes:
    """Draw a few coloured shapes; the file is as large as a small photo's."""
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = chance.randrange(400), chance.randrange(300)
        box = (left, top, left + 60 + chance.randrange(160), top + 60 + chance.randrange(100))
        colour = tuple(chance.randrange(256) for _ in range(3))
        (draw.ellipse if chance.random() < 0.5 else draw.rectangle)(box, fill=colour)
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=90)
    return encoded.getvalue()
