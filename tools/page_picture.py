"""Make the picture of the page that README shows, by the browser tests' own code.

Usage: python tools/page_picture.py RUN IMAGE QUESTION [QUESTION ...] [--out docs/page.png]

The last question is the one on show. It needs Chromium and what `pip install -e '.[dev]'` brings.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from page.browser import chromium, open_browser, serving, visit  # noqa: E402

MOST_BYTES = 300_000


def main() -> None:
    """Serve the run, ask the questions, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "page.png")
    options = parser.parse_args()
    executable = chromium()
    if executable is None:
        sys.exit("no Chromium on this machine (Debian's package is chromium)")
    with tempfile.TemporaryDirectory() as folder, open_browser(executable) as browser:
        log = Path(folder) / "log.txt"
        screen = {"viewport": {"width": 1280, "height": 960}, "device_scale_factor": 1.15}
        with serving([options.run], log) as url, visit(browser, url, **screen) as seen:
            seen.choose_image(options.image)
            for question in options.questions:
                seen.ask(question)
            seen.page.fill("#question", "")
            seen.page.locator(".answer").click()
            seen.page.wait_for_timeout(400)  # until the bars have grown
            taken = seen.page.screenshot()
    options.out.write_bytes(smaller(taken))
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


def smaller(taken: bytes) -> bytes:
    """Return the same picture in fewer bytes, few enough for a page of text."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(taken)) as picture:
        picture.convert("RGB").save(written, "PNG", optimize=True)
    if written.tell() > MOST_BYTES:
        sys.exit(f"the picture has {written.tell():,} bytes, more than {MOST_BYTES:,}")
    return written.getvalue()


if __name__ == "__main__":
    main()
