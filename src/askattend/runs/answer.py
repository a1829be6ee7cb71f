"""An answer, with all that is known of it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import msgspec
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from askattend.errors import ImageError
from askattend.features.geometry import WHOLE, Crop
from askattend.features.images import Source, open_image
from askattend.runs.image_likeness import UNLIKE


@dataclass(frozen=True)
class Answer:
    """An answer: its text, how sure the model is, and where it looked.

    Attributes:
        question: as it was asked.
        text: the most probable answer.
        probability: its probability, 0 to 1.
        top: the most probable answers with their probabilities, falling; `text` comes first.
        attention: one map a glimpse or hop, edited ones as they were pooled with; each sums to 1
            over rows and columns, row 0 on top.
        sure: True where the probability reaches the threshold that was chosen for the run; False
            where it does not, where too few of the question's words are known, and where the
            picture is unlike those of training; else None: no threshold was chosen, so nobody
            judged.
        unknown_words: the question's words that the answer cannot rest on, since they were in no
            training question and have no vector; each once, in the question's order.
        image: the picture, upright, RGB; None where it was answered from stored features.
        seen: the part of the image that the maps lie over: left, top, right and bottom, as shares
            of its width and height; None where that is not known.
        maps_name: what its paper calls one map: ``"glimpse"``, ``"hop"``.
        unlike_training: True where the picture is unlike those that the model learnt from, see
            `askattend.metrics.image_likeness`; None where the run knows nothing of these.
    """

    question: str
    text: str
    probability: float
    top: tuple[tuple[str, float], ...]
    attention: Float[Tensor, "maps rows columns"] = field(repr=False, hash=False)
    sure: bool | None = None
    unknown_words: tuple[str, ...] = ()
    image: Image.Image | None = field(default=None, repr=False, compare=False)
    seen: Crop | None = field(default=None, repr=False)
    maps_name: str = field(default="map", repr=False)
    unlike_training: bool | None = None

    def __eq__(self, other: object) -> bool:
        """Compare all but the pictures; a tensor's own comparison is no truth value."""
        return self.to_dict() == other.to_dict() if isinstance(other, Answer) else NotImplemented

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the picture for who asks."""
        return (UNLIKE,) if self.unlike_training else ()

    @property
    def said(self) -> str:
        """The answer as it is told to people: ``"not sure; perhaps red"`` where it is not sure."""
        return f"not sure; perhaps {self.text}" if self.sure is False else self.text

    def to_dict(self) -> dict[str, Any]:
        """Return all but the picture as plain dicts, lists, texts and numbers, ready for JSON.

        It is what ``askattend ask --json`` prints, without the image's name.
        """
        glimpses, rows, columns = self.attention.shape
        return {
            "question": self.question,
            "answer": self.text,
            "probability": self.probability,
            "sure": self.sure,
            "unknown_words": list(self.unknown_words),
            "unlike_training": self.unlike_training,
            "top": [{"answer": text, "probability": p} for text, p in self.top],
            "attention": {
                "glimpses": glimpses,
                "rows": rows,
                "columns": columns,
                "values": self.attention.tolist(),
            },
            "seen": None if self.seen is None else list(self.seen),
        }

    def to_json(self) -> str:
        """Return `to_dict` as a line of JSON."""
        return msgspec.json.encode(self.to_dict()).decode()

    def overlay(self, image: Source | None = None) -> Image.Image:
        """Draw the image with a heat map for each glimpse or hop, question and answer above.

        Args:
            image: the picture, where the answer does not hold it: see `image`.

        Raises:
            ImageError: there is no picture to draw on, or it cannot be read.
        """
        # Here, since matplotlib is slow to import and answers are mostly asked for without.
        from askattend.drawing.overlay import overlay

        picture = self.image if image is None else open_image(image)
        if picture is None:
            raise ImageError(
                "the answer came from stored features, which hold no picture",
                remedy="Name it: answer.overlay(image).",
            )
        return overlay(picture, [self], maps_name=self.maps_name, seen=self.seen or WHOLE)

    def _repr_png_(self) -> bytes | None:
        """Show the overlay in a notebook; without a picture, the text."""
        if self.image is None:
            return None
        encoded = io.BytesIO()
        self.overlay().save(encoded, "PNG")
        return encoded.getvalue()
