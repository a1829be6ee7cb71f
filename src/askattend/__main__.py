"""The program ``askattend``, and ``python -m askattend``: the command line."""

from __future__ import annotations

import gc
import signal


def main() -> None:
    """Run the command line, in a process of its own."""
    # While modules are imported there is nothing to keep: Ctrl-C ends this program as it ends any
    # other, and not by a traceback from within somebody's import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What imports make stays to the end. Looked through for garbage again and again meanwhile, and
    # once more at the end, it takes as long as half of the imports do.
    gc.disable()
    try:
        from askattend.environment.waiting import wait_briefly

        wait_briefly()
        from askattend.cli import main as run

        run(loaded=_collect_again)
    finally:
        gc.enable()


def _collect_again() -> None:
    """Look for garbage from now on, but not among what was imported."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
