"""Fetch npm's onnxruntime-web into the user's cache, once: the tests of an exported page take it.

Usage: python tools/fetch_onnxruntime_web.py

Where there is no network it says so, and those tests are skipped.
"""

from __future__ import annotations

import sys

from askattend.errors import AskAttendError
from askattend.exporting.onnxruntime_web import cached, runtime_files


def main() -> None:
    """Fetch it, unless it is there."""
    try:
        if not cached().is_dir():
            runtime_files(None)
            print(f"fetched {cached()}")
    except AskAttendError as error:
        print(f"{error} The tests of an exported page are skipped.", file=sys.stderr)


if __name__ == "__main__":
    main()
