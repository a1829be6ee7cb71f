"""The program ``askattend``, and ``python -m askattend``: the command line."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line, in a process of its own."""
    # While modules are imported there is nothing to keep: Ctrl-C ends this program as it ends any
    # other, and not by a traceback from within somebody's import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from askattend.cli import main as run

    run()


if __name__ == "__main__":
    main()
