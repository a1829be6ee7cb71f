"""A white sheet that pictures and texts of any script are placed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from PIL import Image

from askattend.drawing.fonts import cover, printable

DPI = 100
LONGEST = 400  # characters of a text that are drawn


class Sheet:
    """A white sheet of a given width, as high as what is placed on it; pixels from the top."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.panels: list[tuple[Image.Image, int, int]] = []
        self.lines: list[tuple[str, int, int, str, FontProperties]] = []
        canvas: Any = FigureCanvasAgg(Figure(dpi=DPI))
        self._renderer = canvas.get_renderer()

    def write(self, text: str, left: int, top: int, width: int, size: int, colour: str) -> int:
        """Place a text, wrapped to a width, and return where it ends."""
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        families, missing = cover(text)
        font = FontProperties(family=families, size=size * 72 / DPI)
        for line in _wrap(printable(text, missing), width, lambda part: self._length(part, font)):
            self.lines.append((line, left, top, colour, font))
            top += round(1.4 * size)
        return top

    def write_centred(self, text: str, middle: int, top: int, size: int, colour: str) -> int:
        """Place a text in one line around its middle, and return where it ends."""
        font = FontProperties(family=cover(text)[0], size=size * 72 / DPI)
        left = round(middle - self._length(text, font) / 2)
        self.lines.append((text, left, top, colour, font))
        return top + round(1.4 * size)

    def draw(self, height: int) -> Image.Image:
        """Turn the sheet into pixels."""
        figure = Figure(figsize=(self.width / DPI, height / DPI), dpi=DPI, facecolor="white")
        canvas: Any = FigureCanvasAgg(figure)
        for line, left, top, colour, font in self.lines:
            # The baseline is what lines of different scripts have in common.
            baseline = 1 - (top + font.get_size_in_points() * DPI / 72) / height
            text = figure.text(left / self.width, baseline, line, color=colour, font=font)
            text.set_parse_math(False)
        canvas.draw()
        sheet = Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])
        for panel, left, top in self.panels:
            sheet.paste(panel, (left, top))
        return sheet

    def _length(self, text: str, font: FontProperties) -> float:
        length: float = self._renderer.get_text_width_height_descent(text, font, False)[0]
        return length


def _wrap(text: str, width: int, length: Callable[[str], float]) -> list[str]:
    """Break a text into lines, between words, or within one that is longer than `width` itself."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if length(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        if length(word) <= width:
            lines[-1] = word
            continue
        for character in word:  # also how scripts without spaces are broken
            if lines[-1] and length(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines
