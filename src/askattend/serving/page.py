"""The page, and the headers that let its own script and style run and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from askattend.page import document, hashes


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
    text = document()
    return Page(text.encode(), content_policy(text))


def content_policy(text: str) -> str:
    """Make the policy of a document: its own inline scripts and styles, its own origin."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes('script', text)}",
            f"style-src {hashes('style', text)}",
            # What was uploaded or drawn, and what is saved: the page makes these itself.
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        ]
    )
