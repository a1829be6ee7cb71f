"""Make the picture of an evaluation's report that README shows.

Usage: python tools/report_picture.py REPORT.html [--out docs/report.png]

It needs Chromium and what `pip install -e '.[dev]'` brings.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from page.browser import chromium, open_browser  # noqa: E402

MOST_BYTES = 300_000


def main() -> None:
    """Open the report, and write what stands on its first screen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "report.png")
    options = parser.parse_args()
    executable = chromium()
    if executable is None:
        sys.exit("no Chromium on this machine (Debian's package is chromium)")
    with open_browser(executable) as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 1250})
        page.goto(options.report.resolve().as_uri())
        taken = page.screenshot()
    with Image.open(io.BytesIO(taken)) as picture:
        few_colours = picture.convert("RGB").quantize(128)
    few_colours.save(options.out, "PNG", optimize=True)
    if options.out.stat().st_size > MOST_BYTES:
        sys.exit(f"the picture has {options.out.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
