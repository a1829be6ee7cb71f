"""The service's page as static files: the same document, answered in the browser."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from askattend.exporting.onnxruntime_web import runtime_files
from askattend.page import document, hashes

PAGE, RUNTIME = "index.html", "onnxruntime-web"
# In this order, before the page's own script.
SCRIPTS = ("question.js", "picture.js", "service.js", "texts.js")
_OWN, _HEAD = "<script>\n'use strict';\n// The document before", '<meta charset="utf-8">'


def browser_files(place: str | Path | None) -> dict[str, bytes]:
    """Return the files of a page that answers in the browser, but for the graphs, by path.

    Args:
        place: of npm's package onnxruntime-web; see `runtime_files`.

    Raises:
        ConfigError: that is not to be had.
    """
    runtime = runtime_files(place)
    return {
        PAGE: static_document().encode(),
        **{f"{RUNTIME}/{name}": content for name, content in runtime.items()},
    }


def static_document() -> str:
    """Put the service into the document, and a policy that allows nothing else."""
    inside = files("askattend.exporting") / "web"
    scripts = (f"<script>\n{(inside / name).read_text('utf-8')}</script>\n" for name in SCRIPTS)
    page = document()
    # A second one of either would go by the wrong place.
    assert page.count(_OWN) == page.count(_HEAD) == 1
    page = page.replace(_OWN, "".join(scripts) + _OWN)
    return page.replace(
        _HEAD, f'{_HEAD}\n<meta http-equiv="Content-Security-Policy" content="{_policy(page)}">'
    )


def _policy(page: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            # onnxruntime-web loads the rest of itself, and compiles WebAssembly.
            f"script-src 'self' 'wasm-unsafe-eval' {hashes('script', page)}",
            "worker-src 'self'",
            f"style-src {hashes('style', page)}",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
