"""``python -m askattend``: the command line."""

from __future__ import annotations

from askattend.cli import main

if __name__ == "__main__":
    main()
