"""The page to ask on, which a service sends and an export takes along."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files


def document() -> str:
    """Read the page: one HTML document that asks the service at its own address."""
    return (files("askattend.page") / "page.html").read_text(encoding="utf-8")


def hashes(tag: str, text: str) -> str:
    """Name the inline elements of a document for a content security policy.

    Args:
        tag: ``"script"`` or ``"style"``.
        text: the document.
    """
    bodies = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL | re.IGNORECASE)
    # A browser hashes what it has parsed, in which every line ends alike.
    digests = [hashlib.sha256(body.replace("\r\n", "\n").encode()).digest() for body in bodies]
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests) or "'none'"
