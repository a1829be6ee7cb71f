"""The page, and the headers that let its own script and style run and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Page:
    """The page as it is sent.

    Attributes:
        content: the document.
        policy: its content security policy.
    """

    content: bytes
    policy: str


def load_page() -> Page:
    """Read the page, and allow the scripts and styles in it by their hashes."""
    text = (files("askattend.serving") / "page.html").read_text(encoding="utf-8")
    return Page(text.encode(), content_policy(text))


def content_policy(text: str) -> str:
    """Make the policy of a document: its own inline scripts and styles, its own origin."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes('script', text)}",
            f"style-src {_hashes('style', text)}",
            # What was uploaded or drawn, and what is saved: the page makes these itself.
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ]
    )


def _hashes(tag: str, text: str) -> str:
    bodies = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL | re.IGNORECASE)
    # A browser hashes what it has parsed, in which every line ends alike.
    hashes = [hashlib.sha256(body.replace("\r\n", "\n").encode()).digest() for body in bodies]
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes) or "'none'"
