"""What the exported page computes, asked in a browser."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np
from playwright.sync_api import Page

from askattend.features.spec import FeatureSpec

WEB = files("askattend.exporting") / "web"
# Opens a file, makes its square, and gives both back as base64.
_OPEN = """async ([file, spec]) => {
  const bytes = Uint8Array.from(atob(file), char => char.charCodeAt(0));
  const picture = await askattendPictures.open(new Blob([bytes]));
  const text = data => { let out = ''; for (let at = 0; at < data.length; at += 8192)
    out += String.fromCharCode(...data.subarray(at, at + 8192)); return btoa(out); };
  return { width: picture.width, height: picture.height, pixels: text(picture.data),
    square: text(askattendPictures.planes(askattendPictures.square(picture, spec))),
    seen: askattendPictures.cropOf(picture, spec),
    shown: askattendPictures.shownRegions(picture, spec)?.join('') ?? null };
}"""


def add_scripts(page: Page) -> Page:
    """Give an empty page what the exported one has, but the service."""
    for name in ("question.js", "picture.js"):
        page.add_script_tag(content=(WEB / name).read_text(encoding="utf-8"))
    return page


def opened(page: Page, content: bytes, spec: FeatureSpec) -> dict[str, Any]:
    """Open a file in the browser: width, height, pixels, square, seen, shown."""
    found: dict[str, Any] = page.evaluate(_OPEN, [base64.b64encode(content).decode(), asdict(spec)])
    shape = (found["height"], found["width"], 3)
    found["pixels"] = _array(found["pixels"], shape)
    found["square"] = _array(found["square"], (3, spec.image_size, spec.image_size))
    return found


def _array(text: str, shape: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)
